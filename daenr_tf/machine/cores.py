"""How many threads each of several processes computes with."""

from __future__ import annotations

import os

ASKED = "TF_NUM_INTRAOP_THREADS"


def threads_each(cores: int, at_once: int) -> int:
    """The threads of each of `at_once` processes that share `cores` between them: what the environment variable `ASKED` says, else a
    share of the cores, one at the least."""
    asked = os.environ.get(ASKED, "")
    return int(asked) if asked.isdecimal() and int(asked) else max(1, cores // at_once)
