"""Whether the rule of verdicts errs as seldom as it says: `python -m daenr_tf.tools.verdict_calibration`.

Counts on simulated studies with a known truth (the regimes of `interval_coverage`) how often two models that don't differ are
called different at the level that a part of a claim has, and from that how often any part of a claim is, were its parts independent:
the worst case. With `--claims FILE`, the `tables/claims.csv` of a study, it tells besides how likely each claim is to be supported if the
paper's own effects were true, with that study's seeds, test images and standard errors. Where joint learning changed nothing these are
far too small for that: trainings that end differently differ by chance as well. `--differing SHARE` takes none smaller than such
trainings'.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from daenr_tf.experiments.claims import DECIBELS, SHARE_OF_MSE
from daenr_tf.experiments.intervals import estimate, unpaired_difference
from daenr_tf.experiments.questions import PART
from daenr_tf.experiments.scores import image_draws, image_omissions, relative_gain
from daenr_tf.experiments.study import REHEARSAL
from daenr_tf.experiments.verdicts import LEAST_SHARE, LEVEL, level_of_a_part, seeds_needed
from daenr_tf.tools.interval_coverage import (
    COUNTED,
    DRAWS,
    GAIN,
    IMAGES,
    MEAN,
    REGIMES,
    SKEWED,
    Regime,
    scores_of,
    simulated,
)
from daenr_tf.tools.populations import Predictions

STUDIES = 20_000
# Parts of a claim -> the claims of the whole study that have so many.
PARTS = {1: "C11", 2: "C2, C3, C6, C12", 3: "C1, C4, C5, C7", 8: "C9", 9: "C8, C10"}
APART = "two regions"
# What C2 and C6 compare: two regions' gains, and their shares of significant neurons, which share no seed, image or neuron.
OF_REGIONS = (
    *(Regime("MSE", APART, f"gains, {name}", errors) for name, errors in SKEWED.items()),
    Regime(COUNTED, APART, "seeds dominate", Predictions(0.1, 0.7, 0.5)),
    Regime(COUNTED, APART, "images dominate", Predictions(0.5, 1.0, 0.1)),
    Regime(COUNTED, APART, "interaction dominates", Predictions(0.0, 1.5, 0.0)),
)


def p_values(regime: Regime, seeds: int, studies: int) -> np.ndarray:
    """p-values of the difference of two equal models in simulated studies, or of two regions that don't differ, (studies,)."""
    name = f"{regime.figure} {regime.name} {seeds}"
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    draws = (
        [image_draws(IMAGES, DRAWS, seed=i) for i in range(50)]
        if regime.figure == COUNTED
        else [image_omissions(IMAGES)]
    )
    found = []
    for study in range(studies):
        counts = draws[study % len(draws)]
        if regime.of == APART:
            sides = [_of_region(regime, seeds, counts, generator) for _ in range(2)]
            found.append(unpaired_difference(*sides).p_value)
        else:
            results = simulated(regime, seeds, (0.0, 0.0), generator)
            first, second = scores_of(regime, results, counts)
            found.append(estimate(first - second).p_value)
    return np.asarray(found)


def _of_region(regime, seeds, counts, generator):
    """What a claim about regions compares, of one of them."""
    if regime.figure == COUNTED:
        (score,) = scores_of(regime, simulated(regime, seeds, (0.0,), generator), counts)
        return estimate(score / regime.population.neurons)
    results = simulated(regime, seeds, (0.0, GAIN), generator)
    return estimate(relative_gain(*scores_of(regime, results, counts)))


def family_error(p: np.ndarray, parts: int) -> float:
    """The chance that any of so many independent parts without an effect is called positive or negative.

    Args:
        p: (studies,), p-values of one part.
    """
    return 1 - (1 - float(np.mean(p <= LEVEL / parts))) ** parts


# By the unit of an effect: its standard error where two trainings differ by chance with one of `share` of the MSE; `least` is the smallest
# effect that matters, in the effect's unit.
_DIFFERING = {
    "MSE": lambda share, least: share * least / LEAST_SHARE,
    SHARE_OF_MSE: lambda share, _: np.sqrt(2) * share,
    DECIBELS: lambda share, _: 10 / np.log(10) * share,
}


