"""Effects with their intervals as a figure, and in words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from daenr_tf.experiments.verdicts import (
    CONTRADICTED,
    NOT_DECIDABLE,
    NOT_SUPPORTED,
    SUPPORTED,
)
from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import INK
from daenr_tf.readable import between, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daenr_tf.experiments.claims import Comparison

_PAPER = {"marker": "*", "ms": 8, "ls": "none", "mfc": "white", "mec": INK, "mew": 0.8}
VERDICT_STYLES = {
    SUPPORTED: {"marker": "o", "color": "#00662f", "mfc": "#00662f"},
    NOT_SUPPORTED: {"marker": "s", "color": "#8a5300", "mfc": "white"},
    CONTRADICTED: {"marker": "X", "color": "#a8121c", "mfc": "#a8121c"},
    NOT_DECIDABLE: {"marker": "D", "color": "#555555", "mfc": "white"},
}
# What decides nothing: what stands beside a claim's parts, and single cells.
_UNJUDGED = {"marker": ".", "color": "#8c8c8c", "mfc": "#8c8c8c"}
_TOO_SMALL = "#f3d9a4"
_ROW = 0.27  # inches between two comparisons
_LINE = 64  # letters of a comparison's name, of which a row holds two lines


def forest(
    path: str,
    comparisons: Sequence[Comparison],
    title: str,
    *,
    simulated: bool,
    rehearsal: bool = False,
) -> None:
    """Each comparison's effect with its interval: right of zero is what the claim says. Parts of the claim
    have the colour of their verdict, what decides nothing is grey.

    Args:
        path: the PNG file.
        title: what it shows; after a line break, of what data.
        simulated, rehearsal: whether the data are simulated, the models trained on a small budget.
        comparisons: `Comparison`s in one unit.
    """
    figure = canvas.figure(9.2, _ROW * len(comparisons) + 1.5, title, simulated, rehearsal)
    axis = figure.subplots()
    places = np.arange(len(comparisons))
    for y, one in zip(places, comparisons, strict=True):
        if np.isfinite(one.least):
            axis.add_patch(
                Rectangle(
                    (-one.least, y - 0.5),
                    2 * one.least,
                    1,
                    fc=_TOO_SMALL,
                    ec="none",
                    zorder=0,
                )
            )
        if one.published is not None:
            axis.plot(one.published, y + 0.24, zorder=4, **_PAPER)  # beneath ours, where they agree
        if one.effect is not None:
            style = VERDICT_STYLES.get(one.verdict, _UNJUDGED)
            if np.isfinite([one.low, one.high]).all():
                axis.plot(
                    [one.low, one.high],
                    [y, y],
                    color=style["color"],
                    lw=2.2 if one.verdict else 1.0,
                    zorder=2,
                    solid_capstyle="butt",
                )
            axis.plot(one.effect.value, y, ls="none", ms=6.5, mew=1.4, zorder=3, **style)
    axis.axvline(0, color=INK, lw=1, zorder=1)
    axis.update_datalim([(0, 0)])
    axis.autoscale_view()
    axis.set_ylim(len(comparisons) - 0.5, -0.5)
    axis.set_yticks(places, labels=[textwrap.fill(one.what, _LINE) for one in comparisons])
    axis.grid(axis="y", color="#e6e6e6", lw=0.5)
    axis.set_axisbelow(True)
    axis.set_xlabel(
        f"effect ({comparisons[0].unit}); right of the line is what the claim says",
        fontsize=STYLE["label"],
    )
    canvas.plain(axis)
    canvas.spaced_ticks(axis)
    axis.tick_params(axis="y", length=0)
    values = axis.twinx()
    values.set_ylim(axis.get_ylim())
    values.set_yticks(places, labels=[effect_text(one) for one in comparisons])
    canvas.plain(values)
    values.tick_params(axis="y", length=0)
    values.spines[:].set_visible(False)
    handles = [
        Line2D([], [], lw=1.8, ms=6.5, mew=1.4, label=verdict, **VERDICT_STYLES[verdict])
        for verdict in VERDICT_STYLES
        if any(one.verdict == verdict and one.effect is not None for one in comparisons)
    ]
    if any(one.verdict is None for one in comparisons):
        handles.append(
            Line2D([], [], lw=1.0, ms=6.5, label="decides nothing (its own 95 %)", **_UNJUDGED)
        )
    handles.append(Patch(fc=_TOO_SMALL, label="too small to matter"))
    if any(one.published is not None for one in comparisons):
        handles.append(Line2D([], [], label="the paper’s own effect", **_PAPER))
    canvas.legend_below(figure, handles, columns=3)
    canvas.write(path, figure)


def effect_text(comparison: Comparison) -> str:
    """An effect and its interval in words."""
    one, digits = comparison.effect, effect_digits(comparison.unit)
    if one is None:
        return "not finished"
    return f"{number(one.value, digits, signed=True)} {between_of(comparison, digits)}"


def between_of(comparison: Comparison, digits: int) -> str:
    """The interval of a comparison that has an effect, in words."""
    return between(comparison.low, comparison.high, digits, signed=True)


def effect_digits(unit: str) -> int:
    """How many decimals an effect in a unit is told with."""
    return {"MSE": 5, "significant neurons": 1}.get(unit, 3)
