"""A trial of `daenr tune`: a training that is judged by its validation loss alone, whatever the test set holds."""

import os

import numpy as np
import pandas as pd
import pytest
from refusal import refused
from runs import SMALL, go_here, in_this_process, read_json, write_recording

from daenr_tf import evaluation
from daenr_tf.commands.main import main
from daenr_tf.config import ModelConfig, RunConfig, TrainConfig
from daenr_tf.recordings.load import load_own
from daenr_tf.tuning import space, storage, trial
from daenr_tf.tuning.record import Record
from daenr_tf.tuning.tuning import Tuning

STEPS = {"max_steps": 20, "validate_every": 5, "batch_size": 16}
TWO = ("--trials", "2", "--workers", "1", *SMALL)
FACTS = {"name": "mine", "simulated": False, "digest": "0", "counts": {}}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recording") / "mine.npz")


def config(dataset, recipe="cnn_fr", **training):
    model = ModelConfig(recipe, image_size=(8, 8))
    return RunConfig(model, TrainConfig(**{**STEPS, **training}), dataset=dataset)


def run(start, folder, others=(), prune=True, asked=None):
    """Trial 0 of a search; (what it came to, its directory, its intermediate losses). `others` are the losses that finished trials had at step 5."""
    url = storage.url_of_file(str(folder / storage.FILE))
    record = Record(space.around(start, (), asked or {}), str(folder), "study", FACTS, True, None)
    digest = load_own(start.dataset).digest
    with storage.opened(url) as kept:
        tuning = Tuning(kept, record, 1, False)
        for loss in others:
            number = tuning.study.ask().number
            kept.set_trial_intermediate_value(number + 1, 5, loss)
            tuning.study.tell(number, loss)
        number = tuning.next()
        report = {"storage": url, "study": "study", "number": number, "warm_up": 5, "prune": prune}
        place = tuning.place(number)
        order = {"config": start.to_dict(), "data_dir": None, "digest": digest, "place": place}
        trial.run_trial({**order, "report": report})
        kept.remove_session()
        said = tuning.study.get_trials()[number].intermediate_values
    return read_json(place, trial.FILE), place, said


def test_a_trials_loss_is_its_lowest_validation_loss_without_penalties_and_that_of_a_fit(
    recording, tmp_path
):
    ended, place, said = run(config(recording), tmp_path)
    history = pd.read_csv(os.path.join(place, "history.csv"))
    assert (ended["ended"], ended["value"]) == ("finished", history["val_response"].min())
    assert ended["value"] != history["val_loss"].min()  # which has the penalties
    assert ended["best_step"] == history["step"][history["val_response"].idxmin()]
    assert said == dict(
        zip(history["step"], np.minimum.accumulate(history["val_response"]), strict=True)
    )
    assert sorted(os.listdir(place)) == ["config.json", "history.csv", "trial.json"]
    go_here("cnn_fr", tmp_path, "--config", os.path.join(place, "config.json"))
    results = read_json(tmp_path, "run", "results.json")
    assert results["validation"]["monitored_loss"] == ended["value"]


@pytest.mark.parametrize("recipe", ["cnn_fr", "cae"])
def test_nothing_of_the_test_set_is_evaluated_or_seen(recording, tmp_path, monkeypatch, recipe):
    def refuse(*arguments, **options):
        pytest.fail("a trial evaluates its model")

    for name in ("evaluate", "predict", "neuron_table"):
        monkeypatch.setattr(evaluation, name, refuse)
    other = tmp_path / "other.npz"
    with np.load(recording) as arrays:
        draw = np.random.default_rng(7)
        changed = {
            **arrays,
            "test_images": draw.integers(0, 256, arrays["test_images"].shape, np.uint8),
            "test_trials": draw.gamma(1.0, 9.0, arrays["test_trials"].shape),
        }
    np.savez(other, **changed)
    # what has no readout has nothing to search unless it is asked for
    asked = dict([space.read("latent_size=5:9")]) if recipe == "cae" else {}
    values = []
    for number, dataset in enumerate((recording, str(other))):
        (tmp_path / str(number)).mkdir()
        values.append(run(config(dataset, recipe), tmp_path / str(number), asked=asked)[0]["value"])
    assert values[0] == values[1]


def test_a_recording_without_its_test_set_has_none_of_it_and_the_same_split(recording):
    whole = load_own(recording)
    left = trial.without_test_set(whole)
    assert left.test_trials is None and not left.test_responses.any() and left.truth is None
    assert not any((image == whole.test_images).all((1, 2, 3)).any() for image in left.test_images)
    np.testing.assert_array_equal(left.images, whole.images)
    np.testing.assert_array_equal(left.responses, whole.responses)
    assert left.pixel_range == whole.pixel_range
    np.testing.assert_array_equal(left.split(3)[1], whole.split(3)[1])


def test_a_trial_that_is_worse_than_the_median_is_pruned_and_told(recording, tmp_path):
    ended, place, said = run(config(recording), tmp_path, others=[0.1] * 5)
    assert (ended["ended"], ended["steps"]) == ("pruned", 5)
    history = pd.read_csv(os.path.join(place, "history.csv"))
    assert list(history["step"]) == [5] and ended["value"] == history["val_response"][0]
    assert said == {5: ended["value"]}


@pytest.mark.parametrize(
    "others, prune", [([0.1] * 5, False), ([0.1] * 4, True), ([9.0] * 5, True)]
)
def test_a_trial_is_not_pruned_unless_it_may_be_and_enough_others_were_better(
    recording, tmp_path, others, prune
):
    ended, _, _ = run(config(recording), tmp_path, others=others, prune=prune)
    assert (ended["ended"], ended["steps"]) == ("finished", 20)


def test_a_trial_that_diverges_says_so(recording, tmp_path):
    ended, place, _ = run(config(recording, learning_rate=1e30), tmp_path)
    assert ended["ended"] == "diverged" and "diverged at step" in ended["message"]
    assert os.path.exists(os.path.join(place, "history.csv"))


def test_a_trial_that_has_ended_is_left_and_another_recording_is_refused(
    recording, tmp_path, monkeypatch
):
    (tmp_path / "trial.json").write_text("ended")
    order = {"config": config(recording).to_dict(), "data_dir": None, "report": None}
    trial.run_trial({**order, "digest": "0", "place": str(tmp_path)})
    assert os.listdir(tmp_path) == ["trial.json"]
    with refused("expected the recording with digest 000000000000… that the search began with"):
        trial.run_trial({**order, "digest": "0" * 64, "place": str(tmp_path / "new")})


@pytest.mark.slow
def test_trials_are_trained_on_the_grid_and_a_fit_takes_the_best(recording, tmp_path):
    """The whole way: two processes of trials, their files, and `--config`."""
    out = tmp_path / "out"
    said = in_this_process(
        main,
        ["tune", "cae_fr", "--task", "nrs", "--dataset", recording, "--out", str(out), *TWO],
    )
    assert said.returncode == 0, said.stderr
    table = pd.read_csv(out / "cae_fr" / "trials.csv")
    assert list(table["ended"]) == ["finished"] * 2 and table["alpha:beta"].nunique() == 2
    go_here("cae_fr", tmp_path, "--config", str(out / "cae_fr" / "best.json"))
    results = read_json(tmp_path, "run", "results.json")
    # trials have other numbers of threads than this process, so sums are taken in another order
    assert results["validation"]["monitored_loss"] == pytest.approx(table["value"].min(), rel=1e-3)
    assert results["config"]["readout_l1"] == table["readout_l1"][table["value"].idxmin()]
