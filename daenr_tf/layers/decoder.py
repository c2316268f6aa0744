"""The decoder: from the bottleneck back to an image (the paper's f2, Eq. 1)."""

from typing import Any

import keras
import tensorflow as tf

from daenr_tf.layers.convolution import ConvolutionBlock, momentum_told
from daenr_tf.layers.part import Part
from daenr_tf.layers.seeds import derive_seed
from daenr_tf.layers.sizes import BATCH_NORM_MOMENTUM, FILTERS, KERNEL
from daenr_tf.layers.sizes import DECODER_STRIDES as STRIDES
from daenr_tf.layers.terms import Terms
from daenr_tf.setting_checks import share


@keras.saving.register_keras_serializable(package="daenr_tf")
class Decoder(Part):
    """48DC1_3-48DC2_3-48DC1_3-1DC2_3: three transposed blocks, then a transposed convolution with
    bias and tanh.

    A worked shape: (batch, 8, 8, any) -> (batch, 32, 32, channels), float32 in [-1, 1].

    Args:
        channels: int, 1 (grey) or 3 (RGB).
        seed: int, of the initial kernels.
        batch_norm_momentum: float in (0, 1), the share of its moving statistics that a step keeps.
    """

    def __init__(
        self,
        channels: int = 1,
        seed: int = 0,
        batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        share("batch_norm_momentum", batch_norm_momentum)
        self.channels = channels
        self.seed = seed
        self.batch_norm_momentum = batch_norm_momentum
        self.blocks = [
            ConvolutionBlock(
                FILTERS,
                strides,
                transposed=True,
                seed=derive_seed(seed, f"decoder_{i}"),
                name=f"decoder_{i}",
                batch_norm_momentum=batch_norm_momentum,
                dtype=self.dtype_policy,
            )
            for i, strides in enumerate(STRIDES, start=1)
        ]
        self.last = keras.layers.Conv2DTranspose(
            channels,
            KERNEL,
            strides=2,
            padding="same",
            name="image",
            kernel_initializer=keras.initializers.GlorotUniform(seed=derive_seed(seed, "image")),
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: tuple) -> None:
        for layer in (*self.blocks, self.last):
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        self.built = True

    def call(
        self, code: tf.Tensor, draws: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, Terms]:
        for block in self.blocks:
            code = block(code, training=training)
        return keras.ops.tanh(keras.ops.cast(self.last(code), "float32")), {}

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        for layer in (*self.blocks, self.last):
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels": self.channels,
            "seed": self.seed,
            **momentum_told(self.batch_norm_momentum),
        }
