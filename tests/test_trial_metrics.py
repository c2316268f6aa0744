"""FEV, FEVE and single-trial correlation against closed forms and plain loops."""

import numpy as np
import pytest

from daenr_tf import metrics
from daenr_tf.errors import InputError
from daenr_tf.machine import blocks


def trials_of(rates, repeats, deviation, seed=7):
    noise = np.random.default_rng(seed).normal(size=(repeats, *rates.shape))
    return rates + deviation * noise


def in_a_loop(predicted, trials):
    """(single-trial PCC, FEV, FEVE) of one neuron, as the formulas are written: (images,), (repeats, images). The latter two are of the images
    with two trials or more."""
    pairs, repeated, within = [], [], []
    for image, answers in enumerate(trials.T):
        known = answers[~np.isnan(answers)]
        pairs += [(predicted[image], answer) for answer in known]
        if len(known) > 1:
            repeated += [(predicted[image], answer) for answer in known]
            within.append(known.var(ddof=1))
    single = np.corrcoef(*np.array(pairs).T)[0, 1]
    x, y = np.array(repeated).T
    total, noise, error = y.var(ddof=1), np.mean(within), ((x - y) ** 2).mean()
    share = (total - noise) / total
    feve = 1 - (error - noise) / (total - noise) if share >= 0.15 else np.nan
    return single, share, feve


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_they_are_what_the_formulas_say(missing):
    rng = np.random.default_rng(1)
    rates = rng.gamma(2.0, 1.0, (20, 6))
    trials = trials_of(rates, 5, rng.uniform(0.5, 5.0, 6))
    trials[rng.random(trials.shape) < missing] = np.nan
    trials[1:, 3, 2] = np.nan  # an image with a single trial
    trials[:, 4, 2] = np.nan  # and one without any
    predicted = rates + rng.normal(size=rates.shape)
    expected = np.transpose(
        [in_a_loop(predicted[:, n], trials[:, :, n]) for n in range(rates.shape[1])]
    )
    found = (
        metrics.single_trial_pearson(predicted, trials),
        metrics.explainable_variance(trials),
        metrics.explained_variance(predicted, trials),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert 0 < np.isnan(expected[2]).sum() < 6


def test_a_perfect_model_explains_all_and_the_mean_response_nothing():
    rates = np.random.default_rng(0).normal(size=(4000, 3))
    trials = trials_of(rates, 10, 2.0)
    np.testing.assert_allclose(metrics.explainable_variance(trials), 1 / 5, atol=0.02)
    np.testing.assert_allclose(metrics.explained_variance(rates, trials), 1, atol=0.03)
    mean = np.broadcast_to(trials.mean(axis=(0, 1)), rates.shape)
    np.testing.assert_allclose(metrics.explained_variance(mean, trials), 0, atol=0.03)
    # Unlike a correlation it sees a wrong scale: 1 - E[(2x - x)²] / Var(x) = 0.
    np.testing.assert_allclose(metrics.explained_variance(2 * rates, trials), 0, atol=0.1)
    # A perfect model correlates with single trials by sqrt(FEV).
    found = metrics.single_trial_pearson(rates, trials)
    np.testing.assert_allclose(found, np.sqrt(1 / 5), atol=0.02)


def test_what_a_neuron_has_not_is_not_told():
    trials = trials_of(np.random.default_rng(0).normal(size=(30, 4)), 6, 1.0)
    trials[..., 0] = 2.5  # answers alike
    trials[1:, :, 1] = np.nan  # no repeats
    trials[:, :, 2] = np.random.default_rng(1).normal(size=(6, 30))  # noise
    predicted = np.nanmean(trials, axis=0)
    assert np.isnan(metrics.explainable_variance(trials)).tolist() == [True, True, False, False]
    feve = metrics.explained_variance(predicted, trials)
    assert np.isnan(feve).tolist() == [True, True, True, False]
    assert metrics.single_trial_pearson(predicted, trials)[0] == 0


def test_the_neurons_that_are_worked_on_at_a_time_change_no_figure(monkeypatch):
    rates = np.random.default_rng(0).normal(size=(20, 7))
    trials = trials_of(rates, 4, 0.5)
    trials[2, 3] = np.nan

    def figures():
        return (
            metrics.single_trial_pearson(rates, trials),
            metrics.explainable_variance(trials),
            metrics.explained_variance(rates, trials),
        )

    whole = figures()
    monkeypatch.setattr(blocks, "BYTES", 3 * 20 * 8)
    np.testing.assert_array_equal(figures(), whole)


def test_predictions_of_other_images_are_refused():
    for measure in (metrics.single_trial_pearson, metrics.explained_variance):
        with pytest.raises(
            InputError, match=r"predicted: expected .* \(9, 3\), found shape \(8, 3\)"
        ):
            measure(np.zeros((8, 3)), np.zeros((2, 9, 3)))
