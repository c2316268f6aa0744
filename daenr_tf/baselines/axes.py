"""Ridge regression along the principal axes of some features, in as many passes over the images as it takes and in memory that
doesn't grow with their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from daenr_tf.baselines.incomplete import Incomplete
from daenr_tf.errors import InputError
from daenr_tf.machine import blocks
from daenr_tf.metrics import pearson_per_neuron
from daenr_tf.missing import mean, mean_over_neurons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike

    Code = Callable[[np.ndarray], np.ndarray]  # images (n, ...) -> features (n, features)

MOST_FEATURES = 4096  # whose axes are found in a minute or two
AT_ONCE = 512  # images
BYTES = 64 << 20  # of them
SHARES = 10.0 ** np.arange(-5, 1.25, 0.5)  # ridge strengths, of the variance of all features


def in_parts(images: np.ndarray | blocks.Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Some images at a time: (slice, float64 array)."""
    for some in blocks.batches(len(images), AT_ONCE, 2 * images[:1].nbytes, BYTES):
        yield some, np.asarray(images[some], np.float64)


class Axes:
    """The principal axes of features of some images.

    Args:
        code: function of images (n, ...) that gives their features (n, features), float64.
        images: (images, ...), an array or `blocks.Rows`.
        scaled: whether features are divided by their standard deviation over these images; one that never varies is left as it is.
        most: how many axes are kept, those along which the features vary most; None: all along which they vary.

    Attributes:
        power: (axes,), the variance along each.
    """

    def __init__(
        self,
        code: Code,
        images: np.ndarray | blocks.Rows,
        scaled: bool = True,
        most: int | None = None,
    ) -> None:
        self.code, count, features = code, len(images), _features(code, images)
        self.mean = sum(part.sum(axis=0) for part in features()) / count
        self.scale = np.ones_like(self.mean)
        if scaled:
            squares = sum(((part - self.mean) ** 2).sum(axis=0) for part in features())
            deviation = np.sqrt(squares / count)
            self.scale = np.where(deviation > 0, deviation, 1)
        if len(self.mean) <= count:
            gram = sum(rows.T @ rows for rows in map(self._scaled, features()))
            power, self.axes = _largest(gram / count, most)
        else:  # the products of the images have the same eigenvalues, and are the smaller matrix
            rows = np.concatenate(list(map(self._scaled, features())))
            power, vectors = _largest(rows @ rows.T / count, most)
            self.axes = rows.T @ (vectors / np.sqrt(power * count))
        self.power = power

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(n, ...) -> (n, axes), where images lie along the axes."""
        return self._scaled(self.code(np.asarray(images, np.float64))) @ self.axes

    def _scaled(self, features):
        return (features - self.mean) / self.scale


def _features(code, images):
    """A function that gives the features of images part by part: few are held, many computed whenever they are asked for."""

    def computed():
        return (code(part) for _, part in in_parts(images))

    held = []
    for part in computed():
        held.append(part)
        if sum(part.nbytes for part in held) > BYTES:
            return computed
    return lambda: held


def _largest(matrix, most):
    """The eigenvalues of a symmetric matrix that aren't 0 up to rounding, at most the `most` largest, and their vectors as columns."""
    count = len(matrix)
    first = 0 if most is None else max(0, count - most)
    values, vectors = scipy.linalg.eigh(matrix, subset_by_index=[first, count - 1])
    kept = values > count * np.finfo(np.float64).eps * max(values[-1], 0.0)
    return values[kept], vectors[:, kept]


@dataclass(frozen=True)
class Linear:
    """Responses as a linear function of features.

    Attributes:
        axes: `Axes`.
        weights: (axes, neurons).
        bias: (neurons,).
        strength: float, the penalty's.
        tried: dict of strength -> what it was chosen by on the validation images.
    """

    axes: Axes
    weights: np.ndarray
    bias: np.ndarray
    strength: float
    tried: dict

    def predict(self, images: np.ndarray | blocks.Rows) -> np.ndarray:
        """(images, ...) -> (images, neurons), which may be below 0."""
        return np.concatenate(
            [self.axes(part) @ self.weights + self.bias for _, part in in_parts(images)]
        )


def ridge(
    axes: Axes,
    images: np.ndarray | blocks.Rows,
    responses: ArrayLike,
    validation_images: np.ndarray | blocks.Rows,
    validation_responses: ArrayLike,
    strengths: ArrayLike | None = None,
) -> Linear:
    """Ridge regression: the weights w and the bias that minimise mean (r - w z - bias)² + strength |w|² for every neuron, z being the (scaled) features.

    One strength for all neurons, the one with the highest mean PCC on the validation images; of equal ones the largest.

    Args:
        axes: `Axes` of the training images.
        images, responses: (images, ...), (images, neurons), to train on; NaN where a response is missing, which the neuron's mean leaves out.
        validation_images, validation_responses: likewise, to choose the strength by.
        strengths: those that are tried; by default `SHARES` of the variance of all features.
    """
    responses = np.asarray(responses, np.float64)
    bias = mean(responses)
    if np.isnan(responses).any():
        solve = Incomplete(np.concatenate([axes(part) for _, part in in_parts(images)]), responses)
    else:
        along = sum(axes(part).T @ (responses[some] - bias) for some, part in in_parts(images))
        along = along / len(responses)

        def solve(strength, power):
            return along / (power + strength)[:, None], bias

    if strengths is None:
        strengths = SHARES * (axes.power.sum() or 1.0)
    held_out = np.concatenate([axes(part) for _, part in in_parts(validation_images)])
    best, tried = (-np.inf, None), {}
    for strength in sorted(map(float, np.asarray(strengths)), reverse=True):
        weights, bias = solve(strength, axes.power)
        predicted = held_out @ weights + bias
        tried[strength] = mean_over_neurons(pearson_per_neuron(predicted, validation_responses))
        if tried[strength] > best[0]:
            best = (tried[strength], weights, bias, strength)
    if len(best) == 2:
        raise InputError(
            "--seed: expected a split with neurons that can be scored on the validation set, found none"
        )
    _, weights, bias, strength = best
    return Linear(axes, weights, bias, strength, tried)
