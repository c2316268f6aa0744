"""What CONTRIBUTING.md adds, a class and a row each, does all that what is built in does."""

import json
import os
import subprocess
import sys

import pytest
from diffs import diffs, tree_with
from runs import SMALL, outcome, write_recording

# By heading: a recipe with the addition, the options that choose it, its own option with a value that can't be used.
PARTS = {
    "A readout": ("cae_gauss", (), ("--mask-width", "0")),
    "A core": ("cae_fr", ("--core", "shallow", "--layer", "3"), ("--kernel-l1", "-1")),
    "A bottleneck": ("sae_fr", (), ("--latent-l1", "nan")),
}
TOGETHER = {"recipe": "sae_gauss", "core": "shallow", "layer": 3, "image_size": [8, 12], "max_steps": 20, "validate_every": 5, "batch_size": 16}

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
        done = subprocess.run([sys.executable, *map(str, arguments)], cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)},
                              capture_output=True, text=True, timeout=600)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recording") / "mine.npz")


def fit(python, headings, recipe, *options, status=0):
    """`python -m recipes.<recipe>`, of a recipe that needs no file."""
    code = f"from daenr_tf.commands.fit import main; main({recipe!r})"
    return python(headings, "-c", code, *options, status=status)


def test_every_part_of_the_page_with_a_diff_is_put_to_work():
    assert diffs().keys() == PARTS.keys()


@pytest.mark.parametrize("kind", PARTS)
def test_its_settings_go_to_json_and_back(kind, python):
    recipe, chosen, (option, _) = PARTS[kind]
    settings = dict(zip((name[2:] for name in chosen[::2]), chosen[1::2], strict=True))
    if "layer" in settings:
        settings["layer"] = int(settings["layer"])
    said = python((kind,), "-c", CONFIGURED, recipe, json.dumps(settings), option[2:].replace("-", "_")).stdout.split()
    assert len(said) == 2 and said[0] != said[1] == "0.7"


@pytest.mark.parametrize("kind", PARTS)
def test_its_option_is_in_the_help_and_a_bad_value_is_refused_by_name(kind, python):
    recipe, chosen, (option, bad) = PARTS[kind]
    assert option in fit(python, (kind,), recipe, "--help").stdout
    said = fit(python, (kind,), recipe, *chosen, option, bad, status=2).stderr
    assert said.count("\n") == 1 and f"{option}: expected a number" in said and f"found {bad}" in said


def test_models_without_the_part_refuse_its_option(python):
    said = fit(python, ("A readout",), "cae_fr", "--mask-width", "1", status=2).stderr
    assert "--mask-width: cae_fr has no such option" in said and "cnn_gauss, cae_gauss, vae_gauss, vqvae_gauss" in said


def test_parts_that_were_added_work_together(python, recording, tmp_path):
    """A run of all three is stopped and goes on to the same bits, its export and its file answer alike, its core's penalty joins both brackets."""
    said = python(tuple(PARTS), "-c", LIFE, json.dumps(TOGETHER), recording, tmp_path).stderr
    assert "the paper has no sae_gauss: alpha:beta, unless you give them, are 1:0.001" in said
    assert outcome(str(tmp_path / "whole")) == outcome(str(tmp_path / "stopped"))
    assert set(os.listdir(tmp_path / "whole" / "run" / "figures")) == {"learning_curves.png", "masks.png", "pcc.png", "reconstructions.png"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
def test_each_addition_trains_by_itself(kind, python, recording, tmp_path):
    recipe, chosen, (option, _) = PARTS[kind]
    places = ("--run-dir", tmp_path / "run", "--export-dir", tmp_path / "export")
    fit(python, (kind,), recipe, *SMALL, *chosen, option, "0.5", "--alpha", "0", "--beta", "1", "--dataset", recording, *places)
    assert (tmp_path / "run" / "results.json").exists() and (tmp_path / "export" / "1" / "saved_model.pb").exists()
