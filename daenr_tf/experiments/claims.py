"""The paper's claims, each turned into comparisons and judged by a rule that docs/experiments.md states before any result.

Every comparison is an effect that is positive where the claim holds. It is

- supported, where it is positive with p <= 0.05 after Holm's correction over the comparisons of its claim,
- contradicted, where it is negative with such a p,
- not supported, where neither, and its 95 % interval lies below the smallest effect that would matter; also where the whole interval is
  smaller than that in either direction, however certain it is that there is some effect,
- not decidable with this data otherwise; with a single seed, which tells nothing of how another training would have ended; and on the
  budget of a rehearsal, after which the models are hardly trained.

A claim says that all its comparisons hold: one that is contradicted contradicts it; it is supported if all are; one that is not supported
leaves it unsupported; otherwise, and where a comparison is missing, it is not decidable. A claim whose models or regions were not asked for
is not examined.
"""

from dataclasses import dataclass, replace

import numpy as np

from daenr_tf import paper
from daenr_tf.experiments.catalogue import RECONSTRUCTION
from daenr_tf.experiments.cells import (
    ALL,
    INSIGNIFICANT,
    INSIGNIFICANT_CV,
    SHUFFLED,
    SIGNIFICANT,
    SIGNIFICANT_CV,
)
from daenr_tf.experiments.findings import PCC
from daenr_tf.experiments.findings import SIGNIFICANT as COUNT
from daenr_tf.experiments.intervals import Estimate, estimate, holm, unpaired_difference
from daenr_tf.experiments.scores import mean_score, relative_gain

SUPPORTED, NOT_SUPPORTED, CONTRADICTED, NOT_DECIDABLE = "supported", "not supported", "contradicted", "not decidable with this data"
VERDICTS = (SUPPORTED, NOT_SUPPORTED, CONTRADICTED, NOT_DECIDABLE)
LEVEL = 0.05
# The smallest effects that would matter: shares of the baseline's MSE, of the recorded neurons and of a gain, and a correlation.
LEAST_SHARE, LEAST_PCC = 0.01, 0.01


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


@dataclass(frozen=True)
class Claim:
    """A claim of the paper with its verdict.

    Attributes:
        name: "C1" ... "C9".
        statement: what the paper says.
        verdict: one of the four, or None where the plan lacks what it needs.
        needs: the experiments that it is judged by.
        models: what these must have for it, in words.
        regions: the regions that it is about; None where it can be asked of any recording.
        comparisons: tuple of `Comparison`.
        parts: names of claims that it rests on besides its own comparisons.
    """

    name: str
    statement: str
    verdict: str | None
    needs: tuple
    models: str
    regions: tuple | None = None
    comparisons: tuple = ()
    parts: tuple = ()

    @property
    def unit(self):
        """Of its effects: they all have the same."""
        return self.comparisons[0].unit if self.comparisons else ""

    def count(self, verdict):
        """How many of its comparisons have a verdict."""
        return sum(comparison.verdict == verdict for comparison in self.comparisons)


def judge(findings):
    """All claims, in order: `Findings` -> tuple of `Claim`."""
    claims = {}
    for name, statement, needs, models, regions, compare in _CLAIMS:
        parts = [findings.plan.part(need) for need in needs]
        compared = None if None in parts else compare(findings, *parts)
        rests_on = _RESTS_ON.get(name, ())
        verdicts = [claims[part].verdict for part in rests_on]
        if not compared or None in verdicts:
            claims[name] = Claim(name, statement, None, needs, models, regions, parts=rests_on)
            continue
        comparisons = _judged(compared, findings.study.rehearsal)
        verdict = together([comparison.verdict for comparison in comparisons] + verdicts)
        claims[name] = Claim(name, statement, verdict, needs, models, regions, comparisons, rests_on)
    return tuple(claims.values())


def together(verdicts):
    """The verdict on a claim that says that all of several things hold."""
    for verdict in (CONTRADICTED, NOT_SUPPORTED, NOT_DECIDABLE):
        if verdict in verdicts:
            return verdict
    return SUPPORTED


