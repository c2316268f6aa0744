"""How far a grid of cells is, and what became of those that have ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from daenr_tf.experiments.cells import counted
from daenr_tf.machine.progress import Meter

if TYPE_CHECKING:
    from typing import TextIO

    from daenr_tf.experiments.grid import Outcome


class Show:
    """Cells done, running, failed and the time left, on standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.meter = Meter(stream)

    def begin(self, total: int, kept: int, at_once: int) -> None:
        """Before the first cell."""
        self.total, self.kept, self.at_once = total, kept, at_once
        self.done = self.failed = 0
        self.started = time.monotonic()
        self.meter.begin(total, "cell", kept)
        self.meter.say(f"{counted(total)}, {kept} of them finished before, {at_once} at once")

    def kept_one(self, outcome: Outcome) -> None:
        """Before the first cell, for each one that was finished before."""
        if outcome.status == "damaged":
            self.meter.say(f"damaged: {outcome.cell.name}: {outcome.message}")

    def ended(self, outcome: Outcome) -> None:
        """After each cell."""
        self.done += 1
        self.failed += outcome.status == "failed"
        left = self.total - self.kept - self.done
        if outcome.status == "failed":
            self.meter.say(f"failed: {outcome.cell.name}: {outcome.message}")
        self.meter.to(self.kept + self.done)
        self.meter.beside(f"{min(left, self.at_once)} running, {self.failed} failed")
        if self.meter.line_is_due(now=not left):
            rest = (time.monotonic() - self.started) / self.done * left
            self.meter.say(
                f"{self.kept + self.done}/{self.total} cells, {min(left, self.at_once)} running, {self.failed} failed,"
                f" about {max(1, round(rest / 60))} min left"
                if left
                else f"{self.total}/{self.total} cells, {self.failed} failed"
            )

    def close(self) -> None:
        """After the last cell."""
        self.meter.close()
