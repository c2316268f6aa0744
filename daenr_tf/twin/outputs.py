"""What synthesis leaves: arrays, tables, a figure, and the results in short."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd

from daenr_tf.machine.files import replace_file, write_text
from daenr_tf.twin.goals import Kind
from daenr_tf.twin.natural import Natural
from daenr_tf.twin.synthesis import Plan
from daenr_tf.twin.twin import Twin
from daenr_tf.twin.work import Work

ARRAYS, TABLE, RESPONSES, FIGURE = (
    "synthesis.npz",
    "synthesis.csv",
    "responses.csv",
    "synthesis.png",
)
PRODUCTS = (ARRAYS, TABLE, RESPONSES, FIGURE)
DIGITS = "%.6g"


def labels(plan: Plan, kind: Kind) -> list[str]:
    """What each goal is called in figures and tables."""
    return [f"{kind.label} {number}" for number in plan.numbers]


def table(plan: Plan, arrays: dict[str, np.ndarray]) -> pd.DataFrame:
    """A row per image: the goal, its score with the spread over starts, and the best natural image's."""
    starts = arrays["start_scores"]
    return pd.DataFrame(
        {
            plan.kind.label: list(plan.numbers),
            "score": arrays["score"],
            "natural_score": arrays["natural_score"],
            "natural_image": arrays["natural_number"],
            "natural_score_as_recorded": arrays["natural_score_as_recorded"],
            "start": arrays["start"],
            "starts_lowest": starts.min(axis=1),
            "starts_mean": starts.mean(axis=1),
            "starts_sd": _spread(starts),
            "contrast": arrays["contrast"],
        }
    )


def _spread(starts):
    """The SD over starts of each goal's (goals, starts) scores; NaN of a single start."""
    return starts.std(axis=1) if starts.shape[1] > 1 else np.full(len(starts), np.nan)


def responses(plan: Plan, arrays: dict[str, np.ndarray], natural: Natural) -> pd.DataFrame:
    """A row per image and neuron: what was asked, what is predicted, also in SDs over natural images."""
    goals, neurons = plan.targets.shape
    achieved = arrays["responses"]
    return pd.DataFrame(
        {
            plan.kind.label: np.repeat(plan.numbers, neurons),
            "neuron": np.tile(np.arange(neurons), goals),
            "target": plan.targets.ravel(),
            "response": achieved.ravel(),
            "standardised": np.asarray(natural.scale.standardise(achieved)).ravel(),
            "natural_response": arrays["natural_responses"].ravel(),
        }
    )


def short(
    twin: Twin, plan: Plan, arrays: dict[str, np.ndarray], natural: Natural
) -> dict[str, Any]:
    """What `results.json` says of it."""
    score, as_recorded = arrays["score"], arrays["natural_score_as_recorded"]
    spread = np.median(_spread(arrays["start_scores"]))
    return {
        "dataset": {"name": twin.name, "simulated": twin.simulated},
        "models": [{"path": one.path, "digest": one.digest} for one in twin.members],
        "goals": len(plan.targets),
        "unit": plan.kind.unit,
        "contrast": plan.constraint.contrast,
        "natural": {"images": len(natural.images), "contrast": natural.contrast},
        "median_score": float(np.median(score)),
        "median_natural_score": float(np.median(arrays["natural_score"])),
        "above_best_natural": int((score > arrays["natural_score"]).sum()),
        "median_natural_score_as_recorded": float(np.median(as_recorded)),
        "above_best_natural_as_recorded": int((score > as_recorded).sum()),
        "median_sd_over_starts": None if np.isnan(spread) else float(spread),
    }


def said(results: dict[str, Any]) -> list[str]:
    """The results in short, as lines: what was made, and both comparisons with the images that it is held against."""
    known = {
        True: " (SIMULATED data)",
        False: "",
        None: " (the export does not tell whether simulated)",
    }
    count, dataset, natural = results["goals"], results["dataset"], results["natural"]
    spread = results["median_sd_over_starts"]
    lines = [
        f"{dataset['name']}{known[dataset['simulated']]}: {count} image{'s' * (count > 1)} of contrast"
        f" {results['contrast']:.3g}, median score {results['median_score']:.3g} {results['unit']} as predicted; "
        + ("one start" if spread is None else f"SD over starts {spread:.2g} (median)"),
        f"at equal contrast: {results['above_best_natural']} of {count} above the best of {natural['images']} images"
        f" held against them, which has {results['median_natural_score']:.3g} (median)",
    ]
    as_recorded = results.get("above_best_natural_as_recorded")  # older results lack it
    if as_recorded is not None:
        lines.append(
            f"with those images as recorded (contrast {natural['contrast']:.3g}): {as_recorded} of {count} above the best,"
            f" which has {results['median_natural_score_as_recorded']:.3g} (median)"
        )
    return lines


def write(
    work: Work, twin: Twin, plan: Plan, arrays: dict[str, np.ndarray], natural: Natural
) -> None:
    """Write `PRODUCTS` to the directory of the work."""
    extra = {
        "goal": np.asarray(plan.numbers),
        "target": plan.targets,
        "pixel_range": np.asarray(twin.pixel_range, np.float64),
    }
    replace_file(work.file(ARRAYS), lambda file: np.savez(file, **arrays, **extra))
    for name, made in (
        (TABLE, table(plan, arrays)),
        (RESPONSES, responses(plan, arrays, natural)),
    ):
        write_text(
            work.file(name), made.to_csv(index=False, lineterminator="\n", float_format=DIGITS)
        )
    module, function = plan.kind.figure.split(":")
    scale = natural.scale
    getattr(importlib.import_module(module), function)(
        work.file(FIGURE),
        arrays,
        labels(plan, plan.kind),
        plan.targets,
        scale.deviation,
        scale.mean,
        f"{plan.kind.title}, as predicted\n{twin.name}, {twin.in_words('one model')}, {plan.method} ascent, RMS contrast"
        f" {plan.constraint.contrast:.3g}; held against {len(natural.images)} images",
        simulated=bool(twin.simulated),
    )
