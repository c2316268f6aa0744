"""What is done to the gradient of an image before a step along it, so that the image doesn't fill with fine noise.

References: Olah, Mordvintsev & Schubert 2017, Distill, "Feature Visualization" (a gradient in a decorrelated, Fourier, basis);
Walker et al. 2019, Nature Neuroscience 22:2060-2065 (a Gaussian blur of the gradient).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from daenr_tf.errors import refusal


def fourier(height: int, width: int, exponent: float = 1.0) -> np.ndarray:
    """(height, width // 2 + 1) float32: amplitudes 1 / f^exponent, f in cycles per image of the longer side, at least 1."""
    longer = max(height, width)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    cycles = np.maximum(longer * np.hypot(down, across), 1.0)
    return (cycles**-exponent).astype(np.float32)


def gaussian(height: int, width: int, sigma: float = 1.0) -> np.ndarray:
    """(height, width // 2 + 1) float32: the transfer function of a Gaussian of the SD `sigma`, pixels."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    return np.exp(-2 * (np.pi * sigma) ** 2 * (down**2 + across**2)).astype(np.float32)


PRECONDITIONERS = {"fourier": fourier, "gaussian": gaussian}
STRENGTHS = {"fourier": 1.0, "gaussian": 1.0}  # the exponent; pixels


def preconditioner(
    name: str, height: int, width: int, strength: float | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function that filters images (batch, height, width, channels) by one of `PRECONDITIONERS`.

    Args:
        name: str.
        height, width: int, pixels.
        strength: the exponent of "fourier", the SD in pixels of "gaussian"; None takes that of `STRENGTHS`.

    Raises:
        InputError: there is none of that name.
    """
    if name not in PRECONDITIONERS:
        raise refusal("precondition", f"one of {', '.join(PRECONDITIONERS)}", name)
    strength = STRENGTHS[name] if strength is None else strength
    transfer = tf.constant(PRECONDITIONERS[name](height, width, strength))

    def filtered(images):
        turned = tf.transpose(images, (0, 3, 1, 2))
        spectrum = tf.signal.rfft2d(turned) * tf.cast(transfer, tf.complex64)
        return tf.transpose(tf.signal.irfft2d(spectrum, (height, width)), (0, 2, 3, 1))

    return filtered
