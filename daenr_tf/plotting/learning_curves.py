"""Learning curves as figures: of a run every term of its loss, of a study the loss that decided."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, GREEN, INK, ORANGE, PURPLE, RED

if TYPE_CHECKING:
    import pandas as pd

_TRAIN, _VALIDATION, _MARK = "#8c8c8c", BLUE, RED
_TERMS = {
    "loss": ("total loss", "weighted sum of all terms"),
    "reconstruction": ("reconstruction", "MSE (squared units of [−1, 1])"),
    "response": ("response", "Poisson loss (nats per neuron)"),
}
_ALONE = (INK, "-")  # a model without a readout
_LAYER_LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))
_OTHER_STYLES = ("-", "--", "-.", ":")  # of layers beyond those: the colours again


class Curve(NamedTuple):
    """How a cell was trained: the layer that is read out (None: an autoencoder alone), steps (n,) and validation losses (n,)."""

    layer: int | None
    steps: np.ndarray
    losses: np.ndarray


def of_run(
    path: str,
    history: pd.DataFrame,
    monitor: str,
    best_step: int,
    units: dict[str, tuple[str, str]],
    title: str,
    *,
    simulated: bool,
) -> None:
    """Each term of the loss over training, on the training and on the validation images.

    Args:
        path: the PNG file.
        history: `pandas.DataFrame` with the columns step, stage, learning_rate, train_<term>, val_<term>, a row per validation.
        monitor: the term whose validation value picks the best weights.
        best_step: the step whose weights were kept.
        units: dict of term -> (title, unit), of the terms that the model's parts add.
        title: what it shows; after a line break, of what model and data.
        simulated: whether the data are simulated.
    """
    terms = [
        column.removeprefix("train_") for column in history.columns if column.startswith("train_")
    ]
    columns = min(3, len(terms))
    rows = math.ceil(len(terms) / columns)
    figure = canvas.figure(max(3.3 * columns, 4.5), 2.5 * rows + 0.45, title, simulated)
    axes = figure.subplots(rows, columns, squeeze=False).flat
    switches = history["step"].shift()[history["stage"].diff() > 0]
    marker = "o" if len(history) < 3 else None
    for axis, term in zip(axes, terms, strict=False):
        name, unit = {**_TERMS, **units}.get(term, (term, term))
        curves = history[[f"train_{term}", f"val_{term}"]].to_numpy(float)
        for curve, color in zip(curves.T, (_TRAIN, _VALIDATION), strict=True):
            axis.plot(history["step"], curve, color=color, lw=1.4, marker=marker, ms=4)
        axis.axvline(best_step, color=_MARK, lw=1, ls="--")
        if term == monitor:
            best = history[history["step"] == best_step]
            axis.plot(best["step"], best[f"val_{term}"], "o", color=_MARK, ms=5)
        for step in switches:
            axis.axvline(step, color="black", lw=1, ls=":")
        if _spans(curves, 20):
            axis.set_yscale("log")
        axis.set_title(f"{name} (monitored)" if term == monitor else name, fontsize=STYLE["label"])
        axis.set_xlim(left=0)
        axis.set_xlabel("training step", fontsize=STYLE["tick"])
        axis.set_ylabel(unit, fontsize=STYLE["tick"])
        canvas.plain(axis)
    for axis in axes[len(terms) :]:
        axis.axis("off")
    handles = [
        Line2D([], [], color=_TRAIN, label="training"),
        Line2D([], [], color=_VALIDATION, label="validation"),
        Line2D([], [], color=_MARK, ls="--", label=f"best: step {best_step}"),
    ]
    if len(switches):
        handles.append(Line2D([], [], color="black", ls=":", label="second stage begins"))
    canvas.legend_below(figure, handles)
    canvas.write(path, figure)


def of_study(
    path: str,
    panels: dict[str, list[Curve]],
    unit: str,
    title: str,
    *,
    simulated: bool,
    rehearsal: bool = False,
) -> None:
    """The monitored validation loss over training: a panel per model, a line per cell.

    Args:
        path: the PNG file.
        title: what it shows; after a line break, of what data.
        simulated, rehearsal: whether the data are simulated, the models trained on a small budget.
        panels: dict of a model's name -> list of `Curve`.
        unit: what the loss is.
    """
    columns = min(4, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = canvas.figure(max(5.0, 2.4 * columns), 1.9 * rows + 0.5, title, simulated, rehearsal)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    drawn = set()
    for axis, (name, curves) in zip(axes.flat, panels.items(), strict=False):
        for curve in curves:
            color, style = _line(curve.layer)
            axis.plot(
                curve.steps,
                curve.losses,
                color=color,
                ls=style,
                lw=0.9,
                alpha=0.8,
                marker="o" if len(curve.steps) < 3 else None,
                ms=3,
            )
            drawn.add(curve.layer)
        axis.set_title(name, fontsize=STYLE["label"])
        canvas.plain(axis)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis in axes.flat[max(0, len(panels) - columns) : len(panels)]:
        axis.set_xlabel("training step", fontsize=STYLE["tick"])
        axis.tick_params(labelbottom=True)
    values = np.concatenate([curve.losses for curves in panels.values() for curve in curves])
    if _spans(values, 10):
        axes[0, 0].set_yscale("log")
        axes[0, 0].yaxis.set_minor_formatter(NullFormatter())
    axes[0, 0].set_xlim(left=0)
    axes[0, 0].locator_params(axis="x", nbins=4)
    figure.supylabel(unit, fontsize=STYLE["label"])
    handles = [
        Line2D([], [], color=color, ls=style, label=f"h{layer}" if layer else "no readout")
        for layer in sorted(drawn, key=lambda layer: layer or 0)
        for color, style in [_line(layer)]
    ]
    canvas.legend_below(figure, handles)
    canvas.write(path, figure)


def _line(layer):
    """(colour, style) of the layer that is read out; None of a model without a readout."""
    if layer is None:
        return _ALONE
    turn, number = divmod(layer - 1, len(_LAYER_LINES))
    color, style = _LAYER_LINES[number]
    return color, _OTHER_STYLES[(_OTHER_STYLES.index(style) + turn) % len(_OTHER_STYLES)]


def _spans(values, factor):
    """Whether finite values are all positive and wide enough apart for a logarithmic scale."""
    finite = values[np.isfinite(values)]
    return bool(finite.size) and finite.min() > 0 and finite.max() > factor * finite.min()
