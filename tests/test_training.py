import contextlib
import dataclasses
import io
import itertools
import logging
import math
import time

import numpy as np
import pandas as pd
import pytest

from daenr_tf import pipeline, schedules, training
from daenr_tf.config import ModelConfig, TrainConfig, resolve
from daenr_tf.errors import DivergedError, InputError, MachineError
from daenr_tf.machine import files
from daenr_tf.models.build import adam, build_model
from daenr_tf.runs import checkpoint, saved_state
from daenr_tf.runs.progress import Progress
from daenr_tf.runs.state import State
from daenr_tf.runs.threads import threads_notes
from daenr_tf.training import Observer, train

SMALL = ModelConfig(
    recipe="cnn_fr", layer=1, image_size=(8, 8), latent_size=4, codebook_size=6, code_dim=5
)
QUICK = TrainConfig(
    task="nrs", beta=0.5, batch_size=7, max_steps=14, patience_steps=4, validate_every=2
)


def fresh(recording, recipe="cnn_fr", **settings):
    return build_model(dataclasses.replace(SMALL, recipe=recipe, **settings), recording)


class Witness(Observer):
    """Keeps what it saw at every validation: weights, the optimizer's step and the learning rate."""

    def __init__(self):
        self.steps, self.weights, self.iterations, self.rates, self.calls = [], [], [], [], []

    def started(self, state):
        self.calls.append("started")

    def stepped(self, state):
        self.calls.append("stepped")

    def validated(self, state, row, model):
        self.calls.append("validated")
        self.steps.append(state.step)
        self.weights.append(model.get_weights())
        self.iterations.append(int(model.optimizer.iterations))
        self.rates.append(float(model.optimizer.learning_rate))

    def finished(self, state):
        self.calls.append("finished")

    def at(self, step):
        return self.weights[self.steps.index(step)]


def test_steps_and_validations_of_every_size_share_one_graph_each(recording, tmp_path, monkeypatch):
    model, traced = fresh(recording), []
    kind = type(model)
    train_step, loss_terms = kind.train_step, kind.loss_terms

    def counted_step(self, data):
        traced.append("step")
        return train_step(self, data)

    def counted_terms(self, *arguments, training=False, **options):
        traced.extend([] if training else ["terms"])
        return loss_terms(self, *arguments, training=training, **options)

    monkeypatch.setattr(kind, "train_step", counted_step)
    monkeypatch.setattr(kind, "loss_terms", counted_terms)
    monkeypatch.setattr(training, "STEPS_AT_ONCE", 2)  # of windows of 3: 2 and 1
    sizes = []
    batches = training.blocks.batches

    def unequal(count, *more):
        found = batches(count, count - 2, *more[1:])
        sizes.append([len(range(count)[some]) for some in found])
        return found

    monkeypatch.setattr(training.blocks, "batches", unequal)
    config = dataclasses.replace(QUICK, max_steps=6, validate_every=3)
    train(model, recording, config, tmp_path)
    assert len(sizes) == 2 and len(set(sizes[0])) == 2
    assert sorted(traced) == ["step", "terms"]


