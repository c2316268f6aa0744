"""Whether the intervals hold what they say: `python -m daenr_tf.tools.interval_coverage` counts on simulated studies with a known truth.

For every regime and number of seeds: in how many of 1,000 studies two models that don't differ come out different at p <= 0.05 (false positives,
should be 5 %), and in how many the 95 % interval holds the truth (coverage). Beside ours stands the percentile interval of the crossed bootstrap,
which draws seeds and images with replacement and takes the 2.5th and 97.5th percentile of the means.
"""

import argparse
import functools
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daenr_tf.experiments.intervals import estimate
from daenr_tf.experiments.scores import Score, image_draws, image_omissions
from daenr_tf.tools.populations import IMAGES, Errors, Failing, Predictions

SEEDS = (2, 3, 5, 10)
STUDIES, DRAWS = 1000, 200
# Per cent; what has to be met. Verdicts rest on the tail, where to err on the safe side is allowed.
FALSE_POSITIVES, COVERAGE = (2.5, 6.5), (92.0, 98.0)
FEWEST_SEEDS = 3  # from which on it has to be
GAIN = 0.1  # of the better of two models whose difference is sought
MEAN, DIFFERENCE = "mean", "difference"
COUNTED = "significant neurons"
_COUNT_STUDIES = 4000  # that the expected number of significant neurons is taken from


@dataclass(frozen=True)
class Regime:
    """A kind of study.

    Attributes:
        figure: "MSE", "PCC" or `COUNTED`.
        of: MEAN of one model, or the paired DIFFERENCE of two.
        name: what dominates.
        population: where the studies come from.
        main: whether it has to be calibrated; the others show where it ends.
    """

    figure: str
    of: str
    name: str
    population: Errors | Failing | Predictions
    main: bool = True


_EVEN, _LEARNED = Predictions(0.5, 1.0, 0.1), Predictions(0.0, 1.5, 0.0)
_SHARES = {  # of seeds, images and interaction in the variance
    "seeds dominate": (0.9, 0.05, 0.05),
    "images dominate": (0.05, 0.9, 0.05),
    "interaction dominates": (0.05, 0.05, 0.9),
}
SKEWED = {name: Errors(*shares, skewed=True, hardness=0.5) for name, shares in _SHARES.items()}
REGIMES = (
    *(Regime("MSE", MEAN, name, Errors(*shares)) for name, shares in _SHARES.items()),
    Regime("MSE", MEAN, "all equal", Errors(1 / 3, 1 / 3, 1 / 3)),
    Regime(
        "MSE", MEAN, "images lognormal, σ 0.5", Errors(0.4, 0.0, 0.6, skewed=True, hardness=0.5)
    ),
    Regime(
        "MSE",
        MEAN,
        "images lognormal, σ 1",
        Errors(0.4, 0.0, 0.6, skewed=True, hardness=1.0),
        main=False,
    ),
    *(Regime("MSE", DIFFERENCE, name, errors) for name, errors in SKEWED.items()),
    Regime("MSE", DIFFERENCE, "all equal", Errors(1 / 3, 1 / 3, 1 / 3, skewed=True, hardness=0.5)),
    Regime(
        "MSE",
        DIFFERENCE,
        "all equal, images lognormal, σ 1",
        Errors(1 / 3, 1 / 3, 1 / 3, skewed=True, hardness=1.0),
        main=False,
    ),
    Regime("MSE", DIFFERENCE, "one training in five fails", Failing(), main=False),
    Regime("PCC", MEAN, "images dominate", _EVEN),
    Regime(
        "PCC",
        MEAN,
        "images dominate, skewed responses",
        Predictions(0.5, 1.0, 0.1, skewed=True),
        main=False,
    ),
    Regime("PCC", DIFFERENCE, "seeds dominate", Predictions(0.1, 0.7, 0.5)),
    Regime("PCC", DIFFERENCE, "images dominate", Predictions(1.0, 0.5, 0.05)),
    Regime("PCC", DIFFERENCE, "interaction dominates", _LEARNED),
    Regime("PCC", DIFFERENCE, "all equal", Predictions(0.6, 1.2, 0.12)),
    Regime(COUNTED, MEAN, "images dominate", _EVEN),
    Regime(COUNTED, DIFFERENCE, "all equal", Predictions(0.6, 1.2, 0.12)),
)


