"""What CONTRIBUTING.md adds, a class and a row each, does all that what is built in does."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from diffs import diffs, tree_with
from runs import SMALL, outcome, write_recording
from scipy.io import savemat

# By heading: a recipe with the addition, the options that choose it, its own option with a value that can't be used.
PARTS = {
    "A readout": ("cae_gauss", (), ("--mask-width", "0")),
    "A core": ("cae_fr", ("--core", "shallow", "--layer", "3"), ("--kernel-l1", "-1")),
    "A bottleneck": ("sae_fr", (), ("--latent-l1", "nan")),
}
OTHERS = ("A command", "A form of file", "A claim")
ALL = (*PARTS, *OTHERS)
TOGETHER = {
    "recipe": "sae_gauss",
    "core": "shallow",
    "layer": 3,
    "image_size": [8, 12],
    "max_steps": 20,
    "validate_every": 5,
    "batch_size": 16,
}

CONFIGURED = """
import json, sys
from daenr_tf.config import RunConfig, resolve

recipe, settings, option = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
for given in ({}, {option: 0.7}):
    config = resolve(recipe, {**settings, **given})
    text = json.dumps(config.to_dict())
    assert RunConfig.from_dict(json.loads(text)) == config
    print(json.loads(text)[option])
assert "tensorflow" not in sys.modules
"""
LIFE = """
import dataclasses, json, os, signal, sys
import numpy as np

import daenr_tf
from daenr_tf.config import resolve
from daenr_tf.runs import progress
from daenr_tf.runs.run import run

settings, recording_file, folder = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
config = resolve(settings["recipe"], {**settings, "dataset": recording_file})
places = {name: {"run_dir": f"{folder}/{name}/run", "export_dir": f"{folder}/{name}/export"} for name in ("whole", "stopped")}
run(config, **places["whole"])
validated = progress.Progress.validated

def stop_at_step_10(self, state, *rest):
    validated(self, state, *rest)
    if state.step == 10:
        signal.raise_signal(signal.SIGTERM)

progress.Progress.validated = stop_at_step_10
try:
    run(config, **places["stopped"])
    sys.exit("it was not stopped")
except KeyboardInterrupt:
    assert os.path.exists(f"{folder}/stopped/run/checkpoint") and not os.path.exists(f"{folder}/stopped/run/results.json")
progress.Progress.validated = validated
run(config, **places["stopped"])

import tensorflow as tf

images = np.random.default_rng(0).uniform(-1, 1, (3, *config.model.image_size, 1)).astype(np.float32)
served = tf.saved_model.load(f"{folder}/whole/export/1").signatures["serving_default"](images=tf.constant(images))
outputs = daenr_tf.load_model(f"{folder}/whole/run/model.keras").predict(images, verbose=0)
assert served.keys() >= outputs.keys() == {"reconstruction", "response"}
for head, value in outputs.items():
    np.testing.assert_allclose(served[head], value, atol=1e-6)

recording = daenr_tf.load_recording(recording_file)
targets = {"reconstruction": images, "response": np.ones((3, recording.neurons), np.float32)}
options = dataclasses.asdict(config.model)
for weights in ((0.0, 1.0), (1.0, 0.0), (0.5, 0.25)):
    model = daenr_tf.build_model(config.model, recording, *weights)
    logs = model.evaluate(images, targets, verbose=0, return_dict=True)
    core, latent, readout, activity = (options[name] * logs[name] for name in ("kernel_l1", "latent_l1", "readout_l1", "activity_l1"))
    brackets = logs["reconstruction"] + latent + core, logs["response"] + readout + activity + core
    assert core > 0 and latent > 0 and readout > 0 and activity > 0
    np.testing.assert_allclose(logs["loss"], np.dot(weights, brackets), rtol=1e-5)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Run Python on a copy of the package with some of the diffs applied: called with headings, arguments and the exit status that is expected."""
    trees = {}

    def run(headings, *arguments, status=0):
        if headings not in trees:
            trees[headings] = tree_with(tmp_path_factory.mktemp("tree"), *headings)
        tree = trees[headings]
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recording") / "mine.npz")


@pytest.fixture(scope="module")
def matlab_recording(recording, tmp_path_factory):
    """The same recording in another form."""
    path = tmp_path_factory.mktemp("recording") / "mine.mat"
    savemat(path, dict(np.load(recording)))
    return str(path)


@pytest.fixture(scope="module")
def life(python, matlab_recording, tmp_path_factory):
    """Runs with all that was added: (folder of `whole` and `stopped`, what was said)."""
    folder = tmp_path_factory.mktemp("life")
    return folder, python(ALL, "-c", LIFE, json.dumps(TOGETHER), matlab_recording, folder).stderr


def fit(python, headings, recipe, *options, status=0):
    return python(headings, "-m", "daenr_tf", "fit", recipe, *options, status=status)


def test_every_part_of_the_page_with_a_diff_is_put_to_work():
    assert tuple(diffs()) == ALL


@pytest.mark.parametrize("kind", PARTS)
def test_its_settings_go_to_json_and_back(kind, python):
    recipe, chosen, (option, _) = PARTS[kind]
    settings = dict(zip((name[2:] for name in chosen[::2]), chosen[1::2], strict=True))
    if "layer" in settings:
        settings["layer"] = int(settings["layer"])
    said = python(
        (kind,), "-c", CONFIGURED, recipe, json.dumps(settings), option[2:].replace("-", "_")
    ).stdout.split()
    assert len(said) == 2 and said[0] != said[1] == "0.7"


@pytest.mark.parametrize("kind", PARTS)
def test_its_option_is_in_the_help_and_a_bad_value_is_refused_by_name(kind, python):
    recipe, chosen, (option, bad) = PARTS[kind]
    assert option in fit(python, (kind,), recipe, "--help").stdout
    said = fit(python, (kind,), recipe, *chosen, option, bad, status=2).stderr
    assert (
        said.count("\n") == 1 and f"{option}: expected a number" in said and f"found {bad}" in said
    )


def test_models_without_the_part_refuse_its_option(python):
    said = fit(python, ("A readout",), "cae_fr", "--mask-width", "1", status=2).stderr
    assert (
        "--mask-width: cae_fr has no such option" in said
        and "cnn_gauss, cae_gauss, vae_gauss, vqvae_gauss" in said
    )


def test_parts_that_were_added_work_together(life):
    """A run of all three is stopped and goes on to the same bits, its export and its file answer alike, its core's penalty joins both brackets."""
    folder, said = life
    assert "the paper has no sae_gauss: alpha:beta, unless you give them, are 1:0.001" in said
    assert outcome(str(folder / "whole")) == outcome(str(folder / "stopped"))
    assert set(os.listdir(folder / "whole" / "run" / "figures")) == {
        "learning_curves.png",
        "masks.png",
        "pcc.png",
        "reconstructions.png",
    }


