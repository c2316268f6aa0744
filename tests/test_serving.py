import os

import numpy as np
import pytest
import tensorflow as tf

from daenr_tf import pipeline
from daenr_tf.config import ModelConfig
from daenr_tf.errors import MachineError
from daenr_tf.models.build import build_model
from daenr_tf.models.keras_file import load_model, save_model
from daenr_tf.models.preprocessing import preprocess
from daenr_tf.models.saved_model import export, model_digest
from daenr_tf.models.served import load
from daenr_tf.resizing import RESIZES

RECIPES = ("vae_fc", "vqvae_fm", "cnn_fr")
SETTINGS = {"image_size": (8, 12), "latent_size": 5, "codebook_size": 6, "code_dim": 7}

CALL = """
import os, sys
import numpy as np
import tensorflow as tf

place, *recipes = sys.argv[1:]
inputs = np.load(f"{place}/inputs.npz")
for recipe in recipes:
    loaded = tf.saved_model.load(f"{place}/{recipe}/1")
    heads = {"reconstruct", "decode"} if recipe != "cnn_fr" else set()
    assert set(loaded.signatures) == {"serve_raw", "serving_default", "respond", "encode"} | heads, list(loaded.signatures)
    whole = loaded.signatures["serving_default"](images=tf.constant(inputs["model"]))
    for endpoint, head in (("respond", "response"), ("reconstruct", "reconstruction")):
        if endpoint in loaded.signatures:
            alone = loaded.signatures[endpoint](images=tf.constant(inputs["model"]))
            assert list(alone) == [head], list(alone)
            np.testing.assert_allclose(alone[head], whole[head], rtol=1e-5, atol=1e-6)
    results = {}
    for name, images in inputs.items():
        endpoint = loaded.signatures["serving_default" if name == "model" else "serve_raw"]
        arguments, named = endpoint.structured_input_signature
        assert arguments == () and list(named) == ["images"], (arguments, named)
        assert named["images"].dtype == tf.float32 and named["images"].shape.rank == 4
        outputs = endpoint(images=tf.constant(images))
        assert outputs.keys() == endpoint.structured_outputs.keys()
        results |= {f"{name}.{head}": value for head, value in outputs.items()}
    np.savez(f"{place}/{recipe}.npz", **results)
assert not any(name.split(".")[0] == "daenr_tf" or name.split(".")[0] == "tensorflow_probability" for name in sys.modules)
"""


