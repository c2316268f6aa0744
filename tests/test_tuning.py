"""`daenr tune`: what is searched, that trials are told from one another and go on, and what comes out."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from clusters import wait_until
from drawing import assert_nothing_is_cut_or_covered, texts
from refusal import refused
from runs import in_this_process, read_json, write_recording
from stub_trial import loss

from daenr_tf import systems
from daenr_tf.commands import tune_options
from daenr_tf.commands.main import main
from daenr_tf.commands.process import Call
from daenr_tf.config import ModelConfig, RunConfig, TrainConfig
from daenr_tf.plotting import tuning_figures
from daenr_tf.tuning import search, space, storage
from daenr_tf.tuning.record import Record, opened
from daenr_tf.tuning.tuning import Tuning

SIZE = ("--image-size", "8")


def config(recipe="cnn_fr", **training):
    return RunConfig(ModelConfig(recipe), TrainConfig(**training), dataset="simulated")


def names(found):
    return [one.name for one in found.dimensions]


# What is searched


def test_the_declared_options_of_a_models_parts_are_searched_and_of_joint_ones_alpha_beta():
    assert names(space.around(config(), (), {})) == ["readout_l1", "activity_l1"]
    found = space.around(config("cae_fr", task="nrs"), (), {})
    assert names(found) == ["alpha:beta", "readout_l1", "activity_l1"]
    start = found.start.training
    ratio = found.dimensions[0]
    assert ratio.usual == start.alpha / start.beta and ratio.log and not ratio.whole
    assert (ratio.low, ratio.high) == pytest.approx((ratio.usual / 100, ratio.usual * 100))


def test_a_part_that_declares_a_range_is_searched_there(monkeypatch):
    row = systems.READOUTS["fr"]
    extra = dataclasses.replace(
        row.options[0], name="batch_norm_momentum", search=(0.5, 0.9, False)
    )
    core = dataclasses.replace(systems.CORES["daenr"], options=(extra,))
    monkeypatch.setitem(systems.CORES, "daenr", core)
    found = space.around(config(), (), {})
    assert ("batch_norm_momentum", 0.5, 0.9, False) in [
        (one.name, one.low, one.high, one.log) for one in found.dimensions
    ]


def test_what_is_given_is_not_searched_and_ranges_of_ones_own_win():
    found = space.around(config(), ("readout_l1",), {})
    assert names(found) == ["activity_l1"]
    assert names(space.around(config("cae_fr"), ("beta",), {})) == ["readout_l1", "activity_l1"]
    asked = dict(map(space.read, ("readout-l1=0.5:0.6", "layer=1:4", "learning_rate=1e-4:1e-2")))
    found = {one.name: one for one in space.around(config(), (), asked).dimensions}
    assert (found["readout_l1"].low, found["readout_l1"].log) == (0.5, True)  # the declared scale
    assert found["learning_rate"].log and not found["layer"].log and found["layer"].whole
    assert not found["readout_l1"].has_usual and found["layer"].has_usual
    (one,) = space.around(
        config(), ("activity_l1",), dict([space.read("readout_l1=0:1")])
    ).dimensions
    assert not one.log  # there is no logarithm of 0


def test_a_trials_configuration_has_its_values_and_the_first_ones_is_what_the_search_starts_from():
    found = space.around(config("cae_fr", task="nrs", alpha=3.0, beta=7.0), (), {})
    assert found.config(None) == found.start
    for ratio, weights in ((0.25, (0.25, 1.0)), (4.0, (1.0, 0.25))):
        made = found.config({"alpha:beta": ratio, "readout_l1": 0.3, "activity_l1": 0.2})
        assert (made.training.alpha, made.training.beta) == pytest.approx(weights)
        assert (made.model.readout_l1, made.model.activity_l1) == (0.3, 0.2)
    assert space.differing(made, found.start).keys() == {
        "alpha",
        "beta",
        "readout_l1",
        "activity_l1",
    }


BAD_RANGES = {
    "a form that is none": ("readout_l1", "expected NAME=LOW:HIGH"),
    "no numbers": ("readout_l1=a:b", "expected numbers LOW < HIGH"),
    "an upside-down range": ("readout_l1=2:1", "expected numbers LOW < HIGH"),
    "an empty range": ("readout_l1=1:1", "expected numbers LOW < HIGH"),
    "a logarithm of 0": ("readout_l1=0:1:log", "expected LOW > 0 on a logarithmic scale"),
    "a setting that is none": ("nonsense=1:2", "expected a setting among alpha:beta, "),
    "a value that can't be": ("layer=1:9", "layer: expected one of 1, 2, 3, 4, found 9"),
    "a share of a layer": ("layer=1:2.5", "expected whole numbers for layer"),
    "a ratio of 0": ("alpha:beta=0:1", "expected alpha:beta > 0"),
}


@pytest.mark.parametrize("case", BAD_RANGES)
def test_a_range_that_cannot_be_used_is_refused_in_one_line(case):
    text, words = BAD_RANGES[case]
    with refused("--search: ", words):
        read("cae_fr", "--search", text)


def read(*arguments):
    return tune_options.read(Call("tune", "daenr tune", [*arguments, "--out", "out"]))


def test_what_is_searched_and_given_or_leaves_nothing_to_search_is_refused():
    with refused("--search: expected readout_l1 or --readout-l1, found both"):
        read("cnn_fr", "--search", "readout_l1=0.1:1", "--readout-l1", "0.2")
    with refused("--search: expected alpha:beta or --alpha, found both"):
        read("cae_fr", "--search", "alpha:beta=0.1:1", "--alpha", "0.2")
    with refused("--search: expected a setting of cae to search (", "latent_size"):
        read("cae")
    with refused("--workers: expected no number beside --scheduler"):
        read("cnn_fr", "--workers", "2", "--scheduler", "tcp://localhost:1")


def test_an_option_is_for_those_recipes_that_have_it_and_refused_where_none_has():
    spaces, _, _ = read("cnn_fr", "cae_fr", "--task", "nrs", "--latent-size", "7", "--alpha", "0.5")
    single, joint = (one.start for one in spaces)
    assert joint.model.latent_size == 7 and joint.training.alpha == 0.5
    assert single.model.latent_size == 100 and single.training.alpha == 0
    assert [names(one) for one in spaces] == [["readout_l1", "activity_l1"]] * 2
    with refused("--latent-size: cnn_fr has no such option; models that have it: cae, vae, cae_fr"):
        read("cnn_fr", "--latent-size", "7")


# Trials of a closed form, in processes without TensorFlow


@pytest.fixture
def stub(monkeypatch):
    """Trials' processes are `stub_trial`."""
    monkeypatch.setattr(search, "WORK", "stub_trial")
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recording") / "mine.npz")


