"""Penalties on weights, as Adam can live with them: the L1 norm, roughness, groups of weights."""

import tensorflow as tf

# Half the interval around 0 in which the slope changes sign: about what Adam moves a weight by in
# one step.
WIDTH = 1e-3
LAPLACIAN = ((0.25, 0.5, 0.25), (0.5, -3.0, 0.5), (0.25, 0.5, 0.25))
TINY = 1e-12  # so that a root and a share have a slope where all weights are 0


def absolute(values: tf.Tensor) -> tf.Tensor:
    """|values|, with the slope x / 1e-3 in place of sign(x) where |x| < 1e-3 (that of Huber 1964).

    sign(x) jumps at 0, where an L1 penalty drives most weights: a rounding error in such a weight
    then turns into a whole step of Adam, and one replica and several part ways after a few steps.
    Of the many units of a hidden layer, too, some always are within a rounding error of 0. The
    value is exact.
    """
    return _absolute(tf.convert_to_tensor(values))


@tf.custom_gradient
def _absolute(values):
    return tf.abs(values), lambda upstream: upstream * tf.clip_by_value(values / WIDTH, -1.0, 1.0)


def roughness(kernel: tf.Tensor) -> tf.Tensor:
    """How rough filters are: the sum over them of |L * w|² / |w|², L a Laplacian (Klindt et al. 2017); scalar float32.

    It does not change with a filter's size. Beyond a kernel's edge stand zeros, so that filters are
    drawn to 0 there.

    Args:
        kernel: (height, width, inputs, filters).
    """
    kernel = tf.cast(kernel, tf.float32)
    maps = tf.transpose(kernel, [3, 2, 0, 1])  # filters, inputs, height, width
    filters, inputs, height, width = maps.shape
    flat = tf.reshape(maps, [filters * inputs, height, width, 1])
    bent = tf.nn.conv2d(flat, tf.constant(LAPLACIAN)[..., None, None], 1, "SAME")
    bent = tf.reduce_sum(tf.reshape(bent, [filters, -1]) ** 2, axis=1)
    return tf.reduce_sum(bent / (tf.reduce_sum(kernel**2, axis=(0, 1, 2)) + TINY))


def group_sparsity(kernel: tf.Tensor) -> tf.Tensor:
    """The sum over pairs of input and filter of the L2 norm over space (Klindt et al. 2017); scalar float32.

    Args:
        kernel: (height, width, inputs, filters).
    """
    squares = tf.reduce_sum(tf.cast(kernel, tf.float32) ** 2, axis=(0, 1))
    return tf.reduce_sum(tf.sqrt(squares + TINY))
