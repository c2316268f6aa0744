"""A process per measurement: started, given its order, and taken down with the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from daenr_tf.errors import INTERRUPTED, InputError, MachineError

CHILD = "daenr_tf.benchmark.child"
GRACE = 10.0  # seconds that a child which is asked to leave may take


class Asked:
    """A measurement that has begun, in a fresh process.

    Args:
        kind: a row of `child.KINDS`.
        place: str, an empty folder for its answer and its log.
        order: what else it is told, as JSON's plain values.
    """

    def __init__(self, kind: str, place: str, **order: Any) -> None:
        self.kind = kind
        self.file, self.log = os.path.join(place, "answer.json"), os.path.join(place, "log.txt")
        with open(self.log, "wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", CHILD], stdin=subprocess.PIPE, stdout=said, stderr=said
            )
        told = {"kind": kind, "answer": self.file, "began": time.monotonic(), **order}
        try:
            with self.process.stdin as typed:
                typed.write(json.dumps(told).encode())
        except BrokenPipeError:
            pass  # it has ended; `answer` says how

    def answer(self) -> dict[str, Any]:
        """What it measured.

        Raises:
            InputError: it refused the order.
            MachineError: it failed.
            KeyboardInterrupt: it was stopped.
        """
        status = self.process.wait()
        if status == 0:
            with open(self.file, encoding="utf-8") as file:
                return json.load(file)
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        with open(self.log, encoding="utf-8", errors="replace") as file:
            lines = file.read().strip().splitlines()
        said = lines[-1].removeprefix(f"{self.kind}: ") if lines else "it said nothing"
        if status == 2:
            raise InputError(said)
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        raise MachineError(f"the process that measures {how}: {said}")

    def leave(self) -> None:
        """Ask a process that is still at work to go, then make it."""
        _leave_none(self.process)


def ask(kind: str, place: str, **order: Any) -> dict[str, Any]:
    """What a fresh process measures; arguments as of `Asked`, and what is raised as of its `answer`."""
    (answer,) = ask_together(kind, [place], **order)
    return answer


def ask_together(kind: str, places: Sequence[str], **order: Any) -> list[dict[str, Any]]:
    """What fresh processes measure that work at the same time, one for each place."""
    asked: list[Asked] = []
    try:
        for place in places:
            asked.append(Asked(kind, place, **order))
        return [one.answer() for one in asked]
    finally:
        for one in asked:
            one.leave()


def _leave_none(process: subprocess.Popen) -> None:
    """A process that is still at work is asked to leave, then made to."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
