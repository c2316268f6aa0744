"""The figure of a recording, as a PNG file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, ORANGE, RED

if TYPE_CHECKING:
    from daenr_tf.recordings.description import Description

_BARS, _MARK, _ORACLE = BLUE, RED, ORANGE
SHOWN = 6  # images


def recording(
    path: str,
    images: np.ndarray,
    pixel_range: tuple[float, float],
    description: Description,
    title: str,
    *,
    simulated: bool,
) -> None:
    """Some images, their grey levels, and how strongly and how reliably neurons answer.

    Args:
        path: the PNG file.
        images: (n, height, width, channels), of which the first are shown.
        pixel_range: (low, high), the recording's grey levels.
        description: `recordings.description.Description`.
        title: what it shows; what stands behind a line break is smaller.
        simulated: whether the data are simulated.
    """
    figure = canvas.figure(8.2, 6.8, title, simulated)
    top, below = figure.subfigures(2, 1, height_ratios=(1, 3.2))
    for axis, image in zip(
        np.ravel(top.subplots(1, SHOWN, squeeze=False)),
        [*images[:SHOWN], *[None] * SHOWN],
        strict=False,
    ):
        canvas.frame(axis)
        if image is None:
            axis.axis("off")
        else:
            canvas.image(axis, np.asarray(image, np.float64), *pixel_range)
    axes = below.subplots(2, 2)
    _grey_levels(axes[0, 0], description)
    _histogram(
        axes[0, 1],
        description.mean_responses,
        "mean response (per presentation)",
        _BARS,
    )
    _histogram(
        axes[1, 0],
        description.zeros,
        "share of zeros in the training responses",
        _BARS,
        (0, 1),
    )
    _reliability(axes[1, 1], description)
    for axis in axes.flat:
        canvas.plain(axis)
    canvas.write(path, figure)


def _grey_levels(axis, description) -> None:
    edges, counts = description.grey_edges, description.grey_counts
    axis.stairs(100 * counts / counts.sum(), edges, fill=True, color="#777777")
    axis.axvline(
        description.grey[2],
        color=_MARK,
        ls="--",
        lw=1.2,
        label=f"mean {description.grey[2]:.4g}",
    )
    axis.set_xlabel("grey level of the training images", fontsize=STYLE["label"])
    axis.set_ylabel("pixels (%)", fontsize=STYLE["label"])
    canvas.legend_above(axis)


def _histogram(axis, values, label, color, span=None) -> None:
    values = values[np.isfinite(values)]
    axis.hist(values, bins=24, range=span, color=color, ec="white", lw=0.5)
    axis.axvline(values.mean(), color=_MARK, ls="--", lw=1.2, label=f"mean {values.mean():.3g}")
    axis.set_xlabel(label, fontsize=STYLE["label"])
    axis.set_ylabel("neurons", fontsize=STYLE["label"])
    axis.yaxis.get_major_locator().set_params(integer=True)
    canvas.legend_above(axis)


def _reliability(axis, description) -> None:
    known = description.ceilings is not None and np.isfinite(description.ceilings).any()
    if not known:
        axis.text(
            0.5,
            0.5,
            "no repeats:\nneither noise ceiling nor oracle",
            ha="center",
            va="center",
            transform=axis.transAxes,
            fontsize=STYLE["label"],
        )
        canvas.frame(axis)
        return
    bins = np.linspace(min(0, np.nanmin(description.oracles)), 1, 25)
    for values, color, name in (
        (description.ceilings, _BARS, "noise ceiling"),
        (description.oracles, _ORACLE, "jackknife oracle"),
    ):
        finite = values[np.isfinite(values)]
        axis.hist(
            finite,
            bins=bins,
            color=color,
            alpha=0.65,
            ec="white",
            lw=0.5,
            label=f"{name}: mean {finite.mean():.3f}",
        )
    axis.set_xlabel("correlation", fontsize=STYLE["label"])
    axis.set_ylabel("neurons", fontsize=STYLE["label"])
    axis.yaxis.get_major_locator().set_params(integer=True)
    canvas.legend_above(axis)
