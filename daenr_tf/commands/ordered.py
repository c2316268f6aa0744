"""A process that a worker of the grid starts: it reads what to do from its standard input, in one line of JSON, and does it.

The process ends when its parent does: it holds the other end of its standard input, and leaves as soon as that closes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from daenr_tf.commands.process import status_of
from daenr_tf.errors import INTERRUPTED
from daenr_tf.machine.messages import LOGGER

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WATCH_EVERY = 0.5  # seconds between two looks at the memory


def obey(name: Callable[[dict[str, Any]], str], work: Callable[[dict[str, Any]], object]) -> None:
    """Do what the order on standard input says, and leave with a status as a recipe's.

    Args:
        name: gives, of the order, what leads the process' messages.
        work: does what is ordered; raises as a run does.
    """
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    threading.Thread(target=_watch_memory, args=(order["memory"],), daemon=True).start()
    threads = str(order["threads"])
    os.environ.update(
        TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS=threads
    )
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several may share a GPU
    try:
        status = status_of(name(order), lambda: work(order))
    except KeyboardInterrupt:  # once more, while the first was being told
        status = INTERRUPTED
    sys.stderr.flush()
    os._exit(status)  # a thread of ours waits on standard input


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
                f"this process holds {held / 2**30:.1f} GiB, more than its share of"
                f" {limit / 2**30:.1f} GiB; use fewer --workers"
            )
            os._exit(1)
        time.sleep(WATCH_EVERY)
