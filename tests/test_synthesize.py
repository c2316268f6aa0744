"""`daenr synthesize` and `daenr control`: what they leave, that they go on and repeat, and what they refuse in one line."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawing import texts

from daenr_tf.commands.main import main
from daenr_tf.config import ModelConfig
from daenr_tf.models import saved_model
from daenr_tf.models.build import build_model
from daenr_tf.models.keras_file import save_model
from daenr_tf.plotting import canvas
from daenr_tf.twin import outputs, synthesis
from daenr_tf.twin.work import Work

QUICK = ("--steps", "3", "--starts", "2")


@pytest.fixture(scope="module")
def places(recording, tmp_path_factory):
    """Models by name, and natural images in a file."""
    folder = tmp_path_factory.mktemp("models")
    made = {"images": str(folder / "natural.npz")}
    np.savez(made["images"], images=recording.images)
    for recipe, options in (("cae_fr", {"latent_size": 6}), ("cnn_fr", {}), ("cae", {})):
        model = build_model(ModelConfig(recipe, image_size=(8, 12), **options), recording)
        os.makedirs(folder / recipe)
        save_model(model, str(folder / recipe / "model.keras"))
        told = {"dataset": {"name": "made up", "simulated": True}}
        (folder / recipe / "results.json").write_text(json.dumps(told))
        made[recipe] = str(folder / recipe)
        if recipe == "cnn_fr":
            made["export"] = saved_model.export(model, str(folder / "export"))
    return made


@pytest.fixture
def go(places, capsys, tmp_path, monkeypatch):
    """Do a command on a model; (standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def do(command, model, *arguments, status=0, images=True):
        natural = ("--images", places["images"]) if images else ()
        with pytest.raises(SystemExit) as left:
            main([command, places.get(model, model), *QUICK, *natural, *map(str, arguments)])
        out, err = capsys.readouterr()
        assert left.value.code == status, err
        assert "Traceback" not in err
        return out, err

    return do


def one_spaced(text):
    return " ".join(text.split())


def content(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def arrays_of(path):
    with np.load(path) as archive:
        return dict(archive)


def alike(one, other, *names):
    """Whether two directories hold the same arrays and tables, to the bit."""
    first, second = content(one), content(other)
    return all(first[name] == second[name] for name in names or (outputs.TABLE, outputs.RESPONSES))


@pytest.mark.parametrize(("model", "method"), [("cae_fr", "latent"), ("export", "pixel")])
def test_the_files_say_what_was_made(go, model, method):
    out, _ = go("synthesize", model, "--neurons", "1,3-4", "--method", method, "--out", "mei")
    assert "3 images" in out and "results: mei" in out
    assert sorted(os.listdir("mei")) == sorted(("config.json", "results.json", *outputs.PRODUCTS))
    arrays = arrays_of("mei/synthesis.npz")
    assert arrays["images"].shape == (3, 8, 12, 1) and arrays["responses"].shape == (3, 5)
    assert np.abs(arrays["images"]).max() <= 1
    rows = pd.read_csv("mei/synthesis.csv")
    assert list(rows["neuron"]) == [1, 3, 4]
    own = arrays["responses"][np.arange(3), [1, 3, 4]]
    np.testing.assert_allclose(rows["score"], own, rtol=1e-4)
    best = arrays["natural_responses"][np.arange(3), [1, 3, 4]]
    np.testing.assert_allclose(rows["natural_score"], best, rtol=1e-4)
    contrast = json.loads(Path("mei/config.json").read_text())["contrast"]
    np.testing.assert_allclose(arrays["images"].std(axis=(1, 2, 3)), contrast, rtol=0.02)
    assert ("SIMULATED" in out) == (model == "cae_fr")


def test_the_terminal_says_both_comparisons(go):
    """At equal contrast, and with natural images as recorded, whose contrast is four times that."""
    out, _ = go("synthesize", "cnn_fr", "--out", "mei")
    rows = pd.read_csv("mei/synthesis.csv")
    equal, recorded = (
        f"{(rows['score'] > rows[name]).sum()} of 5 above the best"
        for name in ("natural_score", "natural_score_as_recorded")
    )
    assert equal != recorded
    lines = [line.split(": ") for line in out.splitlines()]
    (first,) = (said for where, said in lines if where == "at equal contrast")
    (second,) = (said for where, said in lines if "as recorded (contrast 0.428)" in where)
    assert first.startswith(equal) and second.startswith(recorded)
    results = Path("mei/results.json")
    found = json.loads(results.read_text())
    for name in ("median_natural_score_as_recorded", "above_best_natural_as_recorded"):
        del found[name]
    results.write_text(json.dumps(found))  # as versions before left it
    again, _ = go("synthesize", "cnn_fr", "--out", "mei")
    assert "at equal contrast" in again and "as recorded" not in again


def test_the_figures_say_that_what_they_compare_with_has_the_same_contrast(go, monkeypatch):
    drawn = []
    monkeypatch.setattr(canvas, "write", lambda path, figure: drawn.append(texts(figure)))
    np.save("wanted.npy", np.full((1, 5), 0.5))
    go("synthesize", "cnn_fr", "--neurons", "0", "--out", "mei")
    go("control", "cnn_fr", "--target", "one-hot", "--neurons", "0", "--out", "one")
    go("control", "cnn_fr", "--target", "vector", "--responses", "wanted.npy", "--out", "vector")
    for said in drawn:
        assert any("best" in text and "the same contrast" in one_spaced(text) for text in said)


def test_work_that_was_stopped_goes_on_to_the_same_bits(go, monkeypatch):
    monkeypatch.setattr(synthesis, "AT_ONCE", 2)
    go("synthesize", "cnn_fr", "--out", "whole")
    real, done = Work.write_part, []

    def stopped(self, number, arrays):
        if len(done) == 2:
            raise KeyboardInterrupt("stopped by SIGTERM")
        real(self, number, arrays)
        done.append(number)

    monkeypatch.setattr(Work, "write_part", stopped)
    _, err = go("synthesize", "cnn_fr", "--out", "parts", status=130)
    assert "goes on with it" in err and not os.path.exists("parts/results.json")
    again = []
    monkeypatch.setattr(
        Work,
        "write_part",
        lambda self, number, arrays: (again.append(number), real(self, number, arrays)),
    )
    go("synthesize", "cnn_fr", "--out", "parts")
    assert done == [0, 1] and again == [2, 3, 4]
    assert alike("whole", "parts")
    assert not os.path.exists("parts/parts")


def test_one_start_has_no_spread(go):
    out, _ = go("synthesize", "cnn_fr", "--neurons", "0", "--starts", 1, "--out", "one")
    assert "one start" in out and "SD" not in out
    assert pd.read_csv("one/synthesis.csv")["starts_sd"].isna().all()
    assert json.loads(Path("one/results.json").read_text())["median_sd_over_starts"] is None


def test_finished_work_is_reported_and_other_work_refused(go):
    first, _ = go("synthesize", "cnn_fr", "--neurons", "0", "--out", "mei")
    before = content("mei")
    again, err = go("synthesize", "cnn_fr", "--neurons", "0", "--out", "mei")
    assert again == first and "is finished" in err and content("mei") == before
    _, err = go("synthesize", "cnn_fr", "--neurons", "0", "--seed", 1, "--out", "mei", status=2)
    assert "expected work with seed 1" in err and "--overwrite" in err and content("mei") == before
    go("synthesize", "cnn_fr", "--neurons", "0", "--seed", 1, "--out", "mei", "--overwrite")
    assert json.loads(Path("mei/config.json").read_text())["seed"] == 1
    go("synthesize", "cnn_fr", "--neurons", "0", "--out", "other")
    go("synthesize", "cnn_fr", "--neurons", "0", "--out", "mei", "--overwrite")
    assert alike("mei", "other")


def test_a_directory_of_other_files_is_left_alone(go):
    os.makedirs("mine")
    Path("mine/notes.txt").write_text("mine")
    _, err = go("synthesize", "cnn_fr", "--out", "mine", "--overwrite", status=2)
    assert "--out" in err and "notes.txt" in err
    assert os.listdir("mine") == ["notes.txt"]


def test_control_leaves_targets_beside_what_was_achieved(go):
    np.save("wanted.npy", np.full((2, 5), 0.5))
    for target, goals, arguments in (
        ("one-hot", 2, ("--neurons", "0,2")),
        ("group", 1, ("--neurons", "0,2")),
        ("vector", 2, ("--responses", "wanted.npy")),
    ):
        out, _ = go("control", "cnn_fr", "--target", target, *arguments, "--out", target)
        rows = pd.read_csv(f"{target}/responses.csv")
        assert len(rows) == goals * 5
        arrays = arrays_of(f"{target}/synthesis.npz")
        np.testing.assert_allclose(rows["response"], arrays["responses"].ravel(), rtol=1e-4)
        np.testing.assert_allclose(rows["target"], arrays["target"].ravel())
        assert os.path.getsize(f"{target}/synthesis.png") > 5000
    made = arrays_of("vector/synthesis.npz")
    assert np.all(made["target"] == 0.5) and np.all(made["score"] <= 0)
    assert f"median score {np.median(made['score']):.3g} squared SDs (minus the mean over" in out
    assert "0 is exact" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cnn_fr", "--neurons", "4-2"), ("--neurons", "0-9,12", "4-2")),
        (("cnn_fr", "--neurons", "0,5"), ("--neurons", "0 to 4", "found 5")),
        (("cnn_fr", "--contrast", "1.5"), ("--contrast", "between 0 and 1", "1.5")),
        (("cnn_fr", "--contrast", "nan"), ("--contrast", "between 0 and 1", "nan")),
        (("cnn_fr", "--contrast", "0.8", "--mean", "0.5"), ("mean", "leaves room", "0.5")),
        (("cnn_fr", "--starts", "0"), ("--starts", "from 1 on", "0")),
        (("cnn_fr", "--method", "latent"), ("a continuous code", "without")),
        (("cae",), ("a readout", "without")),
        (("nowhere",), ("nowhere", "no such directory")),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(go, arguments, words):
    _, err = go("synthesize", *arguments, status=2)
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]
    assert not os.path.exists("runs")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--target", "vector"), ("--responses", "a file of responses", "None")),
        (("--target", "group", "--responses", "wide.csv"), ("--responses", "none with")),
        (("--target", "vector", "--responses", "wide.csv"), ("--responses", "5 neurons", "3 in")),
        (("--target", "vector", "--responses", "bad.csv"), ("bad.csv", "finite responses >= 0")),
        (("--target", "vector", "--responses", "text.csv"), ("text.csv", "numbers")),
        (("--target", "group", "--neurons", "0-3"), ("--neurons", "at least 2 neurons besides")),
    ],
)
def test_targets_that_cannot_be_used_are_refused_in_one_line(go, arguments, words):
    for name, text in (("wide", "1,2,3\n"), ("bad", "1,2,3,4,-5\n"), ("text", "a,b\n")):
        Path(f"{name}.csv").write_text(text)
    _, err = go("control", "cnn_fr", *arguments, status=2)
    (line,) = [line for line in err.splitlines() if line.strip()]
    for word in words:
        assert word in line


def test_a_model_without_a_recording_needs_images(go):
    _, err = go("synthesize", "export", status=2, images=False)
    assert "--images" in err and "found none" in err
