"""What is said to the user beside results: Python's `logging`, under the name of the package.

A process of the command line says it on standard error as plain lines. In Python no handler is
installed: warnings are
shown as Python shows them, and who wants the rest configures `logging`.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator

LOGGER = logging.getLogger("daenr_tf")


class _StandardError(logging.Handler):
    """Plain lines on whatever standard error is at the time."""

    def emit(self, record):
        with contextlib.suppress(OSError):  # a terminal that is lost must not end the work
            print(record.getMessage(), file=sys.stderr, flush=True)


@contextlib.contextmanager
def on_standard_error() -> Iterator[None]:
    """Within it, what is logged goes to standard error, down to the plain messages of level
    INFO."""
    handler, level, propagate = _StandardError(), LOGGER.level, LOGGER.propagate
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False  # nobody but this process's own handler is meant
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
        LOGGER.propagate = propagate


def be_quiet() -> None:
    """Let only errors be said from now on."""
    LOGGER.setLevel(logging.ERROR)


def is_quiet() -> bool:
    """Whether only errors are to be said; progress is not shown then."""
    return LOGGER.getEffectiveLevel() >= logging.ERROR
