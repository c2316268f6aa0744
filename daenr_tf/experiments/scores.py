"""Scores: what models trained from several seeds reach on the test images, and what they would reach on resampled ones.

A score keeps one value per seed on the full test set and one per seed in every draw of images. Sums, differences and gains are taken value by
value, so whatever two models share (a seed's split and order, an image that is hard for both) drops out of their difference by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv

from daenr_tf import metrics
from daenr_tf.errors import InputError
from daenr_tf.missing import LEAST_KNOWN, known_counts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

_ROUNDING = (
    1e-12  # a variance this much smaller than the mean square is left over from rounding in float64
)

# A number of neurons is a step function. In a draw from images whose noise has spread the correlations already, fewer neurons lie near the
# threshold than on other images, so the draws' spread is too small. By how much is from simulations (docs/statistics.md).
COUNT_SPREAD = 1.25


def image_draws(images: int, draws: int = 2000, seed: int = 0) -> np.ndarray:
    """How often each image is in a draw of as many images with replacement, -> (draws, images), every row summing to `images`.

    Raises:
        InputError: fewer than 2 images, which tell nothing of the spread between images, or fewer than 2 draws.
    """
    if images < 2 or draws < 2:
        raise InputError(
            f"image_draws: expected 2 images and 2 draws or more, found {images} and {draws}"
        )
    return np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), draws)


def image_omissions(images: int) -> np.ndarray:
    """Each image left out once, the others weighted up to `images` in all, -> (images, images): the draws of the jackknife.

    Raises:
        InputError: fewer than 2 images.
    """
    if images < 2:
        raise InputError(f"image_omissions: expected 2 images or more, found {images}")
    return (1 - np.eye(images)) * images / (images - 1)


@dataclass(frozen=True, eq=False)
class Score:
    """A statistic of models that differ in their seed alone, on the test images and on draws of them.

    Attributes:
        full: (seeds,), on the test images.
        drawn: (draws, seeds), on each draw.
        counts: (draws, images), the draws. Scores can be combined when their draws are the same; that the images are is up to the caller.
    """

    full: np.ndarray
    drawn: np.ndarray
    counts: np.ndarray = field(repr=False)

    @property
    def omitted(self) -> bool:
        """Whether the draws leave one image out each (`image_omissions`): their spread is then the jackknife's."""
        return len(self.counts) == self.images and bool((np.diagonal(self.counts) == 0).all())

    @property
    def inflation(self) -> float:
        """What the mean square of changes over draws is multiplied by to give the variance that other images would make.

        A bootstrap draw of T images has the variance of T of them around their own mean, T - 1 over T of what is asked for; leaving one of
        T out changes a mean by T - 1 times less than drawing all anew.
        """
        return self.images - 1.0 if self.omitted else self.images / (self.images - 1)

    @property
    def seeds(self) -> int:
        """How many seeds the model was trained from."""
        return len(self.full)

    @property
    def images(self) -> int:
        """How many test images there are."""
        return self.counts.shape[1]

    def __sub__(self, other: Score) -> Score:
        """What the first has more than the second, seed by seed and draw by draw."""
        return _combined(np.subtract, self, other)

    def __truediv__(self, number: float) -> Score:
        return Score(self.full / number, self.drawn / number, self.counts)

    @classmethod
    def mean_over_images(cls, values: ArrayLike, counts: ArrayLike) -> Score:
        """The mean over images of a figure that each image has (MSE, PSNR, SSIM), (seeds, images) -> Score.

        A value that isn't finite (the PSNR of a perfect image, the SSIM of an image under 11 pixels) makes the mean of its seed infinite or NaN
        and every draw of that seed NaN: such a score has no interval.
        """
        values, counts = _values(values, counts, "(seeds, images)", 2)
        usable = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.nan)
        center = usable.mean(axis=1)
        with np.errstate(invalid="ignore"):
            full = values.mean(axis=1)
        return cls(full, center + counts @ (usable - center[:, None]).T / counts.shape[1], counts)

    @classmethod
    def pcc(cls, predicted: ArrayLike, observed: ArrayLike, counts: ArrayLike) -> Score:
        """The mean over neurons of the Pearson correlation, (seeds, images, neurons), trial averages (images, neurons) -> Score.

        A neuron that has a constant prediction or response among the images of a draw counts as 0 there, as in
        `metrics.pearson_per_neuron`; one with a predicted value that isn't finite makes its seed NaN. Observed NaN are missing: a neuron
        is judged by its other images, and not counted where those are too few.
        """
        predicted, counts = _values(predicted, counts, "(seeds, images, neurons)", 3)
        predicted, observed = _scored(predicted, observed)
        full = (
            metrics.pearson_per_neuron(*_side_by_side(predicted, observed))
            .reshape(len(predicted), -1)
            .mean(axis=1)
        )
        return cls(
            full, _over_draws(lambda pcc: pcc.mean(axis=1), predicted, observed, counts), counts
        )

    @classmethod
    def significant(
        cls,
        predicted: ArrayLike,
        observed: ArrayLike,
        counts: ArrayLike,
        level: float = metrics.SIGNIFICANCE_LEVEL,
    ) -> Score:
        """The number of significantly predicted neurons (`metrics.significant_neurons`), shapes as in `pcc`. Divide by the neurons for the share.

        The draws' distances from their mean are widened by `COUNT_SPREAD`.
        """
        predicted, counts = _values(predicted, counts, "(seeds, images, neurons)", 3)
        predicted, observed = _scored(predicted, observed)
        images = known_counts(observed)
        # The correlation whose p-value is `level`: the inverse of `metrics.pearson_p_value`, which never speaks of under three images.
        shape = np.maximum(images, 3) / 2 - 1
        least = np.where(images > 2, 1 - 2 * betaincinv(shape, shape, level / 2), np.inf)
        full = (
            metrics.significant_neurons(*_side_by_side(predicted, observed), level)
            .reshape(len(predicted), -1)
            .sum(axis=1, dtype=float)
        )
        drawn = _over_draws(
            lambda pcc: (pcc >= least).sum(axis=1, dtype=float), predicted, observed, counts
        )
        center = drawn.mean(axis=0)
        return cls(full, center + COUNT_SPREAD * (drawn - center), counts)


