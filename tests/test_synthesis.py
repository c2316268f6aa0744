"""Images that are synthesised for a goal: what can be known of them beforehand, of a twin whose neurons are known functions."""

import numpy as np
import pytest
import tensorflow as tf
from refusal import refused
from scipy.ndimage import gaussian_filter

from daenr_tf.recordings.simulated.regions import fresh_images, simulate, true_rates
from daenr_tf.tools.twin_truth import separations
from daenr_tf.twin import goals, natural, scores, synthesis
from daenr_tf.twin.ascent import Codes, noise
from daenr_tf.twin.member import Member
from daenr_tf.twin.preconditioning import preconditioner
from daenr_tf.twin.stimulus import Constraint, contrast_of
from daenr_tf.twin.synthesis import Plan, synthesise
from daenr_tf.twin.twin import Twin

RANDOM = np.random.default_rng(1)
SHAPE, NEURONS, LATENT = (8, 10, 1), 6, 5
FILTERS = noise(SHAPE, np.arange(NEURONS)[:, None])
FILTERS /= np.sqrt((FILTERS**2).sum(axis=(1, 2, 3), keepdims=True))
BASIS = noise(SHAPE, 100 + np.arange(LATENT)[:, None])
NATURAL = RANDOM.integers(0, 256, (40, 8, 10, 1), np.uint8)


def flat(images):
    return tf.reshape(images, (-1, np.prod(SHAPE)))


def linear_twin(filters=FILTERS, with_code=True):
    """Neurons that are a softplus of a filter's output, and a decoder that adds up pictures."""
    weights = filters.reshape(NEURONS, -1).T
    heads = {"respond": lambda images: tf.nn.softplus(flat(images) @ weights)}
    if with_code:
        heads["decode"] = lambda latent: tf.reshape(
            latent @ BASIS.reshape(LATENT, -1), (-1, *SHAPE)
        )
        heads["encode"] = lambda images: flat(images) @ BASIS.reshape(LATENT, -1).T
    latent = LATENT if with_code else None
    return Twin([Member("made up", None, SHAPE, (0.0, 255.0), None, {}, NEURONS, latent, heads)])


def plan(kind=goals.EXCITE, neurons=range(NEURONS), **settings):
    targets = settings.pop("targets", None)
    targets = kind.targets(neurons, NEURONS) if targets is None else targets
    numbers = list(neurons)[: len(targets)]
    return Plan(kind, targets, numbers, Constraint(0.2, 0.0), **{"starts": 2, **settings})


def made(twin, asked):
    return synthesise(twin, asked, natural.seen(twin, NATURAL, "made up"))


@pytest.mark.parametrize("mean", [None, -0.3])
def test_images_come_to_the_contrast_and_stay_in_the_range(mean):
    images = tf.constant(RANDOM.normal(0.4, 1.5, (20, *SHAPE)).astype(np.float32))
    brought = Constraint(0.5, mean).apply(images)
    assert float(tf.reduce_max(tf.abs(brought))) <= 1
    np.testing.assert_allclose(contrast_of(brought), 0.5, atol=5e-3)
    if mean is not None:
        np.testing.assert_allclose(tf.reduce_mean(brought, axis=(1, 2, 3)), mean, atol=0.02)


def test_what_no_image_can_be_is_refused():
    for contrast, mean in ((0.0, None), (1.0, None), (0.6, 0.5)):
        with refused("expected"):
            Constraint(contrast, mean)


def test_the_gaussian_is_scipys():
    images = RANDOM.normal(size=(3, 16, 12, 2)).astype(np.float32)
    found = preconditioner("gaussian", 16, 12, 1.2)(tf.constant(images))
    expected = gaussian_filter(images, (0, 1.2, 1.2, 0), mode="wrap", truncate=8)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_the_fourier_filter_weakens_a_grating_by_its_frequency():
    across = np.arange(16) / 16
    gratings = np.stack([np.cos(2 * np.pi * k * across) for k in (1, 2, 4)])
    images = np.repeat(gratings[:, None, :, None], 16, axis=1).astype(np.float32)
    found = preconditioner("fourier", 16, 16, 2.0)(tf.constant(images))
    np.testing.assert_allclose(found, images / np.array([1, 4, 16])[:, None, None, None], atol=1e-5)
    with refused("fourier", "found box"):
        preconditioner("box", 16, 16)


def test_scores_are_those_of_numpy():
    responses = RANDOM.gamma(1.0, 1.0, (7, NEURONS)).astype(np.float32)
    scale = scores.Scale.of(RANDOM.gamma(1.0, 1.0, (30, NEURONS)))
    standard = (responses - scale.mean) / scale.deviation
    targets = np.tile(goals.each([2], NEURONS), (7, 1))
    above, _, spread = scores.separation(standard, targets)
    np.testing.assert_allclose(above / spread, separations(standard, [2] * 7), rtol=1e-5)
    asked = RANDOM.gamma(1.0, 1.0, (7, NEURONS)).astype(np.float32)
    error = (((responses - asked) / scale.deviation) ** 2).mean(axis=1)
    np.testing.assert_allclose(scores.near(responses, asked, scale), -error, rtol=1e-5)
    assert np.all(scores.near(responses, responses, scale) == 0)


