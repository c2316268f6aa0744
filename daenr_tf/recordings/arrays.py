"""Arrays from files that nobody vouches for: read rightly, or refused in one line, in bounded time and memory.

The .npy header is matched against a pattern, not evaluated as NumPy does it, and nothing is ever unpickled.

References:
    The .npy format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import math
import os
import re
import zipfile

import numpy as np

from daenr_tf.errors import InputError, refusal
from daenr_tf.files import open_regular

MAGIC = b"\x93NUMPY"
LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}  # of the header's length, by version
LONGEST_HEADER = 4096
MOST_AXES = 8
TYPES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
BLOCK = 1 << 22
# A member of a zip that unpacks to more than both of these is a bomb: no recording packs that well.
LARGEST_UNASKED = 256 << 20  # bytes
LARGEST_RATIO = 100

_STRING = r"(?:'[^']*'|\"[^\"]*\")"
_ENTRY = rf"\s*({_STRING})\s*:\s*({_STRING}|True|False|\([\dL,\s]*\))\s*"
_HEADER = re.compile(rf"\{{{_ENTRY},{_ENTRY},{_ENTRY},?\s*\}}\s*", re.ASCII)
_SHAPE = re.compile(r"\((?:\d{1,18}L?,)*(?:\d{1,18}L?)?\)", re.ASCII)


def read_npy(stream, size, what):
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


def read_npz(path, known=None):
    """The arrays of an .npz file as a dict.

    Raises:
        InputError: the file is damaged, or has a key twice or one that is not in `known` (None: any key will do).
    """
    with open_regular(path) as file:
        start = file.read(len(MAGIC))
        if not start:
            raise refusal(path, "an .npz file", "an empty file")
        if start == MAGIC:
            raise refusal(path, "an .npz file with arrays by name", "a single array in .npy format")
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, path, known)
                return {key: _read_member(archive, member, f"{path}: {key}") for key, member in members.items()}
        except InputError:
            raise
        except Exception as reason:  # as in read_npy
            raise refusal(path, "an .npz file that is whole", f"a damaged file or another kind ({_first(reason)})") from None


def _members(archive, path, known):
    members = {}
    for member in archive.infolist():
        key = member.filename.removesuffix(".npy")
        if key == member.filename or (known is not None and key not in known):
            raise refusal(path, f"arrays among {', '.join(known or ('any.npy',))}", repr(member.filename[:100]))
        if key in members:
            raise refusal(path, f"one array {key}", "two")
        members[key] = member
    total = sum(member.file_size for member in members.values())
    if total > _most_bytes():
        raise refusal(path, f"arrays that fit into half of the memory ({_most_bytes()} bytes)", f"{total} bytes of them")
    return members


def _read_member(archive, member, what):
    if member.flag_bits & 1:
        raise refusal(what, "an array that is not encrypted", "an encrypted one")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refusal(what, "an array stored or deflated, as NumPy does it", f"compression method {member.compress_type}")
    most = max(LARGEST_UNASKED, LARGEST_RATIO * member.compress_size)
    if member.file_size > most:
        raise refusal(what, f"at most {most} bytes from {member.compress_size} compressed ones (numpy.savez compresses nothing)",
                    member.file_size)
    with archive.open(member) as stream:
        return read_npy(stream, member.file_size, what)


def _read_npy(stream, size, what):
    start = stream.read(len(MAGIC) + 2)
    version = tuple(start[len(MAGIC):])
    if start[: len(MAGIC)] != MAGIC or version not in LENGTH_BYTES:
        raise refusal(what, "an array in NumPy's .npy format", "something else")
    length = int.from_bytes(stream.read(LENGTH_BYTES[version]), "little")
    if length > LONGEST_HEADER:
        raise refusal(what, f"an .npy header of at most {LONGEST_HEADER} bytes", length)
    dtype, fortran, shape = _parse_header(stream.read(length).decode("latin1"), what)
    wanted = math.prod(shape) * dtype.itemsize
    held = size - len(start) - LENGTH_BYTES[version] - length
    if held != wanted:
        raise refusal(what, f"{wanted} bytes of data for the shape {shape} and type {dtype}", f"{held}: the file is cut off or altered")
    if wanted > _most_bytes():
        raise refusal(what, f"an array that fits into half of the memory ({_most_bytes()} bytes)", f"one of {wanted} bytes")
    data = np.empty(wanted, np.uint8)
    filled = 0
    while filled < wanted:
        got = stream.readinto(data[filled : filled + BLOCK].data)
        if not got:
            raise refusal(what, f"{wanted} bytes of data", f"{filled}: the file is cut off or altered")
        filled += got
    stream.read(1)  # where a member of a zip ends, zipfile compares its check sum
    values = data != 0 if dtype.kind == "b" else data.view(dtype)
    values.setflags(write=False)
    return values.reshape(shape, order="F" if fortran else "C")


def _parse_header(text, what):
    """(type, whether in Fortran order, shape) from the text of an .npy header."""
    match = _HEADER.fullmatch(text)
    fields = {match[i].strip("'\""): match[i + 1].strip("'\"") for i in (1, 3, 5)} if match else {}
    descr, fortran, shape = (fields.get(key, "") for key in ("descr", "fortran_order", "shape"))
    shape = re.sub(r"\s", "", shape)
    if descr[1:2] == "O":
        raise refusal(what, "an array of plain numbers", "pickled objects, which are never opened")
    numbers = re.findall(r"\d+", shape)
    if not (descr and fortran in ("True", "False") and _SHAPE.fullmatch(shape) and len(numbers) <= MOST_AXES):
        raise refusal(what, "an .npy header of a plain array", repr(text.strip()[:100]))
    if descr[0] not in "<>|=" or descr[1:] not in TYPES:
        raise refusal(what, "booleans, integers or floats of at most 64 bits", f"the type {descr[:40]!r}")
    return np.dtype(descr), fortran == "True", tuple(int(number) for number in numbers)


def _first(reason):
    return str(reason)[:120] or type(reason).__name__


def _most_bytes():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
