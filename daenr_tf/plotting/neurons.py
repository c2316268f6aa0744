"""How well neurons are predicted, as figures: of a run their correlations, of a study how many are significant."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, INK, PALE, RED
from daenr_tf.readable import number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_SIGNIFICANT, _INSIGNIFICANT = BLUE, PALE


class Bar(NamedTuple):
    """A model whose significant neurons are counted: its name, the `Estimate` of the count (None: not finished) and all its neurons."""

    name: str
    estimate: object
    neurons: int


def pcc(
    path: str,
    correlations: ArrayLike,
    ceilings: ArrayLike | None,
    significant: ArrayLike,
    title: str,
    *,
    simulated: bool,
    of_ceiling: ArrayLike | None = None,
) -> None:
    """How well neurons are predicted: a histogram of their PCC and, with repeats, each PCC against its noise ceiling.

    Args:
        path: the PNG file.
        correlations: (neurons,) PCC on the test images.
        ceilings: (neurons,), NaN for a neuron that has none; or None.
        significant: (neurons,) bool.
        title: what it shows; after a line break, of what model and data.
        simulated: whether the data are simulated.
        of_ceiling: (neurons,) PCC over the images that the ceilings are of; None where those are all test images.
    """
    correlations, significant = (
        np.asarray(correlations, float),
        np.asarray(significant, bool),
    )
    compares = correlations if of_ceiling is None else np.asarray(of_ceiling, float)
    finite = np.isfinite(correlations)
    known = None if ceilings is None else np.isfinite(ceilings) & np.isfinite(compares)
    compared = known is not None and known.any()
    figure = canvas.figure(8.2 if compared else 4.8, 4.0, title, simulated)
    axes = figure.subplots(1, 1 + compared, squeeze=False)[0]
    groups = {
        f"significant: {significant.sum()}": (significant, _SIGNIFICANT),
        f"not significant: {(finite & ~significant).sum()}": (~significant, _INSIGNIFICANT),
    }

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
        axes[0].axvline(mean, color=RED, ls="--", lw=1.2, label=f"mean {mean:.3f}")
    unscored = f" ({(~finite).sum()} neurons without)" if not finite.all() else ""
    axes[0].set_xlabel(f"PCC over test images{unscored}", fontsize=STYLE["label"])
    axes[0].set_ylabel("neurons", fontsize=STYLE["label"])
    axes[0].yaxis.get_major_locator().set_params(integer=True)
    canvas.legend_above(axes[0])

    if compared:
        ceilings = np.asarray(ceilings, float)
        for members, color in groups.values():
            axes[1].scatter(
                ceilings[members & known],
                compares[members & known],
                s=16,
                color=color,
                ec="#444444",
                lw=0.4,
                zorder=3,
            )
        axes[1].plot([0, 1], [0, 1], color="black", lw=1, ls=":", label="PCC = ceiling")
        means = compares[known].mean(), ceilings[known].mean()
        label = f"means: PCC {means[0]:.3f}, ceiling {means[1]:.3f}"
        axes[1].plot(
            means[1],
            means[0],
            "+",
            color=RED,
            ms=13,
            mew=2,
            zorder=4,
            ls="none",
            label=label,
        )
        axes[1].set_xlim(-0.03, 1.03)
        axes[1].set_ylim(min(-0.05, compares[known].min() - 0.05), 1.03)
        missing = len(correlations) - known.sum()
        axes[1].set_xlabel(
            f"noise ceiling ({missing} without)" if missing else "noise ceiling",
            fontsize=STYLE["label"],
        )
        shown = "" if of_ceiling is None else " shown several times"
        axes[1].set_ylabel(f"PCC over test images{shown}", fontsize=STYLE["label"])
        canvas.legend_above(axes[1])
    for axis in axes:
        canvas.plain(axis)
    canvas.write(path, figure)


def significance(
    path: str,
    panels: dict[str, list[Bar]],
    title: str,
    *,
    simulated: bool,
    rehearsal: bool = False,
) -> None:
    """Neurons that are predicted significantly, stacked under those that are not, as in the paper's Figures 3, 4 and 8.

    Args:
        path: the PNG file.
        title: what it shows; after a line break, of what data.
        simulated, rehearsal: whether the data are simulated, the models trained on a small budget.
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
                    color=INK,
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
        Line2D([], [], color=INK, lw=1.6, marker="|", ms=8, label="95 % interval"),
    ]
    canvas.legend_below(figure, handles)
    canvas.write(path, figure)
