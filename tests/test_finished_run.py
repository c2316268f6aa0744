"""A finished run in Python: opened, lengthened, and what it says of validation."""

import contextlib
import dataclasses
import glob
import importlib.metadata
import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from refusal import refused
from runs import outcome, read_json, write_recording

import daenr_tf
from daenr_tf import metrics, pipeline, receptive_fields, training
from daenr_tf.config import ModelConfig, RunConfig, TrainConfig, field_names
from daenr_tf.models import served as served_models
from daenr_tf.runs import own_files


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    path = write_recording(tmp_path_factory.mktemp("recording") / "mine.npz")
    return RunConfig(
        ModelConfig("cae_fr", image_size=(12, 12), latent_size=5),
        TrainConfig(batch_size=16, max_steps=4, validate_every=2),
        dataset=path,
    )


def go(config, place, **changes):
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, **changes))
    return daenr_tf.run(config, run_dir=str(place / "run"), export_dir=str(place / "export"))


@pytest.fixture(scope="module")
def place(settings, tmp_path_factory):
    """The folder of a finished run; copy it before it is changed."""
    place = tmp_path_factory.mktemp("finished")
    go(settings, place)
    return place


@pytest.fixture
def copied(place, tmp_path):
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def whole(settings, tmp_path_factory):
    """The folder of a run of 8 steps at once."""
    place = tmp_path_factory.mktemp("whole")
    go(settings, place, max_steps=8)
    return place


@pytest.fixture(scope="module")
def lengthened(place, settings, tmp_path_factory):
    """The folder of the finished run, lengthened to 8 steps; two files in it are the user's."""
    longer = tmp_path_factory.mktemp("lengthened")
    shutil.copytree(place, longer, dirs_exist_ok=True)
    for name in OF_THE_USER:
        (longer / name).write_text("mine")
    go(settings, longer, max_steps=8)
    return longer


OF_THE_USER = ("run/thesis.txt", "run/figures/drawn_by_hand.png")


# Opened


def test_a_finished_run_is_opened_with_all_that_it_came_to(place, settings):
    run = daenr_tf.Run.open(place / "run")
    assert run.directory == str(place / "run") and run.config == settings
    assert run.results == read_json(place, "run", "results.json")
    pd.testing.assert_frame_equal(run.history, pd.read_csv(place / "run" / "history.csv"))
    assert run.recording.digest == run.results["dataset"]["digest"] and run.model.neurons == 4
    assert run.model is run.model and run.recording is run.recording
    assert daenr_tf.evaluate(run.model, run.recording).test["mse"] == pytest.approx(
        run.results["test"]["mse"], rel=1e-5
    )


def test_a_run_is_opened_without_its_recording_and_its_model(copied):
    """They are read when they are asked for, and are missed then."""
    (copied / "run" / "model.keras").unlink()
    (copied / "run" / "history.csv").write_text("")
    config = read_json(copied, "run", "config.json")
    (copied / "run" / "config.json").write_text(
        json.dumps({**config, "dataset": str(copied / "lost.npz")})
    )
    run = daenr_tf.Run.open(copied / "run")
    for name, word in {
        "model": "model.keras",
        "recording": "lost.npz",
        "history": "history.csv",
    }.items():
        with refused(word, "expected"):
            getattr(run, name)


def test_a_run_is_not_given_another_recording(copied):
    config = read_json(copied, "run", "config.json")
    other = write_recording(copied / "mine.npz", seed=1)
    (copied / "run" / "config.json").write_text(json.dumps({**config, "dataset": other}))
    with refused(str(copied / "run"), "expected its recording, with digest", other):
        daenr_tf.Run.open(copied / "run").recording  # noqa: B018


