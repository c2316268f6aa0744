"""What a run came to: `results.json`."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Any

from daenr_tf import paper, systems
from daenr_tf.config import ModelConfig, RunConfig
from daenr_tf.loss_weights import default_weights
from daenr_tf.recordings import sources

if TYPE_CHECKING:
    from daenr_tf.evaluation import Evaluation
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.pipeline import Sets
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.training import Training


def make_results(
    config: RunConfig,
    recording: Recording,
    sets: Sets,
    model: DAENR,
    training: Training,
    evaluation: Evaluation,
    notes: list[str],
) -> dict[str, Any]:
    """What a run came to.

    Args:
        config: `RunConfig`.
        recording: `Recording`.
        sets: `pipeline.Sets`.
        model: `DAENR`, fitted.
        training: `Training`.
        evaluation: `Evaluation`.
        notes: list of sentences that a user must read.

    Returns:
        dict, as in `results.json`.
    """
    return {
        "recipe": config.model.recipe,
        "dataset": dataset(recording, sets),
        "config": config.to_dict(),
        "test": evaluation.test,
        "validation": {**evaluation.validation, "monitored_loss": training.best},
        **({"linear_codes": evaluation.linear_codes} if evaluation.linear_codes else {}),
        "noise_ceiling": evaluation.noise_ceiling,
        "paper": published(config),
        **of_training(model, training),
        "notes": notes,
        **evaluation.diagnostics,
    }


def of_training(model: DAENR, training: Training) -> dict[str, Any]:
    """What of `results.json` says how a model was trained, from `steps` to `versions`."""
    return {
        "steps": training.steps,
        "best_step": training.best_step,
        "stopped_by": training.stopped_by,
        "parameters": model.count_params(),
        "replicas": model.distribute_strategy.num_replicas_in_sync,
        "seconds": training.seconds,
        "images_per_second": training.images_per_second,
        "threads": list(training.threads),
        "versions": versions(),
    }


def dataset(recording: Recording, sets: Sets) -> dict[str, Any]:
    """What of `results.json` says which recording it was, and how it was split: `name`, `simulated`, `counts`, `digest`."""
    counts = {
        "train": len(sets.train.images),
        "validation": len(sets.validation.images),
        "test": len(sets.test.images),
        "neurons": recording.neurons,
        "repeats": recording.repeats,
    }
    if recording.repeats and recording.repeats_range[0] < recording.repeats:
        counts["repeats_least"] = recording.repeats_range[0]
    return {
        "name": recording.name,
        "simulated": recording.simulated,
        "counts": counts,
        "digest": recording.digest,
    }


def published(config: RunConfig) -> dict[str, Any] | None:
    """The paper's figures for the very cell and alpha:beta of a configuration, or None."""
    model = config.model
    of_the_paper = model.recipe in paper.RECIPES and model.layer in paper.LAYERS
    if config.own_recording or not of_the_paper or model.core != systems.DEFAULT_CORE:
        return None
    cell = (model.recipe, config.region, model.layer, config.training.task)
    weights = default_weights(cell[0], model.system.heads, *cell[1:])
    if (config.training.alpha, config.training.beta) != (weights.alpha, weights.beta):
        return None
    figures = paper.published(*cell)
    if figures is None:
        return None
    return {
        **figures,
        "comparable": sources.is_comparable(config.dataset) and not _departures(config),
    }


def _departures(config):
    """The settings that are not the paper's, apart from the cell's own and the seed."""
    asked = config.to_dict()
    usual = RunConfig(ModelConfig(config.model.recipe)).to_dict()
    own = {
        "recipe",
        "layer",
        "task",
        "alpha",
        "beta",
        "seed",
        "dataset",
        "region",
        "strategy",
        "deterministic",
    }
    if config.training.max_steps > usual["max_steps"]:
        own.add("max_steps")  # the paper trains until patience ends, however long that takes
    return sorted(name for name in asked if name not in own and asked[name] != usual[name])


def versions() -> dict[str, str | None]:
    """The versions of what a run's figures depend on."""
    import importlib.metadata

    def version(name):
        try:
            return importlib.metadata.version(name)
        except (
            importlib.metadata.PackageNotFoundError
        ):  # run from a checkout, or TensorFlow under another name
            return getattr(sys.modules.get(name), "__version__", None)

    names = ("daenr_tf", "tensorflow", "keras", "tensorflow-probability", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
