"""A run that is asked for once more, with a larger `max_steps`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daenr_tf.training import Observer

if TYPE_CHECKING:
    from daenr_tf.runs.directory import RunDirectory
    from daenr_tf.runs.state import State


class Lengthening(Observer):
    """Makes an unfinished run of a shorter one, once its state was read and found to be this run's.

    Not before: a run whose state can't be used loses nothing.

    Args:
        directory: `RunDirectory`.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory

    def started(self, state: State) -> None:
        """The state was read: a run that is shorter than asked for is unfinished from here on."""
        self.directory.lengthen()
