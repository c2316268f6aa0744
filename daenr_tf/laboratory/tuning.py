"""Tuning curves and selectivity indices of neurons that were shown gratings. Angles in degrees; plain NumPy.

References: Swindale 1998, Biological Cybernetics 78:45-56 (the vector sum of orientation tuning); Mazurek, Kager & Van
Hooser 2014, Frontiers in Neural Circuits 8:92 (which index of orientation selectivity to trust); Cavanaugh, Bair & Movshon
2002, J. Neurophysiology 88:2530-2546 (the suppression index).
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def over_phases(responses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a neuron answers to a grating whatever its phase, from responses (..., phases, neurons) to evenly spaced phases.

    Returns:
        (mean over phases F0, amplitude of the first harmonic F1, F0 + F1), each (..., neurons). The last is what the
        sinusoid fitted over phases reaches at its best phase: it serves simple cells, which follow the phase, and complex ones.
    """
    phases = responses.shape[-2]
    wave = np.exp(-2j * np.pi * np.arange(phases) / phases)
    mean = responses.mean(axis=-2)
    first = 2 * np.abs(np.einsum("...pn,p->...n", responses, wave)) / phases
    return mean, first, mean + first


def orientation_tuning(
    responses: np.ndarray, orientations: np.ndarray, frequencies: np.ndarray
) -> pd.DataFrame:
    """Indices of orientation and spatial-frequency tuning.

    Args:
        responses: (orientations, frequencies, phases, neurons), >= 0.
        orientations: (orientations,) degrees, evenly over 180.
        frequencies: (frequencies,).

    Returns:
        A row per neuron, all at the spatial frequency with the largest response: `preferred_orientation` (degrees in 0..180,
        of the vector sum over orientations of the response above the smallest), `preferred_spatial_frequency`, `osi` (Rpref - Rorth) / (Rpref + Rorth),
        `global_osi` |sum R exp(2i orientation)| / sum R (1 - circular variance), `bandwidth` (half width in degrees at half
        height between the smallest and the largest response; empty where it never falls so far), `f1_f0` (the phase's
        share: above 1 as of a simple cell), `peak_response`.
    """
    mean, first, best = over_phases(np.asarray(responses, float))
    neurons = np.arange(best.shape[-1])
    at = best.max(axis=0).argmax(axis=0)
    curves = best[:, at, neurons]  # (orientations, neurons)
    peak = curves.argmax(axis=0)
    count = len(orientations)
    orthogonal = curves[(peak + count // 2) % count, neurons]
    largest = curves[peak, neurons]
    turn = np.exp(2j * np.deg2rad(orientations))[:, None]
    above = curves - curves.min(axis=0)
    return pd.DataFrame(
        {
            "neuron": neurons,
            "preferred_orientation": np.rad2deg(np.angle((above * turn).sum(axis=0)) / 2) % 180,
            "preferred_spatial_frequency": np.asarray(frequencies)[at],
            "osi": _ratio(largest - orthogonal, largest + orthogonal),
            "global_osi": _ratio(np.abs((curves * turn).sum(axis=0)), curves.sum(axis=0)),
            "bandwidth": [_half_width(curve, orientations) for curve in curves.T],
            "f1_f0": _ratio(first[peak, at, neurons], mean[peak, at, neurons]),
            "peak_response": largest,
        }
    )


def _half_width(curve, orientations):
    """Half the width in degrees between the places, on either side of the peak, where a circular curve has fallen to half."""
    count, step = len(curve), 180 / len(orientations)
    turned = np.roll(curve, -int(curve.argmax()))
    half = (turned[0] + turned.min()) / 2
    if turned[0] == turned.min():
        return np.nan
    widths = []
    for side in (turned, turned[[0, *range(count - 1, 0, -1)]]):
        below = int(np.flatnonzero(side <= half)[0])
        high, low = side[below - 1], side[below]
        widths.append((below - 1 + (high - half) / (high - low)) * step)
    return float(np.mean(widths))


def contrast_tuning(curves: np.ndarray, contrasts: np.ndarray) -> pd.DataFrame:
    """Indices of contrast curves (contrasts, neurons).

    Returns:
        A row per neuron: `c50`, the lowest contrast, between those shown, at which the response above that to the lowest
        reaches half of its largest; `largest_response`; `best_contrast`. c50 is empty where nothing exceeds the response to the lowest.
    """
    curves = np.asarray(curves, float)
    above = curves - curves[0]
    return pd.DataFrame(
        {
            "neuron": np.arange(curves.shape[1]),
            "c50": [_crossing(curve, contrasts) for curve in above.T],
            "largest_response": curves.max(axis=0),
            "best_contrast": np.asarray(contrasts)[curves.argmax(axis=0)],
        }
    )


def _crossing(curve, values):
    """Where a curve that starts at 0 first reaches half of its maximum."""
    if curve.max() <= 0:
        return np.nan
    half = curve.max() / 2
    first = int(np.flatnonzero(curve >= half)[0])
    share = (half - curve[first - 1]) / (curve[first] - curve[first - 1])
    return float(values[first - 1] + share * (values[first] - values[first - 1]))


def size_tuning(curves: np.ndarray, diameters: np.ndarray, baseline: np.ndarray) -> pd.DataFrame:
    """Indices of size curves (diameters, neurons), `baseline` (neurons,) being the response to grey.

    Returns:
        A row per neuron: `preferred_size`; `suppression_index` (Rmax - Rlargest size) / Rmax of the response above
        the baseline, empty where no patch exceeds it; `largest_response`.
    """
    curves = np.asarray(curves, float)
    above = curves - baseline
    largest = above.max(axis=0)
    index = np.full(len(largest), np.nan)
    driven = largest > 0
    index[driven] = (largest - above[-1])[driven] / largest[driven]
    return pd.DataFrame(
        {
            "neuron": np.arange(curves.shape[1]),
            "preferred_size": np.asarray(diameters)[curves.argmax(axis=0)],
            "suppression_index": index,
            "largest_response": curves.max(axis=0),
        }
    )


def square_maps(responses: np.ndarray, shown: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Mean responses to dark and to bright squares, less the mean over all: (2, neurons, rows, columns); 0 where none was shown.

    Args:
        responses: (images, neurons).
        shown: (images, 3), row and column of each square's cell, and its sign.
        grid: (rows, columns) of the cells.
    """
    responses = np.asarray(responses, float)
    maps = np.zeros((2, responses.shape[1], *grid))
    count = np.zeros((2, *grid))
    for (row, column, sign), response in zip(np.asarray(shown), responses, strict=True):
        maps[int(sign > 0), :, row, column] += response
        count[int(sign > 0), row, column] += 1
    many = count[:, None]
    mean = responses.mean(axis=0)[None, :, None, None]
    return np.where(many > 0, maps / np.maximum(many, 1) - mean, 0)


def _ratio(numerator, denominator):
    """The ratio, 0 where the denominator is."""
    safe = np.where(denominator == 0, 1, denominator)
    return np.where(denominator == 0, 0.0, numerator / safe)
