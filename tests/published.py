"""A small folder in the form of the published recordings, for the tests of what finds, fetches and verifies them."""

import hashlib
import io
import os

import numpy as np

from daenr_tf.recordings.antolik import PublishedFile

SIDE = 31


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def blob(content):
    return "blob:" + hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def arrays(seed):
    """The arrays of one region by file name: 12 images, 4 neurons, 5 test images shown 3 times; the published grey levels."""
    generator = np.random.default_rng(seed)
    trials = generator.gamma(1.0, 1.0, (3, 5, 4))
    return {
        "training_inputs.npy": generator.integers(0, 256, (12, SIDE * SIDE)) * 1e-6,
        "training_set.npy": generator.gamma(1.0, 1.0, (12, 4)),
        "validation_inputs.npy": generator.integers(0, 256, (5, SIDE * SIDE)) * 1e-6,
        "validation_set.npy": trials.mean(axis=0),
        "raw_validation_set.npy": trials,
    }


def files():
    """The bytes of all three regions by (region, file name)."""
    return {
        (region, name): npy(array) for region in (1, 2, 3) for name, array in arrays(region).items()
    }


def known(contents):
    """What `antolik.PUBLISHED` would say about such files."""
    table = {}
    for (region, name), content in contents.items():
        digest = blob(content) if name == "training_inputs.npy" else sha256(content)
        table.setdefault(region, {})[name] = PublishedFile(
            np.load(io.BytesIO(content)).shape, digest
        )
    return table


def write(directory, contents):
    for (region, name), content in contents.items():
        folder = os.path.join(directory, "Data", f"region{region}")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
