"""Figures and comparisons as records for CSV, with nothing rounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from daenr_tf.experiments.report import counts
from daenr_tf.experiments.report.entries import entries
from daenr_tf.experiments.study import as_options
from daenr_tf.readable import LINEAR_CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daenr_tf.experiments.cells import Setting
    from daenr_tf.experiments.claims import Judged
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.planning import Part
    from daenr_tf.experiments.study import Study


def records(findings: Findings, part: Part) -> pd.DataFrame | None:
    """A part's figures as `pandas.DataFrame`, a row each, nothing rounded; None if it has none.

    Where settings were given they stand in a column, and beside a figure of the paper's why it can't
    be compared.
    """
    if part.experiment.counts:
        return counts.records(findings, part)
    own, given = part.regions == (None,), findings.study.settings
    unlike = not_comparable(findings, part)
    rows = []
    for entry in entries(findings, part):
        setting, one = entry.setting, entry.estimate
        rows.append(
            {
                **of_setting(setting),
                "neurons": setting.group,
                "variant": setting.variant.text,
                "metric": entry.metric,
                "ours": one and one.value,
                "low": one and one.low,
                "high": one and one.high,
                "seeds": one.seeds if one else 0,
                "images": one.images if one else 0,
                "paper": entry.published,
                "difference": entry.difference,
                "ceiling": entry.ceiling,
                "share": entry.share,
                **{
                    column: entry.linear[name][key] if entry.linear else None
                    for name in LINEAR_CODES
                    for column, key in ((name, entry.metric), (f"{name}_size", "size"))
                },
                "threads": _threads(findings, setting),
                "simulated": findings.recordings[setting.region].simulated,
                "budget": findings.study.budget,
                **_settings_column(given),
                "note": "; ".join(
                    filter(
                        None,
                        (
                            entry.note,
                            one.note if one else "",
                            unlike if entry.published is not None else "",
                        ),
                    )
                ),
                **{name: entry.trials.get(name) for name in ("single_trial_pcc", "feve")},
            }
        )
    if not rows:
        return None
    whole = ("region", "layer", *(f"{name}_size" for name in LINEAR_CODES))
    table = pd.DataFrame(rows).astype(dict.fromkeys(whole, "Int64"))
    return table.drop(columns=["region", "paper", "difference"]) if own else table


def of_setting(setting: Setting) -> dict[str, Any]:
    """The columns that say which setting a figure is of."""
    names = ("region", "model", "layer", "task", "alpha", "beta")
    return {name: getattr(setting, name) for name in names}


def not_comparable(findings: Findings, part: Part) -> str:
    """Why the settings given leave a part's figures not comparable with the paper's; empty where they
    don't."""
    departures = ", ".join(as_options(findings.study.departures(part.settings)))
    return f"not comparable with the paper’s: {departures}" if departures else ""


def _settings_column(given):
    return {"settings": " ".join(as_options(given))} if given else {}


def _threads(findings, setting):
    """The numbers of threads that a figure's cells were trained with: "2", "1, 2", "?" where one isn't known; empty without a finished cell."""
    found = [one.threads for _, one in findings.outputs(setting)]
    numbers = sorted({number for threads in found if threads for number in threads})
    return ", ".join([*map(str, numbers), *["?"] * (None in found)])


def comparisons(claims: Iterable[Judged], study: Study, simulated: bool) -> pd.DataFrame:
    """The comparisons of `Judged` claims as `pandas.DataFrame`, with nothing rounded; for one's own
    recording without the paper's effect."""
    rows, given = [], _settings_column(study.settings)
    for claim in claims:
        for one in claim.comparisons:
            effect = one.effect
            rows.append(
                {
                    "claim": claim.name,
                    "role": one.role,
                    "comparison": one.what,
                    "unit": one.unit,
                    "effect": effect and effect.value,
                    "low": one.low,
                    "high": one.high,
                    "standard_error": effect and effect.standard_error,
                    "degrees_of_freedom": effect and effect.degrees_of_freedom,
                    "p_value": effect and effect.p_value,
                    "least": one.least,
                    "paper": one.published,
                    "seeds": effect.seeds if effect else 0,
                    "verdict": one.verdict,
                    "verdict_of_claim": claim.verdict,
                    "p_of_claim": claim.p_value if claim.verdict else None,
                    "p_over_all_claims": claim.p_over_all if claim.verdict else None,
                    "simulated": simulated,
                    "budget": study.budget,
                    **given,
                }
            )
    names = (
        "claim",
        "role",
        "comparison",
        "unit",
        "effect",
        "low",
        "high",
        "standard_error",
        "degrees_of_freedom",
        "p_value",
        "least",
        "paper",
        "seeds",
        "verdict",
        "verdict_of_claim",
        "p_of_claim",
        "p_over_all_claims",
        "simulated",
        "budget",
        *given,
    )
    table = pd.DataFrame(rows, columns=names)
    return table.drop(columns="paper") if study.own else table
