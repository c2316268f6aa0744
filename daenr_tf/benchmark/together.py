"""Several trainings on one machine at once, each in a process of its own with its share of the cores: as
the experiments' grid trains its cells."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daenr_tf.benchmark import machine, processes
from daenr_tf.errors import MachineError
from daenr_tf.machine import memory

if TYPE_CHECKING:
    from daenr_tf.benchmark.request import Request

PATIENCE, PAUSE = 300.0, 0.01  # seconds: for the others to be ready; between two looks


def run(request: Request, peak: int) -> dict[str, Any] | None:
    """Train as many at once as there are cores for, each with `request.threads` threads (one, where none are given).

    Args:
        request: `Request`.
        peak: int, bytes that one of them takes.

    Returns:
        dict of `processes`, `threads` (of each), `images_per_second` (of all together, from when all
        began until the last one ended); None where there is room for one only.
    """
    threads = request.threads or 1
    count = min(machine.cores() // threads, memory.half() // peak)
    if count < 2:
        return None
    settings = dataclasses.replace(request, threads=threads).to_dict()
    with tempfile.TemporaryDirectory(prefix="daenr-benchmark-") as folder:
        meeting = os.path.join(folder, "ready")
        places = [os.path.join(folder, str(number)) for number in range(count)]
        for place in (meeting, *places):
            os.mkdir(place)
        answers = processes.ask_together(
            "together", places, request=settings, meeting=meeting, expected=count
        )
    began = min(answer["began"] for answer in answers)
    ended = max(answer["ended"] for answer in answers)
    images = count * request.steps * request.batch_size
    return {
        "processes": count,
        "threads": threads,
        "images_per_second": images / (ended - began),
    }


def measure(order: dict[str, Any]) -> dict[str, float]:
    """What one of them does: when it began to be measured and when it ended, on the machine's clock.

    Args:
        order: as of `model.start`; `meeting` (a folder in which each says that it is ready),
            `expected` (how many they are).
    """
    from daenr_tf.benchmark.model import WARM_UP, start, train

    request, _, run_steps, _ = start(order)
    run_steps(WARM_UP)
    _meet(order["meeting"], order["expected"])
    began = time.monotonic()
    train(request, run_steps)
    return {"began": began, "ended": time.monotonic()}


def _meet(folder: str, expected: int) -> None:
    """Wait until all are ready. Raises `MachineError` where one does not come."""
    Path(folder, uuid.uuid4().hex).touch()
    until = time.monotonic() + PATIENCE
    while len(os.listdir(folder)) < expected:
        if time.monotonic() > until:
            raise MachineError(
                f"several at once: expected {expected} processes to be ready within"
                f" {PATIENCE:.0f} s, found {len(os.listdir(folder))}"
            )
        time.sleep(PAUSE)
