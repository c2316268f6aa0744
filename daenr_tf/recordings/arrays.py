"""Arrays from files that nobody vouches for: read rightly, or refused in one line, in bounded time and memory."""

import os
import stat
import warnings
import zipfile

import numpy as np

from daenr_tf.errors import InputError
from daenr_tf.recordings.checks import error

HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
MOST_MEMBERS = 64


def open_regular(path):
    """A binary file for reading. Raises `InputError` where `path` is no regular file (or link to one) that can be opened."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise error(path, "a file", "a directory" if os.path.isdir(path) else "something that is no regular file")
        return open(path, "rb")
    except FileNotFoundError:
        raise error(path, "a file", "no such file") from None
    except OSError as reason:
        raise error(path, "a file that can be read", reason.strerror or reason) from None


def read_npy(stream, size, what):
    """One array from a binary stream of `size` bytes in NumPy's .npy format; nothing is ever unpickled.

    Raises:
        InputError: the stream is no array of plain numbers, or not as long as its header says.
    """
    dtype, shape, fortran, start = _read_header(stream, what)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise error(what, "an array of plain numbers", f"the type {dtype.name}")
    count = 1
    for length in shape:
        count *= length
    wanted = count * dtype.itemsize
    if size - start != wanted:
        raise error(what, f"{wanted} bytes of data for the shape {shape} and type {dtype}", f"{size - start}: the file is cut off or altered")
    if wanted > _memory() // 2:
        raise error(what, f"an array that fits into half of the memory ({_memory() // 2} bytes)", f"one of {wanted} bytes")
    data = stream.read(wanted)
    if len(data) != wanted or stream.read(1):
        raise error(what, f"{wanted} bytes of data", f"{len(data)}: the file is cut off or altered")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _read_header(stream, what):
    """(dtype, shape, Fortran order, length of the header in bytes)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = np.lib.format.read_magic(stream)
            shape, fortran, dtype = HEADER_READERS[version](stream)
        if any(isinstance(n, bool) or n < 0 for n in shape):
            raise ValueError("negative lengths")
        return dtype, shape, fortran, stream.tell()
    except Exception as reason:  # NumPy's parser raises whatever Python's own parsers raise
        raise error(what, "an array in NumPy's .npy format", f"something else ({_first(reason)})") from None


def read_npz(path, known):
    """The arrays of an .npz file as a dict. Raises `InputError` for a damaged file, a key that is not in `known` or is there twice."""
    arrays = {}
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                if len(members) > MOST_MEMBERS:
                    raise error(path, f"the arrays {', '.join(known)}", f"{len(members)} members")
                for member in members:
                    key = member.filename.removesuffix(".npy")
                    if key not in known or key == member.filename:
                        raise error(path, f"arrays among {', '.join(known)}", f"{member.filename!r}")
                    if key in arrays:
                        raise error(path, f"one array {key}", "two")
                    with archive.open(member) as stream:
                        arrays[key] = read_npy(stream, member.file_size, f"{path}: {key}")
        except InputError:
            raise
        except Exception as reason:  # zipfile and zlib raise half a dozen kinds for a damaged archive
            raise error(path, "an .npz file that is whole", f"a damaged file or another kind ({_first(reason)})") from None
    return arrays


def _first(reason):
    return str(reason)[:120] or type(reason).__name__


def _memory():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
