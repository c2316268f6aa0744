"""Progress of a training run: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from typing import TYPE_CHECKING

from tqdm import tqdm

from daenr_tf.machine.messages import is_quiet
from daenr_tf.runs.threads import threads_notes
from daenr_tf.training import Observer

if TYPE_CHECKING:
    from typing import TextIO

    from daenr_tf.config import TrainConfig
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.runs.state import State

LINE_EVERY = 10.0  # seconds between two lines of a log


class Progress(Observer):
    """Shows stage, step, monitored validation loss, its best and the patience left, on standard error."""

    def __init__(self, config: TrainConfig, stream: TextIO | None = None) -> None:
        self.config = config
        self.stream = stream or sys.stderr
        self.terminal = self.stream.isatty()
        self.bar = None
        self.told_at = -math.inf
        self.stage = 1

    def started(self, state: State) -> None:
        """Say where training goes on, and show the bar at its step."""
        self.stage = state.stage
        if state.step:
            self._line(f"going on from step {state.step}")
        for note in threads_notes(state.threads):
            self._line(note)
        if self.terminal and not is_quiet():
            self.bar = tqdm(
                total=self.config.max_steps,
                initial=state.step,
                unit="step",
                file=self.stream,
                dynamic_ncols=True,
                leave=False,
                mininterval=0.5,
            )

    def stepped(self, state: State) -> None:
        """Move the bar."""
        if self.bar is not None:
            with contextlib.suppress(OSError):
                self.bar.update(state.step - self.bar.n)

    def validated(self, state: State, row: dict[str, float], model: DAENR) -> None:
        """Say the validation loss: beside the bar, or as a line now and then."""
        text = (
            f"stage {state.stage}, val {self.config.monitor} {row['val_' + self.config.monitor]:.5f},"
            f" best {state.best:.5f} at {state.best_step}"
        )
        if self.config.patience_steps is not None:
            text += f", patience {max(state.patience_left(self.config), 0)}"
        if self.bar is not None:
            with contextlib.suppress(OSError):
                self.bar.set_postfix_str(
                    text
                )  # drawn at once: after its clock was set back, the bar draws nothing by itself
        elif not 0 <= time.monotonic() - self.told_at <= LINE_EVERY or state.stage != self.stage:
            self.told_at, self.stage = time.monotonic(), state.stage
            self._line(f"step {state.step}/{self.config.max_steps}, {text}")

    def finished(self, state: State) -> None:
        """Take the bar away, and say what was reached."""
        if self.bar is not None:
            with contextlib.suppress(OSError):
                self.bar.close()
        self._line(
            f"trained {state.step} steps in {state.seconds:.0f} s; best val {self.config.monitor}"
            f" {state.best:.5f} at step {state.best_step}"
        )

    def _line(self, text):
        if is_quiet():
            return
        with contextlib.suppress(OSError):  # a terminal that is lost must not end the run
            print(text, file=self.stream, flush=True)
