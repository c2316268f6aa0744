"""What stands in a file that was refused as a recording: every array in it that can be read, one
by one."""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.format import MAGIC_PREFIX

from daenr_tf.errors import InputError, one_line
from daenr_tf.machine.files import open_regular
from daenr_tf.recordings.arrays import LARGEST_RATIO, LARGEST_UNASKED, read_npy

CHUNK = 1 << 22  # values looked at at once
WHOLE_FILE = "(the file)"  # the key of a single array


@dataclass(frozen=True)
class Found:
    """An array in a file, or why it can't be read.

    Attributes:
        key: str.
        problem: str, or None where it can be read.
        shape, type: of the array.
        low, high: the smallest and largest of its finite values; None where there are none.
        nan, infinite, negative: int, how many there are.
        first_bad: tuple of int, where the first NaN, infinite or negative value stands; None
            without one.
    """

    key: str
    problem: str | None = None
    shape: tuple = ()
    type: str = ""
    low: float | None = None
    high: float | None = None
    nan: int = 0
    infinite: int = 0
    negative: int = 0
    first_bad: tuple | None = None


def arrays_of(path: str) -> Iterator[Found]:
    """Yields a `Found` for each array in a .npz or .npy file, one in memory at a time; none for a
    file of another form.

    Raises:
        InputError: the file can't be opened.
    """
    with open_regular(path) as file:
        start = file.read(len(MAGIC_PREFIX))
        file.seek(0)
        if start == MAGIC_PREFIX:
            yield _read(WHOLE_FILE, file, os.fstat(file.fileno()).st_size)
            return
        try:
            archive = zipfile.ZipFile(file)
        except Exception:  # zipfile raises a dozen kinds for what is no archive
            return
        with archive:
            for member in archive.infolist():
                yield _member(archive, member)


def _member(archive, member):
    key = one_line(member.filename[:100]).removesuffix(".npy")
    if member.file_size > max(LARGEST_UNASKED, LARGEST_RATIO * member.compress_size):
        packed = f"{member.file_size} bytes packed into {member.compress_size}"
        return Found(key, f"{packed}, which is not opened")
    try:
        with archive.open(member) as stream:
            return _read(key, stream, member.file_size)
    except Exception as reason:
        return Found(key, one_line(str(reason)[:200] or type(reason).__name__))


def _read(key, stream, size):
    try:
        return look(key, read_npy(stream, size, key))
    except InputError as reason:
        return Found(key, str(reason).removeprefix(f"{key}: "))


def look(key: str, values: np.ndarray) -> Found:
    """The `Found` of an array."""
    flat = (
        values.reshape(-1) if values.flags.c_contiguous else values.T.reshape(-1)
    )  # neither copies what was read from a file
    counts, first, lows, highs = np.zeros(3, np.int64), None, [], []
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        finite = np.isfinite(part)
        bad = np.stack([np.isnan(part), ~finite & ~np.isnan(part), part < 0])
        counts += bad.sum(axis=1)
        if first is None and bad.any():
            first = start + int(np.argmax(bad.any(axis=0)))
        if finite.any():
            lows.append(part[finite].min())
            highs.append(part[finite].max())
    where = None
    if first is not None:
        shape = values.shape if values.flags.c_contiguous else values.shape[::-1]
        where = tuple(map(int, np.unravel_index(first, shape)))
        where = where if values.flags.c_contiguous else where[::-1]
    return Found(
        key,
        None,
        values.shape,
        str(values.dtype),
        float(min(lows)) if lows else None,
        float(max(highs)) if highs else None,
        *map(int, counts),
        where,
    )
