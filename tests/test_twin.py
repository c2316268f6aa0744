"""`Twin.open`: a run's directory, an export or several of them answer as the model does, and gradients go through."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
from refusal import refused

from daenr_tf.config import ModelConfig
from daenr_tf.models import saved_model
from daenr_tf.models.build import build_model
from daenr_tf.models.keras_file import save_model
from daenr_tf.twin.twin import Twin

SETTINGS = {"image_size": (8, 12), "latent_size": 6, "codebook_size": 4, "code_dim": 8}
IMAGES = np.random.default_rng(0).uniform(-1, 1, (5, 8, 12, 1)).astype(np.float32)
DATASET = {"name": "made up", "simulated": True, "digest": "0123456789abcdef" * 4}


def options(recipe):
    own = {"vqvae": ("codebook_size", "code_dim"), "cnn": ()}
    names = own.get(recipe.split("_")[0], ("latent_size",))
    return {"image_size": SETTINGS["image_size"], **{name: SETTINGS[name] for name in names}}


@pytest.fixture(scope="module")
def places(recording, tmp_path_factory):
    """name -> (model, run's directory, export)."""
    folder, made = tmp_path_factory.mktemp("twins"), {}
    for name, recipe, seed in (
        ("cae_fr", "cae_fr", 0),
        ("other", "cae_fr", 1),
        ("vae_fr", "vae_fr", 0),
        ("vqvae_fr", "vqvae_fr", 0),
        ("cnn_fr", "cnn_fr", 0),
        ("cae", "cae", 0),
    ):
        model = build_model(ModelConfig(recipe, seed=seed, **options(recipe)), recording)
        os.makedirs(folder / name)
        save_model(model, str(folder / name / "model.keras"))
        (folder / name / "results.json").write_text(json.dumps({"dataset": DATASET}))
        made[name] = (
            model,
            str(folder / name),
            saved_model.export(model, str(folder / f"export_{name}")),
        )
    return made


@pytest.mark.parametrize("which", [1, 2])
def test_a_run_and_an_export_answer_as_the_model_does(places, which):
    model, *_ = places["cae_fr"]
    twin = Twin.open(places["cae_fr"][which])
    answers = model(IMAGES)
    assert twin.image_shape == (8, 12, 1) and twin.neurons == 5
    assert twin.pixel_range == (0.0, 255.0)
    np.testing.assert_allclose(twin.respond(IMAGES), answers["response"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(twin.reconstruct(IMAGES), answers["reconstruction"], atol=1e-5)


def test_gradients_through_an_export_are_the_models(places):
    model, _, export = places["cnn_fr"]
    twin, images = Twin.open(export), tf.constant(IMAGES)
    gradients = []
    for respond in (twin.respond, lambda images: model(images)["response"]):
        with tf.GradientTape() as tape:
            tape.watch(images)
            driven = tf.reduce_sum(respond(images)[:, 2])
        gradients.append(tape.gradient(driven, images).numpy())
    assert np.abs(gradients[1]).max() > 0
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["cae_fr", "vae_fr"])
def test_the_code_of_an_image_decodes_to_its_reconstruction(places, name):
    model, run, _ = places[name]
    twin = Twin.open(run)
    latent = twin.encode(IMAGES)
    assert latent.shape == (5, 6) and twin.latent_size == 6
    np.testing.assert_allclose(
        twin.decode(latent), model(IMAGES)["reconstruction"], rtol=1e-5, atol=1e-6
    )


def test_an_ensemble_answers_with_the_mean(places):
    one, other = (places[name][1] for name in ("cae_fr", "other"))
    both = Twin.open([one, other]).respond(IMAGES).numpy()
    apart = [Twin.open(path).respond(IMAGES).numpy() for path in (one, other)]
    assert np.abs(apart[0] - apart[1]).max() > 1e-4
    np.testing.assert_allclose(both, np.mean(apart, axis=0), rtol=1e-5, atol=1e-7)


def test_a_run_tells_what_its_data_are_and_an_old_export_does_not(places):
    _, run, export = places["cae_fr"]
    assert Twin.open(run).simulated is True and Twin.open(run).name == "made up"
    assert Twin.open(run).digests == Twin.open(export).digests
    if not os.path.exists(os.path.join(export, "assets.extra", "model_card.json")):
        assert Twin.open(export).simulated is None


def test_what_a_model_lacks_gets_a_sentence(places):
    for name, ask, words in (
        ("cae", "respond", "a readout"),
        ("cnn_fr", "reconstruct", "a decoder"),
        ("vqvae_fr", "encode", "a continuous code"),
        ("cnn_fr", "decode", "a continuous code"),
    ):
        with refused(places[name][1], words):
            getattr(Twin.open(places[name][1]), ask)(IMAGES)


def test_models_that_do_not_fit_each_other_are_refused(places, make_recording, tmp_path):
    with refused("at least one"):
        Twin.open([])
    with refused(str(tmp_path), "a SavedModel"):
        Twin.open([places["cae_fr"][1], tmp_path])
    model = build_model(ModelConfig("cnn_fr", image_size=(8, 12)), make_recording(neurons=3))
    save_model(model, str(tmp_path / "model.keras"))
    with refused("number of neurons of 5", "found 3"):
        Twin.open([places["cnn_fr"][1], tmp_path])
