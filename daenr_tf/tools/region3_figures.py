"""The figures of `tools.region3`: one of numbers, and one that shows the published images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from daenr_tf import metrics
from daenr_tf.linear_codes import Cosines
from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, GREEN, INK, ORANGE
from daenr_tf.resizing import DEFAULT_RESIZE
from daenr_tf.tools import region3

if TYPE_CHECKING:
    from collections.abc import Mapping

# Regions 1 and 2 have the same test images: a cross in a circle.
STYLES = {
    "1": {"color": BLUE, "marker": "o", "ms": 8, "mfc": "none"},
    "2": {"color": GREEN, "marker": "x", "ms": 5},
    "3": {"color": ORANGE, "marker": "s", "ms": 5},
}
SHOWN = 6
ATTRIBUTION = "images: Antolík et al. 2016, CC BY 4.0"


def draw_numbers(path: str, found: Mapping[str, Any]) -> None:
    """What `region3.everything` found, without an image: the error of `NUMBERS` cosines by way of resizing, the spectrum, and SSIM against MSE."""
    figure = canvas.figure(
        10.4,
        3.9,
        "The published test images: codes without a network beside the paper's CAE and CAE-FR",
        False,
    )
    codes, spectrum, similar = figure.subplots(1, 3, width_ratios=(1.2, 1, 1.2))
    _draw_codes(codes, found)
    _draw_spectrum(spectrum, found)
    _draw_similarity(similar, found)
    handles = [
        Line2D([], [], ls="none", label=f"region {region}", **STYLES[region]) for region in found
    ]
    handles += [
        Line2D([], [], color=INK, lw=1.2, ls="--", label="MSE of the paper's CAE"),
        Line2D([], [], color=INK, lw=1.2, ls=":", label="of its best CAE-FR"),
        Line2D([], [], color=INK, marker="^", ms=5, ls="none", label="the paper's CAE, CAE-FR"),
        Line2D([], [], color=INK, lw=1, label="blurred test images"),
    ]
    canvas.legend_below(figure, handles)
    canvas.write(path, figure)


def _draw_codes(axis, found):
    ways = list(next(iter(found.values()))["codes"])
    for region, one in found.items():
        errors = [one["codes"][way]["mse"] for way in ways]
        axis.plot(errors, np.arange(len(ways)), ls="none", **STYLES[region])
        for row in one["paper"]:
            if row["model"] == "CAE":
                axis.axvline(row["mse"], color=STYLES[region]["color"], lw=1.2, ls="--")
    best = min(row["mse"] for row in found["3"]["paper"])
    axis.axvline(best, color=STYLES["3"]["color"], lw=1.2, ls=":")
    axis.set_yticks(range(len(ways)), ways)
    axis.invert_yaxis()
    axis.set_xlim(left=0)
    axis.set_xlabel("mean squared error, on [-1, 1]", fontsize=STYLE["label"])
    axis.set_title(f"{region3.NUMBERS} cosines, by way of resizing", fontsize=STYLE["label"])
    canvas.plain(axis)


def _draw_spectrum(axis, found):
    for region, one in found.items():
        cycles = np.arange(1, len(one["power"]) + 1)
        axis.plot(cycles, one["power"], lw=1, **STYLES[region])
    axis.set_yscale("log")
    axis.set_xticks(cycles[::2])
    axis.set_xlabel("cycles per image, as recorded", fontsize=STYLE["label"])
    axis.set_ylabel("variance within an image", fontsize=STYLE["label"])
    axis.set_title("Where the variance lies", fontsize=STYLE["label"])
    canvas.plain(axis)


def _draw_similarity(axis, found):
    for region, one in found.items():
        color, code = STYLES[region]["color"], one["codes"][DEFAULT_RESIZE]
        blurs = [(blur["mse"], blur["ssim"]) for blur in one["blur"]]
        axis.plot(*zip(*blurs, strict=True), color=color, lw=1, zorder=1)
        rows = [(row["mse"], row["ssim"]) for row in one["paper"]]
        axis.scatter(*zip(*rows, strict=True), s=20, marker="^", color=color)
        axis.plot(code["mse"], code["ssim"], **STYLES[region])
    axis.set_xlim(0, 0.1)
    axis.set_ylim(0.3, 1)
    axis.set_xlabel("mean squared error, on [-1, 1]", fontsize=STYLE["label"])
    axis.set_ylabel("SSIM", fontsize=STYLE["label"])
    axis.set_title(
        f"Paper, {region3.NUMBERS} cosines and blur ({DEFAULT_RESIZE})", fontsize=STYLE["label"]
    )
    canvas.plain(axis)


def draw_images(path: str, images: np.ndarray, one: Mapping[str, Any]) -> None:
    """Some of region 3's test images, beside `NUMBERS` cosines of them and as blurred as the paper's CAE is wrong. It shows published images.

    Args:
        path: of the PNG file.
        images: (images, 32, 32, 1) in [-1, 1].
        one: region 3's part of `region3.everything`.
    """
    error = next(row["mse"] for row in one["paper"] if row["model"] == "CAE")
    rows = {
        "test image": images,
        f"{region3.NUMBERS} cosines": np.clip(
            Cosines(images.shape[1:], region3.NUMBERS).reconstruct(images), -1, 1
        ),
        f"blurred to an MSE of\n{error:g}, the CAE's": region3.blurred(images, error)[1],
    }
    figure = canvas.figure(
        8.4, 4.3, f"Region 3: what an error looks like\n{ATTRIBUTION}; under each its MSE", False
    )
    chosen = np.linspace(0, len(images) - 1, SHOWN).astype(int)
    axes = figure.subplots(len(rows), SHOWN)
    for line, (name, shown) in zip(axes, rows.items(), strict=True):
        errors = metrics.mse(images, shown)
        for axis, index in zip(line, chosen, strict=True):
            canvas.frame(axis)
            canvas.image(axis, shown[index], -1, 1)
            if shown is not images:
                axis.set_xlabel(f"{errors[index]:.3f}", fontsize=STYLE["tick"], labelpad=2)
        line[0].set_ylabel(name, fontsize=STYLE["label"])
    for axis, index in zip(axes[0], chosen, strict=True):
        axis.set_title(f"image {index}", fontsize=STYLE["label"])
    canvas.write(path, figure)
