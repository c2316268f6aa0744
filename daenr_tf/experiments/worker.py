"""What a worker of the grid does: it runs cells in processes of their own, and stops those of a study when it is asked to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from daenr_tf.errors import INTERRUPTED
from daenr_tf.experiments.cells import Cell
from daenr_tf.experiments.study import Study
from daenr_tf.machine.cores import threads_each

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

MEMORY_SHARE = 0.9  # of what this process may have, for all cells together
_WORK = "daenr_tf.commands.cell"
_LOOK_EVERY = 0.1  # seconds


class AtWork:
    """The cells' processes of this worker. Several commands may share a cluster, so each process is known by its study's results directory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes = {}
        self._stopped = set()

    def start(
        self, command: str, results_dir: str, name: str, arguments: Sequence[str], **options: Any
    ) -> subprocess.Popen | None:
        """A process that is at work from now on; None where its command was stopped before."""
        with self._lock:
            if command in self._stopped:
                return None
            process = subprocess.Popen(arguments, **options)
            self._processes[process] = results_dir, name
            return process

    def ended(self, process: subprocess.Popen) -> None:
        """The process has ended."""
        with self._lock:
            del self._processes[process]

    def stop(self, command: str, results_dir: str) -> dict[subprocess.Popen, str]:
        """Ask a study's processes to save their states and leave; none of this command starts any more. -> dict of process -> cell's name."""
        with self._lock:
            self._stopped.add(command)
            asked = {
                process: name
                for process, (place, name) in self._processes.items()
                if place == results_dir
            }
            for process in asked:
                process.terminate()
        return asked


_AT_WORK = AtWork()  # the one thing that a worker's tasks share is their process


def log_file(results_dir: str, cell: Cell) -> str:
    """Where a cell's log lies."""
    return os.path.join(results_dir, "logs", f"{cell.name}.txt")


def run_in_a_process(
    command: str,
    cell: dict[str, Any],
    study: dict[str, Any],
    results_dir: str,
    base: tuple[str, float, str] | None = None,
) -> tuple[str, float, str]:
    """What a worker does for a cell: (status, seconds, message).

    Args:
        command: str, names the command that wants the cell: a stopped one gets no more.
        cell, study: dicts.
        results_dir: str.
        base: the outcome of the cell that chooses its neurons, waited for.
    """
    cell, study = Cell.from_dict(cell), Study(**study)
    if base and base[0] != "done":
        return "failed", 0.0, f"{cell.base.name} did not end well, which chooses its neurons"
    order = {"cell": cell.to_dict(), "study": study.to_dict(), "results_dir": results_dir}
    return run_order(command, results_dir, cell.name, _WORK, order, log_file(results_dir, cell))


def run_order(
    command: str, results_dir: str, name: str, work: str, order: dict[str, Any], log_path: str
) -> tuple[str, float, str]:
    """What a worker does for anything that has a process of its own: (status, seconds, message).

    Args:
        command, results_dir: as in `run_in_a_process`.
        name: what it is called; its process leads messages with it.
        work: the module that is run; it reads the order from its standard input.
        order: dict that JSON can hold; the process' share of threads and of memory join it.
        log_path: where what the process says goes.
    """
    from dask.system import CPU_COUNT
    from distributed import get_worker
    from distributed.system import MEMORY_LIMIT

    # CPU_COUNT and MEMORY_LIMIT are what affinity and cgroups let this process have.
    at_once = get_worker().state.nthreads
    given = getattr(get_worker().memory_manager, "memory_limit", None)
    memory = given or MEMORY_SHARE * MEMORY_LIMIT
    order = {**order, "threads": threads_each(CPU_COUNT, at_once), "memory": memory / at_once}
    os.makedirs(os.path.dirname(log_path), exist_ok=True)
    started = time.monotonic()
    with open(log_path, "a+b") as log:
        began = log.seek(0, os.SEEK_END)
        process = _AT_WORK.start(
            command,
            results_dir,
            name,
            [sys.executable, "-m", work],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
        if process is None:
            return "stopped", 0.0, ""
        try:
            status = _done(process, order)
        finally:
            _AT_WORK.ended(process)
        seconds = time.monotonic() - started
        if status == 0:
            return "done", seconds, ""
        log.seek(max(began, log.seek(0, os.SEEK_END) - 2000))
        lines = log.read().decode(errors="replace").strip().splitlines()
    if status < 0:
        message = f"its process was ended by signal {-status}"
    else:
        message = (
            lines[-1].removeprefix(f"{name}: ")
            if lines
            else f"its process ended with status {status} and said nothing"
        )
    return ("stopped" if status == INTERRUPTED else "failed"), seconds, message


def _done(process, order):
    """Give a cell's process its order and wait for its exit status."""
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
    status = process.wait()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    return status


async def stop_cells(command: str, results_dir: str, grace: float) -> dict[str, int]:
    """Ask a study's cells on this worker to save their states, and wait until they have.

    It is a coroutine, for the worker must hear and be heard in the meantime.

    Args:
        command: str, as in `run_in_a_process`.
        results_dir: str, of the study; cells that an earlier command on it has left at work are asked as well.
        grace: seconds, after which a cell that is still at work is killed.

    Returns:
        dict of cell's name -> exit status of its process.
    """
    asked, until = _AT_WORK.stop(command, results_dir), time.monotonic() + grace
    while left := [process for process in asked if process.poll() is None]:
        if time.monotonic() > until:
            for process in left:
                process.kill()
        await asyncio.sleep(_LOOK_EVERY)
    return {name: process.returncode for process, name in asked.items()}