def power(claims: pd.DataFrame, differing: float = 0.0) -> pd.DataFrame:
    """How likely each claim is supported if the paper's own effects are true.

    Args:
        claims: the table `claims.csv` of a study.
        differing: the smallest standard error of an effect on the error, as a share of the MSE; on correlations they are taken as they are.

    Returns:
        A row per claim that the paper has effects for: `claim`, `parts`, `seeds`, `power` (parts independent), `weakest` (of one part).
    """
    rows = []
    decided = claims[(claims["role"] == PART) & claims["paper"].notna()]
    for name, parts in decided.groupby("claim", sort=False):
        chances = [_power_of_a_part(part, len(parts), differing) for part in parts.itertuples()]
        rows.append(
            {
                "claim": name,
                "parts": len(parts),
                "seeds": int(parts["seeds"].min()),
                "power": float(np.prod(chances)),
                "weakest": min(chances),
            }
        )
    return pd.DataFrame(rows)


def _power_of_a_part(part, parts, differing):
    """The chance that an interval lies above 0 and reaches `least`, by the noncentral t."""
    if part.seeds < seeds_needed(parts):
        return 0.0
    error, freedom = part.standard_error, part.degrees_of_freedom
    floor = _DIFFERING[part.unit](differing, part.least) if part.unit in _DIFFERING else 0.0
    if error < floor:
        error, freedom = floor, part.seeds - 1
    bound = stats.t.ppf((1 + level_of_a_part(parts)) / 2, freedom)
    reaches = max(bound, part.least / error - bound)
    return float(stats.nct.sf(reaches, freedom, part.paper / error))


def asked_of(regime: Regime) -> tuple[int, ...]:
    """The numbers of parts of the claims that compare what a regime is about."""
    if regime.of == APART:
        return (2,)  # C2, C6
    return (3,) if regime.figure == COUNTED else tuple(PARTS)  # C5


def table(found: dict[tuple[Regime, int], np.ndarray], seeds: Sequence[int]) -> str:
    """The family errors as Markdown, in per cent; bold where the rule allows that number of seeds."""
    heads = [f"{parts} part{'s' * (parts > 1)} ({claims})" for parts, claims in PARTS.items()]
    lines = [
        "| | regime | seeds | " + " | ".join(heads) + " |",
        "|" + "---|" * (3 + len(PARTS)),
    ]
    for regime in dict.fromkeys(regime for regime, _ in found):
        for count in seeds:
            cells = []
            for parts in PARTS:
                if parts not in asked_of(regime):
                    cells.append("–")
                    continue
                error = f"{100 * family_error(found[regime, count], parts):.1f}"
                cells.append(f"**{error}**" if count >= seeds_needed(parts) else error)
            figure = f"{regime.figure}{', two regions' * (regime.of == APART)}"
            lines.append(f"| {figure} | {regime.name} | {count} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of family errors, or with --claims that of power."""
    parser = argparse.ArgumentParser(
        prog="python -m daenr_tf.tools.verdict_calibration", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--claims", metavar="FILE", help="tables/claims.csv of a study: tell power instead"
    )
    parser.add_argument(
        "--differing",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="with --claims: take no standard error of an error as smaller than this share of the MSE (default: %(default)g)",
    )
    parser.add_argument(
        "--studies", type=int, default=STUDIES, help="simulated studies (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[3, 4, 5, 8], metavar="N", help="numbers of seeds"
    )
    options = parser.parse_args(arguments)
    if options.claims:
        claims = pd.read_csv(options.claims)
        if (claims["budget"] == REHEARSAL).any():
            parser.error(
                f"--claims: expected a study that can decide something, found a rehearsal in {options.claims}"
            )
        print(power(claims, options.differing).to_string(index=False))
        return
    started, found = time.monotonic(), {}
    for regime in (*REGIMES, *OF_REGIONS):
        if regime.of != MEAN:
            for seeds in options.seeds:
                found[regime, seeds] = p_values(regime, seeds, options.studies)
    print(table(found, options.seeds))
    allowed = [
        family_error(found[regime, seeds], parts)
        for (regime, seeds) in found
        for parts in asked_of(regime)
        if seeds >= seeds_needed(parts)
    ]
    print(
        f"\nper cent of {options.studies} studies in which any part without an effect is called different, parts independent;"
        f" bold: as many seeds as the rule asks for; the largest of those {100 * max(allowed):.1f}"
    )
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
