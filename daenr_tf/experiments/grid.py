"""The grid: every cell in a process of its own, on a dask cluster: this machine's cores, or any cluster that a scheduler's address names.

Whatever a cell is, its files are the truth: a cell with results is finished and never trained again, one without goes on from its last state.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from typing import NamedTuple

import psutil
from tqdm import tqdm

from daenr_tf.cli import INTERRUPTED
from daenr_tf.errors import InputError, MachineError
from daenr_tf.experiments import outputs
from daenr_tf.experiments.cells import Cell
from daenr_tf.experiments.study import Study, cell_directory

MEMORY_SHARE = 0.9  # of the machine's, for all cells together
GRACE = 120  # seconds that cells have to save their states in
LINE_EVERY = 10.0  # seconds between two lines of a log
_WORKER = "daenr_tf.experiments.work"
_PRIVATE = "127.0.0.1:0"
_SETTINGS = {
    "distributed.scheduler.work-stealing": False,
    "distributed.comm.timeouts.connect": "10s",
    "distributed.worker.profile.enabled": False,  # this and the next would take 5 % of a core from the cells
    "distributed.admin.tick.interval": "1s",
}


class Outcome(NamedTuple):
    """How a cell ended: "kept" (it was finished before), "done", "failed", "stopped", or "damaged" (it is finished and can't be read)."""

    cell: Cell
    status: str
    seconds: float
    message: str = ""


@contextlib.contextmanager
def cluster(workers=None, scheduler=None):
    """A dask client: of a cluster on this machine that runs `workers` cells at once, or of the one whose scheduler is at `scheduler`.

    Raises:
        InputError: no scheduler answers at the address.
    """
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(_SETTINGS):
        if scheduler:
            try:
                client = Client(scheduler, timeout=10)
            except (OSError, ValueError, TypeError) as error:
                raise InputError(f"--scheduler: expected the address of a dask scheduler, found {scheduler!r} ({error})") from None
            with client:
                yield client
            return
        # Cells are processes already, so the worker is a thread of ours and starts at once; its own memory limit would only see this process.
        # Dask's own pages can't be turned off: they get any free port, and no other machine sees them.
        with LocalCluster(n_workers=1, threads_per_worker=workers, processes=False, memory_limit=0, dashboard_address=None,
                          worker_dashboard_address=_PRIVATE, scheduler_kwargs={"dashboard_address": _PRIVATE},
                          silence_logs=logging.CRITICAL) as local, Client(local) as client:
            yield client


def run_grid(client, cells, study, results_dir, show, read=None):
    """Run the cells that are not finished.

    Args:
        client: a dask `Client`.
        cells: `Cell`s; one whose neurons another chooses comes after that one.
        study: `Study`.
        results_dir: str; every worker must see it under this path.
        show: `Show`.
        read: `outputs.Finished.read`, by which finished cells are checked; None checks nothing.

    Returns:
        list of `Outcome`, one per cell.

    Raises:
        KeyboardInterrupt: after the cells at work have saved their states.
    """
    from distributed import as_completed

    kept = [_seen(Outcome(cell, "kept", 0.0), read) for cell in cells if is_finished(results_dir, cell)]
    left = [cell for cell in cells if not is_finished(results_dir, cell)]
    outcomes, futures = list(kept), {}
    bases = {cell.base for cell in left if cell.base}
    try:
        if left:
            _see_that_workers_share(client, results_dir)
        show.begin(len(cells), len(kept), sum(client.nthreads().values()))
        for outcome in kept:
            show.kept_one(outcome)
        for cell in left:
            first = futures.get(cell.base)
            futures[cell] = client.submit(run_in_a_process, cell.to_dict(), study.to_dict(), results_dir, first, key=f"{cell.name}-{time.time_ns()}",
                                          priority=_length(cell) + 10 * (cell in bases), pure=False)
        by_key = {future.key: cell for cell, future in futures.items()}
        for future in as_completed(futures.values()):
            cell = by_key[future.key]
            if future.status == "finished":
                outcome = Outcome(cell, *future.result())
            else:
                outcome = Outcome(cell, "failed", 0.0, f"the worker was lost ({future.exception() if future.status == 'error' else future.status})")
            outcomes.append(outcome)
            show.ended(outcome)
    except KeyboardInterrupt:
        client.cancel(list(futures.values()), force=True)
        _stop_children()
        raise
    finally:
        show.close()
    return [_seen(outcome, read) for outcome in outcomes]


def is_finished(results_dir, cell):
    """Whether a cell has its results, sound or damaged: nothing is trained over them."""
    return os.path.lexists(os.path.join(cell_directory(results_dir, cell), outputs.RESULTS))


def _seen(outcome, read):
    """The outcome of a cell once its files were looked at: one that ended well may be damaged."""
    if read is None or outcome.status not in ("kept", "done"):
        return outcome
    try:
        found = read(outcome.cell)
    except InputError as error:
        return outcome._replace(status="damaged", message=str(error))
    if found is None:
        return outcome._replace(status="failed", message="its process ended well, its results can't be seen from here")
    return outcome


def log_file(results_dir, cell):
    """Where a cell's log lies."""
    return os.path.join(results_dir, "logs", f"{cell.name}.txt")


def run_in_a_process(cell, study, results_dir, base=None):
    """What a worker does for a cell: (status, seconds, message). `base` is the outcome of the cell that chooses its neurons, waited for."""
    from dask.system import CPU_COUNT  # as far as affinity and cgroups let this process have them
    from distributed import get_worker

    cell, study = Cell.from_dict(cell), Study(**study)
    if base and base[0] != "done":
        return "failed", 0.0, f"{cell.base.name} did not end well, which chooses its neurons"
    at_once = get_worker().state.nthreads
    memory = getattr(get_worker().memory_manager, "memory_limit", None) or MEMORY_SHARE * psutil.virtual_memory().total
    order = {"cell": cell.to_dict(), "study": study.to_dict(), "results_dir": results_dir,
             "threads": max(1, CPU_COUNT // at_once), "memory": memory / at_once}
    os.makedirs(os.path.dirname(log_file(results_dir, cell)), exist_ok=True)
    started = time.monotonic()
    with open(log_file(results_dir, cell), "a+b") as log:
        process = subprocess.Popen([sys.executable, "-m", _WORKER], stdin=subprocess.PIPE, stdout=log, stderr=log)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        status = process.wait()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        seconds = time.monotonic() - started
        if status == 0:
            return "done", seconds, ""
        log.seek(max(0, log.tell() - 2000))
        lines = log.read().decode(errors="replace").strip().splitlines()
    message = lines[-1].removeprefix(f"{cell.name}: ") if status > 0 and lines else f"its process was ended by signal {-status}"
    return ("stopped" if status == INTERRUPTED else "failed"), seconds, message


def _length(cell):
    """How long a cell takes, roughly: the long ones begin first, so that none is alone at the end."""
    return {"vqvae": 3, "cnn": 0}.get(cell.setting.encoder, 1)


def _see_that_workers_share(client, results_dir):
    token = os.path.join(results_dir, f".seen-{os.getpid()}")
    with open(token, "w", encoding="utf-8"):
        pass
    try:
        if not client.nthreads():
            client.wait_for_workers(1, timeout=60)
        blind = [worker for worker, sees in client.run(os.path.exists, token).items() if not sees]
        if blind:
            raise InputError(f"--results-dir: expected a directory that every worker sees, found that {blind[0]} does not see {results_dir}")
    except TimeoutError:
        raise MachineError("the cluster has had no worker for 60 seconds") from None
    finally:
        os.remove(token)


def _stop_children():
    """Ask the cells at work on this machine to save their states, and wait until they have."""
    until = time.monotonic() + GRACE
    time.sleep(0.5)  # until the worker has heard that nothing more is wanted
    while children := [child for child in psutil.Process().children() if _WORKER in _command(child)]:
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.terminate() if time.monotonic() < until else child.kill()
        psutil.wait_procs(children, timeout=10)


def _command(process):
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


class Show:
    """Cells done, running, failed and the time left, on standard error: a bar on a terminal, plain lines in a log."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stderr
        self.bar = None

    def begin(self, total, kept, at_once):
        """Before the first cell."""
        self.total, self.kept, self.at_once = total, kept, at_once
        self.done = self.failed = 0
        self.started = self.told_at = time.monotonic()
        if self.stream.isatty():
            self.bar = tqdm(total=total, initial=kept, unit="cell", file=self.stream, dynamic_ncols=True)
        self._say(f"{total} cells, {kept} of them finished before, {at_once} at once")

    def kept_one(self, outcome):
        """Before the first cell, for each one that was finished before."""
        if outcome.status == "damaged":
            self._say(f"damaged: {outcome.cell.name}: {outcome.message}")

    def ended(self, outcome):
        """After each cell."""
        self.done += 1
        self.failed += outcome.status == "failed"
        left = self.total - self.kept - self.done
        if outcome.status == "failed":
            self._say(f"failed: {outcome.cell.name}: {outcome.message}")
        if self.bar is not None:
            self.bar.update()
            self.bar.set_postfix_str(f"{min(left, self.at_once)} running, {self.failed} failed")
        elif not left or time.monotonic() - self.told_at > LINE_EVERY:
            self.told_at = time.monotonic()
            rest = (self.told_at - self.started) / self.done * left
            self._say(f"{self.kept + self.done}/{self.total} cells, {min(left, self.at_once)} running, {self.failed} failed,"
                      f" about {max(1, round(rest / 60))} min left" if left else f"{self.total}/{self.total} cells, {self.failed} failed")

    def close(self):
        """After the last cell."""
        if self.bar is not None:
            self.bar.close()

    def _say(self, text):
        with contextlib.suppress(OSError):
            if self.bar is not None:
                self.bar.write(text, file=self.stream)
            else:
                print(text, file=self.stream, flush=True)
