"""Our Adam against Keras' own, and against losses of any scale."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from daenr_tf import metrics, pipeline
from daenr_tf.config import ModelConfig, TrainConfig
from daenr_tf.models.build import adam, build_model
from daenr_tf.models.optimizer import EPSILON, Adam
from daenr_tf.training import train


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


# The scale of the loss


def steps_of(gradients, rate=0.1, steps=8):
    """What the optimizer of training moves a weight by in each of some steps of one gradient, (steps, gradients)."""
    optimizer, weight = adam(rate), keras.Variable(np.zeros(len(gradients), np.float32))
    optimizer.build([weight])

    @tf.function
    def step():
        optimizer.apply_gradients([(tf.constant(gradients, tf.float32), weight)])

    places = [np.zeros(len(gradients))]
    for _ in range(steps):
        step()
        places.append(weight.numpy().copy())
    return np.diff(places, axis=0)


@pytest.mark.parametrize("gradient", [1.0, 3e-9, 3e-13, 1e12])
def test_a_step_is_the_learning_rate_whatever_the_size_of_the_gradient(gradient):
    np.testing.assert_allclose(steps_of([gradient, -gradient]), [[-0.1, 0.1]] * 8, rtol=3e-3)


def test_no_gradient_however_small_moves_a_weight_by_more_than_the_rate_or_to_nan():
    """Squares of 1e-20 are no numbers of float32: the second moment is 0 there, and 0 / 0 is not far."""
    gradients = [0.0, *(10.0**power for power in range(-45, -9))]
    moved = steps_of(gradients)
    assert np.isfinite(moved).all() and (np.abs(moved) < 0.11).all()
    np.testing.assert_array_equal(moved[:, 0], 0.0)


def trained(recording, recipe, scale, place, precision="float32"):
    """After 40 steps at alpha:beta 1:2, times `scale`: (PCC, Poisson loss on the validation set, weights)."""
    config = ModelConfig(recipe, layer=1, image_size=(8, 8), latent_size=4, precision=precision)
    model = build_model(config, recording)
    weights = TrainConfig("nrs", scale, 2 * scale, batch_size=20, max_steps=40, validate_every=40)
    history = train(model, recording, weights, str(place)).history
    images = pipeline.prepare_images(recording.test_images, recording, model.image_settings)
    predicted = np.asarray(model(images)["response"])
    pcc = metrics.pearson_per_neuron(predicted, recording.test_responses).mean()
    return pcc, history["val_response"].iloc[-1], model.get_weights()


@pytest.mark.parametrize(
    "recipe", ["cae_fr", "cae_fc", pytest.param("vae_fm", marks=pytest.mark.slow)]
)
def test_alpha_and_beta_1e_5_times_as_large_train_the_same_model(recording, tmp_path, recipe):
    pcc, poisson, weights = trained(recording, recipe, 1.0, tmp_path / "large")
    others = trained(recording, recipe, 1e-5, tmp_path / "small")
    assert others[0] == pytest.approx(pcc, abs=1e-4)
    assert others[1] == pytest.approx(poisson, rel=1e-5)
    for ours, theirs in zip(weights, others[2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-3 * np.abs(theirs).max())


@pytest.mark.parametrize("recipe", ["cae_fr", pytest.param("cae_fc", marks=pytest.mark.slow)])
def test_in_bfloat16_too(recording, tmp_path, recipe):
    """By a power of 2, which changes no digit: what differs in bfloat16 beyond the digits would be a damped step."""
    pcc, poisson, _ = trained(recording, recipe, 1.0, tmp_path / "a", precision="mixed_bfloat16")
    others = trained(recording, recipe, 2.0**-17, tmp_path / "b", precision="mixed_bfloat16")
    assert others[0] == pytest.approx(pcc, abs=5e-3)
    assert others[1] == pytest.approx(poisson, rel=1e-3)


def test_an_optimizer_of_a_file_keeps_the_epsilon_that_it_was_saved_with():
    old = Adam(1e-3, epsilon=1e-8)
    assert Adam.from_config(old.get_config()).epsilon == 1e-8
    assert adam(1e-3).epsilon == EPSILON
