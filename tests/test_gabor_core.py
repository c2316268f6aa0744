"""The core that starts from complex cells: its bank against the baselines' Gabors, and the core in a model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import fft
from test_layers import built, check_layer, random

import daenr_tf
from daenr_tf import pipeline
from daenr_tf.baselines import gabor
from daenr_tf.config import ModelConfig
from daenr_tf.layers import gabor_bank
from daenr_tf.layers.gabor_bank import GaborBank
from daenr_tf.layers.gabor_core import GaborCore
from daenr_tf.layers.penalties import group_sparsity
from daenr_tf.layers.sizes import gabor_wavelengths
from daenr_tf.models.keras_file import save_model
from daenr_tf.models.saved_model import export
from daenr_tf.runs import footprint

SETTINGS = {"core": "gabor", "image_size": (16, 24), "latent_size": 4}


def test_layer_keeps_its_contract():
    check_layer(GaborCore, {"depth": 3, "seed": 1}, (8, 12, 3), [(2, 3, 48)] * 3, 9, 10, "bfloat16")


@pytest.mark.parametrize("channels", [1, 3])
def test_the_bank_has_the_energies_of_the_baselines_gabors_and_the_cells_pixels(channels):
    height, width = 16, 24
    bank = built(GaborBank(), height, width, channels)
    images = np.random.default_rng(0).uniform(-1, 1, (2, height, width, channels))
    red, green, blue = images[..., 0], images[..., channels // 2], images[..., -1]
    seen = [(red + green + blue) / 3, red - green, blue - (red + green) / 2][:channels]
    rows, columns = np.arange(4) * 4 + 1.5, np.arange(6) * 4 + 1.5
    energies = [
        np.abs(
            gabor.responses(
                part[..., None],
                [gabor.Gabor(height / wavelength, np.pi * number / 8, rows, columns)],
            )
        )
        for wavelength in gabor_wavelengths(height, width)
        for number in (0, 1, 2, 3, 4, -1, -2, -3)
        for part in seen
    ]
    energies = np.stack(energies, axis=-1).reshape(2, 4, 6, -1)
    cells = images.reshape(2, 4, 4, 6, 4, channels)
    details = fft.dctn(cells, axes=(2, 4), norm="ortho").transpose(0, 1, 3, 2, 4, 5)
    details = details.reshape(2, 4, 6, 16 * channels)
    expected = np.concatenate([np.log(energies + 1.0), details], axis=-1)  # a floor of 1, not begun
    assert bank.compute_output_shape((2, height, width, channels)) == expected.shape
    np.testing.assert_allclose(bank(images.astype(np.float32)), expected, atol=1e-4)


def test_small_images_have_the_same_energies_each_time():
    """One wavelength goes into them. A product of matrices went beyond its operands there, where several threads shared it."""
    images = np.random.default_rng(0).uniform(-1, 1, (3, 8, 12, 3)).astype(np.float32)
    found = []
    for _ in range(100):
        bank = GaborBank()
        bank.build((None, 8, 12, 3))
        found.append(bank(tf.constant(images)).numpy())
    np.testing.assert_allclose(found, np.broadcast_to(found[0], np.shape(found)), atol=1e-5)


def test_no_images_have_no_energies():
    bank = built(GaborBank(), 16, 24, 3)
    assert tf.function(bank)(tf.zeros((0, 16, 24, 3))).shape == (0, 4, 6, 16 * 3 + 16 * 3)


def test_channels_are_standardised_over_the_training_images():
    images = np.random.default_rng(0).uniform(-1, 1, (150, 16, 16, 3)).astype(np.float32)
    images[..., 2] = images[..., 1] = images[..., 0]  # grey: what is opponent never changes
    bank = built(GaborBank(), 16, 16, 3)
    bank.initialize(lambda: [images[:100], images[100:]])
    found = np.asarray(bank(images), np.float64).reshape(-1, bank.mean.shape[0])
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-3)
    luminance = np.arange(found.shape[1] - 48) % 3 == 0
    luminance = np.append(luminance, [True] * 48)
    np.testing.assert_allclose(found.std(axis=0)[luminance], 1, atol=1e-3)
    assert np.isfinite(found).all() and np.abs(found[:, ~luminance]).max() < 10


def test_a_uniform_image_has_no_energy_and_every_image_a_gradient():
    bank = built(GaborBank(), 16, 16, 1)
    uniform = tf.ones((1, 16, 16, 1))
    np.testing.assert_allclose(bank._energies(uniform), 0, atol=1e-5)
    mean, *others = np.moveaxis(np.asarray(bank._details(uniform)), -1, 0)
    np.testing.assert_allclose(mean, 4, atol=1e-5)
    np.testing.assert_allclose(others, 0, atol=1e-5)
    with tf.GradientTape() as tape:
        tape.watch(uniform)
        value = tf.reduce_sum(bank(uniform))
    assert np.isfinite(tape.gradient(value, uniform)).all()


def test_a_grating_drives_the_gabors_of_its_own_orientation_and_wavelength_most():
    bank = built(GaborBank(), 32, 32, 1)
    row, column = np.indices((32, 32))
    for number in range(8):
        angle = np.pi * number / 8
        grating = np.cos(2 * np.pi / 8 * (row * np.sin(angle) + column * np.cos(angle)))
        energies = bank._energies(grating[None, ..., None].astype(np.float32))
        middle = np.asarray(energies)[0, 3:5, 3:5].mean(axis=(0, 1)).reshape(-1, 8)
        wave, filter_ = np.unravel_index(middle.argmax(), middle.shape)
        assert gabor_wavelengths(32, 32)[wave] == 8
        assert (0, 1, 2, 3, 4, -1, -2, -3)[filter_] % 8 == number


def test_every_layer_is_a_linear_map_of_the_one_before_behind_an_elu():
    core = built(GaborCore(depth=3, seed=4), 8, 12, 1)
    images = random(2, 8, 12, 1)
    expected = np.asarray(core.bank(images))
    hidden, terms = core(images)
    for i, found in enumerate(hidden):
        expected = np.where(expected > 0, expected, np.expm1(expected)) if i else expected
        kernel = np.asarray(core.convolutions[i].kernel)
        expected = tf.nn.conv2d(expected, kernel, 1, "SAME").numpy() / np.sqrt(1.001)
        np.testing.assert_allclose(found, expected, atol=1e-4)
    core.neurons.assign(5.0)
    sizes = sum(float(group_sparsity(one.kernel)) for one in core.convolutions)
    np.testing.assert_allclose(core(images)[1]["kernel_sparsity"].value, sizes / 5, rtol=1e-5)
    np.testing.assert_allclose(terms["kernel_sparsity"].value, sizes, rtol=1e-5)


def test_the_core_knows_the_training_images_alone(recording):
    config = ModelConfig("cae_fr", **SETTINGS)
    model = daenr_tf.build_model(config, recording)
    images = np.asarray(pipeline.prepare(recording, config, 0).train.images)
    found = np.asarray(model.encoder.bank(images), np.float64)
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), 0, atol=1e-3)
    assert float(model.encoder.neurons) == recording.neurons
    with pytest.raises(daenr_tf.errors.InputError, match="seed"):
        daenr_tf.train(model, recording, daenr_tf.TrainConfig(seed=1, max_steps=1), "never written")


@pytest.mark.parametrize(
    ("recipe", "color"),
    [
        ("cae_fr", "rgb"),
        pytest.param("vae_gr", "grey", marks=pytest.mark.slow),
        pytest.param("cnn_fr", "rgb", marks=pytest.mark.slow),
    ],
)
def test_a_model_on_it_is_kept_served_and_counted(recipe, color, make_recording, tmp_path):
    config = ModelConfig(recipe, color=color, **SETTINGS)
    recording = make_recording(channels=config.channels)
    model = daenr_tf.build_model(config, recording)
    shape = (3, 16, 24, config.channels)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    expected = model.predict(images, verbose=0)
    save_model(model, str(tmp_path / "model.keras"))
    again = daenr_tf.load_model(str(tmp_path / "model.keras")).predict(images, verbose=0)
    served = tf.saved_model.load(export(model, str(tmp_path / "export")))
    answers = served.signatures["serving_default"](images=tf.constant(images))
    for head, value in expected.items():
        np.testing.assert_array_equal(again[head], value)
        np.testing.assert_allclose(answers[head], value, atol=1e-5)
    responder = daenr_tf.load_responder(tmp_path / "export")
    np.testing.assert_allclose(responder.respond(images), expected["response"], atol=1e-5)
    assert footprint.parameters(config, recording.neurons) == model.count_params()


def test_a_model_of_another_bank_is_refused_in_one_line(recording, tmp_path, monkeypatch):
    """Before it had each cell's pixels the bank had their mean."""
    with monkeypatch.context() as former:
        former.setattr(gabor_bank, "DETAILS", 1)
        former.setattr(
            GaborBank, "_details", lambda self, images: tf.nn.avg_pool2d(images, 4, 4, "SAME")
        )
        model = daenr_tf.build_model(ModelConfig("cnn_fr", **SETTINGS), recording)
        save_model(model, str(tmp_path / "model.keras"))
    with pytest.raises(daenr_tf.errors.InputError, match=r"bank.*expected.*found") as refused:
        daenr_tf.load_model(str(tmp_path / "model.keras"))
    assert "\n" not in str(refused.value)


def test_the_bank_is_not_trained(recording, tmp_path):
    model = daenr_tf.build_model(ModelConfig("cnn_fr", **SETTINGS), recording)
    bank, first = model.encoder.bank, model.encoder.convolutions[0].kernel
    before = [weight.numpy().copy() for weight in (*bank.weights, first)]
    config = daenr_tf.TrainConfig(task="nrs", max_steps=2, validate_every=1, batch_size=8)
    daenr_tf.train(model, recording, config, str(tmp_path))
    after = [weight.numpy().copy() for weight in (*bank.weights, first)]
    assert not bank.trainable_variables
    for old, new in zip(before[:-1], after[:-1], strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.any(before[-1] != after[-1])


def test_a_bank_goes_to_its_configuration_and_back():
    bank = GaborBank(name="cells")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(bank))
    assert copy.get_config() == bank.get_config()
