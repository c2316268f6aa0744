"""Several fitted models as one: the mean of their responses and of their reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from daenr_tf.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daenr_tf.models.daenr import DAENR

ALIKE = ("heads", "image_shape", "neurons", "pixel_range", "resize")
OF_THE_FIRST = ("image_settings", "resize", "readout", "layer", "seed", "split_seed")


class Ensemble(keras.Model):
    """The arithmetic mean, head by head, of what models answer to the same images: of rates, and of grey levels.

    It has no code, as latent spaces of different fits have nothing in common. `image_settings`, `resize`, `readout` (its kind), `layer`, `seed` and
    `split_seed` are those of the first member.

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

    encodes, bottleneck, recordings = False, None, None

    def __getattr__(self, name: str) -> Any:
        if name in OF_THE_FIRST:
            return getattr(self.members[0], name)
        raise AttributeError(name)

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