def test_white_codes_have_the_covariance_of_the_natural_ones_taken_out():
    codes = RANDOM.normal(size=(500, 4)) @ RANDOM.normal(size=(4, 4)) + 3
    known = Codes.of(codes)
    white = known.whitened(codes)
    np.testing.assert_allclose(np.cov(white.T), np.eye(4), atol=0.02)
    np.testing.assert_allclose(known.coloured(white), codes, atol=1e-3)
    lengths = np.linalg.norm(known.within(tf.constant(10 * white)), axis=1)
    assert lengths.max() <= known.radius * 1.0001
    assert np.mean(np.linalg.norm(white, axis=1) <= known.radius) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(("name", "strength"), [("fourier", 0), ("fourier", 1), ("gaussian", 1)])
def test_the_image_that_drives_a_filter_most_is_the_filter_as_preconditioned(name, strength):
    found = made(linear_twin(), plan(precondition=name, strength=strength))
    expected = preconditioner(name, *SHAPE[:2], strength)(tf.constant(FILTERS)).numpy()
    for image, planted in zip(found["images"], expected, strict=True):
        assert np.corrcoef(image.ravel(), planted.ravel())[0, 1] > 0.98
    np.testing.assert_allclose(found["contrast"], 0.2, atol=2e-3)
    assert np.all(found["score"] > found["natural_score"])
    assert np.all(found["score"] == found["start_scores"].max(axis=1))


def test_the_latent_method_gives_only_what_the_decoder_makes():
    found = made(linear_twin(), plan(method="latent"))
    spanned = np.concatenate([BASIS.reshape(LATENT, -1), np.ones((1, 80), np.float32)])
    residual = np.linalg.lstsq(spanned.T, found["images"].reshape(NEURONS, -1).T, rcond=None)[1]
    assert residual.max() < 1e-3
    assert found["score"].mean() > found["natural_score"].mean()
    pixels = made(linear_twin(), plan(precondition="fourier", strength=0))
    assert np.all(pixels["score"] >= found["score"] - 1e-3)


def test_a_method_that_the_twin_lacks_a_code_for_is_refused():
    with refused("made up", "a continuous code"):
        made(linear_twin(with_code=False), plan(method="latent"))


def test_one_neuron_is_driven_and_the_rest_kept_down():
    twin = linear_twin()
    scale, apart = natural.seen(twin, NATURAL, "made up").scale, {}
    for kind in (goals.EXCITE, goals.CONTROLS["one-hot"]):
        found = made(twin, plan(kind))
        apart[kind.name] = separations(scale.standardise(found["responses"]), range(NEURONS))
    assert apart["one-hot"].min() > 3 and np.all(apart["one-hot"] > apart["excite"])
    assert np.all(found["responses"].argmax(axis=1) == np.arange(NEURONS))


def test_a_group_is_driven_together():
    found = made(linear_twin(), plan(goals.CONTROLS["group"], neurons=(1, 4)))
    assert found["images"].shape == (1, *SHAPE)
    assert set(np.argsort(found["responses"][0])[-2:]) == {1, 4}


def test_responses_that_an_image_brought_about_are_reached():
    twin = linear_twin()
    image = Constraint(0.2, 0.0).apply(noise(SHAPE, np.array([[77]])))
    asked = plan(
        goals.CONTROLS["vector"], range(1), targets=np.asarray(twin.respond(image)), steps=150
    )
    found = made(twin, asked)
    deviation = natural.seen(twin, NATURAL, "made up").scale.deviation
    apart = np.abs(found["responses"] - asked.targets) / deviation
    assert (
        apart.max() < 0.05 < (np.abs(found["natural_responses"] - asked.targets) / deviation).max()
    )


def test_a_seed_gives_the_same_bits_and_a_goal_its_own_starts(monkeypatch):
    twin = linear_twin()
    once, again = made(twin, plan(steps=5)), made(twin, plan(steps=5))
    assert all(np.array_equal(once[name], again[name]) for name in once)
    other = made(twin, plan(steps=5, seed=1))
    assert not np.array_equal(once["images"], other["images"])
    monkeypatch.setattr(synthesis, "AT_ONCE", 2)
    apart = made(twin, plan(steps=5, neurons=(2, 4)))
    np.testing.assert_allclose(apart["images"], once["images"][[2, 4]], atol=1e-5)


def test_the_true_rates_are_those_that_the_recording_was_made_of():
    known = simulate(3)
    rates = true_rates(3)(known.images[:5, ..., 0])
    np.testing.assert_array_equal(rates, known.truth["rates"][:5])
    fresh = fresh_images(3, 4, 0)
    assert fresh.shape == (4, 31, 31)
    assert not any((known.images[..., 0] == one).all(axis=(1, 2)).any() for one in fresh)
