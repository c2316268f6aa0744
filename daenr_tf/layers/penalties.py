"""The L1 norm as a penalty that Adam can live with."""

import tensorflow as tf

# Half the interval around 0 in which the slope changes sign: about what Adam moves a weight by in
# one step.
WIDTH = 1e-3


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
