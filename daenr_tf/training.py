"""Training by a schedule, the paper's two stages with early stopping (section 4.1) by default, resumable at every validation."""

import dataclasses
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf

from daenr_tf import mixed, pipeline
from daenr_tf.errors import DivergedError, SettingError
from daenr_tf.loss_weights import DEFAULT_SCALE
from daenr_tf.machine import blocks
from daenr_tf.machine.blocks import EVALUATION_BATCH, EVALUATION_BYTES
from daenr_tf.missing import known_counts
from daenr_tf.models.build import adam, head_weights
from daenr_tf.paper import DEFAULT_REGION
from daenr_tf.recordings import checks
from daenr_tf.recordings.several import Recordings, together
from daenr_tf.runs.checkpoint import digest_of
from daenr_tf.runs.own_files import CHECKPOINT
from daenr_tf.runs.saved_state import SavedState
from daenr_tf.runs.state import State
from daenr_tf.runs.threads import computing_threads
from daenr_tf.schedules import SCHEDULES

if TYPE_CHECKING:
    from daenr_tf.config import TrainConfig
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.recordings.recording import Recording

STEPS_AT_ONCE = 10  # between two moves of the progress bar


@dataclass(frozen=True)
class Training:
    """What `train` returns.

    Attributes:
        history: `pandas.DataFrame`, a row per validation.
        steps, best_step: int.
        best: float, the monitored validation loss at `best_step`.
        stopped_by: "patience" or "max_steps", which cut it off.
        seconds: float, time in the training loop, validation included.
        images_per_second: float.
        threads: tuple of int, as in `State`: one, unless training was stopped and went on with another number.
    """

    history: pd.DataFrame
    steps: int
    best_step: int
    best: float
    stopped_by: str
    seconds: float
    images_per_second: float
    threads: tuple


class Observer:
    """What is told of the training; every method may be left as it is."""

    def started(self, state: State) -> None:
        """Before the first step, also of a resumed run."""

    def stepped(self, state: State) -> None:
        """A few steps were done."""

    def validated(self, state: State, row: dict[str, float], model: "DAENR") -> None:
        """A validation was done; `row` is the row of the history."""

    def finished(self, state: State) -> None:
        """After the last step."""


def train(
    model: "DAENR",
    recording: "Recording | Recordings | Sequence[Recording]",
    config: "TrainConfig",
    run_dir: str,
    observers: Sequence[Observer] = (),
    stop: Callable[[], bool] = lambda: False,
    sets: pipeline.Sets | None = None,
    before_saving: Callable[[], object] = lambda: None,
) -> Training:
    """Train a model by its schedule; afterwards it has the weights of the best validation.

    A state is kept under `run_dir/checkpoint`; where one lies, training goes on from it, also one that a smaller `max_steps` had ended. It then
    comes to the bits of a training that had the larger one from the start.

    Args:
        model: `DAENR`; it is compiled anew with the configuration's weights and learning rate.
        recording: `Recording`, or several that the model was built for, as `Recordings` or in a list.
        config: `TrainConfig`.
        run_dir: directory of the run; made where it is missing.
        observers: `Observer`s.
        stop: called after every validation; when it returns true the state is saved and KeyboardInterrupt raised.
        sets: `pipeline.Sets`, where they are at hand.
        before_saving: called before a state is saved; what it raises ends the training, with nothing saved.

    Returns:
        `Training`.

    Raises:
        InputError: a state of another configuration or recording, or of a training that began from other weights than the model has, lies in
            `run_dir`; the model lacks the task's head or has another number of neurons, or its fixed masks were found on images that are
            validated on here.
        DivergedError: a loss was not finite; the model has the best weights.
        KeyboardInterrupt: `stop` asked for it.
    """
    return _Loop(model, recording, config, run_dir, observers, stop, sets, before_saving).run()


