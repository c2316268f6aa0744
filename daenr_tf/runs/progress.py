"""Progress of a training run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from daenr_tf.machine.progress import Meter
from daenr_tf.runs.threads import threads_notes
from daenr_tf.training import Observer

if TYPE_CHECKING:
    from typing import TextIO

    from daenr_tf.config import TrainConfig
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.runs.state import State


class Progress(Observer):
    """Shows stage, step, monitored validation loss, its best and the patience left, on standard error."""

    def __init__(self, config: TrainConfig, stream: TextIO | None = None) -> None:
        self.config = config
        self.meter = Meter(stream)
        self.told_stage = None

    def started(self, state: State) -> None:
        """Say where training goes on, and show the bar at its step."""
        if state.step:
            self.meter.say(f"going on from step {state.step}")
        for note in threads_notes(state.threads):
            self.meter.say(note)
        self.meter.begin(self.config.max_steps, "step", state.step)

    def stepped(self, state: State) -> None:
        """Move the bar."""
        self.meter.to(state.step)

    def validated(self, state: State, row: dict[str, float], model: DAENR) -> None:
        """Say the validation loss: beside the bar, or as a line now and then."""
        text = (
            f"stage {state.stage}, val {self.config.monitor} {row['val_' + self.config.monitor]:.5f},"
            f" best {state.best:.5f} at {state.best_step}"
        )
        left = state.patience_left(self.config)
        if math.isfinite(left):
            text += f", patience {max(left, 0)}"
        self.meter.beside(text)
        if self.meter.line_is_due(now=state.stage != self.told_stage):
            self.told_stage = state.stage
            self.meter.say(f"step {state.step}/{self.config.max_steps}, {text}")

    def finished(self, state: State) -> None:
        """Take the bar away, and say what was reached."""
        self.meter.close()
        self.meter.say(
            f"trained {state.step} steps in {state.seconds:.0f} s; best val {self.config.monitor}"
            f" {state.best:.5f} at step {state.best_step}"
        )
