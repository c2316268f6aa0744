"""How well models without a network predict neurons, as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, INK, ORANGE, RED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

POINTS = 1000  # neurons of a row, at most
CEILING = "noise ceiling"


def distributions(
    path: str,
    correlations: Mapping[str, ArrayLike],
    ceilings: ArrayLike,
    title: str,
    *,
    simulated: bool,
) -> None:
    """The PCC of every neuron by every model, and the noise ceilings, a row each: points, quartiles, mean.

    Args:
        path: the PNG file.
        correlations: dict of a model's title -> (neurons,) PCC on the test images.
        ceilings: (neurons,), NaN for a neuron that has none.
        title: what it shows; after a line break, of what data.
        simulated: whether the data are simulated.
    """
    rows = {name: np.asarray(values, float) for name, values in correlations.items()}
    rows[CEILING] = np.asarray(ceilings, float)
    rows = {name: values[np.isfinite(values)] for name, values in rows.items()}
    if not len(rows[CEILING]):
        del rows[CEILING]
    figure = canvas.figure(7.2, 0.9 + 0.55 * len(rows), title, simulated)
    axis = figure.subplots()
    for row, (name, values) in enumerate(rows.items()):
        chosen = np.linspace(0, len(values) - 1, min(len(values), POINTS)).astype(int)
        jitter = 0.3 * np.random.default_rng(0).uniform(-1, 1, len(chosen))
        axis.scatter(
            values[chosen],
            row + jitter,
            s=12,
            color=ORANGE if name == CEILING else BLUE,
            alpha=0.5,
            lw=0,
            label="a neuron" if row == 0 else None,
        )
        low, high = np.percentile(values, (25, 75))
        axis.plot([low, high], [row, row], color=INK, lw=2, label="quartiles" if row == 0 else None)
        axis.plot(
            values.mean(),
            row,
            "D",
            color=RED,
            ms=6,
            mec="white",
            zorder=3,
            ls="none",
            label="mean" if row == 0 else None,
        )
    means = [f"{name}\n{values.mean():.3f}" for name, values in rows.items()]
    axis.set_yticks(range(len(rows)), labels=means, parse_math=False)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_ylabel("model, mean over neurons", fontsize=STYLE["label"])
    axis.set_xlabel("PCC over test images", fontsize=STYLE["label"])
    axis.axvline(0, color=INK, lw=0.6, ls=":")
    canvas.plain(axis)
    canvas.legend_above(axis, columns=3)
    canvas.write(path, figure)
