"""Batch normalisation with one batch's statistics, over however many replicas hold that batch."""

from typing import Any

import keras
import tensorflow as tf

from daenr_tf.layers.replicas import replicas, sum_over_replicas
from daenr_tf.layers.sizes import BATCH_NORM_MOMENTUM


@keras.saving.register_keras_serializable(package="daenr_tf")
class GlobalBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation whose statistics are those of the global batch (Ioffe and Szegedy 2015).

    Keras' own layer does this with `synchronized=True`, in float32. Here sums over images, in the
    forward and in the backward pass, are taken in float64 (those over one image's pixels are not,
    they are the same on every replica): Adam turns rounding errors of small gradients into visible
    differences between one replica and several, and these sums are where most of them come from. A
    frozen layer (`trainable` False) normalises by its moving statistics, and leaves them as they
    are, as Keras' own does. Statistics and output are float32 inside, whatever the precision.
    (batch, height, width, channels) in and out.

    Args:
        momentum: float in (0, 1), the share of the moving statistics that a step keeps.
    """

    def __init__(self, momentum: float = BATCH_NORM_MOMENTUM, **kwargs: Any) -> None:
        super().__init__(momentum=momentum, **kwargs)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not (training and self.trainable):
            return super().call(inputs, training=False)
        normalize = _normalize if replicas() > 1 or inputs.shape.rank != 4 else _normalize_at_once
        outputs, mean, variance = normalize(
            tf.cast(inputs, tf.float32),
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            self.epsilon,
        )
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1.0 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1.0 - keep))
        return tf.cast(outputs, self.compute_dtype)

    def affine(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The moving statistics' normalisation as inputs * scale + shift: (scale, shift), each (channels,)."""
        scale = self.gamma * tf.math.rsqrt(self.moving_variance + self.epsilon)
        return scale, self.beta - self.moving_mean * scale


def _sum(values):
    """The sum of (batch, ..., channels) over all axes but the last, on this replica; (channels,)
    float64.
    """
    within_images = tf.reduce_sum(values, axis=tuple(range(1, values.shape.rank - 1)))
    return tf.reduce_sum(tf.cast(within_images, tf.float64), axis=0)


def _means(sums, count):
    return [tf.cast(total / count, tf.float32) for total in sum_over_replicas(sums)]


def _normalize_at_once(inputs, gamma, beta, epsilon):
    """`_normalize` by TensorFlow's own kernels, one forward and one backward: a third of the time."""
    outputs, mean, unbiased, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon
    )
    count = tf.cast(tf.size(inputs[..., 0]), tf.float32)
    variance = unbiased * (tf.maximum(count - 1.0, 1.0) / count)
    return outputs, tf.stop_gradient(mean), tf.stop_gradient(variance)


@tf.custom_gradient
def _normalize(inputs, gamma, beta, epsilon):
    """(outputs, mean (channels,), biased variance (channels,)); only the outputs pass a gradient
    on.
    """
    (count,) = sum_over_replicas([tf.cast(tf.size(inputs[..., 0]), tf.float64)])
    (mean,) = _means([_sum(inputs)], count)
    centred = inputs - mean
    (variance,) = _means([_sum(centred**2)], count)
    deviation = tf.math.rsqrt(variance + epsilon)
    normalized = centred * deviation

    def gradient(upstream, *_):
        # What gamma and beta get is this replica's share (the optimizer sums over replicas); what
        # the inputs get depends on the sums over the whole batch.
        by_beta, by_gamma = _sum(upstream), _sum(upstream * normalized)
        mean_beta, mean_gamma = _means([by_beta, by_gamma], count)
        by_inputs = gamma * deviation * (upstream - mean_beta - normalized * mean_gamma)
        return by_inputs, tf.cast(by_gamma, tf.float32), tf.cast(by_beta, tf.float32), None

    return (normalized * gamma + beta, mean, variance), gradient