@dataclass(frozen=True)
class Calibration:
    """What came of a regime with a number of seeds, in per cent, each a pair (ours, crossed bootstrap); no false positives of a mean.

    Attributes:
        components: the mean shares of seeds, images and interaction in the variance.
    """

    regime: Regime
    seeds: int
    false_positives: tuple[float, float] | None
    coverage: tuple[float, float]

    @property
    def bound(self) -> bool:
        """Whether it has to be in range: a main regime with enough seeds."""
        return self.regime.main and self.seeds >= FEWEST_SEEDS

    @property
    def holds(self) -> bool:
        """Whether ours is in the ranges that it has to meet."""
        good = COVERAGE[0] <= self.coverage[0] <= COVERAGE[1]
        return good and (
            self.false_positives is None
            or FALSE_POSITIVES[0] <= self.false_positives[0] <= FALSE_POSITIVES[1]
        )


def calibrate(regime: Regime, seeds: int, studies: int = STUDIES) -> Calibration:
    """Simulated studies of one regime; the same arguments give the same figures."""
    name = f"{regime.figure} {regime.of} {regime.name} {seeds}"
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    draws = [
        image_draws(IMAGES, DRAWS, seed=i) for i in range(50)
    ]  # many, so that no chance of one set of draws is in every study
    omissions = image_omissions(IMAGES)
    gains = (0.0,) if regime.of == MEAN else (0.0, 0.0, GAIN)
    truths = [_truth(regime, seeds, gain) for gain in gains]
    false, covered = np.zeros(2), np.zeros(2)
    for study in range(studies):
        results = simulated(regime, seeds, gains, generator)
        bootstrap = draws[study % len(draws)]
        naive = scores_of(regime, results, bootstrap)
        ours = naive if regime.figure == COUNTED else scores_of(regime, results, omissions)
        if regime.of == MEAN:
            covered += [
                low <= truths[0] <= high for low, high in _intervals(ours[0], naive[0], generator)
            ]
            continue
        same, better = ((ours[0] - ours[i], naive[0] - naive[i], generator) for i in (1, 2))
        false += [not low <= 0 <= high for low, high in _intervals(*same)]
        covered += [low <= truths[0] - truths[2] <= high for low, high in _intervals(*better)]
    percent = 100 / studies
    return Calibration(
        regime,
        seeds,
        None if regime.of == MEAN else tuple(map(float, false * percent)),
        tuple(map(float, covered * percent)),
    )


def crossed_bootstrap(score: Score, generator: np.random.Generator) -> tuple[float, float]:
    """The 95 % percentile interval of the mean with seeds and images both drawn with replacement, independently (for comparison only)."""
    seeds = generator.multinomial(
        score.seeds, np.full(score.seeds, 1 / score.seeds), len(score.drawn)
    )
    low, high = np.percentile((seeds * score.drawn).sum(axis=1) / score.seeds, (2.5, 97.5))
    return float(low), float(high)


def _intervals(score: Score, drawn: Score, generator) -> list[tuple[float, float]]:
    ours = estimate(score)
    return [(ours.low, ours.high), crossed_bootstrap(drawn, generator)]


