"""One recipe's search: which trials there are, which is next, and what became of each."""

from __future__ import annotations

import json
import math
import os
import warnings
from typing import TYPE_CHECKING, NamedTuple

from daenr_tf.errors import MachineError, refusal
from daenr_tf.machine.files import read_text
from daenr_tf.tuning import storage
from daenr_tf.tuning.trial import DIVERGED, FILE, FINISHED, PRUNED

if TYPE_CHECKING:
    from typing import Any

    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

    from daenr_tf.config import RunConfig
    from daenr_tf.tuning.record import Record

DEFAULT = (
    "default"  # of a trial's attributes: whether it has the settings that the search starts from
)
ENDED = "ended"  # likewise: `trial.json`
OPEN = "open"  # how a trial stands that has not ended by itself; the same command goes on with it
LARGEST = 1_000_000  # bytes of a `trial.json` that are read


class Try(NamedTuple):
    """A trial as it stands.

    Attributes:
        number: int.
        default: bool, whether it has the settings that the search starts from.
        values: dict of a searched setting's name -> value.
        ended: "finished", "pruned", "diverged" or "open".
        value: float, the best validation loss, so far where it was pruned; None where there is none.
        best_step, steps, seconds: int, int, float; None while it is open.
    """

    number: int
    default: bool
    values: dict
    ended: str
    value: float | None
    best_step: int | None
    steps: int | None
    seconds: float | None


