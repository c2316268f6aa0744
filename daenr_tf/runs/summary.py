"""The table that ends a run."""

from __future__ import annotations

from typing import Any

from daenr_tf.errors import one_line
from daenr_tf.loss_weights import DEFAULT_SCALE
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.readable import LINEAR_CODES, PCC_REPEATED, QUICK, aligned, beside_ceiling
from daenr_tf.runs import reference

LABELS = {
    "mse": "MSE",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "pcc": "mean PCC",
    PCC_REPEATED: "mean PCC, repeated images",
    "pcc_normalized": "PCC / ceiling",
    "single_trial_pcc": "single-trial PCC",
    "feve": "FEVE",
    "monitored_loss": "monitored loss",
}
CEILING = "noise_ceiling"


def label(name: str) -> str:
    """What a metric is called in a table."""
    return LABELS.get(name, name.replace("_", " "))


def stopped_by(results: dict[str, Any]) -> str | None:
    """What ended a run's training: "patience", "max_steps", or None where its results are too old to say."""
    return results.get("stopped_by", results.get("ended_by"))  # as it was called for a while


def summary(results: dict[str, Any], run_dir: str) -> str:
    """The table that ends a run: our figures on the validation and the test set, the paper's and the noise ceiling."""
    dataset, config, paper_figures = results["dataset"], results["config"], results["paper"] or {}
    name = f"{dataset['name']}{' (SIMULATED data)' if dataset['simulated'] else ''}"
    comparable = paper_figures.get("comparable", False)
    heading = f"paper, Table {paper_figures['table']}" if paper_figures else "paper"
    if paper_figures and not comparable:
        heading += " (not comparable)"
    validation, test = (
        results.get("validation") or {},
        results["test"],
    )  # runs of version 0.1 have no validation
    rows = [("", "validation set", "test set", heading, "ceiling")]
    compared = beside_ceiling(test)
    for key in [*test, *(key for key in validation if key not in test)]:
        ceiling = results["noise_ceiling"] if key == compared else None
        figures = (validation.get(key), test.get(key), paper_figures.get(key))
        cells = [*map(_cell, figures), _cell(ceiling)]
        if ceiling is not None and key == "pcc":  # as of results before there was `pcc_repeated`
            cells[-1] += _of_some(results, CEILING)
        rows.append((label(key) + _of_some(results, key), *cells))
    cut_off = (
        [f"cut off: max_steps ended the training at step {results['steps']}, before patience did"]
        if stopped_by(results) == "max_steps"
        else []
    )
    members = results.get("members")
    steps = f"{results['steps']} steps"
    steps += f" of {len(members)} models" if members else f" (best {results['best_step']})"
    head = (
        f"{results['recipe']} on {name}, alpha:beta {config['alpha']:g}:{config['beta']:g}{_scale(config)}, {steps},"
        f" {results['parameters']:,} parameters{QUICK if config.get('quick') else ''}"
    )
    places = [f"run: {run_dir}"] + (
        [f"SavedModel: {results['saved_model']}"] if results["saved_model"] else []
    )
    return "\n".join(
        map(
            one_line,
            [
                head,
                *aligned(rows),
                *_linear_codes(results),
                *reference.told_of_codes(results),
                *_of_each(results),
                *reference.told(results),
                *cut_off,
                *places,
            ],
        )
    )


def _of_some(results, key):
    """Of a run on several recordings, of how many of them a figure of the test set is; empty where it is of all."""
    found = list((results.get("recordings") or {}).values())
    if key in (CEILING, PCC_REPEATED, "pcc_normalized"):
        having = [one["noise_ceiling"] for one in found]
    else:
        having = [one["test"].get(key) for one in found]
    count = len(found) - having.count(None)
    return f" ({count} of {len(found)} recordings)" if 0 < count < len(found) else ""


def _of_each(results):
    """Of a run on several recordings, whose means the table above has, a row for each."""
    found = results.get("recordings") or {}
    if not found:
        return []
    names = list(results["test"])
    rows = [("test set of", "images", "neurons", *map(label, names), "ceiling")]
    for name, one in found.items():
        counts = one["dataset"]["counts"]
        figures = [one["test"].get(key) for key in names]
        rows.append(
            (
                name,
                f"{counts['test']}",
                f"{counts['neurons']}",
                *map(_cell, [*figures, one["noise_ceiling"]]),
            )
        )
    some = any(_of_some(results, name) for name in names)
    fewer = ", or over as many as is said beside a figure: the others have none" if some else ""
    return [f"means over {len(found)} recordings{fewer}; each:", *aligned(rows)]


def _linear_codes(results):
    codes = results.get("linear_codes") or {}  # none without a decoder, nor in version 0.1
    told = [
        f"{title} of {codes[name]['size']:d} "
        + ", ".join(f"{label(metric)} {_cell(codes[name][metric])}" for metric in IMAGE_METRICS)
        for name, title in LINEAR_CODES.items()
        if name in codes
    ]
    return [f"linear codes, test set: {'; '.join(told)}"] if told else []


def _scale(config):
    scale = config.get("loss_scale", DEFAULT_SCALE)  # runs of version 0.1 have none
    return "" if scale == DEFAULT_SCALE else f" (loss scale {scale})"


def _cell(value):
    return "–" if value is None else f"{value:.3f}"
