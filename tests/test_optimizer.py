"""Our Adam against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from daenr_tf.models.optimizer import Adam


def updated(kind, epsilon, steps=20):
    """The weights and the optimizer's variables after steps of a bowl whose floor some variables lie on."""
    optimizer = kind(3e-3, epsilon=epsilon)
    generator = np.random.default_rng(1)
    weights = [keras.Variable(generator.normal(size=shape)) for shape in [(5, 3), (7,), ()]]
    scales = [tf.constant(generator.uniform(size=weight.shape), tf.float32) for weight in weights]
    scales[1] *= 1e-9
    scales[2] *= 0

    @tf.function
    def step():
        gradients = [scale * weight for scale, weight in zip(scales, weights, strict=True)]
        optimizer.apply_gradients(zip(gradients, weights, strict=True))

    optimizer.build(weights)
    for _ in range(steps):
        step()
    return [np.asarray(value) for value in (*weights, *optimizer.variables)]


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
def test_adam_in_one_pass_is_keras_adam(epsilon):
    ours, theirs = updated(Adam, epsilon), updated(keras.optimizers.Adam, epsilon)
    for mine, reference in zip(ours, theirs, strict=True):
        # Keras takes 1 - 0.999 in double precision, the kernel in single: 1.3e-5 apart.
        np.testing.assert_allclose(mine, reference, rtol=3e-5, atol=1e-6 * np.abs(reference).max())
    assert int(ours[3]) == 20


def test_adam_with_settings_that_the_kernel_lacks_is_keras_adam():
    def with_maximum(rate, epsilon):
        return Adam(rate, epsilon=epsilon, amsgrad=True)

    def keras_own(rate, epsilon):
        return keras.optimizers.Adam(rate, epsilon=epsilon, amsgrad=True)

    for mine, reference in zip(updated(with_maximum, 1e-7), updated(keras_own, 1e-7), strict=True):
        np.testing.assert_array_equal(mine, reference)


def test_adam_of_a_weight_that_no_gradient_reaches_stays_where_it_is():
    optimizer, weight = Adam(0.1), keras.Variable(np.ones(3, np.float32))
    other = keras.Variable(np.ones(2, np.float32))
    optimizer.build([weight, other])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply_gradients([(tf.ones(3), weight), (None, other)])
    np.testing.assert_allclose(weight, 0.9, rtol=1e-5)
    np.testing.assert_array_equal(other, 1.0)
