"""One's own recording, in one .npz file (docs/recordings.md)."""

import os

from daenr_tf.recordings.arrays import read_npz
from daenr_tf.recordings.checks import error
from daenr_tf.recordings.recording import Recording

KEYS = ("images", "responses", "test_images", "test_trials", "test_responses")


def load_npz(path):
    """The recording in an .npz file with `images`, `responses` and, if there is a test set, `test_images` and `test_trials` or
    `test_responses`; shapes as in `Recording`.

    Raises:
        InputError: the file can't be read, or its arrays make no recording.
    """
    arrays = read_npz(path, KEYS)
    for key in ("images", "responses"):
        if key not in arrays:
            raise error(path, f"an array {key}", f"only {', '.join(arrays) or 'nothing'}")
    return Recording(**arrays, name=os.path.splitext(os.path.basename(path))[0], source=path)
