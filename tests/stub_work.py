"""Stands in for daenr_tf.commands.cell in the tests of the grid: a cell's process without TensorFlow, told by its seed what to do."""

import json
import os
import signal
import sys
import threading
import time

FAILS, DIES, SLEEPS, SILENT = 101, 102, 103, 104
PATIENCE = 300  # seconds that a sleeper sleeps, should nobody stop it


def leave_with_the_parent():
    sys.stdin.read()
    os._exit(130)


def sleep_until_asked(path):
    """As a run does: a signal is obeyed a little later, with the state saved."""

    def save(number, frame):
        time.sleep(0.5)
        with open(path, "w"):
            pass
        os._exit(130)

    signal.signal(signal.SIGTERM, save)
    with open(path + ".ready", "w"):
        pass
    time.sleep(PATIENCE)


def main():
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=leave_with_the_parent, daemon=True).start()
    from daenr_tf.experiments.cells import Cell

    cell = Cell.from_dict(order["cell"])
    place = os.path.join(order["results_dir"], "cells", cell.name)
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(order["results_dir"], "trace"), "a") as trace:
        trace.write(f"{cell.name} {os.getpid()} {order['threads']} {order['memory']:.0f}\n")
    if cell.base:
        assert os.path.exists(
            os.path.join(order["results_dir"], "cells", cell.base.name, "results.json")
        )
    if cell.seed == FAILS:
        print(
            "something went wrong\nNoLuck: expected luck, found none", file=sys.stderr, flush=True
        )
        os._exit(2)
    if cell.seed == DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    if cell.seed == SILENT:
        os._exit(1)
    if cell.seed == SLEEPS:
        sleep_until_asked(os.path.join(place, "saved"))
    with open(os.path.join(place, "results.json"), "w") as file:
        json.dump({"skipped": "stub", "seconds": 0.0}, file)
    os._exit(0)


if __name__ == "__main__":
    main()
