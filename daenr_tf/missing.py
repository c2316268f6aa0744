"""Responses of which some are missing, NaN where a neuron was not recorded on an image: their sums over what is known.

Of complete responses every function gives the bits that NumPy's own gives."""

import numpy as np

from daenr_tf.machine import blocks

LEAST_KNOWN = (
    3  # responses of a neuron that is scored, where some are missing: two always correlate
)


def known_counts(responses: np.ndarray | blocks.Rows) -> np.ndarray:
    """(images, neurons) -> (neurons,) int, how many responses of each are known; looked at a part at a time."""
    counts = np.zeros(responses.shape[1], np.int64)
    for some in blocks.slices(len(responses), responses[:1].nbytes):
        counts += (~np.isnan(responses[some])).sum(axis=0)
    return counts


def mean(responses: np.ndarray | blocks.Rows) -> np.ndarray:
    """(images, neurons) -> (neurons,) float64, the mean over images; NaN for a neuron without a response."""
    responses = np.asarray(responses)
    if not np.isnan(responses).any():
        return responses.mean(axis=0, dtype=np.float64)
    counts = known_counts(responses)
    total = np.nansum(responses, axis=0, dtype=np.float64)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def mean_over_neurons(values: np.ndarray) -> float:
    """(neurons,) -> the mean over those that have a value; NaN where none has."""
    values = np.asarray(values)
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
