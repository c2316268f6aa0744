"""Charts as options of ECharts, and images as addresses that hold them; plain data, no page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from daenr_tf.plotting.laboratory import INDICES
from daenr_tf.plotting.palette import BLUE, INK

MOST_BARS = 20
MARGINS = {"left": 60, "right": 16, "top": 16, "bottom": 52}


def bars(responses: np.ndarray) -> dict[str, Any]:
    """The neurons that answer most, in descending order.

    Args:
        responses: (neurons,), predicted.
    """
    order = ranking(responses)
    values = [round(float(responses[i]), 4) for i in order]
    return {
        **_frame(),
        "xAxis": {
            **_axis("neuron"),
            "type": "category",
            "data": [str(i) for i in order],
            "axisLabel": {"color": INK, "interval": 0, "rotate": 60, "fontSize": 11},
        },
        "yAxis": {**_axis("response per presentation"), "type": "value", "min": 0, "nameGap": 40},
        "series": [{"type": "bar", "data": values, "color": BLUE, "name": "predicted response"}],
    }


def ranking(responses: np.ndarray, most: int = MOST_BARS) -> list[int]:
    """The neurons that answer most, in descending order."""
    return np.argsort(-np.asarray(responses), kind="stable")[:most].tolist()


def curve(values: np.ndarray, responses: np.ndarray, axis: str) -> dict[str, Any]:
    """A tuning curve.

    Args:
        values, responses: (k,).
        axis: str, what `values` are, with their unit.
    """
    points = [
        [round(float(x), 5), round(float(y), 5)] for x, y in zip(values, responses, strict=True)
    ]
    return {
        **_frame(),
        "xAxis": {**_axis(axis), "type": "value", "min": "dataMin", "max": "dataMax"},
        "yAxis": {**_axis("response per presentation"), "type": "value", "min": 0, "nameGap": 40},
        "series": [
            {"type": "line", "data": points, "symbolSize": 6, "color": BLUE, "name": "response"}
        ],
    }


def bars_in_words(responses: np.ndarray, title: str) -> str:
    """`bars` for those who can't see it."""
    some = ", ".join(f"neuron {i}: {responses[i]:.2f}" for i in ranking(responses, 5))
    return f"{title}, responses per presentation. {some}"


def curve_in_words(values: np.ndarray, responses: np.ndarray, axis: str, title: str) -> str:
    """`curve` for those who can't see it."""
    at = int(np.argmax(responses))
    return f"{title}: response against {axis}; the largest is {responses[at]:.2f} per presentation at {values[at]:.3g}"


def indices(row: dict[str, Any], unit: str) -> str:
    """A neuron's indices in a line; `unit` of length."""
    told = []
    for name, value in row.items():
        if name != "neuron":
            title = INDICES.get(name, name.replace("_", " ")).format(unit=unit)
            told.append(f"{title}: {'–' if not np.isfinite(value) else f'{value:.3g}'}")
    return "; ".join(told) + "."


def _frame():
    return {
        "grid": MARGINS,
        "tooltip": {"trigger": "axis"},
        "animation": False,
    }


def _axis(name):
    style = {"color": INK}
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
