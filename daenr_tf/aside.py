"""A folder to make something in that is moved into its place when it is whole; what killed processes left of such folders is removed."""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile


@contextlib.contextmanager
def folder_aside(directory, prefix):
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