def assert_same_weights(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# The two-stage rule, on validation losses that are given


def scripted(monkeypatch, losses):
    """Let every validation find the next of the given losses for every term."""
    rest = iter(losses)

    def evaluate_terms(terms, examples, heads):
        return dict.fromkeys(("loss", "response", "readout_l1"), next(rest))

    monkeypatch.setattr(training, "evaluate_terms", evaluate_terms)


@pytest.mark.parametrize(
    "losses, steps, best_step, stages",
    [
        # Patience is 4 steps, 2 validations. Equal is no improvement; stage 1 ends at 8, stage 2 brings nothing.
        ([5, 4, 4, 4.5, 4, 6], 12, 4, [1, 1, 1, 1, 2, 2]),
        # An improvement in stage 2 counts, and its counter starts anew.
        ([5, 4, 6, 6, 6, 3, 4, 3], 16, 12, [1, 1, 1, 1, 2, 2, 2, 2]),
        # Every improvement puts the end of a stage off.
        ([9, 8, 8.5, 7, 7.5, 6, 6, 6, 5, 5, 5], 22, 18, [1] * 8 + [2] * 3),
        # Nothing ever improves on the first.
        ([1, 2, 2, 2, 2], 10, 2, [1, 1, 1, 2, 2]),
    ],
)
def test_a_stage_ends_when_patience_does_and_there_are_two(
    recording, tmp_path, monkeypatch, losses, steps, best_step, stages
):
    scripted(monkeypatch, losses)
    model, witness = fresh(recording), Witness()
    config = dataclasses.replace(QUICK, max_steps=1000)
    result = train(model, recording, config, str(tmp_path), [witness])
    assert (result.steps, result.best_step) == (steps, best_step)
    assert result.history["step"].tolist() == list(range(2, steps + 1, 2))
    assert result.history["stage"].tolist() == stages
    assert result.history["val_response"].tolist() == losses
    assert result.history["learning_rate"].tolist() == [
        1e-3 if stage == 1 else 5e-4 for stage in stages
    ]
    np.testing.assert_allclose(witness.rates, result.history["learning_rate"], rtol=1e-6)
    first = stages.count(1)
    assert witness.iterations == [2 * (n + 1) for n in range(first)] + [
        2 * (n + 1) for n in range(len(stages) - first)
    ]
    assert_same_weights(model.get_weights(), witness.at(best_step))


def test_the_second_stage_starts_from_the_best_weights_with_a_fresh_adam_at_half_the_rate(
    recording, tmp_path, monkeypatch
):
    """Its first steps are those of a new optimizer that starts from the best weights and goes on in the order of images."""
    scripted(monkeypatch, [5, 4, 6, 6, 6, 6])
    witness = Witness()
    result = train(fresh(recording), recording, QUICK, str(tmp_path), [witness])
    assert result.history["stage"].tolist() == [1, 1, 1, 1, 2, 2]

    other = fresh(recording)
    sets = pipeline.prepare(recording, SMALL, QUICK.seed)
    for first_step, start, rate in ((0, other.get_weights(), 1e-3), (8, witness.at(4), 5e-4)):
        other.set_weights(start)
        other.compile(adam(rate), loss_weights={"response": 1.0})
        other.reset_metrics()
        for batch in pipeline.training_batches(
            sets.train, ["response"], QUICK.batch_size, QUICK.seed, first_step
        ).take(2):
            logged = other.train_step(batch)
        row = result.history.set_index("step").loc[first_step + 2]
        for name, value in logged.items():
            np.testing.assert_allclose(row[f"train_{name}"], value, rtol=1e-4)
        for ours, theirs, before in zip(
            witness.at(first_step + 2), other.get_weights(), start, strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6)
            assert np.any(ours != before)


@pytest.mark.parametrize("max_steps, steps", [(5, [2, 4, 5]), (9, [2, 4, 6, 8, 9])])
def test_max_steps_counts_both_stages(recording, tmp_path, monkeypatch, max_steps, steps):
    scripted(monkeypatch, [5, 4, 6, 6, 6])
    model, witness = fresh(recording), Witness()
    result = train(
        model, recording, dataclasses.replace(QUICK, max_steps=max_steps), str(tmp_path), [witness]
    )
    assert result.history["step"].tolist() == steps and result.steps == max_steps
    assert_same_weights(model.get_weights(), witness.at(4))


def test_observers_are_told_of_everything_in_order(recording, tmp_path, monkeypatch):
    scripted(monkeypatch, [5, 4])
    witness = Witness()
    config = dataclasses.replace(QUICK, validate_every=12, max_steps=13, patience_steps=100)
    train(fresh(recording), recording, config, str(tmp_path), [witness])
    assert witness.calls == [
        "started",
        "stepped",
        "stepped",
        "validated",
        "stepped",
        "validated",
        "finished",
    ]


# Divergence


def test_a_validation_loss_that_is_not_finite_ends_in_divergence_with_the_best_weights(
    recording, tmp_path, monkeypatch
):
    scripted(monkeypatch, [5, 4, np.nan])
    model, witness = fresh(recording), Witness()
    with pytest.raises(DivergedError, match="diverged at step 6: .* step 4 were restored"):
        train(model, recording, QUICK, str(tmp_path), [witness])
    assert_same_weights(model.get_weights(), witness.at(4))

    again = fresh(recording)
    with pytest.raises(DivergedError, match="diverged at step 6"):
        train(again, recording, QUICK, str(tmp_path))
    assert_same_weights(again.get_weights(), witness.at(4))


def test_a_training_that_runs_away_ends_in_divergence_with_finite_weights(recording, tmp_path):
    model = fresh(recording)
    start = model.get_weights()
    with pytest.raises(DivergedError):
        train(model, recording, dataclasses.replace(QUICK, learning_rate=1e38), str(tmp_path))
    assert_same_weights(model.get_weights(), start)


# What is logged


@pytest.fixture(scope="module")
def vae_run(recording, tmp_path_factory):
    """A finished run of a VAE-FC: (model, witness, result)."""
    model, witness = fresh(recording, "vae_fc", layer=2, readout_l1=0.1, activity_l1=0.2), Witness()
    config = dataclasses.replace(QUICK, task="ir", alpha=0.5, max_steps=6)
    return (
        model,
        witness,
        train(model, recording, config, str(tmp_path_factory.mktemp("vae")), [witness]),
    )


def test_the_history_has_every_term_of_training_and_validation(vae_run):
    terms = ["loss", "reconstruction", "kl", "response", "readout_l2", "readout_l1", "activity_l1"]
    columns = list(vae_run[2].history.columns)
    assert columns[:3] == ["step", "stage", "learning_rate"]
    assert columns[3:] == [f"train_{name}" for name in terms] + [f"val_{name}" for name in terms]
    assert np.isfinite(vae_run[2].history.to_numpy(float)).all()


def test_validation_figures_are_means_over_the_whole_validation_set(recording, vae_run):
    model, witness, result = vae_run
    model.set_weights(witness.at(6))
    validation = pipeline.prepare(recording, SMALL, 0).validation
    outputs = {
        head: np.asarray(output, np.float64) for head, output in model(validation.images).items()
    }
    row = result.history.iloc[-1]
    rate = outputs["response"]
    np.testing.assert_allclose(
        row["val_reconstruction"],
        ((outputs["reconstruction"] - validation.images) ** 2).mean(),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        row["val_response"], (rate - validation.responses * np.log(rate + 1e-7)).mean(), rtol=1e-5
    )


def test_the_logged_loss_is_the_weighted_sum_of_the_terms(vae_run):
    history = vae_run[2].history
    weights = {
        "reconstruction": 0.5,
        "kl": 0.5 * 2 / 64,
        "response": 0.5,
        "readout_l2": 0.005,
        "readout_l1": 0.05,
        "activity_l1": 0.1,
    }
    for part in ("train", "val"):
        total = sum(weight * history[f"{part}_{name}"] for name, weight in weights.items())
        np.testing.assert_allclose(history[f"{part}_loss"], total, rtol=1e-5)


@pytest.mark.parametrize("loss_scale, pixels, neurons", [("sum", 64, 5), ("neurons", 1, 5)])
def test_on_every_loss_scale_the_terms_are_means_and_the_loss_is_what_was_optimised(
    recording, tmp_path, loss_scale, pixels, neurons
):
    config = dataclasses.replace(
        QUICK, task="ir", alpha=0.5, beta=0.25, max_steps=2, loss_scale=loss_scale
    )
    row = train(fresh(recording, "cae_fr"), recording, config, str(tmp_path)).history.iloc[0]
    plain = dataclasses.replace(config, loss_scale="mean", max_steps=2)
    other = train(fresh(recording, "cae_fr"), recording, plain, str(tmp_path / "mean"))
    for part in ("train", "val"):
        response = row[f"{part}_response"]
        response += 0.02 * row[f"{part}_readout_l1"] + 0.01 * row[f"{part}_activity_l1"]
        total = 0.5 * pixels * row[f"{part}_reconstruction"] + 0.25 * neurons * response
        assert row[f"{part}_loss"] == pytest.approx(total, rel=1e-5)
    for name in ("val_reconstruction", "val_response"):  # not 64 or 5 times as large
        assert row[name] == pytest.approx(other.history[name].iloc[0], rel=0.1)


def test_a_state_of_another_loss_scale_is_refused_and_one_of_before_there_was_any_is_not(
    recording, tmp_path, monkeypatch
):
    shorter = dataclasses.replace(QUICK, max_steps=2)
    train(fresh(recording), recording, shorter, str(tmp_path))
    _, facts = checkpoint.load(str(tmp_path / "checkpoint"))
    assert "loss_scale" not in facts["identity"]["training"]  # as version 0.1 wrote them
    with pytest.raises(InputError, match="a state of this training"):
        other = dataclasses.replace(QUICK, loss_scale="sum")
        train(fresh(recording), recording, other, str(tmp_path))


def test_validation_in_parts_gives_the_figures_of_the_whole(recording, vae_run, monkeypatch):
    model, validation = vae_run[0], pipeline.prepare(recording, SMALL, 0).validation
    whole = training.evaluate_terms(model.loss_terms, validation, model.heads)
    monkeypatch.setattr(training, "EVALUATION_BATCH", 5)
    parts = training.evaluate_terms(model.loss_terms, validation, model.heads)
    assert parts.keys() == whole.keys()
    for name, value in whole.items():
        np.testing.assert_allclose(parts[name], value, rtol=1e-5)


# Resuming


def stopping_after(validations):
    calls = itertools.count(1)
    return lambda: next(calls) == validations


# By stage, what the monitored term is said to be after 2, 4, ... steps of the stage: 14 steps, the best of them step 10.
MONITORED = {1: [5, 4, 4.5, 4.5], 2: [3, 3.5, 3.5]}


def staged(recording, recipe, run_dir, validations=None, observers=(), **changes):
    """A training that is sure to reach its second stage, stopped after some validations: (weights, result)."""
    model = fresh(recording, recipe, layer=2)
    config = dataclasses.replace(QUICK, **{"task": "nrs", "max_steps": 100, **changes})
    evaluate_terms = training.evaluate_terms

    def with_monitored(*arguments):
        stage = 1 if float(model.optimizer.learning_rate) > 7e-4 else 2
        return evaluate_terms(*arguments) | {
            "response": MONITORED[stage][int(model.optimizer.iterations) // 2 - 1]
        }

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "evaluate_terms", with_monitored)
        result = train(
            model, recording, config, str(run_dir), observers, stopping_after(validations)
        )
    return model.get_weights(), result


@pytest.fixture(scope="module")
def uninterrupted(recording, tmp_path_factory):
    """Whole runs by recipe, made when they are asked for: (weights, result)."""
    made = {}

    def run(recipe):
        if recipe not in made:
            made[recipe] = staged(recording, recipe, tmp_path_factory.mktemp(recipe))
            assert made[recipe][1].history["stage"].tolist() == [1] * 4 + [2] * 3
        return made[recipe]

    return run


def assert_same_run(run, whole):
    assert_same_weights(run[0], whole[0])
    pd.testing.assert_frame_equal(run[1].history, whole[1].history, check_exact=True)
    assert (run[1].steps, run[1].best_step) == (whole[1].steps, whole[1].best_step)


@pytest.mark.parametrize(
    "recipe, stops",
    [
        ("cae_fr", [1]),
        ("vqvae_fm", [5]),
        pytest.param("vae_fc", [4], marks=pytest.mark.slow),
        pytest.param("cnn_fr", [2, 3], marks=pytest.mark.slow),
    ],
)
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    recording, tmp_path, uninterrupted, recipe, stops
):
    done = 0
    for validations in stops:
        done += 2 * validations
        with pytest.raises(KeyboardInterrupt, match=f"stopped at step {done}, the state is saved"):
            staged(recording, recipe, tmp_path, validations)
    assert_same_run(staged(recording, recipe, tmp_path), uninterrupted(recipe))