def mean_score(scores: Iterable[Score]) -> Score:
    """The mean over several cells, such as the layers of a model, on shared images: Scores -> Score."""
    scores = list(scores)
    if not scores:
        raise InputError("mean_score: expected at least one score, found none")
    return _combined(lambda *parts: np.mean(parts, axis=0), *scores)


def relative_gain(base: Score, other: Score) -> Score:
    """The share of an error that `other` has less than `base`, (base - other) / base, seed by seed; NaN or infinite where `base` is 0."""
    return _combined(lambda a, b: np.true_divide(a - b, a), base, other)


def weighted_pcc(predicted: ArrayLike, observed: ArrayLike, counts: ArrayLike) -> np.ndarray:
    """Pearson correlations of each neuron in each draw, (images, neurons), (images, neurons), (draws, images) -> (draws, neurons).

    Weighted moments by matrix products. They are taken of columns that are centred and scaled beforehand: the difference of two moments then
    loses no digits. 0 where the prediction or the response is constant within a draw, NaN where it isn't finite.
    """
    counts, observed = np.asarray(counts, np.float64), np.asarray(observed)
    if not np.isnan(observed).any():
        return _correlation(counts, *_moments(predicted, counts), *_moments(observed, counts))
    return _of_known(counts, np.asarray(predicted), observed)