def tune(recording, out, *options, recipes=("cnn_fr",), status=0):
    arguments = [
        "tune",
        *recipes,
        "--dataset",
        recording,
        "--out",
        str(out),
        *SIZE,
        "--workers",
        "1",
    ]
    done = in_this_process(main, [*arguments, *options])
    assert done.returncode == status, done.stderr
    return done


def trace(out):
    return [json.loads(line) for line in (out / "trace").read_text().splitlines()]


def tried(out, recipe="cnn_fr"):
    return pd.read_csv(out / recipe / "trials.csv")


def test_every_recipe_has_as_many_trials_the_first_with_the_defaults_and_the_best_is_taken(
    stub, recording, tmp_path
):
    out = tmp_path / "out"
    said = tune(recording, out, "--task", "nrs", "--trials", "4", recipes=("cnn_fr", "cae_fr"))
    for recipe in ("cnn_fr", "cae_fr"):
        table, told = tried(out, recipe), read_json(out, recipe, "tuning.json")
        ordered = [one for one in trace(out) if one["name"].startswith(recipe)]
        assert (
            list(table["trial"]) == [0, 1, 2, 3] and list(table["default"]) == [True] + [False] * 3
        )
        np.testing.assert_allclose(table["value"], list(map(loss, ordered)))
        assert (ordered[0]["readout_l1"], ordered[0]["activity_l1"]) == (0.02, 0.01)
        best = table.loc[table["value"].idxmin()]
        assert told["best"]["trial"] == best["trial"] and told["best"]["value"] == best["value"]
        assert told["default"] == {"trial": 0, "value": table["value"][0]}
        assert told["gain"] == pytest.approx(table["value"][0] - best["value"])
        assert told["trials"] == {
            **{"wanted": 4, "finished": 4, "pruned": 0, "diverged": 0, "failed": 0, "left": 0}
        }
        assert told["recording"]["counts"] == {"train": 64, "validation": 16, "neurons": 4}
        taken = read_json(out, recipe, "best.json")
        RunConfig.from_dict(taken)
        assert taken["readout_l1"] == best["readout_l1"] and taken["dataset"] == recording
        for figure in ("history.png", "importance.png"):
            assert (out / recipe / figure).stat().st_size > 1000
        assert f"daenr fit {recipe} --config {out}/{recipe}/best.json" in said.stdout
    assert not list(out.rglob("*.part")) and not (out / "lock").exists()
    assert "compared" not in said.stderr


