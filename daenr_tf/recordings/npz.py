"""One's own recording, in one .npz file (docs/recordings.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daenr_tf.recordings.arrays import read_npz
from daenr_tf.recordings.load import ARRAYS

if TYPE_CHECKING:
    import numpy as np


def read(path: str) -> dict[str, np.ndarray | tuple[str, ...]]:
    """The arrays of a recording in an .npz file.

    They are `images`, `responses` and, if there is a test set, `test_images` and `test_trials` or
    `test_responses`; shapes as in `Recording`. Arrays of other names are not read: they are
    `strange`.

    Raises:
        InputError: the file can't be read.
    """
    arrays = read_npz(path, ARRAYS, skip=True)
    strange = tuple(key for key, array in arrays.items() if array is None)
    return {key: array for key, array in arrays.items() if array is not None} | {"strange": strange}
