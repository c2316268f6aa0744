"""Stimuli as images of 256 grey levels with what each shows: gratings, patches of them, squares, natural-like images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

GREY = 127.5  # between the darkest and the brightest level


@dataclass(frozen=True)
class Stimuli:
    """Images that are shown, and what each of them is.

    Attributes:
        images: (N, height, width, channels) uint8; 0 is the model's -1, 255 its 1.
        conditions: `pandas.DataFrame`, a row per image.
    """

    images: np.ndarray
    conditions: pd.DataFrame

    def __len__(self) -> int:
        return len(self.images)


def levels(values: np.ndarray, channels: int = 1) -> np.ndarray:
    """(N, height, width) in [-1, 1] -> (N, height, width, channels) uint8."""
    grey = np.round((np.asarray(values) + 1) * GREY).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], channels, axis=-1)


def grating(
    shape: tuple[int, int],
    orientation: float,
    spatial_frequency: float,
    phase: float,
    contrast: float,
    center: tuple[float, float] | None = None,
    diameter: float | None = None,
) -> np.ndarray:
    """A static sinusoidal grating, all over the image or in a disc, (height, width) in [-1, 1].

    contrast * cos(2 pi spatial_frequency u + phase), u the distance from `center` along the orientation.

    Args:
        shape: (height, width) in pixels.
        orientation: radians, the direction in which the grating varies, from the columns' axis towards the rows': 0 has vertical bars.
        spatial_frequency: cycles per pixel.
        phase: radians.
        contrast: Michelson, in [0, 1].
        center: (row, column) in pixels; the image's middle by default.
        diameter: pixels, of the disc; its edge falls from 1 to 0 within a pixel. None fills the image.
    """
    height, width = shape
    middle = ((height - 1) / 2, (width - 1) / 2) if center is None else center
    rows, columns = np.mgrid[:height, :width]
    y, x = rows - middle[0], columns - middle[1]
    along = x * np.cos(orientation) + y * np.sin(orientation)
    wave = contrast * np.cos(2 * np.pi * spatial_frequency * along + phase)
    if diameter is None:
        return wave
    return wave * np.clip(diameter / 2 - np.hypot(x, y) + 0.5, 0, 1)


def sparse_noise(
    shape: tuple[int, int], square: int, count: int, contrast: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Grey images with one bright or dark square on a grid, in shuffled order, each place and sign as often as every
    other (to within one).

    Returns:
        ((count, height, width) in [-1, 1], (count, 3): row and column of the square's cell, and its sign).
    """
    rows, columns = shape[0] // square, shape[1] // square
    places = np.array([(r, c, s) for r in range(rows) for c in range(columns) for s in (-1, 1)])
    generator = np.random.default_rng(seed)
    repeats = -(-count // len(places))
    order = np.concatenate([generator.permutation(len(places)) for _ in range(repeats)])[:count]
    shown = places[order]
    images = np.zeros((count, *shape))
    for image, (row, column, sign) in zip(images, shown, strict=True):
        top, left = row * square, column * square
        image[top : top + square, left : left + square] = sign * contrast
    return images, shown


def natural(shape: tuple[int, int], count: int, seed: int) -> np.ndarray:
    """Natural-like images, (count, height, width) uint8: dead leaves with the contrast and the texture of the simulated
    region 3, resized by bilinear interpolation."""
    from scipy.ndimage import zoom

    from daenr_tf.recordings.simulated.dead_leaves import SIDE, dead_leaves

    images = dead_leaves(np.random.RandomState(seed), count, contrast=0.96, texture=0.66)
    if shape == (SIDE, SIDE):
        return images
    factors = (1, shape[0] / SIDE, shape[1] / SIDE)
    larger = zoom(images.astype(float), factors, order=1, mode="nearest", grid_mode=True)
    return np.round(larger).clip(0, 255).astype(np.uint8)
