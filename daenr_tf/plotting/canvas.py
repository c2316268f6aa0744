"""What every figure shares: the header with the title and the label of simulated data, scales of grey, colour bars, the file."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from daenr_tf.machine.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import SubFigure
    from matplotlib.image import AxesImage
    from numpy.typing import ArrayLike

DPI = 150
STYLE = {"title": 11, "label": 9, "tick": 8}  # points
TICK_ROOM = 0.7  # inches that a label such as "-0.00005" and the space beside it take


def figure(
    width: float, height: float, title: str, simulated: bool, rehearsal: bool = False
) -> Figure:
    """A figure of a width and of a body's height in inches, under a header with the title and, if need be, a label: simulated data, rehearsal.

    What follows a line break in the title stands below it in smaller letters.
    """
    title, _, subtitle = title.partition("\n")
    lines = textwrap.wrap(title, int(width * 11.5), break_on_hyphens=False) or [""]
    lesser = textwrap.wrap(subtitle, int(width * 13.5), break_on_hyphens=False)
    texts = 0.19 * len(lines) + 0.16 * len(lesser)
    states = {"simulated data": simulated, "rehearsal": rehearsal}
    marks = [word for word, holds in states.items() if holds]
    header = texts + (0.4 if marks else 0.16)
    made = Figure(figsize=(width, height + header), dpi=DPI, layout="constrained")
    made.get_layout_engine().set(rect=(0, 0, 1, height / (height + header)))

    def from_top(inches):
        return 1 - inches / (height + header)

    centred = {
        "ha": "center",
        "parse_math": False,
    }  # a recording may have dollar signs in its name
    made.text(
        0.5,
        from_top(0.08),
        "\n".join(lines),
        va="top",
        fontsize=STYLE["title"],
        **centred,
    )
    if lesser:
        made.text(
            0.5,
            from_top(0.1 + 0.19 * len(lines)),
            "\n".join(lesser),
            va="top",
            fontsize=STYLE["label"],
            **centred,
        )
    if marks:
        box = {"boxstyle": "round,pad=0.25", "fc": "#ffb000", "ec": "none"}
        label = {"fontsize": STYLE["label"], "fontweight": "bold", "bbox": box}
        made.text(
            0.5,
            from_top(header - 0.08),
            " · ".join(marks),
            ha="center",
            va="bottom",
            **label,
        )
    return made


def image(axis: Axes, pixels: np.ndarray, low: float, high: float, **options: Any) -> AxesImage:
    """Shows (height, width, channels) on the scale low..high."""
    if pixels.shape[-1] == 3:
        return axis.imshow(np.clip((pixels - low) / (high - low), 0, 1), **options)
    return axis.imshow(pixels[..., 0], cmap="gray", vmin=low, vmax=high, **options)


def span(values: ArrayLike) -> tuple[float, float]:
    """A grey scale from the smallest to the largest value; one constant value is mid-grey."""
    low, high = float(np.min(values)), float(np.max(values))
    return (low, high) if low < high else (low - 1, high + 1)


def frame(axis: Axes) -> None:
    """A frame without ticks, for an image."""
    axis.axis("on")
    axis.set_xticks([])
    axis.set_yticks([])


def plain(axis: Axes) -> None:
    """Axes without the lines above and to the right, for a plot."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=STYLE["tick"])


class _Spaced(MaxNLocator):
    """As many ticks as their labels have room for along a horizontal axis, once the layout is known."""

    def tick_values(self, vmin, vmax):
        """As of `MaxNLocator`."""
        axes = self.axis.axes
        room = axes.get_window_extent().width / axes.figure.dpi / TICK_ROOM
        self.set_params(nbins=int(np.clip(room, 1, 6)))
        return super().tick_values(vmin, vmax)


def spaced_ticks(axis: Axes) -> None:
    """Few ticks along the horizontal axis, so that their labels don't overlap however narrow the range is; written out, without powers of ten."""
    axis.xaxis.set_major_locator(_Spaced(steps=[1, 2, 4, 5, 10]))
    written_out(axis)


def written_out(axis: Axes) -> None:
    """The labels of the horizontal axis as plain decimals."""
    written = ScalarFormatter(useOffset=False)
    written.set_scientific(False)
    axis.xaxis.set_major_formatter(written)


def colorbar(
    figure: Figure | SubFigure,
    shown: ScalarMappable,
    axes: Any,
    label: str,
    ticks: Sequence[float],
) -> None:
    """A colour bar to the right of some axes."""
    bar = figure.colorbar(
        shown, ax=axes, ticks=ticks, shrink=0.8, aspect=25, pad=0.02, panchor=False
    )
    bar.set_label(label, fontsize=STYLE["tick"])
    bar.ax.tick_params(labelsize=STYLE["tick"])


def legend_above(axis: Axes, columns: int = 1) -> None:
    """A legend over the top of some axes, where it lies on no data."""
    axis.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        ncols=columns,
        frameon=False,
        fontsize=STYLE["tick"],
        handlelength=1.5,
        markerscale=0.6,
        columnspacing=1.2,
    )


def legend_below(figure: Figure, handles: Sequence[Any], columns: int | None = None) -> None:
    """A legend under a figure, in one row or in so many columns."""
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=columns or len(handles),
        frameon=False,
        fontsize=STYLE["tick"],
    )


def write(path: str, figure: Figure) -> None:
    """The figure as a PNG file, whole or not at all. Raises MachineError."""
    # Not `savefig`, which draws everything twice, the first time for sizes that a constrained layout finds anyway.
    replace_file(path, FigureCanvasAgg(figure).print_png)