def test_going_on_with_another_number_of_threads_is_told(recording, tmp_path, monkeypatch, capsys):
    for validations, threads in ((1, 1), (1, 1), (1, 2), (None, 2)):
        monkeypatch.setattr(training, "computing_threads", lambda threads=threads: threads)
        with contextlib.suppress(KeyboardInterrupt):
            _, result = staged(recording, "cnn_fr", tmp_path, validations, [Progress(QUICK)])
        assert ("1, then 2 threads" in capsys.readouterr().err) == (threads == 2)
    assert result.threads == (1, 2)
    assert "1, then 2 threads" in threads_notes(result.threads)[0]
    assert threads_notes((2,)) == threads_notes(()) == []


def test_the_threads_are_those_that_tensorflow_was_given(run_python):
    code = """
import os
import tensorflow as tf
from daenr_tf.runs.threads import computing_threads

os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
print(computing_threads())
os.environ["TF_NUM_INTRAOP_THREADS"] = "3"
print(computing_threads())
tf.config.threading.set_intra_op_parallelism_threads(5)
print(computing_threads())
"""
    assert run_python(code).split() == ["1", "3", "5"]


def test_what_is_raised_before_a_state_is_saved_leaves_none(recording, tmp_path):
    def taken():
        raise MachineError("taken by another")

    with pytest.raises(MachineError, match="taken by another"):
        train(fresh(recording), recording, QUICK, str(tmp_path), before_saving=taken)
    assert list((tmp_path / "checkpoint").iterdir()) == []


