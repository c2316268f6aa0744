"""A trial in its own process: a training without an evaluation, that tells its validation losses and may be pruned."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.config import RunConfig
from daenr_tf.errors import DivergedError, InputError, MachineError, first_line
from daenr_tf.machine.files import write_json, write_text
from daenr_tf.runs.directory import HISTORY, RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from daenr_tf.recordings.recording import Recording

FILE = "trial.json"
FINISHED, PRUNED, DIVERGED = "finished", "pruned", "diverged"  # how a trial ends by itself
MADE_UP = 2  # test images that stand in for the test set


class Pruned(Exception):
    """The trial is worse than the others at the same step; it says how far it came."""


def run_trial(order: dict[str, Any]) -> None:
    """Train what an order says, and write `trial.json`; one that is unfinished goes on, one that has ended is left.

    Args:
        order: dict: `config`, `data_dir`, `digest` of the recording, `place`, and `report`, how the trial tells its
            losses: dict of `storage` (URL), `study` (name), `number`, `warm_up` (steps), and `prune`.

    Raises:
        InputError, MachineError, KeyboardInterrupt: as a run does.
    """
    from daenr_tf.recordings.load import load_recording
    from daenr_tf.runs.waiting import held_when_free

    config, place = RunConfig.from_dict(order["config"]), order["place"]
    if os.path.exists(os.path.join(place, FILE)):
        return
    recording = load_recording(
        config.dataset, config.region, order["data_dir"], config.repeats_as_test
    )
    if recording.digest != order["digest"]:
        raise InputError(
            f"{recording.source}: expected the recording with digest {order['digest'][:12]}… that the search began with, found"
            f" {recording.digest[:12]}…"
        )
    with held_when_free(RunDirectory(place, config, recording.digest)) as directory:
        if os.path.exists(directory.file(FILE)):  # of whom we waited for
            return
        with _reporting(order["report"]) as report:
            ended = _trained(config, without_test_set(recording), directory, report)
        directory.check_held()
        write_json(directory.file(FILE), ended)
        directory.clear_checkpoint()


def without_test_set(recording: Recording) -> Recording:
    """The recording with noise in place of its test set: nothing that is chosen can have seen that."""
    draw, (low, high) = np.random.default_rng(0), recording.pixel_range
    noise = draw.uniform(low, high, (MADE_UP, *recording.images.shape[1:]))
    return dataclasses.replace(
        recording,
        test_images=noise.astype(recording.images.dtype),
        test_trials=None,
        test_responses=np.zeros((MADE_UP, recording.neurons), np.float32),
        truth=None,
        notes=(),
    )


def _trained(config, recording, directory, report):
    """What a training came to: dict, as in `trial.json`."""
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from daenr_tf import pipeline
    from daenr_tf.models.build import build_model
    from daenr_tf.runs import interruption
    from daenr_tf.runs.determinism import make_deterministic
    from daenr_tf.runs.products import write_history
    from daenr_tf.runs.progress import Progress
    from daenr_tf.runs.trained import strategy_of
    from daenr_tf.training import train

    if config.deterministic:
        make_deterministic(config.training.seed)
    started = time.monotonic()
    try:
        with interruption.watched() as stop:
            sets = pipeline.prepare(recording, config.model, config.training.seed)
            with strategy_of(config.strategy).scope():
                model = build_model(config.model, recording)
            reporter = _reporter(report)
            try:
                training = train(
                    model,
                    recording,
                    config.training,
                    directory.path,
                    [Progress(config.training), reporter],
                    stop,
                    sets,
                    directory.check_held,
                )
            except DivergedError as error:
                write_history(directory, error.history)
                return _ended(DIVERGED, reporter.state, started, str(error))
            except Pruned as reason:
                rows = reporter.state.history
                write_text(directory.file(HISTORY), _csv(rows))
                return _ended(PRUNED, reporter.state, started, str(reason))
    except tf.errors.OpError as error:
        raise MachineError(f"TensorFlow failed: {first_line(error)}") from None
    write_history(directory, training.history)
    return _ended(FINISHED, reporter.state, started)


def _ended(how, state, started, message=""):
    return {
        "ended": how,
        "value": state.best if math.isfinite(state.best) else None,
        "best_step": state.best_step,
        "steps": state.step,
        "seconds": time.monotonic() - started,
        "threads": list(state.threads),
        "message": message,
    }


def _csv(rows):
    import pandas as pd

    return pd.DataFrame(rows).to_csv(index=False)


@contextlib.contextmanager
def _reporting(report):
    """Gives a function of (step, loss) that tells a trial's best loss so far, and says whether the trial is to be pruned."""
    import optuna

    from daenr_tf.tuning import storage

    with storage.opened(report["storage"]) as kept:
        judge = storage.pruner(report["warm_up"])
        study = optuna.load_study(study_name=report["study"], storage=kept, pruner=judge)
        number = kept.get_trial_id_from_study_id_trial_number(
            kept.get_study_id_from_name(report["study"]), report["number"]
        )

        def tell(step, loss):
            trial = kept.get_trial(number)
            if step not in trial.intermediate_values:
                kept.set_trial_intermediate_value(number, step, loss)
            return report["prune"] and judge.prune(study, kept.get_trial(number))

        yield tell


def _reporter(report: Callable[[int, float], bool]):
    from daenr_tf.training import Observer

    class Reporter(Observer):
        """Tells every validation, and ends a trial that is to be pruned."""

        def started(self, state):
            self.state = state

        def validated(self, state, row, model):
            if math.isfinite(state.best) and report(state.step, state.best) and not state.finished:
                raise Pruned(f"pruned at step {state.step}")

    return Reporter()
