"""`results.json` read back: what a run wrote, or one line."""

from __future__ import annotations

import json
import math
import reprlib
from typing import Any

from daenr_tf.errors import InputError
from daenr_tf.machine.files import read_text
from daenr_tf.runs.summary import summary

LARGEST_RESULTS = 1_000_000  # bytes that are read
LONGEST_PROBLEM = 200  # characters
_NUMBER = (int, float, type(None))
_HELD = {
    "recipe": str,
    "dataset name": str,
    "dataset digest": str,
    "dataset simulated": bool,
    "dataset counts": dict,
    "config recipe": str,
    "config seed": int,
    "test": dict,
    **dict.fromkeys(
        (
            "noise_ceiling",
            "steps",
            "best_step",
            "parameters",
            "seconds",
            "images_per_second",
        ),
        _NUMBER,
    ),
}  # what every run's results have, by the keys that lead to it: types as JSON gives them


def read_results(path: str, run_dir: str) -> dict[str, Any]:
    """The results of a finished run: `_HELD` is there, every number is finite, and `summary` takes them.

    Args:
        path: str, of its `results.json`.
        run_dir: str, what the run is called in the table of its results.

    Raises:
        InputError: the file can't be read, or holds no run's results.
    """
    try:
        text = read_text(path, LARGEST_RESULTS, "a run's results")
        results = json.loads(
            text, parse_int=_whole, parse_float=_finite_float, parse_constant=_finite_float
        )
        for keys, types in _HELD.items():
            value = results
            for key in keys.split():
                value = value[key]
            if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
                raise TypeError(f"{keys.replace(' ', '.')} {reprlib.repr(value)}")
        summary(results, run_dir)
        return results
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{path}: expected a run's results, found no {error}") from None
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        problem = " ".join(str(error).split())[:LONGEST_PROBLEM]
        if isinstance(error, json.JSONDecodeError):
            problem = f"no JSON text ({problem})"
        raise InputError(f"{path}: expected a run's results, found {problem}") from None


def _finite_float(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {reprlib.repr(text)}")
    return value


def _whole(text):
    _finite_float(text)  # what no float holds can't be shown either
    return int(text)
