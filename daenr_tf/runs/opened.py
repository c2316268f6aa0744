"""A finished run, opened by the path of its directory."""

from __future__ import annotations

import functools
import json
import os
from typing import TYPE_CHECKING, Any

from daenr_tf.config import RunConfig, read_config
from daenr_tf.errors import InputError
from daenr_tf.recordings.load import recording_of
from daenr_tf.runs.directory import CONFIG, HISTORY, MODEL, RESULTS
from daenr_tf.runs.own_files import RECORDINGS
from daenr_tf.runs.results_file import read_results

if TYPE_CHECKING:
    import pandas as pd

    from daenr_tf.models.daenr import DAENR
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.recordings.several import Recordings


class Run:
    """A finished run: what it was asked for, what it came to, its model and its recording.

    `Run.open(directory)` opens one. Its model, recording and history are read when they are first
    asked for.

    Attributes:
        directory: str.
        config: `RunConfig`.
        results: dict, as in `results.json`.
    """

    def __init__(
        self,
        directory: str,
        config: RunConfig,
        results: dict[str, Any],
        data_dir: str | os.PathLike | None = None,
    ) -> None:
        self.directory, self.config, self.results, self._data_dir = (
            directory,
            config,
            results,
            data_dir,
        )

    @classmethod
    def open(cls, directory: str | os.PathLike, data_dir: str | os.PathLike | None = None) -> Run:
        """The finished run in a directory.

        Args:
            directory: str or path.
            data_dir: where the published recording lies, or None, as of `load_recording`.

        Raises:
            InputError: there is no finished run.
        """
        directory = os.fspath(directory)
        if not os.path.isdir(directory):
            found = "something else" if os.path.lexists(directory) else "nothing there"
            raise InputError(
                f"{directory}: expected the directory of a finished run, found {found}"
            )
        if not os.path.lexists(os.path.join(directory, CONFIG)):
            raise InputError(
                f"{directory}: expected the directory of a finished run, found no {CONFIG} in it"
            )
        config = RunConfig.from_dict(read_config(os.path.join(directory, CONFIG)))
        if not os.path.lexists(os.path.join(directory, RESULTS)):
            raise InputError(
                f"{directory}: expected a finished run, found one without {RESULTS}: the"
                " command that began it goes on with it"
            )
        return cls(
            directory, config, read_results(os.path.join(directory, RESULTS), directory), data_dir
        )

    def __repr__(self) -> str:
        recipe, steps = self.config.model.recipe, self.results["steps"]
        return f"Run({json.dumps(self.directory)}, {recipe}, {steps} steps)"

    @functools.cached_property
    def recordings(self) -> dict[str, Run]:
        """Of a run on several recordings the `Run` of each, by its name: the shared parts with its own readout, and what they come to on it. Empty
        of a run on one.

        Raises `InputError` where one of them is missing or damaged.
        """
        return {
            name: Run.open(os.path.join(self.directory, RECORDINGS, name), self._data_dir)
            for name in self.results.get("recordings") or {}
        }

    @functools.cached_property
    def recording(self) -> Recording | Recordings:
        """The `Recording`; `Recordings` of a run on several. Raises `InputError` where it can't be found, or is another one now."""
        recording = recording_of(self.config, self._data_dir)
        wanted = self.results["dataset"]["digest"]
        if recording.digest != wanted:
            raise InputError(
                f"{self.directory}: expected its recording, with digest {wanted[:12]}…, found"
                f" {self.config.dataset} with digest {recording.digest[:12]}…"
            )
        return recording

    @functools.cached_property
    def model(self) -> DAENR:
        """The fitted `DAENR`. Raises `InputError` where its file is missing or damaged."""
        from daenr_tf.models.keras_file import load_model

        return load_model(os.path.join(self.directory, MODEL))

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """The `pandas.DataFrame` of `history.csv`, a row per validation.

        Raises `InputError` where it can't be read.
        """
        import pandas as pd

        path = os.path.join(self.directory, HISTORY)
        try:
            return pd.read_csv(path)
        except (OSError, ValueError) as error:
            problem = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path}: expected a run's history, found a file that can't be read ({problem})"
            ) from None
