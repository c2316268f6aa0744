"""A file that one process at a time holds; the lock goes with the process, so one that died doesn't block."""

import contextlib
import fcntl
import os
import re
import socket

from daenr_tf.errors import HeldError, InputError, one_line

LONGEST = 300  # characters that are read of another's file


@contextlib.contextmanager
def held(path, who, option):
    """Hold the lock file at `path`, which names this process; it is removed in the end.

    Args:
        path: str.
        who: what another holder is called, such as "another run".
        option: the option that named its directory, for messages.

    Raises:
        InputError: the file can't be written, or is there and no lock.
        HeldError: another process holds it.
    """
    directory = os.path.dirname(path)
    try:
        lock = _lock(path, who)
    except OSError as error:
        raise InputError(f"{option}: expected a directory that can be written to, found {directory} ({error.strerror})") from None
    with lock:
        lock.seek(0)
        if not re.match(r"process \d|$", lock.read(LONGEST)):
            raise InputError(f"{option}: expected an empty directory or one of ours, found {directory} with a file"
                             f" {os.path.basename(path)} that is no lock")
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        try:
            yield
        finally:
            os.remove(path)


def _lock(path, who):
    """The lock file, open and held by this process."""
    while True:
        lock = open(path, "a+", encoding="utf-8", errors="backslashreplace", opener=_no_link)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with lock:
                lock.seek(0)
                raise HeldError(f"{os.path.dirname(path)}: {who} is at work here ({one_line(lock.read(LONGEST)) or 'unknown'})") from None
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(lock.fileno()).st_ino:
                return lock
        lock.close()  # its holder removed the file between our opening and locking it


def _no_link(path, flags):
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
