"""The neurons of the simulated recording that a fitted model stands in for, to hold it against.

`Planted.of` finds them; `TrueNeurons` are they as a twin is: whatever is asked of a fitted model can be asked of the truth.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf

from daenr_tf.errors import refusal
from daenr_tf.recordings.simulated import gabors, surround
from daenr_tf.recordings.simulated.dead_leaves import SIDE
from daenr_tf.recordings.simulated.regions import true_rates, true_tuning
from daenr_tf.runs.results_file import read_results
from daenr_tf.twin.origin import recording_of

if TYPE_CHECKING:
    from daenr_tf.recordings.recording import Recording

RESULTS, NEURONS = "results.json", "neurons.csv"
RESAMPLES, SEED = 2000, 0
LEAST = 1e-6  # squared grey levels, for the root of an energy to have a gradient at 0


@dataclasses.dataclass(frozen=True)
class Planted:
    """What a run on the simulated recording was fitted to.

    Attributes:
        region: int.
        recording: `Recording`, with its truth.
        neurons: `pandas.DataFrame`, the run's `neurons.csv`.
        chosen: (neurons that count,) int, those whose PCC is above half of their noise ceiling.
    """

    region: int
    recording: Recording
    neurons: pd.DataFrame
    chosen: np.ndarray

    @classmethod
    def of(cls, path: str) -> Planted:
        """That of a run's directory, or of an ensemble's. Raises `InputError` for any other, and where the recording is not simulated."""
        results = read_results(os.path.join(path, RESULTS), path)
        if not results["dataset"]["simulated"]:
            raise refusal(path, "a run on the simulated recording", "another")
        neurons = pd.read_csv(os.path.join(path, NEURONS))
        chosen = np.flatnonzero(neurons["pcc"] > 0.5 * neurons["noise_ceiling"])
        return cls(results["config"]["region"], recording_of(path), neurons, chosen)

    @property
    def rates(self) -> Callable[[np.ndarray], np.ndarray]:
        """(images, 31, 31) uint8 -> noiseless rates (images, neurons), spikes per presentation."""
        return true_rates(self.region)

    def filters(self, neurons: np.ndarray) -> np.ndarray:
        """(neurons, pixels), the Gabors that lead the drive of some neurons."""
        names = (field.name for field in dataclasses.fields(gabors.Gabors))
        return gabors.Gabors(*(self.recording.truth[name][neurons] for name in names)).filters()[0]


class TrueNeurons:
    """The neurons of a simulated region as a `Twin` answers: `respond` can be differentiated.

    The formulas are those of `recordings.simulated.tuning`, without its rounding; responses are the tuning over its mean, in
    which a rate is linear.
    """

    image_shape, pixel_range, resize = (SIDE, SIDE, 1), (0.0, 255.0), None
    members = (SimpleNamespace(path="the simulated neurons"),)

    def __init__(self, region: int) -> None:
        tuning, known = true_tuning(region)
        population = tuning.population
        self.neurons, self._population = len(population.lead), population
        self._fields = _Drives(population.fields, tuning, 0)
        self._subunits = _Drives(population.subunits, tuning, 1)
        pool = surround.pools(population.fields.center, population.surround)
        self._pool = _constant(pool.T / tuning.contrast)
        self._rms, self._mean = tuning.rms, known.mean(axis=0)

    def respond(self, images: tf.Tensor) -> tf.Tensor:
        """(batch, neurons) float32 of images (batch, 31, 31, 1) in [-1, 1]."""
        grey = (images[..., 0] + 1) * 127.5
        pixels, own = tf.reshape(grey - 128, (-1, SIDE * SIDE)), self._population
        first, second = self._fields(pixels)
        energy = tf.sqrt(first**2 + second**2 + LEAST)
        field = self._fields.standardised(tf.where(own.fields.complex, energy, first))
        first, second = self._subunits(pixels)
        energy = tf.sqrt(first**2 + second**2 + LEAST)
        subunits = tf.where(own.subunits.complex, energy, tf.maximum(first, 0))
        weights = _constant(np.sqrt(1 - own.lead)[:, None] * own.weights)
        pooled = tf.reduce_sum(self._subunits.standardised(subunits) * weights, axis=2)
        drive = _constant(np.sqrt(own.lead)) * field + pooled
        down = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
        across = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
        contrast = tf.reshape(down**2 + across**2, (-1, (SIDE - 2) ** 2)) @ self._pool
        normalised = drive / tf.sqrt(1 + _constant(own.suppression) * contrast)
        above = tf.maximum(normalised / _constant(self._rms) - _constant(own.threshold), 0)
        return above**2 / _constant(self._mean)


class _Drives:
    """What Gabors and those a quarter of a cycle on give to pixels (batch, 961), two (batch, ...), and its z-score over the recording."""

    def __init__(self, which, tuning, number):
        self.shape = which.phase.shape
        self.filters = [
            _constant(one.reshape(-1, SIDE * SIDE).T / gabors.SCALE) for one in which.filters()
        ]
        self.mean, self.deviation = tuning.means[number], tuning.deviations[number]

    def __call__(self, pixels):
        return [tf.reshape(pixels @ one, (-1, *self.shape)) for one in self.filters]

    def standardised(self, values):
        return (values - _constant(self.mean)) / _constant(self.deviation)


def _constant(values):
    return tf.constant(np.asarray(values), tf.float32)


def interval(values: np.ndarray, statistic: Callable = np.mean) -> list[float]:
    """[estimate, low, high]: a statistic of values (neurons,) and its 95 % bootstrap interval over neurons."""
    values = np.asarray(values, float)
    chosen = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(statistic(values[chosen], axis=1), (0.025, 0.975))
    return [float(statistic(values)), float(low), float(high)]
