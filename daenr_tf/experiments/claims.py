"""The paper's claims, a row each, and their verdicts by the rule of `verdicts`.

A claim whose experiments, models or regions were not asked for is not examined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from daenr_tf import paper
from daenr_tf.experiments import comparisons
from daenr_tf.experiments.intervals import holm
from daenr_tf.experiments.measures import COUNT, PCC
from daenr_tf.experiments.questions import CELL, PART
from daenr_tf.experiments.verdicts import (
    LEAST_PCC,
    LEAST_PSNR,
    LEAST_SHARE,
    LEVEL,
    NOT_DECIDABLE,
    level_of_a_part,
    p_value,
    seeds_needed,
    together,
    verdict_on,
)

if TYPE_CHECKING:
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.intervals import Estimate
    from daenr_tf.experiments.planning import Plan
    from daenr_tf.experiments.questions import Question


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: "C1" ... "C10".
        statement: what the paper says.
        needs: names of the experiments that it is judged by; its comparisons are shown in the last.
        models: what these must have for it, in words.
        compare: what it says, a function of `comparisons`: (claim, *parts) -> list of `Question`.
        metric: what it compares, as `Findings.score` takes it.
        unit: of its effects.
        least: the smallest effect that would matter; as a share where that is what counts.
        asks: the experiments of `needs` that `compare` is given; None for all of them.
        regions: the regions that it is about; None where it can be asked of any recording.
        foremost: of these the one that is said to exceed the others.
        best: dict of region -> the layer that is said to be best.
        rests_on: names of other claims whose parts are parts of this one too.
        in_every_region: whether the paper says it of every region.
    """

    name: str
    statement: str
    needs: tuple
    models: str
    compare: Callable
    metric: str
    unit: str
    least: float
    asks: tuple | None = None
    regions: tuple | None = None
    foremost: int | None = None
    best: Mapping | None = None
    rests_on: tuple = ()
    in_every_region: bool = False

    def questions(self, plan: Plan) -> list[Question]:
        """What the claim asks of a plan; empty where the plan lacks what it needs."""
        parts = [plan.part(name) for name in self.needs]
        if None in parts or (self.regions and {None} & set(parts[0].regions)):
            return []
        asked = [
            part
            for name, part in zip(self.needs, parts, strict=True)
            if self.asks is None or name in self.asks
        ]
        return self.compare(self, *asked)


@dataclass(frozen=True)
class Comparison:
    """A question with what the findings answer.

    Attributes:
        question: `Question`.
        effect: `Estimate`, positive where the claim holds; None where a cell is missing.
        least: the smallest effect that would matter, in the question's unit.
        low, high: the interval: of a part simultaneous with the others, of anything else for itself;
            None where there is none.
        verdict: of a part; None of what decides nothing.
    """

    question: Question
    effect: Estimate | None
    least: float
    low: float | None = None
    high: float | None = None
    verdict: str | None = None

    @property
    def what(self) -> str:
        """The two things that are compared."""
        return self.question.what

    @property
    def unit(self) -> str:
        """Of the effect."""
        return self.question.unit

    @property
    def role(self) -> str:
        """Of the question."""
        return self.question.role

    @property
    def published(self) -> float | None:
        """The paper's own effect, or None."""
        return self.question.published


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict.

    Attributes:
        claim: `Claim`.
        verdict: one of `verdicts.VERDICTS`, or None where the plan lacks what it needs.
        comparisons: tuple of `Comparison`: the parts, what stands beside them, the cells.
        p_value: of the verdict, corrected for the claim's parts; 1 where it decides nothing.
        p_over_all: corrected besides for the number of claims that were examined (Holm).
        of_one_region: whether the study has one region only, or one's own recording.
    """

    claim: Claim
    verdict: str | None = None
    comparisons: tuple = ()
    p_value: float = 1.0
    p_over_all: float = 1.0
    of_one_region: bool = False

    @property
    def name(self) -> str:
        """Of the claim."""
        return self.claim.name

    @property
    def statement(self) -> str:
        """What the paper says, without "in every region" where the study has but one."""
        everywhere = self.claim.in_every_region and not self.of_one_region
        return self.claim.statement + ", in every region" * everywhere

    @property
    def parts(self) -> tuple[Comparison, ...]:
        """The comparisons that decide."""
        return tuple(one for one in self.comparisons if one.role == PART)

    @property
    def cells(self) -> tuple[Comparison, ...]:
        """The single cells."""
        return tuple(one for one in self.comparisons if one.role == CELL)

    @property
    def holds_over_all(self) -> bool:
        """Whether the verdict stands with all other claims' at 5 % together."""
        return self.p_over_all <= LEVEL

    def count(self, verdict: str) -> int:
        """How many of its parts have a verdict."""
        return sum(part.verdict == verdict for part in self.parts)


