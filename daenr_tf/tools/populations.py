"""Simulated studies whose truth is known, to try intervals on: what S seeds of two models reach on T images that are drawn anew in every study.

Both populations have a seed effect (a training went well), an image effect (an image is hard) and an interaction of the two, and in both the two
models share the seeds' and the images' effects in part, as models trained on the same splits and shown the same test images do.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

IMAGES = 50
_SPREAD = 0.05  # the standard error of a log error's mean, over seeds and images together


@dataclass(frozen=True)
class Errors:
    """Per-image errors such as the MSE.

    Attributes:
        seeds, images, interaction: shares of the variance of the mean over seeds and images, together 1.
        skewed: errors are exp of a normal variable instead of normal.
        hardness: the standard deviation over images of a log error that all models share.
    """

    seeds: float
    images: float
    interaction: float
    skewed: bool = False
    hardness: float = 0.0

    def _deviations(self, seeds: int) -> np.ndarray:
        return _SPREAD * np.sqrt(
            [self.seeds * seeds, self.images * IMAGES, self.interaction * seeds * IMAGES]
        )

    def truth(self, seeds: int, gain: float = 0.0) -> float:
        """The mean over all seeds and all images, of a model whose log error is lower by `gain`."""
        if not self.skewed:
            return 1 - gain
        return float(np.exp(-gain + (self.hardness**2 + (self._deviations(seeds) ** 2).sum()) / 2))

    def study(
        self, seeds: int, gains: Iterable[float], generator: np.random.Generator
    ) -> list[np.ndarray]:
        """One study: for each gain a model's (seeds, images)."""
        hardness = self.hardness * generator.normal(size=IMAGES)
        deviations = self._deviations(seeds)
        models = []
        for gain in gains:
            shapes = ((seeds, 1), (1, IMAGES), (seeds, IMAGES))
            effects = sum(
                d * generator.normal(size=shape)
                for d, shape in zip(deviations, shapes, strict=True)
            )
            models.append(np.exp(hardness + effects - gain) if self.skewed else 1 + effects - gain)
        return models


@dataclass(frozen=True)
class Failing:
    """Per-image errors of models of which some trainings fail; one that has a gain never does.

    Attributes:
        share: of the trainings that fail.
        excess: by what share of the error that makes it larger.
        hardness: the standard deviation over images of a log error that all trainings share.
    """

    share: float = 0.2
    excess: float = 1.0
    hardness: float = 0.5

    _own = 0.001  # the standard deviation over trainings and over images of what is left, in units of the error

    def truth(self, seeds: int, gain: float = 0.0) -> float:
        """The mean over all trainings and all images; the number of seeds doesn't matter."""
        return float(
            np.exp(self.hardness**2 / 2) * (1 + self.share * self.excess * (gain == 0) - gain)
        )

    def study(
        self, seeds: int, gains: Iterable[float], generator: np.random.Generator
    ) -> list[np.ndarray]:
        """One study: for each gain a model's (seeds, images)."""
        hardness = np.exp(self.hardness * generator.normal(size=IMAGES))
        models = []
        for gain in gains:
            failed = (generator.random((seeds, 1)) < self.share) & (gain == 0)
            own = generator.normal(size=(seeds, 1)) + generator.normal(size=(seeds, IMAGES))
            models.append(hardness * (1 + self.excess * failed - gain + self._own * own))
        return models


@dataclass(frozen=True)
class Predictions:
    """Predicted and observed responses of neurons of unlike signal-to-noise ratio, driven in part by what an image does to all neurons alike.

    A prediction is the neuron's signal and an error, which has a part of the image that every model gets wrong, one of the model in all its seeds,
    and one of the single training, whose size differs between trainings.

    Attributes:
        model: the standard deviation of the model's error, in units of the signal's.
        training: that of the single training's, its median.
        uneven: the standard deviation over trainings of the logarithm of that size.
        skewed: responses and predictions are exp of normal variables.
        neurons: how many.
    """

    model: float
    training: float
    uneven: float
    skewed: bool = False
    neurons: int = 40

    _everyone = 0.7  # the error that all models share
    _together = 0.3  # the share of each variance that all neurons have in common
    _log_deviation = 0.6  # of skewed responses

    def truth(self, gain: float = 0.0) -> float:
        """The mean PCC over all seeds and images, in closed form for each size of the training's error."""
        sizes = self._size(gain, np.random.default_rng(0).normal(size=20_000))[:, None]
        pcc = 1 / np.sqrt(
            (1 + self._everyone**2 + self.model**2 + sizes**2) * (1 + self._noise() ** 2)
        )
        if self.skewed:
            pcc = np.expm1(self._log_deviation**2 * pcc) / np.expm1(self._log_deviation**2)
        return float(pcc.mean())

    def study(
        self, seeds: int, gains: Iterable[float], generator: np.random.Generator
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """One study: for each gain a model's predictions (seeds, images, neurons), and the observed responses (images, neurons)."""
        signal, shared, noise = (
            self._field(generator),
            self._everyone * self._field(generator),
            generator.normal(size=(IMAGES, self.neurons)),
        )
        models = []
        for gain in gains:
            sizes = self._size(gain, generator.normal(size=seeds))[:, None, None]
            drive = (
                signal
                + shared
                + self.model * self._field(generator)
                + sizes * self._field(generator, seeds)
            )
            deviation = np.sqrt(1 + self._everyone**2 + self.model**2 + sizes**2)
            models.append(self._response(drive / deviation))
        return models, self._response(
            (signal + self._noise() * noise) / np.sqrt(1 + self._noise() ** 2)
        )

    def _noise(self) -> np.ndarray:
        return np.linspace(0.5, 4, self.neurons)

    def _size(self, gain, effects) -> np.ndarray:
        return (1 - gain) * self.training * np.exp(self.uneven * effects)

    def _response(self, drive) -> np.ndarray:
        return np.exp(self._log_deviation * drive) if self.skewed else drive

    def _field(self, generator, *leading) -> np.ndarray:
        """Normal variables of variance 1, (..., images, neurons), with a part that is the image's."""
        own = generator.normal(size=(*leading, IMAGES, self.neurons))
        common = generator.normal(size=(*leading, IMAGES, 1))
        return np.sqrt(1 - self._together) * own + np.sqrt(self._together) * common
