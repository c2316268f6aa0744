"""Charts as options of ECharts, and images as addresses that hold them; plain data, no page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from daenr_tf.plotting.palette import BLUE, ORANGE

MOST_BARS = 30
MARGINS = {"left": 60, "right": 16, "top": 44, "bottom": 52}


def bars(
    responses: np.ndarray, title: str, chosen: int | None = None, most: int = MOST_BARS
) -> dict[str, Any]:
    """The neurons that answer most, in descending order.

    Args:
        responses: (neurons,), predicted.
        title: what they are, and of what data.
        chosen: a neuron that is shown in another colour, and last where it is not among the first.
        most: int, how many are shown.
    """
    order = ranking(responses, most, chosen)
    values = [
        {
            "value": round(float(responses[i]), 4),
            "itemStyle": {"color": ORANGE if i == chosen else BLUE},
        }
        for i in order
    ]
    return {
        **_frame(title),
        "xAxis": {**_axis("neuron"), "type": "category", "data": [str(i) for i in order]},
        "yAxis": {**_axis("spikes per presentation"), "type": "value", "min": 0, "nameGap": 40},
        "series": [{"type": "bar", "data": values, "name": "predicted response"}],
    }


def ranking(responses: np.ndarray, most: int = MOST_BARS, chosen: int | None = None) -> list[int]:
    """The neurons that answer most, in descending order; the chosen one is the last where it is not among them."""
    order = np.argsort(-np.asarray(responses), kind="stable")[:most].tolist()
    if chosen is not None and chosen not in order:
        order[-1] = chosen
    return order


def curve(values: np.ndarray, responses: np.ndarray, axis: str, title: str) -> dict[str, Any]:
    """A tuning curve.

    Args:
        values, responses: (k,).
        axis: str, what `values` are, with their unit.
        title: str.
    """
    points = [
        [round(float(x), 5), round(float(y), 5)] for x, y in zip(values, responses, strict=True)
    ]
    return {
        **_frame(title),
        "xAxis": {**_axis(axis), "type": "value", "min": "dataMin", "max": "dataMax"},
        "yAxis": {**_axis("spikes per presentation"), "type": "value", "min": 0, "nameGap": 40},
        "series": [
            {"type": "line", "data": points, "symbolSize": 6, "color": BLUE, "name": "response"}
        ],
    }


def bars_in_words(responses: np.ndarray, title: str) -> str:
    """`bars` for those who can't see it."""
    some = ", ".join(f"neuron {i}: {responses[i]:.2f}" for i in ranking(responses, 5))
    return f"{title}, in spikes per presentation. {some}"


def curve_in_words(values: np.ndarray, responses: np.ndarray, axis: str, title: str) -> str:
    """`curve` for those who can't see it."""
    at = int(np.argmax(responses))
    return f"{title}: response against {axis}; the largest is {responses[at]:.2f} spikes per presentation at {values[at]:.3g}"


def indices(row: dict[str, Any]) -> str:
    """The indices of a neuron in a line."""
    known = {name: value for name, value in row.items() if name != "neuron"}
    return "; ".join(
        f"{name.replace('_', ' ')} {'–' if value is None or not np.isfinite(value) else f'{value:.3g}'}"
        for name, value in known.items()
    )


def _frame(title):
    return {
        "title": {
            "text": title,
            "left": "center",
            "textStyle": {"fontSize": 13, "width": 300, "overflow": "break"},
        },
        "grid": MARGINS,
        "tooltip": {"trigger": "axis"},
        "aria": {"enabled": True},
        "animation": False,
    }


def _axis(name):
    style = {"color": "#333333"}
    return {
        "name": name,
        "nameLocation": "middle",
        "nameGap": 30,
        "nameTextStyle": style,
        "axisLabel": style,
    }


def address(png: bytes) -> str:
    """The address of a picture that holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def picture(image: np.ndarray) -> str:
    """The address of an image (height, width, 1 or 3) in [-1, 1], pixel for pixel."""
    from PIL import Image

    levels = np.round((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels).save(file, "PNG")
    return address(file.getvalue())


def rows_of(table: Any, neurons: int) -> list[dict[str, Any]]:
    """The rows of the page's table of neurons.

    Args:
        table: `pandas.DataFrame` of `about.Quality`, or None.
        neurons: int, how many there are.
    """

    def known(name, neuron):
        if table is None or name not in table:
            return None
        value = table[name].iloc[neuron]
        return None if value is None or not np.isfinite(value) else round(float(value), 3)

    rows = []
    for neuron in range(neurons):
        pcc, ceiling = known("pcc", neuron), known("noise_ceiling", neuron)
        share = None if pcc is None or not ceiling or ceiling < 0.1 else round(pcc / ceiling, 3)
        rows.append({"neuron": neuron, "pcc": pcc, "ceiling": ceiling, "share": share})
    return rows


ORDERS = {  # of the table: what it is called -> (its column, whether the largest come first)
    "number": ("neuron", False),
    "PCC, best first": ("pcc", True),
    "share of the ceiling, best first": ("share", True),
    "ceiling, highest first": ("ceiling", True),
}


def ordered(rows: Sequence[dict[str, Any]], order: str) -> list[dict[str, Any]]:
    """Rows in one of `ORDERS`; those that lack the figure come last."""
    column, largest = ORDERS[order]
    known = [row for row in rows if row[column] is not None]
    known.sort(key=lambda row: row[column], reverse=largest)
    return known + [row for row in rows if row[column] is None]
