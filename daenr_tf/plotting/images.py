"""Images as figures: reconstructions beside what they are of, and examples of stimuli.

Every function takes the file's path, a title (what stands behind a line break is smaller) and
`simulated`; a figure of simulated data, or of models that were trained on a small budget
(`rehearsal`), says so on its face. A file that can't be written raises MachineError.
"""

from __future__ import annotations

import math

import numpy as np

from daenr_tf import metrics
from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE


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
        max(0.85 * columns + 1.2, 4),
        bands * (1.7 * height / width + 0.65),
        title,
        simulated,
    )
    axes = figure.subplots(2 * bands, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    errors, ratios = (
        metrics.mse(originals, reconstructed),
        metrics.psnr(originals, reconstructed),
    )
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


def reconstructions_by_model(
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
    figure, axes = _rows_of_images(
        count, len(rows) + 1, (height, width), title, simulated, rehearsal
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
        _name_row(row[0], name)
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
    shape = next(iter(rows.values()))[0].shape[1:3]
    figure, axes = _rows_of_images(count, len(rows), shape, title, simulated, rehearsal)
    for row, (name, (images, levels)) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(row, images, strict=False):
            canvas.frame(axis)
            canvas.image(axis, image, *levels)
        for axis in row[len(images) :]:
            axis.axis("off")
        _name_row(row[0], name)
    canvas.write(path, figure)


def _rows_of_images(count, rows, shape, title, simulated, rehearsal):
    """A figure for rows of images that stand close together: (figure, axes)."""
    height, width = shape
    figure = canvas.figure(
        0.85 * count + 1.4,
        (0.85 * height / width + 0.06) * rows + 0.1,
        title,
        simulated,
        rehearsal,
    )
    spaces = {"wspace": 0.04, "hspace": 0.04}
    return figure, figure.subplots(rows, count, squeeze=False, gridspec_kw=spaces)


def _name_row(axis, name):
    """Left of a row's first image; it may be a recording's name, with dollar signs."""
    axis.set_ylabel(
        name,
        fontsize=STYLE["tick"],
        rotation=0,
        ha="right",
        va="center",
        labelpad=6,
        parse_math=False,
    )
