"""The figures of a run, as PNG files: plain arrays in, one file each, written whole or not at all.

Every function takes `simulated`; a figure of simulated data says so on its face. A file that can't be written raises MachineError.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from daenr_tf import metrics
from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike

_TRAIN, _VALIDATION, _MARK = "#8c8c8c", "#1f5fa8", "#c1272d"
_SIGNIFICANT, _INSIGNIFICANT = "#1f5fa8", "#c8c8c8"
_HALO = {"mfc": "none", "ls": "none", "path_effects": [withStroke(linewidth=3, foreground="white")]}
_CENTER_STYLES = (
    ({"marker": "o", "color": "#008f45"} | _HALO),
    ({"marker": "x", "color": "#111111"} | _HALO),
)
_TERMS = {
    "loss": ("total loss", "weighted sum of all terms"),
    "reconstruction": ("reconstruction", "MSE (squared units of [−1, 1])"),
    "response": ("response", "Poisson loss (nats per neuron)"),
}


def reconstructions(
    path: str,
    originals: np.ndarray,
    reconstructed: np.ndarray,
    title: str,
    *,
    simulated: bool,
    columns: int = 10,
) -> None:
    """Images above their reconstructions, with the MSE and the PSNR of each.

    Args:
        path: the PNG file.
        originals, reconstructed: (n, height, width, channels) in [-1, 1], channels 1 or 3; all shown on the one scale -1..1.
        title: what it shows; after a line break, of what model and data.
        simulated: whether the data are simulated.
        columns: images beside each other before a new band begins.
    """
    count, height, width, channels = np.shape(originals)
    columns = min(columns, count)
    bands = math.ceil(count / columns)
    figure = canvas.figure(
        max(0.85 * columns + 1.2, 4), bands * (1.7 * height / width + 0.65), title, simulated
    )
    axes = figure.subplots(2 * bands, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    errors, ratios = metrics.mse(originals, reconstructed), metrics.psnr(originals, reconstructed)
    for i in range(count):
        band, column = divmod(i, columns)
        for row, (label, images) in enumerate(
            (("original", originals), ("reconstruction", reconstructed))
        ):
            axis = axes[2 * band + row, column]
            canvas.frame(axis)
            shown = canvas.image(axis, np.asarray(images[i]), -1, 1)
            if column == 0:
                axis.set_ylabel(label, fontsize=STYLE["tick"])
        ratio = "∞" if np.isinf(ratios[i]) else f"{ratios[i]:.1f}"
        axis.set_xlabel(f"MSE {errors[i]:.3f}\n{ratio} dB", fontsize=STYLE["tick"])
    if channels == 1:
        canvas.colorbar(figure, shown, axes, "grey level", [-1, 0, 1])
    canvas.write(path, figure)


def learning_curves(
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
        finite = curves[np.isfinite(curves)]
        if finite.size and finite.min() > 0 and finite.max() > 20 * finite.min():
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
    ]
    handles.append(Line2D([], [], color=_MARK, ls="--", label=f"best: step {best_step}"))
    if len(switches):
        handles.append(Line2D([], [], color="black", ls=":", label="second stage begins"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=STYLE["tick"],
    )
    canvas.write(path, figure)


def masks(
    path: str,
    spatial_masks: ArrayLike,
    neurons: Sequence[int],
    title: str,
    *,
    simulated: bool,
    pccs: Sequence[float] | None = None,
    ceilings: Sequence[float] | None = None,
    centers: dict[str, np.ndarray] | None = None,
    background: ArrayLike | None = None,
    stimulus_shape: tuple[int, int] | None = None,
) -> None:
    """Spatial masks of some neurons, each on its own scale: weights as a share of the neuron's largest.

    Args:
        path: the PNG file.
        spatial_masks: (k, rows, columns), masks over the cells of the hidden layer that the readout reads.
        neurons: (k,) their numbers.
        title: what it shows; after a line break, of what model and data.
        simulated: whether the data are simulated.
        pccs: (k,) their PCC on the test images.
        ceilings: (k,) their noise ceilings, NaN where there is none; shown beside the PCC.
        centers: dict of at most two names (such as "planted", "estimated") -> (k, 2), row and column in stimulus pixels.
        background: (height, width), a stimulus to lay beneath, such as the mean; strong weights cover it.
        stimulus_shape: (height, width) of the stimulus in pixels, where there are centres and no background.
    """
    weights = np.asarray(spatial_masks, float)
    count, *grid = weights.shape
    largest = np.abs(weights).max(axis=(1, 2), keepdims=True)
    weights = weights / np.where(largest > 0, largest, 1)
    signed = weights.min() < 0
    rows, columns = np.shape(background)[:2] if background is not None else stimulus_shape or grid
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    across = min(5, count)
    down = math.ceil(count / across)
    figure = canvas.figure(
        max(1.5 * across + 1.2, 4),
        down * (1.5 * rows / columns + 0.45) + (0.35 if centers else 0),
        title,
        simulated,
    )
    axes = figure.subplots(down, across, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for i, axis in enumerate(axes.flat[:count]):
        opacity = None
        if background is not None:
            canvas.image(
                axis, np.asarray(background)[..., None], *canvas.span(background), extent=extent
            )
            opacity = np.abs(weights[i]) ** 0.5
        shown = axis.imshow(
            weights[i],
            vmin=-1 if signed else 0,
            vmax=1,
            cmap="RdBu_r" if signed else "viridis",
            alpha=opacity,
            extent=extent,
        )
        canvas.frame(axis)
        for style, positions in zip(_CENTER_STYLES, (centers or {}).values(), strict=False):
            row, column = positions[i]
            axis.plot(column, row, ms=7, mew=1.6, **style)
        quality = (
            "" if pccs is None else f"\nPCC {pccs[i]:.2f}" if np.isfinite(pccs[i]) else "\nno PCC"
        )
        if ceilings is not None and np.isfinite(ceilings[i]):
            quality += f", ceiling {ceilings[i]:.2f}"
        axis.set_title(f"neuron {neurons[i]}{quality}", fontsize=STYLE["tick"])
    canvas.colorbar(
        figure,
        shown,
        axes,
        "weight / largest |weight| (sign is arbitrary)" if signed else "weight / largest weight",
        [-1, 0, 1] if signed else [0, 1],
    )
    if centers:
        _center_legend(figure, centers)
    canvas.write(path, figure)


def pcc(
    path: str,
    correlations: ArrayLike,
    ceilings: ArrayLike | None,
    significant: ArrayLike,
    title: str,
    *,
    simulated: bool,
) -> None:
    """How well neurons are predicted: a histogram of their PCC and, with repeats, each PCC against its noise ceiling.

    Args:
        path: the PNG file.
        correlations: (neurons,) PCC on the test images.
        ceilings: (neurons,), NaN for a neuron that has none; or None.
        significant: (neurons,) bool.
        title: what it shows; after a line break, of what model and data.
        simulated: whether the data are simulated.
    """
    correlations, significant = np.asarray(correlations, float), np.asarray(significant, bool)
    known = None if ceilings is None else np.isfinite(ceilings) & np.isfinite(correlations)
    compared = known is not None and known.any()
    figure = canvas.figure(8.2 if compared else 4.8, 3.5, title, simulated)
    axes = figure.subplots(1, 1 + compared, squeeze=False)[0]
    groups = {
        f"significant: {significant.sum()}": (significant, _SIGNIFICANT),
        f"not significant: {(~significant).sum()}": (~significant, _INSIGNIFICANT),
    }

    finite = np.isfinite(correlations)
    low, high = min([0, *correlations[finite]]), max([0.5, *correlations[finite]])
    edges = np.arange(math.floor(low * 20), math.floor(high * 20) + 2) / 20
    stacks = [correlations[members & finite] for members, _ in groups.values()]
    axes[0].hist(
        stacks,
        edges,
        stacked=True,
        color=[color for _, color in groups.values()],
        label=list(groups),
        ec="white",
        lw=0.5,
    )
    if finite.any():
        mean = correlations[finite].mean()
        axes[0].axvline(mean, color=_MARK, ls="--", lw=1.2, label=f"mean {mean:.3f}")
    axes[0].margins(y=0.4)
    axes[0].set_xlabel("PCC over test images", fontsize=STYLE["label"])
    axes[0].set_ylabel("neurons", fontsize=STYLE["label"])
    axes[0].yaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(framealpha=0.9, edgecolor="none", fontsize=STYLE["tick"], loc="upper left")

    if compared:
        ceilings = np.asarray(ceilings, float)
        for members, color in groups.values():
            axes[1].scatter(
                ceilings[members & known],
                correlations[members & known],
                s=16,
                color=color,
                ec="#444444",
                lw=0.4,
                zorder=3,
            )
        axes[1].plot([0, 1], [0, 1], color="black", lw=1, ls=":", label="PCC = ceiling")
        means = correlations[known].mean(), ceilings[known].mean()
        label = f"means: PCC {means[0]:.3f}, ceiling {means[1]:.3f}"
        axes[1].plot(
            means[1], means[0], "+", color=_MARK, ms=13, mew=2, zorder=4, ls="none", label=label
        )
        axes[1].set_xlim(-0.03, 1.03)
        axes[1].set_ylim(min(-0.05, correlations[known].min() - 0.05), 1.03)
        missing = len(correlations) - known.sum()
        axes[1].set_xlabel(
            f"noise ceiling ({missing} without)" if missing else "noise ceiling",
            fontsize=STYLE["label"],
        )
        axes[1].set_ylabel("PCC over test images", fontsize=STYLE["label"])
        axes[1].legend(frameon=False, fontsize=STYLE["tick"], loc="upper left")
    for axis in axes:
        canvas.plain(axis)
    canvas.write(path, figure)


def fixed_mask_positions(
    path: str,
    mean_stimulus: ArrayLike,
    positions: ArrayLike,
    cells: ArrayLike,
    grid_shape: tuple[int, int],
    title: str,
    *,
    simulated: bool,
    planted: ArrayLike | None = None,
) -> None:
    """The receptive-field positions that fixed masks stand on, over the mean stimulus (and a note that it is), and the cells that they open.

    Args:
        path: the PNG file.
        mean_stimulus: (height, width), on its own grey scale.
        positions: (neurons, 2), estimated row and column in stimulus pixels.
        cells: (neurons, 2), row and column of each neuron's cell.
        grid_shape: (rows, columns) of the hidden layer's grid.
        title: what it shows; after a line break, of what model and data.
        simulated: whether the data are simulated.
        planted: (neurons, 2), the true positions where they are known; joined to the estimates.
    """
    height, width = np.shape(mean_stimulus)
    figure = canvas.figure(5.6, 4.6 * height / width + 0.4, title, simulated)
    axis = figure.subplots()
    canvas.image(axis, np.asarray(mean_stimulus)[..., None], *canvas.span(mean_stimulus))
    counts = np.zeros(grid_shape, int)
    np.add.at(counts, tuple(np.transpose(cells)), 1)
    rows, columns = (
        np.linspace(-0.5, size - 0.5, parts + 1)
        for size, parts in zip((height, width), grid_shape, strict=True)
    )
    shown = axis.pcolormesh(
        columns,
        rows,
        np.ma.masked_equal(counts, 0),
        cmap="Oranges",
        vmin=0,
        vmax=counts.max(),
        alpha=0.6,
        zorder=2,
    )
    axis.vlines(columns, -0.5, height - 0.5, color="white", lw=0.3, zorder=2)
    axis.hlines(rows, -0.5, width - 0.5, color="white", lw=0.3, zorder=2)
    named = (
        {"estimated": positions}
        if planted is None
        else {"planted": planted, "estimated": positions}
    )
    if planted is not None:
        for pair in zip(planted, positions, strict=True):
            axis.plot(*np.transpose(pair)[::-1], color="white", lw=0.8, zorder=3)
    for style, places in zip(_CENTER_STYLES[-len(named) :], named.values(), strict=True):
        axis.plot(*np.transpose(places)[::-1], ms=5, mew=1.2, zorder=4, **style)
    axis.set_title(
        "background: the mean of the training images, on its own grey scale", fontsize=STYLE["tick"]
    )
    axis.set_xlabel("column (stimulus pixels)", fontsize=STYLE["label"])
    axis.set_ylabel("row (stimulus pixels)", fontsize=STYLE["label"])
    axis.tick_params(labelsize=STYLE["tick"])
    canvas.colorbar(figure, shown, axis, "neurons per cell", sorted({0, int(counts.max())}))
    _center_legend(figure, named, _CENTER_STYLES[-len(named) :])
    canvas.write(path, figure)


def _center_legend(figure, named, styles=_CENTER_STYLES) -> None:
    handles = [
        Line2D([], [], mew=1.6, label=f"{name} centre", **style)
        for style, name in zip(styles, named, strict=False)
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=STYLE["tick"],
    )
