"""The Gabor that follows a neuron's answers to natural images most closely: its orientation and spatial frequency.

A neuron is held against Gabors about the centre of its receptive field, of every orientation, spatial frequency and width: against the two of a
quadrature pair, as of a simple cell (a straight line in both, whatever the phase), and against their energy, as of a complex one. What
is fitted is the square root of its expected response, which takes back part of an expansive output.

Over natural images every part of a receptive field counts by how much of the responses it explains. Gratings of one contrast and images
that are synthesised count it by its pixels instead, so that fine subunits, of which natural images hold little, weigh as much as what
leads the neuron.

References: Kay, Naselaris, Prenger & Gallant 2008, Nature 452:352-355 (responses to natural images fitted with Gabors); Ringach 2002,
J. Neurophysiology 88:455-463 (widths in cortex).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from daenr_tf.baselines import gabor
from daenr_tf.machine.progress import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

ORIENTATIONS = 18  # over 180 degrees
FREQUENCIES = 7  # from two cycles per image to FINEST
FINEST = 0.25  # cycles per pixel
WIDTHS = (0.25, 0.4)  # SD of the envelope, in wavelengths
KINDS = ("simple", "complex")


def fit(
    images: np.ndarray, rates: np.ndarray, centers: np.ndarray, neurons: Sequence[int]
) -> pd.DataFrame:
    """The Gabors of some neurons.

    Args:
        images: (images, height, width, channels), any grey levels; of colours the mean is taken.
        rates: (images, len(neurons)), expected responses to them, >= 0.
        centers: (len(neurons), 2), row and column of each receptive field in pixels.
        neurons: their numbers.

    Returns:
        A row per neuron: `neuron`; `gabor_orientation`, degrees in 0..180, the direction in which the Gabor varies, from the columns' axis
        towards the rows'; `gabor_spatial_frequency`, cycles per pixel; `gabor_kind`, one of `KINDS`; `gabor_r2`, the share of the
        variance of the root of the rates that it explains. Orientation, frequency and kind are empty where the rates never vary.
    """
    height, width = images.shape[1:3]
    pixels = np.asarray(images, np.float32).mean(axis=3).reshape(len(images), -1)
    pixels -= pixels.mean()
    side = min(height, width)
    cycles = np.geomspace(2, FINEST * side, FREQUENCIES)
    rows = []
    with counted(len(neurons), "Gabor fit") as advance:
        for neuron, rate, center in zip(neurons, np.asarray(rates).T, centers, strict=True):
            gabors = _about(center, cycles)
            shown = gabor.filters(height, width, gabors).reshape(len(gabors), -1)
            even, odd = (pixels @ part.T.astype(np.float32) for part in (shown.real, shown.imag))
            explained = _explained(np.sqrt(np.maximum(rate, 0)), even, odd)
            rows.append((neuron, *_best(explained, cycles / side)))
            advance(1)
    names = ("orientation", "spatial_frequency", "kind", "r2")
    return pd.DataFrame(rows, columns=["neuron", *(f"gabor_{name}" for name in names)])


def _about(center, cycles):
    """The Gabors about one centre, by width, frequency and orientation."""
    row, column = (np.array([value]) for value in center)
    angles = np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS
    return [
        gabor.Gabor(float(frequency), float(angle), row, column, width)
        for width in WIDTHS
        for frequency in cycles
        for angle in angles
    ]


def _explained(values, even, odd):
    """(kinds, widths, frequencies, orientations): R^2 of values (images,) by what Gabors give, even and odd (images, Gabors)."""
    values = np.asarray(values, np.float64) - np.mean(values)
    power = values @ values
    if power <= 1e-12 * len(values):
        return np.zeros((len(KINDS), len(WIDTHS), FREQUENCIES, ORIENTATIONS))
    even, odd, energy = (
        one - one.mean(axis=0) for one in (even.astype(float), odd, np.hypot(even, odd))
    )
    a, b, c = (even**2).sum(0), (odd**2).sum(0), (even * odd).sum(0)
    p, q = values @ even, values @ odd
    both = (b * p**2 + a * q**2 - 2 * c * p * q) / np.maximum(a * b - c**2, 1e-9 * a * b)
    alone = (values @ energy) ** 2 / (energy**2).sum(0)
    found = np.stack([both, alone]) / power
    return found.reshape(len(KINDS), len(WIDTHS), FREQUENCIES, ORIENTATIONS)


def _best(explained, frequencies):
    """(orientation, frequency, kind, R^2) of the largest; the orientation by the parabola through it and its two neighbours."""
    kind, width, frequency, angle = np.unravel_index(explained.argmax(), explained.shape)
    curve = explained[kind, width, frequency]
    at = curve[angle]
    if at <= 0:
        return np.nan, np.nan, None, 0.0
    before, after = curve[angle - 1], curve[(angle + 1) % ORIENTATIONS]
    bend = 2 * at - before - after
    step = 0.5 * (after - before) / bend if bend > 0 else 0.0
    return (angle + step) * 180 / ORIENTATIONS % 180, frequencies[frequency], KINDS[kind], at