def test_a_finished_run_is_only_reported(recording, tmp_path):
    config = dataclasses.replace(QUICK, max_steps=4)
    first = fresh(recording)
    result = train(first, recording, config, str(tmp_path))
    again, witness = fresh(recording), Witness()
    second = train(again, recording, config, str(tmp_path), [witness])
    assert_same_run((again.get_weights(), second), (first.get_weights(), result))
    assert witness.calls == ["started", "finished"]


@pytest.mark.parametrize("ends", [(3,), (4,), (8,), (9,), (13,), (5, 6, 11)])
def test_a_training_that_max_steps_ended_goes_on_to_the_bits_of_one_that_had_more(
    recording, tmp_path, uninterrupted, ends
):
    """Also where the end was no validation of the longer one, gave the best weights so far (9), or fell on the end of a stage (8)."""
    for max_steps in ends:
        _, result = staged(recording, "cnn_fr", tmp_path, max_steps=max_steps)
        assert result.steps == max_steps and result.stopped_by == "max_steps"
    assert_same_run(staged(recording, "cnn_fr", tmp_path), uninterrupted("cnn_fr"))


def test_a_training_that_patience_ended_has_nothing_to_go_on_with(
    recording, tmp_path, uninterrupted
):
    weights, result = uninterrupted("cnn_fr")
    assert result.steps == 14 and result.stopped_by == "patience"
    staged(recording, "cnn_fr", tmp_path, max_steps=14)
    witness = Witness()
    assert_same_run(
        staged(recording, "cnn_fr", tmp_path, max_steps=1000, observers=[witness]),
        (weights, result),
    )
    assert witness.calls == ["started", "finished"]


FAST = TrainConfig(
    task="nrs",
    beta=0.5,
    batch_size=7,
    schedule="fast",
    max_steps=40,
    validate_every=4,
    patience_steps=8,
)


@pytest.fixture
def short_fall(monkeypatch):
    """The fast schedule with 3 steps of rise and 10 of fall."""
    row = dataclasses.replace(schedules.SCHEDULES["fast"], warm_up=3, fall=10)
    monkeypatch.setitem(schedules.SCHEDULES, "fast", row)


