"""Linear codes of an image: what as many numbers as a model's code has make of it without a network.

They stand beside every MSE, PSNR and SSIM, as the noise ceiling stands beside every PCC. The cosines
know nothing of the images; the principal components are the best linear code of the training images.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
import scipy.linalg

from daenr_tf import metrics
from daenr_tf.machine import blocks
from daenr_tf.machine.blocks import EVALUATION_BATCH, EVALUATION_BYTES
from daenr_tf.paper import IMAGE_METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

MOST_IMAGES = 5000  # that components are fitted on
LARGEST_MATRIX = (
    1500  # whose eigenvectors are found: below a second. Images of more pixels are so many at most
)
MOST_NUMBERS = 1 << 24  # in those images, unless the code needs more: 128 MB
DECIMALS = 10  # of a figure: the last bits of a matrix product depend on the number of threads


class Cosines:
    """The lowest frequencies of the two-dimensional discrete cosine transform (DCT-II, orthonormal).

    Args:
        shape: (height, width, channels).
        size: int, how many coefficients are kept; all of them where the image has fewer numbers.
    """

    def __init__(self, shape: Sequence[int], size: int) -> None:
        self.size = min(size, math.prod(shape))
        self.kept = np.zeros(math.prod(shape), bool)
        self.kept[order(shape)[: self.size]] = True
        self.kept = self.kept.reshape(shape)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """(images, height, width, channels) -> the same, of the coefficients that are kept, float64."""
        found = scipy.fft.dctn(np.asarray(images, np.float64), axes=(1, 2), norm="ortho")
        return scipy.fft.idctn(found * self.kept, axes=(1, 2), norm="ortho")


def order(shape: Sequence[int]) -> np.ndarray:
    """The coefficients of images (height, width, channels) as flat indices, in the order in which a code takes them.

    By (u / height)² + (v / width)² of the vertical frequency u and the horizontal v; of equal ones the
    smaller u first; and of each frequency all channels in turn, so that they share the code to within one.
    """
    height, width, _ = shape
    u, v, channel = np.indices(shape).reshape(3, -1)
    return np.lexsort((channel, u, (u * width) ** 2 + (v * height) ** 2))


class Components:
    """The mean and the principal components of some images.

    They are fitted on at most 5000 of them, 1500 where an image has more numbers than that, evenly spaced in their order; of very large
    images on as few as a code of this size needs. The mean is given beside the code and doesn't count.

    Args:
        images: (images, height, width, channels), an array or `blocks.Rows`.
        size: int, how many components are kept; fewer where the image has fewer numbers, or the images span no more.
    """

    def __init__(self, images: np.ndarray | blocks.Rows, size: int) -> None:
        pixels = math.prod(images.shape[1:])
        most = MOST_IMAGES if pixels <= LARGEST_MATRIX else LARGEST_MATRIX
        count = min(len(images), max(min(most, MOST_NUMBERS // pixels), size + 1))
        chosen = np.linspace(0, len(images) - 1, count).astype(int)
        rows = np.asarray(images[chosen], np.float64).reshape(count, pixels)
        self.mean = rows.mean(axis=0)
        rows -= self.mean
        if pixels <= count:
            _, self.axes = _largest(rows.T @ rows, size)
        else:  # the products of the images have the same eigenvalues, and are the smaller matrix
            values, vectors = _largest(rows @ rows.T, size)
            spanned = values > count * np.finfo(np.float64).eps * max(values.max(), 0.0)
            self.axes, _ = np.linalg.qr(rows.T @ vectors[:, spanned])
        self.size = self.axes.shape[1]

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """(images, height, width, channels) -> the same, of their mean and components, float64."""
        rows = np.asarray(images, np.float64).reshape(len(images), -1) - self.mean
        return (rows @ self.axes @ self.axes.T + self.mean).reshape(images.shape)


def _largest(matrix, size):
    """The largest `size` eigenvalues of a symmetric matrix, rising, and their vectors as columns."""
    count = len(matrix)
    return scipy.linalg.eigh(matrix, subset_by_index=[max(0, count - size), count - 1])


def linear_codes(
    train: np.ndarray | blocks.Rows,
    test: np.ndarray | blocks.Rows,
    validation: np.ndarray | blocks.Rows,
    size: int,
) -> dict[str, dict[str, Any]]:
    """How well linear codes do.

    Args:
        train, test, validation: (images, height, width, channels) in [-1, 1]; components are fitted on the first.
        size: int, how many numbers a code has.

    Returns:
        dict of a key of `readable.LINEAR_CODES` -> dict: `size`, as many as there are; `mse`, `psnr`, `ssim` on the test images, whose reconstructions are
        clipped to [-1, 1]; `validation`, a dict of the same on the validation images.
    """
    codes = {"dct": Cosines(test.shape[1:], size), "pca": Components(train, size)}
    return {
        name: {"size": code.size, **figures(code, test), "validation": figures(code, validation)}
        for name, code in codes.items()
    }


def figures(code: Cosines | Components, images: np.ndarray | blocks.Rows) -> dict[str, float]:
    """`mse`, `psnr` and `ssim` of a code's reconstructions, means over images."""
    found = {name: [] for name in IMAGE_METRICS}
    for some in blocks.batches(len(images), EVALUATION_BATCH, images[:1].nbytes, EVALUATION_BYTES):
        originals = np.asarray(images[some])
        reconstructed = np.clip(code.reconstruct(originals), -1, 1)
        for name, values in found.items():
            values.append(getattr(metrics, name)(originals, reconstructed))
    return {
        name: round(float(np.concatenate(values).mean()), DECIMALS)
        for name, values in found.items()
    }
