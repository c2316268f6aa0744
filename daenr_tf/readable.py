"""Figures for people."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daenr_tf.experiments.intervals import Estimate

# In tables and results, where some test images were shown once: the PCC over the others, which the noise ceiling is of.
PCC_REPEATED = "pcc_repeated"
LINEAR_CODES = {"dct": "DCT", "pca": "PCA"}  # names of what `linear_codes` gives, and their titles


# What stands behind the name of a model or its data on a terminal, by whether the data are simulated; None where that is not told.
OF_MODEL = {
    True: " of a model of SIMULATED data",
    False: "",
    None: " of a model that does not tell whether its data are simulated",
}


QUICK = " (quick run)"  # what stands behind the name of one


def beside_ceiling(figures: Container[str]) -> str:
    """Of a table's columns, or a dictionary of figures, the name of the PCC over the very images that their noise ceiling is of."""
    return PCC_REPEATED if PCC_REPEATED in figures else "pcc"


def number(value: float | None, digits: int, signed: bool = False) -> str:
    """A figure for people: rounded, with a true minus sign; "∞" or "–" where there is none. A signed one that would round to 0 keeps a digit: −4e−08."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    form = ".0e" if signed and 0 < abs(value) < 0.5 * 10**-digits else f".{digits}f"
    return f"{value:{'+' if signed else ''}{form}}".replace("-", "−")


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of texts as lines, every column as wide as its widest cell."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def interval(estimate: Estimate, digits: int, signed: bool = False) -> str:
    """The 95 % interval of an `Estimate` for people."""
    return between(estimate.low, estimate.high, digits, signed)


def between(low: float, high: float, digits: int, signed: bool = False) -> str:
    """An interval for people."""
    if math.isnan(low):
        return "no interval"
    return f"[{number(low, digits, signed)}, {number(high, digits, signed)}]"


def linear_codes(
    codes: Mapping[str, Mapping[str, Any]], metric: str, digits: int, between: str = ", "
) -> str:
    """What linear codes reach, for people: "DCT of 100: 0.0301, PCA of 100: 0.0213"; empty without any.

    Args:
        codes: as `linear_codes.linear_codes` gives them.
        metric: of a code's figures, the one that is told.
        digits: int.
        between: what stands between two of them.
    """
    return between.join(
        f"{title} of {codes[name]['size']}: {number(codes[name][metric], digits)}"
        for name, title in LINEAR_CODES.items()
        if name in codes
    )
