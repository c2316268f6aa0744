"""What every synthesised image must be: of one contrast, and within the range of grey levels."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from daenr_tf.errors import refusal

ROUNDS = (
    12  # of scaling and clipping; what is left of a difference in contrast then is told as it is
)
LEAST = 1e-6  # contrast of an image that is scaled at all


@dataclass(frozen=True)
class Constraint:
    """Images of one RMS contrast about their mean, within [-1, 1].

    Attributes:
        contrast: float in (0, 1), standard deviation over an image's pixels and channels, in units in which the range of
            grey levels is -1 to 1.
        mean: float, the mean grey level in the same units; None leaves each image its own.
    """

    contrast: float
    mean: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.contrast < 1:
            raise refusal("contrast", "a number between 0 and 1", f"{self.contrast:g}")
        if self.mean is not None and not self.contrast < 1 - abs(self.mean):
            raise refusal(
                "mean",
                f"one that leaves room for a contrast of {self.contrast:g} within -1 to 1",
                f"{self.mean:g}",
            )

    def apply(self, images: tf.Tensor, rounds: int = ROUNDS) -> tf.Tensor:
        """The images (batch, height, width, channels) brought to contrast, mean and range: scaled about the mean and clipped, in turns.

        It can be differentiated. An image of no contrast stays so.
        """
        for _ in range(rounds):
            mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
            apart = images - mean
            power = tf.reduce_mean(apart**2, axis=(1, 2, 3), keepdims=True)
            scaled = apart * (self.contrast * tf.math.rsqrt(tf.maximum(power, LEAST**2)))
            images = tf.clip_by_value((mean if self.mean is None else self.mean) + scaled, -1, 1)
        return images


def contrast_of(images: tf.Tensor) -> tf.Tensor:
    """(batch,) RMS contrast about the mean of images (batch, height, width, channels)."""
    return tf.math.reduce_std(images, axis=(1, 2, 3))
