"""The rule by which the paper's claims are judged; docs/experiments.md states it, with its date, before any result.

A claim has parts: what the paper's text names, "in all three regions" for example; an effect each,
the mean over the cells that the part is about, positive where the claim holds. The parts' intervals
are simultaneous: all of them hold their truths together in 95 of 100 studies (Bonferroni). One set of
intervals decides everything, so no verdict is easier to come by than another. A part is

- supported, where its interval lies above 0 and reaches the smallest effect that would matter,
- contradicted, where it lies below 0 and reaches that smallest effect on the other side,
- not supported, where it lies below the smallest effect that would matter, and isn't contradicted,
- not decidable with this data otherwise.

A claim says that all its parts hold: one that is contradicted contradicts it; it is supported if all
are; one that is not supported leaves it unsupported; otherwise, where a cell is missing, where there
are fewer seeds than its number of parts asks for (`seeds_needed`), and on the budget of a rehearsal,
it is not decidable. Single cells are shown and decide nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from daenr_tf.experiments.intervals import Estimate

DATED = "2026-11-28, amended on 2026-11-29"  # what was measured before was judged by another rule
SUPPORTED, NOT_SUPPORTED, CONTRADICTED, NOT_DECIDABLE = (
    "supported",
    "not supported",
    "contradicted",
    "not decidable with this data",
)
VERDICTS = (SUPPORTED, NOT_SUPPORTED, CONTRADICTED, NOT_DECIDABLE)
LEVEL = 0.05  # of all parts of a claim together
# The smallest effects that would matter: shares of the baseline's MSE, of the recorded neurons and
# of a gain; a correlation; a ratio of signal to noise in dB.
LEAST_SHARE, LEAST_PCC, LEAST_PSNR = 0.01, 0.005, 0.02
# From how many parts on how many seeds are needed: with fewer, t's tail isn't what the intervals take
# it for (docs/statistics.md).
_SEEDS_NEEDED = ((1, 3), (3, 4), (7, 5))


def seeds_needed(parts: int) -> int:
    """How many seeds a claim with so many parts needs for its intervals to hold what they say."""
    return max(seeds for least, seeds in _SEEDS_NEEDED if parts >= least)


def seeds_in_words() -> str:
    """Such as "3 for 1 to 2, 4 for 3 to 6 parts, 5 for more"."""
    bounds = [least for least, _ in _SEEDS_NEEDED[1:]]
    spans = [
        f"{seeds} for {least} to {end - 1}"
        for (least, seeds), end in zip(_SEEDS_NEEDED, bounds, strict=False)
    ]
    return f"{', '.join(spans)} parts, {_SEEDS_NEEDED[-1][1]} for more"


def level_of_a_part(parts: int) -> float:
    """The level of each part's interval, for all of them to hold together at 0.95."""
    return 1 - LEVEL / parts


def verdict_on(effect: Estimate | None, least: float, parts: int = 1) -> str:
    """The verdict on one part.

    Args:
        effect: `Estimate`, or None where a cell is missing.
        least: the smallest effect that would matter.
        parts: of the claim, this one among them.
    """
    if effect is None or effect.seeds < seeds_needed(parts):
        return NOT_DECIDABLE
    low, high = effect.interval(level_of_a_part(parts))
    if not np.isfinite([low, high, least]).all():
        return NOT_DECIDABLE
    if low > 0 and high >= least:
        return SUPPORTED
    if high < 0 and low <= -least:
        return CONTRADICTED
    return NOT_SUPPORTED if high < least else NOT_DECIDABLE


def p_value(
    verdict: str,
    verdicts: Sequence[str],
    effects: Sequence[Estimate | None],
    leasts: Sequence[float],
) -> float:
    """The p-value of a claim's verdict, corrected for the number of its parts; 1 where it decided nothing.

    The least level at which the parts' simultaneous intervals would still have given it; by Holm's
    method over all claims (`intervals.holm`) it tells which verdicts hold together.

    Args:
        verdict: of the claim.
        verdicts, effects, leasts: of its parts: what each came to, its `Estimate`, the smallest effect that would matter.
    """
    if verdict == NOT_DECIDABLE:
        return 1.0
    found = []
    for own, effect, least in zip(verdicts, effects, leasts, strict=True):
        if own == verdict == SUPPORTED:
            found.append(effect.p_above(0))
        elif own == verdict == CONTRADICTED:
            found.append(effect.p_below(0))
        elif own == verdict:
            found.append(effect.p_below(least))
    return min(1.0, len(effects) * (max(found) if verdict == SUPPORTED else min(found)))


def together(verdicts: Collection[str]) -> str:
    """The verdict on a claim that says that all of several things hold."""
    for verdict in (CONTRADICTED, NOT_SUPPORTED, NOT_DECIDABLE):
        if verdict in verdicts:
            return verdict
    return SUPPORTED
