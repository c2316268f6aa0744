"""Files: read only where they are plain ones, and written so that they are there whole or not at all."""

import contextlib
import fcntl
import json
import math
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from daenr_tf.errors import InputError, MachineError


def open_regular(path: str | os.PathLike, expected: str = "a file") -> BinaryIO:
    """A binary file for reading. Raises `InputError` where `path` is no regular file (or link to one) that can be opened."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            kind = "a directory" if os.path.isdir(path) else "something that is no regular file"
            raise InputError(f"{path}: expected {expected}, found {kind}")
        return open(path, "rb")
    except FileNotFoundError:
        raise InputError(f"{path}: expected {expected}, found no such file") from None
    except InputError:
        raise
    except (OSError, ValueError) as reason:
        problem = getattr(reason, "strerror", None) or reason
        raise InputError(f"{path}: expected {expected} that can be read, found {problem}") from None


def read_text(path: str | os.PathLike, most: int, expected: str = "a file") -> str:
    """The text of a regular file, its first `most` bytes.

    Raises:
        InputError: there is none that can be read.
        UnicodeDecodeError: it is not UTF-8.
    """

    with open_regular(path, expected) as file:
        return file.read(most).decode("utf-8")


@contextlib.contextmanager
def replaced(path: str | os.PathLike, aside: str | os.PathLike) -> Iterator[None]:
    """Within it `aside`, a path in the same directory, is written; then that file is at `path`, whole or not at all.

    Raises:
        MachineError: the disk refused; nothing is left behind.
    """
    try:
        yield
        with open(aside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        raise MachineError(f"{path}: could not be written ({error.strerror or error})") from None
    finally:
        if os.path.exists(aside):
            os.remove(aside)


def replace_file(path: str | os.PathLike, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that it is there whole or not at all: `write(file)` gets a binary file beside `path`.

    Raises:
        MachineError: the disk refused; nothing is left behind.
    """
    aside = f"{path}.{os.getpid()}.part"
    with replaced(path, aside), open(aside, "wb") as file:
        write(file)


def write_text(path: str | os.PathLike, text: str) -> None:
    """`replace_file` for text."""
    replace_file(path, lambda file: file.write(text.encode("utf-8")))


def write_json(path: str | os.PathLike, value: Any) -> None:
    """`write_text` of a value as strict JSON: a number that is not finite is null."""
    write_text(path, json.dumps(_finite(value), indent=2, allow_nan=False) + "\n")


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@contextlib.contextmanager
def folder_aside(directory: str, prefix: str) -> Iterator[str]:
    """A folder in `directory` for as long as it is held; those that killed processes left there are removed first.

    A process keeps its folder locked, and `directory` while it makes and locks the folder: none is seen before it is locked.

    Args:
        directory: str, an existing directory.
        prefix: str that the folder's name begins with; folders so named are taken for ours.
    """
    with contextlib.ExitStack() as lock:
        with _locked(directory, fcntl.LOCK_EX):
            for name in os.listdir(directory):
                if re.fullmatch(re.escape(prefix) + "[a-z0-9_]{8}", name):
                    left = os.path.join(directory, name)
                    with _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB) as had:
                        if had:
                            shutil.rmtree(left, ignore_errors=True)
            aside = tempfile.mkdtemp(dir=directory, prefix=prefix)
            lock.enter_context(_locked(aside, fcntl.LOCK_EX))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder, how):
    """Tries to lock a folder, and gives whether it could: not every file system has locks."""
    descriptor, had = None, False
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, how)
        had = True
    try:
        yield had
    finally:
        if descriptor is not None:
            os.close(descriptor)