def test_recipes_of_different_tasks_are_told_to_be_judged_by_different_losses(
    stub, recording, tmp_path
):
    said = tune(recording, tmp_path / "out", "--trials", "1", recipes=("cnn_fr", "cae_fr"))
    assert "their losses can't be compared" in said.stderr
    assert "validation MSE" in said.stdout and "validation Poisson loss" in said.stdout


def test_a_search_that_is_asked_for_in_two_goes_is_the_one_that_was_asked_for_at_once(
    stub, recording, tmp_path
):
    once, twice = tmp_path / "once", tmp_path / "twice"
    tune(recording, once, "--trials", "9")
    tune(recording, twice, "--trials", "6")
    assert len(trace(twice)) == 6
    tune(recording, twice, "--trials", "9")
    assert trace(once) == trace(twice)  # none was done again
    pd.testing.assert_frame_equal(tried(once), tried(twice))
    assert len(set(tried(once)["readout_l1"])) == 9
    other = tmp_path / "other"
    tune(recording, other, "--trials", "2", "--seed", "1")
    assert tried(other)["readout_l1"][1] != tried(once)["readout_l1"][1]


def test_more_trials_find_what_is_better(stub, recording, tmp_path):
    tune(recording, tmp_path / "out", "--trials", "25")
    table = tried(tmp_path / "out")
    assert table["value"].min() < 0.2 * table["value"][0]
    assert table["value"][15:].median() < table["value"][1:6].median()
    shares = read_json(tmp_path, "out", "cnn_fr", "tuning.json")["importance"]
    assert set(shares) == {"readout_l1", "activity_l1"} and sum(shares.values()) == pytest.approx(1)


def test_a_trial_whose_process_fails_is_told_and_tried_again_under_its_number(
    stub, recording, tmp_path
):
    out = tmp_path / "out"
    out.mkdir()
    (out / "fail").write_text("cnn_fr-001")
    said = tune(recording, out, "--trials", "3", status=1)
    assert said.stderr.count("NoLuck") == 2  # when it happened, and in the end
    assert "1 of 3 trials failed, the first of them cnn_fr 1 (NoLuck: expected luck" in said.stderr
    told = read_json(out, "cnn_fr", "tuning.json")
    assert told["trials"]["failed"] == 1 and told["trials"]["finished"] == 2
    assert list(tried(out)["ended"]) == ["finished", "failed", "finished"]
    (out / "fail").unlink()
    tune(recording, out, "--trials", "3")
    assert [one["name"] for one in trace(out)] == [f"cnn_fr-00{n}" for n in (0, 1, 2, 1)]
    assert trace(out)[1] == trace(out)[3]
    assert read_json(out, "cnn_fr", "tuning.json")["trials"]["finished"] == 3