def test_a_command_is_one_of_daenr(python, life, tmp_path):
    assert (
        "the neurons that a run predicts best"
        in python(("A command",), "-m", "daenr_tf", "--help").stdout
    )
    assert "--count" in python(("A command",), "-m", "daenr_tf", "best", "--help").stdout
    for arguments, words in (
        (("--count", "few", "."), "--count: expected a whole number, found 'few'"),
        ((tmp_path,), "RUN: expected a finished run with a readout"),
        ((), "RUN: expected"),
    ):
        said = python(("A command",), "-m", "daenr_tf", "best", *arguments, status=2).stderr
        assert said.count("\n") == 1 and said.startswith("daenr best: ") and words in said
    run = life[0] / "whole" / "run"
    told = python(("A command",), "-m", "daenr_tf", "best", run, "--count", "2").stdout.split("\n")
    best = pd.read_csv(run / "neurons.csv").sort_values("pcc", ascending=False)["neuron"]
    assert [int(line.split()[0]) for line in told[1:3]] == list(best[:2]) and told[3:] == [""]


def test_a_form_of_file_is_read_as_any_other(python, recording, matlab_recording, tmp_path):
    code = "import daenr_tf, sys; print(*(daenr_tf.load_recording(path).digest for path in sys.argv[1:]))"
    first, second = python(
        ("A form of file",), "-c", code, recording, matlab_recording
    ).stdout.split()
    assert first == second
    assert "FILE.mat" in fit(python, ("A form of file",), "cae_fr", "--help").stdout
    (tmp_path / "damaged.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    said = fit(
        python, ("A form of file",), "cae_fr", "--dataset", tmp_path / "damaged.mat", status=2
    ).stderr
    assert said.count("\n") == 1 and "expected a MATLAB file of version 7.2 or older" in said


def test_cells_of_what_was_added_stand_in_the_report_and_are_judged(
    python, matlab_recording, tmp_path
):
    options = (
        "--core",
        "shallow",
        "--image-size",
        "12",
        "--max-steps",
        "20",
        "--kernel-l1",
        "0.2",
        "--mask-width",
        "0.4",
    )
    said = python(
        ALL,
        "-m",
        "daenr_tf",
        "reproduce",
        "--only",
        "table5",
        "--dataset",
        matlab_recording,
        "--models",
        "sae,sae_gauss",
        "--layers",
        "3",
        "--seeds",
        "1",
        "--budget",
        "quick",
        "--workers",
        "1",
        "--results-dir",
        tmp_path / "study",
        *options,
    ).stdout
    assert "C13 not decidable with this data: The joint variants' images have a higher PSNR" in said
    cells = sorted((tmp_path / "study" / "cells").iterdir())
    base, joint = (np.load(cell / "outputs.npz")["psnr"].mean() for cell in cells)
    assert [cell.name.split("-")[0] for cell in cells] == ["sae", "sae_gauss"]
    claims = pd.read_csv(tmp_path / "study" / "tables" / "claims.csv").set_index("claim")
    assert claims.loc["C13", "comparison"] == "SAE-Gauss3"
    assert claims.loc["C13", "effect"] == pytest.approx(joint - base, abs=1e-9)
    assert set(pd.read_csv(tmp_path / "study" / "tables" / "table5.csv")["model"]) == {
        "sae",
        "sae_gauss",
    }
    report = (tmp_path / "study" / "report.html").read_text(encoding="utf-8")
    assert "SAE-Gauss" in report and "C13" in report


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
def test_each_addition_trains_by_itself(kind, python, recording, tmp_path):
    recipe, chosen, (option, _) = PARTS[kind]
    places = ("--run-dir", tmp_path / "run", "--export-dir", tmp_path / "export")
    fit(
        python,
        (kind,),
        recipe,
        *SMALL,
        *chosen,
        option,
        "0.5",
        "--alpha",
        "0",
        "--beta",
        "1",
        "--dataset",
        recording,
        *places,
    )
    assert (tmp_path / "run" / "results.json").exists() and (
        tmp_path / "export" / "1" / "saved_model.pb"
    ).exists()
