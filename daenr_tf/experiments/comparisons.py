"""What claims compare: functions of a claim's row, the findings and the parts that the row needs.

Each returns a list of `Comparison`, not judged yet; None or an empty one where the parts lack what
the claim is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.experiments.cells import (
    ALL,
    INSIGNIFICANT,
    INSIGNIFICANT_CV,
    SHUFFLED,
    SIGNIFICANT,
    SIGNIFICANT_CV,
)
from daenr_tf.experiments.intervals import Estimate, estimate, unpaired_difference
from daenr_tf.experiments.scores import mean_score, relative_gain
from daenr_tf.experiments.verdicts import NOT_DECIDABLE

if TYPE_CHECKING:
    from daenr_tf.experiments.claims import Claim
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.planning import Part


@dataclass(frozen=True)
class Comparison:
    """One comparison of a claim.

    Attributes:
        what: the two things that are compared.
        unit: of the effect.
        effect: `Estimate`, positive where the claim holds; None where a cell is missing.
        least: the smallest effect that would matter.
        published: the paper's own effect, or None.
        p_adjusted: Holm's p over the comparisons of the claim.
        verdict: of this comparison.
        setting: the `Setting` whose figure it belongs to, or None.
    """

    what: str
    unit: str
    effect: Estimate | None
    least: float
    published: float | None = None
    p_adjusted: float = float("nan")
    verdict: str = NOT_DECIDABLE
    setting: object = None


def against_autoencoder(claim: Claim, findings: Findings, part: Part) -> list[Comparison]:
    """Each joint model has a lower error than its autoencoder alone."""
    found = []
    for joint in _joint(part, group=ALL):
        for base in _pick(part, model=joint.system.autoencoder.name, region=joint.region):
            found.append(
                _lower(
                    claim,
                    findings,
                    part,
                    joint,
                    base,
                    f"{_where(joint)}{joint.label} against {base.label}",
                )
            )
    return found


def against_readout(claim: Claim, findings: Findings, part: Part) -> list[Comparison]:
    """Each joint model has a higher correlation than its readout alone from the same layer."""
    found = []
    for joint, base in _beside_readouts(part):
        ours, theirs = (
            part.experiment.published_figures(joint).get(claim.metric),
            part.experiment.baseline_figures(base).get(claim.metric),
        )
        published = None if ours is None or theirs is None else ours - theirs
        found.append(_higher(claim, findings, joint, base, claim.least, published))
    return found


def more_significant(claim: Claim, findings: Findings, part: Part) -> list[Comparison]:
    """Each joint model has more significant neurons than its readout alone from the same layer."""
    return [
        _higher(
            claim, findings, joint, base, claim.least * findings.recordings[joint.region].neurons
        )
        for joint, base in _beside_readouts(part)
    ]


def region_gains(claim: Claim, findings: Findings, part: Part) -> list[Comparison] | None:
    """The claim's foremost region gains most by joint learning: the largest share of the
    autoencoder's error, on the mean over layers."""
    pairs = {region: _with_autoencoders(part, region) for region in claim.regions}
    if set(part.regions) != set(claim.regions) or not all(pairs.values()):
        return None
    gains = {region: _mean_gain(claim, findings, pairs[region]) for region in claim.regions}
    published = {
        region: _published_gain(claim, part.experiment, pairs[region]) for region in claim.regions
    }
    return _foremost(claim, gains, published)


def shares(claim: Claim, findings: Findings, *parts: Part) -> list[Comparison] | None:
    """The claim's foremost region has the largest share of significant neurons, on the mean over
    layers."""
    if {region for part in parts for region in part.regions} != set(claim.regions):
        return None
    found = {}
    for part in parts:
        for region in part.regions:
            joints = _joint(part, region=region)
            seeds = findings.seeds(*joints)
            found[region] = None
            if joints and seeds:
                counts = mean_score(findings.score(joint, claim.metric, seeds) for joint in joints)
                found[region] = estimate(counts / findings.recordings[region].neurons)
    return _foremost(claim, found, dict.fromkeys(claim.regions))


