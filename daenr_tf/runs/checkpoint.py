"""The whole state of a training run in one file, written aside and checked when read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from daenr_tf.errors import InputError, MachineError
from daenr_tf.machine.files import replace_file
from daenr_tf.recordings.arrays import read_npz

LATEST = "state.npz"
PREVIOUS = "state-previous.npz"


def save(directory: str, arrays: dict[str, Sequence[np.ndarray]], facts: Any) -> None:
    """Save lists of arrays and JSON facts as the latest state; the state before it is kept as the previous one.

    Args:
        directory: an existing directory.
        arrays: dict of name -> list of arrays.
        facts: what JSON can hold.
    """
    flat = {
        f"{name}.{i}": np.asarray(value)
        for name, values in arrays.items()
        for i, value in enumerate(values)
    }
    latest = os.path.join(directory, LATEST)
    fresh = f"{latest}.new"
    replace_file(
        fresh,
        lambda file: np.savez(
            file, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **flat
        ),
    )
    try:
        if os.path.exists(latest):
            os.replace(latest, os.path.join(directory, PREVIOUS))
        os.replace(fresh, latest)
    except OSError as error:
        raise MachineError(f"{latest}: could not be written ({error.strerror or error})") from None


def load(directory: str) -> tuple[dict[str, list[np.ndarray]], Any] | None:
    """The latest state that can be read as (arrays, facts), or None where there is none.

    Raises:
        InputError: there are states, and none of them can be read.
    """
    problems = []
    for name in (LATEST, PREVIOUS):
        path = os.path.join(directory, name)
        if os.path.exists(path):
            try:
                return _read(path)
            except InputError as error:
                problems.append(str(error))
    if problems:
        raise InputError("; ".join(problems) + "; --overwrite starts afresh")
    return None


def _read(path):
    flat = read_npz(path)
    arrays = {}
    try:
        facts = json.loads(flat.pop("facts").tobytes())
        for key, value in flat.items():
            name, index = key.rsplit(".", 1)
            arrays.setdefault(name, {})[int(index)] = value
        return {
            name: [values[i] for i in range(len(values))] for name, values in arrays.items()
        }, facts
    except (ValueError, KeyError, RecursionError):
        raise InputError(f"{path}: expected a saved state, found arrays of another kind") from None


def digest_of(weights: Sequence[np.ndarray]) -> str:
    """SHA-256 (hex) of a list of arrays."""
    sha = hashlib.sha256()
    for weight in map(np.ascontiguousarray, weights):
        sha.update(f"{weight.dtype.str} {weight.shape}\n".encode())
        sha.update(weight.tobytes())
    return sha.hexdigest()
