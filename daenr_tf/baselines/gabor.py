"""Gabor energies of images: what a bank of complex cells says of them.

A Gabor with wave vector k and centre c is g(x - c) exp(i k (x - c)), g an isotropic Gaussian; its real part is the even, its imaginary part the odd
filter of a quadrature pair. It is a product of a function of the row and one of the column, so that the whole grid of its centres costs two small matrix
products. From each as much of its Gaussian is taken off as makes it blind to a uniform image, at the edges too (Morlet's correction).

References: Adelson and Bergen, "Spatiotemporal energy models for the perception of motion", JOSA A 2, 1985. Kay, Naselaris, Prenger and Gallant,
"Identifying natural images from human brain activity", Nature 452, 2008, whose bank is of this kind.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from daenr_tf.baselines.axes import MOST_FEATURES, in_parts
from daenr_tf.gabors import OPPONENT, WIDTH, along
from daenr_tf.machine import blocks

ORIENTATIONS = 8
OCTAVE = 2.0  # from one spatial frequency to the next
SHORTEST = 4  # pixels of the shortest wavelength
SPACING = 0.5  # of the centres, in wavelengths; wider where the bank would be too large
WIDER = 1.25
FLOOR = 0.1  # of a filter's mean energy over the training images
COARSE = 8  # rows, and columns, of the grid over which colours are averaged


class Gabor(NamedTuple):
    """The Gabors of one frequency and one orientation.

    Attributes:
        frequency: cycles over the image's shorter side.
        orientation: radians, the direction of the wave vector, from the columns' (0: vertical stripes) to the rows'.
        rows, columns: (rows of centres,), (columns of centres,) in pixels; the centre of the first pixel is 0.
        width: standard deviation of the envelope, in wavelengths.
    """

    frequency: float
    orientation: float
    rows: np.ndarray
    columns: np.ndarray
    width: float = WIDTH


def bank(height: int, width: int, most: int = MOST_FEATURES) -> list[Gabor]:
    """The bank for images of a size: 1, 2, 4, … cycles over the shorter side down to a wavelength of 4 pixels, 8 orientations, centres half a wavelength
    apart, or as much further as brings the number of Gabors to `most` at most."""
    side, spacing = min(height, width), SPACING
    frequencies = [1.0]
    while side / (frequencies[-1] * OCTAVE) >= SHORTEST:
        frequencies.append(frequencies[-1] * OCTAVE)

    def centres(pixels, frequency):
        count = max(1, round(pixels * frequency / (side * spacing)))
        return (np.arange(count) + 0.5) * pixels / count - 0.5

    while True:
        found = [
            Gabor(
                frequency,
                np.pi * number / ORIENTATIONS,
                centres(height, frequency),
                centres(width, frequency),
            )
            for frequency in frequencies
            for number in range(ORIENTATIONS)
        ]
        if _size(found) <= max(most, len(found)):  # with one centre each it can't be smaller
            return found
        spacing *= WIDER


def _size(gabors):
    """How many Gabors there are, with all their centres."""
    return sum(len(one.rows) * len(one.columns) for one in gabors)


def responses(images: np.ndarray, gabors: list[Gabor]) -> np.ndarray:
    """(images, height, width, channels) -> (images, Gabors x channels) complex, per channel in the bank's order, its centres row by row."""
    height, width = images.shape[1:3]
    stacks = [np.ascontiguousarray(images[..., channel]) for channel in range(images.shape[-1])]
    found = [[] for _ in stacks]
    # All orientations of a grid at once: few long operations leave the interpreter to other threads.
    for _, those in itertools.groupby(gabors, _grid):
        factors = [_factors(one, height, width) for one in those]
        rows, columns = (np.stack([one[i][0] for one in factors])[:, None] for i in (0, 1))
        (_, plain_rows), (_, plain_columns), _, area = factors[0]
        excess = np.stack([one[2] for one in factors])[:, None]
        for stack, parts in zip(stacks, found, strict=True):
            plain = plain_rows @ stack @ plain_columns.T
            complex_ones = rows @ stack @ columns.swapaxes(2, 3)
            complex_ones -= plain * excess
            complex_ones /= area
            parts.append(np.moveaxis(complex_ones, 0, 1).reshape(len(images), -1))
    return np.concatenate([np.concatenate(parts, axis=1) for parts in found], axis=1)


