"""What stands between the encoder's last layer and the decoder: dense (CAE), Gaussian (VAE),
quantised (VQ-VAE).

Every bottleneck maps the core's last layer to (code for the decoder, dict of loss terms); the terms
join the reconstruction loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from daenr_tf.layers.part import Part
from daenr_tf.layers.seeds import derive_seed, per_example
from daenr_tf.layers.terms import Term, Terms
from daenr_tf.setting_checks import whole

if TYPE_CHECKING:
    from tensorflow_probability import distributions as tfd

COLLAPSED = 0.5  # nats of KL per image


def _dense(units, name, seed, dtype):
    return keras.layers.Dense(
        units,
        name=name,
        dtype=dtype,
        kernel_initializer=keras.initializers.GlorotUniform(seed=derive_seed(seed, name)),
    )


class _LatentBottleneck(Part):
    """The two dense maps that the CAE and the VAE share: h4 to a latent vector, and the latent
    vector to a grid.

    Args:
        latent_size: int.
        pixels: int, height * width * channels of the image.
        seed: int, of the initial weights and of draws.
    """

    outputs_per_latent = 1

    def __init__(
        self, latent_size: int = 100, pixels: int = 1024, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        whole("latent_size", latent_size, 1)
        self.latent_size = latent_size
        self.pixels = pixels
        self.seed = seed

    def build(self, input_shape: tuple) -> None:
        self.code_shape = tuple(input_shape[1:])
        width = self.code_shape[0] * self.code_shape[1] * self.code_shape[2]
        self.compress = _dense(
            self.outputs_per_latent * self.latent_size, "compress", self.seed, self.dtype_policy
        )
        self.expand = _dense(width, "expand", self.seed, self.dtype_policy)
        self.compress.build((None, width))
        self.expand.build((None, self.latent_size))
        self.built = True

    def flatten(self, hidden: tf.Tensor) -> tf.Tensor:
        """(batch, height, width, channels) -> (batch, height * width * channels), for an empty
        batch too.
        """
        return keras.ops.reshape(hidden, (keras.ops.shape(hidden)[0], self.expand.units))

    @property
    def code_spec(self) -> tf.TensorSpec:
        """(batch, latent_size) float32, `latent`."""
        return tf.TensorSpec((None, self.latent_size), tf.float32, name="latent")

    def from_code(self, code: tf.Tensor) -> tf.Tensor:
        """(batch, latent_size) -> (batch, height, width, channels)."""
        return keras.ops.reshape(self.expand(code), (keras.ops.shape(code)[0], *self.code_shape))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "latent_size": self.latent_size,
            "pixels": self.pixels,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="daenr_tf")
class DenseBottleneck(_LatentBottleneck):
    """The CAE's: a latent vector of `latent_size`, dense both ways. No terms."""

    def to_code(self, inputs: tf.Tensor) -> tf.Tensor:
        """(batch, height, width, channels) -> (batch, latent_size) float32."""
        return tf.cast(self.compress(self.flatten(inputs)), tf.float32)

    def call(
        self, hidden: tf.Tensor, draws: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, Terms]:
        return self.from_code(self.to_code(hidden)), {}


@keras.saving.register_keras_serializable(package="daenr_tf")
class GaussianBottleneck(_LatentBottleneck):
    """The VAE's (Kingma and Welling 2014): a diagonal Gaussian posterior over the latent, prior
    N(0, 1).

    In training the latent is drawn, one stateless draw per example; otherwise it is the posterior's
    mean. Its term `kl` is KL(posterior || prior) in nats, summed over the latent, with the weight
    that turns the negative ELBO of a unit-variance Gaussian likelihood into a figure per pixel: 2 /
    pixels.
    """

    outputs_per_latent = 2
    term_names = ("kl",)
    units: ClassVar[dict[str, tuple[str, str]]] = {
        "kl": ("KL divergence", "KL to the prior (nats per image)")
    }

    def posterior(self, hidden: tf.Tensor) -> tfd.MultivariateNormalDiag:
        """The posterior as a TensorFlow Probability distribution with event shape (latent,)."""
        from tensorflow_probability import distributions as tfd

        mean, log_variance = tf.split(
            tf.cast(self.compress(self.flatten(hidden)), tf.float32), 2, axis=-1
        )
        return tfd.MultivariateNormalDiag(mean, tf.exp(0.5 * log_variance))

    def to_code(self, inputs: tf.Tensor) -> tf.Tensor:
        """(batch, height, width, channels) -> (batch, latent_size) float32, the posterior's mean."""
        compressed = tf.cast(self.compress(self.flatten(inputs)), tf.float32)
        return compressed[:, : self.latent_size]

    def call(
        self, hidden: tf.Tensor, draws: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, Terms]:
        from tensorflow_probability import distributions as tfd

        posterior = self.posterior(hidden)
        prior = tfd.MultivariateNormalDiag(tf.zeros(self.latent_size), tf.ones(self.latent_size))
        latent = posterior.mean()
        if training:
            noise = per_example(
                tf.random.stateless_normal,
                self.latent_size,
                draws,
                derive_seed(self.seed, "sampling"),
            )
            latent += posterior.stddev() * noise
        terms = {"kl": Term(posterior.kl_divergence(prior), 2.0 / self.pixels)}
        return self.from_code(latent), terms

    def diagnostics(self, batches: Iterable) -> tuple[dict[str, float], list[str]]:
        """`kl`, the mean KL divergence of the images in nats."""
        kl = float(np.concatenate([self(hidden)[1]["kl"].value for hidden in batches]).mean())
        collapsed = (
            f"the posterior has collapsed onto the prior: KL {kl:.2g} nats, the latent says nothing"
            " of the image"
        )
        return {"kl": kl}, [collapsed] if kl < COLLAPSED else []
