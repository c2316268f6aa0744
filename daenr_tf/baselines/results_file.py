"""`baselines.json` read back, and what it says of runs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daenr_tf.errors import InputError, one_line
from daenr_tf.machine.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST = 1_000_000  # bytes that are read


@dataclass(frozen=True)
class Known:
    """What baselines reached.

    Attributes:
        block: (digest of the recording, seed of the split), which runs must share to be held against them.
        figures: dict of a baseline's title -> (validation PCC, test PCC), means over neurons.
    """

    block: tuple[str, int]
    figures: dict[str, tuple[float, float]]

    def told(self, runs: Iterable[tuple[str, float | None, float | None]]) -> list[str]:
        """Sentences: the baselines' figures, and which runs stay behind the best baseline on the validation images.

        Args:
            runs: of each its name and its mean PCC on the validation and on the test images, None without a readout.
        """
        figures = "; ".join(
            f"{title} {validation:.3f}, {test:.3f}"
            for title, (validation, test) in self.figures.items()
        )
        best = max(self.figures, key=lambda title: self.figures[title][0])
        least, of_test = self.figures[best]
        behind = [
            f"{name} does not beat {best} (validation mean PCC {validation:.3f} against {least:.3f}; test"
            f" {'–' if test is None else f'{test:.3f}'} against {of_test:.3f})"
            for name, validation, test in runs
            if validation is not None and validation <= least
        ]
        head = f"without a network, validation and test mean PCC: {figures}"
        return [one_line(sentence) for sentence in (head, *behind)]


def read(path: str) -> Known:
    """What `daenr baselines --out` wrote. Raises `InputError` where the file can't be read or is no such."""
    try:
        results = json.loads(read_text(path, LARGEST, "a baselines.json"))
        digest, seed = results["dataset"]["digest"], results["config"]["seed"]
        figures = {
            str(one["title"]): (_pcc(one["validation"]), _pcc(one["test"]))
            for one in results["baselines"].values()
        }
        if not (isinstance(digest, str) and type(seed) is int and figures):
            raise ValueError
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(
            f"{path}: expected what daenr baselines --out writes, found something else"
        ) from None
    return Known((digest, seed), figures)


def _pcc(figures: dict[str, Any]) -> float:
    value = figures["pcc"]
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return float(value)