def groups(claim: Claim, findings: Findings, part: Part) -> list[Comparison]:
    """Joint models of significant neurons have a lower error than the autoencoder alone, those of
    insignificant ones a higher one."""
    found = []
    for good, bad, how in (
        (SIGNIFICANT, INSIGNIFICANT, ""),
        (SIGNIFICANT_CV, INSIGNIFICANT_CV, " (held-out)"),
    ):
        for group, sign, words in (
            (good, 1, ("significant", "better")),
            (bad, -1, ("insignificant", "worse")),
        ):
            for joint in _joint(part, group=group):
                for base in _pick(part, model=joint.system.autoencoder.name, region=joint.region):
                    what = f"{_where(joint)}{joint.label}, {words[0]} neurons{how}: "
                    what += f"{words[1]} than {base.label}"
                    found.append(_lower(claim, findings, part, joint, base, what, sign))
    return found


def against_shuffled(claim: Claim, findings: Findings, *parts: Part) -> list[Comparison]:
    """Each joint model of the last part has a lower error than itself with responses exchanged."""
    control, found = parts[-1], []
    for joint in _joint(control, group=ALL):
        for other in _pick(
            control, model=joint.model, group=SHUFFLED, region=joint.region, layer=joint.layer
        ):
            what = f"{_where(joint)}{joint.label} against itself with responses exchanged"
            found.append(_lower(claim, findings, control, joint, other, what))
    return found


def _pick(part, **wanted):
    """The settings of a part with these attributes."""
    return [
        setting
        for setting in part.settings
        if all(getattr(setting, name) == value for name, value in wanted.items())
    ]


def _joint(part, **wanted):
    """Those of them that both reconstruct and predict."""
    return [setting for setting in _pick(part, **wanted) if setting.system.joint]


def _beside_readouts(part):
    """The joint settings of a part, each with its readout alone from its layer: list of pairs."""
    return [
        (joint, base)
        for joint in _joint(part)
        for base in _pick(
            part, model=joint.system.readout_alone.name, region=joint.region, layer=joint.layer
        )
    ]


def _with_autoencoders(part, region):
    """The joint settings of a region, each with its autoencoder alone: list of pairs."""
    return [
        (joint, base)
        for joint in _joint(part, region=region)
        for base in _pick(part, model=joint.system.autoencoder.name, region=region)
    ]


def _where(setting):
    return "" if setting.region is None else f"region {setting.region}: "


def _lower(claim, findings, part, joint, base, what, sign=1):
    """The comparison that `joint` has the lower error of the two (`sign` -1: the higher one)."""
    effect = findings.contrast(
        lambda a, b: b - a if sign > 0 else a - b, (joint, claim.metric), (base, claim.metric)
    )
    ours, theirs = (
        part.experiment.published_figures(joint).get(claim.metric),
        part.experiment.baseline_figures(base).get(claim.metric),
    )
    published = None if ours is None or theirs is None else sign * (theirs - ours)
    level = findings.estimate(base, claim.metric)
    return Comparison(
        what,
        claim.unit,
        effect,
        claim.least * level.value if level else float("nan"),
        published,
        setting=joint,
    )


def _higher(claim, findings, joint, base, least, published=None):
    """The comparison that `joint` has the higher figure of the two."""
    effect = findings.contrast(lambda a, b: a - b, (joint, claim.metric), (base, claim.metric))
    return Comparison(
        f"{_where(joint)}{joint.label} against {base.label}",
        claim.unit,
        effect,
        least,
        published,
        setting=joint,
    )


def _foremost(claim, estimates, published):
    """The claim's foremost region against each other one: dicts of region -> `Estimate` or
    None, and of region -> the paper's figure or None."""
    first = claim.foremost
    found = []
    for region in claim.regions:
        if region != first:
            ours, theirs = (
                (estimates[first], estimates[region]),
                (published[first], published[region]),
            )
            found.append(
                Comparison(
                    f"region {first} against region {region}",
                    claim.unit,
                    None if None in ours else unpaired_difference(*ours),
                    claim.least,
                    None if None in theirs else theirs[0] - theirs[1],
                )
            )
    return found


def _mean_gain(claim, findings, pairs):
    seeds = findings.seeds(*(setting for pair in pairs for setting in pair))
    if not seeds:
        return None
    return estimate(
        mean_score(
            relative_gain(
                findings.score(base, claim.metric, seeds),
                findings.score(joint, claim.metric, seeds),
            )
            for joint, base in pairs
        )
    )


def _published_gain(claim, experiment, pairs):
    figures = [
        (
            experiment.published_figures(joint).get(claim.metric),
            experiment.baseline_figures(base).get(claim.metric),
        )
        for joint, base in pairs
    ]
    return (
        None
        if any(None in pair for pair in figures)
        else float(np.mean([1 - ours / alone for ours, alone in figures]))
    )
