"""Receptive fields of a fitted model: gradients with respect to the image, and their centres."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.laboratory import gabor_fit, stimuli
from daenr_tf.models import served
from daenr_tf.receptive_fields import map_centers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from daenr_tf.laboratory.subject import Subject

IMAGES = 64  # that gradients are averaged over
SHOWN = 2000  # that Gabors are fitted to the answers to


def probes(subject: Subject, seed: int, count: int = IMAGES) -> np.ndarray:
    """Natural-like images, (count, height, width, channels) uint8; gradients are taken at IMAGES of them."""
    drawn = stimuli.natural(subject.shape, count, seed)
    return np.repeat(drawn[..., None], subject.channels, axis=-1)


def gradient_fields(
    subject: Subject, neurons: Sequence[int], seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient receptive fields, as `Subject.gradients` gives them, over natural-like images.

    The mean shows what a simple cell sums; of a complex cell it vanishes, and the root mean square shows where it looks.
    """
    return subject.gradients(probes(subject, seed), neurons)


def centers_of(subject: Subject, seed: int = 0) -> np.ndarray:
    """(neurons, 2), row and column of each neuron's receptive field in the model's pixels: the peak of the smoothed root mean
    square gradient."""
    return map_centers(gradient_fields(subject, range(subject.neurons), seed)[1])


def gabors_of(
    subject: Subject, neurons: Sequence[int], seed: int = 0, centers: np.ndarray | None = None
) -> pd.DataFrame:
    """The Gabors that follow some neurons' answers to natural-like images, as `gabor_fit.fit` gives them; about `centers` (those of
    `centers_of` by default)."""
    neurons = list(neurons)
    if centers is None:
        centers = centers_of(subject, seed)[neurons]
    shown = probes(subject, seed + 1, SHOWN)
    return gabor_fit.fit(shown, subject.rates(shown)[:, neurons], centers, neurons)


def masks_of(path: str) -> np.ndarray | None:
    """(neurons, rows, columns), the masks that the readout of a fitted model has; None where it has none, an export does not hold them,
    or several models do.

    Args:
        path: as of `Twin.open`, one.
    """
    from daenr_tf.twin.origin import models_of

    (place, *more) = map(served.locate, models_of(path))
    if more or not os.path.isfile(place):
        return None
    from daenr_tf.models.keras_file import load_model

    readout = load_model(place).readout
    return readout.masks() if readout and readout.figure else None
