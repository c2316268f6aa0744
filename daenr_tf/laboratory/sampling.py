"""Responses drawn about expected ones: Poisson, or by the law that a recording's repeats follow.

The fitted law has, per neuron, the variance fano * mean + gain * mean^2 over presentations of one image. Where the repeats
are whole numbers it is a Poisson law whose rate has a gamma-distributed gain (negative binomial; its fano is 1), as in Goris,
Movshon & Simoncelli 2014, Nature Neuroscience 17:858-865. Else, as of deconvolved calcium, it is a Poisson number of events with
exponential amplitudes (of mean fano / 2) under the same gain: responses are >= 0 and often exactly 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.errors import refusal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

KINDS = ("rates", "poisson", "fitted")
LEAST_FANO = 1e-3
LEAST_RATE = 1e-9  # spikes per presentation


@dataclass(frozen=True)
class Law:
    """How responses vary over presentations.

    Attributes:
        counts: whether responses are whole numbers.
        fano: (neurons,), the variance per mean at small means.
        gain: (neurons,), the variance of the gain.
    """

    counts: bool
    fano: np.ndarray
    gain: np.ndarray

    def variance(self, rates: np.ndarray) -> np.ndarray:
        """Of a response with the mean `rates` (..., neurons)."""
        return self.fano * rates + self.gain * rates**2


def poisson(neurons: int) -> Law:
    """The Poisson law."""
    return Law(True, np.ones(neurons), np.zeros(neurons))


def fit(trials: ArrayLike, what: str = "test_trials") -> Law:
    """The law of repeats (repeats, images, neurons), NaN where one is missing.

    fano and gain are those, not negative, whose variance comes nearest to that over repeats, in squares over images.

    Raises:
        InputError: no image of some neuron was shown at least twice.
    """
    trials = np.asarray(trials, float)
    known = ~np.isnan(trials)
    many = known.sum(axis=0)
    total = np.where(known, trials, 0).sum(axis=0)
    mean = total / np.maximum(many, 1)
    spread = np.where(known, trials - mean, 0)
    variance = (spread**2).sum(axis=0) / np.maximum(many - 1, 1)
    usable = many > 1
    if not usable.any(axis=0).all():
        raise refusal(
            what, "images that were shown at least twice, to fit a law of responses to", "none"
        )
    counts = bool(np.all(trials[known] == np.round(trials[known])))
    pairs = [
        _least_squares(mean[chosen, neuron], variance[chosen, neuron], counts)
        for neuron, chosen in enumerate(usable.T)
    ]
    fano, gain = np.array(pairs).T
    return Law(counts, fano, gain)


def _least_squares(mean, variance, counts):
    from scipy.optimize import nnls

    # The variance of an estimated variance grows with its square: each image counts by its mean.
    weight = 1 / np.maximum(mean, max(mean.mean(), LEAST_RATE) / 10)
    if counts:
        (gain,), _ = nnls((weight * mean**2)[:, None], weight * np.maximum(variance - mean, 0))
        return 1.0, gain
    (fano, gain), _ = nnls(np.stack([weight * mean, weight * mean**2], 1), weight * variance)
    return max(fano, LEAST_FANO), gain


def draw(rates: np.ndarray, law: Law, repeats: int, seed: int, stream: int = 0) -> np.ndarray:
    """Presentations (repeats, images, neurons) float32 with the mean `rates` (images, neurons) and a law's variance;
    `stream` tells apart draws of one seed."""
    import tensorflow as tf
    from tensorflow_probability import distributions as tfd

    rates = tf.constant(np.maximum(rates, LEAST_RATE), tf.float32)
    gain, fano = (tf.constant(value, tf.float32) for value in (law.gain, law.fano))

    def gamma(concentration, rate, number):
        return tfd.Gamma(concentration, rate).sample(seed=tf.constant([seed, 3 * stream + number]))

    rates = tf.repeat(rates[None], repeats, axis=0)
    shape = 1 / tf.maximum(gain, 1e-6)  # nearly none
    shape = tf.broadcast_to(shape, tf.shape(rates))
    rates = tf.where(gain > 0, rates * gamma(shape, shape, 0), rates)
    if law.counts:
        return (
            tfd.Poisson(rates)
            .sample(seed=tf.constant([seed, 3 * stream + 1]))
            .numpy()
            .astype(np.float32)
        )
    amplitude = fano / 2
    events = tfd.Poisson(rates / amplitude).sample(seed=tf.constant([seed, 3 * stream + 1]))
    total = gamma(tf.maximum(events, 1), tf.ones_like(events), 2) * amplitude
    return tf.where(events > 0, total, 0.0).numpy().astype(np.float32)