def test_the_fast_schedule_falls_from_the_best_weights_when_patience_ends(
    recording, tmp_path, monkeypatch, short_fall
):
    scripted(monkeypatch, [5, 4, 6, 7, 3, 8, 9])
    witness = Witness()
    result = train(fresh(recording), recording, FAST, str(tmp_path), [witness])
    assert result.history["step"].tolist() == [4, 8, 12, 16, 20, 24, 26]
    assert result.history["stage"].tolist() == [1] * 4 + [2] * 3
    assert (result.steps, result.best_step, result.stopped_by) == (26, 20, "patience")
    falls = [(1 + math.cos(math.pi * step / 10)) / 2 for step in (3, 7, 9)]
    rates = FAST.learning_rate * np.array([1, 1, 1, 1, *falls])
    np.testing.assert_allclose(result.history["learning_rate"], rates, atol=1e-12)
    np.testing.assert_allclose(witness.rates, rates, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(
    "max_steps, steps",
    [(14, [4, 7, 8, 12, 14]), (30, [4, 8, 12, 16, 20, 24, 28, 30]), (1, [1]), (3, [2, 3])],
)
def test_the_fast_schedule_has_room_for_its_fall(
    recording, tmp_path, monkeypatch, short_fall, max_steps, steps
):
    scripted(monkeypatch, range(20, 0, -1))
    config = dataclasses.replace(FAST, max_steps=max_steps)
    result = train(fresh(recording), recording, config, str(tmp_path))
    assert result.history["step"].tolist() == steps
    assert result.history["stage"].iloc[-1] == (2 if max_steps > 1 else 1)
    assert result.stopped_by == "max_steps"


def test_a_schedules_first_rates_rise_in_a_line():
    fast, two = (schedules.SCHEDULES[name] for name in ("fast", "two-stage"))
    shares = [fast.share(1, step, 10000) for step in range(fast.warm_up + 5)]
    rising = np.arange(1, fast.warm_up + 1) / fast.warm_up
    np.testing.assert_allclose(shares, [*rising, 1, 1, 1, 1, 1])
    assert (two.share(1, 0, 10000), two.share(2, 5000, 10000)) == (1.0, 0.5)


def test_a_stopped_training_that_falls_comes_to_the_same_bits(recording, tmp_path, short_fall):
    whole = fresh(recording)
    expected = train(whole, recording, FAST, str(tmp_path / "whole"))
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train(fresh(recording), recording, FAST, str(tmp_path / "p"), stop=stopping_after(2))
    model = fresh(recording)
    result = train(model, recording, FAST, str(tmp_path / "p"))
    assert_same_run((model.get_weights(), result), (whole.get_weights(), expected))


@pytest.mark.parametrize("changed", [{"max_steps": 60}, {"schedule": "two-stage"}])
def test_a_training_that_falls_is_another_than_one_of_more_steps_or_another_schedule(
    recording, tmp_path, short_fall, changed
):
    train(fresh(recording), recording, FAST, str(tmp_path))
    other = dataclasses.replace(FAST, **changed)
    with pytest.raises(InputError, match="expected a state of this training, found one of another"):
        train(fresh(recording), recording, other, str(tmp_path))


@pytest.mark.slow
def test_a_longer_training_may_be_stopped_too(recording, tmp_path, uninterrupted):
    staged(recording, "vae_fc", tmp_path, max_steps=5)
    with pytest.raises(KeyboardInterrupt, match="stopped at step 8"):
        staged(recording, "vae_fc", tmp_path, 2)
    assert_same_run(staged(recording, "vae_fc", tmp_path), uninterrupted("vae_fc"))


def test_the_best_loss_is_that_of_the_best_step(recording, tmp_path, monkeypatch):
    scripted(monkeypatch, [5, 4, 6, 6, 6, 3, 4, 3])
    assert (
        train(
            fresh(recording), recording, dataclasses.replace(QUICK, max_steps=1000), str(tmp_path)
        ).best
        == 3
    )


def other_weights(model):
    model.set_weights([weight + 1 for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("max_steps", [4, 100])
def test_a_models_weights_are_not_replaced_by_those_of_a_training_that_began_from_others(
    recording, tmp_path, max_steps
):
    """Neither those of a training that is finished, nor of one that was stopped."""
    config = dataclasses.replace(QUICK, max_steps=max_steps, patience_steps=100)
    with contextlib.suppress(KeyboardInterrupt):
        train(fresh(recording), recording, config, str(tmp_path), stop=stopping_after(2))
    model = other_weights(fresh(recording))
    before = model.get_weights()
    with pytest.raises(
        InputError, match="expected a state of a training from the weights that the model has"
    ):
        train(model, recording, config, str(tmp_path))
    assert_same_weights(model.get_weights(), before)


def test_the_very_model_that_was_stopped_goes_on_and_the_finished_one_is_reported(
    recording, tmp_path
):
    """As in a notebook, where a cell is run again; and in another process, the model built anew, it is known for the same training still."""
    model, whole = fresh(recording), fresh(recording)
    with pytest.raises(KeyboardInterrupt):
        train(model, recording, QUICK, str(tmp_path / "parts"), stop=stopping_after(1))
    with pytest.raises(KeyboardInterrupt):
        train(model, recording, QUICK, str(tmp_path / "parts"), stop=stopping_after(1))
    result = train(model, recording, QUICK, str(tmp_path / "parts"))
    expected = train(whole, recording, QUICK, str(tmp_path / "whole"))
    assert_same_run((model.get_weights(), result), (whole.get_weights(), expected))
    assert_same_run(
        (model.get_weights(), train(model, recording, QUICK, str(tmp_path / "parts"))),
        (whole.get_weights(), expected),
    )
    anew = fresh(recording)
    assert_same_run(
        (whole.get_weights(), train(anew, recording, QUICK, str(tmp_path / "parts"))),
        (anew.get_weights(), expected),
    )


@pytest.mark.parametrize(
    "task, weights", [("nrs", (0.4, 1.0)), ("ir", (1.0, 0.001)), (None, (1.0, 0.001))]
)
def test_python_takes_the_cells_loss_weights_as_the_command_line_does(
    recording, tmp_path, task, weights
):
    model = fresh(recording, "cae_fr", layer=2)
    train(model, recording, TrainConfig(task=task, batch_size=7, max_steps=1), str(tmp_path))
    command_line = resolve("cae_fr", {"layer": 2, **({"task": task} if task else {})}).training
    assert (
        (model.head_weights["reconstruction"], model.head_weights["response"])
        == weights
        == (command_line.alpha, command_line.beta)
    )


@pytest.mark.parametrize("recipe", ["cnn_fr", "cnn_fc", "cnn_fm"])
def test_the_default_settings_train_a_model_without_a_decoder(recording, tmp_path, recipe):
    result = train(
        fresh(recording, recipe),
        recording,
        dataclasses.replace(TrainConfig(), max_steps=1),
        str(tmp_path),
    )
    assert result.steps == 1 and result.best == result.history["val_response"].iloc[0]


def test_the_seed_decides_the_whole_training(recording, tmp_path):
    runs = []
    for place, seed in (("a", 3), ("b", 3), ("c", 4)):
        model = fresh(recording, seed=seed)
        result = train(
            model,
            recording,
            dataclasses.replace(QUICK, seed=seed, max_steps=6),
            str(tmp_path / place),
        )
        runs.append((model.get_weights(), result))
    assert_same_weights(runs[0][0], runs[1][0])
    pd.testing.assert_frame_equal(runs[0][1].history, runs[1][1].history, check_exact=True)
    assert not np.isclose(
        runs[0][1].history["val_response"], runs[2][1].history["val_response"]
    ).any()


def test_the_order_of_images_alone_makes_another_run(recording, tmp_path):
    weights = []
    for seed in (3, 4):
        model = fresh(recording)
        train(
            model,
            recording,
            dataclasses.replace(QUICK, seed=seed, max_steps=2),
            str(tmp_path / str(seed)),
        )
        weights.append(model.get_weights())
    assert not np.array_equal(weights[0][0], weights[1][0])


class JumpingClock(Observer):
    """Puts every clock back by an hour after the first validation, and forward by a day after the third."""

    CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")

    def __init__(self, patch, save):
        """`save` is the number of a save, counted from 1, in which the clock goes forward by a day, or None."""
        self.seconds, self.saves, self.times = 0, 0, []  # times: of training, by validation
        for name in self.CLOCKS:
            unit, clock = (10**9 if name.endswith("_ns") else 1), getattr(time, name)
            patch.setattr(time, name, lambda clock=clock, unit=unit: clock() + self.seconds * unit)
        write = checkpoint.save

        def drawn_out(*arguments):
            self.saves += 1
            write(*arguments)
            self.seconds += 86400 * (self.saves == save)

        patch.setattr(checkpoint, "save", drawn_out)

    def stepped(self, state):
        self.seconds += {1: -3600, 3: 86400}.get(
            len(self.times), 0
        )  # between the two readings of a window's time

    def validated(self, state, row, model):
        self.times.append(state.seconds)


def test_a_clock_that_jumps_changes_nothing(recording, tmp_path, monkeypatch, uninterrupted):
    """Neither the outcome, nor that states are saved at every validation where saving is let take all the time."""
    whole, stream = uninterrupted("cnn_fr"), io.StringIO()
    monkeypatch.setattr(saved_state, "SAVE_SHARE", 1e9)
    clock = JumpingClock(monkeypatch, save=None)
    run = staged(recording, "cnn_fr", tmp_path, observers=[clock, Progress(QUICK, stream)])
    assert_same_run(run, whole)
    assert len(clock.times) == clock.saves == 7
    assert clock.times == sorted(clock.times) and clock.times[0] > 0
    assert "step 4/" in stream.getvalue() and "-" not in stream.getvalue()


def test_a_save_that_was_drawn_out_does_not_put_the_next_one_off_for_good(
    recording, tmp_path, monkeypatch, uninterrupted
):
    """A process that stood still for a day in its first save: by a hundredth of the time, the next would come in a hundred days."""
    whole = uninterrupted("cnn_fr")
    clock = JumpingClock(monkeypatch, save=1)
    clock.stepped = lambda state: setattr(
        clock, "seconds", clock.seconds + saved_state.LONGEST_UNSAVED
    )
    assert_same_run(staged(recording, "cnn_fr", tmp_path, observers=[clock]), whole)
    assert clock.saves == 7


def test_a_bar_on_a_terminal_outlives_a_clock_that_is_set_back(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream, now = Terminal(), time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    bar, state = Progress(QUICK, stream), State()
    bar.started(state)
    now -= 3600
    state.step = 2
    bar.stepped(state)
    bar.validated(state, {"val_response": 0.25}, None)
    assert "2/14" in stream.getvalue() and "val response 0.25000" in stream.getvalue()
    bar.finished(state)


@pytest.fixture(scope="module")
def stopped(recording, tmp_path_factory):
    """The run directory of a CNN-FR that was stopped twice, after 2 and after 6 steps; copy it before use."""
    place = tmp_path_factory.mktemp("stopped")
    for validations in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            staged(recording, "cnn_fr", place, validations)
    return place


@pytest.fixture
def states(stopped, tmp_path):
    """A copy of it: (run directory, the latest state, the one before)."""
    directory = tmp_path / "checkpoint"
    directory.mkdir()
    for file in (stopped / "checkpoint").iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
    assert sorted(file.name for file in directory.iterdir()) == [
        checkpoint.PREVIOUS,
        checkpoint.LATEST,
    ]
    return tmp_path, directory / checkpoint.LATEST, directory / checkpoint.PREVIOUS


def test_a_damaged_state_gives_way_to_the_one_before(recording, states, uninterrupted):
    run_dir, latest, _ = states
    latest.write_bytes(latest.read_bytes()[:-200])
    witness = Witness()
    run = staged(recording, "cnn_fr", run_dir, observers=[witness])
    assert witness.steps[0] == 6  # the state before is that of step 4
    assert_same_run(run, uninterrupted("cnn_fr"))


def refused(recording, run_dir, match, model_settings=None, **changes):
    model = fresh(recording, **{"layer": 2, **(model_settings or {})})
    with pytest.raises(InputError, match=match) as caught:
        train(
            model,
            recording,
            dataclasses.replace(QUICK, **{"max_steps": 100, **changes}),
            str(run_dir),
        )
    assert "\n" not in str(caught.value) and str(run_dir) in str(caught.value)


def test_two_damaged_states_are_named(recording, states):
    run_dir, latest, previous = states
    latest.write_bytes(b"")
    previous.write_bytes(b"rubbish")
    refused(
        recording,
        run_dir,
        "state.npz: expected an .npz file, found .*state-previous.npz: expected an .npz file",
    )


@pytest.mark.parametrize(
    "change",
    [{"beta": 0.25}, {"learning_rate": 2e-3}, {"seed": 1}, {"max_steps": 20}, {"batch_size": 8}],
)
def test_a_state_of_another_training_is_refused(recording, states, change):
    refused(
        recording, states[0], "expected a state of this training, found one of another", **change
    )


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"layer": 1},
        {"readout_l1": 0.5},
        {"recipe": "cnn_fm"},
        {"image_size": (8, 12)},
        {"resize": "area"},
        {"batch_norm_momentum": 0.99},
    ],
)
def test_a_state_of_another_model_is_refused(recording, states, change):
    refused(
        recording,
        states[0],
        "expected a state of this model, found one of another",
        model_settings=change,
    )


def test_a_state_of_another_recording_is_refused(make_recording, states):
    refused(
        make_recording(seed=1),
        states[0],
        "expected a state of this recording, found one of another",
    )


# The file of a state


ARRAYS = {
    "weights": [np.arange(2000.0), np.float32(3)],
    "best": [np.arange(6).reshape(2, 3)],
    "optimizer": [np.int64(2**40)],
}


def test_a_state_is_read_as_it_was_written(tmp_path):
    facts = {"identity": {"a": [1, 2.5, None, "ü"]}, "best": float("inf")}
    checkpoint.save(str(tmp_path), ARRAYS, facts)
    arrays, found = checkpoint.load(str(tmp_path))
    assert found == facts and arrays.keys() == ARRAYS.keys()
    for name, values in ARRAYS.items():
        assert_same_weights(arrays[name], values)
        assert [a.dtype for a in arrays[name]] == [np.asarray(v).dtype for v in values]


def test_many_arrays_keep_their_order(tmp_path):
    checkpoint.save(str(tmp_path), {"weights": [np.full(2, i) for i in range(25)]}, {})
    assert [array[0] for array in checkpoint.load(str(tmp_path))[0]["weights"]] == list(range(25))


def test_no_state_is_none(tmp_path):
    assert checkpoint.load(str(tmp_path)) is None


def test_the_last_two_states_are_kept_and_nothing_else(tmp_path):
    for step in range(4):
        checkpoint.save(str(tmp_path), ARRAYS, {"step": step})
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        checkpoint.PREVIOUS,
        checkpoint.LATEST,
    ]
    assert checkpoint.load(str(tmp_path))[1] == {"step": 3}
    (tmp_path / checkpoint.LATEST).unlink()  # as a crash between the two renamings leaves it
    assert checkpoint.load(str(tmp_path))[1] == {"step": 2}


