"""Images that were synthesised to drive neurons, and the responses that they are predicted to bring about.

Every function takes the file's path, a title (what stands behind a line break is smaller) and `simulated`. A file that can't be written
raises MachineError.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, ORANGE

MOST_NEURONS, MOST_GOALS = 40, 8  # that one figure shows
COLUMNS = 10


def grid(
    path: str,
    arrays: dict[str, np.ndarray],
    labels: Sequence[str],
    targets: np.ndarray,
    deviation: np.ndarray,
    mean: np.ndarray,
    title: str,
    *,
    simulated: bool,
) -> None:
    """Each neuron's most exciting input above the natural image of the same contrast that drives it most.

    Args:
        path, title, simulated: see above.
        arrays: as `synthesise` returns them.
        labels: of each goal, such as "neuron 3".
        targets, deviation, mean: not shown.
    """
    count = min(len(labels), MOST_NEURONS)
    columns = min(COLUMNS, count)
    bands = math.ceil(count / columns)
    _, height, width, channels = arrays["images"].shape
    figure = canvas.figure(
        max(0.95 * columns + 1.2, 5),
        bands * (1.9 * height / width + 1.0),
        title + _left_out(len(labels), count, "neurons"),
        simulated,
    )
    axes = figure.subplots(2 * bands, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for number in range(count):
        band, column = divmod(number, columns)
        for row, (name, images, score) in enumerate(
            (
                ("MEI", arrays["images"], arrays["score"]),
                (
                    "best image, at\nthe same contrast",
                    arrays["natural_image"],
                    arrays["natural_score"],
                ),
            )
        ):
            axis = axes[2 * band + row, column]
            canvas.frame(axis)
            shown = canvas.image(axis, images[number], -1, 1)
            axis.set_xlabel(f"{score[number]:.2f}", fontsize=STYLE["tick"])
            if row == 0:
                axis.set_title(labels[number], fontsize=STYLE["tick"])
            if column == 0:
                axis.set_ylabel(name, fontsize=STYLE["tick"])
    figure.supxlabel(
        "below each image: predicted response (per presentation)", fontsize=STYLE["tick"]
    )
    if channels == 1:
        canvas.colorbar(figure, shown, axes, "grey level", [-1, 0, 1])
    canvas.write(path, figure)


def patterns(
    path: str,
    arrays: dict[str, np.ndarray],
    labels: Sequence[str],
    targets: np.ndarray,
    deviation: np.ndarray,
    mean: np.ndarray,
    title: str,
    *,
    simulated: bool,
) -> None:
    """Each image beside the predicted response of every neuron, in SDs over natural images; those that were to be driven in orange.

    Args:
        path, arrays, labels, title, simulated: as of `grid`.
        targets: (goals, neurons), 1 for those that were to be driven.
        deviation, mean: (neurons,), of the responses to natural images.
    """
    figure, rows = _beside_images(path, arrays, labels, title, simulated)
    for number, axis in enumerate(rows):
        standard = (arrays["responses"][number] - mean) / deviation
        driven = targets[number] > 0
        neurons = np.arange(len(standard))
        for which, color in ((~driven, BLUE), (driven, ORANGE)):
            axis.vlines(neurons[which], 0, standard[which], color=color, lw=1.2)
            axis.scatter(neurons[which], standard[which], s=6, color=color)
        axis.axhline(0, color="black", lw=0.6)
        axis.set_ylabel("response (SDs over\nthose images)", fontsize=STYLE["tick"])
        axis.set_title(
            f"{labels[number]}: {arrays['score'][number]:.1f} SDs of the others above their mean"
            f" (best of those images at the same contrast {arrays['natural_score'][number]:.1f})",
            fontsize=STYLE["tick"],
        )
    rows[-1].set_xlabel("neuron", fontsize=STYLE["tick"])
    canvas.write(path, figure)


def reached(
    path: str,
    arrays: dict[str, np.ndarray],
    labels: Sequence[str],
    targets: np.ndarray,
    deviation: np.ndarray,
    mean: np.ndarray,
    title: str,
    *,
    simulated: bool,
) -> None:
    """Each image beside what is predicted of every neuron against what was asked of it, per presentation.

    Args:
        path, arrays, labels, title, simulated: as of `grid`.
        targets: (goals, neurons), the responses that were asked for.
        deviation, mean: not shown.
    """
    figure, rows = _beside_images(path, arrays, labels, title, simulated)
    for number, axis in enumerate(rows):
        asked, achieved = targets[number], arrays["responses"][number]
        top = 1.05 * max(asked.max(), achieved.max(), 1e-6)
        axis.plot([0, top], [0, top], color="black", lw=0.8, ls=":")
        axis.scatter(
            asked,
            arrays["natural_responses"][number],
            s=8,
            color=BLUE,
            label="best of those images, at the same contrast",
        )
        axis.scatter(asked, achieved, s=8, color=ORANGE, label="synthesised")
        axis.set_ylabel("predicted (per presentation)", fontsize=STYLE["tick"])
        axis.set_title(labels[number], fontsize=STYLE["tick"])
    rows[0].legend(fontsize=STYLE["tick"], frameon=False)
    rows[-1].set_xlabel("asked for (per presentation)", fontsize=STYLE["tick"])
    canvas.write(path, figure)


def _beside_images(path, arrays, labels, title, simulated):
    """(figure, an axis for each goal), its image drawn beside it."""
    count = min(len(labels), MOST_GOALS)
    figure = canvas.figure(
        8.0, 1.5 * count + 0.2, title + _left_out(len(labels), count, "goals"), simulated
    )
    axes = figure.subplots(count, 2, squeeze=False, gridspec_kw={"width_ratios": (1, 5)})
    for number, (left, right) in enumerate(axes):
        canvas.frame(left)
        canvas.image(left, arrays["images"][number], -1, 1)
        canvas.plain(right)
    return figure, axes[:, 1]


def _left_out(total, shown, what):
    return f", the first {shown} of {total} {what}" if shown < total else ""
