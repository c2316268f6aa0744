"""A run's directory: who may write to it, what it holds already, and what it must hold in the end."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import tempfile
import unicodedata
import uuid
from collections.abc import Iterator
from typing import Any

from daenr_tf.config import RunConfig, read_config
from daenr_tf.errors import InputError, one_line
from daenr_tf.machine.files import write_json, write_text
from daenr_tf.runs import checkpoint, lock, own_files
from daenr_tf.runs.own_files import CHECKPOINT
from daenr_tf.runs.results_file import read_results
from daenr_tf.schedules import SCHEDULES

CONFIG = "config.json"
RESULTS = "results.json"
HISTORY = "history.csv"
MODEL = "model.keras"
LOCK = "lock"
DIGEST = "recording"  # in checkpoint/: the digest of the recording that an unfinished run is on
REFUSED = ("Cc", "Cs")  # in a path: control characters, and what stands for bytes that are no UTF-8
MARK = "mark"  # in checkpoint/: the word that names this run
# A failure of the machine's, which shows when files are written.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def check_writable(option: str, directory: str) -> None:
    """Raises `InputError` where `directory` neither is a directory that can be written to nor could be made."""
    path = os.path.abspath(directory)
    if any(unicodedata.category(character) in REFUSED for character in path):
        raise InputError(
            f"{option}: expected a name in UTF-8 without control characters,"
            f" as TensorFlow wants it, found {one_line(directory)!r}"
        )
    missing = []
    while not os.path.lexists(path):
        path, name = os.path.split(path)
        missing.append(name)
    if not os.path.isdir(path):
        raise InputError(
            f"{option}: expected a directory or a new path, found that {path} is no directory"
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError(
            f"{option}: expected a directory that can be written to, found that {path} can not"
        )
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:  # to root every directory says that it can be written to
        if error.errno not in NO_ROOM:
            raise InputError(
                f"{option}: expected a directory that can be written to, found that {path} can not"
                f" ({error.strerror})"
            ) from None
    longest = os.pathconf(path, "PC_NAME_MAX")
    for name in missing:
        if len(os.fsencode(name)) > longest:
            raise InputError(
                f"{option}: expected names of at most {longest} bytes, found {name[:40]}… of {len(os.fsencode(name))}"
            )


def make_directory(option: str, directory: str) -> None:
    """Make a directory that the user named. Raises `InputError` where the system refuses."""
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{option}: expected a directory that can be written to, found {directory} ({error.strerror})"
        ) from None


class RunDirectory:
    """The directory of one run.

    A run that lies there with a smaller `max_steps` is the same run, shorter; any other difference is refused.

    Args:
        path: str.
        config: `RunConfig`, what is asked for.
        digest: str, of the recording.
    """

    def __init__(self, path: str, config: RunConfig, digest: str) -> None:
        self.path = path
        self.settings = config.to_dict()
        self.digest = digest
        self.shorter = (
            False  # whether the run that lies there had a smaller max_steps than is asked for
        )

    def file(self, *names: str) -> str:
        """The path of something in the directory."""
        return os.path.join(self.path, *names)

    @contextlib.contextmanager
    def held(self, overwrite: bool) -> Iterator[RunDirectory]:
        """Hold the directory for this process, made and with its `config.json` written.

        Raises:
            InputError: it can't be made, is no run's, or holds a run of another configuration or recording.
            MachineError: another process holds it.
        """
        make_directory("--run-dir", self.path)
        with lock.held(self.file(LOCK), "another run", "--run-dir") as self._lock:
            self._check_that_it_is_a_runs()
            own_files.sweep(self.path)
            if overwrite:
                own_files.remove_own(self.path)
            self._check()
            if not os.path.exists(self.file(CONFIG)):
                self._write_settings()
            yield self

    def _write_settings(self):
        os.makedirs(self.file(CHECKPOINT), exist_ok=True)
        write_text(self.file(CHECKPOINT, DIGEST), self.digest)
        write_text(self.file(CONFIG), json.dumps(self.settings, indent=2) + "\n")

    def check_held(self) -> None:
        """Raises `MachineError` where the directory was removed or taken by another run: nothing may be written there any more."""
        self._lock.check()

    @property
    def can_be_lengthened(self) -> bool:
        """Whether a shorter run lies there whose state was kept."""
        return self.shorter and os.path.exists(self.file(CHECKPOINT, checkpoint.LATEST))

    def lengthen(self) -> None:
        """Make of the shorter run that lies there an unfinished one: what was made of its model goes, its state stays."""
        if self.shorter:
            self.check_held()
            with contextlib.suppress(FileNotFoundError):
                os.remove(
                    self.file(CHECKPOINT, MARK)
                )  # the export of the longer run is another one
            own_files.remove_own(self.path, keep=own_files.is_of_training)
            self._write_settings()
            self.shorter = False

    def clear_checkpoint(self, keep_state: bool = False) -> None:
        """Remove the state of a run that is finished, or all of it but the latest state, from which a longer run may go on."""
        self.check_held()
        latest = os.path.join(CHECKPOINT, checkpoint.LATEST)
        own_files.remove_own(self.path, CHECKPOINT, keep=lambda name: keep_state and name == latest)

    def mark(self) -> str:
        """A word that names this run, the same after it was killed and started again."""
        path = self.file(CHECKPOINT, MARK)
        with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            if re.fullmatch(
                "[0-9a-f]{32}", mark := file.read(33)
            ):  # it becomes a part of a file's name
                return mark
        mark = uuid.uuid4().hex
        write_text(path, mark)
        return mark

    def results(self) -> dict[str, Any] | None:
        """The results of a finished run, or None."""
        if not os.path.exists(self.file(RESULTS)):
            return None
        try:
            return read_results(self.file(RESULTS), self.path)
        except InputError as error:
            raise InputError(f"{error}; --overwrite starts afresh") from None

    def write_results(self, results: dict[str, Any]) -> None:
        """Write `results.json`, strict JSON: what is not finite is null."""
        write_json(self.file(RESULTS), results)

    def _check_that_it_is_a_runs(self):
        """Before anything in it is touched: a run's directory has a run's `config.json`, or nothing yet but what a killed run began."""
        names = sorted(set(os.listdir(self.path)) - {LOCK})
        if CONFIG in names:
            if not {"recipe", "dataset"} <= read_config(self.file(CONFIG)).keys():
                raise InputError(
                    f"--run-dir: expected an empty directory or a run's, found {self.path} with a {CONFIG} that is no run's"
                )
            return
        for name in names:
            strange = own_files.foreign(self.path, CHECKPOINT) if name == CHECKPOINT else name
            if strange and not own_files.is_half_written(strange):
                raise InputError(
                    f"--run-dir: expected an empty directory or a run's, found {self.path} with {strange} and no {CONFIG}"
                )

    def _check(self):
        if not os.path.exists(self.file(CONFIG)):
            return
        self.shorter = self._is_shorter(read_config(self.file(CONFIG)), CONFIG)
        results = self.results()
        if results:
            self.shorter = self._is_shorter(results["config"], RESULTS)
        digest = results["dataset"]["digest"] if results else self._digest_of_the_unfinished()
        if digest != self.digest:
            raise InputError(
                f"--run-dir: expected a run on the recording with digest {self.digest[:12]}…, found {self.path} on"
                f" {digest[:12]}…; --overwrite starts afresh"
            )

    def _is_shorter(self, found, file):
        """Whether the settings that were found, those left out by their defaults, have a smaller `max_steps`. Raises `InputError` for any other
        difference."""
        try:
            found = RunConfig.from_dict(found).to_dict()
        except InputError as error:
            raise InputError(f"{self.file(file)}: {error}; --overwrite starts afresh") from None
        shorter = found["max_steps"] < self.settings["max_steps"]
        may_be_longer = shorter and not SCHEDULES[self.settings["schedule"]].fall
        for name, wanted in sorted(self.settings.items(), key=lambda item: item[0] != "schedule"):
            may_differ = name == "dataset" or (name == "max_steps" and may_be_longer)
            if not may_differ and found[name] != wanted:
                raise InputError(
                    f"--run-dir: expected a run with {name} {wanted}, found {self.path} with {name} {found[name]}"
                    f" in {file}; --run-dir takes another place, --overwrite starts afresh"
                )
        return shorter

    def _digest_of_the_unfinished(self):
        with (
            contextlib.suppress(OSError, UnicodeDecodeError),
            open(self.file(CHECKPOINT, DIGEST), encoding="utf-8") as file,
        ):
            return file.read()
        return self.digest
