"""A core that was fitted before, for other neurons."""

import dataclasses

import numpy as np
import pytest
from refusal import refused
from runs import read_json, write_recording

import daenr_tf
from daenr_tf.commands import fit
from daenr_tf.config import ModelConfig, TrainConfig
from daenr_tf.errors import InputError
from daenr_tf.models.build import build_model
from daenr_tf.models.keras_file import load_model, save_model

SIZE = {"image_size": (8, 12), "latent_size": 5}
SHORT = TrainConfig(task="nrs", batch_size=7, max_steps=3, validate_every=3)


def moved(model):
    """The model with weights that no fresh one has."""
    generator = np.random.default_rng(5)
    model.set_weights([w + generator.uniform(0.1, 0.2, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def fitted(recording, tmp_path_factory):
    """The file of a CAE-FR2, and the model in it."""
    model = moved(build_model(ModelConfig("cae_fr", **SIZE), recording))
    path = tmp_path_factory.mktemp("fitted") / "model.keras"
    save_model(model, str(path))
    return path, model


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("recipe, layer", [("cae_fr", 2), ("cnn_fr", 1), ("cnn_fc", 3), ("vae", 1)])
def test_a_model_starts_with_the_core_of_another_and_all_else_afresh(
    recording, fitted, recipe, layer
):
    path, source = fitted
    config = ModelConfig(recipe, layer=layer, **SIZE)
    model = build_model(dataclasses.replace(config, encoder_from=str(path)), recording)
    for ours, theirs in zip(model.encoder.blocks, source.encoder.blocks, strict=False):
        assert_equal(ours.get_weights(), theirs.get_weights())
    fresh = build_model(config, recording)
    for ours, others in zip(model.parts()[1:], fresh.parts()[1:], strict=True):
        assert_equal(ours.get_weights(), others.get_weights())
    assert model.encoder.trainable


@pytest.mark.parametrize("freeze", [True, False])
def test_a_frozen_core_stays_to_the_bit_and_another_is_trained_on(
    recording, fitted, tmp_path, freeze
):
    path, source = fitted
    config = ModelConfig("cae_fr", encoder_from=str(path), freeze_encoder=freeze, **SIZE)
    model = build_model(config, recording)
    readout = model.readout.get_weights()
    daenr_tf.train(model, recording, SHORT, str(tmp_path))
    same = [
        np.array_equal(ours, theirs)
        for ours, theirs in zip(
            model.encoder.get_weights(), source.encoder.get_weights(), strict=True
        )
    ]
    assert all(same) if freeze else not any(same)
    assert not np.array_equal(readout[0], model.readout.get_weights()[0])


def test_a_training_with_a_frozen_core_is_another_than_one_without(recording, fitted, tmp_path):
    config = ModelConfig("cnn_fr", encoder_from=str(fitted[0]), **SIZE)
    daenr_tf.train(build_model(config, recording), recording, SHORT, str(tmp_path))
    frozen = build_model(dataclasses.replace(config, freeze_encoder=True), recording)
    with refused("expected a state of"):
        daenr_tf.train(frozen, recording, SHORT, str(tmp_path))


@pytest.mark.parametrize(
    "recipe, changed, words",
    [
        ("cae_fr", {"color": "rgb"}, "expected a core with encoder_1/"),
        ("cae_fr", {}, "expected a core of at least 4 layers, found one of 1"),
    ],
)
def test_a_core_that_is_another_is_refused(recording, tmp_path, recipe, changed, words):
    path = tmp_path / "model.keras"
    save_model(build_model(ModelConfig("cnn_fr", layer=1, **SIZE), recording), str(path))
    config = ModelConfig(recipe, encoder_from=str(path), **SIZE)
    with refused(f"--encoder-from {path}: ", words):
        build_model(dataclasses.replace(config, **changed), recording)


def fitting(recipe, *argv):
    """The exit status of a fit."""
    with pytest.raises(SystemExit) as left:
        fit.main(recipe, list(argv))
    return left.value.code


def test_what_is_no_fitted_run_is_refused_before_anything_is_done(tmp_path, capsys):
    dataset = write_recording(tmp_path / "data.npz")
    for place, found in ((tmp_path / "nowhere", "no such directory"), (dataset, "a file")):
        argv = ["--dataset", dataset, "--encoder-from", str(place), "--run-dir", "r"]
        assert fitting("cnn_fr", *argv) == 2
        assert found in capsys.readouterr().err
    with pytest.raises(InputError, match="freeze_encoder: expected encoder_from beside it"):
        ModelConfig(freeze_encoder=True)


def test_a_run_on_another_runs_encoder_says_so_in_its_results(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    dataset = write_recording(tmp_path / "data.npz")
    short = ["--dataset", dataset, "--max-steps", "2", "--image-size", "8x12", "--quick"]
    assert fitting("cae_fr", *short, "--run-dir", "first", "--latent-size", "3") == 0
    more = ["--encoder-from", "first", "--freeze-encoder", "--run-dir", "second"]
    assert fitting("cnn_fr", *short, *more) == 0
    results = read_json(tmp_path / "second", "results.json")
    assert "the encoder is that of first, and stays as it is" in results["notes"]
    assert (results["config"]["encoder_from"], results["config"]["freeze_encoder"]) == (
        "first",
        True,
    )
    first, second = (load_model(tmp_path / name / "model.keras") for name in ("first", "second"))
    assert_equal(
        [w for block in second.encoder.blocks for w in block.get_weights()],
        [w for block in first.encoder.blocks[:2] for w in block.get_weights()],
    )
    capsys.readouterr()
    plain = [*short, "--run-dir", "second"]
    assert fitting("cnn_fr", *plain) == 2
    assert "expected a run with encoder_from None" in capsys.readouterr().err