def test_a_trial_that_diverges_counts_as_a_try_and_is_never_the_best(stub, recording, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "diverge").write_text("cnn_fr-000 cnn_fr-002")
    tune(recording, out, "--trials", "3")
    tune(recording, out, "--trials", "3")
    assert len(trace(out)) == 3 and list(tried(out)["ended"]) == [
        "diverged",
        "finished",
        "diverged",
    ]
    told = read_json(out, "cnn_fr", "tuning.json")
    assert told["best"]["trial"] == 1 and told["gain"] is None and told["default"]["value"] is None


COMMAND = """
import sys
from daenr_tf.commands.main import main
from daenr_tf.tuning import search
search.WORK = "stub_trial"
main(sys.argv[1:])
"""


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_search_that_is_stopped_or_killed_goes_on_with_the_trial_that_was_at_work(
    stub, recording, tmp_path, number, status
):
    out, straight = tmp_path / "out", tmp_path / "straight"
    out.mkdir()
    (out / "sleep").write_text("cnn_fr-002")
    options = ["--dataset", recording, "--out", str(out), *SIZE, "--workers", "1", "--trials", "4"]
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "tune", "cnn_fr", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: command.poll() is not None or (out / "ready").exists(), "sleeping trial")
    command.send_signal(number)
    said = command.communicate(timeout=60)[1]
    assert command.returncode == status, said
    if status == 130:
        assert f"2 of 4 trials have ended; the same command goes on with {out}" in said
    assert list(tried(out)["trial"])[:2] == [0, 1]
    (out / "sleep").unlink()
    tune(recording, out, "--trials", "4")
    assert [one["name"] for one in trace(out)] == [f"cnn_fr-00{n}" for n in (0, 1, 2, 2, 3)]
    tune(recording, straight, "--trials", "4")
    pd.testing.assert_frame_equal(tried(out), tried(straight))


def test_a_trial_that_ended_after_its_command_was_killed_is_not_done_again(
    stub, recording, tmp_path
):
    out = tmp_path / "out"
    tune(recording, out, "--trials", "1")
    with kept(out) as tuning:
        number = tuning.next()  # and the command is killed here
        place = tuning.place(number)
        os.makedirs(place)
        (out / "cnn_fr" / "trials" / "000" / "trial.json").rename(os.path.join(place, "trial.json"))
    tune(recording, out, "--trials", "3")
    assert [one["name"] for one in trace(out)] == ["cnn_fr-000", "cnn_fr-002"]
    assert list(tried(out)["ended"]) == ["finished"] * 3


class kept:
    """The one search in a directory, opened."""

    def __init__(self, out, wanted=3):
        self.out, self.wanted = out, wanted

    def __enter__(self):
        told = read_json(self.out, "cnn_fr", "tuning.json")
        start = RunConfig.from_dict(told["config"])
        record = Record(
            space.around(start, (), {}),
            str(self.out / "cnn_fr"),
            told["study"],
            told["recording"],
            True,
            None,
        )
        self.storage = storage.opened(storage.url_of_file(str(self.out / storage.FILE)))
        return Tuning(self.storage.__enter__(), record, self.wanted, True)

    def __exit__(self, *reason):
        return self.storage.__exit__(*reason)


