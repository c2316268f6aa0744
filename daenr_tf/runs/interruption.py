"""Signals that ask a run to stop: noted, and obeyed where the state can be saved; a second Ctrl-C ends it at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

AGAIN = 0.02  # seconds
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Whether a stop was asked for; `saying` is what the first signal is answered with."""

    def __init__(self, saying: str) -> None:
        self.name = None
        self._saying = f"\n{saying}\n".encode()

    def __call__(self) -> bool:
        return self.name is not None

    def raise_if_asked(self) -> None:
        """Raises KeyboardInterrupt where a stop was asked for."""
        if self.name:
            raise KeyboardInterrupt(f"stopped by {self.name}")

    def _note(self, number, frame):
        if self.name and number == signal.SIGINT:
            raise KeyboardInterrupt("stopped by a second Ctrl-C")
        self.name = self.name or signal.Signals(number).name
        with contextlib.suppress(OSError):
            os.write(2, self._saying)


@contextlib.contextmanager
def watched(
    saying: str = "stopping at the next validation, with the state saved",
) -> Iterator[Interruption]:
    """Within it, signals are noted in the `Interruption` that it gives."""
    interruption = Interruption(saying)
    heard = [
        number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN
    ]  # nohup ignores SIGHUP
    before = {number: signal.signal(number, interruption._note) for number in heard}
    hook = sys.unraisablehook

    def again(dropped):
        """Python drops what is raised within a `__del__`; a second Ctrl-C that struck there is given once more."""
        if dropped.exc_type is KeyboardInterrupt:
            threading.Timer(AGAIN, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            hook(dropped)

    sys.unraisablehook = again
    try:
        yield interruption
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
