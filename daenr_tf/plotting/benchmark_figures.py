"""The figure of a benchmark, as a PNG file."""

from __future__ import annotations

from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from daenr_tf.benchmark.scale import MEASURES
from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE

WIDTH, HEIGHT = 8.4, 6.6  # inches
# They differ in lightness and in shape too, for prints without colour.
LINES = (("#1f5fa8", "o"), ("#e08214", "s"), ("#008f45", "^"), ("#8e4585", "D"), ("#111111", "v"))


def scale(path: str, found: dict[str, Any]) -> None:
    """Cost against images, image size and neurons: a column per sweep, a row per measure, both axes
    logarithmic; points are medians, bars reach from the least to the greatest repeat.

    Args:
        path: str.
        found: what `benchmark.scale.run` gives.

    Raises:
        MachineError: the file can't be written.
    """
    models = found["models"]
    sweeps = models[0]["sweeps"]
    titles = ", ".join(model["title"] for model in models)
    request = models[0]["request"]
    figure = canvas.figure(
        WIDTH,
        HEIGHT,
        "What training costs on simulated recordings\n"
        f"{titles}, batch {request['batch_size']}, {found['machine']['cpu']},"
        f" {found['machine']['cores']} cores",
        simulated=True,
    )
    axes = figure.subplots(len(MEASURES), len(sweeps), squeeze=False, sharex="col", sharey="row")
    for row, (name, title, _) in zip(axes, MEASURES, strict=True):
        for number, (axis, sweep) in enumerate(zip(row, sweeps, strict=True)):
            for place, model in enumerate(models):
                _line(axis, model["sweeps"][number]["points"], name, LINES[place % len(LINES)])
            _scales(axis, [point["value"] for point in sweep["points"]])
            if number == 0:
                axis.set_ylabel(title, fontsize=STYLE["label"])
            if name == MEASURES[-1][0]:
                axis.set_xlabel(sweep["title"], fontsize=STYLE["label"])
                axis.tick_params(axis="x", labelrotation=35)
    if len(models) > 1:
        axes[0][0].legend(handles=_legend(models), fontsize=STYLE["tick"], frameon=False)
    canvas.write(path, figure)


def _scales(axis: Any, values: list[int]) -> None:
    """Both logarithmic, with ticks in plain numbers: what was measured, and 1, 2, 5 times powers of ten."""
    axis.set_xscale("log")
    axis.set_yscale("log")
    canvas.plain(axis)
    axis.xaxis.set_major_locator(FixedLocator(values))
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for side in (axis.xaxis, axis.yaxis):
        side.set_minor_locator(NullLocator())
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def _line(axis: Any, points: list[dict[str, Any]], name: str, style: tuple[str, str]) -> None:
    color, marker = style
    measured = [point for point in points if name in point]
    middle = [point[name]["median"] for point in measured]
    below = [point[name]["median"] - point[name]["least"] for point in measured]
    above = [point[name]["greatest"] - point[name]["median"] for point in measured]
    axis.errorbar(
        [point["value"] for point in measured],
        middle,
        yerr=(below, above),
        color=color,
        marker=marker,
        ms=4,
        lw=1.2,
        capsize=2,
    )


def _legend(models: list[dict[str, Any]]) -> list[Line2D]:
    return [
        Line2D([], [], color=color, marker=marker, ms=4, label=model["title"])
        for model, (color, marker) in zip(models, LINES * len(models), strict=False)
    ]
