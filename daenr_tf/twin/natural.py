"""Natural images beside the synthesised ones: what a twin answers to them, and which of them does best."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from daenr_tf import pipeline
from daenr_tf.errors import refusal
from daenr_tf.resizing import DEFAULT_RESIZE
from daenr_tf.twin.scores import Scale
from daenr_tf.twin.stimulus import Constraint, contrast_of
from daenr_tf.twin.twin import Twin

AT_ONCE = 256
MOST = 5000  # images that are looked at, evenly spread over those that there are


@dataclass(frozen=True)
class Natural:
    """Natural images as a twin sees them.

    Attributes:
        images: (n, height, width, channels) float32 in [-1, 1].
        numbers: (n,) int64, which of the images that were given they are.
        responses: (n, neurons) float32, what the twin answers to them.
        contrast: float, the mean of their RMS contrasts.
    """

    images: np.ndarray
    numbers: np.ndarray
    responses: np.ndarray
    contrast: float

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the images."""
        return hashlib.sha256(np.ascontiguousarray(self.images)).hexdigest()

    @property
    def scale(self) -> Scale:
        """What responses are measured in."""
        return Scale.of(self.responses)

    def at(self, twin: Twin, constraint: Constraint) -> Natural:
        """The same images brought to a constraint."""
        images = in_parts(constraint.apply, self.images)
        return look(twin, images, self.numbers)


def seen(twin: Twin, images: np.ndarray, source: str) -> Natural:
    """Images as recorded, as the twin sees them.

    Args:
        twin: `Twin`.
        images: (n, H, W, 1 or 3), grey levels in the range of the twin's recording.
        source: str, where they come from, for messages.

    Raises:
        InputError: there are fewer than two, or no range is known.
    """
    if len(images) < 2:
        raise refusal(source, "at least 2 natural images", len(images))
    if twin.pixel_range is None:
        raise refusal(
            twin.members[0].path, "a model that tells its range of grey levels", "an older export"
        )
    numbers = np.unique(np.linspace(0, len(images) - 1, min(len(images), MOST)).astype(np.int64))
    height, width, channels = twin.image_shape
    settings = (twin.pixel_range, (height, width), channels, twin.resize or DEFAULT_RESIZE)
    prepared = in_parts(lambda some: pipeline.preprocess(some, *settings), images[numbers])
    return look(twin, np.clip(prepared, -1, 1), numbers)


def look(twin: Twin, images: np.ndarray, numbers: np.ndarray) -> Natural:
    """`Natural` of images (n, height, width, channels) in [-1, 1] of the `numbers` (n,)."""
    contrast = float(in_parts(contrast_of, images).mean())
    return Natural(images, numbers, in_parts(tf.function(twin.respond), images), contrast)


def in_parts(function: Callable[[tf.Tensor], tf.Tensor], values: np.ndarray) -> np.ndarray:
    """What a function of a tensor gives for an array (n, …), a part at a time; array (n, …)."""
    return np.concatenate(
        [
            np.asarray(function(tf.constant(values[start : start + AT_ONCE])))
            for start in range(0, len(values), AT_ONCE)
        ]
    )
