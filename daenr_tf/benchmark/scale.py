"""Cost against the number of images, their size, and the number of neurons."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from daenr_tf.benchmark import machine, made_up, processes, table
from daenr_tf.benchmark.request import Request
from daenr_tf.benchmark.session import spread
from daenr_tf.errors import InputError
from daenr_tf.machine.messages import LOGGER
from daenr_tf.runs import footprint


class Sweep(NamedTuple):
    """One quantity that grows.

    Attributes:
        title: what it is.
        field: its name in `Request`.
        values: its points.
        fixed: the other fields of `Request` that are set.
    """

    title: str
    field: str
    values: tuple
    fixed: Mapping[str, Any]


SWEEPS = (
    Sweep(
        "images",
        "images",
        (1000, 2000, 5000, 10000, 20000, 50000),
        {"image_size": (64, 64), "neurons": 100},
    ),
    Sweep(
        "image size (pixels a side)",
        "image_size",
        (16, 32, 64, 128),
        {"images": 1000, "neurons": 100},
    ),
    Sweep(
        "neurons",
        "neurons",
        (100, 1000, 5000, 20000),
        {"images": 1000, "image_size": (32, 32)},
    ),
)
# A measure: its name, its title with the unit, what it is of a repeat.
MEASURES = (
    ("step_ms", "a step (ms)", lambda own: own["training"]["step"]["median_ms"]),
    ("startup_seconds", "start-up (s)", lambda own: sum(own["startup"].values())),
    ("peak_memory_mb", "peak memory (MB)", lambda own: own["peak_memory_bytes"] / 1e6),
)


def run(
    requests: Sequence[Request], repeats: int, sweeps: Sequence[Sweep] = SWEEPS
) -> dict[str, Any]:
    """Measure every point of every sweep; what is found, as JSON's plain values.

    Args:
        requests: list of `Request`, without counts.
        repeats: int, fresh processes per point.
        sweeps: tuple of `Sweep`.
    """
    found: dict[str, Any] = {
        "kind": "scale",
        "machine": machine.describe(),
        "versions": machine.versions(False),
        "models": [],
    }
    for request in requests:
        found["models"].append(
            {
                "title": request.title,
                "request": request.to_dict(),
                "repeats": repeats,
                "sweeps": [_sweep(request, sweep, repeats) for sweep in sweeps],
            }
        )
    found["machine"]["load_average_after"] = machine.load_average()
    return found


def _sweep(request: Request, sweep: Sweep, repeats: int) -> dict[str, Any]:
    points = []
    for value in sweep.values:
        given = (value, value) if sweep.field == "image_size" else value
        point = dataclasses.replace(request, **{**sweep.fixed, sweep.field: given})
        points.append({"value": value, **_point(point, repeats)})
        LOGGER.info("%s: %s %d: %s", request.title, sweep.title, value, _said(points[-1]))
    fixed = {name: list(v) if isinstance(v, tuple) else v for name, v in sweep.fixed.items()}
    return {"title": sweep.title, "field": sweep.field, "fixed": fixed, "points": points}


def _said(point: dict[str, Any]) -> str:
    return point.get("left_out") or f"{point['step_ms']['median']:.3g} ms a step"


def _point(request: Request, repeats: int) -> dict[str, Any]:
    """The measures of one point, or {"left_out": why}, as where it has no place in memory."""
    try:
        footprint.check(request.config, request.outline())
    except InputError as problem:
        return {"left_out": str(problem)}
    with tempfile.TemporaryDirectory(prefix="daenr-benchmark-") as place:
        file = os.path.join(place, "recording.npz")
        made_up.write(file, request.images, request.image_shape, request.neurons)
        settings = dataclasses.replace(request, recording_file=file).to_dict()
        order = {"request": settings, "folder": None, "count": False}
        owns = [processes.ask("model", place, **order) for _ in range(repeats)]
    return {name: spread([of(own) for own in owns]) for name, _, of in MEASURES}


def written(found: dict[str, Any]) -> str:
    """What `run` found, as a table."""
    blocks = [table.head(found)]
    for model in found["models"]:
        blocks += [_table(model, sweep) for sweep in model["sweeps"]]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _table(model: dict[str, Any], sweep: dict[str, Any]) -> Iterable[str]:
    request, widths = model["request"], (30, *[26] * len(MEASURES))
    fixed = ", ".join(
        f"{'x'.join(map(str, value))} pixels" if name == "image_size" else f"{value} {name}"
        for name, value in sweep["fixed"].items()
    )
    count = model["repeats"]
    yield (
        f"{model['title']}, batch {request['batch_size']}, made-up recordings with {fixed};"
        f" {count} repeat{'s' * (count > 1)} of {request['steps']} steps"
    )
    yield table.columns((sweep["title"], *(title for _, title, _ in MEASURES)), widths)
    for point in sweep["points"]:
        if "left_out" in point:
            yield f"{point['value']}: left out: {point['left_out']}"
            continue
        cells = [table.spread(point[name], table.plain) for name, _, _ in MEASURES]
        yield table.columns((str(point["value"]), *cells), widths)