_JOINT_AND_AUTOENCODER, _JOINT_AND_READOUT = "cae and cae_fr", "cnn_fr and cae_fr"
_MSE = {"metric": "mse", "unit": "MSE", "least": LEAST_SHARE}
_PCC = {"metric": PCC, "unit": "PCC", "least": LEAST_PCC}
_ONE_FOREMOST = {"least": LEAST_SHARE, "regions": paper.REGIONS, "foremost": 3}
SHARE_OF_MSE = "share of the CAE's MSE, mean over layers"  # the unit of relative gains
DECIBELS = "PSNR in dB"
CLAIMS = (
    Claim(
        "C1",
        "The joint model reconstructs better than the CAE alone",
        ("table2",),
        _JOINT_AND_AUTOENCODER,
        comparisons.against_autoencoder,
        **_MSE,
        in_every_region=True,
    ),
    Claim(
        "C2",
        "Region 3 gains most in reconstruction",
        ("table2",),
        _JOINT_AND_AUTOENCODER,
        comparisons.region_gains,
        "mse",
        SHARE_OF_MSE,
        **_ONE_FOREMOST,
    ),
    Claim(
        "C3",
        "Significant neurons help reconstruction; insignificant ones harm it",
        ("table3",),
        _JOINT_AND_AUTOENCODER,
        comparisons.groups,
        **_MSE,
    ),
    Claim(
        "C4",
        "The joint model predicts responses better than CNN-FR",
        ("table4",),
        _JOINT_AND_READOUT,
        comparisons.against_readout,
        **_PCC,
        in_every_region=True,
    ),
    Claim(
        "C5",
        "The joint model has more significant neurons than CNN-FR",
        ("figure4",),
        _JOINT_AND_READOUT,
        comparisons.against_readout,
        COUNT,
        "significant neurons",
        LEAST_SHARE,
        in_every_region=True,
    ),
    Claim(
        "C6",
        "Region 3 has more significant neurons than regions 1 and 2",
        ("figure3", "figure8"),
        "cae_fr",
        comparisons.shares,
        COUNT,
        "share of the neurons that are significant, mean over layers",
        **_ONE_FOREMOST,
    ),
    Claim(
        "C7",
        "The joint variants of each autoencoder reconstruct better than it alone (Table 5)",
        ("table5",),
        "an autoencoder and its joint models",
        comparisons.against_autoencoder,
        **_MSE,
    ),
    Claim(
        "C8",
        "The joint variants of each readout predict better than it alone (Table 6)",
        ("table6",),
        "a readout alone and its joint models",
        comparisons.against_readout,
        **_PCC,
        in_every_region=True,
    ),
    Claim(
        "C9",
        "Both improve if and only if they are learned jointly: C1 and C4 hold,"
        " and the gains need the true responses and the true images",
        ("table2", "table4", "control", "control_images"),
        "cae, cnn_fr and cae_fr",
        comparisons.against_exchanged,
        "mse",
        "MSE, and PCC",
        LEAST_SHARE,
        asks=("control", "control_images"),
        rests_on=("C1", "C4"),
    ),
    Claim(
        "C10",
        "The best layer to reconstruct from is 1 in region 1, 4 in region 2 and 2 in region 3 (Section 4.2)",
        ("table2",),
        "cae_fr from the layer named and from others",
        comparisons.best_layer,
        "psnr",
        DECIBELS,
        LEAST_PSNR,
        regions=paper.REGIONS,
        best={1: 1, 2: 4, 3: 2},
    ),
    Claim(
        "C11",
        "The sparsity constraint on the layer that is read helps to predict (Section 3.2)",
        ("sparsity",),
        "cae_fr",
        comparisons.with_an_option,
        **_PCC,
    ),
    Claim(
        "C12",
        "A larger alpha favours reconstruction, a larger beta prediction (Section 3.2)",
        ("tradeoff",),
        "cae_fr",
        comparisons.weights_favour_their_task,
        "mse",
        "MSE, and PCC",
        LEAST_SHARE,
    ),
)


