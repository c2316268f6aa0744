"""How far a command is: a bar on a terminal, plain lines in a log, nothing under --quiet."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from daenr_tf.machine.messages import LOGGER, is_quiet

LINE_EVERY = 10.0  # seconds between two lines of a log


@contextlib.contextmanager
def counted(total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Gives a function that is called with how many more are done.

    Args:
        total: int.
        unit: what is counted, such as "image".
    """
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    done, told_at = 0, time.monotonic()

    with tqdm(
        total=total,
        unit=unit,
        file=sys.stderr,
        dynamic_ncols=True,
        leave=False,
        disable=not terminal or is_quiet(),
    ) as bar:

        def advance(more):
            nonlocal done, told_at
            done += more
            with contextlib.suppress(OSError):  # the terminal may be lost
                bar.update(more)
            if not terminal and (done == total or time.monotonic() - told_at > LINE_EVERY):
                told_at = time.monotonic()
                LOGGER.info("%d of %d %ss", done, total, unit)

        yield advance
