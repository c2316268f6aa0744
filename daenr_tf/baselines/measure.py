"""The baselines as rows, and what each reaches on a recording: on the splits and by the metrics of a fit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from daenr_tf import metrics
from daenr_tf.baselines import lnp
from daenr_tf.baselines.axes import Axes, ridge
from daenr_tf.baselines.gabor import SPACING, Energies
from daenr_tf.baselines.pixels import Pixels, Smooth
from daenr_tf.missing import mean as known_mean
from daenr_tf.missing import mean_over_neurons
from daenr_tf.readable import PCC_REPEATED, beside_ceiling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from daenr_tf.machine import blocks
    from daenr_tf.pipeline import Examples, Sets
    from daenr_tf.recordings.recording import Recording

LEAST_RATE = 0.1  # of a neuron's mean training response: what a linear prediction below it counts as in the Poisson loss


@dataclass(frozen=True)
class Baseline:
    """A model that is fitted without a network.

    Attributes:
        name: its key in `baselines.json`.
        title: what it is called in tables.
        fit: function of (training, validation) `Examples` that gives a model with `predict(images)`, and with `strength` and `tried`
            where it has a penalty. It never sees the test set.
        rates: whether it predicts rates, which are above 0.
    """

    name: str
    title: str
    fit: Callable[[Examples, Examples], Any]
    rates: bool = False


@dataclass(frozen=True)
class MeanRate:
    """Answers every image with each neuron's mean training response.

    Attributes:
        bias: (neurons,).
    """

    bias: np.ndarray

    def predict(self, images: np.ndarray | blocks.Rows) -> np.ndarray:
        """(images, ...) -> (images, neurons)."""
        return np.tile(self.bias, (len(images), 1))


def _mean(train, validation):
    return MeanRate(known_mean(train.responses))


def _lnp(train, validation):
    axes = Axes(Smooth(train.images.shape[1:]), train.images, scaled=False, most=lnp.MOST_AXES)
    return lnp.fit(axes, *train[:2], *validation[:2])


def _ridge(code):
    """A fit of ridge regression on the code that `code(training images)` gives."""

    def fit(train, validation):
        return ridge(Axes(code(train.images), train.images), *train[:2], *validation[:2])

    return fit


BASELINES = {
    one.name: one
    for one in (
        Baseline("mean", "mean rate", _mean, rates=True),
        Baseline("lnp", "smooth LNP", _lnp, rates=True),
        Baseline("pixels", "ridge, pixels", _ridge(lambda images: Pixels(images.shape[1:]))),
        Baseline("gabor", "ridge, Gabor energies", _ridge(Energies)),
        Baseline(
            "gabor_phases",
            "ridge, Gabor energies and phases",
            _ridge(lambda images: Energies(images, phases=True)),
        ),
    )
}


@dataclass(frozen=True)
class Measured:
    """What a baseline reached.

    Attributes:
        baseline: `Baseline`.
        facts: dict, its entry in `baselines.json`.
        neurons: `pandas.DataFrame`, a row per neuron.
        notes: sentences that a user must read.
    """

    baseline: Baseline
    facts: dict[str, Any]
    neurons: pd.DataFrame
    notes: list[str]


def measure(
    recording: Recording, sets: Sets, baselines: Iterable[Baseline] | None = None
) -> Iterator[Measured]:
    """Fit the baselines on the training set, choose by the validation set and measure them on both held-out sets, one after the other.

    Args:
        recording: `Recording`.
        sets: `pipeline.Sets` of it.
        baselines: those of `BASELINES` unless others are given.
    """
    for one in BASELINES.values() if baselines is None else baselines:
        started = time.monotonic()
        fitted = one.fit(sets.train, sets.validation)
        seconds = time.monotonic() - started
        yield _measured(one, fitted, recording, sets, seconds)


def _measured(baseline, fitted, recording, sets, seconds):
    from daenr_tf.evaluation import neuron_table

    least = 0.0
    if not baseline.rates:
        least = LEAST_RATE * known_mean(sets.train.responses)
    held_out = np.asarray(sets.validation.responses)
    predicted = fitted.predict(sets.validation.images)
    validation_pcc = metrics.pearson_per_neuron(predicted, held_out)
    validation_poisson = metrics.poisson_per_neuron(np.maximum(predicted, least), held_out)
    predicted = fitted.predict(sets.test.images)
    table = neuron_table(predicted, recording)
    table["poisson"] = metrics.poisson_per_neuron(
        np.maximum(predicted, least), recording.test_responses
    )
    table["validation_pcc"], table["validation_poisson"] = validation_pcc, validation_poisson
    table.insert(0, "baseline", baseline.name)
    share = metrics.population_pcc_normalized(table[beside_ceiling(table)], table["noise_ceiling"])
    facts = {
        "title": baseline.title,
        "validation": {
            "pcc": mean_over_neurons(validation_pcc),
            "poisson": mean_over_neurons(validation_poisson),
        },
        "test": {
            "pcc": float(table["pcc"].mean()),
            **{name: float(table[name].mean()) for name in [PCC_REPEATED] if name in table},
            "pcc_normalized": share,
            "poisson": float(table["poisson"].mean()),
        },
        "strength": getattr(fitted, "strength", None),
        "tried": [
            {"strength": strength, "validation": value}
            for strength, value in sorted(getattr(fitted, "tried", {}).items())
        ],
        "features": len(fitted.axes.mean) if hasattr(fitted, "axes") else None,
        "seconds": seconds,
    }
    return Measured(baseline, facts, table, _notes(baseline, fitted, sets))


def _notes(baseline, fitted, sets):
    notes, tried = [], getattr(fitted, "tried", None)
    if tried and len(tried) > 1 and fitted.strength in (min(tried), max(tried)):
        end = "weakest" if fitted.strength == min(tried) else "strongest"
        notes.append(f"{baseline.title}: the {end} penalty of those tried was chosen")
    code = getattr(getattr(fitted, "axes", None), "code", None)
    shape = sets.train.images.shape[1:]
    if isinstance(code, (Pixels, Smooth)) and code.kept != shape[:2]:
        notes.append(
            f"{baseline.title}: of images of {shape[0]}x{shape[1]} the lowest {code.kept[0]}x{code.kept[1]} cosines are seen"
        )
    if isinstance(code, Energies):
        finest = code.bank[-1]
        apart = min(shape[:2]) / finest.frequency
        spacing = shape[0] / len(finest.rows) / apart
        if spacing > 1.2 * SPACING:
            notes.append(
                f"{baseline.title}: the Gabors stand {spacing:.2g} wavelengths apart instead of {SPACING:g}, for there would be too many"
            )
    return notes
