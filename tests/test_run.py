"""A whole run from the command line, on a small recording: what it leaves, how it is stopped, and how it goes on."""

import contextlib
import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from runs import command, go, go_here, outcome, read_json, write_recording

import daenr_tf
from daenr_tf import metrics, pipeline
from daenr_tf.baselines.measure import BASELINES, measure
from daenr_tf.config import RunConfig
from daenr_tf.runs import interruption, run
from daenr_tf.runs.threads import computing_threads


@pytest.fixture(scope="module")
def recording_file(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recording") / "mine\xa0too.npz")


@pytest.fixture(scope="module")
def finished(recording_file, tmp_path_factory):
    """(folder, process); the folder's name has a no-break and an em space in it."""
    folder = tmp_path_factory.mktemp("finished") / "for\xa0Élise\u2003(2)"
    folder.mkdir()
    return str(folder), go("cae_fr", str(folder), "--dataset", recording_file)


def test_a_run_leaves_what_the_contract_names(finished):
    folder, done = finished
    left = set(os.listdir(os.path.join(folder, "run")))
    assert left == {
        "config.json",
        "history.csv",
        "results.json",
        "neurons.csv",
        "figures",
        "tensorboard",
        "model.keras",
        "checkpoint",
    }
    assert os.listdir(os.path.join(folder, "run", "checkpoint")) == [
        "state.npz"
    ]  # --max-steps ended it, and it may be raised
    assert set(os.listdir(os.path.join(folder, "run", "figures"))) == {
        "reconstructions.png",
        "learning_curves.png",
        "masks.png",
        "pcc.png",
    }
    assert os.listdir(os.path.join(folder, "export")) == ["1"]
    assert "Traceback" not in done.stderr and "test set" in done.stdout


def test_results_hold_the_counts_the_metrics_and_no_paper_figures_for_ones_own_recording(finished):
    results = read_json(finished[0], "run", "results.json")
    assert results["replicas"] == 1 and results["threads"] == [computing_threads()]
    assert results["dataset"]["counts"] == {
        "train": 64,
        "validation": 16,
        "test": 9,
        "neurons": 4,
        "repeats": 3,
    }
    assert results["dataset"]["simulated"] is False and len(results["dataset"]["digest"]) == 64
    assert set(results["test"]) == {
        "mse",
        "psnr",
        "ssim",
        "pcc",
        "pcc_normalized",
        "single_trial_pcc",
        "feve",
    }
    assert set(results["validation"]) == {"mse", "psnr", "ssim", "pcc", "monitored_loss"}
    assert results["test"]["ssim"] is None  # 8 pixels are fewer than the window's 11
    assert results["paper"] is None
    assert results["steps"] == 20 and results["best_step"] in (5, 10, 15, 20)
    for key in (
        "recipe",
        "config",
        "noise_ceiling",
        "parameters",
        "seconds",
        "images_per_second",
        "versions",
    ):
        assert results[key]


def test_history_has_a_row_per_validation_and_a_column_per_term(finished):
    with open(os.path.join(finished[0], "run", "history.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    terms = ("loss", "reconstruction", "response", "readout_l1", "activity_l1")
    assert list(rows[0]) == [
        "step",
        "stage",
        "learning_rate",
        *(f"train_{t}" for t in terms),
        *(f"val_{t}" for t in terms),
    ]
    assert [int(row["step"]) for row in rows] == [5, 10, 15, 20]


def test_neurons_table_agrees_with_the_saved_model(finished, recording_file):
    recording = daenr_tf.load_recording(recording_file)
    model = daenr_tf.load_model(os.path.join(finished[0], "run", "model.keras"))
    evaluation = daenr_tf.evaluate(model, recording)
    with open(os.path.join(finished[0], "run", "neurons.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "neuron",
        "pcc",
        "p_value",
        "significant",
        "noise_ceiling",
        "pcc_normalized",
        "single_trial_pcc",
        "fev",
        "feve",
    ]
    expected = metrics.pearson_per_neuron(evaluation.outputs["response"], recording.test_responses)
    np.testing.assert_allclose([float(row["pcc"]) for row in rows], expected, atol=1e-6)


def test_a_run_is_told_what_is_known_without_a_network(finished, recording_file):
    results = read_json(finished[0], "run", "results.json")
    recording = daenr_tf.load_recording(recording_file)
    sets = pipeline.prepare(recording, daenr_tf.ModelConfig(image_size=(8, 8)), 0)
    expected = {name: BASELINES[name] for name in ("pixels", "gabor")}
    assert results["baselines"].keys() == expected.keys()
    for measured in measure(recording, sets, expected.values()):
        for part in ("validation", "test"):
            for name, value in measured.facts[part].items():
                found = results["baselines"][measured.baseline.name][part][name]
                assert found == pytest.approx(value, abs=1e-6), (part, name)
    best = max(results["baselines"].values(), key=lambda one: one["validation"]["pcc"])
    sentence = f"cae_fr does not beat {best['title']} (validation mean PCC"
    behind = results["validation"]["pcc"] <= best["validation"]["pcc"]
    assert (sentence in finished[1].stdout) is behind
    assert any(sentence in note for note in results["notes"]) is behind
    assert "without a network, validation and test mean PCC: ridge, pixels" in finished[1].stdout


def test_a_finished_run_is_only_reported(finished, recording_file):
    folder, first = finished
    before = os.stat(os.path.join(folder, "run", "results.json")).st_mtime_ns
    done = go("cae_fr", folder, "--dataset", recording_file)
    assert "finished" in done.stderr and done.stdout == first.stdout
    assert os.stat(os.path.join(folder, "run", "results.json")).st_mtime_ns == before
    assert os.listdir(os.path.join(folder, "export")) == ["1"]


@pytest.mark.parametrize(
    "options, named",
    [
        (("--max-steps", "10"), "max_steps"),
        (("--learning-rate", "0.01"), "learning_rate"),
        (("--layer", "1"), "layer"),
    ],
)
def test_another_configuration_in_the_directory_is_refused_by_its_first_difference(
    finished, recording_file, options, named
):
    done = go_here("cae_fr", finished[0], "--dataset", recording_file, *options, status=2)
    assert named in done.stderr and len(done.stderr.splitlines()) == 1


def test_another_recording_in_the_directory_is_refused(finished, recording_file, tmp_path):
    other = str(tmp_path / "mine.npz")
    with np.load(recording_file) as archive:
        arrays = dict(archive)
    np.savez(other, **{**arrays, "responses": arrays["responses"] + 1})
    done = go_here("cae_fr", finished[0], "--dataset", other, status=2)
    assert "digest" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def as_it_is(tmp_path_factory):
    """A run on colour images, 6 of them shown 2 to 4 times: (folder, path of the recording, what it said)."""
    folder, generator = tmp_path_factory.mktemp("as_it_is"), np.random.default_rng(2)
    which = np.repeat(np.arange(46), [2, 4, 3, 3, 3, 2] + [1] * 40)
    path = str(folder / "colour.npz")
    np.savez(
        path,
        images=generator.integers(0, 256, (46, 10, 12, 3), np.uint8)[which],
        responses=generator.gamma(1.0, 1.0, (len(which), 4)),
    )
    return (
        str(folder),
        path,
        go_here("cnn_fr", str(folder), "--dataset", path, "--repeats-as-test").stderr,
    )


def test_what_becomes_of_ones_own_images_is_told_at_the_start_and_in_the_results(as_it_is):
    folder, _, said = as_it_is
    notes = read_json(folder, "run", "results.json")["notes"]
    for words in (
        "colour images are turned to grey (--color rgb keeps it)",
        "images of 10x12 are resized to 8x8, which changes their proportions (--image-size takes another size)",
        "The 6 stimuli that were shown several times are the test set, their 2 to 4 presentations its trials",
    ):
        assert words in said and any(words in note for note in notes)


def test_repeats_become_trials_and_belong_to_the_runs_settings(as_it_is):
    folder, path, _ = as_it_is
    results = read_json(folder, "run", "results.json")
    assert results["dataset"]["counts"] == {
        "train": 32,
        "validation": 8,
        "test": 6,
        "neurons": 4,
        "repeats": 4,
        "repeats_least": 2,
    }
    assert results["config"]["repeats_as_test"] is True
    assert (
        results["dataset"]["digest"] == daenr_tf.load_recording(path, repeats_as_test=True).digest
    )
    done = go_here("cnn_fr", folder, "--dataset", path, status=2)
    assert "repeats_as_test" in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_published_and_simulated_images_are_resized_without_a_word(make_recording):
    recording = make_recording(height=31, width=31)
    for dataset, told in (("simulated", False), ("antolik", False), ("mine.npz", True)):
        assert (
            any("resized" in note for note in run.notes_of(RunConfig(dataset=dataset), recording))
            is told
        )


def test_colour_is_not_made_of_a_grey_recording(recording_file, tmp_path):
    done = go_here("cae_fr", str(tmp_path), "--dataset", recording_file, "--color", "rgb", status=2)
    assert "--color" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not os.path.exists(tmp_path / "run")


def test_a_run_directory_whose_name_is_no_utf_8_is_refused(recording_file, tmp_path):
    odd = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    done = subprocess.run(
        [os.fsencode(part) for part in command("cnn_fm", "", "--dataset", recording_file)]
        + [b"--run-dir", odd],
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert b"--run-dir" in done.stderr and b"UTF-8" in done.stderr and not os.path.exists(odd)


def test_a_no_break_space_in_every_name_is_no_hindrance(finished):
    place = pathlib.Path(finished[0])
    results = read_json(str(place), "run", "results.json")
    assert results["saved_model"] == str(place / "export" / "1")
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype(np.float32)
    expected = daenr_tf.load_model(str(place / "run" / "model.keras"))(images)
    served = tf.saved_model.load(results["saved_model"]).signatures["serving_default"](
        images=tf.constant(images)
    )
    np.testing.assert_allclose(served["response"], expected["response"], atol=1e-5)
    (events,) = (place / "run" / "tensorboard" / "validation").iterdir()
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert {"loss", "response"} <= {tag.split("/")[-1] for tag in tags}, tags


@pytest.fixture(scope="module")
def repeated(finished, recording_file, tmp_path_factory):
    """The same run by its config.json, with names that are no UTF-8, and on every device, of which there is one: (results, standard error)."""
    folder = os.fsencode(tmp_path_factory.mktemp("repeated"))
    settings, dataset, run_dir = (
        os.path.join(folder, b"caf\xe9.json"),
        os.path.join(folder, b"\xff.npz"),
        os.path.join(folder, b"run"),
    )
    shutil.copy(os.path.join(finished[0], "run", "config.json"), settings)
    shutil.copy(recording_file, dataset)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "recipes.cae_fr",
            "--config",
            settings,
            "--dataset",
            dataset,
            "--strategy",
            "mirrored",
            "--run-dir",
            run_dir,
            "--export-dir",
            os.path.join(folder, b"export"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return read_json(os.fsdecode(run_dir), "results.json"), done.stderr


def test_config_file_repeats_the_run_and_names_may_have_any_bytes(finished, repeated):
    first, second = read_json(finished[0], "run", "results.json"), repeated[0]
    assert os.fsencode(second["config"]["dataset"]).endswith(b"/\xff.npz")
    assert first["test"] == second["test"]
    assert {**first["config"], "dataset": None, "strategy": None} == {
        **second["config"],
        "dataset": None,
        "strategy": None,
    }


def test_mirrored_on_one_device_is_told_to_be_one_replica(finished, repeated):
    results, said = repeated
    assert results["replicas"] == 1
    for line in (said, *[note for note in results["notes"] if "replica" in note]):
        assert "--strategy mirrored found one device only" in line
    assert any("replica" in note for note in results["notes"])
    assert "replica" not in finished[1].stderr


def test_a_directory_that_is_no_runs_is_refused_and_left_alone(recording_file, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    for extra in ((), ("--overwrite",)):
        go_here("cae_fr", str(tmp_path), "--dataset", recording_file, *extra, status=2)
    assert os.listdir(tmp_path / "run") == ["thesis.txt"]


def start(recipe, folder, *options):
    process = subprocess.Popen(
        command(recipe, folder, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_a_state(process, folder)
    return process


def wait_for_a_state(process, folder):
    deadline = time.monotonic() + 200
    while not os.path.exists(os.path.join(folder, "run", "checkpoint", "state.npz")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


LONG = ("--max-steps", "300", "--patience-steps", "300")


STANDING_STILL = """
import os, sys, time
from daenr_tf.runs.quiet import import_tensorflow
import_tensorflow()
from daenr_tf.commands import fit
from daenr_tf import training
evaluate_terms = training.evaluate_terms

def stand_still(*arguments):
    if os.path.exists(os.path.join(sys.argv[2], "checkpoint", "state.npz")):
        print("standing still", flush=True)
        time.sleep(120)
    return evaluate_terms(*arguments)

training.evaluate_terms = stand_still
fit.main("vae_fc")
"""


def popen(arguments):
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def saved_at(place):
    """When the last state was saved; None in the instant in which it becomes the one before the last."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(os.path.join(place, "run", "checkpoint", "state.npz")).st_mtime_ns


@pytest.fixture(scope="module")
def whole(recording_file, tmp_path_factory):
    """What a longer run comes to that nobody stops; its dropout and its latent are drawn anew in every step."""
    folder = str(tmp_path_factory.mktemp("whole"))
    go("vae_fc", folder, "--dataset", recording_file, *LONG)
    return outcome(folder)


@pytest.mark.slow
def test_a_run_that_is_stopped_again_and_again_goes_on_to_the_same_end(
    recording_file, tmp_path, whole
):
    """By SIGTERM; by two Ctrl-C, the second in a validation that would take two minutes; killed at work, and killed in its start-up."""
    place = str(tmp_path)
    arguments = command("vae_fc", place, "--dataset", recording_file, *LONG)
    process = start("vae_fc", place, "--dataset", recording_file, *LONG)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=200)
    assert process.returncode == 130, said
    assert "the same command goes on" in said.strip().splitlines()[-1] and "Traceback" not in said
    assert not os.path.exists(os.path.join(place, "run", "results.json"))

    process = popen([sys.executable, "-c", STANDING_STILL, *arguments[3:]])
    assert process.stdout.readline() == "standing still\n", process.communicate()
    process.send_signal(signal.SIGINT)
    heard = []
    while heard[-1:] != ["stopping at the next validation, with the state saved\n"]:
        heard.append(process.stderr.readline())
        assert process.poll() is None, heard
    assert any(line.startswith("going on from step") for line in heard)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (
        said
        == f"recipes.vae_fc: stopped by a second Ctrl-C; the same command goes on with {os.path.join(place, 'run')}\n"
    )

    before, process = saved_at(place), popen(arguments)
    while saved_at(place) in (None, before):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.communicate() and process.returncode == -signal.SIGKILL
    process = popen(arguments)
    time.sleep(0.5)
    process.kill()
    assert process.communicate() and process.returncode == -signal.SIGKILL

    done = go("vae_fc", place, "--dataset", recording_file, *LONG)
    assert "going on from step" in done.stderr
    assert outcome(place) == whole


@pytest.mark.slow
@pytest.mark.parametrize("between", [0, 0.01, 0.3, 1.5])
def test_two_ctrl_c_at_random_instants(recording_file, tmp_path, whole, between):
    """The second may be taken for the first, come while that is obeyed, or when all is done: never a traceback, never a lost run."""
    for attempt, seconds in enumerate(np.random.default_rng(int(100 * between)).uniform(0, 10, 3)):
        place = str(tmp_path / str(attempt))
        process = popen(command("vae_fc", place, "--dataset", recording_file, *LONG))
        while not os.path.exists(os.path.join(place, "run", "config.json")):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        time.sleep(between)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, 130, -signal.SIGINT) and "Traceback" not in said, said
        if process.returncode == 130:
            assert said.splitlines()[-1].startswith("recipes.vae_fc: "), said
        elif process.returncode:  # in Python's own last moments, when everything is written
            assert os.path.exists(os.path.join(place, "run", "results.json"))
        go("vae_fc", place, "--dataset", recording_file, *LONG)
        assert outcome(place) == whole


def test_a_ctrl_c_that_strikes_where_python_drops_exceptions_comes_again():
    class Clumsy:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="a second Ctrl-C"), interruption.watched() as stop:
        Clumsy()
        time.sleep(60)
    assert stop()


def test_a_signal_that_is_ignored_stays_ignored():
    """As under nohup, where a lost terminal is to end nothing."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.watched() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop()
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop()
    finally:
        signal.signal(signal.SIGHUP, before)


ENDLESS = ("--max-steps", "100000", "--patience-steps", "100000")


def test_a_second_run_is_refused_and_told_who_holds_the_directory_and_one_that_takes_it_is_left_alone(
    recording_file, tmp_path
):
    """The directory of a run at work is removed, and a run of another seed begins and ends there: the first writes nothing there."""
    place = str(tmp_path)
    first = start("cae_fr", place, "--dataset", recording_file, *ENDLESS)
    try:
        done = go_here("cae_fr", place, "--dataset", recording_file, *ENDLESS, status=1)
        assert f"process {first.pid}" in done.stderr
        shutil.rmtree(os.path.join(place, "run"))
        go_here("cae_fr", place, "--dataset", recording_file, "--seed", "1")
        left = outcome(place)
        first.send_signal(signal.SIGTERM)
        _, said = first.communicate(timeout=200)
    finally:
        first.kill()
    # It may have seen for itself, at a save, and be on its way out when the signal comes.
    assert (
        first.returncode in (1, -signal.SIGTERM)
        and "was removed or taken by another process" in said
        and "Traceback" not in said
    ), said
    assert f"{place}/run" in said
    assert outcome(place) == left and left[1]["config"]["seed"] == 1
    assert os.listdir(os.path.join(place, "run", "checkpoint")) == [
        "state.npz"
    ] and "lock" not in os.listdir(os.path.join(place, "run"))


@pytest.fixture(scope="module")
def hung_up(recording_file, tmp_path_factory):
    """A run on one core whose terminal was lost after it had saved a state: (folder, exit status)."""
    place = str(tmp_path_factory.mktemp("hung_up"))
    one_core = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [*one_core, *command("cae_fc", place, "--dataset", recording_file, *LONG)],
        stdout=writer,
        stderr=writer,
    )
    wait_for_a_state(process, place)
    os.close(writer)
    os.close(reader)
    process.send_signal(signal.SIGHUP)
    return place, process.wait(timeout=200)


def test_a_lost_terminal_saves_the_state(hung_up):
    place, status = hung_up
    assert status == 130
    assert os.path.exists(os.path.join(place, "run", "checkpoint", "state.npz"))
    assert not os.path.exists(os.path.join(place, "run", "results.json"))


@pytest.mark.slow
def test_results_name_the_threads_and_going_on_with_others_is_told(
    hung_up, recording_file, tmp_path
):
    """A run that is stopped on one core and goes on on all of them gives other bits."""
    place = str(tmp_path)
    shutil.copytree(hung_up[0], place, dirs_exist_ok=True)
    done = subprocess.run(
        command("cae_fc", place, "--dataset", recording_file, *LONG),
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    results = read_json(place, "run", "results.json")
    assert done.returncode == 0 and results["threads"] == [1, 2]
    assert "1, then 2 threads" in done.stderr and any(
        "1, then 2 threads" in note for note in results["notes"]
    )


def test_divergence_ends_with_status_3_and_the_best_weights(recording_file, tmp_path):
    done = go_here(
        "cae_fr", str(tmp_path), "--dataset", recording_file, "--learning-rate", "1e38", status=3
    )
    assert "diverged" in done.stderr
    assert os.path.exists(tmp_path / "run" / "model.keras") and not os.path.exists(
        tmp_path / "run" / "results.json"
    )


ON_TWO = """
import contextlib, json, sys
import numpy as np
from daenr_tf.runs.quiet import import_tensorflow
import_tensorflow()
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import daenr_tf
from daenr_tf.commands.fit import main

arguments, path, images, recording, run_dir = sys.argv[1:]
try:
    main("cae_fr", json.loads(arguments))
except SystemExit as left:
    assert left.code == 0
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    model = daenr_tf.load_model(path)
assert model.distribute_strategy.num_replicas_in_sync == 2
outputs = model(np.load(images)["images"])
np.savez(images, **{head: np.asarray(output) for head, output in outputs.items()})
training = daenr_tf.train(
    model,
    daenr_tf.load_recording(recording),
    daenr_tf.TrainConfig(max_steps=3, validate_every=3, batch_size=8),
    run_dir,
)
assert training.steps == 3 and np.isfinite(training.history.to_numpy()).all()
"""
IMAGES = np.random.default_rng(0).uniform(-1, 1, (5, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def on_two(finished, recording_file, run_python, tmp_path_factory):
    """A process with two devices: the mirrored run; and the finished run's model, loaded, asked and trained (folder)."""
    place = tmp_path_factory.mktemp("on_two")
    np.savez(place / "images.npz", images=IMAGES)
    mirrored = command("cae_fr", str(place), "--dataset", recording_file, "--strategy", "mirrored")
    model = os.path.join(finished[0], "run", "model.keras")
    places = (model, place / "images.npz", recording_file, place / "trained")
    run_python(ON_TWO, json.dumps(mirrored[3:]), *places)
    return place


def test_mirrored_on_two_devices_gives_the_results_of_one(finished, on_two):
    results = read_json(str(on_two), "run", "results.json")
    assert results["replicas"] == 2 and not any("replica" in note for note in results["notes"])
    one, two = read_json(finished[0], "run", "results.json")["test"], results["test"]
    assert one["mse"] == pytest.approx(two["mse"], rel=1e-4) and one["pcc"] == pytest.approx(
        two["pcc"], abs=1e-3
    )
    model = daenr_tf.load_model(str(on_two / "run" / "model.keras"))
    assert model.heads == ["reconstruction", "response"]


def test_a_model_saved_without_replicas_is_loaded_and_trained_on_two(finished, on_two):
    expected = daenr_tf.load_model(os.path.join(finished[0], "run", "model.keras"))(IMAGES)
    with np.load(on_two / "images.npz") as found:
        for head, output in expected.items():
            np.testing.assert_allclose(found[head], output, atol=1e-6)


def test_a_disk_that_takes_no_more_ends_with_status_1_and_nothing_half_written(
    recording_file, tmp_path
):
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        f"from daenr_tf.commands.fit import main; main('cae_fr', {command('cae_fr', str(tmp_path), '--dataset', recording_file)[3:]!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "could not be written" in done.stderr.splitlines()[-1]
    left = {name for _, _, names in os.walk(tmp_path) for name in names if "events" not in name}
    assert left == {"config.json", "recording"}


FILL = """
mount -t tmpfs -o size="$2" none "$1" || exit 77
shift 2
"$@"; echo "status $?"
mount -o remount,size=200m "$PLACE"
"$@"; echo "status $?"
cp -r "$PLACE" "$PLACE.out"
"""


@pytest.mark.slow
@pytest.mark.parametrize("size", ["64k", "1m", "2m", "4m", "6m", "8m"])
def test_a_disk_that_is_full_anywhere_in_a_run_costs_no_run(
    finished, recording_file, tmp_path, size
):
    """A file system that small, in a name space of its own; with more room the same command comes to the same end."""
    place = str(tmp_path / "disk")
    os.mkdir(place)
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            FILL,
            "sh",
            place,
            size,
            *command("cae_fr", place, "--dataset", recording_file),
        ],
        env={**os.environ, "PLACE": place},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode == 77:
        pytest.skip("no file system can be mounted here")
    statuses = [line for line in done.stdout.splitlines() if line.startswith("status")]
    assert (
        statuses in (["status 1", "status 0"], ["status 0", "status 0"])
        and "Traceback" not in done.stderr
    ), done.stderr
    assert "could not be written" in done.stderr or "can't be written" in done.stderr, done.stderr
    assert outcome(f"{place}.out") == outcome(finished[0])


TWICE = """
import json, sys
from daenr_tf.commands.fit import main
for arguments in sys.argv[1:]:
    try:
        main("vqvae_fc", json.loads(arguments))
    except SystemExit as left:
        assert left.code == 0
"""


@pytest.mark.slow
def test_deterministic_gives_the_same_bits_twice(recording_file, tmp_path, run_python):
    places = [str(tmp_path / name) for name in ("a", "b")]
    given = ("--dataset", recording_file, "--deterministic")
    run_python(TWICE, *(json.dumps(command("vqvae_fc", place, *given)[3:]) for place in places))
    assert outcome(places[0]) == outcome(places[1])


AFTERWARDS = """
import json, sys
from daenr_tf.commands.fit import main
try:
    main("cnn_fr", json.loads(sys.argv[1]))
except SystemExit as left:
    assert left.code == 0
import tensorflow as tf
print("shuffled", len(list(tf.data.Dataset.range(9).shuffle(9))))
"""


def test_deterministic_leaves_the_process_fit_for_other_work(recording_file, tmp_path, run_python):
    """TensorFlow refuses random operations without a seed once it is deterministic: there is one."""
    given = command("cnn_fr", str(tmp_path / "run"), "--dataset", recording_file, "--deterministic")
    assert "shuffled 9" in run_python(AFTERWARDS, json.dumps(given[3:]))
