"""How far something is: a bar on a terminal, plain lines in a log, nothing under --quiet."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from daenr_tf.machine.messages import is_quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

LINE_EVERY = 10.0  # seconds between two lines of a log


class Meter:
    """Shows how many of something are done. A terminal that is lost must not end the work.

    Args:
        stream: where it is shown; standard error by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.bar = None
        self.told_at = time.monotonic()

    def begin(self, total: int, unit: str, done: int = 0) -> None:
        """Show a bar, where there is a terminal.

        Args:
            total, done: how many there are, and how many of them were done before.
            unit: what is counted, such as "image".
        """
        self.told_at = time.monotonic()
        if self.stream.isatty() and not is_quiet():
            from tqdm import tqdm

            self.bar = tqdm(
                total=total,
                initial=done,
                unit=unit,
                file=self.stream,
                dynamic_ncols=True,
                leave=False,
                mininterval=0.5,
            )

    def to(self, done: int) -> None:
        """Let the bar show how many are done."""
        if self.bar is not None:
            with contextlib.suppress(OSError):
                self.bar.update(done - self.bar.n)

    def beside(self, text: str) -> None:
        """Show a text beside the bar, at once: a bar whose clock was set back draws nothing by
        itself."""
        if self.bar is not None:
            with contextlib.suppress(OSError):
                self.bar.set_postfix_str(text)

    def line_is_due(self, now: bool = False) -> bool:
        """Whether a log is to have a line: `now`, or because the last one was long ago."""
        if self.bar is not None or (not now and 0 <= time.monotonic() - self.told_at <= LINE_EVERY):
            return False
        self.told_at = time.monotonic()
        return True

    def say(self, text: str) -> None:
        """A line, above the bar where there is one."""
        if is_quiet():
            return
        with contextlib.suppress(OSError):
            if self.bar is not None:
                self.bar.write(text, file=self.stream)
            else:
                print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            with contextlib.suppress(OSError):
                self.bar.close()
            self.bar = None


@contextlib.contextmanager
def counted(total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Gives a function that is called with how many more are done.

    Args:
        total: int.
        unit: what is counted, such as "image".
    """
    meter, done = Meter(), 0

    def advance(more):
        nonlocal done
        done += more
        meter.to(done)
        if meter.line_is_due(now=done == total):
            meter.say(f"{done} of {total} {unit}s")

    meter.begin(total, unit)
    try:
        yield advance
    finally:
        meter.close()
