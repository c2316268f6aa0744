"""The state of a training in its directory: when it is saved, and whether one that lies there is this training's to go on from."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from daenr_tf.errors import InputError
from daenr_tf.runs import checkpoint
from daenr_tf.runs.checkpoint import digest_of
from daenr_tf.runs.state import State

if TYPE_CHECKING:
    import numpy as np

    from daenr_tf.config import TrainConfig

    Arrays = dict[str, list[np.ndarray]]

SAVE_SHARE = 0.01  # of the time, at most, goes into saving states
LONGEST_UNSAVED = 600.0  # seconds: one save that a stopped process or a stalled disk drew out does not put the next one off for hours
PARTS_OF_A_STATE = ("weights", "best", "optimizer")
BEFORE_THE_END = "before the end/"  # marks, in a saved state, what stood at the last validation that a longer training has too
IDENTITY = {
    "model": "this model",
    "training": "this training",
    "recording": "this recording",
    "start": "a training from the weights that the model has (build it anew with the seed of that training)",
}


class SavedState:
    """What is saved of one training.

    A state of it is a dict of lists of arrays, `PARTS_OF_A_STATE`, and a `State`.

    Args:
        directory: str; made where it is missing.
        identity: dict of `IDENTITY`'s keys, what another training differs in.
        config: `TrainConfig`.

    Attributes:
        before_the_end: the state at the last validation that a longer training has too, where the next one is only this training's; else None.
    """

    def __init__(self, directory: str, identity: dict[str, Any], config: TrainConfig) -> None:
        os.makedirs(directory, exist_ok=True)
        self.directory, self.identity, self.config = directory, identity, config
        self.before_the_end = None
        self.save_seconds, self.saved_at = 0.0, -math.inf

    @property
    def due(self) -> bool:
        """Whether the last saved state is old enough; one from the future is, for the clock has jumped."""
        age = time.perf_counter() - self.saved_at
        return not 0 <= age <= min(self.save_seconds / SAVE_SHARE, LONGEST_UNSAVED)

    def save(self, snapshot: Callable[[], tuple[Arrays, dict[str, Any]]]) -> None:
        """Save what `snapshot` gives: the arrays, and the `State` as a dict."""
        started = time.perf_counter()
        arrays, state = snapshot()
        facts = {"identity": self.identity, "max_steps": self.config.max_steps, "state": state}
        if self.before_the_end:
            before, facts[BEFORE_THE_END] = self.before_the_end
            arrays |= {BEFORE_THE_END + name: values for name, values in before.items()}
        checkpoint.save(self.directory, arrays, facts)
        self.saved_at = time.perf_counter()
        self.save_seconds = self.saved_at - started

    def restore(self, take: Callable[[Arrays, State], None]) -> None:
        """Give `take` the saved state, where there is one: where a smaller `max_steps` had ended it, that at the last validation which
        this training has too.

        Raises:
            InputError: it is of another training, or `take` can't use it.
        """
        found = checkpoint.load(self.directory)
        if found is None:
            return
        arrays, facts = found
        if not isinstance(facts, dict) or not isinstance(facts.get("identity"), dict):
            raise InputError(
                f"{self.directory}: expected a state of training, found something else; --overwrite starts afresh"
            )
        self._check_identity(arrays, facts)
        try:
            state = State(**facts["state"])
            longer = self.config.max_steps > facts["max_steps"]
            if (
                longer
                and state.finished
                and not state.diverged
                and state.stopped_by(self.config) == "max_steps"
            ):
                if BEFORE_THE_END in facts:
                    state = State(**facts[BEFORE_THE_END])
                    arrays = {name: arrays[BEFORE_THE_END + name] for name in PARTS_OF_A_STATE}
                state.finished = False
            take(arrays, state)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.directory}: expected the state of this model, found another"
                f" ({' '.join(str(error).split())[:200]}); --overwrite starts afresh"
            ) from None

    def _check_identity(self, arrays, facts):
        """Raises `InputError` where a state is of another training than this one."""
        found = dict(facts["identity"])
        if (
            not isinstance(facts.get("max_steps"), int)
            or facts["max_steps"] > self.config.max_steps
        ):
            found["training"] = None
        if self.identity["start"] in [
            digest_of(arrays.get(name, [])) for name in ("weights", "best")
        ]:
            found["start"] = self.identity[
                "start"
            ]  # the model is the very one that was being trained
        for part, wanted in self.identity.items():
            if found.get(part) != wanted:
                raise InputError(
                    f"{self.directory}: expected a state of {IDENTITY[part]}, found one of another; --overwrite starts afresh"
                )
        self.identity = facts["identity"]
