"""One cell in a process of its own: `python -m daenr_tf.commands.cell` reads what to do from its standard input.

The process ends when its parent does: it holds the other end of its standard input, and leaves as soon as that closes.
"""

import contextlib
import json
import os
import sys
import threading
import time

from daenr_tf.commands.process import status_of
from daenr_tf.errors import INTERRUPTED, HeldError
from daenr_tf.experiments.cells import OTHER_IMAGES, Cell
from daenr_tf.experiments.study import Study, cell_directory
from daenr_tf.machine.messages import LOGGER

WATCH_EVERY = 0.5  # seconds between two looks at the memory
WAIT = 0.5  # seconds between two looks at a lock
SAY_EVERY = 60.0  # seconds between two words of it


def main() -> None:
    """Run the cell that standard input names, in one line of JSON, and leave with a status as a recipe's."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    threading.Thread(target=_watch_memory, args=(order["memory"],), daemon=True).start()
    threads = str(order["threads"])
    os.environ.update(
        TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS=threads
    )
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several cells may share a GPU
    cell = Cell.from_dict(order["cell"])
    try:
        status = status_of(
            cell.name, lambda: run_cell(cell, Study(**order["study"]), order["results_dir"])
        )
    except KeyboardInterrupt:  # once more, while the first was being told
        status = INTERRUPTED
    sys.stderr.flush()
    os._exit(status)  # a thread of ours waits on standard input


def run_cell(cell: Cell, study: Study, results_dir: str) -> None:
    """Train and evaluate a cell; one that is unfinished goes on, one that is finished is left, one that is at work elsewhere is waited for.

    Args:
        cell: `Cell`.
        study: `Study`.
        results_dir: str, of the whole study.

    Raises:
        InputError, MachineError, DivergedError, KeyboardInterrupt: as a run does.
    """
    from daenr_tf.experiments import cell_outputs
    from daenr_tf.runs import interruption, run
    from daenr_tf.runs.directory import RunDirectory

    config, place = study.config(cell), cell_directory(results_dir, cell)
    results = os.path.join(place, cell_outputs.RESULTS)
    if os.path.exists(results):
        return
    whole = study.recording(cell.setting.region)
    base = cell.base and cell_outputs.Finished(
        results_dir, study, {cell.setting.region: whole}
    ).read(cell.base)
    recording, neurons = cell_outputs.prepared(whole, cell, base)
    facts = {"cell": cell.to_dict(), "recording": whole.digest}
    with _held_when_free(RunDirectory(place, config, (recording or whole).digest)) as directory:
        if os.path.exists(results):  # of whom we waited for
            return
        if recording is None:
            directory.write_results(
                {
                    "skipped": f"no neuron is {cell.setting.group.removesuffix('-cv')}",
                    **facts,
                    "seconds": 0.0,
                }
            )
            directory.clear_checkpoint()
            return

        def conclude(sets, model, evaluation):
            cell_outputs.write(directory, neurons, sets, model, evaluation)
            return facts

        products = run.Products(
            directory.file("saved_model") if study.complete else None,
            model=study.complete,
            figures=study.complete,
            tensorboard=study.complete,
        )

        def change(sets):
            if cell.setting.group != OTHER_IMAGES:
                return sets
            from daenr_tf.pipeline import exchange_targets

            return exchange_targets(sets, cell.seed)

        with interruption.watched() as stop:
            run.fit(config, recording, directory, stop, products, conclude, change)


@contextlib.contextmanager
def _held_when_free(directory):
    """Hold a cell's directory as soon as nobody else does.

    On a cluster a command that is killed leaves its cells at work, and the same command meets them there when it is started again.
    """
    with contextlib.ExitStack() as stack:
        said = None
        while True:
            try:
                stack.enter_context(directory.held(overwrite=False))
                break
            except HeldError as error:
                if said is None or time.monotonic() - said > SAY_EVERY:
                    said = time.monotonic()
                    LOGGER.warning("%s; waiting for it", error)
                time.sleep(WAIT)
        yield directory


def _leave_with_the_parent():
    sys.stdin.read()
    os._exit(INTERRUPTED)


def _watch_memory(limit):
    import psutil

    process = psutil.Process()
    while True:
        held = process.memory_info().rss
        if held > limit:
            LOGGER.error(
                f"the cell's process holds {held / 2**30:.1f} GiB, more than its share of"
                f" {limit / 2**30:.1f} GiB; use fewer --workers"
            )
            os._exit(1)
        time.sleep(WATCH_EVERY)


if __name__ == "__main__":
    main()
