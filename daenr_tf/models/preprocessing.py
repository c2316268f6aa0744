"""From images as a recording has them to what a fitted model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from daenr_tf import pipeline
from daenr_tf.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from daenr_tf.models.daenr import DAENR

IMAGES_AT_ONCE = 256


def preprocess(images: ArrayLike, model: DAENR) -> np.ndarray:
    """Stimuli as recorded to what a model takes, as in training and in the served graph.

    Args:
        images: (N, H, W) or (N, H, W, 1 or 3), of any size, grey levels in the range of the model's
            recording.
        model: `DAENR`.

    Returns:
        (N, height, width, channels) float32 array, in [-1, 1] for grey levels within that range.

    Raises:
        InputError: the array is no such images.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if (
        images.ndim != 4
        or images.shape[-1] not in (1, 3)
        or 0 in images.shape[1:]
        or images.dtype.kind not in "uif"
    ):
        raise InputError(
            "images: expected numbers of the shape (images, height, width), or with 1 or 3 channels"
            f" behind, found {images.dtype} of shape {images.shape}"
        )
    prepared = np.empty((len(images), *model.image_shape), np.float32)
    for start in range(0, len(images), IMAGES_AT_ONCE):
        some = slice(start, start + IMAGES_AT_ONCE)
        prepared[some] = pipeline.preprocess(
            tf.constant(images[some]), model.pixel_range, *model.image_settings
        )
    return prepared
