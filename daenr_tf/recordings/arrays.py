"""Arrays from files that nobody vouches for: read rightly, or refused in one line, in bounded time and memory.

Headers are read by NumPy, which takes them for literals and evaluates nothing; nothing is ever
unpickled.

References:
    The .npy format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import io
import math
import sys
import warnings
import zipfile
from collections.abc import Collection
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from daenr_tf.errors import InputError, refusal
from daenr_tf.machine import memory
from daenr_tf.machine.files import open_regular

# The bytes of a header's length, and its reader, by version. Version 3 has names of fields in UTF-8:
# a plain array has none.
HEADERS = {
    (1, 0): (2, npy_format.read_array_header_1_0),
    (2, 0): (4, npy_format.read_array_header_2_0),
    (3, 0): (4, npy_format.read_array_header_2_0),
}
LONGEST_HEADER = 4096
MOST_AXES = 8
TYPES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
BLOCK = (
    1 << 20
)  # bytes read at a time; also the most that a zip's directory may take, which is some 10,000 arrays
# A member of a zip that unpacks to more than both of these is a bomb: no recording packs that well.
LARGEST_UNASKED = 256 << 20  # bytes
LARGEST_RATIO = 100


def read_npy(stream: IO[bytes], size: int, what: str) -> np.ndarray:
    """One array of booleans, integers or floats, read-only, from a binary stream of `size` bytes in NumPy's .npy format.

    Raises:
        InputError: the stream is no such array, or not as long as its header says.
    """
    try:
        return _read_npy(stream, size, what)
    except InputError:
        raise
    except Exception as reason:  # zipfile and zlib raise a dozen kinds for a damaged archive
        raise refusal(what, "an array that is whole", f"a damaged one ({_first(reason)})") from None


def read_npz(
    path: str, known: Collection[str] | None = None, *, skip: bool = False
) -> dict[str, np.ndarray | None]:
    """The arrays of an .npz file as a dict.

    Args:
        path: str.
        known: the keys that it may have; None takes any.
        skip: whether an array of another key is left unread, with None in its place, instead of
            refused.

    Raises:
        InputError: the file is damaged, or has a key twice or one that it may not have.
    """
    with open_regular(path) as file:
        start = file.read(len(npy_format.MAGIC_PREFIX))
        if not start:
            raise refusal(path, "an .npz file", "an empty file")
        if start == npy_format.MAGIC_PREFIX:
            raise refusal(path, "an .npz file with arrays by name", "a single array in .npy format")
        try:
            with zipfile.ZipFile(_InBlocks(file, path)) as archive:
                members = _members(archive, path, known, skip)
                return {
                    key: member and _read_member(archive, member, f"{path}: {key}")
                    for key, member in members.items()
                }
        except InputError:
            raise
        except Exception as reason:  # as in read_npy
            raise refusal(
                path,
                "an .npz file that is whole",
                f"a damaged file or another kind ({_first(reason)})",
            ) from None


class _InBlocks:
    """A file of which no more than `BLOCK` bytes can be read at a time.

    zipfile reads the whole directory of an archive at once, and makes an object of every entry, before anything can be asked of it. How long
    that directory is, is said in more than one place of the file; this holds whichever zipfile takes it from.
    """

    def __init__(self, file, path):
        self._file = file
        self._path = path
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size=-1):
        data = self._file.read(min(size, BLOCK + 1) if size >= 0 else BLOCK + 1)
        if len(data) > BLOCK:
            raise refusal(
                self._path,
                f"an .npz file with a directory of arrays of at most {BLOCK} bytes",
                "a longer one",
            )
        return data


def _members(archive, path, known, skip):
    """The members of an archive by key; None in place of one that is skipped."""
    members = {}
    for member in archive.infolist():
        key = member.filename.removesuffix(".npy")
        strange = known is not None and key not in known
        if key == member.filename or (strange and not skip):
            raise refusal(path, f"arrays among {', '.join(known or ('any.npy',))}", repr(key[:100]))
        if key in members:
            raise refusal(path, f"one array {key[:100]}", "two")
        members[key] = None if strange else member
    total = sum(member.file_size for member in members.values() if member)
    if total > memory.half():
        raise refusal(
            path,
            f"arrays that fit into half of the memory ({memory.half()} bytes)",
            f"{total} bytes of them",
        )
    return members


def _read_member(archive, member, what):
    if member.flag_bits & 1:
        raise refusal(what, "an array that is not encrypted", "an encrypted one")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refusal(
            what,
            "an array stored or deflated, as NumPy does it",
            f"compression method {member.compress_type}",
        )
    most = max(LARGEST_UNASKED, LARGEST_RATIO * member.compress_size)
    if member.file_size > most:
        raise refusal(
            what,
            f"at most {most} bytes from {member.compress_size} compressed ones (numpy.savez compresses nothing)",
            member.file_size,
        )
    with archive.open(member) as stream:
        return read_npy(stream, member.file_size, what)


def _read_npy(stream, size, what):
    shape, fortran, dtype, taken = _read_header(stream, what)
    wanted = math.prod(shape) * dtype.itemsize
    held = size - taken
    if held != wanted:
        raise refusal(
            what,
            f"{wanted} bytes of data for the shape {shape} and type {dtype}",
            f"{held}: the file is cut off or altered",
        )
    if wanted > memory.half():
        raise refusal(
            what,
            f"an array that fits into half of the memory ({memory.half()} bytes)",
            f"one of {wanted} bytes",
        )
    data = np.empty(wanted, np.uint8)
    filled = 0
    while filled < wanted:
        got = stream.readinto(data[filled : filled + BLOCK].data)
        if not got:
            raise refusal(
                what, f"{wanted} bytes of data", f"{filled}: the file is cut off or altered"
            )
        filled += got
    stream.read(1)  # where a member of a zip ends, zipfile compares its check sum
    values = data != 0 if dtype.kind == "b" else data.view(dtype)
    values.setflags(write=False)
    return values.reshape(shape, order="F" if fortran else "C")


def _read_header(stream, what):
    """(shape, whether in Fortran order, type, bytes taken) from the start of an .npy stream."""
    try:
        version = npy_format.read_magic(stream)
        length_bytes, read = HEADERS[version]
    except (ValueError, KeyError):
        raise refusal(what, "an array in NumPy's .npy format", "something else") from None
    # NumPy would read a header of any length before it finds it too long.
    length = stream.read(length_bytes)
    size = int.from_bytes(length, "little")
    if size > LONGEST_HEADER:
        raise refusal(what, f"an .npy header of at most {LONGEST_HEADER} bytes", size)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that Python 2 wrote it, or that the text is damaged
            header = io.BytesIO(length + stream.read(size))
            shape, fortran, dtype = read(header, max_header_size=LONGEST_HEADER)
    except Exception as reason:  # a parser of Python's raises half a dozen kinds for damaged text
        raise refusal(what, "an .npy header of a plain array", _first(reason)) from None
    if dtype.hasobject:
        raise refusal(what, "an array of plain numbers", "pickled objects, which are never opened")
    if dtype.str[1:] not in TYPES:
        kind = f"the type {dtype.str[:40]!r}"
        raise refusal(what, "booleans, integers or floats of at most 64 bits", kind)
    whole = all(type(axis) is int and 0 <= axis <= sys.maxsize for axis in shape)
    if len(shape) > MOST_AXES or not whole:
        raise refusal(what, f"a shape of at most {MOST_AXES} whole numbers", str(shape)[:100])
    return shape, fortran, dtype, npy_format.MAGIC_LEN + length_bytes + size


def _first(reason):
    return str(reason)[:120] or type(reason).__name__
