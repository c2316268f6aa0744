"""The encoder that reconstruction and response prediction share (the paper's f1, Eq. 1)."""

from typing import Any

import keras
import tensorflow as tf

from daenr_tf.layers.convolution import ConvolutionBlock, momentum_told
from daenr_tf.layers.part import Part
from daenr_tf.layers.seeds import derive_seed
from daenr_tf.layers.sizes import BATCH_NORM_MOMENTUM, FILTERS
from daenr_tf.layers.sizes import ENCODER_STRIDES as STRIDES
from daenr_tf.layers.terms import Terms
from daenr_tf.setting_checks import share


@keras.saving.register_keras_serializable(package="daenr_tf")
class Encoder(Part):
    """The paper's core, 48C2_3-48C1_3-48C2_3-48C1_3: four convolution blocks, each block's output a
    hidden layer h_i.

    A worked shape: (batch, 32, 32, 1) -> [h1 (batch, 16, 16, 48), h2 (batch, 16, 16, 48),
    h3 (batch, 8, 8, 48), h4 (batch, 8, 8, 48)].

    Args:
        depth: int in 1..4, how many of the blocks to have (a model without a decoder needs only
            those up to h_i).
        seed: int, of the initial kernels.
        batch_norm_momentum: float in (0, 1), the share of its moving statistics that a step keeps.

    Attributes:
        layers: int, how many hidden layers there are.
        downsampling: int, pixels of an image per cell of the last layer of a whole encoder.
    """

    downsampling = 4

    def __init__(
        self,
        depth: int = 4,
        seed: int = 0,
        batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        share("batch_norm_momentum", batch_norm_momentum)
        self.depth = depth
        self.seed = seed
        self.batch_norm_momentum = batch_norm_momentum
        self.blocks = [
            ConvolutionBlock(
                FILTERS,
                strides,
                seed=derive_seed(seed, f"encoder_{i}"),
                name=f"encoder_{i}",
                batch_norm_momentum=batch_norm_momentum,
                dtype=self.dtype_policy,
            )
            for i, strides in enumerate(STRIDES[:depth], start=1)
        ]

    @property
    def layers(self) -> int:
        """How many hidden layers it gives: its depth."""
        return self.depth

    def build(self, input_shape: tuple) -> None:
        for block in self.blocks:
            block.build(input_shape)
            input_shape = block.compute_output_shape(input_shape)
        self.built = True

    def call(
        self, images: tf.Tensor, draws: tf.Tensor | None = None, training: bool = False
    ) -> tuple[list[tf.Tensor], Terms]:
        hidden = []
        for block in self.blocks:
            images = block(images, training=training)
            hidden.append(images)
        return hidden, {}

    def compute_output_shape(self, input_shape: tuple) -> list[tuple]:
        shapes = []
        for block in self.blocks:
            input_shape = block.compute_output_shape(input_shape)
            shapes.append(input_shape)
        return shapes

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "depth": self.depth,
            "seed": self.seed,
            **momentum_told(self.batch_norm_momentum),
        }
