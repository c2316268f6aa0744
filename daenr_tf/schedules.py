"""How long a model is trained and at which learning rates, as data: a new schedule is a row here."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """A schedule.

    Attributes:
        name: what it is called by.
        help: what it does, in a line.
        batch_size, learning_rate, max_steps, validate_every: the defaults of these settings.
        patience_steps: the default of how many steps without improvement end a stage.
        stages: how many times it trains, each from the best weights so far.
        later_rate: the rate of a stage as a share of that of the stage before it.
        usual_share: how many steps it takes as a share of the two-stage schedule's, for forecasts.
        warm_up: how many steps the rate rises in a line at first.
        fall: how many steps the last stage has, in which the rate falls along half a cosine to 0;
            None where patience ends it too, as the others. A schedule that falls leaves room for it
            in `max_steps`, half of them at most: one of more steps is then another training.
    """

    name: str
    help: str
    batch_size: int
    learning_rate: float
    max_steps: int
    validate_every: int
    patience_steps: int
    stages: int = 2
    later_rate: float = 0.5
    usual_share: float = 1.0
    warm_up: int = 0
    fall: int | None = None

    def defaults(self) -> dict[str, Any]:
        """The defaults that depend on the schedule: dict of a setting's name -> value."""
        return {name: getattr(self, name) for name in OWN}

    def falling(self, max_steps: int) -> int:
        """How many steps its last stage has; 0 where that does not fall."""
        return min(self.fall or 0, max_steps // 2)

    def stage_end(self, stage: int, start: int, max_steps: int) -> float:
        """The step, of all, at which a stage that began at `start` ends though nothing else ended it; infinite where nothing but patience
        does."""
        falling = self.falling(max_steps)
        if not falling:
            return math.inf
        return start + falling if stage == self.stages else max_steps - falling

    def share(self, stage: int, step: int, max_steps: int) -> float:
        """The learning rate of a step of a stage, 0 the first, as a share of the largest."""
        share = self.later_rate ** (stage - 1)
        if stage == 1 and self.warm_up:
            share *= min((step + 1) / self.warm_up, 1.0)
        if stage == self.stages and self.fall:
            share *= (1 + math.cos(math.pi * step / max(self.falling(max_steps), 1))) / 2
        return share


OWN = ("batch_size", "learning_rate", "max_steps", "validate_every", "patience_steps")
SCHEDULES = {
    schedule.name: schedule
    for schedule in (
        Schedule(
            "two-stage",
            "until patience ends, and once more at half the rate (the paper's)",
            batch_size=64,
            learning_rate=1e-3,
            max_steps=10000,
            validate_every=50,
            patience_steps=1000,
        ),
        Schedule(
            "fast",
            "until a short patience ends, and a fall of the rate to 0 over a fixed number of steps",
            batch_size=64,
            learning_rate=3e-3,
            max_steps=10000,
            validate_every=25,
            patience_steps=150,
            later_rate=1.0,
            usual_share=0.3,
            warm_up=50,
            fall=200,
        ),
    )
}
DEFAULT = "two-stage"
