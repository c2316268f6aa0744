"""The paper's claims, a row each, and their verdicts by the rule of `verdicts`.

A claim whose experiments, models or regions were not asked for is not examined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from daenr_tf import paper
from daenr_tf.experiments import comparisons
from daenr_tf.experiments.intervals import holm
from daenr_tf.experiments.measures import COUNT, PCC
from daenr_tf.experiments.verdicts import (
    LEAST_PCC,
    LEAST_SHARE,
    NOT_DECIDABLE,
    together,
    verdict_on,
)

if TYPE_CHECKING:
    from daenr_tf.experiments.findings import Findings


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: "C1" ... "C9".
        statement: what the paper says.
        needs: names of the experiments that it is judged by; its comparisons are shown in the last.
        models: what these must have for it, in words.
        compare: what it says, a function of `comparisons`: (claim, findings, *parts) -> list of
            `Comparison`.
        metric: what it compares, as `Findings.score` takes it.
        unit: of its effects.
        least: the smallest effect that would matter; as a share where that is what counts.
        regions: the regions that it is about; None where it can be asked of any recording.
        foremost: of these the one that is said to exceed the others.
        rests_on: names of claims above it that must hold besides its own comparisons.
    """

    name: str
    statement: str
    needs: tuple
    models: str
    compare: Callable
    metric: str
    unit: str
    least: float
    regions: tuple | None = None
    foremost: int | None = None
    rests_on: tuple = ()


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict.

    Attributes:
        claim: `Claim`.
        verdict: one of `verdicts.VERDICTS`, or None where the plan lacks what it needs.
        comparisons: tuple of `Comparison`.
    """

    claim: Claim
    verdict: str | None = None
    comparisons: tuple = ()

    @property
    def name(self) -> str:
        """Of the claim."""
        return self.claim.name

    def count(self, verdict: str) -> int:
        """How many of its comparisons have a verdict."""
        return sum(comparison.verdict == verdict for comparison in self.comparisons)


_JOINT_AND_AUTOENCODER, _JOINT_AND_READOUT = "cae and cae_fr", "cnn_fr and cae_fr"
_MSE = {"metric": "mse", "unit": "MSE", "least": LEAST_SHARE}
_PCC = {"metric": PCC, "unit": "PCC", "least": LEAST_PCC}
_ONE_FOREMOST = {"least": LEAST_SHARE, "regions": paper.REGIONS, "foremost": 3}
CLAIMS = (
    Claim(
        "C1",
        "The joint model reconstructs better than the CAE alone, in every region"
        " and from every layer",
        ("table2",),
        _JOINT_AND_AUTOENCODER,
        comparisons.against_autoencoder,
        **_MSE,
    ),
    Claim(
        "C2",
        "Region 3 gains most in reconstruction",
        ("table2",),
        _JOINT_AND_AUTOENCODER,
        comparisons.region_gains,
        "mse",
        "share of the CAE's MSE, mean over layers",
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
        "The joint model predicts responses better than CNN-FR, in every region"
        " and from every layer",
        ("table4",),
        _JOINT_AND_READOUT,
        comparisons.against_readout,
        **_PCC,
    ),
    Claim(
        "C5",
        "The joint model has more significant neurons than CNN-FR",
        ("figure4",),
        _JOINT_AND_READOUT,
        comparisons.more_significant,
        COUNT,
        "significant neurons",
        LEAST_SHARE,
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
        "Every joint variant reconstructs better than its own autoencoder (Table 5)",
        ("table5",),
        "an autoencoder and its joint models",
        comparisons.against_autoencoder,
        **_MSE,
    ),
    Claim(
        "C8",
        "Every joint variant predicts better than its own readout alone (Table 6)",
        ("table6",),
        "a readout alone and its joint models",
        comparisons.against_readout,
        **_PCC,
    ),
    Claim(
        "C9",
        "Both improve if and only if they are learned jointly: C1 and C4 hold,"
        " and the gain in reconstruction needs the true responses",
        ("table2", "table4", "control"),
        "cae, cnn_fr and cae_fr",
        comparisons.against_shuffled,
        rests_on=("C1", "C4"),
        **_MSE,
    ),
)


def judge(findings: Findings) -> tuple[Judged, ...]:
    """All claims, in order: `Findings` -> tuple of `Judged`."""
    judged = {}
    for claim in CLAIMS:
        parts = [findings.plan.part(name) for name in claim.needs]
        compared = None if None in parts else claim.compare(claim, findings, *parts)
        verdicts = [judged[name].verdict for name in claim.rests_on]
        judged[claim.name] = Judged(claim)
        if compared and None not in verdicts:
            found = _judged(compared, findings.study.rehearsal)
            judged[claim.name] = Judged(
                claim, together([one.verdict for one in found] + verdicts), found
            )
    return tuple(judged.values())


def _judged(compared, rehearsal):
    p_values = [
        float("nan") if comparison.effect is None else comparison.effect.p_value
        for comparison in compared
    ]
    adjusted = holm(p_values)
    verdicts = [
        NOT_DECIDABLE if rehearsal else verdict_on(comparison.effect, p, comparison.least)
        for comparison, p in zip(compared, adjusted, strict=True)
    ]
    return tuple(
        replace(comparison, p_adjusted=float(p), verdict=verdict)
        for comparison, p, verdict in zip(compared, adjusted, verdicts, strict=True)
    )
