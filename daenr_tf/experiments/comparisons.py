"""What claims compare: functions of a claim's row and the parts of a plan that the row needs.

Each returns the claim's `Question`s, which a study's findings then answer; an empty list where the
parts lack what the claim is about. What is trained decides which questions there are, not what came
of it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf import paper
from daenr_tf.experiments.cells import (
    ALL,
    INSIGNIFICANT,
    INSIGNIFICANT_CV,
    OTHER_IMAGES,
    PLAIN,
    SHUFFLED,
    SIGNIFICANT,
    SIGNIFICANT_CV,
    Variant,
)
from daenr_tf.experiments.measures import PCC
from daenr_tf.experiments.questions import BESIDE, CELL, ERRORS, PART, BetweenRegions, Question
from daenr_tf.experiments.verdicts import LEAST_PCC, LEAST_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daenr_tf.experiments.cells import Setting
    from daenr_tf.experiments.claims import Claim
    from daenr_tf.experiments.planning import Part


def against_autoencoder(claim: Claim, part: Part) -> list[Question]:
    """In each region the joint models have a lower error than their autoencoder alone, on the mean over layers; the models of
    each autoencoder apart."""
    found = []
    for region in part.regions:
        by_base = {}
        for joint, base in _with_autoencoders(part, region):
            by_base.setdefault(base, []).append((joint, base))
        for base, pairs in by_base.items():
            what = f"{_of_region(region)}{_together(pairs)} against {base.label}"
            found.append(_question(claim, part, what, pairs))
    return found


def against_readout(claim: Claim, part: Part) -> list[Question]:
    """In each region the joint models have a higher figure than their readout alone from the same layer, on the mean over layers
    and autoencoders; the models of each readout apart."""
    found = []
    for region in part.regions:
        by_readout = {}
        for joint, base in _beside_readouts(part, region):
            by_readout.setdefault((joint.task, base.model), []).append((joint, base))
        for (task, _), pairs in by_readout.items():
            alone = {
                other.label: other for _, other in pairs
            }  # one of a single layer is named by it
            base = next(iter(alone)) if len(alone) == 1 else pairs[0][1].system.title
            what = f"{_of_region(region)}{_together(pairs)} against {base}"
            if task != part.experiment.task:  # Figure 4's other reading
                what += f", joint models trained for {_FOR[task]}"
            role = PART if task == part.experiment.task else BESIDE
            found.append(_question(claim, part, what, pairs, role=role))
    return found


def region_gains(claim: Claim, part: Part) -> list[Question]:
    """The claim's foremost region gains most by joint learning: the largest share of the
    autoencoder's error, on the mean over layers."""
    pairs = {region: tuple(_with_autoencoders(part, region)) for region in claim.regions}
    if set(part.regions) != set(claim.regions) or not all(pairs.values()):
        return []
    published = {region: _published_gain(part, pairs[region]) for region in claim.regions}
    return _foremost(claim, pairs, published)


def shares(claim: Claim, *parts: Part) -> list[Question]:
    """The claim's foremost region has the largest share of significant neurons, on the mean over
    layers; all regions with the repeats of the one that has fewest."""
    if {region for part in parts for region in part.regions} != set(claim.regions):
        return []
    pairs = {
        region: tuple((one,) for part in parts for one in _joint(part, region=region))
        for region in claim.regions
    }
    if not all(pairs.values()):
        return []
    return _foremost(claim, pairs, dict.fromkeys(claim.regions))


def groups(claim: Claim, part: Part) -> list[Question]:
    """Joint models of significant neurons have a lower error than the autoencoder alone, those of
    insignificant ones a higher one, on the mean over layers. The paper's way of choosing neurons
    decides; the other stands beside it."""
    found = []
    for good, bad, how, role in (
        (SIGNIFICANT, INSIGNIFICANT, "", PART),
        (SIGNIFICANT_CV, INSIGNIFICANT_CV, ", chosen on held-out images", BESIDE),
    ):
        for group, better, words in (
            (good, True, "significant neurons{}: better than {}"),
            (bad, False, "insignificant neurons{}: worse than {}"),
        ):
            for region in part.regions:
                pairs = [
                    (joint, base)
                    for joint in _joint(part, group=group, region=region)
                    for base in _autoencoder(part, joint)
                ]
                if pairs:
                    what = f"{_of_region(region)}{_together(pairs)}, "
                    what += words.format(how, pairs[0][1].label)
                    found.append(_question(claim, part, what, pairs, better, role))
    return found


