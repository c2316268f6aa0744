"""`tuning.json`: what a search is, so that its trials are never taken for another's, and what it came to."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daenr_tf.config import RunConfig
from daenr_tf.errors import InputError, one_line
from daenr_tf.machine.files import read_text, write_json
from daenr_tf.tuning.space import Space, differing

if TYPE_CHECKING:
    from typing import Any

    from daenr_tf.tuning.tuning import Tuning

FILE = "tuning.json"
BEST, TRIALS = "best.json", "trials.csv"
HISTORY, IMPORTANCE = "history.png", "importance.png"
LARGEST = 10_000_000  # bytes that are read
LOSSES = {"reconstruction": "MSE", "response": "Poisson loss"}


@dataclass(frozen=True)
class Record:
    """What one recipe's search is.

    Attributes:
        space: `Space`.
        place: str, the directory of its files.
        study: str, what it is called in the storage.
        recording: dict with `name`, `simulated`, `digest` and `counts`, those that are trained and validated on.
        prunes: bool, whether trials may be pruned.
        storage: str, the URL without its password; None for the file in the directory.
    """

    space: Space
    place: str
    study: str
    recording: dict
    prunes: bool
    storage: str | None

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.space.start.model.recipe

    @property
    def loss(self) -> str:
        """What trials are judged by, in words."""
        return LOSSES[self.space.start.training.monitor]

    @property
    def data(self) -> str:
        """The recording in words."""
        name, counts = self.recording["name"], self.recording["counts"]
        kind = " (SIMULATED data)" if self.recording["simulated"] else ""
        return f"{name}{kind}, {counts['train']} training and {counts['validation']} validation images, {counts['neurons']} neurons"

    def file(self, name: str) -> str:
        """The path of one of its files."""
        return os.path.join(self.place, name)

    def trial_place(self, number: int) -> str:
        """Where a trial's files lie."""
        return os.path.join(self.place, "trials", f"{number:03d}")

    def to_dict(self) -> dict[str, Any]:
        """What the file says of it."""
        start = self.space.start
        return {
            "recipe": self.recipe,
            "judged_by": f"validation {self.loss} of the {start.training.monitor}, without penalties, at its best step",
            "recording": self.recording,
            "searched": self.space.to_dict(),
            "config": start.to_dict(),
            "prunes": self.prunes,
            "storage": self.storage,
            "study": self.study,
        }


def opened(record: Record) -> tuple[Record, bool]:
    """A search as it goes on: (the `Record`, with its name in the storage, whether it was begun before).

    Raises:
        InputError: another search lies in its directory, or something else.
    """
    path = record.file(FILE)
    if not os.path.exists(path):
        strange = sorted(os.listdir(record.place)) if os.path.isdir(record.place) else []
        if strange:
            raise InputError(
                f"--out: expected an empty directory or a search's, found {record.place} with {strange[0]} and no {FILE}"
            )
        return record, False
    try:
        found = dict(json.loads(read_text(path, LARGEST)))
        start = RunConfig.from_dict(found["config"])
        known = Record(
            record.space,
            record.place,
            str(found["study"]),
            record.recording,
            *map(found.get, ("prunes", "storage")),
        )
        theirs = {
            name: tuple(one[key] for key in ("low", "high", "log"))
            for name, one in found["searched"].items()
        }
        digest = found["recording"]["digest"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"--out: expected a search's directory, found {path}, which is not what a search writes ({one_line(error)[:100]})"
        ) from None
    for ours, others in _differences(record, start, theirs, digest, known):
        raise InputError(
            f"--out: expected a search with {ours}, found {record.place} with {others}; --out takes another place"
        )
    return known, True


def _differences(record, start, theirs, digest, known):
    """What the search is and the file says otherwise, one after the other, in words."""
    if digest != record.recording["digest"]:
        yield f"the recording {record.recording['digest'][:12]}…", f"{str(digest)[:12]}…"
    for name, value in differing(record.space.start, start).items():
        if name != "dataset":
            yield f"{name} {value}", f"{name} {start.to_dict()[name]}"
    ours = {one.name: (one.low, one.high, one.log) for one in record.space.dimensions}
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            yield _range(name, ours), _range(name, theirs)
    if record.prunes != known.prunes:
        words = {True: "pruning", False: "no pruning"}
        yield words[record.prunes], words[bool(known.prunes)]
    if record.storage != known.storage:
        yield f"the storage {record.storage or 'in it'}", known.storage or "one in it"


