"""One's own recording, in one .npz file (docs/recordings.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daenr_tf.recordings.arrays import read_npz

if TYPE_CHECKING:
    import numpy as np

KEYS = ("images", "responses", "test_images", "test_trials", "test_responses")


def read(path: str) -> dict[str, np.ndarray]:
    """The arrays of a recording in an .npz file.

    They are `images`, `responses` and, if there is a test set, `test_images` and `test_trials` or
    `test_responses`; shapes as in `Recording`.

    Raises:
        InputError: the file can't be read, or has an array of another name.
    """
    return read_npz(path, KEYS)
