"""Gradient ascent on a score of the responses, in the pixels of an image or in the code of the decoder.

Every image is climbed from a start of its own, many in one batched graph. What an image becomes depends on its own start alone,
last bits of sums apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from daenr_tf.twin.preconditioning import fourier, preconditioner
from daenr_tf.twin.stimulus import Constraint
from daenr_tf.twin.twin import Twin

FIRST, LAST = 1.0, 0.02  # step sizes, in units of the contrast or of the code's natural spread
SHORT = 2  # rounds of scaling and clipping within the ascent
TINY = 1e-12


@dataclass(frozen=True)
class Codes:
    """What codes of natural images are like: a Gaussian, and how far out they lie.

    Attributes:
        mean: (latent,) float32.
        spread: (latent, latent) float32, the Cholesky factor of their covariance: code = mean + spread @ white.
        radius: float, the length of a white code that an image may have.
    """

    mean: np.ndarray
    spread: np.ndarray
    radius: float

    @classmethod
    def of(cls, codes: np.ndarray, quantile: float = 0.9) -> Codes:
        """That of codes (natural images, latent); `quantile` of them lie within the radius."""
        codes = np.asarray(codes, np.float64)
        mean, covariance = codes.mean(axis=0), np.atleast_2d(np.cov(codes.T))
        ridge = (
            1e-4 * np.trace(covariance) / len(covariance) + TINY
        )  # where a number of the code is unused
        spread = np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))
        white = np.linalg.solve(spread, (codes - mean).T)
        radius = float(np.quantile(np.linalg.norm(white, axis=0), quantile))
        return cls(mean.astype(np.float32), spread.astype(np.float32), radius)

    def whitened(self, codes: np.ndarray) -> np.ndarray:
        """Codes (n, latent) as white ones, float32."""
        apart = (np.asarray(codes, np.float64) - self.mean).T
        return np.linalg.solve(self.spread.astype(np.float64), apart).T.astype(np.float32)

    def coloured(self, white: tf.Tensor) -> tf.Tensor:
        """White codes (n, latent) as codes."""
        return self.mean + tf.linalg.matmul(white, self.spread, transpose_b=True)

    def within(self, white: tf.Tensor) -> tf.Tensor:
        """White codes brought back to the radius where they left it."""
        length = tf.norm(white, axis=1, keepdims=True)
        return white * tf.minimum(1.0, self.radius / tf.maximum(length, TINY))


def noise(shape: tuple[int, int, int], seeds: np.ndarray) -> np.ndarray:
    """(n, height, width, channels) float32 noise with the amplitude spectrum 1/f, each from its own of the `seeds` (n, k) int."""
    height, width, _ = shape
    white = np.stack([np.random.default_rng(seed).standard_normal(shape) for seed in seeds])
    spectrum = np.fft.rfft2(white, axes=(1, 2)) * fourier(height, width)[..., None]
    return np.fft.irfft2(spectrum, (height, width), axes=(1, 2)).astype(np.float32)


def climb_pixels(
    twin: Twin,
    score: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    constraint: Constraint,
    steps: int,
    precondition: str = "gaussian",
    strength: float | None = None,
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Ascent in pixels, under the constraint after every step.

    Args:
        twin: `Twin`.
        score: responses (batch, neurons), targets (batch, neurons) -> (batch,).
        constraint: `Constraint`.
        steps: int.
        precondition, strength: as of `preconditioner`.

    Returns:
        The function of starts (batch, height, width, channels) and targets that gives the images (batch, …), float32.
    """
    height, width, _ = twin.image_shape
    filtered = preconditioner(precondition, height, width, strength)

    @tf.function(reduce_retracing=True)
    def climb(starts, targets):
        images = constraint.apply(starts)
        for step in tf.range(steps):
            with tf.GradientTape() as tape:
                tape.watch(images)
                total = tf.reduce_sum(score(twin.respond(images), targets))
            uphill = filtered(tape.gradient(total, images))
            power = tf.reduce_mean(uphill**2, axis=(1, 2, 3), keepdims=True)
            size = constraint.contrast * _step_size(step, steps)
            moved = images + size * uphill * tf.math.rsqrt(power + TINY)
            images = constraint.apply(moved, SHORT)
        return constraint.apply(images)

    return climb


def climb_codes(
    twin: Twin,
    score: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    constraint: Constraint,
    steps: int,
    codes: Codes,
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Ascent in the decoder's code, within the radius of natural images; the decoded image is brought to the constraint.

    Args:
        twin, score, constraint, steps: as of `climb_pixels`.
        codes: `Codes`, of natural images.

    Returns:
        The function of starts, white codes (batch, latent), and targets that gives the images (batch, height, width, channels).
    """

    def decoded(white):
        return constraint.apply(twin.decode(codes.coloured(white)), SHORT)

    @tf.function(reduce_retracing=True)
    def climb(starts, targets):
        white = codes.within(starts)
        for step in tf.range(steps):
            with tf.GradientTape() as tape:
                tape.watch(white)
                total = tf.reduce_sum(score(twin.respond(decoded(white)), targets))
            uphill = tape.gradient(total, white)
            power = tf.reduce_mean(uphill**2, axis=1, keepdims=True)
            white = codes.within(
                white + _step_size(step, steps) * uphill * tf.math.rsqrt(power + TINY)
            )
        return constraint.apply(twin.decode(codes.coloured(white)))

    return climb


def _step_size(step, steps):
    """Falls geometrically from `FIRST` to `LAST`."""
    done = tf.cast(step, tf.float32) / max(steps - 1, 1)
    return FIRST * (LAST / FIRST) ** done
