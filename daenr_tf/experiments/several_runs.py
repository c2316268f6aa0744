"""Several runs in one directory, each an ordinary run in a folder of its own, and beside them what they come to together."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from daenr_tf.errors import InputError, first_line
from daenr_tf.machine.files import read_text, write_json
from daenr_tf.machine.messages import LOGGER
from daenr_tf.recordings import sources
from daenr_tf.runs.directory import check_writable, make_directory
from daenr_tf.runs.run import tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from daenr_tf.config import RunConfig
    from daenr_tf.recordings.recording import Recording

TOGETHER, RESULTS = "together.json", "results.json"
LARGEST = 1_000_000  # bytes that are read


class SeveralRuns:
    """The directory of several runs.

    `together.json` is written first and says what they are; without it nothing here is touched. What they come to together is written last,
    so a directory without `results.json` is not finished: the same command goes on with the run that was at work.

    Args:
        path: str.
        what: dict of JSON's plain values, what the runs are: the settings that they share, and how they differ.
        own: names of files that are made of them together, `results.json` apart.
    """

    def __init__(self, path: str, what: dict[str, Any], own: tuple[str, ...] = ()) -> None:
        self.path, self.what = path, json.loads(json.dumps(what))
        self.own = (RESULTS, *own)

    def file(self, *names: str) -> str:
        """The path of something in the directory."""
        return os.path.join(self.path, *names)

    def take(self, overwrite: bool) -> None:
        """Make the directory, or take the one of the same runs that lies there.

        Args:
            overwrite: bool, whether what lies there may be of other settings.

        Raises:
            InputError: it can't be made, holds something else, or runs of other settings.
        """
        check_writable("--run-dir", self.path)
        make_directory("--run-dir", self.path)
        there = [name for name in os.listdir(self.path) if not name.endswith(".part")]
        if there and TOGETHER not in there:
            raise InputError(
                f"--run-dir: expected an empty directory or one of several runs, found {self.path}"
                f" without {TOGETHER}"
            )
        if there and not overwrite:
            self._check(self._read())
        if overwrite:
            self.forget()
        write_json(self.file(TOGETHER), self.what)

    def forget(self) -> None:
        """Remove what was made of the runs together."""
        for name in self.own:
            if os.path.exists(self.file(name)):
                os.remove(self.file(name))

    def each(self, names: list[str], run: Callable[[str, str], dict[str, Any]]) -> list[dict]:
        """The runs, one after the other, those that are finished only reported: list of their results.

        Args:
            names: of their folders.
            run: function of a name and the path of its folder that gives the run's results.

        Raises:
            KeyboardInterrupt: one was stopped; its state is saved.
        """
        results = []
        for number, name in enumerate(names, 1):
            LOGGER.warning("%s: %d of %d", name, number, len(names))
            try:
                results.append(run(name, self.file(name)))
            except KeyboardInterrupt as error:
                done = f"{number - 1} of {len(names)} runs are finished"
                raise KeyboardInterrupt(f"{error}; {done}, the same command goes on") from None
            _clear()
        return results

    def _read(self):
        try:
            found = json.loads(read_text(self.file(TOGETHER), LARGEST, TOGETHER))
            if not isinstance(found, dict):
                raise ValueError("no object")
            return found
        except InputError:
            raise
        except ValueError as error:
            raise InputError(
                f"{self.file(TOGETHER)}: expected what several runs are, found something else"
                f" ({first_line(error)})"
            ) from None

    def _check(self, found):
        for name in dict.fromkeys([*self.what, *found]):
            wanted, there = self.what.get(name), found.get(name)
            if name != "dataset" and wanted != there:
                raise InputError(
                    f"--run-dir: expected runs with {name} {wanted}, found {self.path} with {name}"
                    f" {there}; --run-dir takes another place, --overwrite starts afresh"
                )


def settled(config: RunConfig, recording: Recording) -> RunConfig:
    """A configuration with the name of the recording that its dataset came to."""
    return dataclasses.replace(config, dataset=sources.settled(config.dataset, recording))


def default_place(config: RunConfig, recording: Recording, ending: str) -> tuple[str, str]:
    """Where several runs of a configuration go unless told otherwise: (directory of runs, directory of exports)."""
    usual = tag(config, recording).removesuffix("-quick")
    place = f"{usual}-{ending}{'-quick' if config.quick else ''}"
    return tuple(
        os.path.join(folder, config.model.recipe, place) for folder in ("runs", "saved_models")
    )


def _clear():
    """Let go of what TensorFlow holds of a run that is done."""
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()
