"""One's own recording, in one .npz file (docs/recordings.md)."""

import os
import re

from daenr_tf.errors import refusal
from daenr_tf.recordings.arrays import read_npz
from daenr_tf.recordings.recording import Recording

REQUIRED = ("images", "responses")
KEYS = (*REQUIRED, "test_images", "test_trials", "test_responses")


def load_npz(path):
    """The recording in an .npz file with `images`, `responses` and, if there is a test set, `test_images` and `test_trials` or
    `test_responses`; shapes as in `Recording`. Its name is the file's, with "_" for what does not belong in a directory's name.

    Raises:
        InputError: the file can't be read, or its arrays make no recording.
    """
    path = os.fspath(path)
    arrays = read_npz(path, KEYS)
    for key in REQUIRED:
        if key not in arrays:
            raise refusal(path, f"an array {key}", f"only {', '.join(arrays) or 'nothing'}")
    stem = os.path.splitext(os.path.basename(path))[0]
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("._-") or "recording"
    return Recording(**arrays, name=name, source=path)