def judge(findings: Findings) -> tuple[Judged, ...]:
    """All claims, in order: `Findings` -> tuple of `Judged`."""
    judged, one_region = [], len(findings.recordings) == 1
    for claim in CLAIMS:
        own, borrowed = _questions(claim, findings.plan)
        if own:
            found = _answers(claim, own, borrowed, findings)
            parts = _parts(found)
            verdict = together([one.verdict for one in parts])
            p = _p_value(verdict, parts)
            judged.append(Judged(claim, verdict, found, p, of_one_region=one_region))
        else:
            judged.append(Judged(claim, of_one_region=one_region))
    return _over_all(tuple(judged))


def needed(plan: Plan) -> dict[str, int]:
    """How many seeds the claims that a plan examines need: dict of name -> number of seeds."""
    found = {}
    for claim in CLAIMS:
        own, borrowed = _questions(claim, plan)
        if own:
            found[claim.name] = seeds_needed(len(_parts(own)) + len(borrowed))
    return found


def _questions(claim, plan):
    """What a claim asks itself, and the parts of the claims that it rests on, which are its own as well; nothing where the plan lacks any of it."""
    own, borrowed = claim.questions(plan), []
    for other in (one for one in CLAIMS if one.name in claim.rests_on):
        parts = _parts(other.questions(plan))
        if not parts:
            return [], []
        borrowed += [replace(one, what=f"{other.name}, {one.what}") for one in parts]
    return (own, borrowed) if _parts(own) else ([], [])


def _parts(comparisons):
    return [one for one in comparisons if one.role == PART]


def _answers(claim, own, borrowed, findings):
    """Parts, what stands beside them, and the cells of its own questions, with their answers: tuple of `Comparison`."""
    home = findings.plan.part(claim.needs[-1])
    parts = [*_parts(own), *borrowed]
    level = level_of_a_part(len(parts))
    found = [_answer(one, findings, level, len(parts)) for one in parts]
    beside = [one for one in own if one.role != PART]
    for question in own:
        beside += comparisons.single_cells(question, home)
    return (*found, *(_answer(one, findings, 1 - LEVEL, None) for one in beside))


def _answer(question, findings, level, parts):
    effect, least = question.effect(findings), question.least_in(findings)
    low, high = effect.interval(level) if effect else (None, None)
    verdict = None
    if question.role == PART:
        verdict = NOT_DECIDABLE if findings.study.rehearsal else verdict_on(effect, least, parts)
    return Comparison(question, effect, least, low, high, verdict)


def _p_value(verdict, parts):
    return p_value(
        verdict,
        [one.verdict for one in parts],
        [one.effect for one in parts],
        [one.least for one in parts],
    )


def _over_all(judged):
    """The same with `p_over_all`."""
    examined = [one for one in judged if one.verdict]
    adjusted = dict(
        zip((one.name for one in examined), holm([one.p_value for one in examined]), strict=True)
    )
    return tuple(replace(one, p_over_all=float(adjusted.get(one.name, 1.0))) for one in judged)
