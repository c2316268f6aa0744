"""A run's directory that another process may hold, of whom one waits."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from daenr_tf.errors import HeldError
from daenr_tf.machine.messages import LOGGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daenr_tf.runs.directory import RunDirectory

WAIT = 0.5  # seconds between two looks at a lock
SAY_EVERY = 60.0  # seconds between two words of it


@contextlib.contextmanager
def held_when_free(directory: RunDirectory) -> Iterator[RunDirectory]:
    """Hold a directory as soon as nobody else does.

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
