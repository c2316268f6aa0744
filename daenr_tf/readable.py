"""Figures for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daenr_tf.experiments.intervals import Estimate


def number(value: float | None, digits: int, signed: bool = False) -> str:
    """A figure for people: rounded, with a true minus sign; "∞" or "–" where there is none. A signed one that would round to 0 keeps a digit: −4e−08."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    form = ".0e" if signed and 0 < abs(value) < 0.5 * 10**-digits else f".{digits}f"
    return f"{value:{'+' if signed else ''}{form}}".replace("-", "−")


def interval(estimate: Estimate, digits: int, signed: bool = False) -> str:
    """The 95 % interval of an `Estimate` for people."""
    return between(estimate.low, estimate.high, digits, signed)


def between(low: float, high: float, digits: int, signed: bool = False) -> str:
    """An interval for people."""
    if math.isnan(low):
        return "no interval"
    return f"[{number(low, digits, signed)}, {number(high, digits, signed)}]"
