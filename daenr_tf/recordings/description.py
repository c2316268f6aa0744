"""What a recording is like, in figures: its images, its responses, how far they repeat
themselves, and what a split does to it."""

from dataclasses import dataclass

import numpy as np

from daenr_tf import metrics
from daenr_tf.missing import known_counts, mean
from daenr_tf.recordings import checks
from daenr_tf.recordings.recording import Recording
from daenr_tf.recordings.splits import image_groups

MOST_BYTES = 32 << 20  # of images that are floats at once
BINS = 64  # of the histogram of grey levels
SEED = 0  # of the split that is described


@dataclass(frozen=True)
class Description:
    """A recording in figures.

    Attributes:
        grey: (lowest, highest, mean, SD) grey level of the training images.
        contrast: float, SD within an image as a share of the recording's range of grey levels,
            mean over images.
        grey_counts, grey_edges: histogram of the training images' grey levels, over the
            recording's range.
        mean_responses: (neurons,), mean training response, spikes (or a rate) per presentation; NaN
            for a neuron without any, as below.
        zeros: (neurons,), share of exact zeros among the training responses.
        largest: float, the largest training response.
        missing: float, the share of the training responses that is missing.
        unrecorded: (neurons,) bool, neurons of which every training response is missing.
        constant: (neurons,) bool, neurons that answer every training image alike; the silent ones
            are among them.
        silent: (neurons,) bool, neurons whose training responses are all 0.
        test_constant: (neurons,) bool, neurons that answer every test image alike.
        repeats: (fewest, most) presentations of a test image to a neuron, or None where only
            averages are known.
        ceilings, oracles, fano: (neurons,), NaN where a neuron has none; None without repeats.
        copies: int, training images that repeat another training image.
        test_copies: int, test images that repeat another test image.
        split: (trained on, validated on, tested on), images under seed 0.
    """

    grey: tuple
    contrast: float
    grey_counts: np.ndarray
    grey_edges: np.ndarray
    mean_responses: np.ndarray
    zeros: np.ndarray
    largest: float
    missing: float
    unrecorded: np.ndarray
    constant: np.ndarray
    silent: np.ndarray
    test_constant: np.ndarray
    repeats: tuple | None
    ceilings: np.ndarray | None
    oracles: np.ndarray | None
    fano: np.ndarray | None
    copies: int
    test_copies: int
    split: tuple


def describe(recording: Recording) -> Description:
    """The `Description` of a `Recording`; images are looked at in chunks."""
    responses, trials = recording.responses, recording.test_trials
    repeats = ceilings = oracles = fano = None
    if trials is not None:
        shown = (~np.isnan(trials)).sum(axis=0)
        repeats = int(shown.min()), int(shown.max())
        ceilings, oracles, fano = (
            metrics.noise_ceiling(trials),
            metrics.jackknife_oracle(trials),
            metrics.fano_factor(trials),
        )
    train, validation = recording.split(SEED)
    constant, counts = checks.unvarying(responses), known_counts(responses)
    whole = (counts == len(responses)).all()
    return Description(
        *_grey(recording.images, recording.pixel_range),
        mean_responses=mean(responses),
        zeros=(responses == 0).mean(axis=0) if whole else _share(responses == 0, counts),
        largest=float(np.fmax.reduce(responses, axis=None)),
        missing=recording.missing,
        unrecorded=recording.unrecorded,
        constant=constant,
        silent=constant & (np.fmax.reduce(responses, axis=0) == 0),
        test_constant=checks.unvarying(recording.test_responses),
        repeats=repeats,
        ceilings=ceilings,
        oracles=oracles,
        fano=fano,
        copies=_copies(recording.images),
        test_copies=_copies(recording.test_images),
        split=(len(train), len(validation), len(recording.test_images)),
    )


def _share(chosen, counts):
    return np.where(counts > 0, chosen.sum(axis=0) / np.maximum(counts, 1), np.nan)


def _grey(images, pixel_range):
    """(lowest, highest, mean, SD), contrast, histogram and its edges."""
    low, high = pixel_range
    edges, counts = np.linspace(low, high, BINS + 1), np.zeros(BINS, np.int64)
    total = squares = contrast = 0.0
    chunk = max(1, MOST_BYTES // (8 * images[0].size))
    for first in range(0, len(images), chunk):
        levels = (images[first : first + chunk].astype(np.float64) - low) / (high - low)
        total += levels.sum()
        squares += (levels**2).sum()
        contrast += levels.std(axis=(1, 2, 3)).sum()
        counts += np.histogram(levels, BINS, (0, 1))[0]
    mean = total / images.size
    deviation = np.sqrt(max(squares / images.size - mean**2, 0)) * (high - low)
    found = (
        float(images.min()),
        float(images.max()),
        float(low + mean * (high - low)),
        float(deviation),
    )
    return found, float(contrast / len(images)), counts, edges


def _copies(images):
    (groups,) = image_groups(images)
    return int(len(groups) - len(np.unique(groups)))
