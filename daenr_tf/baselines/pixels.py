"""Images as numbers: their pixels, and cosines under a prior for smooth filters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.fft

from daenr_tf.baselines.axes import MOST_FEATURES


def size(shape: Sequence[int], most: int = MOST_FEATURES) -> tuple[int, int]:
    """(height, width) of the largest images of these proportions with at most `most` numbers; that of `shape` (height, width, channels) where it
    has no more."""
    height, width, channels = shape
    shrink = min(1.0, math.sqrt(most / (height * width * channels)))
    return max(1, int(height * shrink)), max(1, int(width * shrink))


def count_features(shape: Sequence[int]) -> int:
    """How many features images of `shape` (height, width, channels) have."""
    return math.prod(size(shape)) * shape[2]


def cosines(images: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """(n, height, width, channels) -> (n, *kept, channels), their lowest coefficients of the discrete cosine transform (DCT-II, orthonormal)."""
    found = scipy.fft.dctn(images, axes=(1, 2), norm="ortho")
    return found[:, : kept[0], : kept[1]]


class Pixels:
    """The code of the pixels, of images of `size` at most: the low cosines of larger ones.

    Args:
        shape: (height, width, channels).
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape, self.kept = tuple(shape[:2]), size(shape)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(n, height, width, channels) -> (n, features)."""
        if self.kept != self.shape:
            scale = math.sqrt(math.prod(self.kept) / math.prod(self.shape))
            low = cosines(images, self.kept) * scale
            images = scipy.fft.idctn(low, axes=(1, 2), norm="ortho")
        return images.reshape(len(images), -1)


class Smooth:
    """The code in which the penalty |w|² is one on how rough a filter is.

    The penalty on a filter f of pixels is |(d - D) f|²: D its second differences over rows and columns (the discrete Laplacian, mirrored at the
    edges), and d the eigenvalue of -D for half a cycle over the longer side, which holds the mean of the filter, that D doesn't see. The cosines are the
    eigenvectors of D, so a cosine's coefficient is divided by its d + eigenvalue.

    Args:
        shape: (height, width, channels).
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.kept = size(shape)
        rows, columns = (
            2 - 2 * np.cos(np.pi * np.arange(kept) / side)
            for kept, side in zip(self.kept, shape, strict=False)
        )
        least = 2 - 2 * np.cos(np.pi / max(shape[:2]))
        self.roughness = (least + rows[:, None] + columns)[..., None]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(n, height, width, channels) -> (n, features)."""
        return (cosines(images, self.kept) / self.roughness).reshape(len(images), -1)
