"""The contrast around a receptive field: what divides a neuron's drive.

References: Heeger 1992, Visual Neuroscience 9:181-197, and Carandini & Heeger 2012, Nature Reviews Neuroscience 13:51-62 (normalisation by the
contrast energy of a pool); Cavanaugh, Bair & Movshon 2002, J. Neurophysiology 88:2530-2546 (the suppressive surround as a larger Gaussian that divides).
"""

import numpy as np

from daenr_tf.recordings.simulated.dead_leaves import SIDE

SCALE = 2**16  # a pool's weights are integers that sum to about this


def contrast_energy(images: np.ndarray, center: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The mean squared gradient of an image under a Gaussian around each neuron's centre.

    The gradient of a pixel is taken over the pixels on either side of it, so the image's outermost pixels have none.

    Args:
        images: (images, 31, 31) uint8.
        center: (neurons, 2), row and column in stimulus pixels.
        size: (neurons,), pixels, SD of the Gaussian.

    Returns:
        (images, neurons) float64, integers: squared grey levels times SCALE.
    """
    grey = images.astype(np.int64)
    down = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
    across = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
    energy = (down * down + across * across).reshape(len(images), -1).astype(np.float64)
    return energy @ pools(center, size).T


def pools(center: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(neurons, 29 * 29): what the gradient's square at each pixel that has one counts for each neuron, integers that sum to about SCALE."""
    rows, columns = np.mgrid[1 : SIDE - 1, 1 : SIDE - 1]
    y, x = rows - center[:, 0, None, None], columns - center[:, 1, None, None]
    pool = np.exp(-(y * y + x * x) / (2 * size * size)[:, None, None]).reshape(len(size), -1)
    return np.round(SCALE * pool / pool.sum(axis=1, keepdims=True))
