"""The linear-nonlinear Poisson model with a prior for smooth filters: rate = softplus(w·image + bias).

Per neuron it minimises, over training images, mean (rate - response log rate) + strength · a / 2 · |(d - D) w|², with the penalty on second differences
of `pixels.Smooth`. a = softplus'(b)² / mean response, b where softplus(b) is the mean response, is the Fisher information of a filter's output there:
with it one strength means the same to neurons that fire much and little, and the first step from a flat filter is a ridge regression of that strength.

References: Chichilnisky, "A simple white noise analysis of neuronal light responses", Network 12, 2001. Paninski, "Maximum likelihood estimation of
cascade point-process neural encoding models", Network 15, 2004: the likelihood has no local
optima. Klindt et al., NIPS 2017, put a Laplacian's penalty on filters likewise.
"""

from __future__ import annotations

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike
from scipy.special import expit

from daenr_tf.baselines.axes import Axes, Linear, in_parts
from daenr_tf.errors import InputError
from daenr_tf.machine import blocks
from daenr_tf.metrics import poisson_per_neuron
from daenr_tf.missing import mean as known_mean
from daenr_tf.missing import mean_over_neurons

MOST_AXES = 512
SHARES = 10.0 ** np.arange(-7, 0.25, 0.5)  # strengths, of the variance of all smoothed features
NEURONS_AT_ONCE = 64
CHOSEN_ON = 512  # neurons, evenly spaced, at most
MOST_STEPS = 200  # of L-BFGS
LEAST_MEAN = (
    1e-3  # of the largest mean response, what a neuron that is all but silent is taken to answer
)
LOWEST = -30.0  # of the filter's output, under which the rate is 0 in all but name


class LNP(Linear):
    """A fitted population: rates, a softplus of what is linear in the axes of smoothed images. Its `tried` is the mean Poisson loss."""

    def predict(self, images: np.ndarray | blocks.Rows) -> np.ndarray:
        """(images, ...) -> rates (images, neurons)."""
        return _rate(super().predict(images))


def fit(
    axes: Axes,
    images: np.ndarray | blocks.Rows,
    responses: ArrayLike,
    validation_images: np.ndarray | blocks.Rows,
    validation_responses: ArrayLike,
) -> LNP:
    """Fit a population. One strength for all neurons, the one with the lowest Poisson loss on the validation images, over at most 512 neurons.

    Args:
        axes: `Axes` of the training images.
        images, responses: (images, ...), (images, neurons), to train on.
        validation_images, validation_responses: likewise, to choose the strength by.
    """
    responses, held_out = (np.asarray(r, np.float64) for r in (responses, validation_responses))
    seen, unseen = (
        np.concatenate([axes(part) for _, part in in_parts(stack)])
        for stack in (images, validation_images)
    )
    neurons = responses.shape[1]
    some = np.linspace(0, neurons - 1, min(neurons, CHOSEN_ON)).astype(int)
    best, tried, start = (np.inf,), {}, None
    for strength in sorted(SHARES * (axes.power.sum() or 1.0), reverse=True):
        start = maximum(seen, axes.power, responses[:, some], strength, start)
        predicted = _rate(unseen @ start[0] + start[1])
        tried[float(strength)] = loss = mean_over_neurons(
            poisson_per_neuron(predicted, held_out[:, some])
        )
        if loss < best[0]:
            best = (loss, float(strength), start)
    if len(best) == 1:
        raise InputError(
            "--seed: expected a split with neurons that can be scored on the validation set, found none"
        )
    _, strength, (weights, bias) = best
    if neurons > len(some):
        weights, bias = maximum(seen, axes.power, responses, strength)
    return LNP(axes, weights, bias, strength, tried)


def maximum(
    seen: np.ndarray,
    power: np.ndarray,
    responses: np.ndarray,
    strength: float,
    start: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The most likely filters under a penalty, by L-BFGS from `start` or from flat ones.

    Args:
        seen: (images, axes), uncorrelated columns of mean 0.
        power: (axes,), their variances.
        responses: (images, neurons), NaN where one is missing: it is left out of the neuron's mean.
        strength: float.
        start: (weights, bias) to begin with.

    Returns:
        (axes, neurons) weights and (neurons,) bias.
    """
    mean = known_mean(responses)
    mean = np.where(np.isnan(mean), 0, mean)
    mean = np.maximum(mean, LEAST_MEAN * (mean.max() or 1.0))
    flat = mean + np.log(-np.expm1(-mean))  # softplus(flat) is the mean
    information = expit(flat) ** 2 / mean
    weights = np.empty((seen.shape[1], responses.shape[1]))
    bias = np.empty(responses.shape[1])
    for some in blocks.batches(len(bias), NEURONS_AT_ONCE, 1, NEURONS_AT_ONCE):
        begin = (
            (np.zeros_like(weights[:, some]), flat[some])
            if start is None
            else (start[0][:, some], start[1][some])
        )
        weights[:, some], bias[some] = _block(
            seen, power + strength, responses[:, some], strength, information[some], *begin
        )
    return weights, bias


def _block(seen, curvature, responses, strength, information, weights, bias):
    """`maximum` of a few neurons; in units in which the curvature of a flat filter is 1 in every direction."""
    scale = np.sqrt(np.concatenate([[1.0], curvature])[:, None] * information)
    known = ~np.isnan(responses)
    whole, share = known.all(), known / np.maximum(known.sum(axis=0), 1)
    responses = np.where(known, responses, 0)

    def loss(flat):
        both = flat.reshape(scale.shape) / scale
        bias, weights = both[0], both[1:]
        output = seen @ weights + bias
        rate = _rate(output)
        penalised = strength * information * weights
        each = rate - responses * np.log(rate)
        value = (each.mean(axis=0) if whole else (share * each).sum(axis=0)).sum() + 0.5 * (
            penalised * weights
        ).sum()
        slope = expit(output) * (1 - responses / rate)
        slope = slope / len(seen) if whole else slope * share
        gradient = np.concatenate([slope.sum(axis=0)[None], seen.T @ slope + penalised]) / scale
        return value, gradient.ravel()

    start = (np.concatenate([bias[None], weights]) * scale).ravel()
    options = {"maxiter": MOST_STEPS, "ftol": 1e-10, "gtol": 1e-7}
    found = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    both = found.x.reshape(scale.shape) / scale
    return both[1:], both[0]


def _rate(output):
    return np.logaddexp(0, np.maximum(output, LOWEST))