def _range(name, ranges):
    if name not in ranges:
        return f"no search of {name}"
    low, high, log = ranges[name]
    return f"{name} searched from {low:g} to {high:g}{' (log)' if log else ''}"


def name_of_study(recipe: str) -> str:
    """A name that no other search has in a storage that several share."""
    return f"daenr-{recipe}-{uuid.uuid4().hex[:12]}"


def counts(tuning: Tuning) -> dict[str, int]:
    """How many of a search's trials ended how."""
    ended = [one.ended for one in tuning.tries()]
    failed = len(tuning.failed)
    return {
        "wanted": tuning.wanted,
        **{how: ended.count(how) for how in ("finished", "pruned", "diverged")},
        "failed": failed,
        "left": max(tuning.wanted, len(ended)) - sum(how != "open" for how in ended) - failed,
    }


def write(tuning: Tuning) -> None:
    """Write what a search has come to: `tuning.json`, `trials.csv` and, once a trial has finished, `best.json`."""
    import pandas as pd

    from daenr_tf.machine.files import write_text
    from daenr_tf.runs.results import versions

    record, tries, best = tuning.record, tuning.tries(), tuning.best()
    default = next((one for one in tries if one.default), None)
    reached = default.value if default and default.ended == "finished" else None
    write_json(
        record.file(FILE),
        {
            **record.to_dict(),
            "trials": counts(tuning),
            "default": None if default is None else {"trial": default.number, "value": reached},
            "best": best
            and {
                "trial": best.number,
                "value": best.value,
                "settings": differing(tuning.config(best.number), record.space.start),
            },
            "gain": reached - best.value if best and reached is not None else None,
            "importance": tuning.importances(),
            "seconds": sum(one.seconds or 0.0 for one in tries),
            "failures": {str(number): text for number, text in sorted(tuning.failed.items())},
            "versions": {**versions(), "optuna": _version("optuna")},
        },
    )
    names = [one.name for one in record.space.dimensions]
    rows = [
        {
            "trial": one.number,
            "default": one.default,
            "ended": "failed" if one.number in tuning.failed else one.ended,
            "value": one.value,
            **{name: value_of(tuning, one, name) for name in names},
            "best_step": one.best_step,
            "steps": one.steps,
            "seconds": one.seconds,
        }
        for one in tries
    ]
    columns = ["trial", "default", "ended", "value", *names, "best_step", "steps", "seconds"]
    table = pd.DataFrame(rows, columns=columns).astype({"best_step": "Int64", "steps": "Int64"})
    write_text(record.file(TRIALS), table.to_csv(index=False, lineterminator="\n"))
    if best:
        write_json(record.file(BEST), tuning.config(best.number).to_dict())


def value_of(tuning: Tuning, one: Any, name: str) -> float:
    """The value of a searched setting in a trial; the first one has the usual values, also where these lie out of bounds."""
    usual = {dimension.name: dimension.usual for dimension in tuning.space.dimensions}
    return usual[name] if one.default else one.values[name]


def draw(tuning: Tuning) -> None:
    """`history.png` and, once two trials have finished, `importance.png`."""
    from daenr_tf.plotting import tuning_figures

    record, tries = tuning.record, tuning.tries()
    done = [one for one in tries if one.value is not None]
    if not done:
        return
    about = f"{record.recipe}, {record.data.replace(' (SIMULATED data)', '')}"
    simulated, axis = record.recording["simulated"], f"validation {record.loss}"
    tuning_figures.history(
        record.file(HISTORY),
        [(one.number, one.value, one.ended, one.default) for one in done],
        f"The search for settings\n{about}",
        axis,
        simulated=simulated,
    )
    if sum(one.ended == "finished" for one in done) < 2:
        return
    tuning_figures.importance(
        record.file(IMPORTANCE),
        {
            dimension.name: [
                (value_of(tuning, one, dimension.name), one.value, one.ended) for one in done
            ]
            for dimension in record.space.dimensions
        },
        {one.name: (one.low, one.high, one.log) for one in record.space.dimensions},
        tuning.importances(),
        f"How much each setting matters\n{about}",
        axis,
        simulated=simulated,
    )


def _version(name):
    import importlib.metadata

    return importlib.metadata.version(name)
