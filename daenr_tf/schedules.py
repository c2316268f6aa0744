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
        patience_steps: the default of how many steps without improvement end a stage; None where
            `max_steps` alone ends it, so that its length is fixed.
        stages: how many times it trains, each from the best weights so far at half the rate.
        warm_up: the share of the steps in which the rate rises in a line to its largest; it falls
            along half a cosine to 0 from there. 0: the rate stays.
    """

    name: str
    help: str
    batch_size: int
    learning_rate: float
    max_steps: int
    validate_every: int
    patience_steps: int | None
    stages: int = 1
    warm_up: float = 0.0

    @property
    def fixed(self) -> bool:
        """Whether its length is fixed beforehand: its rates depend on `max_steps`."""
        return self.patience_steps is None

    def defaults(self) -> dict[str, Any]:
        """The defaults that depend on the schedule: dict of a setting's name -> value."""
        return {name: getattr(self, name) for name in OWN}

    def share(self, step: float, steps: int) -> float:
        """The learning rate of a step, 0 the first, as a share of the largest."""
        if not self.warm_up:
            return 1.0
        rise = self.warm_up * steps
        fallen = min(max((step - rise) / max(steps - rise, 1.0), 0.0), 1.0)
        return min((step + 1) / max(rise, 1.0), 1.0) * (1 + math.cos(math.pi * fallen)) / 2


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
            stages=2,
        ),
        Schedule(
            "fast",
            "a fixed number of steps, the rate rising and falling",
            batch_size=32,
            learning_rate=5e-3,
            max_steps=1800,
            validate_every=100,
            patience_steps=None,
            warm_up=0.1,
        ),
    )
}
DEFAULT = "two-stage"
