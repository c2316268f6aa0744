"""Single images answered by LiteRT."""

import concurrent.futures
import os
import shutil

import numpy as np
import pytest
from refusal import refused

import daenr_tf
from daenr_tf.config import ModelConfig
from daenr_tf.models import lite, saved_model
from daenr_tf.models.build import build_model
from daenr_tf.models.saved_model import export

SETTINGS = {"image_size": (8, 12), "latent_size": 5, "codebook_size": 6, "code_dim": 7}
RECIPES = ("cae_fr", "vae_fc", "vqvae_fm", "cnn_fr", "cnn_gr")


@pytest.fixture(scope="module")
def models(recording):
    return {recipe: build_model(ModelConfig(recipe, **SETTINGS), recording) for recipe in RECIPES}


@pytest.fixture(scope="module")
def exports(models, tmp_path_factory):
    place = tmp_path_factory.mktemp("exports")
    return {recipe: export(model, str(place / recipe)) for recipe, model in models.items()}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).uniform(-1, 1, (20, 8, 12, 1)).astype(np.float32)


@pytest.mark.parametrize("recipe", RECIPES)
def test_it_answers_as_the_model_does_for_any_number_of_images(models, exports, images, recipe):
    responder = daenr_tf.load_responder(exports[recipe])
    assert (responder.image_shape, responder.neurons) == ((8, 12, 1), models[recipe].neurons)
    expected = models[recipe](images)["response"].numpy()
    for count in (1, 5, 1, 20, 0):
        answer = responder.respond(images[:count])
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer, expected[:count], rtol=1e-5, atol=1e-6)


def test_an_answer_is_not_changed_by_the_next(exports, images):
    responder = daenr_tf.load_responder(exports["cnn_fr"])
    first = responder.respond(images[:1])
    kept = first.copy()
    responder.respond(images[1:2])
    np.testing.assert_array_equal(first, kept)


def test_threads_may_share_it(models, exports, images):
    responder = daenr_tf.load_responder(exports["cae_fr"])
    expected = models["cae_fr"](images)["response"].numpy()

    def ask(number):
        count = 1 + number % 3
        return number, count, responder.respond(images[number % 10 : number % 10 + count])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for number, count, answer in pool.map(ask, range(60)):
            some = slice(number % 10, number % 10 + count)
            np.testing.assert_allclose(answer, expected[some], rtol=1e-5, atol=1e-6)


def test_a_served_model_answers_few_images_with_it(exports, images, monkeypatch):
    served, asked = daenr_tf.load_served(exports["cae_fr"]), []
    respond = lite.Responder.respond
    monkeypatch.setattr(
        lite.Responder, "respond", lambda self, some: asked.append(len(some)) or respond(self, some)
    )
    few, many = served.respond(images[:2]), served.respond(images)
    assert asked == [2]
    np.testing.assert_allclose(few, many[:2], rtol=1e-5, atol=1e-6)


def test_it_needs_no_tensorflow(exports, images, run_python):
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    code = """
import sys
import numpy as np
import daenr_tf
answer = daenr_tf.load_responder(sys.argv[1]).respond(np.zeros((1, 8, 12, 1)))
print(answer.shape[0], "tensorflow" in sys.modules)
"""
    assert run_python(code, exports["cnn_fr"]).split() == ["1", "False"]


def test_images_that_a_model_cant_take_are_refused(exports, images):
    responder = daenr_tf.load_responder(exports["cae_fr"])
    for wrong, found in (
        (images[0], "float32 of shape (8, 12, 1)"),
        (images[:, :4], "float32 of shape (20, 4, 12, 1)"),
        (images * 255, "-2"),
        (np.full((1, 8, 12, 1), np.nan), "nan"),
        (images.astype(str), "<U"),
    ):
        with refused("images: expected (N, 8, 12, 1) in [-1, 1], found", found):
            responder.respond(wrong)


def test_an_export_without_it_or_with_rubbish_for_it_is_named(exports, images, tmp_path):
    bare = shutil.copytree(exports["cae_fr"], tmp_path / "1")
    os.remove(bare / lite.LITE)
    with refused("expected an export with", "respond.tflite, found one without"):
        daenr_tf.load_responder(bare)
    assert daenr_tf.load_served(bare).respond(images[:1]).shape[0] == 1
    for rubbish in (b"", b"rubbish", os.urandom(4000)):
        (bare / lite.LITE).write_bytes(rubbish)
        with refused("expected a LiteRT model of ours"):
            daenr_tf.load_responder(bare)


def test_a_model_that_litert_cant_hold_is_exported_without(models, tmp_path, monkeypatch, caplog):
    import tensorflow as tf

    model = models["cnn_fr"]
    monkeypatch.setattr(
        type(model), "serve", lambda self, images: {"response": tf.linalg.svd(images)[0][..., 0]}
    )
    with refused("expected operations that LiteRT has"):
        lite.convert(model)
    (tmp_path / "assets.extra").mkdir()
    saved_model._write_lite(model, str(tmp_path))
    assert "the export has no respond.tflite: " in caplog.text
    assert not os.path.exists(tmp_path / lite.LITE)


def test_what_litert_can_convert_and_not_read_is_not_exported(
    models, tmp_path, monkeypatch, caplog
):
    """A product of images with matrices by `einsum` was converted to tensors of no shape."""
    (tmp_path / "assets.extra").mkdir()
    monkeypatch.setattr(lite, "convert", lambda model: b"TFL3 of another kind")
    saved_model._write_lite(models["cnn_fr"], str(tmp_path))
    assert "the export has no respond.tflite: " in caplog.text
    assert not os.path.exists(tmp_path / lite.LITE)