def raw_images():
    """Images as a recording in the pixel range (0, 255) might have them, by name."""
    generator = np.random.default_rng(0)
    shapes = {
        "grey": (4, 10, 12, 1),
        "large": (2, 31, 45, 1),
        "tiny": (1, 3, 5, 1),
        "colour": (3, 16, 9, 3),
    }
    return {
        name: generator.integers(0, 256, shape).astype(np.float32) for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def models(recording):
    """Small models by recipe, two training steps away from their start."""
    generator = np.random.default_rng(1)
    images = generator.uniform(-1, 1, (6, 8, 12, 1)).astype(np.float32)
    targets = {
        "reconstruction": images,
        "response": generator.gamma(1.0, 1.0, (6, 5)).astype(np.float32),
    }
    made = {}
    for recipe in RECIPES:
        made[recipe] = build_model(ModelConfig(recipe=recipe, **SETTINGS), recording)
        for _ in range(2):
            made[recipe].train_step((images, targets))
    return made


@pytest.fixture(scope="module")
def place(models, tmp_path_factory):
    """A directory with an export of each model."""
    directory = tmp_path_factory.mktemp("exports")
    for recipe, model in models.items():
        assert export(model, str(directory / recipe)) == str(directory / recipe / "1")
    return directory


@pytest.fixture(scope="module")
def served(place, run_python):
    """By recipe, what a process with nothing but TensorFlow got from the exports: dict of `input.output` -> array."""
    images = np.random.default_rng(2).uniform(-1, 1, (5, 8, 12, 1)).astype(np.float32)
    np.savez(place / "inputs.npz", model=images, **raw_images())
    run_python(CALL, place, *RECIPES)
    return images, {recipe: dict(np.load(place / f"{recipe}.npz")) for recipe in RECIPES}


OUTPUTS = {
    "vae_fc": {"reconstruction", "response"},
    "vqvae_fm": {"reconstruction", "response", "indices"},
    "cnn_fr": {"response"},
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_bare_process_gets_the_models_own_outputs(models, served, recipe):
    images, results = served[0], served[1][recipe]
    found = {
        name.removeprefix("model."): value
        for name, value in results.items()
        if name.startswith("model.")
    }
    assert found.keys() == OUTPUTS[recipe]
    for head, value in models[recipe](images).items():
        assert found[head].dtype == np.float32
        np.testing.assert_allclose(found[head], value, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", raw_images())
def test_raw_images_of_any_size_and_colour_are_served_as_the_model_sees_them(
    models, served, recipe, name
):
    images = pipeline.preprocess(raw_images()[name], (0.0, 255.0), (8, 12), 1)
    found = {
        key.removeprefix(f"{name}."): value
        for key, value in served[1][recipe].items()
        if key.startswith(f"{name}.")
    }
    assert found.keys() == OUTPUTS[recipe]
    for head, value in models[recipe](images).items():
        np.testing.assert_allclose(found[head], value, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_loaded_model_is_exported_as_the_model_that_was_saved(models, served, tmp_path, recipe):
    save_model(models[recipe], str(tmp_path / "model.keras"))
    loaded = tf.saved_model.load(
        export(load_model(tmp_path / "model.keras"), str(tmp_path / "export"))
    )
    found = loaded.signatures["serving_default"](images=tf.constant(served[0]))
    assert found.keys() == OUTPUTS[recipe]
    for name, value in found.items():
        np.testing.assert_allclose(value, served[1][recipe][f"model.{name}"], atol=1e-6, rtol=1e-6)


def test_a_vae_serves_the_posterior_mean(models, served):
    model, images = models["vae_fc"], served[0]
    hidden = np.asarray(model.encode(images)[0][-1]).reshape(len(images), -1)
    mean = (
        hidden @ np.asarray(model.bottleneck.compress.kernel)
        + np.asarray(model.bottleneck.compress.bias)
    )[:, :5]
    code = (
        mean @ np.asarray(model.bottleneck.expand.kernel) + np.asarray(model.bottleneck.expand.bias)
    ).reshape(-1, 2, 3, 48)
    np.testing.assert_allclose(
        served[1]["vae_fc"]["model.reconstruction"], model.decoder(code)[0], atol=1e-6
    )


def test_a_vqvae_serves_the_numbers_of_its_codes(models, served):
    model, indices = models["vqvae_fm"], served[1]["vqvae_fm"]["model.indices"]
    assert indices.shape == (5, 2, 3) and indices.dtype == np.int32
    codes = np.asarray(model.bottleneck.codebook)[indices]
    np.testing.assert_allclose(
        served[1]["vqvae_fm"]["model.reconstruction"], model.decoder(codes)[0], atol=1e-6
    )
    np.testing.assert_array_equal(model.serve(served[0])["indices"], indices)


def test_a_recordings_own_pixel_range_is_undone_in_the_graph(make_recording, tmp_path):
    """Grey levels as small as the published recording's, in a model that wants colour."""
    recording = make_recording(channels=3, pixel_range=(-50.0, 350.0), neurons=2)
    model = build_model(
        ModelConfig(recipe="cnn_fr", layer=1, image_size=(8, 8), color="rgb"), recording
    )
    loaded = tf.saved_model.load(export(model, str(tmp_path)))
    for name, images in raw_images().items():
        seen = pipeline.preprocess(images, (-50.0, 350.0), (8, 8), 3)
        np.testing.assert_allclose(
            loaded.serve_raw(images)["response"], model(seen)["response"], rtol=1e-6, err_msg=name
        )


@pytest.mark.parametrize(
    "resize",
    [one if one == "bilinear" else pytest.param(one, marks=pytest.mark.slow) for one in RESIZES],
)
def test_an_export_and_a_file_resize_as_the_model_was_trained(resize, recording, tmp_path):
    config = ModelConfig("cae_fr", resize=resize, **SETTINGS)
    model = build_model(config, recording)
    save_model(model, str(tmp_path / "model.keras"))
    found = load_model(tmp_path / "model.keras")
    assert found.resize == resize and model_digest(found) == model_digest(model)
    seen = pipeline.prepare_images(recording.test_images, recording, config)
    expected = model(seen)
    np.testing.assert_array_equal(preprocess(recording.test_images, found), seen)
    exported = export(found, str(tmp_path / "export"))
    for place in (exported, str(tmp_path / "model.keras")):  # what `daenr predict` takes
        answers = load(place).answer(recording.test_images)
        assert answers.keys() == expected.keys()
        for head, value in expected.items():
            np.testing.assert_allclose(answers[head], value, atol=1e-6, rtol=1e-5)
    if RESIZES[resize].method != "bilinear":
        other = pipeline.prepare_images(
            recording.test_images, recording, ModelConfig("cae_fr", **SETTINGS)
        )
        assert np.abs(other - seen).max() > 0.1


def test_what_a_model_is_tells_a_setting_only_where_it_is_not_the_default(recording):
    """Files, exports and states of before there were these settings are then still the same model's."""

    def identity(**settings):
        model = build_model(ModelConfig("cae_fr", **SETTINGS, **settings), recording)
        about = model.identity()
        return about.get("resize"), *(
            about[part]["config"].get("batch_norm_momentum") for part in ("core", "decoder")
        )

    assert identity() == identity(resize="bilinear", batch_norm_momentum=0.9) == (None,) * 3
    assert identity(resize="area", batch_norm_momentum=0.99) == ("area", 0.99, 0.99)


def test_inputs_of_another_shape_or_type_are_refused(place):
    loaded = tf.saved_model.load(str(place / "cnn_fr" / "1"))
    default, raw = loaded.signatures["serving_default"], loaded.signatures["serve_raw"]
    for images in (np.zeros((2, 8, 8, 1), np.float32), np.zeros((2, 8, 12, 3), np.float32)):
        with pytest.raises((ValueError, TypeError, tf.errors.InvalidArgumentError)):
            default(images=tf.constant(images))
    for images in (np.zeros((2, 8, 12), np.float32), np.zeros((2, 8, 12, 1), np.uint8)):
        for endpoint in (default, raw):
            with pytest.raises((ValueError, TypeError, tf.errors.InvalidArgumentError)):
                endpoint(images=tf.constant(images))


@pytest.mark.parametrize("channels", [2, 4])
def test_raw_images_with_other_channels_than_grey_or_colour_are_refused(place, channels):
    loaded = tf.saved_model.load(str(place / "cnn_fr" / "1"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 or 3 channels"):
        loaded.serve_raw(tf.zeros((2, 9, 9, channels)))


@pytest.mark.parametrize("shape", [(2, 9, 9), (9, 9, 3), (2, 9), (1, 2, 9, 9, 1)])
def test_raw_images_of_another_rank_are_refused_by_their_shape(place, shape):
    loaded = tf.saved_model.load(str(place / "cnn_fr" / "1"))
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=rf"\[{','.join(map(str, shape))}\] is not compatible with expected shape \[\?,\?,\?,\?\]",
    ):
        loaded.signatures["serve_raw"](images=tf.zeros(shape))


def test_versions_count_up_and_nothing_half_written_stays(models, tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "notes").mkdir()
    assert os.path.basename(export(models["cnn_fr"], str(tmp_path))) == "8"
    assert os.path.basename(export(models["cnn_fr"], str(tmp_path))) == "9"
    assert sorted(os.listdir(tmp_path)) == ["7", "8", "9", "notes"]
    assert sorted(os.listdir(tmp_path / "9"))[-2:] == ["saved_model.pb", "variables"]


def test_a_run_that_bears_a_mark_is_exported_once(models, tmp_path):
    first = export(models["cnn_fr"], str(tmp_path), mark="one run")
    assert export(models["cnn_fr"], str(tmp_path), mark="another run") == str(tmp_path / "2")
    assert export(models["cnn_fr"], str(tmp_path), mark="one run") == first == str(tmp_path / "1")
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]


def test_what_a_killed_export_left_is_removed_and_what_is_anothers_stays(models, tmp_path):
    (tmp_path / ".export-abcd_123" / "model").mkdir(parents=True)
    (tmp_path / ".export-mine").mkdir()
    (tmp_path / "mine.part").mkdir()
    export(models["cnn_fr"], str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == [".export-mine", "1", "mine.part"]


def test_an_export_can_be_read_by_who_may_read_a_new_folder(models, tmp_path):
    (tmp_path / "new").mkdir()
    assert (
        os.stat(export(models["cnn_fr"], str(tmp_path))).st_mode
        == os.stat(tmp_path / "new").st_mode
    )


def test_an_export_directory_that_is_a_file_is_named(models, tmp_path):
    path = tmp_path / "taken"
    path.write_text("")
    with pytest.raises(MachineError, match="taken: the export could not be written"):
        export(models["cnn_fr"], str(path))
    assert os.listdir(tmp_path) == ["taken"]


def test_a_model_that_cant_be_written_leaves_nothing(models, tmp_path):
    with pytest.raises(MachineError, match="none.model.keras: could not be written"):
        save_model(models["cnn_fr"], str(tmp_path / "none" / "model.keras"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("recipe", RECIPES)
def test_serving_computes_the_encoder_once(models, recipe):
    """Also a VQ-VAE's, whose codes are read from the same hidden layer."""
    model = models[recipe]
    traced = tf.function(model.serve).get_concrete_function(
        tf.TensorSpec((None, *model.image_shape), tf.float32)
    )
    convolutions = [
        operation
        for operation in traced.graph.get_operations()
        if operation.type == "Conv2D" and "encoder" in operation.name
    ]
    assert len(convolutions) == len(model.encoder.blocks)
