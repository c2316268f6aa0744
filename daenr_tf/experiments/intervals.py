"""Intervals and p-values of scores that vary with the seed of the training and with the test images; the neurons are fixed.

docs/statistics.md says what is resampled and why, and how well it is calibrated (`python -m daenr_tf.tools.interval_coverage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr, stdtrit

from daenr_tf.errors import InputError
from daenr_tf.experiments.scores import Score

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LEAST_WIDTH = (
    1 / 3
)  # of the interval over images alone: chance agreement of a few seeds doesn't make an interval narrower than this
SEED_CAUTION = 4.0  # the weight of the seeds' variance in the degrees of freedom


@dataclass(frozen=True)
class Estimate:
    """A figure with its uncertainty.

    Attributes:
        value: on the full test set, the mean over seeds.
        low, high: the confidence interval; NaN where there is none (see `estimate`).
        standard_error, degrees_of_freedom: of the t law that the interval and the p-value come from.
        p_value: two-sided, against 0.
        seeds, images: how many stand behind it; of a difference of unlike things, the smaller number.
    """

    value: float
    low: float
    high: float
    standard_error: float
    degrees_of_freedom: float
    p_value: float
    seeds: int
    images: int

    def interval(self, level: float) -> tuple[float, float]:
        """(low, high) of another level than 0.95, by the same t law; NaN where there is none."""
        _check_level(level)
        half = self.standard_error * stdtrit(self.degrees_of_freedom, (1 + level) / 2)
        return float(self.value - half), float(self.value + half)

    def p_below(self, bound: float) -> float:
        """Two-sided p-value against `bound`, for what lies on the other side of it: small where the value is
        far below `bound`, 1 where it isn't below."""
        return self._p(bound - self.value)

    def p_above(self, bound: float) -> float:
        """The same where the value is far above `bound`."""
        return self._p(self.value - bound)

    def _p(self, distance):
        if not np.isfinite([distance, self.standard_error]).all():
            return float("nan")
        if distance <= 0:
            return 1.0
        if self.standard_error == 0:
            return 0.0
        return float(2 * stdtr(self.degrees_of_freedom, -distance / self.standard_error))

    @property
    def one_seed(self) -> bool:
        """Whether the interval is over images only: with one seed nothing is known of how another training would have ended."""
        return self.seeds == 1

    @property
    def note(self) -> str:
        """What has to stand beside the figure; empty for several seeds."""
        return "one seed: interval over images only" if self.one_seed else ""


@dataclass(frozen=True)
class Components:
    """Estimates of the parts of the variance of a mean over seeds and images (two-way random effects without replication).

    With variances A of the seed's effect, B of the image's, E of their interaction, over S seeds and T images, they expect

    Attributes:
        seeds: A / S + E / (S T).
        images: B / T + E / (S T).
        interaction: E / (S T).
    """

    seeds: float
    images: float
    interaction: float


def variance_components(score: Score) -> Components:
    """The three variances, exact for a mean over images up to the number of draws; with one seed, seeds and interaction are 0."""
    seeds = score.seeds
    with np.errstate(invalid="ignore"):
        changes = score.drawn - score.full
        changes = changes - changes.mean(
            axis=0
        )  # a statistic that isn't linear has a bias in the draws, which is no variance
        over_images = score.inflation * np.mean(changes.mean(axis=1) ** 2)
        if seeds == 1:
            return Components(0.0, float(over_images), 0.0)
        between = score.full.var(ddof=1) / seeds
        interaction = score.inflation * np.mean(changes.var(axis=1, ddof=1)) / seeds
    return Components(float(between), float(over_images), float(interaction))


