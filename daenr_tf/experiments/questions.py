"""A claim's questions: whether some settings do better than others, which a study's findings answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.experiments.intervals import Estimate, estimate, unpaired_difference
from daenr_tf.experiments.measures import COUNT
from daenr_tf.experiments.scores import mean_score, relative_gain

if TYPE_CHECKING:
    from daenr_tf.experiments.cells import Setting
    from daenr_tf.experiments.findings import Findings

ERRORS = ("mse",)  # metrics of which less is better
# What a question is to its claim: a part of it, which decides; a comparison beside its parts; a single
# cell of one. The last two are shown and decide nothing.
PART, BESIDE, CELL = "part", "beside", "cell"


@dataclass(frozen=True)
class Question:
    """Whether some settings do better than others, on the mean.

    Attributes:
        what: the two things that are compared.
        metric: what of, as `Findings.score` takes it.
        unit: of the effect.
        least: the smallest effect that would matter: of an error as a share of the others' level, of a
            number of neurons as a share of the neurons.
        pairs: (said to be better, other) `Setting`s, whose differences are averaged.
        reference: the settings whose level `least` is a share of, where it is one.
        published: the paper's own effect, or None.
        published_least: the smallest effect that would matter by the paper's own level, or None.
        role: `PART`, `BESIDE` or `CELL`.
    """

    what: str
    metric: str
    unit: str
    least: float
    pairs: tuple
    reference: tuple = ()
    published: float | None = None
    published_least: float | None = None
    role: str = PART

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every setting that is compared, each once."""
        return tuple(dict.fromkeys(setting for pair in self.pairs for setting in pair))

    def effect(self, findings: Findings) -> Estimate | None:
        """The mean difference, positive where the claim holds; None where a cell is missing."""
        seeds = findings.seeds(*self.settings)
        if not seeds:
            return None
        sign = -1 if self.metric in ERRORS else 1
        scores = {one: findings.score(one, self.metric, seeds) for one in self.settings}
        ordered = (pair[::sign] for pair in self.pairs)
        return estimate(mean_score(scores[first] - scores[second] for first, second in ordered))

    def least_in(self, findings: Findings) -> float:
        """The smallest effect that would matter, in the unit; NaN where no level is known yet."""
        if self.metric == COUNT:
            region = self.settings[0].region
            return self.least * findings.recordings[region].neurons
        if not self.reference:
            return self.least
        levels = [findings.estimate(one, self.metric) for one in self.reference]
        return (
            float("nan")
            if None in levels
            else self.least * float(np.mean([level.value for level in levels]))
        )


@dataclass(frozen=True)
class BetweenRegions(Question):
    """Whether something of one region exceeds the same of another, which shares no image and no neuron with it.

    Attributes:
        pairs: of the first region: (joint, autoencoder) `Setting`s where gains are compared,
            (joint,) where shares of significant neurons are.
        others: the same of the other region.
    """

    others: tuple = ()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every setting of both regions, each once."""
        both = (*self.pairs, *self.others)
        return tuple(dict.fromkeys(setting for pair in both for setting in pair))

    def effect(self, findings: Findings) -> Estimate | None:
        """The unpaired difference of the regions' means."""
        sides = [self._mean(findings, pairs) for pairs in (self.pairs, self.others)]
        return None if None in sides else unpaired_difference(*sides)

    def least_in(self, findings: Findings) -> float:
        """A share of a share: what the row says."""
        return self.least

    def _mean(self, findings, pairs):
        seeds = findings.seeds(*(setting for pair in pairs for setting in pair))
        if not seeds:
            return None
        if self.metric == COUNT:
            repeats = findings.fewest_repeats(self.settings)
            counts = (findings.score(one, COUNT, seeds, repeats) for (one,) in pairs)
            neurons = findings.recordings[pairs[0][0].region].neurons
            return estimate(mean_score(counts) / neurons)
        gains = (
            relative_gain(
                findings.score(base, self.metric, seeds), findings.score(joint, self.metric, seeds)
            )
            for joint, base in pairs
        )
        return estimate(mean_score(gains))
