"""A run's directory: who may write to it, what it holds already, and what it must hold in the end."""

import contextlib
import json
import math
import os
import re
import shutil
import uuid

from daenr_tf import lock
from daenr_tf.checkpoint import write_text
from daenr_tf.config import read_config
from daenr_tf.errors import InputError, one_line
from daenr_tf.summary import summary

CONFIG = "config.json"
RESULTS = "results.json"
LOCK = "lock"
DIGEST = "recording"  # in checkpoint/: the digest of the recording that an unfinished run is on
LARGEST_RESULTS = 1_000_000  # characters that are read
HALF_WRITTEN = r".*\.part|\.\d+\.model\.keras"
PRODUCTS = (CONFIG, RESULTS, "history.csv", "neurons.csv", "model.keras", "figures", "tensorboard", "checkpoint")


def check_writable(option, directory):
    """Raises `InputError` where `directory` neither is a directory that can be written to nor could be made."""
    path = os.path.abspath(directory)
    if not one_line(path) == path:
        raise InputError(f"{option}: expected a name in UTF-8, as TensorFlow wants it, found {one_line(directory)!r}")
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    if not os.path.isdir(path):
        raise InputError(f"{option}: expected a directory or a new path, found that {path} is no directory")
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError(f"{option}: expected a directory that can be written to, found that {path} can not")


def make_directory(option, directory):
    """Make a directory that the user named. Raises `InputError` where the system refuses."""
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise InputError(f"{option}: expected a directory that can be written to, found {directory} ({error.strerror})") from None


class RunDirectory:
    """The directory of one run.

    Args:
        path: str.
        config: `RunConfig`, what is asked for.
        digest: str, of the recording.
    """

    def __init__(self, path, config, digest):
        self.path = path
        self.settings = config.to_dict()
        self.digest = digest

    def file(self, *names):
        """The path of something in the directory."""
        return os.path.join(self.path, *names)

    @contextlib.contextmanager
    def held(self, overwrite):
        """Hold the directory for this process, made and with its `config.json` written.

        Raises:
            InputError: it can't be made, is no run's, or holds a run of another configuration or recording.
            MachineError: another process holds it.
        """
        make_directory("--run-dir", self.path)
        with lock.held(self.file(LOCK), "another run", "--run-dir"):
            if overwrite:
                self._clear()
            self._check()
            if not os.path.exists(self.file(CONFIG)):
                os.makedirs(self.file("checkpoint"), exist_ok=True)
                write_text(self.file("checkpoint", DIGEST), self.digest)
                write_text(self.file(CONFIG), json.dumps(self.settings, indent=2) + "\n")
            yield self

    def mark(self):
        """A word that names this run, the same after it was killed and started again."""
        path = self.file("checkpoint", "mark")
        with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            if re.fullmatch("[0-9a-f]{32}", mark := file.read(33)):  # it becomes a part of a file's name
                return mark
        mark = uuid.uuid4().hex
        write_text(path, mark)
        return mark

    def results(self):
        """The results of a finished run, or None."""
        if not os.path.exists(self.file(RESULTS)):
            return None
        try:
            with open(self.file(RESULTS), encoding="utf-8") as file:
                results = json.loads(file.read(LARGEST_RESULTS))
            summary(results, self.path)
            if not isinstance(results["dataset"]["digest"], str):
                raise TypeError("a digest that is no text")
            return results
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            problem = " ".join(str(error).split())
            raise InputError(f"{self.file(RESULTS)}: expected a run's results, found {problem}; --overwrite starts afresh") from None

    def write_results(self, results):
        """Write `results.json`, strict JSON: what is not finite is null."""
        write_text(self.file(RESULTS), json.dumps(_finite(results), indent=2, allow_nan=False) + "\n")

    def _check(self):
        names = self._names()
        if names and CONFIG not in names:
            raise InputError(f"--run-dir: expected an empty directory or a run's, found {self.path} with {min(names)} and no {CONFIG}")
        if not names:
            return
        found = read_config(self.file(CONFIG))
        for name, wanted in self.settings.items():
            if name != "dataset" and found.get(name) != wanted:
                raise InputError(f"--run-dir: expected a run with {name} {wanted}, found {self.path} with {name}"
                                 f" {found.get(name)}; --run-dir takes another place, --overwrite starts afresh")
        results = self.results()
        digest = results["dataset"]["digest"] if results else self._digest_of_the_unfinished()
        if digest != self.digest:
            raise InputError(f"--run-dir: expected a run on the recording with digest {self.digest[:12]}…, found {self.path} on"
                             f" {digest[:12]}…; --overwrite starts afresh")

    def _names(self):
        """What lies in the directory, apart from the lock and what a killed process left half-written."""
        names = set(os.listdir(self.path)) - {LOCK}
        names = {name for name in names if not re.fullmatch(HALF_WRITTEN, name)}
        return set() if names == {"checkpoint"} else names  # killed before its config.json was there

    def _digest_of_the_unfinished(self):
        with contextlib.suppress(OSError, UnicodeDecodeError), open(self.file("checkpoint", DIGEST), encoding="utf-8") as file:
            return file.read()
        return self.digest

    def _clear(self):
        names = set(os.listdir(self.path))
        if CONFIG not in names:
            return
        for name in names & set(PRODUCTS):
            path = self.file(name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