def _grid(one):
    """What Gabors of different orientations share: the centres, and the Gaussian."""
    return one.frequency, one.width, one.rows.tobytes(), one.columns.tobytes()


def filters(height: int, width: int, gabors: list[Gabor]) -> np.ndarray:
    """(Gabors, height, width) complex: what `responses` multiplies a channel with and sums, in its order."""
    found = []
    for one in gabors:
        rows, columns, excess, area = _factors(one, height, width)
        complex_one, plain = (np.einsum("ri,cj->rcij", rows[i], columns[i]) for i in (0, 1))
        found.append((complex_one - plain * excess[..., None, None]) / area)
    return np.concatenate([one.reshape(-1, height, width) for one in found])


def _factors(one, height, width):
    """(factors along the rows, factors along the columns, the share of the Gaussian that is taken off each centre's Gabor, what it is
    divided by)."""
    wave = 2 * np.pi * one.frequency / min(height, width)
    deviation = one.width * min(height, width) / one.frequency
    rows = along(height, one.rows, wave * np.sin(one.orientation), deviation)
    columns = along(width, one.columns, wave * np.cos(one.orientation), deviation)
    uniform, gaussian = (np.outer(rows[i].sum(1), columns[i].sum(1)) for i in (0, 1))
    return rows, columns, uniform / gaussian, deviation**2


def count_features(shape: tuple[int, int, int]) -> int:
    """How many features `Energies` without phases makes of images (height, width, channels)."""
    height, width, channels = shape
    energies = _size(bank(height, width, MOST_FEATURES // channels))
    coarse = min(COARSE, height) * min(COARSE, width) if channels > 1 else 0
    return channels * (energies + coarse)


class Energies:
    """The code log(energy + floor) of every Gabor, energy being sqrt(even² + odd²) and the floor a tenth of its mean over the training images.

    Colour images are taken as luminance, red against green, and blue against yellow. Energies don't tell red from green there: so the means of
    the three over an 8 x 8 grid stand beside them.

    Args:
        images: (images, height, width, channels), to train on.
        phases: whether the even and the odd outputs themselves, which are what simple cells see, stand beside it.
    """

    def __init__(self, images: np.ndarray | blocks.Rows, phases: bool = False) -> None:
        self.phases = phases
        height, width, channels = images.shape[1:]
        self.bank = bank(height, width, MOST_FEATURES // (channels * (3 if phases else 1)))
        total = sum(
            np.abs(responses(_opponent(part), self.bank)).sum(axis=0)
            for _, part in in_parts(images)
        )
        self.floor = np.maximum(FLOOR * total / len(images), np.finfo(np.float32).tiny)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(n, height, width, channels) -> (n, features)."""
        seen = _opponent(images)
        found = responses(seen, self.bank)
        parts = [np.log(np.abs(found) + self.floor)]
        if self.phases:
            parts += [found.real, found.imag]
        if seen.shape[-1] > 1:
            parts.append(_coarse(seen))
        return np.concatenate(parts, axis=1)


def _opponent(images):
    """Of (red, green, blue) luminance, red against green, blue against yellow; grey images as they are."""
    return images @ np.transpose(OPPONENT) if images.shape[-1] == len(OPPONENT) else images


def _coarse(images):
    """(n, height, width, channels) -> (n, cells x channels), the means over a grid of 8 x 8 cells."""
    for axis in (1, 2):
        pixels = images.shape[axis]
        first = np.unique(np.arange(COARSE) * pixels // COARSE)
        share = np.diff(np.append(first, pixels)).astype(np.float64)
        share = share.reshape([-1 if i == axis else 1 for i in range(4)])
        images = np.add.reduceat(images, first, axis=axis) / share
    return images.reshape(len(images), -1)