class _Loop:
    def __init__(self, model, recording, config, run_dir, observers, stop, sets, before_saving):
        recording = together(recording)
        config = config.completed(
            model.name, model.heads, model.layer, recording.region or DEFAULT_REGION
        )
        self.model, self.config, self.observers, self.stop, self.before_saving = (
            model,
            config,
            observers,
            stop,
            before_saving,
        )
        if model.seed != config.seed and any(part.split_matters for part in model.parts()):
            raise SettingError(
                "seed",
                f"{model.seed}, the seed of the split that its parts were started on",
                config.seed,
            )
        if isinstance(recording, Recordings):
            mixed.check(recording, model)
            sets = sets or mixed.prepare(recording, model.image_settings, config.seed)
        checks.neurons(recording, model.neurons)
        self.sets = sets or pipeline.prepare(recording, model.image_settings, config.seed)
        if model.neurons:
            checks.known_responses(
                train=self.sets.train.responses, validation=self.sets.validation.responses
            )
        self.schedule = SCHEDULES[config.schedule]
        identity = {
            "model": model.identity(),
            "training": _identity(config, model),
            "recording": recording.digest,
            "start": digest_of(model.get_weights()),
        }
        self.saved = SavedState(os.path.join(run_dir, CHECKPOINT), identity, config)
        self.state = State()
        self.strategy = model.distribute_strategy
        model.split_seed = config.seed
        with self.strategy.scope():
            model.compile(
                adam(config.learning_rate),
                loss_weights=head_weights(model, config.alpha, config.beta, config.loss_scale),
            )
            model.optimizer.build(model.trainable_variables)
        self.best_weights = [np.asarray(w) for w in model.get_weights()]
        self.saved.restore(self._go_on_from)
        if self.state.threads[-1:] != [computing_threads()]:
            self.state.threads.append(computing_threads())

    def run(self):
        state, config = self.state, self.config
        for observer in self.observers:
            observer.started(state)
        if not state.finished:
            usual = self.model.lacking
            self.model.lacking = tuple(head for head in usual if self._lacks(head))
            try:
                self._steps_function()
                while not state.finished:
                    self._window()
                    self._conclude_window()
            finally:
                self.model.lacking = usual
        self.model.set_weights(self.best_weights)
        # A model that goes on from here, by `fit` for example, begins at a rate at which it learns.
        self.model.optimizer.learning_rate.assign(config.learning_rate)
        for observer in self.observers:
            observer.finished(state)
        if state.diverged:
            raise DivergedError(
                f"training diverged at step {state.step}: a loss was not finite; the weights of step"
                f" {state.best_step} were restored and saved",
                pd.DataFrame(state.history),
            )
        return Training(
            pd.DataFrame(state.history),
            state.step,
            state.best_step,
            state.best,
            state.stopped_by(config),
            state.seconds,
            state.step * config.batch_size / max(state.seconds, 1e-9),
            tuple(state.threads),
        )

    def _lacks(self, head):
        """Whether a target of a head is missing in what is trained or validated on."""
        sets = (self.sets.train, self.sets.validation) if head == "response" else ()
        return any((known_counts(one.responses) < len(one.responses)).any() for one in sets)

    def _steps_function(self):
        model, strategy = self.model, self.strategy

        step = tf.autograph.experimental.do_not_convert(model.train_step)

        batches = pipeline.training_batches(
            self.sets.train, model.heads, self.config.batch_size, self.config.seed, self.state.step
        )
        iterator = iter(strategy.experimental_distribute_dataset(batches))

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
        def run_steps(rates):
            for rate in rates:
                model.optimizer.learning_rate.assign(rate)
                strategy.run(step, args=(next(iterator),))

        self.run_steps = run_steps
        self.terms = _terms_function(model)

    def _window(self):
        """Train up to the next validation, and validate."""
        state, config = self.state, self.config
        regular_end = (state.step // config.validate_every + 1) * config.validate_every
        end = int(min(config.max_steps, regular_end, state.stage_end(config)))
        if end < regular_end and not self.schedule.fall:
            self.saved.before_the_end = self._snapshot()
        for metric in self.model.metrics:
            metric.reset_state()
        started = time.perf_counter()
        while state.step < end:
            count = min(STEPS_AT_ONCE, end - state.step)
            rates = [self._rate(step) for step in range(state.step, state.step + count)]
            self.run_steps(tf.constant(rates, tf.float32))
            state.step += count
            for observer in self.observers:
                observer.stepped(state)
        train = {metric.name: float(metric.result()) for metric in self.model.metrics}
        validation = evaluate_terms(self.terms, self.sets.validation, self.model.heads)
        state.seconds += max(time.perf_counter() - started, 0.0)
        row = {
            "step": state.step,
            "stage": state.stage,
            "learning_rate": rates[-1],
        }
        row |= {f"train_{name}": value for name, value in train.items()}
        row |= {f"val_{name}": value for name, value in validation.items()}
        state.history.append(row)
        monitored = validation[config.monitor]
        if not all(map(math.isfinite, (train["loss"], validation["loss"], monitored))):
            state.diverged = state.finished = True
        elif monitored < state.best:
            state.best, state.best_step = monitored, state.step
            self.best_weights = self.model.get_weights()

    def _conclude_window(self):
        """Tell the observers, change the stage or end, and save the state."""
        state = self.state
        for observer in self.observers:
            observer.validated(state, state.history[-1], self.model)
        over = state.patience_left(self.config) <= 0 or state.step >= state.stage_end(self.config)
        if not state.finished and over:
            if state.stage == self.schedule.stages:
                state.finished = True
            else:
                self._next_stage()
        if state.step >= self.config.max_steps:
            state.finished = True
        stopping = self.stop() and not state.finished
        if stopping or state.finished or self.saved.due:
            self.before_saving()
            self.saved.save(self._snapshot)
        if stopping:
            raise KeyboardInterrupt(f"stopped at step {state.step}, the state is saved")

    def _next_stage(self):
        """Begin the next stage from the best weights, with a fresh Adam."""
        state = self.state
        state.stage, state.stage_start = state.stage + 1, state.step
        self.model.set_weights(self.best_weights)
        for variable in self.model.optimizer.variables:
            variable.assign(tf.zeros_like(variable))

    def _rate(self, step):
        """The learning rate of a step of the stage that it is in."""
        state, config = self.state, self.config
        share = self.schedule.share(state.stage, step - state.stage_start, config.max_steps)
        return config.learning_rate * share

    def _snapshot(self):
        """Where training stands: (dict of lists of arrays, the `State` as a dict)."""
        arrays = {
            "weights": self.model.get_weights(),
            "best": self.best_weights,
            "optimizer": [np.asarray(variable) for variable in self.model.optimizer.variables],
        }
        return arrays, dataclasses.asdict(self.state)

    def _go_on_from(self, arrays, state):
        """Take up a state that `_snapshot` gave."""
        self.model.set_weights(arrays["weights"])
        for variable, value in zip(
            self.model.optimizer.variables, arrays["optimizer"], strict=True
        ):
            variable.assign(value)
        self.state, self.best_weights = state, arrays["best"]


def _identity(config, model):
    """The settings that another training differs in: one that is longer is another where its rates are."""
    settings = dataclasses.asdict(config)
    if config.loss_scale == DEFAULT_SCALE:
        del settings["loss_scale"]  # states of before there was another have none
    if not SCHEDULES[config.schedule].fall:
        del settings["max_steps"], settings["schedule"]
    frozen = [part.name for part in model.parts() if not part.trainable]
    if frozen:
        settings["frozen"] = frozen
    return settings


def _terms_function(model):
    """`model.loss_terms` as a graph, traced once for batches of any size."""

    @tf.function(autograph=False)
    def graph(images, targets, whose=None):
        values, weights = model.loss_terms(images, targets, whose=whose)
        return values, {name: tf.constant(weight) for name, weight in weights.items()}

    def terms(*batch):
        graph.get_concrete_function(
            *tf.nest.map_structure(
                lambda part: tf.TensorSpec((None, *part.shape[1:]), part.dtype), batch
            )
        )
        return graph(*batch)

    return terms


def term_on(model: "DAENR", examples: pipeline.Examples, name: str) -> float:
    """One term of a compiled model's loss over all examples."""
    return evaluate_terms(_terms_function(model), examples, model.heads)[name]


def evaluate_terms(
    terms: Callable[
        [tf.Tensor, dict[str, tf.Tensor]], tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]
    ],
    examples: pipeline.Examples,
    heads: Sequence[str],
) -> dict[str, float]:
    """Every loss term over all examples, without replicas: dict of name -> float, with the total as `loss`."""
    sums, count = {}, len(examples.images)
    known = {}  # how many examples' worth of a head's targets there is, where some may be missing
    if "response" in heads:
        counts = known_counts(examples.responses)
        known["response"] = float(counts.sum()) / len(counts)
    for some in blocks.batches(
        count, EVALUATION_BATCH, examples.images[:1].nbytes, EVALUATION_BYTES
    ):
        images = tf.constant(examples.images[some])
        targets = {"reconstruction": images, "response": tf.constant(examples.responses[some])}
        own = () if examples.whose is None else (tf.constant(examples.whose[some]),)
        values, weights = terms(images, {head: targets[head] for head in heads}, *own)
        for name, value in values.items():
            value = np.asarray(value, np.float64)
            sums[name] = sums.get(name, 0.0) + (
                value.sum() / known.get(name, count) if value.ndim else value * len(images) / count
            )
    means = {name: float(value) for name, value in sums.items()}
    return {
        "loss": float(sum(float(weights[name]) * value for name, value in means.items())),
        **means,
    }