def estimate(score: Score, level: float = 0.95) -> Estimate:
    """The mean over seeds with its interval for other seeds and other test images, and its p-value against 0.

    The variance is V = seeds + max(images - interaction, 0) of `variance_components`; both of the first hold the interaction, which is
    taken off once. Its law is a t with Satterthwaite's degrees of freedom, in which the seeds' part weighs 4 times: few seeds often show less
    variance than there is, and that must not buy degrees of freedom too. No interval is narrower than a third of the one over images alone.
    With one seed it is the one over images alone, t with T - 1 degrees of freedom (`Estimate.one_seed`).

    A score that isn't finite gives its value, and NaN for everything that says how certain it is. One without any variance, such as the difference of
    a model from itself, has an interval of width 0, and p = 1 if it is 0 and p = 0 if not.

    References:
        Cameron, Gelbach and Miller, "Robust inference with multiway clustering", Journal of Business & Economic Statistics 29, 2011.
        Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007.
        Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2, 1946.
    """
    _check_level(level)
    parts = variance_components(score)
    alone = (parts.images, score.images - 1)
    if score.seeds == 1:
        variance, freedom = alone
    else:
        excess = max(parts.images - parts.interaction, 0.0)
        variance = parts.seeds + excess
        freedom = _satterthwaite(
            (SEED_CAUTION * parts.seeds, score.seeds - 1), (excess, score.images - 1)
        )
        # Which of the two holds is settled at 95 %, whatever the level: the p-value and the intervals of all levels then agree.
        if LEAST_WIDTH * _half_width(*alone) > _half_width(variance, freedom):
            variance, freedom = LEAST_WIDTH**2 * parts.images, score.images - 1
    with np.errstate(invalid="ignore"):
        value = float(score.full.mean())
    return _estimate(
        value, variance if np.isfinite(value) else np.nan, freedom, level, score.seeds, score.images
    )


def unpaired_difference(first: Estimate, second: Estimate, level: float = 0.95) -> Estimate:
    """first - second for things that share neither images nor seeds, such as two regions.

    Reference: Welch, "The generalization of 'Student's' problem when several different population variances are involved", Biometrika 34, 1947.
    """
    _check_level(level)
    pairs = [(one.standard_error**2, one.degrees_of_freedom) for one in (first, second)]
    variance = sum(pair[0] for pair in pairs)
    return _estimate(
        first.value - second.value,
        variance,
        _satterthwaite(*pairs),
        level,
        min(first.seeds, second.seeds),
        min(first.images, second.images),
    )


def holm(p_values: ArrayLike) -> np.ndarray:
    """p-values adjusted for the number of comparisons of one family (Holm's step-down), (comparisons,) -> (comparisons,).

    The chance that any true null hypothesis of the family has one at or under 0.05 is 0.05 at most, however they depend on each other. A NaN
    stays NaN and doesn't count: that comparison wasn't made.

    Reference: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    p_values = np.asarray(p_values, np.float64)
    if p_values.ndim != 1:
        raise InputError(f"p_values: expected (comparisons,), found shape {p_values.shape}")
    adjusted = np.full(p_values.shape, np.nan)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]  # NaN sorts last
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1)
    return adjusted


def _estimate(value, variance, freedom, level, seeds, images) -> Estimate:
    error = float(np.sqrt(variance))
    half = _half_width(variance, freedom, level)
    if np.isnan(error):
        p_value = np.nan
    elif error == 0:
        p_value = float(value == 0)
    else:
        p_value = float(2 * stdtr(freedom, -abs(value) / error))
    return Estimate(
        float(value),
        float(value - half),
        float(value + half),
        error,
        float(freedom),
        p_value,
        seeds,
        images,
    )


def _half_width(variance: float, freedom: float, level: float = 0.95) -> float:
    return float(np.sqrt(variance) * stdtrit(freedom, (1 + level) / 2))


def _satterthwaite(*parts) -> float:
    """Degrees of freedom of a sum of (variance, degrees of freedom); those of the least certain one if all variances are 0."""
    total = sum(variance for variance, _ in parts)
    return (
        total**2 / sum(variance**2 / freedom for variance, freedom in parts)
        if total > 0
        else min(freedom for _, freedom in parts)
    )


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"level: expected a number between 0 and 1, found {level}")
