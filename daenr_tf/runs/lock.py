"""A file that one process at a time holds; the lock goes with the process, so one that died doesn't block."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from typing import TextIO

from daenr_tf.errors import HeldError, InputError, MachineError, one_line

LONGEST = 300  # characters that are read of another's file


class Lock:
    """A lock that this process holds.

    Args:
        path: str, of its file.
        file: that file, open and locked.
    """

    def __init__(self, path: str, file: TextIO) -> None:
        self.path, self.file = path, file

    @property
    def in_place(self) -> bool:
        """Whether the path still leads to the file: its directory may have been removed, and made anew by another."""
        with contextlib.suppress(OSError):
            return os.path.samestat(
                os.stat(self.path, follow_symlinks=False), os.fstat(self.file.fileno())
            )
        return False

    def check(self) -> None:
        """Raises `MachineError` where the directory is no longer the one that was locked."""
        if not self.in_place:
            raise MachineError(
                f"{os.path.dirname(self.path)}: was removed or taken by another process while this one was at work, which"
                " writes nothing more there"
            )


@contextlib.contextmanager
def held(path: str, who: str, option: str) -> Iterator[Lock]:
    """Hold the lock file at `path`, which names this process; it is removed in the end.

    Args:
        path: str.
        who: what another holder is called, such as "another run".
        option: the option that named its directory, for messages.

    Returns:
        A context manager that gives the `Lock`.

    Raises:
        InputError: the file can't be written or locked, or is there and no lock.
        HeldError: another process holds it.
    """
    directory = os.path.dirname(path)
    try:
        file = _locked(path, who, option)
    except OSError as error:
        raise InputError(
            f"{option}: expected a directory that can be written to, found {directory} ({error.strerror})"
        ) from None
    with file:
        file.seek(0)
        if not re.match(r"process \d|$", file.read(LONGEST)):
            raise InputError(
                f"{option}: expected an empty directory or one of ours, found {directory} with a file"
                f" {os.path.basename(path)} that is no lock"
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        lock = Lock(path, file)
        try:
            yield lock
        finally:
            if lock.in_place:
                os.remove(path)


def _locked(path, who, option):
    """The lock file, open and held by this process."""
    while True:
        made = not os.path.lexists(path)
        file = open(path, "a+", encoding="utf-8", errors="backslashreplace", opener=_no_link)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                file.seek(0)
                raise HeldError(
                    f"{os.path.dirname(path)}: {who} is at work here ({one_line(file.read(LONGEST)) or 'unknown'})"
                ) from None
        except OSError as error:
            file.close()
            if made:
                os.remove(path)
            raise InputError(
                f"{option}: expected a directory on a file system that can lock files, found {os.path.dirname(path)}"
                f" ({error.strerror})"
            ) from None
        if Lock(path, file).in_place:
            return file
        file.close()  # its holder removed the file between our opening and locking it


def _no_link(path, flags):
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
