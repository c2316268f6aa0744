"""Stands in for daenr_tf.experiments.work in the tests of the grid: a cell's process without TensorFlow, told by its seed what to do."""

import json
import os
import signal
import sys
import threading
import time

FAILS, DIES, SLEEPS = 101, 102, 103


def leave_with_the_parent():
    sys.stdin.read()
    os._exit(130)


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
        assert os.path.exists(os.path.join(order["results_dir"], "cells", cell.base.name, "results.json"))
    if cell.seed == FAILS:
        print("something went wrong\nNoLuck: expected luck, found none", file=sys.stderr, flush=True)
        os._exit(2)
    if cell.seed == DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    if cell.seed == SLEEPS:
        time.sleep(600)
    with open(os.path.join(place, "results.json"), "w") as file:
        json.dump({"skipped": "stub", "seconds": 0.0}, file)
    os._exit(0)


if __name__ == "__main__":
    main()
