"""Signals that ask a run to stop: noted, and obeyed where the state can be saved; the second one ends it at once."""

import contextlib
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Whether a stop was asked for."""

    def __init__(self):
        self.name = None

    def __call__(self):
        return self.name is not None

    def raise_if_asked(self):
        """Raises KeyboardInterrupt where a stop was asked for."""
        if self.name:
            raise KeyboardInterrupt(f"stopped by {self.name}")

    def _note(self, number, frame):
        if self.name:
            raise KeyboardInterrupt(f"stopped by a second {signal.Signals(number).name}")
        self.name = signal.Signals(number).name


@contextlib.contextmanager
def watched():
    """Within it, signals are noted in the `Interruption` that it gives."""
    interruption = Interruption()
    before = {number: signal.signal(number, interruption._note) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
