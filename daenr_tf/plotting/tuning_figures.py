"""What a search for settings tried and found, as figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, GREEN, INK, ORANGE, PALE, RED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOKS = {"finished": ("o", BLUE), "pruned": ("x", ORANGE), "diverged": ("v", RED)}
COLUMNS = 3


def history(
    path: str,
    trials: Sequence[tuple[int, float, str, bool]],
    title: str,
    axis: str,
    *,
    simulated: bool,
) -> None:
    """The loss of every trial in their order, the lowest so far, and what the defaults have.

    Args:
        path: the PNG file.
        trials: (number, loss, how it ended, whether it has the default settings) of each.
        title: what it shows; after a line break, of what data.
        axis: what the loss is.
        simulated: whether the data are simulated.
    """
    figure = canvas.figure(7.2, 3.2, title, simulated)
    plot = figure.subplots()
    for how, (marker, colour) in LOOKS.items():
        some = [(number, loss) for number, loss, ended, _ in trials if ended == how]
        if some:
            plot.plot(*zip(*some, strict=True), marker, color=colour, ms=6, ls="none", label=how)
    finished = [(number, loss) for number, loss, ended, _ in trials if ended == "finished"]
    if finished:
        numbers, losses = zip(*finished, strict=True)
        best = np.minimum.accumulate(losses)
        plot.step(numbers, best, where="post", color=GREEN, lw=1.5, label="lowest so far")
    for _, loss, ended, default in trials:
        if default and ended == "finished":
            plot.axhline(loss, color=INK, lw=0.8, ls=":", label="the defaults")
    plot.set_xlabel("trial", fontsize=STYLE["label"])
    plot.set_ylabel(axis, fontsize=STYLE["label"])
    plot.xaxis.set_major_locator(MaxNLocator(integer=True))
    _zoom(plot, [loss for _, loss in finished], [loss for _, loss, _, _ in trials])
    canvas.plain(plot)
    canvas.legend_above(plot, columns=5)
    canvas.write(path, figure)


def importance(
    path: str,
    slices: Mapping[str, Sequence[tuple[float, float, str]]],
    bounds: Mapping[str, tuple[float, float, bool]],
    shares: Mapping[str, float],
    title: str,
    axis: str,
    *,
    simulated: bool,
) -> None:
    """How much each searched setting matters, and the loss against each.

    Args:
        path: the PNG file.
        slices: dict of a setting's name -> (its value, loss, how the trial ended) of each trial.
        bounds: dict of name -> (low, high, whether logarithmic) of its search.
        shares: dict of name -> its share in how losses differ; empty where that is not known.
        title, axis, simulated: as in `history`.
    """
    columns = 2 if len(slices) == 3 else min(COLUMNS, len(slices) + 1)
    rows = math.ceil((len(slices) + 1) / columns)
    figure = canvas.figure(2.6 * columns, 2.4 * rows, title, simulated)
    bars, *plots = figure.subplots(rows, columns, squeeze=False).ravel()
    _bars(bars, list(slices), shares)
    trials = next(iter(slices.values()))
    losses = [loss for _, loss, ended in trials if ended == "finished"]
    shown = {}
    for plot, (name, points) in zip(plots, slices.items(), strict=False):
        for how, (marker, colour) in LOOKS.items():
            some = [(value, loss) for value, loss, ended in points if ended == how]
            if some:
                (shown[how],) = plot.plot(
                    *zip(*some, strict=True), marker, color=colour, ms=5, ls="none", label=how
                )
        _bounded(plot, [value for value, _, _ in points], *bounds[name])
        plot.set_xlabel(name, fontsize=STYLE["label"])
        plot.set_ylabel(axis, fontsize=STYLE["label"])
        _zoom(plot, losses, [loss for _, loss, _ in points])
        canvas.plain(plot)
    for plot in plots[len(slices) :]:
        plot.axis("off")
    canvas.legend_below(figure, list(shown.values()))
    canvas.write(path, figure)


def _bars(axis, names, shares):
    places = range(len(names))
    axis.barh(places, [shares.get(name, 0.0) for name in names], color=BLUE if shares else PALE)
    axis.set_yticks(places, labels=names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlim(0, 1)
    words = "share of importance (PED-ANOVA)" if shares else "importance: too few trials"
    axis.set_xlabel(words, fontsize=STYLE["label"])
    axis.set_ylabel("setting", fontsize=STYLE["label"])
    canvas.plain(axis)


def _bounded(axis, values, low, high, log):
    """The setting's axis: the bounds of its search, and what lies out of them, as the defaults may."""
    ends = min(low, *values), max(high, *values)
    if log and ends[0] > 0:
        axis.set_xscale("log")
    axis.set_xlim(*_wider(*ends, log and ends[0] > 0))


def _wider(low, high, log):
    if log:
        share = (high / low) ** 0.05
        return low / share, high * share
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _zoom(axis, losses, all_losses):
    """Let what finished fill the axis: a trial that failed wholly would press it into a line."""
    axis.ticklabel_format(axis="y", useOffset=False)
    if len(losses) < 4:
        return
    low, middle = np.min(losses), np.median(losses)
    high = min(np.max(losses), middle + 3 * (middle - low))
    if high <= low:
        return
    top = high + 0.08 * (high - low)
    axis.set_ylim(low - 0.08 * (high - low), top)
    if hidden := sum(loss > top for loss in all_losses):
        axis.text(
            0.98,
            0.97,
            f"{hidden} above",
            transform=axis.transAxes,
            ha="right",
            va="top",
            fontsize=STYLE["tick"],
        )
