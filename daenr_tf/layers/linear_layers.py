"""What cores share whose hidden layers are linear: the nonlinearity stands before each convolution."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from daenr_tf.layers.normalization import GlobalBatchNormalization
from daenr_tf.layers.part import Part
from daenr_tf.layers.seeds import derive_seed
from daenr_tf.layers.sizes import FILTERS


class LinearLayers(Part):
    """h_1 = BN(convolution of z), h_i = BN(convolution of ELU(h_{i-1})), z being what a core makes of the images.

    A core sets `depth`, `seed` and `batch_norm_momentum` and asks for the layers by `make_layers`, `build_layers` and `hidden_layers`.
    """

    @property
    def layers(self) -> int:
        """How many hidden layers it gives: its depth."""
        return self.depth

    def make_layers(self, kernels: Sequence[int], strides: Sequence[int]) -> None:
        """Make `convolutions` and `normalizations`, of kernels of these sides with these strides, one each per layer."""
        self.convolutions, self.normalizations = [], []
        for i, (kernel, stride) in enumerate(zip(kernels, strides, strict=True), start=1):
            self.convolutions.append(
                keras.layers.Conv2D(
                    FILTERS,
                    kernel,
                    strides=stride,
                    padding="same",
                    use_bias=False,  # batch normalisation would remove it
                    kernel_initializer=keras.initializers.GlorotUniform(
                        derive_seed(self.seed, f"convolution_{i}")
                    ),
                    name=f"convolution_{i}",
                    dtype=self.dtype_policy,
                )
            )
            self.normalizations.append(
                GlobalBatchNormalization(
                    self.batch_norm_momentum, name=f"normalization_{i}", dtype=self.dtype_policy
                )
            )

    def build_layers(self, input_shape: tuple) -> None:
        """Build them for z (batch, height, width, channels)."""
        for convolution, normalization in zip(self.convolutions, self.normalizations, strict=True):
            convolution.build(input_shape)
            input_shape = convolution.compute_output_shape(input_shape)
            normalization.build(input_shape)

    def hidden_layers(self, inputs: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """[h_1, ..., h_depth] of z."""
        hidden = []
        for convolution, normalization in zip(self.convolutions, self.normalizations, strict=True):
            if hidden:
                inputs = keras.ops.elu(hidden[-1])
            hidden.append(normalization(convolution(inputs), training=training))
        return hidden

    def statistic(self, name: str, shape: tuple, initializer: str) -> keras.Variable:
        """A float32 weight that is not trained."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            trainable=False,
            autocast=False,
            dtype="float32",
        )
