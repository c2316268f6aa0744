"""An export's endpoints, from Python and by the formats of TensorFlow Serving, and its card."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from refusal import refused
from runs import go_here, read_json, write_recording
from tensorflow_serving.config import model_server_config_pb2
from tf_serving import rest, serving

import daenr_tf
from daenr_tf.config import ModelConfig
from daenr_tf.models import codes
from daenr_tf.models.build import build_model
from daenr_tf.models.model_card import CARD
from daenr_tf.models.saved_model import export, model_digest
from daenr_tf.models.served import digest_in

RECIPES = ("cae_fr", "vae_fc", "vqvae_fm", "cnn_fr", "cae")
SETTINGS = {"image_size": (8, 12), "latent_size": 5, "codebook_size": 6, "code_dim": 7}
DOCS = Path(__file__).resolve().parents[1] / "docs" / "serving.md"


@pytest.fixture(scope="module")
def models(recording):
    return {recipe: build_model(ModelConfig(recipe, **SETTINGS), recording) for recipe in RECIPES}


@pytest.fixture(scope="module")
def served(models, tmp_path_factory):
    """The exports of the models, loaded."""
    place = tmp_path_factory.mktemp("exports")
    for recipe, model in models.items():
        export(model, str(place / recipe))
    return {recipe: daenr_tf.load_served(place / recipe) for recipe in RECIPES}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).uniform(-1, 1, (5, 8, 12, 1)).astype(np.float32)


@pytest.mark.parametrize("recipe", RECIPES)
def test_methods_answer_as_the_model_does(models, served, images, recipe):
    model, found = models[recipe], served[recipe]
    outputs = model(images)
    for head, answer in (("response", found.respond), ("reconstruction", found.reconstruct)):
        if head in outputs:
            np.testing.assert_allclose(answer(images), outputs[head], atol=1e-6, rtol=1e-5)
        else:
            with refused("expected an export with the endpoint"):
                answer(images)
    layers = model.encode(images)[0]
    hidden = layers[model.layer - 1] if model.readout else layers[-1]
    np.testing.assert_allclose(found.encode(images)["hidden"], hidden, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe != "cnn_fr"])
def test_an_image_that_is_encoded_and_decoded_is_its_reconstruction(models, served, images, recipe):
    spec = codes.code_spec(models[recipe])
    code = served[recipe].encode(images)[spec.name]
    assert code.shape[1:] == tuple(spec.shape[1:]) and code.dtype == spec.dtype.as_numpy_dtype
    decoded = served[recipe].decode(code)
    np.testing.assert_allclose(decoded, served[recipe].reconstruct(images), atol=1e-5)
    other = code[::-1]
    assert np.abs(served[recipe].decode(other) - decoded).max() > 1e-3
    np.testing.assert_allclose(served[recipe].decode(other), decoded[::-1], atol=1e-5)


def test_a_vaes_code_is_its_posteriors_mean(models, served, images):
    model = models["vae_fc"]
    mean = model.bottleneck.posterior(model.encode(images)[0][-1]).mean()
    np.testing.assert_allclose(served["vae_fc"].encode(images)["latent"], mean, atol=1e-5)


def test_what_is_no_image_or_code_gets_a_sentence(served, images):
    with refused("in [-1, 1], found -3"):
        served["cae_fr"].respond(3 * np.sign(images))
    with refused("images: expected (N, 8, 12, 1) in [-1, 1], found float32 of shape (8, 12, 1)"):
        served["cae_fr"].respond(images[0])
    with refused("latent: expected float32 of the shape (N, 5), found float64 of shape (2, 4)"):
        served["cae_fr"].decode(np.zeros((2, 4)))
    with refused("indices: expected numbers from 0 to 5, found 0 to 6"):
        served["vqvae_fm"].decode(np.array([[[0, 1, 2], [3, 4, 6]]]))
    with refused("indices: expected int32 of the shape (N, 2, 3), found float64"):
        served["vqvae_fm"].decode(np.zeros((1, 2, 3)))
    with refused("expected numbers of the shape (N, H, W, 1 or 3)"):
        served["cae_fr"].raw(images[..., 0])
    with refused("expected a run's directory"):
        daenr_tf.load_served("/none/such")


def test_no_images_are_answered_with_none(served, images):
    assert served["cae_fr"].respond(images[:0]).shape == (0, 5)
    assert served["cae_fr"].raw(np.zeros((0, 9, 9, 1)))["reconstruction"].shape == (0, 8, 12, 1)


def test_many_images_are_answered_in_batches(served, images):
    many = np.concatenate([images] * 60)
    found = served["cnn_fr"].respond(many)
    np.testing.assert_allclose(found[-5:], served["cnn_fr"].respond(images), rtol=1e-5)


def test_a_model_that_no_run_made_has_a_card_of_what_it_knows(models, served):
    card = served["vae_fc"].card
    assert card["image"] == {"shape": [8, 12, 1], "pixel_range": [0.0, 255.0], "resize": "bilinear"}
    assert card["latent"] == {"name": "latent", "shape": [5], "dtype": "float32"}
    assert card["heads"] == ["reconstruction", "response"] and card["neurons_count"] == 5
    assert card["dataset"] == {} and served["vae_fc"].simulated is None
    assert (
        card["model_digest"] == model_digest(models["vae_fc"]) == digest_in(served["vae_fc"].path)
    )
    assert card["versions"]["tensorflow"] == tf.__version__


def test_a_runs_card_says_what_the_run_knows(tmp_path):
    path = write_recording(tmp_path / "mine.npz")
    go_here("cae_fr", str(tmp_path), "--dataset", path)
    results = read_json(tmp_path, "run", "results.json")
    for place in ("run", "export"):
        found = daenr_tf.load_served(tmp_path / place)
        assert found.path == str(tmp_path / "export" / "1")
    card = read_json(found.path, CARD)
    assert card == found.card and found.simulated is False
    for name in ("recipe", "dataset", "test", "validation", "noise_ceiling", "config", "versions"):
        assert card[name] == results[name], name
    assert card["model_digest"] == results["model_digest"] == digest_in(found.path)
    assert [row["neuron"] for row in card["neurons"]] == [0, 1, 2, 3] and card["seed"] == 0
    np.testing.assert_allclose(
        np.mean([row["noise_ceiling"] for row in card["neurons"]]), results["noise_ceiling"]
    )
    go_here("cae_fr", str(tmp_path), "--dataset", path, "--export-dir", str(tmp_path / "other"))
    assert read_json(tmp_path, "other", "1", CARD) == card


@pytest.mark.parametrize("text", ["[1]", "{", ""])
def test_a_damaged_card_is_refused_by_name(models, tmp_path, text):
    version = export(models["cnn_fr"], str(tmp_path))
    Path(version, CARD).write_text(text)
    with refused("model_card.json: expected an export's card"):
        daenr_tf.load_served(version)
    os.remove(os.path.join(version, CARD))
    assert daenr_tf.load_served(version).card is None


def blocks(language):
    """The blocks of a language in the page on serving."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)