def _judged(comparisons, rehearsal):
    p_values = [float("nan") if comparison.effect is None else comparison.effect.p_value for comparison in comparisons]
    adjusted = holm(p_values)
    verdicts = [NOT_DECIDABLE if rehearsal else verdict_on(comparison.effect, p, comparison.least)
                for comparison, p in zip(comparisons, adjusted, strict=True)]
    return tuple(replace(comparison, p_adjusted=float(p), verdict=verdict)
                 for comparison, p, verdict in zip(comparisons, adjusted, verdicts, strict=True))


def verdict_on(effect, p_adjusted, least):
    """The verdict on one comparison.

    Args:
        effect: `Estimate` or None.
        p_adjusted: its p-value after correction.
        least: the smallest effect that would matter.
    """
    if effect is None or effect.seeds < 2 or not np.isfinite([effect.value, effect.low, effect.high, p_adjusted]).all():
        return NOT_DECIDABLE
    if -least < effect.low and effect.high < least:
        return NOT_SUPPORTED
    if p_adjusted <= LEVEL and effect.value != 0:
        return SUPPORTED if effect.value > 0 else CONTRADICTED
    return NOT_SUPPORTED if effect.high < least else NOT_DECIDABLE


def _pick(part, **wanted):
    """The settings of a part with these attributes; a tuple allows any of several."""
    def fits(setting):
        return all(getattr(setting, key) in (value if isinstance(value, tuple) else (value,)) for key, value in wanted.items())

    return [setting for setting in part.settings if fits(setting)]


def _where(setting):
    return "" if setting.region is None else f"region {setting.region}: "


def _less_error(findings, part, joint, base, what, sign=1):
    """The comparison that `joint` has the lower MSE, in test images' mean squared error (with `sign` -1: the higher one)."""
    effect = findings.contrast(lambda a, b: b - a if sign > 0 else a - b, (joint, "mse"), (base, "mse"))
    table = part.experiment.table if part.experiment.kind == RECONSTRUCTION else 3
    ours, theirs = findings.published(joint, table).get("mse"), findings.published(base, part.experiment.table).get("mse")
    published = None if ours is None or theirs is None else sign * (theirs - ours)
    level = findings.estimate(base, "mse")
    return Comparison(what, "MSE", effect, LEAST_SHARE * level.value if level else float("nan"), published, setting=joint)


def _against_autoencoder(findings, part):
    found = []
    for joint in _pick(part, model=paper.JOINT, group=ALL):
        for base in _pick(part, model=joint.encoder, region=joint.region):
            found.append(_less_error(findings, part, joint, base, f"{_where(joint)}{joint.label} against {base.label}"))
    return found


def _against_readout(findings, part):
    found = []
    for joint in _pick(part, model=paper.JOINT):
        for base in _pick(part, model=f"cnn_{joint.model.split('_')[1]}", region=joint.region, layer=joint.layer):
            effect = findings.contrast(lambda a, b: a - b, (joint, PCC), (base, PCC))
            table = part.experiment.table
            ours, theirs = (findings.published(setting, table).get("pcc") for setting in (joint, base))
            published = None if ours is None or theirs is None else ours - theirs
            found.append(Comparison(f"{_where(joint)}{joint.label} against {base.label}", "PCC", effect, LEAST_PCC, published, setting=joint))
    return found


def _region_gains(findings, part):
    if set(part.regions) != set(paper.REGIONS) or not _pick(part, model="cae") or not _pick(part, model="cae_fr"):
        return None
    gains = {region: _mean_gain(findings, part, region) for region in paper.REGIONS}
    published = {region: _published_gain(findings, part, region) for region in paper.REGIONS}
    return [Comparison(f"region 3 against region {region}", "share of the CAE's MSE, mean over layers",
                       _apart(gains[3], gains[region]), LEAST_SHARE, published[3] - published[region]) for region in (1, 2)]


def _apart(first, second):
    return None if first is None or second is None else unpaired_difference(first, second)


def _mean_gain(findings, part, region):
    (base,), joints = _pick(part, model="cae", region=region), _pick(part, model="cae_fr", region=region)
    seeds = findings.seeds(base, *joints)
    if not seeds:
        return None
    alone = findings.score(base, "mse", seeds)
    return estimate(mean_score(relative_gain(alone, findings.score(joint, "mse", seeds)) for joint in joints))


