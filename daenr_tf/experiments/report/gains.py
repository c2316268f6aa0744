"""What a joint model gains over the models that learn one of the two alone, with as many images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from daenr_tf.experiments.comparisons import over_alone
from daenr_tf.experiments.experiment import TRADEOFF
from daenr_tf.experiments.measures import PCC
from daenr_tf.experiments.report.records import of_setting
from daenr_tf.experiments.study import as_options

if TYPE_CHECKING:
    from daenr_tf.experiments.cells import Setting
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.intervals import Estimate
    from daenr_tf.experiments.planning import Part

METRICS = ("mse", PCC)


def gain(findings: Findings, part: Part, joint: Setting, metric: str) -> Estimate | None:
    """What `comparisons.over_alone` asks of a joint setting, positive where it is better, paired over seeds and test images; None where a cell is
    missing."""
    question = over_alone(part, joint, metric)
    return question and question.effect(findings)


def records(findings: Findings, part: Part) -> pd.DataFrame | None:
    """The gains of a trade-off's joint settings as `pandas.DataFrame`, a row each, nothing rounded; None of any other part."""
    if part.experiment.picture != TRADEOFF:
        return None
    rows = []
    for joint in (one for one in part.settings if one.system.joint):
        for metric in METRICS:
            one = gain(findings, part, joint, metric)
            rows.append(
                {
                    **of_setting(joint),
                    "variant": joint.variant.text,
                    "metric": metric,
                    "gain": one and one.value,
                    "low": one and one.low,
                    "high": one and one.high,
                    "standard_error": one and one.standard_error,
                    "seeds": one.seeds if one else 0,
                    "images": one.images if one else 0,
                    "simulated": findings.recordings[joint.region].simulated,
                    "budget": findings.study.budget,
                    "settings": " ".join(as_options(findings.study.settings)),
                    "note": one.note if one else "",
                }
            )
    return pd.DataFrame(rows)
