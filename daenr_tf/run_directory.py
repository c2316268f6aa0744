"""A run's directory: who may write to it, what it holds already, and what it must hold in the end."""

import contextlib
import fcntl
import json
import math
import os
import shutil
import socket

from daenr_tf.checkpoint import write_text
from daenr_tf.config import read_config
from daenr_tf.errors import InputError, MachineError, one_line

CONFIG = "config.json"
RESULTS = "results.json"
LOCK = "lock"
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
        try:
            os.makedirs(self.path, exist_ok=True)
            lock = open(self.file(LOCK), "a+", encoding="utf-8")
        except OSError as error:
            raise InputError(f"--run-dir: expected a directory that can be written to, found {self.path} ({error.strerror})") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                raise MachineError(f"{self.path}: another run is at work here ({lock.read().strip() or 'unknown'})") from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}")
            lock.flush()
            try:
                if overwrite:
                    self._clear()
                self._check()
                if not os.path.exists(self.file(CONFIG)):
                    write_text(self.file(CONFIG), json.dumps(self.settings, indent=2) + "\n")
                yield self
            finally:
                if os.path.exists(self.file(LOCK)):
                    os.remove(self.file(LOCK))

    def claim_version(self, version):
        """The version that this run exports as: `version`, or the one that it claimed before it was killed."""
        path = self.file("checkpoint", "version")
        if not os.path.exists(path):
            write_text(path, str(version))
        with open(path, encoding="utf-8") as file:
            return int(file.read())

    def results(self):
        """The results of a finished run, or None."""
        if not os.path.exists(self.file(RESULTS)):
            return None
        try:
            with open(self.file(RESULTS), encoding="utf-8") as file:
                results = json.load(file)
            str(results["dataset"]["digest"])
            return results
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            problem = " ".join(str(error).split())
            raise InputError(f"{self.file(RESULTS)}: expected a run's results, found {problem}; --overwrite starts afresh") from None

    def write_results(self, results):
        """Write `results.json`, strict JSON: what is not finite is null."""
        write_text(self.file(RESULTS), json.dumps(_finite(results), indent=2, allow_nan=False) + "\n")

    def _check(self):
        names = set(os.listdir(self.path)) - {LOCK}
        if names and CONFIG not in names:
            raise InputError(f"--run-dir: expected an empty directory or a run's, found {self.path} with {min(names)} and no {CONFIG}")
        if not names:
            return
        found = read_config(self.file(CONFIG))
        for name, wanted in self.settings.items():
            if name != "dataset" and found.get(name) != wanted:
                raise InputError(f"--run-dir: expected a run with {name} {wanted}, found {self.path} with {name}"
                                 f" {found.get(name)}; --overwrite starts afresh")
        results = self.results()
        digest = results["dataset"]["digest"] if results else self.digest
        if digest != self.digest:
            raise InputError(f"--run-dir: expected a run on the recording with digest {self.digest[:12]}…, found {self.path} on"
                             f" {digest[:12]}…; --overwrite starts afresh")

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
