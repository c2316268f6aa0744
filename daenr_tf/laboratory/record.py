"""What an experiment leaves in its directory: a recording, a tidy table, indices, and what made them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from daenr_tf.errors import InputError, refusal
from daenr_tf.laboratory import sampling
from daenr_tf.machine.files import read_text, replace_file, write_json
from daenr_tf.recordings.splits import choose, image_groups

if TYPE_CHECKING:
    from daenr_tf.laboratory.sampling import Law
    from daenr_tf.laboratory.stimuli import Stimuli

MANIFEST = "experiment.json"
RECORDING, RESPONSES, NEURONS = "recording.npz", "responses.csv", "neurons.csv"
LARGEST_MANIFEST = 1 << 20
HOLD_OUT, MOST_HELD_OUT = 0.2, 100  # images that are shown repeatedly: a share, and at most so many
ROWS_AT_ONCE = 200_000  # of the tidy table


@dataclass(frozen=True)
class Session:
    """What was shown and answered.

    Attributes:
        rates: (N, neurons) float32, expected responses.
        test: (N,) bool, which stimuli were shown repeatedly.
        once: (N, neurons) float32, one presentation of every stimulus; where responses are rates, those.
        trials: (repeats, test stimuli, neurons) float32, all presentations of those; None where responses are rates.
    """

    rates: np.ndarray
    test: np.ndarray
    once: np.ndarray
    trials: np.ndarray | None

    @property
    def responses(self) -> np.ndarray:
        """(N, neurons), the average over the presentations of each stimulus."""
        found = self.once.copy()
        if self.trials is not None:
            found[self.test] = self.trials.mean(axis=0)
        return found


def record(
    stimuli: Stimuli, rates: np.ndarray, law: Law | None, repeats: int, seed: int
) -> Session:
    """Present stimuli: each once, and a fixed share of them, the same for a seed, `repeats` times.

    Args:
        stimuli: `Stimuli`; identical images are all among the repeated ones or none of them is.
        rates: (N, neurons), expected responses.
        law: how responses vary; None gives the rates themselves.
        repeats: int.
        seed: int.

    Raises:
        InputError: there are fewer than 4 distinct images.
    """
    (groups,) = image_groups(stimuli.images)
    distinct = int(groups.max()) + 1
    if distinct < 4:
        raise refusal("stimuli", "at least 4 distinct images", distinct)
    count = min(MOST_HELD_OUT, max(2, round(HOLD_OUT * len(rates))))
    test = choose(groups, count, seed, at_least=2, leave=2)
    if law is None:
        return Session(rates, test, rates, None)
    once = sampling.draw(rates, law, 1, seed)[0]
    return Session(rates, test, once, sampling.draw(rates[test], law, repeats, seed, stream=1))


def claim(directory: str, maker: str) -> list[str]:
    """The files in a directory that an earlier experiment of this kind made, and may be replaced.

    Raises:
        InputError: there is anything else in it.
    """
    path = os.path.join(directory, MANIFEST)
    present = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    if not present:
        return []
    own = []
    if os.path.isfile(path):
        try:
            found = json.loads(read_text(path, LARGEST_MANIFEST))
            if found["made_by"] == maker:
                own = [name for name in found["files"] if isinstance(name, str)]
        except (ValueError, KeyError, TypeError, RecursionError, InputError):
            own = []
    foreign = next((name for name in present if name not in own), None)
    if foreign:
        wanted = f"a new directory, or one that holds only what {maker} made"
        raise refusal("--out", wanted, f"{foreign} in {directory}")
    return present


def begin(directory: str, old: list[str], about: dict[str, Any], files: list[str]) -> None:
    """Make the directory, take away what an earlier experiment left, and say what is made here."""
    from daenr_tf.runs.directory import make_directory

    make_directory("--out", directory)
    for name in old:
        os.remove(os.path.join(directory, name))
    write_json(os.path.join(directory, MANIFEST), {**about, "files": sorted([MANIFEST, *files])})


def write_recording(path: str, stimuli: Stimuli, session: Session) -> None:
    """The recording, in the form of docs/recordings.md, marked as simulated."""
    test = session.test
    arrays = {
        "images": stimuli.images[~test],
        "responses": session.once[~test],
        "test_images": stimuli.images[test],
        "simulated": np.array(True),
    }
    if session.trials is None:
        arrays["test_responses"] = session.once[test]
    else:
        arrays["test_trials"] = session.trials
    write_arrays(path, arrays)


def write_arrays(path: str, arrays: dict[str, np.ndarray]) -> None:
    """An NPZ file, whole or not at all."""
    replace_file(path, lambda file: np.savez_compressed(file, **arrays))


def write_responses(path: str, stimuli: Stimuli, session: Session) -> None:
    """A row per stimulus and neuron: `stimulus`, what it is, `presentations`, `neuron`, `response` (the average over
    presentations), `rate` (the expected response)."""
    count, neurons = session.rates.shape
    repeats = 1 if session.trials is None else len(session.trials)
    responses = session.responses
    step = max(1, ROWS_AT_ONCE // neurons)

    def write(file):
        for start in range(0, count, step):
            some = slice(start, min(start + step, count))
            rows = np.repeat(np.arange(some.start, some.stop), neurons)
            table = stimuli.conditions.iloc[rows].reset_index(drop=True)
            table.insert(0, "stimulus", rows)
            table["presentations"] = np.where(session.test[rows], repeats, 1)
            table["neuron"] = np.tile(np.arange(neurons), some.stop - some.start)
            table["response"] = responses[some].ravel()
            table["rate"] = session.rates[some].ravel()
            text = table.to_csv(
                index=False, header=start == 0, float_format="%.6g", lineterminator="\n"
            )
            file.write(text.encode())

    replace_file(path, write)


def write_neurons(path: str, table: pd.DataFrame) -> None:
    """The indices, a row per neuron."""
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    replace_file(path, lambda file: file.write(text.encode()))