def _published_gain(findings, part, region):
    (base,), joints = _pick(part, model="cae", region=region), _pick(part, model="cae_fr", region=region)
    alone = findings.published(base, part.experiment.table)["mse"]
    return float(np.mean([1 - findings.published(joint, part.experiment.table)["mse"] / alone for joint in joints]))


def _groups(findings, part):
    found = []
    for good, bad, how in ((SIGNIFICANT, INSIGNIFICANT, ""), (SIGNIFICANT_CV, INSIGNIFICANT_CV, " (held-out)")):
        for group, sign, words in ((good, 1, ("significant", "better")), (bad, -1, ("insignificant", "worse"))):
            for joint in _pick(part, model="cae_fr", group=group):
                for base in _pick(part, model="cae", region=joint.region):
                    what = f"{_where(joint)}{joint.label}, {words[0]} neurons{how}: {words[1]} than {base.label}"
                    found.append(_less_error(findings, part, joint, base, what, sign))
    return found


def _more_significant(findings, part):
    found = []
    for joint in _pick(part, model="cae_fr"):
        for base in _pick(part, model="cnn_fr", region=joint.region, layer=joint.layer):
            neurons = findings.recordings[joint.region].neurons
            effect = findings.contrast(lambda a, b: a - b, (joint, COUNT), (base, COUNT))
            found.append(Comparison(f"{_where(joint)}{joint.label} against {base.label}", "significant neurons", effect, LEAST_SHARE * neurons,
                                    setting=joint))
    return found


def _shares(findings, *parts):
    regions = {region for part in parts for region in part.regions}
    if regions != set(paper.REGIONS):
        return None
    shares = {}
    for part in parts:
        for region in part.regions:
            joints = _pick(part, model="cae_fr", region=region)
            seeds = findings.seeds(*joints)
            shares[region] = None
            if joints and seeds:
                counts = mean_score(findings.score(joint, COUNT, seeds) for joint in joints)
                shares[region] = estimate(counts / findings.recordings[region].neurons)
    return [Comparison(f"region 3 against region {region}", "share of the neurons that are significant, mean over layers",
                       _apart(shares[3], shares[region]), LEAST_SHARE) for region in (1, 2)]


def _against_shuffled(findings, *parts):
    control = parts[-1]
    found = []
    for joint in _pick(control, model="cae_fr", group=ALL):
        for other in _pick(control, model="cae_fr", group=SHUFFLED, region=joint.region, layer=joint.layer):
            found.append(_less_error(findings, control, joint, other,
                                     f"{_where(joint)}{joint.label} against itself with responses exchanged"))
    return found


# Name, what the paper says, the experiments that it needs, the models that these must have, the regions it is about, its comparisons.
_CLAIMS = (
    ("C1", "The joint model reconstructs better than the CAE alone, in every region and from every layer", ("table2",), "cae and cae_fr", None,
     _against_autoencoder),
    ("C2", "Region 3 gains most in reconstruction", ("table2",), "cae and cae_fr", paper.REGIONS, _region_gains),
    ("C3", "Significant neurons help reconstruction; insignificant ones harm it", ("table3",), "cae and cae_fr", None, _groups),
    ("C4", "The joint model predicts responses better than CNN-FR, in every region and from every layer", ("table4",), "cnn_fr and cae_fr", None,
     _against_readout),
    ("C5", "The joint model has more significant neurons than CNN-FR", ("figure4",), "cnn_fr and cae_fr", None, _more_significant),
    ("C6", "Region 3 has more significant neurons than regions 1 and 2", ("figure3", "figure8"), "cae_fr", paper.REGIONS, _shares),
    ("C7", "Every joint variant reconstructs better than its own autoencoder (Table 5)", ("table5",), "an autoencoder and its joint models", None,
     _against_autoencoder),
    ("C8", "Every joint variant predicts better than its own readout alone (Table 6)", ("table6",), "a readout alone and its joint models", None,
     _against_readout),
    ("C9", "Both improve if and only if they are learned jointly: C1 and C4 hold, and the gain in reconstruction needs the true responses",
     ("table2", "table4", "control"), "cae, cnn_fr and cae_fr", None, _against_shuffled),
)
_RESTS_ON = {"C9": ("C1", "C4")}
