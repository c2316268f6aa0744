"""A sentence for what is no batch of a model's images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from daenr_tf.errors import InputError

ROUNDING = 1e-3  # by which a pixel may leave [-1, 1]


def check_images(images: np.ndarray | tf.Tensor, image_shape: Sequence[int]) -> None:
    """See that images are a batch (batch, height, width, channels) in [-1, 1]; the values are looked at where they are at hand.

    Args:
        images: array or tensor.
        image_shape: (height, width, channels) of the model.

    Raises:
        InputError: they are not.
    """
    shape = tuple(images.shape)
    wanted = f"images of the shape (batch, {', '.join(map(str, image_shape))})"
    if shape == image_shape:
        raise InputError(
            f"images: expected {wanted}, found a single image of {shape}: give it its axis with images[None]"
        )
    if len(shape) != 4 or any(
        found not in (None, size) for found, size in zip(shape[1:], image_shape, strict=True)
    ):
        raise InputError(f"images: expected {wanted}, found the shape {shape}")
    at_hand = isinstance(images, np.ndarray) or (tf.is_tensor(images) and hasattr(images, "numpy"))
    if at_hand and np.size(images) and not float(np.max(np.abs(images))) <= 1 + ROUNDING:
        low, high = float(np.min(images)), float(np.max(images))
        raise InputError(
            f"images: expected values in [-1, 1], found {low:g} to {high:g}; `daenr_tf.preprocess(images, model)` makes them of"
            " grey levels as the recording has them"
        )