def damage(content):
    half = len(content) // 2
    yield "empty", b""
    yield "rubbish", bytes(range(256)) * 20
    yield "a flipped byte", content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    for share in (0.1, 0.5, 0.9, 0.999):
        yield f"cut off at {share}", content[: int(share * len(content))]


def test_every_kind_of_damage_is_noticed(tmp_path):
    for step in range(2):
        checkpoint.save(str(tmp_path), ARRAYS, {"step": step})
    whole = (tmp_path / checkpoint.LATEST).read_bytes()
    for name, content in damage(whole):
        (tmp_path / checkpoint.LATEST).write_bytes(content)
        assert checkpoint.load(str(tmp_path))[1] == {"step": 0}, name


def test_a_file_of_arrays_that_is_no_state_is_named(tmp_path):
    for arrays in (
        {"a": np.arange(3)},
        {"facts": np.array("no JSON")},
        {"facts": np.array({}, dtype=object)},
    ):
        np.savez(tmp_path / checkpoint.LATEST, **arrays)
        with pytest.raises(
            InputError, match="state.npz.*: expected .*, found .*--overwrite starts afresh"
        ):
            checkpoint.load(str(tmp_path))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")

    def fail(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(MachineError, match="file: could not be written .*No space left on device"):
        files.replace_file(str(path), fail)
    assert path.read_text() == "before" and [file.name for file in tmp_path.iterdir()] == ["file"]
    files.write_text(str(path), "after ü")
    assert path.read_text(encoding="utf-8") == "after ü" and [
        file.name for file in tmp_path.iterdir()
    ] == ["file"]


def test_a_model_of_other_neurons_is_refused_by_training_and_evaluation(
    recording, make_recording, tmp_path
):
    from daenr_tf.evaluation import evaluate

    model, other = fresh(recording), make_recording(neurons=3)
    for refused_by in (
        lambda: train(model, other, TrainConfig(task="nrs"), str(tmp_path)),
        lambda: evaluate(model, other),
    ):
        with pytest.raises(InputError, match="expected the 5 neurons of the model, found 3"):
            refused_by()


def test_evaluating_again_and_again_is_no_cause_for_a_warning(recording, caplog):
    """TensorFlow warns of a function that is traced at every call."""
    from daenr_tf.evaluation import evaluate

    model, logger = fresh(recording), logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)
    try:
        found = [evaluate(model, recording).test for _ in range(4)]
    finally:
        logger.removeHandler(caplog.handler)
    assert found[0] == found[-1] and "retracing" not in caplog.text


