"""The L1 norm as a penalty that Adam can live with."""

import tensorflow as tf

WIDTH = 1e-4  # of the interval around 0 in which the slope changes sign; Adam moves a weight by up to 1e-3 a step


def absolute(values):
    """|values|, with the slope x / (|x| + 1e-4) in place of sign(x).

    sign(x) jumps at 0, where an L1 penalty drives most weights: a rounding error in such a weight then turns into
    a whole step of Adam, and one replica and several part ways after a few steps. The value is exact.
    """
    return _absolute(tf.convert_to_tensor(values))


@tf.custom_gradient
def _absolute(values):
    magnitude = tf.abs(values)
    return magnitude, lambda upstream: upstream * values / (magnitude + WIDTH)