def simulated(
    regime: Regime, seeds: int, gains: Sequence[float], generator: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """A study of a regime: what a model of each gain reached, and the observed responses where it predicts some."""
    found = regime.population.study(seeds, gains, generator)
    return (found, None) if regime.figure == "MSE" else found


def scores_of(
    regime: Regime, results: tuple[list[np.ndarray], np.ndarray | None], counts: np.ndarray
) -> list[Score]:
    """The `Score` of each model of what `simulated` gave."""
    models, observed = results
    if observed is None:
        return [Score.mean_over_images(values, counts) for values in models]
    make = Score.pcc if regime.figure == "PCC" else Score.significant
    return [make(predicted, observed, counts) for predicted in models]


@functools.cache
def _truth(regime: Regime, seeds: int, gain: float) -> float:
    if regime.figure == "MSE":
        return regime.population.truth(seeds, gain)
    if regime.figure == "PCC":
        return regime.population.truth(gain)
    # A number of significant neurons is of a test with so many images: what other test sets of that size give on average.
    generator, counts = np.random.default_rng(1), np.ones((2, IMAGES))
    values = []
    for _ in range(_COUNT_STUDIES):
        (predicted,), observed = regime.population.study(1, (gain,), generator)
        values.append(Score.significant(predicted, observed, counts).full[0])
    return float(np.mean(values))


def table(calibrations: Sequence[Calibration]) -> str:
    """The figures as Markdown: a row per regime, a pair of columns per number of seeds, false positives / coverage, ours and the bootstrap's."""
    seeds = sorted({c.seeds for c in calibrations})
    lines = [
        "| | regime | "
        + " | ".join(f"{s} seeds" for s in seeds)
        + " | "
        + " | ".join(f"naive, {s}" for s in seeds)
        + " |",
        "|" + "---|" * (2 + 2 * len(seeds)),
    ]
    for regime in dict.fromkeys(c.regime for c in calibrations):
        row = {c.seeds: c for c in calibrations if c.regime == regime}
        cells = [_cell(row[s], which) for which in (0, 1) for s in seeds]
        lines.append(
            f"| {regime.figure}, {regime.of} | {regime.name}{'' if regime.main else ' *'} | "
            + " | ".join(cells)
            + " |"
        )
    return "\n".join(lines)


def _cell(calibration: Calibration, which: int) -> str:
    false = (
        "–" if calibration.false_positives is None else f"{calibration.false_positives[which]:.1f}"
    )
    return f"{false} / {calibration.coverage[which]:.1f}"


def draw(path: str, calibrations: Sequence[Calibration], studies: int) -> None:
    """The coverage of both intervals in every regime, as a PNG file. Raises MachineError."""
    from daenr_tf.plotting import canvas, palette

    seeds = sorted({c.seeds for c in calibrations})
    regimes = list(dict.fromkeys(c.regime for c in calibrations))
    title = (
        f"Coverage of 95 % intervals, simulated studies\n{studies} studies of {IMAGES} test images per point;"
        f" the band is {COVERAGE[0]:.0f}–{COVERAGE[1]:.0f} %; * shows where calibration ends"
    )
    figure = canvas.figure(3.2 + 1.9 * len(seeds), 0.26 * len(regimes) + 0.9, title, simulated=True)
    axes = figure.subplots(1, len(seeds), sharex=True, sharey=True, squeeze=False)[0]
    places = np.arange(len(regimes))[::-1]
    for axis, count in zip(axes, seeds, strict=True):
        row = {c.regime: c for c in calibrations if c.seeds == count}
        axis.axvspan(*COVERAGE, color="#d9e6d9", lw=0)
        axis.axvline(95, color="#6b8f6b", lw=0.8)
        for which, (label, style) in enumerate(
            (
                ("ours", {"marker": "o", "color": palette.BLUE}),
                ("percentile crossed bootstrap", {"marker": "x", "color": palette.RED}),
            )
        ):
            axis.plot(
                [row[r].coverage[which] for r in regimes],
                places,
                ls="none",
                ms=4,
                label=label,
                **style,
            )
        axis.set_title(f"{count} seeds", fontsize=canvas.STYLE["label"])
        axis.set_xlabel("coverage (%)", fontsize=canvas.STYLE["label"])
        canvas.plain(axis)
    axes[0].set_yticks(
        places, [f"{r.figure} {r.of}: {r.name}{'' if r.main else ' *'}" for r in regimes]
    )
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=canvas.STYLE["tick"],
    )
    canvas.write(path, figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of all regimes, and draw it."""
    parser = argparse.ArgumentParser(
        prog="python -m daenr_tf.tools.interval_coverage", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--figure", metavar="FILE", help="draw the coverages into this PNG file")
    parser.add_argument(
        "--studies",
        type=int,
        default=STUDIES,
        help="simulated studies of each regime (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    start, calibrations = time.monotonic(), []
    for regime in REGIMES:
        calibrations += [calibrate(regime, seeds, options.studies) for seeds in SEEDS]
    print(table(calibrations))
    bound = [c for c in calibrations if c.bound]
    print(
        f"\nfalse positives / coverage in %, {options.studies} studies each; * a regime that shows where calibration ends"
    )
    print(
        f"out of range: {sum(not c.holds for c in bound)} of the {len(bound)} main regimes with 3 seeds or more"
    )
    print(f"{time.monotonic() - start:.0f} s")
    if options.figure:
        draw(options.figure, calibrations, options.studies)


if __name__ == "__main__":
    main()
