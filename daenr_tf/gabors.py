"""A Gabor as the product of a function of the row and one of the column, in NumPy: for the baselines, and for a core that starts from a bank of them."""

import numpy as np

WIDTH = 0.65  # standard deviation of the envelope, in wavelengths
# Luminance, red against green, blue against yellow, of (red, green, blue).
OPPONENT = ((1 / 3, 1 / 3, 1 / 3), (1.0, -1.0, 0.0), (-0.5, -0.5, 1.0))


def along(pixels: int, centres: np.ndarray, wave: float, deviation: float) -> tuple:
    """A Gabor's factor along one axis, and its Gaussian's: (centres, pixels) complex and float64.

    Args:
        pixels: int, the length of the axis.
        centres: (centres,), in pixels; the centre of the first pixel is 0.
        wave: float, the wave vector's part along the axis, radians per pixel.
        deviation: float, of the Gaussian, in pixels.
    """
    away = np.arange(pixels) - centres[:, None]
    gaussian = np.exp(-0.5 * (away / deviation) ** 2)
    return gaussian * np.exp(1j * wave * away), gaussian
