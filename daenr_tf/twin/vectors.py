"""Responses that an image is to bring about, from a file."""

from __future__ import annotations

import hashlib
import os
import warnings

import numpy as np

from daenr_tf.errors import one_line, refusal
from daenr_tf.machine.files import open_regular

ENDINGS = (".npy", ".csv")
LARGEST = 256 << 20  # bytes


def read(path: str) -> np.ndarray:
    """(vectors, neurons) float32 of an .npy file, or of a .csv file of numbers with a row per vector.

    Raises:
        InputError: it can't be read, or holds anything but finite responses >= 0.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in ENDINGS:
        raise refusal(path, f"a file that ends in {' or '.join(ENDINGS)}", "another")
    with open_regular(path, "a file of responses") as file:
        if os.fstat(file.fileno()).st_size > LARGEST:
            raise refusal(path, f"a file of at most {LARGEST >> 20} MB", "a larger one")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of an empty file, which is refused below
                if ending == ".npy":
                    values = np.load(file, allow_pickle=False)
                else:
                    values = np.loadtxt(file, delimiter=",", ndmin=2)
            values = np.atleast_2d(np.asarray(values, np.float64))
        except Exception as reason:  # NumPy raises all kinds of them
            problem = f"something else ({one_line(reason)[:100]})"
            raise refusal(path, "numbers, a row per vector", problem) from None
    if values.ndim != 2 or not values.size:
        raise refusal(path, "(vectors, neurons) responses", f"the shape {values.shape}")
    if not (np.isfinite(values).all() and values.min() >= 0):
        raise refusal(path, "finite responses >= 0", "others")
    return values.astype(np.float32)


def digest(values: np.ndarray) -> str:
    """SHA-256 (hex) of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(values)).hexdigest()
