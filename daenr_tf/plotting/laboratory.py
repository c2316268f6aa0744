"""What virtual experiments show: tuning curves, receptive-field maps, distributions of indices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, GREEN, INK

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

ACROSS, SHOWN = 5, 20  # neurons in a figure
INDICES = {  # of a table of neurons: title and unit
    "preferred_orientation": "preferred orientation (degrees)",
    "preferred_spatial_frequency": "preferred spatial frequency (cycles per {unit})",
    "osi": "orientation selectivity index",
    "global_osi": "global_osi (1 − circular variance)",
    "bandwidth": "half width at half height (degrees)",
    "f1_f0": "F1 / F0",
    "c50": "contrast of half the response",
    "best_contrast": "contrast of the largest response",
    "preferred_size": "preferred diameter ({unit}s)",
    "suppression_index": "suppression index",
    "sparseness": "lifetime sparseness",
    "on_off": "(bright − dark) / (bright + dark)",
}
PERIODS = {"preferred_orientation": 180}  # of indices that are circular
MEDIAN = {"color": INK, "lw": 1, "ls": "--"}
MARGIN = 1.12  # times the largest response is a panel's top
LEAST = 1e-3  # largest response that a panel has room for


def curves(
    path: str,
    values: np.ndarray,
    responses: np.ndarray,
    axis_label: str,
    period: float | None,
    neurons: Sequence[int],
    title: str,
    *,
    simulated: bool,
) -> None:
    """Tuning curves of some neurons, each on its own scale of responses.

    Args:
        path: the PNG file.
        values: (k,), what was varied.
        responses: (k, neurons of the twin).
        axis_label: what it is, with its unit.
        period: after how much of it all is the same again; None of what isn't circular.
        neurons: the numbers of those that are shown.
        title: what it shows.
        simulated: whether what is shown is simulated.
    """
    down = math.ceil(len(neurons) / ACROSS)
    figure = canvas.figure(8.6, 1.35 * down + 0.5, title, simulated)
    axes = figure.subplots(down, ACROSS, squeeze=False, sharex=True)
    for axis in axes.flat[len(neurons) :]:
        axis.axis("off")
    for axis, neuron in zip(axes.flat, neurons, strict=False):
        axis.plot(values, responses[:, neuron], color=BLUE, marker="o", ms=2.5, lw=1)
        axis.set_title(f"neuron {neuron}", fontsize=STYLE["tick"])
        axis.set_ylim(0, MARGIN * max(responses[:, neuron].max(), LEAST))
        if period is not None:
            _once_around(axis, period)
        canvas.plain(axis)
    figure.supxlabel(axis_label, fontsize=STYLE["label"])
    figure.supylabel("response (per presentation)", fontsize=STYLE["label"])
    canvas.write(path, figure)


def indices(path: str, table: pd.DataFrame, unit: str, title: str, *, simulated: bool) -> None:
    """The distribution over neurons of each index in a table that `INDICES` knows, with its median unless it is circular; `unit` of length."""
    known = [name for name in INDICES if name in table]
    across = min(3, len(known))
    down = math.ceil(len(known) / across)
    figure = canvas.figure(2.9 * across, 2.1 * down + 0.25, title, simulated)
    axes = figure.subplots(down, across, squeeze=False)
    for axis in axes.flat[len(known) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, known, strict=False):
        values = table[name].dropna().to_numpy(float)
        period = PERIODS.get(name)
        axis.hist(values, bins=18, range=period and (0, period), color=BLUE)
        axis.set_xlabel(INDICES[name].format(unit=unit), fontsize=STYLE["tick"])
        axis.set_ylabel("neurons", fontsize=STYLE["tick"])
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        if period is not None:
            _once_around(axis, period)
        elif len(values):
            axis.axvline(np.median(values), **MEDIAN)
        canvas.plain(axis)
    if any(axis.lines for axis in axes.flat):
        canvas.legend_below(figure, [Line2D([], [], label="median over neurons", **MEDIAN)])
    canvas.write(path, figure)


def _once_around(axis, period):
    """The horizontal axis of what is circular: once around, with a tick half-way."""
    axis.set_xlim(-0.04 * period, 1.04 * period)
    axis.set_xticks([0, period / 2, period], labels=[f"{x:g}" for x in (0, period / 2, period)])


def maps(
    path: str,
    columns: dict[str, np.ndarray],
    neurons: Sequence[int],
    title: str,
    *,
    simulated: bool,
    shape: tuple[int, int],
    centers: np.ndarray | None = None,
) -> None:
    """Maps of some neurons side by side, a row per neuron; each on its own scale, blue below zero and red above.

    Args:
        path: the PNG file.
        columns: dict of what a map is -> (neurons of the figure, rows, columns).
        neurons: their numbers.
        title: what it shows.
        simulated: whether what is shown is simulated.
        shape: (height, width) of the image in the model's pixels, over which each map is laid.
        centers: (neurons of the figure, 2), row and column of a point to mark, in those pixels.
    """
    height, width = shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    figure = canvas.figure(
        1.45 * len(columns) + 1.4, 1.3 * len(neurons) * height / width + 0.4, title, simulated
    )
    axes = figure.subplots(len(neurons), len(columns), squeeze=False)
    for row, neuron in enumerate(neurons):
        for axis, (name, values) in zip(axes[row], columns.items(), strict=True):
            one = np.asarray(values[row], float)
            largest = np.abs(one).max() or 1.0
            shown = axis.imshow(one / largest, cmap="RdBu_r", vmin=-1, vmax=1, extent=extent)
            canvas.frame(axis)
            if centers is not None:
                axis.plot(*centers[row][::-1], marker="+", color=GREEN, ms=7, mew=1.4)
            if row == 0:
                axis.set_title(name, fontsize=STYLE["tick"])
        axes[row, 0].set_ylabel(f"neuron {neuron}", fontsize=STYLE["tick"])
    canvas.colorbar(figure, shown, axes, "value / largest |value|", [-1, 0, 1])
    canvas.write(path, figure)
