"""One's own recording, in one .npz file (docs/recordings.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daenr_tf.errors import refusal
from daenr_tf.recordings.arrays import read_npz
from daenr_tf.recordings.load import ARRAYS

if TYPE_CHECKING:
    import numpy as np


def read(path: str) -> dict[str, np.ndarray | tuple[str, ...]]:
    """The arrays of a recording in an .npz file.

    They are `images`, `responses` and, if there is a test set, `test_images` and `test_trials` or
    `test_responses`; shapes as in `Recording`; and `simulated`, where the file tells whether the
    responses come from a model. Arrays of other names are not read: they are `strange`.

    Raises:
        InputError: the file can't be read.
    """
    arrays = read_npz(path, ARRAYS, skip=True)
    strange = tuple(key for key, array in arrays.items() if array is None)
    found = {key: array for key, array in arrays.items() if array is not None}
    if "simulated" in found:
        found["simulated"] = _flag(f"{path}: simulated", found["simulated"])
    return found | {"strange": strange}


def _flag(what, array):
    if array.shape != () or array.dtype != bool:
        raise refusal(what, "a single true or false", f"{array.dtype} of shape {array.shape}")
    return bool(array)
