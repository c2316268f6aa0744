"""The parts that are made to predict: the Klindt core, non-negative readouts, the Gaussian readout."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import signal
from scipy.ndimage import map_coordinates
from test_layers import built, check_layer, random, softplus

import daenr_tf
from daenr_tf import pipeline
from daenr_tf.config import ModelConfig
from daenr_tf.layers.gaussian_readout import GaussianReadout
from daenr_tf.layers.interpolation import read_at
from daenr_tf.layers.klindt_core import KlindtCore
from daenr_tf.layers.penalties import LAPLACIAN, group_sparsity, roughness
from daenr_tf.layers.readouts import FactorizedReadout
from daenr_tf.models.keras_file import save_model
from daenr_tf.models.saved_model import export


@pytest.mark.parametrize(
    ("kind", "settings", "input_shape", "outputs", "trainable", "fixed", "dtype"),
    [
        (
            KlindtCore,
            {"depth": 3, "first_kernel": 5, "seed": 1},
            (8, 12, 1),
            [(4, 6, 48)] * 3,
            9,
            9,
            "bfloat16",
        ),
        (
            FactorizedReadout,
            {"neurons": 7, "positive": True, "mask_start": "sta", "seed": 1},
            (2, 3, 4),
            [(7,)],
            3,
            0,
            "float32",
        ),
        (GaussianReadout, {"neurons": 7, "seed": 1}, (2, 3, 4), [(7,)], 4, 0, "float32"),
        (GaussianReadout, {"neurons": 7, "seed": 1}, (1, 3, 4), [(7,)], 4, 0, "float32"),
    ],
)
def test_layer_keeps_its_contract(kind, settings, input_shape, outputs, trainable, fixed, dtype):
    check_layer(kind, settings, input_shape, outputs, trainable, fixed, dtype)


def test_roughness_and_group_sparsity_are_those_of_scipy_and_numpy():
    kernel = random(5, 7, 2, 3)
    expected = 0.0
    for filters in np.moveaxis(kernel, -1, 0):
        bent = [signal.convolve2d(one, LAPLACIAN, "same") for one in np.moveaxis(filters, -1, 0)]
        expected += np.sum(np.square(bent)) / np.sum(filters**2)
    np.testing.assert_allclose(roughness(kernel), expected, rtol=1e-5)
    np.testing.assert_allclose(roughness(3 * kernel), expected, rtol=1e-5)
    norms = [np.linalg.norm(kernel[..., i, j]) for i in range(2) for j in range(3)]
    np.testing.assert_allclose(group_sparsity(kernel), sum(norms), rtol=1e-5)
    with tf.GradientTape() as tape:
        zeros = tf.Variable(tf.zeros((3, 3, 2, 2)))
        value = roughness(zeros) + group_sparsity(zeros)
    assert np.isfinite(tape.gradient(value, zeros)).all()


def test_every_layer_of_the_core_is_a_linear_map_of_the_one_before_behind_an_elu():
    core = built(KlindtCore(depth=4, first_kernel=5, seed=4), 8, 8, 1)
    core.pixel_mean.assign(random(8, 8, 1, seed=1))
    core.pixel_deviation.assign(1 + random(8, 8, 1, seed=2) ** 2)
    images = random(2, 8, 8, 1)
    expected = (images - np.asarray(core.pixel_mean)) / np.asarray(core.pixel_deviation)
    hidden, _ = core(images)
    for i, (found, strides) in enumerate(zip(hidden, (2, 1, 1, 2), strict=True)):
        expected = np.where(expected > 0, expected, np.expm1(expected)) if i else expected
        kernel = np.asarray(core.convolutions[i].kernel)
        expected = tf.nn.conv2d(expected, kernel, strides, "SAME").numpy() / np.sqrt(1.001)
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert [tuple(one.shape[1:]) for one in hidden] == core_shapes(core)


def core_shapes(core):
    return [tuple(shape[1:]) for shape in core.compute_output_shape((None, 8, 8, 1))]


SETTINGS = {"image_size": (8, 12), "latent_size": 4, "codebook_size": 6, "code_dim": 7}


def test_the_core_knows_the_pixels_of_the_training_images_alone(recording):
    config = ModelConfig("cae_fr", core="klindt", first_kernel=5, **SETTINGS)
    model = daenr_tf.build_model(config, recording)
    images = np.asarray(pipeline.prepare(recording, config, 0).train.images, np.float64)
    np.testing.assert_allclose(model.encoder.pixel_mean, images.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(model.encoder.pixel_deviation, images.std(axis=0), atol=1e-5)
    _, terms = model.encoder(images.astype(np.float32))
    rough = roughness(model.encoder.convolutions[0].kernel)
    np.testing.assert_allclose(
        terms["kernel_smoothness"].value, rough / recording.neurons, rtol=1e-6
    )
    with pytest.raises(daenr_tf.errors.InputError, match="seed"):
        daenr_tf.train(model, recording, daenr_tf.TrainConfig(seed=1, max_steps=1), "never written")


@pytest.mark.parametrize(
    "recipe",
    ["cae_gr", *(pytest.param(one, marks=pytest.mark.slow) for one in ("vae_fr", "cnn_gr"))],
)
def test_the_core_stands_under_every_head_and_its_statistics_are_exported(
    recipe, recording, tmp_path
):
    config = ModelConfig(recipe, layer=3, core="klindt", first_kernel=5, **SETTINGS)
    model = daenr_tf.build_model(config, recording)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 8, 12, 1)).astype(np.float32)
    expected = model.predict(images, verbose=0)
    wanted = {"response"} | (set() if recipe.startswith("cnn") else {"reconstruction"})
    assert set(expected) == wanted
    save_model(model, str(tmp_path / "model.keras"))
    again = daenr_tf.load_model(str(tmp_path / "model.keras")).predict(images, verbose=0)
    served = tf.saved_model.load(export(model, str(tmp_path / "export")))
    answers = served.signatures["serving_default"](images=tf.constant(images))
    for head, value in expected.items():
        np.testing.assert_array_equal(again[head], value)
        np.testing.assert_allclose(answers[head], value, atol=1e-5)


def test_a_positive_readout_uses_absolute_values_and_penalises_their_product():
    layer = built(FactorizedReadout(3, positive=True, readout_l1=0.5, seed=2), 4, 5, 6)
    hidden = random(2, 4, 5, 6)
    mask, features = np.abs(layer.mask), np.abs(layer.features)
    assert np.min(layer.mask) < 0 and np.min(layer.features) < 0
    found, terms = layer(hidden)
    drive = np.einsum("bhwc,hwn,cn->bn", hidden, mask, features)
    np.testing.assert_allclose(found, softplus(drive), rtol=1e-4)
    expected = np.mean(mask.sum(axis=(0, 1)) * features.sum(axis=0))
    np.testing.assert_allclose(terms["readout_l1"].value, expected, rtol=1e-5)
    np.testing.assert_array_equal(layer.masks(), np.moveaxis(mask, -1, 0))


def test_masks_and_places_start_where_the_receptive_fields_are():
    recording = daenr_tf.load_recording("simulated", region=3)
    planted = recording.truth["center"]
    found = {}
    for recipe in ("cnn_fr", "cnn_gr"):
        config = ModelConfig(recipe, layer=1, mask_start="sta")
        model = daenr_tf.build_model(config, recording)
        places = np.stack(np.indices((16, 16)), axis=-1).reshape(-1, 2)
        masks = model.readout.masks().reshape(recording.neurons, -1)
        peaks = (places[masks.argmax(axis=1)] + 0.5) / 16 * 31 - 0.5
        found[recipe] = np.median(np.linalg.norm(peaks - planted, axis=1))
    assert max(found.values()) < 3.0, found  # pixels of 31; at random it is some 10
    centers = model.readout.field_centers((31, 31))
    assert np.median(np.linalg.norm(centers - planted, axis=1)) < 3.0


@pytest.mark.parametrize("shape", [(2, 3, 4, 2), (2, 1, 4, 2), (1, 1, 1, 2), (0, 3, 4, 2)])
@pytest.mark.parametrize("shared", [False, True])
def test_a_grid_is_read_between_its_cells_as_scipy_does_with_the_slopes_of_differences(
    shape, shared
):
    random_ = np.random.default_rng(0)
    grid = tf.constant(random_.normal(size=shape), tf.float32)
    count = 1 if shared else shape[0]
    places = random_.uniform(0, 1, (count, 6, 2)) * np.maximum(np.subtract(shape[1:3], 1), 0)
    places, weights = (
        tf.constant(some, tf.float32) for some in (places, random_.normal(size=(6, 2)))
    )
    read = tf.function(read_at)
    found = read(grid, places, weights)
    expected = np.zeros((shape[0], 6))
    for b, n in np.ndindex(*expected.shape):
        place = places.numpy()[0 if shared else b, n][:, None]
        seen = [map_coordinates(one, place, order=1)[0] for one in np.moveaxis(grid[b], -1, 0)]
        expected[b, n] = np.dot(seen, weights[n])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    if shape[0]:
        ours, differences = tf.test.compute_gradient(
            lambda *inputs: read(*inputs) ** 2, [grid, places, weights], delta=1e-2
        )
        for one, other in zip(ours, differences, strict=True):
            np.testing.assert_allclose(one, other, atol=5e-3)


def test_the_gaussian_readout_reads_at_the_mean_and_draws_around_it_in_training():
    layer = built(GaussianReadout(4, position_spread=0.3, seed=3), 5, 9, 2)
    row, column = np.meshgrid(np.arange(5.0), np.arange(9.0), indexing="ij")
    hidden = np.tile(np.stack([row, column], axis=-1), (500, 1, 1, 1)).astype(np.float32)
    layer.position.assign([[-1, -1], [0, 0], [0.25, -0.5], [3, 3]])
    read = tf.function(layer.drive)
    layer.features.assign([[1, 0], [1, 0], [0, 1], [1, 1]])
    drive = np.asarray(read(tf.constant(hidden), None, False))
    np.testing.assert_allclose(drive[0], [0, 2, 2, 4 + 8], atol=1e-5)
    np.testing.assert_allclose(layer.field_centers((10, 18))[1:3], [[4.5, 8.5], [5.5, 4.5]])
    draws = tf.range(500, dtype=tf.int64)
    drawn = np.asarray(read(tf.constant(hidden), draws, True))
    np.testing.assert_allclose(drawn[:, 1].mean(), 2.0, atol=0.1)
    np.testing.assert_allclose(drawn[:, 1].std(), 0.3 * 2, atol=0.07)  # 2 cells are half the grid
    other = np.asarray(read(tf.constant(hidden[:3]), draws[7:10], True))
    np.testing.assert_array_equal(other, drawn[7:10])
    layer.spread.assign(np.zeros((4, 2, 2)))
    np.testing.assert_allclose(read(tf.constant(hidden[:3]), draws[:3], True), drive[:3])
    assert layer.count_params() == 4 * (2 + 7)
    assert layer.masks()[1].argmax() == 2 * 9 + 4


def test_a_place_is_learned():
    """One neuron that sees one cell: the gradient leads its place there."""
    layer = built(GaussianReadout(1, position_spread=0.5, seed=0), 9, 9, 1)
    layer.features.assign([[1.0]])
    hidden = np.random.default_rng(0).normal(0, 1, (4000, 9, 9, 1)).astype(np.float32)
    hidden = tf.nn.avg_pool2d(hidden, 3, 1, "SAME").numpy()
    target = hidden[:, 6, 2, 0]
    optimizer = keras.optimizers.Adam(0.03)
    variables = [layer.position, layer.spread]
    optimizer.build(variables)

    @tf.function
    def step(seen, wanted, draws):
        with tf.GradientTape() as tape:
            drive = layer.drive(seen, draws, True)
            loss = tf.reduce_mean((drive[:, 0] - wanted) ** 2)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    for start in range(0, 4000, 20):
        some = slice(start, start + 20)
        draws = tf.range(start, start + 20, dtype=tf.int64)
        step(tf.constant(hidden[some]), tf.constant(target[some]), draws)
    np.testing.assert_allclose(layer.field_centers((9, 9))[0], [6, 2], atol=0.5)