def test_the_pages_configuration_is_one_of_tensorflow_serving():
    (text,) = blocks("protobuf")
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    models = config.model_config_list.config
    assert [model.name for model in models] == ["cae_fr"]
    assert models[0].model_platform == "tensorflow" and models[0].base_path.startswith("/")
    assert dict(models[0].version_labels) == {"stable": 1}


def test_the_pages_clients_are_answered(models, tmp_path, monkeypatch, capsys):
    """REST and gRPC, by a stand-in that keeps to the published formats."""
    clients = [block for block in blocks("python") if "localhost" in block]
    assert len(clients) == 2
    monkeypatch.chdir(tmp_path)
    signatures = tf.saved_model.load(export(models["cae_fr"], "export")).signatures
    with serving({"cae_fr": signatures}) as (web, remote):
        for client in clients:
            client = client.replace("localhost:8501", f"127.0.0.1:{web}")
            client = client.replace("localhost:8500", f"127.0.0.1:{remote}")
            client = client.replace("32, 32, 1", "8, 12, 1")
            exec(compile(client, "serving.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.splitlines() == ["(2, 5)", "(2, 5) (2, 8, 12, 1)", "(2, 5)"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_endpoint_can_be_asked_by_rest_in_rows_and_in_columns(served, images, recipe):
    signatures = served[recipe]._loaded.signatures
    for name in signatures:
        given = images
        if name == "decode":
            code = codes_of(signatures, images)
            given = code[next(key for key in code if key != "hidden")]
        expected = signatures[name](tf.constant(given))
        rows = json.loads(rest(signatures, body(name, instances=given)))["predictions"]
        columns = json.loads(rest(signatures, body(name, inputs=given)))["outputs"]
        for output, value in expected.items():
            row = [one[output] for one in rows] if len(expected) > 1 else rows
            column = columns[output] if len(expected) > 1 else columns
            np.testing.assert_allclose(row, value, atol=1e-5)
            np.testing.assert_allclose(column, value, atol=1e-5)


def codes_of(signatures, images):
    return {name: np.asarray(value) for name, value in signatures["encode"](images=images).items()}


def body(name, **values):
    values = {key: value.tolist() for key, value in values.items()}
    return json.dumps({"signature_name": name, **values})
