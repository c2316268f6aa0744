"""What a model makes of an image on the way, and an image of what the model makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from daenr_tf.models.daenr import DAENR

HIDDEN = "hidden"


def code_spec(model: DAENR) -> tf.TensorSpec | None:
    """The name, shape and type of a built model's code; None where it has none that can be decoded."""
    return model.bottleneck.code_spec if model.bottleneck else None


def vector_size(spec: tf.TensorSpec | None) -> int | None:
    """How many numbers a code has that is a vector of real numbers; None of any other, and of none."""
    if spec is None or not spec.dtype.is_floating or len(spec.shape) != 2:
        return None
    return spec.shape[-1]


def encode(model: DAENR, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """The code of images (batch, height, width, channels) in [-1, 1].

    Returns:
        dict of `hidden`, (batch, rows, columns, channels) float32: h_i, the layer that the readout
        reads, or without a readout the one that the bottleneck reads; and, under the name of
        `code_spec`, the code: `latent` (batch, latent size) float32 of a CAE, of a VAE the
        posterior's mean, `indices` (batch, rows, columns) int32 of a VQ-VAE.
    """
    layers, _ = model.encode(images)
    read = layers[model.layer - 1] if model.readout else layers[-1]
    found, spec = {HIDDEN: tf.cast(read, tf.float32)}, code_spec(model)
    if spec is not None:
        found[spec.name] = model.bottleneck.to_code(layers[-1])
    return found


def decode(model: DAENR, code: tf.Tensor) -> tf.Tensor:
    """The images (batch, height, width, channels) float32 in [-1, 1] of codes as `code_spec` says them."""
    return tf.cast(model.decoder(model.bottleneck.from_code(code))[0], tf.float32)
