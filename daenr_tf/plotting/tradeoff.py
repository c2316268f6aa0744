"""Reconstruction against prediction, joint and alone, as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, GREEN, INK, ORANGE
from daenr_tf.readable import LINEAR_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daenr_tf.experiments.intervals import Estimate


class Point(NamedTuple):
    """A setting of the experiment.

    Attributes:
        name: of the model.
        joint: whether it learns both.
        task: "ir" or "nrs", by which loss its weights were chosen on validation.
        weights: alpha : beta, or None.
        ratio: what the table's is multiplied by.
        images: how many images it was trained and validated on.
        all_images: whether those are all.
        mse, pcc: `Estimate`s, or None.
        lower_mse, higher_pcc: of a joint model, how much better it is than the autoencoder alone and than the readout alone with
            as many images, paired over seeds and test images: `Estimate`s, or None.
    """

    name: str
    joint: bool
    task: str
    weights: float | None
    ratio: float
    images: int
    all_images: bool
    mse: Estimate | None
    pcc: Estimate | None
    lower_mse: Estimate | None = None
    higher_pcc: Estimate | None = None


_STYLES = {
    "ir": {"color": BLUE, "marker": "o", "ls": "-"},
    "nrs": {"color": ORANGE, "marker": "s", "ls": "--"},
}
_TASKS = {"ir": "joint, chosen for reconstruction", "nrs": "joint, chosen for prediction"}
_ALONE = {"color": INK, "marker": "^", "ls": ":"}
_NARROW = 5  # times the smallest MSE, below which the ticks of its axis are even
_CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))  # to the right of a point and above it, …
_BESIDE = (4, 13)  # points from a point to what is written beside it; farther where that is taken


def draw(
    path: str,
    points: Sequence[Point],
    ceiling: float | None,
    codes: Mapping[str, Mapping[int, float]],
    title: str,
    *,
    simulated: bool,
    rehearsal: bool = False,
) -> None:
    """Above: MSE against PCC as alpha : beta grows; MSE, and PCC, against the number of images. Below the same as gains over the models that
    learn one of the two alone, paired over seeds and test images.

    Args:
        path: the PNG file.
        points: `Point`s.
        ceiling: the mean noise ceiling, or None.
        codes: dict of a linear code's name -> dict of the number of images that it was fitted to -> its MSE.
        title: what it shows; after a line break, of what data.
        simulated, rehearsal: whether the data are simulated, the models trained on a small budget.
    """
    figure = canvas.figure(11.5, 6.9, title, simulated, rehearsal)
    (both, error, correlation), (gains, lower, higher) = figure.subplots(2, 3)
    _over_weights(both, points)
    _gains(gains, points)
    for axis, metric in ((lower, "lower_mse"), (higher, "higher_pcc")):
        _over_images(axis, points, metric)
        axis.axhline(0, color=INK, lw=0.9)
    lower.set_ylabel("MSE, alone − joint (above 0: joint helps)", fontsize=STYLE["label"])
    higher.set_ylabel("PCC, joint − alone (above 0: joint helps)", fontsize=STYLE["label"])
    for axis, metric in ((error, "mse"), (correlation, "pcc")):
        _over_images(axis, points, metric)
    _codes_over_images(error, codes)
    if ceiling is not None:
        correlation.set_title(f"noise ceiling {ceiling:.3f}", fontsize=STYLE["tick"], loc="right")
    error.set_ylabel("test MSE (squared units of [−1, 1])", fontsize=STYLE["label"])
    correlation.set_ylabel("mean PCC with the trial average", fontsize=STYLE["label"])
    handles = [
        *(
            Line2D([], [], label=label, ms=5, lw=1.2, **_STYLES[task])
            for task, label in _TASKS.items()
        ),
        Line2D([], [], label="alone (autoencoder, or readout)", ms=5, lw=1.2, **_ALONE),
    ]
    canvas.legend_below(figure, handles)
    canvas.write(path, figure)


def _over_weights(axis, points):
    whole = [point for point in points if point.all_images]
    ends = _curves(axis, [one for one in whole if one.joint], "mse", "pcc")
    for one in whole:
        if one.joint:
            continue
        if one.mse:
            axis.axvspan(*_span(one.mse), color=INK, alpha=0.12, lw=0)
            axis.axvline(one.mse.value, color=INK, lw=0.9, ls=":")
        if one.pcc:
            axis.axhspan(*_span(one.pcc), color=INK, alpha=0.12, lw=0)
            axis.axhline(one.pcc.value, color=INK, lw=0.9, ls=":")
    axis.set_xscale("log")
    axis.set_xlabel("test MSE (better to the left)", fontsize=STYLE["label"])
    axis.set_ylabel("mean PCC (better above)", fontsize=STYLE["label"])
    axis.set_title(
        "alpha : beta at the ends of each curve; ring: the paper's",
        fontsize=STYLE["tick"],
        loc="left",
    )
    canvas.plain(axis)
    low, high = axis.get_xlim()
    if high / low < _NARROW:
        canvas.spaced_ticks(axis)
        axis.xaxis.set_minor_locator(NullLocator())
    else:
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        canvas.written_out(axis)
        axis.xaxis.set_minor_formatter(NullFormatter())
    _name_ends(axis, ends)


def _gains(axis, points):
    """Both gains of joint learning against each other as alpha : beta grows."""
    ends = _curves(axis, [one for one in points if one.all_images], "lower_mse", "higher_pcc")
    axis.axhline(0, color=INK, lw=0.9)
    axis.axvline(0, color=INK, lw=0.9)
    axis.set_xlabel("MSE, alone − joint (right of 0: joint helps)", fontsize=STYLE["label"])
    axis.set_ylabel("PCC, joint − alone (above 0: joint helps)", fontsize=STYLE["label"])
    axis.set_title("above and right of 0: both gain", fontsize=STYLE["tick"], loc="left")
    canvas.plain(axis)
    canvas.spaced_ticks(axis)
    _name_ends(axis, ends)


def _curves(axis, points, across, up):
    """One figure of points against another as alpha : beta grows; a curve per task, a ring at the table's own alpha : beta. What stands at the ends
    of the curves: list of (alpha : beta, x, y, color)."""
    ends = []
    for task, style in _STYLES.items():
        curve = sorted(
            (
                one
                for one in points
                if one.task == task and getattr(one, across) and getattr(one, up)
            ),
            key=lambda one: one.weights,
        )
        if not curve:
            continue
        x, y = ([getattr(one, name) for one in curve] for name in (across, up))
        axis.errorbar(
            [one.value for one in x],
            [one.value for one in y],
            xerr=_reach(x),
            yerr=_reach(y),
            ms=4,
            lw=1.2,
            elinewidth=0.7,
            **style,
        )
        for one, right, above in zip(curve, x, y, strict=True):
            if one.ratio == 1:
                ring = {"ms": 9, "mfc": "none", "mec": style["color"], "mew": 1.2}
                axis.plot(right.value, above.value, "o", **ring)
        ends += [
            (f"{curve[end].weights:g}", x[end].value, y[end].value, style["color"])
            for end in dict.fromkeys((0, len(curve) - 1))
        ]
    return ends


def _name_ends(axis, ends):
    """Write each end of a curve beside it, within the axes and where it covers no other; the axes have their limits by then."""
    size, taken = STYLE["tick"] - 1, []
    inside = axis.get_window_extent().get_points() * 72 / axis.figure.dpi

    def spoilt(place):
        """How much of its box lies outside the axes or on others."""
        box = place[2]
        outside = _overlap(box, box) - _overlap(box, inside)
        return outside + sum(_overlap(box, other) for other in taken)

    for text, x, y, color in ends:
        at = axis.transData.transform((x, y)) * 72 / axis.figure.dpi
        extent = np.array([0.65 * size * len(text), 1.2 * size])
        boxes = [
            (corner, far, np.sort([at + corner * far, at + corner * (far + extent)], axis=0))
            for far in _BESIDE
            for corner in map(np.array, _CORNERS)
        ]
        corner, far, box = min(boxes, key=spoilt)
        taken.append(box)
        axis.annotate(
            text,
            (x, y),
            xytext=corner * far,
            textcoords="offset points",
            ha="left" if corner[0] > 0 else "right",
            va="bottom" if corner[1] > 0 else "top",
            fontsize=size,
            color=color,
            path_effects=[withStroke(linewidth=2, foreground="white")],
            zorder=5,
        )


def _overlap(one, other):
    """The area that two boxes [(left, bottom), (right, top)] share."""
    return np.prod(np.maximum(np.minimum(one[1], other[1]) - np.maximum(one[0], other[0]), 0))


def _over_images(axis, points, metric):
    kinds = [("ir", True), ("nrs", True), (None, False)]
    for task, joint in kinds:
        curve = sorted(
            (
                one
                for one in points
                if one.joint == joint
                and (task is None or one.task == task)
                and one.ratio == 1
                and getattr(one, metric)
            ),
            key=lambda one: one.images,
        )
        if curve:
            figures = [getattr(one, metric) for one in curve]
            axis.errorbar(
                [one.images for one in curve],
                [one.value for one in figures],
                yerr=_reach(figures),
                ms=4,
                lw=1.2,
                elinewidth=0.7,
                **(_STYLES[task] if joint else _ALONE),
            )
    axis.set_xscale("log", base=2)
    counts = sorted({one.images for one in points})
    axis.set_xticks(counts, labels=[str(count) for count in counts])
    axis.minorticks_off()
    axis.set_xlabel("training images, a fifth of them held out", fontsize=STYLE["label"])
    canvas.plain(axis)


def _codes_over_images(axis, codes):
    """The linear codes' lines over the number of images that they were fitted to, each with its name at the fewest."""
    for name, errors in codes.items():
        counts = sorted(errors)
        axis.plot(
            counts,
            [errors[count] for count in counts],
            color=GREEN,
            lw=0.9,
            ls="-" if name == "pca" else "-.",
            marker="." if len(counts) == 1 else "",
            zorder=0,
        )
        axis.annotate(
            LINEAR_CODES[name],
            (counts[0], errors[counts[0]]),
            xytext=(0, 2),
            textcoords="offset points",
            va="bottom",
            fontsize=STYLE["tick"],
            color=GREEN,
        )


def _reach(estimates):
    """How far intervals reach below and above their values, (2, n); 0 where there is none."""
    reach = [(one.value - one.low, one.high - one.value) for one in estimates]
    return np.nan_to_num(np.maximum(np.array(reach).T, 0))


def _span(estimate):
    low, high = estimate.low, estimate.high
    return (low, high) if np.isfinite([low, high]).all() else (estimate.value, estimate.value)
