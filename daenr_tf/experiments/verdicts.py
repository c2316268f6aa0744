"""The rule by which the paper's claims are judged; docs/experiments.md states it before any result.

Every comparison is an effect that is positive where the claim holds. It is

- supported, where it is positive with p <= 0.05 after Holm's correction over the comparisons of its
  claim,
- contradicted, where it is negative with such a p,
- not supported, where neither, and its 95 % interval lies below the smallest effect that would
  matter; also where the whole interval is smaller than that in either direction, however certain it
  is that there is some effect,
- not decidable with this data otherwise; with a single seed, which tells nothing of how another
  training would have ended; and on the budget of a rehearsal, after which the models are hardly
  trained.

A claim says that all its comparisons hold: one that is contradicted contradicts it; it is supported
if all are; one that is not supported leaves it unsupported; otherwise, and where a comparison is
missing, it is not decidable. A claim whose models or regions were not asked for is not examined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from daenr_tf.experiments.intervals import Estimate

SUPPORTED, NOT_SUPPORTED, CONTRADICTED, NOT_DECIDABLE = (
    "supported",
    "not supported",
    "contradicted",
    "not decidable with this data",
)
VERDICTS = (SUPPORTED, NOT_SUPPORTED, CONTRADICTED, NOT_DECIDABLE)
LEVEL = 0.05
# The smallest effects that would matter: shares of the baseline's MSE, of the recorded neurons and
# of a gain, and a correlation.
LEAST_SHARE, LEAST_PCC = 0.01, 0.01


def verdict_on(effect: Estimate | None, p_adjusted: float, least: float) -> str:
    """The verdict on one comparison.

    Args:
        effect: `Estimate` or None.
        p_adjusted: its p-value after correction.
        least: the smallest effect that would matter.
    """
    if (
        effect is None
        or effect.seeds < 2
        or not np.isfinite([effect.value, effect.low, effect.high, p_adjusted]).all()
    ):
        return NOT_DECIDABLE
    if -least < effect.low and effect.high < least:
        return NOT_SUPPORTED
    if p_adjusted <= LEVEL and effect.value != 0:
        return SUPPORTED if effect.value > 0 else CONTRADICTED
    return NOT_SUPPORTED if effect.high < least else NOT_DECIDABLE


def together(verdicts: Collection[str]) -> str:
    """The verdict on a claim that says that all of several things hold."""
    for verdict in (CONTRADICTED, NOT_SUPPORTED, NOT_DECIDABLE):
        if verdict in verdicts:
            return verdict
    return SUPPORTED
