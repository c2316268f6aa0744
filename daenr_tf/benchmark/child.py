"""What a process that measures does: it reads an order on standard input and answers in a file.

Each measurement has a process of its own, so that nothing of it is warm and its peak of memory is
its own.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from daenr_tf.commands.process import leave
from daenr_tf.machine.files import write_text

KINDS = {
    "model": "daenr_tf.benchmark.model:measure",
    "counterpart": "daenr_tf.benchmark.torch_training:measure",
    "profile": "daenr_tf.benchmark.profile:measure",
    "together": "daenr_tf.benchmark.together:measure",
}


def main() -> None:
    """Do what the order says: {"kind": a row of `KINDS`, "answer": path, ...}."""
    order = json.load(sys.stdin)
    leave(order["kind"], lambda: _obey(order))


def _obey(order: dict[str, Any]) -> None:
    module, function = KINDS[order["kind"]].split(":")
    answer = getattr(importlib.import_module(module), function)(order)
    write_text(order["answer"], json.dumps(answer, allow_nan=False))


if __name__ == "__main__":
    main()
