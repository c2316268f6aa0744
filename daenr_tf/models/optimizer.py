"""Adam, a variable's whole update in one pass over memory."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

# So small that it decides nothing. Adam's step is m / (sqrt(v) + epsilon), the same whatever the loss is
# multiplied by, as long as sqrt(v) is the larger: a readout's gradients at beta = 1e-5 are about 3e-9, and
# 1e-8 would damp its steps by three quarters. Not smaller: below gradients of 3e-18, v = g² / 1000 leaves
# float32 and becomes 0, and epsilon alone bounds the step.
EPSILON = 1e-17


@keras.saving.register_keras_serializable(package="daenr_tf")
class Adam(keras.optimizers.Adam):
    """Keras' Adam (Kingma and Ba 2015) by TensorFlow's own kernel.

    The same arithmetic; Keras' own takes a dozen operations per variable, each a pass over memory.
    """

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        """Update a variable and its two moments by its gradient."""
        if self.amsgrad or not isinstance(gradient, tf.Tensor):
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


def _handle(variable):
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