def against_exchanged(claim: Claim, *parts: Part) -> list[Question]:
    """The joint models of each control are better at its task than themselves with what the other task learns exchanged between images, on
    the mean over layers."""
    found = []
    for part in parts:
        group, words = _EXCHANGED[part.experiment.task]
        for region in part.regions:
            pairs = [
                (joint, other)
                for joint in _joint(part, group=ALL, region=region)
                for other in _pick(
                    part, model=joint.model, group=group, region=region, layer=joint.layer
                )
            ]
            if pairs:
                what = f"{_of_region(region)}{_together(pairs)} against themselves with {words} exchanged"
                found.append(_question(_of_task(claim, part.experiment.task), part, what, pairs))
    return found


def with_an_option(claim: Claim, part: Part) -> list[Question]:
    """In each region models as they are do better than with the option that the experiment's other variant sets, on the mean over layers."""
    found = []
    for region in part.regions:
        pairs = [
            (one, other)
            for one in _joint(part, region=region, variant=PLAIN)
            for other in _pick(part, model=one.model, region=region, layer=one.layer)
            if other.variant.options
        ]
        if pairs:
            what = f"{_of_region(region)}{_together(pairs)} against themselves, {pairs[0][1].variant.text}"
            found.append(_question(claim, part, what, pairs))
    return found


def weights_favour_their_task(claim: Claim, part: Part) -> list[Question]:
    """In each region joint models with a hundred times the table's alpha:beta reconstruct better than those with a hundredth of it, which predict
    better: the ends of the trade-off."""
    found = []
    for region in part.regions:
        for task, better in (("ir", _FURTHEST), ("nrs", 1 / _FURTHEST)):
            pairs = [
                (one, other)
                for one in _joint(part, region=region, task=task, variant=Variant(better))
                for other in _pick(
                    part,
                    model=one.model,
                    region=region,
                    layer=one.layer,
                    task=task,
                    variant=Variant(1 / better),
                )
            ]
            if pairs:
                texts = [one.variant.text for one in pairs[0]]
                what = f"{_of_region(region)}{_together(pairs)}, {texts[0]} against {texts[1]}"
                found.append(_question(_of_task(claim, task), part, what, pairs))
    return found


def over_alone(part: Part, joint: Setting, metric: str) -> Question | None:
    """How much better a joint setting is than what learns the one task alone from as many images, its autoencoder (of an error) or its readout;
    no claim asks it. None where the part lacks that."""
    system, layer = joint.system.readout_alone, joint.layer
    if metric in ERRORS:
        system, layer = joint.system.autoencoder, None
    same = Variant(share=joint.variant.share)
    alone = _pick(part, model=system.name, region=joint.region, layer=layer, variant=same)
    return Question("", metric, "", 0.0, ((joint, alone[0]),)) if alone else None


_FURTHEST = 100.0  # multiple of the table's alpha:beta that the trade-off trains; its inverse too
_FOR = {"ir": "reconstruction", "nrs": "prediction"}
# What a control exchanges between images for the task that is looked at: the group, and in words.
_EXCHANGED = {"ir": (SHUFFLED, "responses"), "nrs": (OTHER_IMAGES, "images to reconstruct")}


def _of_task(claim, task):
    """The claim with what a task is judged by: its error, or its correlation."""
    metric, unit, least = {"ir": ("mse", "MSE", LEAST_SHARE), "nrs": (PCC, "PCC", LEAST_PCC)}[task]
    return dataclasses.replace(claim, metric=metric, unit=unit, least=least)


def best_layer(claim: Claim, part: Part) -> list[Question]:
    """In each region the joint model of the layer that the claim names is better than that of each other layer; nothing is asked
    where not all of the paper's layers are there, among which it is said to be the best."""
    found = []
    for region in part.regions:
        joints = {one.layer: one for one in _joint(part, group=ALL, region=region)}
        if region not in claim.best or not set(paper.LAYERS) <= joints.keys():
            continue
        best = joints.pop(claim.best[region])
        for other in joints.values():
            what = f"{_of_region(region)}{best.label} against {other.label}"
            found.append(_question(claim, part, what, [(best, other)]))
    return found