def _of_known(counts, predicted, observed) -> np.ndarray:
    """`weighted_pcc` where responses are missing: each neuron over its own images, the draws weighted up to as many; NaN in a draw without any."""
    pcc = np.empty((len(counts), observed.shape[1]))
    for neuron in range(observed.shape[1]):
        known = ~np.isnan(observed[:, neuron])
        own = counts[:, known]
        with np.errstate(invalid="ignore"):
            own = own * known.sum() / own.sum(axis=1, keepdims=True)
        x, y = (_moments(values[known, neuron, None], own) for values in (predicted, observed))
        (pcc[:, neuron],) = _correlation(own, *x, *y).T
    return pcc


def _scored(predicted, observed) -> tuple[np.ndarray, np.ndarray]:
    """Both without the neurons of which too few responses are known; as they are where none is missing, or all are."""
    observed = np.asarray(observed)
    kept = known_counts(observed) >= min(LEAST_KNOWN, len(observed))
    if kept.all() or not kept.any():
        return predicted, observed
    return predicted[..., kept], observed[:, kept]


def _moments(values, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns centred and scaled (images, neurons), and their mean and standard deviation in each draw (draws, neurons); 0 if constant there."""
    values = np.asarray(values)
    rounding = 16 * float(
        np.finfo(values.dtype if np.issubdtype(values.dtype, np.floating) else np.float64).eps
    )  # as in metrics
    values = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    largest = np.abs(values).max(axis=0)
    values = values - values.mean(axis=0)
    scale = np.abs(values).max(axis=0)
    values /= np.where(scale > 0, scale, 1)
    mean, square = counts @ values / counts.shape[1], counts @ values**2 / counts.shape[1]
    variance = square - mean**2
    least = (rounding * largest / np.where(scale > 0, scale, 1)) ** 2
    constant = variance <= np.maximum(_ROUNDING * square, least)
    return values, mean, np.sqrt(np.where(constant, 0, variance))


def _correlation(counts, x, x_mean, x_deviation, y, y_mean, y_deviation) -> np.ndarray:
    covariance = counts @ (x * y) / counts.shape[1] - x_mean * y_mean
    scale = x_deviation * y_deviation
    pcc = np.clip(covariance / np.where(scale == 0, 1, scale), -1, 1)
    return np.where(scale == 0, 0.0, pcc)


def _over_draws(statistic, predicted, observed, counts) -> np.ndarray:
    """A statistic of the correlations of each draw, one seed at a time, which bounds the memory: -> (draws, seeds)."""
    counts = counts.astype(np.float64)
    if np.isnan(observed).any():
        return np.stack(
            [statistic(_of_known(counts, one_seed, observed)) for one_seed in predicted], axis=1
        )
    response = _moments(observed, counts)
    return np.stack(
        [
            statistic(_correlation(counts, *_moments(one_seed, counts), *response))
            for one_seed in predicted
        ],
        axis=1,
    )


def _side_by_side(predicted, observed) -> tuple[np.ndarray, np.ndarray]:
    """All seeds' neurons as if they were one seed's, and each one's response, both (images, seeds x neurons)."""
    return np.swapaxes(predicted, 0, 1).reshape(predicted.shape[1], -1), np.tile(
        observed, len(predicted)
    )


def _values(values, counts, layout: str, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    values, counts = np.asarray(values), np.asarray(counts)
    if values.ndim != dimensions or 0 in values.shape:
        raise InputError(f"values: expected {layout}, none of them 0, found shape {values.shape}")
    if counts.ndim != 2 or counts.shape[1] != values.shape[1]:
        raise InputError(f"counts: expected (draws, {values.shape[1]}), found shape {counts.shape}")
    return values, counts


def _combined(operation, *scores: Score) -> Score:
    first = scores[0]
    for other in scores[1:]:
        if other.seeds != first.seeds:
            raise InputError(
                f"scores: expected the same number of seeds, found {first.seeds} and {other.seeds}"
            )
        if other.counts is not first.counts and not np.array_equal(other.counts, first.counts):
            raise InputError("scores: expected the same draws of images, found different ones")
    with np.errstate(invalid="ignore", divide="ignore"):
        return Score(
            operation(*(s.full for s in scores)),
            operation(*(s.drawn for s in scores)),
            first.counts,
        )
