"""One block of the encoder and of the decoder: convolution, batch normalisation, ELU."""

from typing import Any

import keras
import tensorflow as tf

from daenr_tf.layers.normalization import GlobalBatchNormalization
from daenr_tf.layers.sizes import BATCH_NORM_MOMENTUM, KERNEL


@keras.saving.register_keras_serializable(package="daenr_tf")
class ConvolutionBlock(keras.layers.Layer):
    """3x3 convolution ('same' padding, no bias), batch normalisation, ELU.

    The bias is left out because batch normalisation removes it: its true gradient is zero, and Adam
    would turn the rounding error that remains into a random walk.

    Args:
        filters: int, channels of the output.
        strides: int, 1 or 2.
        transposed: bool, a 'deconvolution' (the resolution is multiplied by `strides`) or a
            convolution.
        seed: int, of the initial kernel.
        batch_norm_momentum: float in (0, 1), the share of its moving statistics that a step keeps.
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        transposed: bool = False,
        seed: int = 0,
        batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.transposed = transposed
        self.seed = seed
        self.batch_norm_momentum = batch_norm_momentum
        kind = keras.layers.Conv2DTranspose if transposed else keras.layers.Conv2D
        self.convolution = kind(
            filters,
            KERNEL,
            strides=strides,
            padding="same",
            use_bias=False,
            name="convolution",
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            dtype=self.dtype_policy,
        )
        self.normalization = GlobalBatchNormalization(
            batch_norm_momentum, name="normalization", dtype=self.dtype_policy
        )

    def build(self, input_shape: tuple) -> None:
        self.convolution.build(input_shape)
        self.normalization.build(self.convolution.compute_output_shape(input_shape))
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        by_batch = training and self.normalization.trainable
        if by_batch or self.compute_dtype != "float32":
            return keras.ops.elu(self.normalization(self.convolution(inputs), training=training))
        return self._with_fixed_statistics(inputs)

    def _with_fixed_statistics(self, inputs):
        """Normalised by the moving statistics: these are a factor in the kernel and a bias, so that no pass over memory is left of them."""
        scale, shift = self.normalization.affine()
        kernel = tf.convert_to_tensor(self.convolution.kernel)
        if not self.transposed:
            outputs = tf.nn.conv2d(inputs, kernel * scale, self.strides, "SAME")
        elif self.strides == 1:  # a convolution too, by the kernel turned round
            turned = tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2])
            outputs = tf.nn.conv2d(inputs, turned * scale, 1, "SAME")
        else:
            shape = self.compute_output_shape(inputs.shape)
            outputs = tf.nn.conv2d_transpose(
                inputs,
                kernel * scale[:, tf.newaxis],
                [tf.shape(inputs)[0], *shape[1:]],
                self.strides,
                "SAME",
            )
        return tf.nn.elu(tf.nn.bias_add(outputs, shift))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return self.convolution.compute_output_shape(input_shape)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "transposed": self.transposed,
            "seed": self.seed,
            "batch_norm_momentum": self.batch_norm_momentum,
        }


def momentum_told(momentum: float) -> dict[str, float]:
    """What the configuration of a part says of its batch normalisation: nothing where the momentum is
    the default, so that what a model is (its file, its export's digest, the state of its training)
    is the same as before this was a setting.
    """
    return {} if momentum == BATCH_NORM_MOMENTUM else {"batch_norm_momentum": momentum}
