"""The grid: every cell in a process of its own, on a dask cluster.

Whatever a cell is, its files are the truth: a cell with results is finished and never trained again, one without goes on from its last state.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from daenr_tf import systems
from daenr_tf.errors import INTERRUPTED, InputError, MachineError
from daenr_tf.experiments import cell_outputs, worker
from daenr_tf.experiments.cells import Cell
from daenr_tf.experiments.study import cell_directory
from daenr_tf.runs import interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client, Future

    from daenr_tf.experiments.cell_outputs import Outputs
    from daenr_tf.experiments.grid_progress import Show
    from daenr_tf.experiments.study import Study

GRACE = 120  # seconds that cells have to save their states in
ANSWER = 30  # seconds beyond these in which workers have to answer
_LOOK_EVERY = 0.1  # seconds
_STOPPING = "stopping: the cells at work are asked to save their states"
_ENDS = {
    INTERRUPTED: "saved",
    0: "finished",
    **{-number: "only begun" for number in interruption.SIGNALS},
    -signal.SIGKILL: f"ended without saving within {GRACE} s",
}


class Outcome(NamedTuple):
    """How a cell ended: "kept" (it was finished before), "done", "failed", "stopped", or "damaged" (it is finished and can't be read)."""

    cell: Cell
    status: str
    seconds: float
    message: str = ""


def run_grid(
    client: Client,
    cells: Sequence[Cell],
    study: Study,
    results_dir: str,
    show: Show,
    read: Callable[[Cell], Outputs | None] | None = None,
) -> list[Outcome]:
    """Run the cells that are not finished.

    Args:
        client: a dask `Client`.
        cells: `Cell`s; one whose neurons another chooses comes after that one.
        study: `Study`.
        results_dir: str; every worker must see it under this path.
        show: `Show`.
        read: `cell_outputs.Finished.read`, by which finished cells are checked; None checks nothing.

    Returns:
        list of `Outcome`, one per cell.

    Raises:
        KeyboardInterrupt: a signal asked for a stop, and the cells at work were asked to save their states; the message says what came of it.
    """
    kept = [
        _seen(Outcome(cell, "kept", 0.0), read) for cell in cells if is_finished(results_dir, cell)
    ]
    left = [cell for cell in cells if not is_finished(results_dir, cell)]
    if left:
        see_that_workers_share(client, results_dir)
    outcomes, futures, command = list(kept), {}, uuid.uuid4().hex
    bases = {cell.base for cell in left if cell.base}
    with interruption.watched(_STOPPING) as stop:
        try:
            show.begin(len(cells), len(kept), sum(client.nthreads().values()))
            for outcome in kept:
                show.kept_one(outcome)
            for cell in left:
                first = futures.get(cell.base)
                futures[cell] = client.submit(
                    worker.run_in_a_process,
                    command,
                    cell.to_dict(),
                    study.to_dict(),
                    results_dir,
                    first,
                    key=f"{cell.name}-{command}",
                    priority=_length(cell) + 100 * (cell in bases),
                    pure=False,
                )
            by_key = {future.key: cell for cell, future in futures.items()}
            for future in _as_they_end(futures.values(), stop):
                cell = by_key[future.key]
                if future.status == "finished":
                    outcome = Outcome(cell, *future.result())
                else:
                    reason = future.exception() if future.status == "error" else future.status
                    outcome = Outcome(cell, "failed", 0.0, f"the worker was lost ({reason})")
                outcomes.append(outcome)
                show.ended(outcome)
        except KeyboardInterrupt as error:
            saved = [outcome.cell.name for outcome in outcomes if outcome.status == "stopped"]
            told = stopped(client, command, list(futures.values()), results_dir, saved)
            raise KeyboardInterrupt("; ".join(filter(None, (str(error), told)))) from None
        finally:
            show.close()
    return [_seen(outcome, read) for outcome in outcomes]


def is_finished(results_dir: str, cell: Cell) -> bool:
    """Whether a cell has its results, sound or damaged: nothing is trained over them."""
    return os.path.lexists(os.path.join(cell_directory(results_dir, cell), cell_outputs.RESULTS))


def _seen(outcome, read):
    """The outcome of a cell once its files were looked at: one that ended well may be damaged."""
    if read is None or outcome.status not in ("kept", "done"):
        return outcome
    try:
        found = read(outcome.cell)
    except InputError as error:
        return outcome._replace(status="damaged", message=str(error))
    if found is None:
        return outcome._replace(
            status="failed", message="its process ended well, its results can't be seen from here"
        )
    return outcome


def _length(cell):
    """How long a cell takes, roughly: the long ones begin first, so that none is alone at the end."""
    return systems.system(cell.setting.model).usual_steps // 1000


def see_that_workers_share(client: Client, results_dir: str, option: str = "--results-dir") -> None:
    """Raises `InputError` where a worker does not see a directory, which `option` named, and `MachineError` where there is no worker."""
    token = os.path.join(results_dir, f".seen-{os.getpid()}")
    with open(token, "w", encoding="utf-8"):
        pass
    try:
        if not client.nthreads():
            client.wait_for_workers(1, timeout=60)
        blind = [worker for worker, sees in client.run(os.path.exists, token).items() if not sees]
        if blind:
            raise InputError(
                f"{option}: expected a directory that every worker sees, found that {blind[0]} does not see {results_dir}"
            )
    except TimeoutError:
        raise MachineError("the cluster has had no worker for 60 seconds") from None
    finally:
        os.remove(token)


def _as_they_end(futures, stop):
    """The futures in the order in which they end. Raises KeyboardInterrupt as soon as a stop was asked for."""
    from distributed import as_completed

    ended = as_completed(futures)
    while not ended.is_empty():
        stop.raise_if_asked()
        if ended.has_ready():
            yield next(ended)
        else:
            time.sleep(_LOOK_EVERY)
    stop.raise_if_asked()


def stopped(
    client: Client, command: str, futures: Sequence[Future], results_dir: str, saved: Sequence[str]
) -> str:
    """Let a study's cells at work save their states; what came of it, in words. `saved` are the names of those that had done so by themselves."""
    statuses, deaf = dict.fromkeys(saved, INTERRUPTED), []
    try:
        client.cancel(futures, force=True)
        answers = client.sync(_ask, client, list(client.nthreads()), command, results_dir)
    except Exception as error:  # whatever dask raises where its scheduler is gone
        deaf.append(f"the cluster could not be asked to stop cells ({_why(error)})")
    else:
        for address, answer in answers.items():
            if isinstance(answer, dict):
                statuses.update(answer)
            else:
                deaf.append(
                    f"the worker at {address} could not be asked to stop cells ({_why(answer)})"
                )
    counts = Counter(_ENDS.get(status, "failed") for status in statuses.values())
    told = (
        [
            "cells at work: "
            + ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
        ]
        if counts
        else []
    )
    return "; ".join(told + [f"{sentence}, those there may run on" for sentence in deaf])


async def _ask(client, addresses, command, results_dir):
    """What each worker answers to `worker.stop_cells`: a dict, or what was raised. Each by itself, so that one that hangs hides no other's answer."""

    async def one(address):
        answer = client.run(
            worker.stop_cells, command, results_dir, GRACE, workers=[address], asynchronous=True
        )
        return (await asyncio.wait_for(answer, GRACE + ANSWER))[address]

    return dict(
        zip(
            addresses,
            await asyncio.gather(*map(one, addresses), return_exceptions=True),
            strict=True,
        )
    )


def _why(error):
    return str(error) or type(error).__name__