def test_a_search_of_another_kind_in_its_place_is_refused_by_the_first_difference(
    stub, recording, tmp_path
):
    out = tmp_path / "out"
    tune(recording, out, "--trials", "1")
    before = (out / "cnn_fr" / "tuning.json").read_bytes()
    other = write_recording(tmp_path / "other.npz", seed=1)
    for options, words in (
        (["--layer", "1"], "expected a search with layer 1, found"),
        (["--readout-l1", "0.02"], "with no search of readout_l1, found"),
        (["--search", "readout_l1=0.1:1"], "readout_l1 searched from 0.1 to 1 (log), found"),
        (["--no-prune"], "with no pruning, found"),
        (["--storage", f"sqlite:///{tmp_path}/other.db"], "with the storage sqlite:///"),
    ):
        said = tune(recording, out, "--trials", "1", *options, status=2).stderr
        assert words in said and "--out takes another place" in said and said.count("\n") == 1
    said = tune(other, out, "--trials", "1", status=2).stderr
    assert "expected a search with the recording" in said
    assert (out / "cnn_fr" / "tuning.json").read_bytes() == before
    os.remove(out / storage.FILE)
    said = tune(recording, out, "--trials", "2", status=2).stderr
    assert "--storage: expected the database that" in said


def test_a_directory_of_something_else_is_refused_and_left_alone(recording, tmp_path):
    (tmp_path / "out" / "cnn_fr").mkdir(parents=True)
    (tmp_path / "out" / "cnn_fr" / "mine.txt").write_text("mine")
    said = tune(recording, tmp_path / "out", status=2).stderr
    assert "--out: expected an empty directory or a search's" in said and "mine.txt" in said
    (tmp_path / "out" / "cnn_fr" / "tuning.json").write_text("[]")
    said = tune(recording, tmp_path / "out", status=2).stderr
    assert "which is not what a search writes" in said and said.count("\n") == 1


@pytest.mark.parametrize("url", ["nonsense", "foo://here", "sqlite:////nowhere/at/all.db"])
def test_a_storage_that_is_none_is_refused_in_one_line(recording, tmp_path, url):
    said = tune(recording, tmp_path / "out", "--storage", url, status=2).stderr
    assert "--storage: expected the URL of a database that answers" in said
    assert said.count("\n") == 1


def test_a_password_of_the_storage_is_kept_nowhere(recording, tmp_path):
    assert (
        storage.without_password("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
    )


def test_without_optuna_one_line_says_what_to_install(recording, tmp_path, monkeypatch):
    monkeypatch.setattr(storage.importlib.util, "find_spec", lambda name: None)
    said = tune(recording, tmp_path / "out", status=2).stderr
    assert said == "daenr tune: tune: expected Optuna (pip install 'daenr_tf[tune]'), found none\n"


def test_a_search_that_was_not_begun_has_no_history(tmp_path):
    facts = {"name": "x", "simulated": True, "digest": "0", "counts": {}}
    record = Record(space.around(config(), (), {}), str(tmp_path), "study", facts, True, None)
    assert opened(record) == (record, False)


# Figures


def test_the_figures_say_what_they_show_and_cover_nothing(drawn):
    trials = [
        (n, 1.0 + 0.1 * (n % 3), "pruned" if n == 2 else "finished", n == 0) for n in range(8)
    ]
    trials.append((8, 90.0, "finished", False))
    title = "The search for settings\ncnn_fr, simulated-r3"
    tuning_figures.history("h.png", trials, title, "validation Poisson loss", simulated=True)
    points = [(10.0 ** -(n % 4), loss, ended) for n, loss, ended, _ in trials]
    tuning_figures.importance(
        "i.png",
        {"readout_l1": points, "layer": points, "activity_l1": points},
        {"readout_l1": (1e-3, 1.0, True), "layer": (1, 4, False), "activity_l1": (1e-3, 1, True)},
        {"readout_l1": 0.7, "layer": 0.2, "activity_l1": 0.1},
        title,
        "validation Poisson loss",
        simulated=True,
    )
    for figure in drawn:
        assert_nothing_is_cut_or_covered(figure)
        said = " ".join(texts(figure))
        assert "simulated data" in said and "validation Poisson loss" in said
        assert "1 above" in said  # the outlier is told of, not shown
    assert "the defaults" in " ".join(texts(drawn[0]))
    assert drawn[1].axes[1].get_xscale() == "log" and drawn[1].axes[2].get_xscale() == "linear"
