"""Where a training stands."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daenr_tf.schedules import SCHEDULES

if TYPE_CHECKING:
    from daenr_tf.config import TrainConfig


@dataclass
class State:
    """Where training stands.

    Times apart, it is a function of the configuration, the recording, the threads and `step`.

    `threads` are the numbers of threads that an operation was computed with, in the order of the
    training's parts: with another number sums are taken in another order, and their last bits
    differ.
    """

    step: int = 0
    stage: int = 1
    stage_start: int = 0
    best: float = math.inf
    best_step: int = 0
    finished: bool = False
    diverged: bool = False
    seconds: float = 0.0
    history: list = field(default_factory=list)
    threads: list = field(default_factory=list)

    def patience_left(self, config: "TrainConfig") -> float:
        """Steps until patience ends the stage if nothing improves; infinite in a stage that it does not end."""
        schedule = SCHEDULES[config.schedule]
        if schedule.fall and self.stage == schedule.stages:
            return math.inf
        return config.patience_steps - (self.step - max(self.best_step, self.stage_start))

    def stage_end(self, config: "TrainConfig") -> float:
        """The step at which the stage ends whatever improves."""
        return SCHEDULES[config.schedule].stage_end(self.stage, self.stage_start, config.max_steps)

    def stopped_by(self, config: "TrainConfig") -> str:
        """What ended a finished training, or the stages of it that patience may end: "patience", at a validation that a longer training has too,
        or "max_steps", which cut it off."""
        schedule = SCHEDULES[config.schedule]
        if schedule.fall:
            cut = self.stage_start + schedule.falling(config.max_steps) >= config.max_steps
            return "max_steps" if self.stage < schedule.stages or cut else "patience"
        patience_ended = (
            self.stage == schedule.stages
            and self.patience_left(config) <= 0
            and self.step % config.validate_every == 0
        )
        return "patience" if patience_ended else "max_steps"