@pytest.mark.parametrize(
    "make, found",
    {
        "nothing": (lambda place: None, "nothing there"),
        "a file": (lambda place: place.write_text(""), "something else"),
        "an empty directory": (lambda place: place.mkdir(), "no config.json"),
    }.values(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_run_gets_one_line(tmp_path, make, found):
    make(tmp_path / "run")
    with refused(f"{tmp_path / 'run'}: expected the directory of a finished run", found):
        daenr_tf.Run.open(tmp_path / "run")


@pytest.mark.parametrize(
    "name, content, found",
    [
        ("results.json", None, "expected a finished run, found one without results.json"),
        ("results.json", "{}", "results.json: expected a run's results"),
        ("config.json", "{}}", "config.json: expected a run's config.json"),
        ("config.json", '{"colour": 1}', "colour"),
    ],
)
def test_an_unfinished_or_damaged_run_gets_one_line(copied, name, content, found):
    (copied / "run" / name).unlink()
    if content:
        (copied / "run" / name).write_text(content)
    with refused(str(copied / "run"), found):
        daenr_tf.Run.open(copied / "run")


# Lengthened


def constant(monkeypatch):
    """No validation improves on the first."""
    evaluate_terms = training.evaluate_terms
    monkeypatch.setattr(
        training, "evaluate_terms", lambda *given: dict.fromkeys(evaluate_terms(*given), 1.0)
    )


def test_a_run_that_patience_ended_is_only_reported_whatever_max_steps_is(
    settings, tmp_path, monkeypatch, caplog
):
    constant(monkeypatch)
    results = go(settings, tmp_path, patience_steps=2, max_steps=20)
    assert (
        results["steps"] == 6
        and results["stopped_by"] == "patience"
        and not (tmp_path / "run" / "checkpoint").exists()
    )
    before = (tmp_path / "run" / "results.json").stat().st_mtime_ns
    caplog.clear()
    assert go(settings, tmp_path, patience_steps=2, max_steps=50) == results
    assert (
        "a larger --max-steps has nothing to go on with: patience ended it at step 6" in caplog.text
    )
    assert (tmp_path / "run" / "results.json").stat().st_mtime_ns == before
    assert read_json(tmp_path, "run", "config.json")["max_steps"] == 20


def test_a_run_whose_state_was_not_kept_is_only_reported(copied, settings, caplog):
    """As version 0.1 left it."""
    shutil.rmtree(copied / "run" / "checkpoint")
    assert go(settings, copied, max_steps=6)["steps"] == 4
    assert "its state was not kept" in caplog.text


def test_a_finished_run_is_exported_to_another_place_that_is_asked_for(copied, settings, tmp_path):
    """Once: asked for again it is there."""
    run_dir, first = str(copied / "run"), read_json(copied, "run", "results.json")
    for attempt in range(2):
        results = daenr_tf.run(settings, run_dir=run_dir, export_dir=str(tmp_path / "other"))
        assert results == {**first, "saved_model": str(tmp_path / "other" / "1")}, attempt
        assert os.listdir(tmp_path / "other") == ["1"]
    assert read_json(copied, "run", "results.json") == results
    images = np.zeros((2, 12, 12, 1), np.float32)
    serve = tf.saved_model.load(results["saved_model"]).signatures["serving_default"]
    expected = daenr_tf.Run.open(run_dir).model(images)
    for head, values in serve(images=tf.constant(images)).items():
        np.testing.assert_allclose(values, expected[head], atol=1e-6)
    back = os.path.dirname(first["saved_model"])
    assert daenr_tf.run(settings, run_dir=run_dir, export_dir=back) == first
    assert daenr_tf.run(settings, run_dir=run_dir) == first


def test_another_runs_export_is_never_taken_for_ones_own(copied, settings, tmp_path):
    """A place that was cleared and taken by another model: the run exports again, and hands on no name but its own."""
    run_dir, place = str(copied / "run"), str(tmp_path / "place")
    first = daenr_tf.run(settings, run_dir=run_dir, export_dir=place)
    shutil.rmtree(first["saved_model"])
    model = daenr_tf.Run.open(run_dir).model
    model.set_weights([weight + 1 for weight in model.get_weights()])
    other = daenr_tf.export(model, place)
    assert other == first["saved_model"]
    ours = daenr_tf.run(settings, run_dir=run_dir, export_dir=place)["saved_model"]
    assert ours == os.path.join(place, "2")
    images = tf.zeros((2, 12, 12, 1))
    expected = daenr_tf.Run.open(run_dir).model(images)
    for version, same in ((ours, True), (other, False)):
        served = tf.saved_model.load(version).signatures["serving_default"](images=images)
        assert np.allclose(served["response"], expected["response"], atol=1e-6) is same
    # An export that isn't this run's is not predicted with in its name either.
    (copied / "run" / "model.keras").unlink()
    shutil.rmtree(ours)
    shutil.copytree(other, ours)
    with refused("its model.keras or its export"):
        served_models.locate(run_dir)


def test_a_finished_run_whose_model_is_gone_can_not_be_exported_again(copied, settings, tmp_path):
    (copied / "run" / "model.keras").unlink()
    with refused("model.keras"):
        daenr_tf.run(settings, run_dir=str(copied / "run"), export_dir=str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_a_damaged_state_costs_a_finished_run_nothing(copied, settings):
    (copied / "run" / "checkpoint" / "state.npz").write_bytes(b"rubbish")
    left = {name for _, _, names in os.walk(copied) for name in names}
    with refused("state.npz"):
        go(settings, copied, max_steps=6)
    assert {name for _, _, names in os.walk(copied) for name in names} == left
    assert go(settings, copied)["steps"] == 4


@pytest.mark.parametrize(
    "instant",
    [
        "the results are gone",
        pytest.param("the settings are written", marks=pytest.mark.slow),
        pytest.param("a validation", marks=pytest.mark.slow),
    ],
)
def test_a_lengthening_that_breaks_off_goes_on(copied, settings, whole, monkeypatch, instant):
    def break_off(*given, **named):
        raise KeyboardInterrupt

    def remove_results(directory, **named):
        os.remove(os.path.join(directory, "results.json"))
        raise KeyboardInterrupt

    breaking = {
        "the results are gone": (own_files, "remove_own", remove_results),
        "the settings are written": (training._Loop, "_window", break_off),
        "a validation": (training._Loop, "_conclude_window", break_off),
    }
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(*breaking[instant])
        go(settings, copied, max_steps=8)
    assert not (copied / "run" / "results.json").exists()
    go(settings, copied, max_steps=8)
    assert_same_but_for_the_export(copied, whole)


def assert_same_but_for_the_export(longer, whole):
    """What a lengthened run came to is what one of more steps came to, the number of its export aside."""
    (history, results, weights), expected = outcome(str(longer)), outcome(str(whole))
    assert (results.pop("saved_model"), expected[1].pop("saved_model")) == ("2", "1")
    assert (history, results, weights) == expected


def test_a_finished_run_is_lengthened_to_what_one_of_more_steps_comes_to(lengthened, whole):
    """Everything but the former export is made anew."""
    assert_same_but_for_the_export(lengthened, whole)
    results = read_json(lengthened, "run", "results.json")
    assert read_json(lengthened, "run", "config.json") == results["config"]
    assert sorted(os.listdir(lengthened / "export")) == ["1", "2"]
    figures = [place / "run" / "figures" / "learning_curves.png" for place in (lengthened, whole)]
    assert figures[0].read_bytes() == figures[1].read_bytes()


def test_what_is_not_a_runs_own_stays_when_it_is_lengthened(lengthened):
    assert [(lengthened / name).read_text() for name in OF_THE_USER] == ["mine", "mine"]


def test_a_settings_file_from_before_a_setting_existed_counts_as_its_default(
    copied, settings, caplog
):
    for name in ("config.json", "results.json"):
        content = read_json(copied, "run", name)
        (content["config"] if name == "results.json" else content).pop("core")
        (copied / "run" / name).write_text(json.dumps(content))
    assert go(settings, copied)["steps"] == 4
    assert "this run is finished" in caplog.text
    with refused("expected a run with layer 1, found"):
        go(
            dataclasses.replace(settings, model=dataclasses.replace(settings.model, layer=1)),
            copied,
        )


# Validation


def test_validation_has_the_metrics_of_the_validation_set_and_the_best_monitored_loss(place):
    run = daenr_tf.Run.open(place / "run")
    validation = pipeline.prepare(
        run.recording, run.config.model, run.config.training.seed
    ).validation
    outputs = {head: np.asarray(output) for head, output in run.model(validation.images).items()}
    expected = {
        name: getattr(metrics, name)(validation.images, outputs["reconstruction"]).mean()
        for name in ("mse", "psnr", "ssim")
    }
    expected["pcc"] = np.mean(
        [
            np.corrcoef(outputs["response"][:, n], np.asarray(validation.responses)[:, n])[0, 1]
            for n in range(4)
        ]
    )
    expected["monitored_loss"] = run.history["val_reconstruction"].min()
    assert run.results["validation"].keys() == expected.keys()
    for name, value in expected.items():
        assert run.results["validation"][name] == pytest.approx(value, rel=1e-5), name


def test_validation_without_sets_is_that_of_the_models_seed(place):
    run = daenr_tf.Run.open(place / "run")
    found, given = (
        daenr_tf.evaluate(run.model, run.recording),
        pipeline.prepare(run.recording, run.config.model, 0),
    )
    assert found.validation == daenr_tf.evaluate(run.model, run.recording, given).validation
    other = pipeline.prepare(run.recording, run.config.model, 1)
    assert found.validation != daenr_tf.evaluate(run.model, run.recording, other).validation


def test_linear_codes_stand_beside_what_the_model_reconstructs(place):
    """Of as many numbers as its code, on its own images; in the results and on the terminal."""
    from daenr_tf.linear_codes import linear_codes
    from daenr_tf.runs.summary import summary

    run = daenr_tf.Run.open(place / "run")
    sets = pipeline.prepare(run.recording, run.config.model, run.config.training.seed)
    size = run.config.model.latent_size
    expected = linear_codes(sets.train.images, sets.test.images, sets.validation.images, size)
    found = run.results["linear_codes"]
    assert found.keys() == {"dct", "pca"}
    for name, code in found.items():
        assert code["size"] == expected[name]["size"] <= size
        for metric in ("mse", "psnr"):
            assert code[metric] == pytest.approx(expected[name][metric], rel=1e-6)
            held_out = expected[name]["validation"][metric]
            assert code["validation"][metric] == pytest.approx(held_out, rel=1e-6)
    told = f"linear codes, test set: DCT of {found['dct']['size']} MSE {found['dct']['mse']:.3f}"
    assert any(line.startswith(told) for line in summary(run.results, "run").splitlines())
    assert daenr_tf.evaluate(run.model, run.recording).linear_codes["dct"]["mse"] == pytest.approx(
        found["dct"]["mse"]
    )


@pytest.mark.parametrize("recipe, size", [("vae", 4), ("vqvae", 64), ("cnn_fr", None)])
def test_a_linear_code_is_of_the_latents_size_or_of_the_usual_one_where_there_is_no_vector(
    recording, recipe, size
):
    """64 pixels have no 100 numbers."""
    config = daenr_tf.ModelConfig(recipe, layer=1, image_size=(8, 8), latent_size=4)
    codes = daenr_tf.evaluate(daenr_tf.build_model(config, recording), recording).linear_codes
    assert {name: code["size"] for name, code in codes.items()} == (
        {"dct": size, "pca": min(size, 47)} if size else {}
    )


def test_the_table_shows_validation_beside_test(place):
    from daenr_tf.runs.summary import summary

    results = daenr_tf.Run.open(place / "run").results
    lines = summary(results, "run").splitlines()
    assert lines[1].split("  ")[-1] and "validation set  test set" in lines[1]
    shown = {line.split("  ")[0]: line.split()[-4:] for line in lines[2:]}
    assert shown["MSE"][:2] == [
        f"{results['validation']['mse']:.3f}",
        f"{results['test']['mse']:.3f}",
    ]
    assert shown["monitored loss"][:2] == [f"{results['validation']['monitored_loss']:.3f}", "–"]
    results.pop("validation")  # as version 0.1 wrote them
    rows = [line.split() for line in summary(results, "run").splitlines()]
    assert ["MSE", "–", f"{results['test']['mse']:.3f}"] in [row[:3] for row in rows]


def test_the_table_says_where_a_training_was_cut_off(place):
    from daenr_tf.runs.summary import stopped_by, summary

    results = daenr_tf.Run.open(place / "run").results
    said = "cut off: max_steps ended the training at step 4, before patience did"
    assert results["stopped_by"] == "max_steps" and said in summary(results, "run").splitlines()
    for end in ("patience", None):
        assert "cut off" not in summary({**results, "stopped_by": end}, "run")
    del results["stopped_by"]  # as version 0.1 wrote them
    assert stopped_by(results) is None and "cut off" not in summary(results, "run")
    assert said in summary({**results, "ended_by": "max_steps"}, "run")  # as it was once called


def events(folder):
    """The summary values in the event files right in a folder: list of `tf.Summary.Value`."""
    paths = glob.glob(str(folder / "events*"))
    return [
        value
        for path in paths
        for event in tf.compat.v1.train.summary_iterator(path)
        for value in event.summary.value
    ]


def hparams(folder):
    """The settings of the run as the HParams table has them, by name."""
    from tensorboard.plugins.hparams import metadata

    (content,) = [
        value.metadata.plugin_data.content
        for value in events(folder)
        if value.tag == "_hparams_/session_start_info"
    ]
    return {
        name: value.string_value or value.number_value
        for name, value in metadata.parse_session_start_info_plugin_data(content).hparams.items()
    }


def columns(folder):
    from tensorboard.plugins.hparams import metadata

    (content,) = [
        value.metadata.plugin_data.content
        for value in events(folder)
        if value.tag == "_hparams_/experiment"
    ]
    experiment = metadata.parse_experiment_plugin_data(content)
    return {info.name for info in experiment.hparam_infos}, {
        info.name.tag for info in experiment.metric_infos
    }


def test_tensorboard_has_every_setting_and_the_figures_of_both_sets(place):
    folder = place / "run" / "tensorboard"
    results = read_json(place, "run", "results.json")
    settings, shown = columns(folder)
    assert settings == set(hparams(folder)) == field_names() - {"recording"}
    assert hparams(folder)["max_steps"] == 4 and hparams(folder)["image_size"] == "[12, 12]"
    scalars = {
        value.tag: float(tf.make_ndarray(value.tensor))
        for value in events(folder)
        if value.metadata.plugin_data.plugin_name == "scalars"
    }
    for which in ("validation", "test"):
        for name, value in results[which].items():
            assert f"{which}/{name}" in shown
            if value is None:
                assert f"{which}/{name}" not in scalars
            else:
                assert scalars[f"{which}/{name}"] == pytest.approx(value)


def test_a_lengthened_run_stands_in_tensorboard_as_it_is_now(lengthened):
    assert hparams(lengthened / "run" / "tensorboard")["max_steps"] == 8


def test_fixed_masks_are_estimated_once_a_run(settings, tmp_path, monkeypatch):
    """They are drawn too."""
    calls, estimate = [], receptive_fields.estimate_receptive_fields
    monkeypatch.setattr(
        receptive_fields,
        "estimate_receptive_fields",
        lambda *given: calls.append(given) or estimate(*given),
    )
    config = RunConfig(
        ModelConfig("cnn_fm", image_size=(8, 8)),
        TrainConfig(batch_size=16, max_steps=1),
        dataset=settings.dataset,
    )
    go(config, tmp_path)
    assert len(calls) == 1 and (tmp_path / "run" / "figures" / "masks.png").exists()


# What the package offers


def test_preprocess_makes_of_grey_levels_what_a_model_takes(place):
    run = daenr_tf.Run.open(place / "run")
    expected = pipeline.prepare(run.recording, run.config.model, 0).test.images
    for images in (run.recording.test_images, run.recording.test_images[..., 0]):
        prepared = daenr_tf.preprocess(images, run.model)
        assert isinstance(prepared, np.ndarray) and prepared.dtype == np.float32
        np.testing.assert_array_equal(prepared, expected)
    many = daenr_tf.preprocess(np.repeat(run.recording.test_images, 40, axis=0), run.model)
    np.testing.assert_array_equal(many, np.repeat(expected, 40, axis=0))
    run.model(prepared)


@pytest.mark.parametrize(
    "images, found",
    [
        (np.zeros((8, 8)), "shape (8, 8)"),
        (np.zeros((2, 8, 8, 2)), "shape (2, 8, 8, 2)"),
        (np.zeros((2, 0, 8)), "shape (2, 0, 8"),
        (np.array(["a"]), "<U1"),
    ],
)
def test_what_are_no_images_is_refused(place, images, found):
    with refused("images: expected numbers of the shape", found):
        daenr_tf.preprocess(images, daenr_tf.Run.open(place / "run").model)


def test_the_package_offers_its_names_without_tensorflow(run_python):
    code = (
        "import sys, daenr_tf, importlib.metadata\n"
        "assert daenr_tf.__version__ == importlib.metadata.version('daenr_tf')\n"
        "assert {'run', 'Run', 'preprocess', '__version__'} <= set(dir(daenr_tf))\n"
        "assert callable(daenr_tf.run) and callable(daenr_tf.Run.open)\n"
        "print('tensorflow' in sys.modules)"
    )
    assert run_python(code).split() == ["False"]


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    from daenr_tf.runs.results import versions

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert not hasattr(daenr_tf, "__version__") and versions()["daenr_tf"] is None


def test_the_table_says_that_a_run_was_a_quick_one(place):
    from daenr_tf.runs.summary import summary

    results = daenr_tf.Run.open(place / "run").results
    for quick in (True, False):
        config = results["config"] | {"quick": quick}
        head = summary(results | {"config": config}, "run").splitlines()[0]
        assert head.endswith("(quick run)") == quick
