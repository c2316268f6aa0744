"""A process per measurement: started, given its order, and taken down with the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from daenr_tf.errors import INTERRUPTED, InputError, MachineError

CHILD = "daenr_tf.benchmark.child"
GRACE = 10.0  # seconds that a child which is asked to leave may take


def ask(kind: str, place: str, **order: Any) -> dict[str, Any]:
    """What a fresh process measures.

    Args:
        kind: a row of `child.KINDS`.
        place: str, an empty folder for its answer and its log.
        order: what else it is told, as JSON's plain values.

    Raises:
        InputError: it refused the order.
        MachineError: it failed.
        KeyboardInterrupt: it was stopped.
    """
    answer, log = os.path.join(place, "answer.json"), os.path.join(place, "log.txt")
    with open(log, "wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", CHILD], stdin=subprocess.PIPE, stdout=said, stderr=said
        )
        try:
            told = {"kind": kind, "answer": answer, "began": time.monotonic(), **order}
            process.communicate(json.dumps(told).encode())
        finally:
            _leave_none(process)
    if process.returncode == 0:
        with open(answer, encoding="utf-8") as file:
            return json.load(file)
    if process.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = file.read().strip().splitlines()
    said = lines[-1].removeprefix(f"{kind}: ") if lines else "it said nothing"
    if process.returncode == 2:
        raise InputError(said)
    how = (
        f"was ended by signal {-process.returncode}"
        if process.returncode < 0
        else f"ended with status {process.returncode}"
    )
    raise MachineError(f"the process that measures {how}: {said}")


def _leave_none(process: subprocess.Popen) -> None:
    """A process that is still at work is asked to leave, then made to."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