class Tuning:
    """A recipe's search in a storage. Its trials that have ended are told to the storage here and nowhere else.

    Args:
        kept: Optuna's storage.
        record: `Record`, what is searched, and where its files lie.
        wanted: int, how many trials there are to be.
        begun: bool, whether the search was begun before.

    Raises:
        InputError: a search that was begun before is not in the storage.
    """

    def __init__(self, kept: RDBStorage, record: Record, wanted: int, begun: bool) -> None:
        import optuna

        self.kept, self.record, self.wanted = kept, record, wanted
        self.recipe, self.space = record.recipe, record.space
        if begun:
            try:
                self.study: Study = optuna.load_study(study_name=record.study, storage=kept)
            except KeyError:
                raise refusal(
                    "--storage",
                    f"the database that {record.place} was begun with, which has {record.study}",
                    "one without it",
                ) from None
        else:
            self.study = optuna.create_study(
                study_name=record.study, storage=kept, direction="minimize"
            )
        self.at_work = set()
        self.failed = {}  # number -> message, of trials whose processes failed under this command

    def settle(self) -> None:
        """Tell the storage of trials that ended after the command that began them, and give up those that were never whole."""
        for trial in self._trials():
            if (
                not trial.state.is_finished()
                and not self._told(trial.number)
                and not self._whole(trial)
            ):
                self._tell(trial.number, None)

    @property
    def begun(self) -> int:
        """How many trials were begun, those that count."""
        return len(self._counted())

    def has_next(self) -> bool:
        """Whether a trial is left that is not at work and has not failed under this command."""
        return bool(self.left_open()) or self.begun < self.wanted

    def next(self) -> int:
        """The number of the trial to run now: one that was left open, or a new one."""
        left = self.left_open()
        number = left[0] if left else self._new()
        self.at_work.add(number)
        return number

    def conclude(self, number: int, failure: str = "") -> None:
        """A trial's process is over.

        Args:
            number: int.
            failure: what went wrong, where the process failed: the trial stays open.
        """
        self.at_work.discard(number)
        if failure:
            self.failed[number] = failure
        elif not self._told(number):
            self.failed[number] = f"it has left no {FILE}"

    def place(self, number: int) -> str:
        """Where a trial's files lie."""
        return self.record.trial_place(number)

    def is_default(self, number: int) -> bool:
        """Whether a trial has the settings that the search starts from."""
        return bool(self.study.get_trials(deepcopy=False)[number].user_attrs.get(DEFAULT))

    def config(self, number: int) -> RunConfig:
        """The configuration of a trial."""
        trial = self.study.get_trials(deepcopy=False)[number]
        return self.space.config(None if trial.user_attrs.get(DEFAULT) else trial.params)

    def tries(self) -> list[Try]:
        """The trials that count, by number."""
        return [self._try(trial) for trial in self._counted()]

    def best(self) -> Try | None:
        """The finished trial with the lowest loss, of equals the first; None before one has finished."""
        finished = [one for one in self.tries() if one.ended == FINISHED and one.value is not None]
        return min(finished, key=lambda one: (one.value, one.number), default=None)

    def importances(self) -> dict[str, float]:
        """The share of each searched setting in how the finished trials' losses differ (PED-ANOVA, Watanabe et al. 2023); empty where
        there are too few of them."""
        import optuna

        done = [one for one in self.tries() if one.ended == FINISHED]
        if len(done) < 4 or len({one.value for one in done}) < 2:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # that few trials say little, which our figure says
            found = optuna.importance.get_param_importances(self.study)
        return {name: float(share) for name, share in found.items() if math.isfinite(share)}

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _counted(self):
        """Trials that were begun and not given up."""
        from optuna.trial import TrialState

        return [
            trial
            for trial in self._trials()
            if trial.state != TrialState.WAITING
            and not (trial.state == TrialState.FAIL and ENDED not in trial.user_attrs)
        ]

    def left_open(self) -> list[int]:
        """Numbers of the trials that were begun, not finished, and are neither at work here nor failed."""
        return [
            trial.number
            for trial in self._counted()
            if not trial.state.is_finished()
            and trial.number not in self.at_work
            and trial.number not in self.failed
        ]

    def _whole(self, trial):
        """Whether a trial has a value of every setting: a command may be killed while it begins one."""
        from optuna.trial import TrialState

        needed = self.space.usual if trial.user_attrs.get(DEFAULT) else self.space.to_dict()
        return trial.state == TrialState.WAITING or set(needed) <= set(trial.params)

    def _new(self):
        trials, settled = self._trials(), self._counted()
        scales = _distributions(self.space)
        if not any(trial.user_attrs.get(DEFAULT) for trial in settled):
            scales = {name: scales[name] for name in self.space.usual}
            self.study.enqueue_trial(
                self.space.usual, user_attrs={DEFAULT: True}, skip_if_exists=True
            )
        self.study.sampler = storage.sampler(self.space.start.training.seed, len(trials))
        return self.study.ask(scales).number

    def _told(self, number):
        """Tell the storage how a trial has ended; whether it has."""
        path = os.path.join(self.place(number), FILE)
        if not os.path.exists(path):
            return False
        ended = read_ended(path)
        self._tell(number, ended)
        return True

    def _tell(self, number, ended):
        from optuna.trial import TrialState

        states = {FINISHED: TrialState.COMPLETE, PRUNED: TrialState.PRUNED}
        state = states.get(ended["ended"], TrialState.FAIL) if ended else TrialState.FAIL
        if ended:
            self.kept.set_trial_user_attr(self._trials()[number]._trial_id, ENDED, ended)
        value = ended["value"] if state == TrialState.COMPLETE else None
        self.study.tell(number, value, state)

    def _try(self, trial):
        ended = trial.user_attrs.get(ENDED) if trial.state.is_finished() else None
        ended = ended or {"ended": OPEN, "value": None}
        return Try(
            trial.number,
            bool(trial.user_attrs.get(DEFAULT)),
            dict(trial.params),
            ended["ended"],
            ended["value"],
            *(ended.get(name) for name in ("best_step", "steps", "seconds")),
        )


def read_ended(path: str) -> dict[str, Any]:
    """A `trial.json`.

    Raises:
        MachineError: it is damaged.
    """
    try:
        ended = json.loads(read_text(path, LARGEST, "a trial's file"))
        if ended["ended"] in (PRUNED, DIVERGED) or (
            ended["ended"] == FINISHED and math.isfinite(ended["value"])
        ):
            return ended
    except (ValueError, KeyError, TypeError):
        pass
    raise MachineError(
        f"{path}: expected what a trial has written, found something else; remove it and the trial is done again"
    )


def _distributions(space):
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        one.name: (IntDistribution if one.whole else FloatDistribution)(
            one.low, one.high, log=one.log
        )
        for one in space.dimensions
    }
