"""What the figures of a trade-off show: one for each region, layer and joint model."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from daenr_tf import systems
from daenr_tf.experiments.cells import title
from daenr_tf.experiments.measures import PCC
from daenr_tf.experiments.report.gains import METRICS, gain
from daenr_tf.plotting.tradeoff import Point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.planning import Part


class Shown(NamedTuple):
    """A figure.

    Attributes:
        stem: of its file.
        region: 1..3, or None for one's own recording.
        told: which of the trade-offs it is, in words.
        points: list of `Point`s.
        codes: dict of a linear code's name -> dict of the number of images that it was fitted to -> its MSE.
    """

    stem: str
    region: int | None
    told: str
    points: list
    codes: dict


def shown(findings: Findings, part: Part) -> Iterator[Shown]:
    """The figures of a part that is drawn as a trade-off, without those of which nothing is finished."""
    joint = dict.fromkeys(one.model for one in part.settings if one.system.joint)
    for region, model in itertools.product(part.regions, joint or [None]):
        beside = _with_alone(part, region, model)
        for layer in dict.fromkeys(one.layer for one in beside if one.layer):
            settings = [one for one in beside if one.layer in (None, layer)]
            points = [_point(findings, part, one) for one in settings]
            if any(point.mse or point.pcc for point in points):
                where = f"_region{region}" if region else ""
                which = f"_{model}" if len(joint) > 1 else ""
                yield Shown(
                    f"{part.experiment.name}{where}_layer{layer}{which}",
                    region,
                    f"{title(model)}, layer {layer}" if model else f"layer {layer}",
                    points,
                    _codes(findings, settings),
                )


def _with_alone(part, region, model):
    """The settings of a joint model in a region and of what learns one of its tasks alone; all of the region's where there is no joint model."""
    settings = [one for one in part.settings if one.region == region]
    if model is None:
        return settings
    names = (model, *systems.system(model).alone)
    return [one for one in settings if one.model in names]


def _point(findings, part, setting):
    system = setting.system
    estimates = [
        findings.estimate(setting, metric) if has else None
        for metric, has in (("mse", system.reconstructs), (PCC, system.readout))
    ]
    return Point(
        title(setting.model),
        bool(system.joint),
        setting.task,
        setting.alpha / setting.beta if setting.beta else None,
        setting.variant.ratio,
        _images(findings, setting),
        setting.variant.share == 1,
        *estimates,
        *(gain(findings, part, setting, metric) if system.joint else None for metric in METRICS),
    )


def _codes(findings, settings):
    """What linear codes fitted to as many images reach, as `Shown.codes`."""
    by_count, found = {}, {}
    for one in settings:
        if one.system.reconstructs:
            by_count.setdefault(_images(findings, one), []).append(one)
    for count, fitted in sorted(by_count.items()):
        for name, code in findings.linear_codes(*fitted).items():
            found.setdefault(name, {})[count] = code["mse"]
    return found


def _images(findings, setting):
    return round(setting.variant.share * len(findings.recordings[setting.region].images))
