"""Time, as it is taken alike of TensorFlow and of PyTorch."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any


class Laps:
    """The stages of a process's start, in seconds.

    Args:
        began: float, `time.monotonic()` of the process that started this one, when it did.
    """

    def __init__(self, began: float) -> None:
        self.last = began
        self.seconds: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """A stage has ended."""
        now = time.monotonic()
        self.seconds[name] = now - self.last
        self.last = now


def each(action: Callable[[], Any], count: int) -> list[float]:
    """Seconds of each of `count` calls."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return taken


def spread(seconds: list[float]) -> dict[str, float]:
    """The 5th percentile and the median, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "p5_ms": 1e3 * ordered[len(ordered) // 20],
        "median_ms": 1e3 * statistics.median(ordered),
    }


def answering(answer: Callable[[Any], Any], batch: Any, single: Any, steps: int) -> dict[str, Any]:
    """What a function that answers to images costs.

    Args:
        answer: called with images.
        batch, single: images, many and one.
        steps: int, calls with one image; those with many are a tenth of that, but at least three.

    Returns:
        dict of `images_per_second` (many at once), `latency` (one at a time; as `spread`).
    """
    for images in (batch, single):
        for _ in range(3):
            answer(images)
    many = each(lambda: answer(batch), max(3, steps // 10))
    return {
        "images_per_second": len(batch) / statistics.median(many),
        "latency": spread(each(lambda: answer(single), steps)),
    }


def peak_memory() -> int:
    """The most bytes that this process has had resident."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
