"""How many threads a training was computed with.

With another number, sums are taken in another order, and their last bits differ.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import tensorflow as tf


def computing_threads() -> int:
    """How many threads TensorFlow computes an operation with on a CPU."""
    asked = tf.config.threading.get_intra_op_parallelism_threads() or int(
        os.environ.get("TF_NUM_INTRAOP_THREADS") or 0
    )
    return asked or (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )


def threads_notes(threads: Sequence[int]) -> list[str]:
    """What a user must know where training went on with another number of threads.

    A list of no or one sentence.
    """
    if len(threads) < 2:
        return []
    return [
        f"computed with {', then '.join(map(str, threads))} threads: the last bits are not those"
        " of a run that was not stopped"
    ]
