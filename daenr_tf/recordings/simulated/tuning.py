"""How the neurons of a population answer to images, but for their mean rate and the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.recordings.simulated.gabors import SCALE
from daenr_tf.recordings.simulated.surround import contrast_energy

if TYPE_CHECKING:
    from daenr_tf.recordings.simulated.population import Population


class Tuning:
    """The tuning of a population, in units that reference images give.

    With z(.) a z-score over the reference images, and d = w . (image - 128), d' that of the filter a quarter of a cycle on:

        field   = z(d) for a simple, z(sqrt(d^2 + d'^2)) for a complex cell
        subunit = z(max(0, d)), or z(sqrt(d^2 + d'^2)) where it is complex
        drive   = sqrt(lead) field + sqrt(1 - lead) sum of weight * subunit
        normalised = drive / sqrt(1 + suppression * contrast)
        tuning  = max(0, normalised / its RMS - threshold)^2

    where contrast is the energy in the surround (`contrast_energy`) in units of its mean, and the RMS is over the reference images.

    Called on images (images, 31, 31) uint8 it gives the tuning (images, neurons) float64.

    Args:
        population: `Population`.
        reference: (reference images, 31, 31) uint8.

    Attributes:
        means, deviations: [of the fields (neurons,), of the subunits (neurons, subunits)], grey levels.
        contrast: (neurons,), the mean energy in the surround.
        rms: (neurons,), of the normalised drive.
    """

    def __init__(self, population: Population, reference: np.ndarray) -> None:
        self.population = population
        answers = self._answers(reference)
        self.means = [np.round(answer.mean(axis=0), 6) for answer in answers]
        self.deviations = [np.round(answer.std(axis=0), 6) for answer in answers]
        self.contrast = np.round(self._energy(reference).mean(axis=0), 3)
        self.rms = 1.0
        normalised = self._normalised(reference)
        self.rms = np.round(np.sqrt((normalised * normalised).mean(axis=0)), 9)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        above = np.maximum(self._normalised(images) - self.population.threshold, 0)
        return above * above

    def _answers(self, images):
        """What the fields (images, neurons) and the subunits (images, neurons, subunits) give, grey levels."""
        fields, subunits = self.population.fields, self.population.subunits
        first, second = fields.drives(images)
        field = np.where(fields.complex, np.sqrt(first * first + second * second), first)
        first, second = subunits.drives(images)
        subunit = np.where(
            subunits.complex, np.sqrt(first * first + second * second), np.maximum(first, 0)
        )
        return field / SCALE, subunit / SCALE

    def _energy(self, images):
        return contrast_energy(images, self.population.fields.center, self.population.surround)

    def _normalised(self, images):
        field, subunit = (
            (answer - mean) / deviation
            for answer, mean, deviation in zip(
                self._answers(images), self.means, self.deviations, strict=True
            )
        )
        lead = self.population.lead
        pooled = (subunit * self.population.weights).sum(axis=2)
        drive = np.sqrt(lead) * field + np.sqrt(1 - lead) * pooled
        contrast = self._energy(images) / self.contrast
        return drive / np.sqrt(1 + self.population.suppression * contrast) / self.rms
