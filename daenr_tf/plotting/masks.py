"""Spatial masks as figures: those that were learned, and where fixed ones stand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import GREEN, INK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

_HALO = {
    "mfc": "none",
    "ls": "none",
    "path_effects": [withStroke(linewidth=3, foreground="white")],
}
_CENTER_STYLES = (
    ({"marker": "o", "color": GREEN} | _HALO),
    ({"marker": "x", "color": INK} | _HALO),
)


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
        down * (1.65 * rows / columns + 0.5) + (0.35 if centers else 0),
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
                axis,
                np.asarray(background)[..., None],
                *canvas.span(background),
                extent=extent,
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
        "weight / largest |weight|\n(sign is arbitrary)" if signed else "weight / largest weight",
        [-1, 0, 1] if signed else [0, 1],
    )
    if centers:
        _center_legend(figure, centers)
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
        "background: the mean of the training images, on its own grey scale",
        fontsize=STYLE["tick"],
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
    canvas.legend_below(figure, handles)