def test_a_model_is_validated_on_images_that_it_was_not_trained_on(recording, tmp_path):
    """Whatever the seed of its weights is, the split is the training's."""
    from daenr_tf.evaluation import evaluate

    model = fresh(recording)
    train(model, recording, dataclasses.replace(QUICK, max_steps=4, seed=3), str(tmp_path))
    sets = pipeline.prepare(recording, SMALL, 3)
    found = evaluate(model, recording).validation
    assert found == evaluate(model, recording, sets).validation
    assert found != evaluate(model, recording, pipeline.prepare(recording, SMALL, 0)).validation


def test_a_saved_model_knows_the_split_that_it_was_trained_on(recording, tmp_path):
    """So do a copy of its settings, and the training itself, which the model is known for as before."""
    from daenr_tf.evaluation import evaluate
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.models.keras_file import load_model, save_model

    model = fresh(recording)
    config = dataclasses.replace(QUICK, max_steps=4, seed=3)
    result = train(model, recording, config, str(tmp_path))
    save_model(model, str(tmp_path / "model.keras"))
    loaded = load_model(tmp_path / "model.keras")
    found = evaluate(loaded, recording).validation
    assert found == evaluate(loaded, recording, pipeline.prepare(recording, SMALL, 3)).validation
    assert found != evaluate(loaded, recording, pipeline.prepare(recording, SMALL, 0)).validation
    assert (loaded.seed, DAENR.from_config(loaded.get_config()).split_seed) == (0, 3)
    again = train(loaded, recording, config, str(tmp_path))
    pd.testing.assert_frame_equal(again.history, result.history)


def test_a_model_that_was_trained_by_a_falling_rate_goes_on_at_one_at_which_it_learns(
    recording, tmp_path
):
    config = TrainConfig(schedule="fast", max_steps=6, validate_every=3, batch_size=4)
    model = build_model(SMALL, recording)
    train(model, recording, config, str(tmp_path))
    assert float(model.optimizer.learning_rate) == pytest.approx(config.learning_rate)