def single_cells(question: Question, part: Part | None) -> list[Question]:
    """The cells whose mean a question is about, as questions of their own; none where it is about one.

    Args:
        question: `Question`.
        part: the part whose published figures stand beside them, or None.
    """
    if isinstance(question, BetweenRegions) or len(question.pairs) < 2:
        return []
    found = []
    for first, second in question.pairs:
        base = next((one for one in (first, second) if one in question.reference), second)
        other = first if base is second else second
        where = _of_region(other.region)
        found.append(
            dataclasses.replace(
                question,
                what=f"{where}{other.label} against {base.label}{_marks(question, other, base)}",
                pairs=((first, second),),
                reference=(base,) if question.reference else (),
                published=part and _published(part, question.metric, first, second),
                role=CELL,
            )
        )
    return found


def _marks(question, joint, base):
    if joint.selected:
        group, held_out, _ = joint.group.partition("-cv")
        return f", {group} neurons{', chosen on held-out images' if held_out else ''}"
    for group, words in _EXCHANGED.values():
        if base.group == group:
            return f" with {words} exchanged"
    texts = [one.variant.text for one in (joint, base)]
    return f", {texts[0] or 'as it is'} against {texts[1] or 'as it is'}" if any(texts) else ""


def _question(claim, part, what, pairs, better=True, role=PART):
    """The question whether the first of each pair is the better one, or the worse one."""
    ordered = tuple(pairs if better else (pair[::-1] for pair in pairs))
    bases = tuple(dict.fromkeys(base for _, base in pairs))
    differences = [_published(part, claim.metric, *pair) for pair in ordered]
    levels = [_figure(part, claim.metric, base) for base in bases]
    in_shares = claim.metric in ERRORS
    least = claim.least
    if in_shares:
        least = None if None in levels else claim.least * float(np.mean(levels))
    return Question(
        what,
        claim.metric,
        claim.unit,
        claim.least,
        ordered,
        bases if in_shares else (),
        None if None in differences else float(np.mean(differences)),
        least,
        role,
    )


def _published(part, metric, better, other):
    """The paper's own effect of a pair, or None."""
    ours, theirs = _figure(part, metric, better), _figure(part, metric, other)
    if ours is None or theirs is None:
        return None
    return theirs - ours if metric in ERRORS else ours - theirs


def _figure(part, metric, setting):
    """The paper's figure of a setting as it stands in a part; of what is no joint model, that of the part's baselines."""
    look_up = (
        part.experiment.published_figures
        if setting.system.joint
        else part.experiment.baseline_figures
    )
    return look_up(setting).get(metric)


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


def _autoencoder(part, joint):
    """The autoencoder alone of a joint setting, where the part has it: list."""
    return _pick(part, model=joint.system.autoencoder.name, region=joint.region)


def _beside_readouts(part, region):
    """The joint settings of a region, each with its readout alone from its layer: list of pairs."""
    return [
        (joint, base)
        for joint in _joint(part, group=ALL, region=region)
        for base in _pick(
            part, model=joint.system.readout_alone.name, region=region, layer=joint.layer
        )
    ]


def _with_autoencoders(part, region):
    """The joint settings of a region with all neurons, each with its autoencoder alone: list of pairs."""
    return [
        (joint, base)
        for joint in _joint(part, group=ALL, region=region)
        for base in _autoencoder(part, joint)
    ]


def _of_region(region):
    return "" if region is None else f"region {region}: "


def _together(pairs: Iterable[tuple[Setting, Setting]]) -> str:
    """The joint models of some pairs in words: "CAE-FR1, 2", or "CAE-FR, VAE-FR" over the same layers."""
    layers = {}
    for joint, _ in pairs:
        layers.setdefault(joint.system.title, []).append(joint.layer)
    same = len({tuple(found) for found in layers.values()}) == 1
    if len(layers) > 1 and same:
        found = next(iter(layers.values()))
        return f"{', '.join(layers)} (layer{'s' * (len(found) > 1)} {', '.join(map(str, found))})"
    return ", ".join(f"{name}{', '.join(map(str, found))}" for name, found in layers.items())


def _foremost(claim, pairs, published):
    """The claim's foremost region against each other one."""
    first, found = claim.foremost, []
    for region in claim.regions:
        if region != first:
            theirs = (published[first], published[region])
            found.append(
                BetweenRegions(
                    f"region {first} against region {region}",
                    claim.metric,
                    claim.unit,
                    claim.least,
                    pairs[first],
                    published=None if None in theirs else theirs[0] - theirs[1],
                    published_least=claim.least,
                    others=pairs[region],
                )
            )
    return found


def _published_gain(part, pairs):
    figures = [[_figure(part, "mse", one) for one in pair] for pair in pairs]
    return (
        None
        if any(None in pair for pair in figures)
        else float(np.mean([1 - ours / alone for ours, alone in figures]))
    )
