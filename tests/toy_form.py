"""A form of recording that the product lacks: a directory with two text files."""

import os

import numpy as np

from daenr_tf.recordings import sources

ROW = sources.Reader("toy", (".toy",), "toy_form:read")


def read(path):
    """The arrays of a toy recording."""
    pixels = np.loadtxt(os.path.join(path, "pixels.txt"))
    spikes = np.loadtxt(os.path.join(path, "spikes.txt"))
    return {"images": pixels.reshape(-1, 6, 8), "responses": spikes}


def write(path, images=40, neurons=3):
    """A toy recording of noise."""
    generator = np.random.default_rng(5)
    os.makedirs(path)
    np.savetxt(os.path.join(path, "pixels.txt"), generator.integers(0, 256, (images, 48)), fmt="%d")
    np.savetxt(os.path.join(path, "spikes.txt"), generator.poisson(2, (images, neurons)), fmt="%d")
    return str(path)
