"""Where a step of training goes: time per kind of operation, under TensorFlow's profiler."""

from __future__ import annotations

import glob
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from daenr_tf.benchmark import machine, model, processes, table
from daenr_tf.benchmark.request import Request
from daenr_tf.machine.messages import LOGGER

STEPS = 50  # that are profiled, at most; a profile of more is too large to look at
SHOWN = 12  # rows
OPERATION = re.compile(r"[^:]+:(\w+)")  # "name in the graph:kind"
TRACE = os.path.join("plugins", "profile", "*", "*.xplane.pb")


def run(requests: Sequence[Request], folder: str, place: str) -> dict[str, Any]:
    """Profile every request; what is found, as JSON's plain values.

    Args:
        requests: list of `Request`.
        folder: str, where the profiles go, each in a folder of its recipe's name.
        place: str, an empty folder.
    """
    found: dict[str, Any] = {
        "kind": "profile",
        "machine": machine.describe(),
        "versions": machine.versions(False),
        "models": [],
    }
    for request in requests:
        target = os.path.abspath(os.path.join(folder, request.recipe))
        settings = request.to_dict()
        own = processes.ask("profile", place, request=settings, profile=target)
        LOGGER.info("%s: a profile of %d steps: %s", request.title, own["steps"], target)
        settings.pop("recording_file")
        found["models"].append(
            {"title": request.title, "request": settings, "profile": target, **own}
        )
    found["machine"]["load_average_after"] = machine.load_average()
    return found


def measure(order: dict[str, Any]) -> dict[str, Any]:
    """What the profiling process does.

    Args:
        order: as of `model.start`; `profile`, the folder that TensorBoard is to read.

    Returns:
        dict of `steps`, `step_ms` (of the clock), `kinds`: dict of an operation's type -> {`ms`,
        `calls`} per step.
    """
    request, _, run_steps, facts = model.start(order)
    import tensorflow as tf

    run_steps(model.WARM_UP)
    steps = min(STEPS, request.steps)
    before = set(glob.glob(os.path.join(order["profile"], TRACE)))
    tf.profiler.experimental.start(order["profile"])
    began = time.perf_counter()
    run_steps(steps)
    seconds = time.perf_counter() - began
    tf.profiler.experimental.stop()
    made = set(glob.glob(os.path.join(order["profile"], TRACE))) - before
    return {
        "steps": steps,
        "threads": facts["threads"],
        "step_ms": 1e3 * seconds / steps,
        "kinds": kinds(made, steps),
    }


def kinds(traces: Iterable[str], steps: int) -> dict[str, dict[str, float]]:
    """Time per kind of operation in some files of the profiler, the longest first.

    An operation's time is that of the thread which called it, the threads that it shares its work
    with left out; operations that run beside each other are both counted.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    milliseconds, calls = defaultdict(float), defaultdict(int)
    for trace in traces:
        space = xplane_pb2.XSpace()
        with open(trace, "rb") as file:
            space.ParseFromString(file.read())
        for plane in space.planes:
            names = {key: event.name for key, event in plane.event_metadata.items()}
            for line in plane.lines:
                for event in line.events:
                    match = OPERATION.fullmatch(names[event.metadata_id])
                    if match:
                        milliseconds[match[1]] += event.duration_ps / 1e9
                        calls[match[1]] += 1
    return {
        kind: {"ms": taken / steps, "calls": calls[kind] / steps}
        for kind, taken in sorted(milliseconds.items(), key=lambda item: -item[1])
    }


def written(found: dict[str, Any]) -> str:
    """What `run` found, as a table."""
    blocks = [table.head(found), *(_model(one) for one in found["models"])]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _model(one: dict[str, Any]) -> Iterable[str]:
    widths = (34, 12, 10, 8)
    total = sum(row["ms"] for row in one["kinds"].values()) or 1.0
    yield (
        f"{one['title']}, batch {one['request']['batch_size']}, {table.threads(one['threads'])}: a step"
        f" takes {one['step_ms']:.3g} ms under the profiler, of {one['steps']} steps"
    )
    yield table.columns(("kind of operation", "ms a step", "share", "calls"), widths)
    for kind, row in list(one["kinds"].items())[:SHOWN]:
        cells = (kind, f"{row['ms']:.3f}", f"{row['ms'] / total:.1%}", f"{row['calls']:.3g}")
        yield table.columns(cells, widths)
    rest = [row["ms"] for row in list(one["kinds"].values())[SHOWN:]]
    if rest:
        cells = (f"{len(rest)} other kinds", f"{sum(rest):.3f}", f"{sum(rest) / total:.1%}", "")
        yield table.columns(cells, widths)
    yield f"tensorboard --logdir {os.path.dirname(one['profile'])}"
