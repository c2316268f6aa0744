"""What a joint model gains over the models that learn one of the two alone, with as many images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from daenr_tf.experiments.experiment import TRADEOFF
from daenr_tf.experiments.measures import PCC
from daenr_tf.experiments.questions import Question
from daenr_tf.experiments.study import as_options

if TYPE_CHECKING:
    from daenr_tf.experiments.cells import Setting
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.intervals import Estimate
    from daenr_tf.experiments.planning import Part

METRICS = ("mse", PCC)


def gain(findings: Findings, part: Part, joint: Setting, metric: str) -> Estimate | None:
    """How much better a joint setting is than its autoencoder alone (MSE) or its readout alone (PCC), paired over seeds and test images;
    positive where it is better, None where a cell is missing."""
    system = joint.system.autoencoder if metric == "mse" else joint.system.readout_alone
    alone = [
        one
        for one in part.settings
        if (one.model, one.region, one.variant.share)
        == (system.name, joint.region, joint.variant.share)
        and one.layer in (None, joint.layer)
    ]
    return Question("", metric, "", 0.0, ((joint, alone[0]),)).effect(findings) if alone else None


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
                    "region": joint.region,
                    "model": joint.model,
                    "layer": joint.layer,
                    "task": joint.task,
                    "alpha": joint.alpha,
                    "beta": joint.beta,
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
                }
            )
    return pd.DataFrame(rows)
