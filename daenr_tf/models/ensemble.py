"""Several fitted models as one: the mean of their responses and of their reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from daenr_tf.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daenr_tf.models.daenr import DAENR, ImageSettings

ALIKE = ("heads", "image_shape", "neurons", "pixel_range", "resize")


class Ensemble(keras.Model):
    """The arithmetic mean, head by head, of what models answer to the same images: of rates, and of grey levels.

    It is there to be evaluated and exported, not to be trained. What parts give besides the heads (codes of a VQ-VAE, for one) has no mean
    and is left out.

    Args:
        members: `DAENR`s of the same heads, images and neurons.

    Raises:
        InputError: they are not alike.
    """

    def __init__(self, members: Sequence[DAENR], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        first = members[0]
        for name in ALIKE:
            for other in members[1:]:
                if getattr(other, name) != getattr(first, name):
                    raise refusal(f"members: {name}", getattr(first, name), getattr(other, name))
        self.members = list(members)
        self.heads, self.image_shape = first.heads, first.image_shape
        self.neurons, self.pixel_range = first.neurons, first.pixel_range
        self.built = True

    @property
    def image_settings(self) -> ImageSettings:
        """As of its members."""
        return self.members[0].image_settings

    def call(self, images: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """The heads of images (batch, height, width, channels): dict of name -> float32."""
        answers = [member(images, training=False) for member in self.members]
        return {
            head: tf.add_n([answer[head] for answer in answers]) / len(answers)
            for head in self.heads
        }

    def serve(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the exported model gives for images: the heads."""
        return self(images)

    def identity(self) -> dict[str, Any]:
        """What it is, its weights apart, as JSON's plain values."""
        return {"mean_of": [member.identity() for member in self.members]}
