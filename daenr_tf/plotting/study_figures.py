"""The figures of a study, as PNG files: estimates and arrays in, one file each, written whole or not at all.

As in `daenr_tf.plotting.run_figures`, every function takes the file's path, a title (what stands behind a line break is smaller), `simulated` and
`rehearsal`; a figure of simulated data, or of models that were trained on a small budget, says so on its face. Colour is never the only sign. A
file that can't be written raises MachineError.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import NullFormatter

from daenr_tf import metrics
from daenr_tf.experiments.report.tables import interval, number
from daenr_tf.experiments.verdicts import CONTRADICTED, NOT_DECIDABLE, NOT_SUPPORTED, SUPPORTED
from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daenr_tf.experiments.comparisons import Comparison

# They differ in lightness too, for prints without colour.
_SIGNIFICANT, _INSIGNIFICANT = "#1f5fa8", "#d9d9d9"
_PAPER = {"marker": "*", "ms": 8, "ls": "none", "mfc": "white", "mec": "#111111", "mew": 0.8}
VERDICT_STYLES = {
    SUPPORTED: {"marker": "o", "color": "#00662f", "mfc": "#00662f"},
    NOT_SUPPORTED: {"marker": "s", "color": "#8a5300", "mfc": "white"},
    CONTRADICTED: {"marker": "X", "color": "#a8121c", "mfc": "#a8121c"},
    NOT_DECIDABLE: {"marker": "D", "color": "#555555", "mfc": "white"},
}
_LAYER_LINES = {
    None: ("#111111", "-"),
    1: ("#1f5fa8", "-"),
    2: ("#e08214", "--"),
    3: ("#008f45", "-."),
    4: ("#8e4585", ":"),
}
_ROW = 0.27  # inches between two comparisons


class Bar(NamedTuple):
    """A model whose significant neurons are counted: its name, the `Estimate` of the count (None: not finished) and all its neurons."""

    name: str
    estimate: object
    neurons: int


class Curve(NamedTuple):
    """How a cell was trained: the layer that is read out (None: an autoencoder alone), steps (n,) and validation losses (n,)."""

    layer: int | None
    steps: np.ndarray
    losses: np.ndarray


def reconstructions(
    path: str,
    originals: np.ndarray,
    rows: dict[str, np.ndarray | None],
    title: str,
    *,
    simulated: bool,
    rehearsal: bool = False,
) -> None:
    """Test images over what each model made of them, as in the paper's Figures 2, 6 and 7.

    Args:
        path, title, simulated, rehearsal: see above.
        originals: (n, height, width, channels) in [-1, 1].
        rows: dict of a model's name -> (n, height, width, channels), or None where it isn't finished.
    """
    count, height, width, _ = np.shape(originals)
    figure = canvas.figure(
        0.85 * count + 1.4,
        (0.85 * height / width + 0.06) * (len(rows) + 1) + 0.1,
        title,
        simulated,
        rehearsal,
    )
    axes = figure.subplots(
        len(rows) + 1, count, squeeze=False, gridspec_kw={"wspace": 0.04, "hspace": 0.04}
    )
    for row, (name, images) in zip(axes, {"original": originals, **rows}.items(), strict=True):
        for column, axis in enumerate(row):
            canvas.frame(axis)
            if images is not None:
                canvas.image(axis, np.asarray(images[column]), -1, 1)
        if images is None:
            row[0].text(
                0.5,
                0.5,
                "not\nfinished",
                ha="center",
                va="center",
                fontsize=STYLE["tick"],
                transform=row[0].transAxes,
            )
        elif name != "original":
            name += f"\nMSE {metrics.mse(originals, images).mean():.4f}"
        row[0].set_ylabel(
            name, fontsize=STYLE["tick"], rotation=0, ha="right", va="center", labelpad=6
        )
    canvas.write(path, figure)


def significance(
    path: str, panels: dict[str, list[Bar]], title: str, *, simulated: bool, rehearsal: bool = False
) -> None:
    """Neurons that are predicted significantly, stacked under those that are not, as in the paper's Figures 3, 4 and 8.

    Args:
        path, title, simulated, rehearsal: see above.
        panels: dict of a panel's name -> list of `Bar`.
    """
    widest = max(len(bars) for bars in panels.values())
    figure = canvas.figure(
        max(5.2, (0.62 * widest + 0.9) * len(panels)), 3.4, title, simulated, rehearsal
    )
    for axis, (name, bars) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for x, bar in enumerate(bars):
            if bar.estimate is None:
                axis.text(
                    x,
                    0.02 * bar.neurons,
                    "not finished",
                    rotation=90,
                    ha="center",
                    va="bottom",
                    fontsize=STYLE["tick"],
                )
                continue
            value, low, high = bar.estimate.value, bar.estimate.low, bar.estimate.high
            axis.bar(x, value, 0.72, color=_SIGNIFICANT, ec="#222222", lw=0.6)
            axis.bar(
                x,
                bar.neurons - value,
                0.72,
                bottom=value,
                color=_INSIGNIFICANT,
                ec="#222222",
                lw=0.6,
                hatch="///",
                alpha=0.99,
            )
            if np.isfinite([low, high]).all():
                axis.errorbar(
                    x,
                    value,
                    [[value - low], [high - value]],
                    color="#111111",
                    lw=1.6,
                    capsize=4,
                    capthick=1.6,
                )
            top = max(bar.neurons, high) if np.isfinite(high) else bar.neurons
            axis.annotate(
                f"{number(value, 1)} / {bar.neurons}",
                (x, top),
                (0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=STYLE["tick"] - 1,
            )
        axis.set_xticks(
            range(len(bars)),
            labels=[bar.name for bar in bars],
            rotation=35 if widest > 4 else 0,
            ha="right" if widest > 4 else "center",
        )
        axis.set_ylim(
            bottom=min(
                [
                    0,
                    *(
                        bar.estimate.low
                        for bar in bars
                        if bar.estimate and np.isfinite(bar.estimate.low)
                    ),
                ]
            )
        )
        axis.margins(y=0.08)
        axis.set_xlim(-0.6, len(bars) - 0.4)
        axis.set_title(name, fontsize=STYLE["label"], parse_math=False)
        axis.set_ylabel("neurons", fontsize=STYLE["label"])
        canvas.plain(axis)
    handles = [
        Patch(fc=_SIGNIFICANT, ec="#222222", label="significant (above: of how many)"),
        Patch(fc=_INSIGNIFICANT, ec="#222222", hatch="///", label="insignificant"),
        Line2D([], [], color="#111111", lw=1.6, marker="|", ms=8, label="95 % interval"),
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=STYLE["tick"]
    )
    canvas.write(path, figure)


def stimuli(
    path: str,
    rows: dict[str, tuple[np.ndarray, tuple[float, float]]],
    title: str,
    *,
    simulated: bool,
    rehearsal: bool = False,
) -> None:
    """Examples of training images, as in the paper's Figure 5.

    Args:
        path, title, simulated, rehearsal: see above.
        rows: dict of a recording's name -> ((n, height, width, channels), (lowest, highest grey level)).
    """
    count = max(len(images) for images, _ in rows.values())
    height, width = next(iter(rows.values()))[0].shape[1:3]
    figure = canvas.figure(
        0.85 * count + 1.4,
        (0.85 * height / width + 0.06) * len(rows) + 0.1,
        title,
        simulated,
        rehearsal,
    )
    axes = figure.subplots(
        len(rows), count, squeeze=False, gridspec_kw={"wspace": 0.04, "hspace": 0.04}
    )
    for row, (name, (images, levels)) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(row, images, strict=False):
            canvas.frame(axis)
            canvas.image(axis, image, *levels)
        for axis in row[len(images) :]:
            axis.axis("off")
        row[0].set_ylabel(
            name,
            fontsize=STYLE["tick"],
            rotation=0,
            ha="right",
            va="center",
            labelpad=6,
            parse_math=False,
        )
    canvas.write(path, figure)


def forest(
    path: str,
    comparisons: "Sequence[Comparison]",
    title: str,
    *,
    simulated: bool,
    rehearsal: bool = False,
) -> None:
    """Each comparison's effect with its 95 % interval: right of zero is what the claim says.

    Args:
        path, title, simulated, rehearsal: see above.
        comparisons: `Comparison`s in one unit.
    """
    figure = canvas.figure(9.2, _ROW * len(comparisons) + 1.5, title, simulated, rehearsal)
    axis = figure.subplots()
    places = np.arange(len(comparisons))
    for y, one in zip(places, comparisons, strict=True):
        if np.isfinite(one.least):
            axis.add_patch(
                Rectangle(
                    (-one.least, y - 0.5), 2 * one.least, 1, fc="#f3d9a4", ec="none", zorder=0
                )
            )
        if one.published is not None:
            axis.plot(one.published, y + 0.24, zorder=4, **_PAPER)  # beneath ours, where they agree
        if one.effect is not None:
            style = VERDICT_STYLES[one.verdict]
            if np.isfinite([one.effect.low, one.effect.high]).all():
                axis.plot(
                    [one.effect.low, one.effect.high],
                    [y, y],
                    color=style["color"],
                    lw=1.8,
                    zorder=2,
                    solid_capstyle="butt",
                )
            axis.plot(one.effect.value, y, ls="none", ms=6.5, mew=1.4, zorder=3, **style)
    axis.axvline(0, color="#111111", lw=1, zorder=1)
    axis.update_datalim([(0, 0)])
    axis.autoscale_view()
    axis.set_ylim(len(comparisons) - 0.5, -0.5)
    axis.set_yticks(places, labels=[one.what for one in comparisons])
    axis.grid(axis="y", color="#e6e6e6", lw=0.5)
    axis.set_axisbelow(True)
    axis.set_xlabel(
        f"effect ({comparisons[0].unit}); right of the line is what the claim says",
        fontsize=STYLE["label"],
    )
    canvas.plain(axis)
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
    handles.append(Patch(fc="#f3d9a4", label="too small to matter"))
    if any(one.published is not None for one in comparisons):
        handles.append(Line2D([], [], label="the paper’s own effect", **_PAPER))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=STYLE["tick"]
    )
    canvas.write(path, figure)


def effect_text(comparison: "Comparison") -> str:
    """An effect and its interval in words."""
    one, digits = comparison.effect, effect_digits(comparison.unit)
    if one is None:
        return "not finished"
    return f"{number(one.value, digits, signed=True)} {interval(one, digits, signed=True)}"


def effect_digits(unit: str) -> int:
    """How many decimals an effect in a unit is told with."""
    return {"MSE": 5, "significant neurons": 1}.get(unit, 3)


def learning_curves(
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
        path, title, simulated, rehearsal: see above.
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
            color, style = _LAYER_LINES[curve.layer]
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
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 10 * values.min():
        axes[0, 0].set_yscale("log")
        axes[0, 0].yaxis.set_minor_formatter(NullFormatter())
    axes[0, 0].set_xlim(left=0)
    axes[0, 0].locator_params(axis="x", nbins=4)
    figure.supylabel(unit, fontsize=STYLE["label"])
    handles = [
        Line2D([], [], color=color, ls=style, label=f"h{layer}" if layer else "no readout")
        for layer, (color, style) in _LAYER_LINES.items()
        if layer in drawn
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=STYLE["tick"],
    )
    canvas.write(path, figure)
