"""Stands in for daenr_tf.commands.trial in the tests of `daenr tune`: a trial's process without TensorFlow, whose loss is known in closed form.

Files beside the recipes' directories tell it what to do: `fail` and `sleep` name trials, `cnn_fr-002`, one a line.
"""

import json
import math
import os
import signal
import sys
import threading
import time

PATIENCE = 300  # seconds that a sleeper sleeps, should nobody stop it


def loss(config):
    """Lowest for a readout_l1 of 0.1 and an activity_l1 of 0.01."""
    return (math.log10(config["readout_l1"]) + 1) ** 2 + (
        math.log10(config["activity_l1"]) + 2
    ) ** 2


def leave_with_the_parent():
    sys.stdin.read()
    os._exit(130)


def named(out, file, name):
    path = os.path.join(out, file)
    return os.path.exists(path) and name in open(path).read().split()


def main():
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=leave_with_the_parent, daemon=True).start()
    out = os.path.dirname(os.path.dirname(os.path.dirname(order["place"])))
    os.makedirs(order["place"], exist_ok=True)
    with open(os.path.join(out, "trace"), "a") as trace:
        trace.write(json.dumps({"name": order["name"], **order["config"]}) + "\n")
    if named(out, "fail", order["name"]):
        print("NoLuck: expected luck, found none", file=sys.stderr, flush=True)
        os._exit(2)
    if named(out, "sleep", order["name"]):
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(130))
        open(os.path.join(out, "ready"), "w").close()
        time.sleep(PATIENCE)
    ended = {"ended": "finished", "value": loss(order["config"])}
    if named(out, "diverge", order["name"]):
        ended = {"ended": "diverged", "value": None}
    ended |= {"best_step": 40, "steps": 50, "seconds": 1.5, "threads": [1], "message": ""}
    aside = os.path.join(order["place"], "aside")
    with open(aside, "w") as file:
        json.dump(ended, file)
    os.replace(aside, os.path.join(order["place"], "trial.json"))
    os._exit(0)


if __name__ == "__main__":
    main()
