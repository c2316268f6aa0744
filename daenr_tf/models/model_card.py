"""What an export says of the model that it holds: `assets.extra/model_card.json`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from daenr_tf.errors import InputError, refusal
from daenr_tf.machine.files import read_text

if TYPE_CHECKING:
    import pandas as pd

    from daenr_tf.models.daenr import DAENR

CARD = os.path.join("assets.extra", "model_card.json")
LARGEST = 64 << 20  # bytes that are read: some 300 a neuron
# What a card takes of a run's results as it is.
OF_RESULTS = (
    "recipe",
    "dataset",
    "test",
    "validation",
    "noise_ceiling",
    "config",
    "steps",
    "best_step",
    "parameters",
    "versions",
    "notes",
)


def of_model(model: DAENR) -> dict[str, Any]:
    """What a model knows of itself: all that a card has where no run is known.

    Returns:
        dict of `heads`, `layer` (that the readout reads; None without), `image` (`shape`, `pixel_range`,
        `resize`), `latent` (`name`, `shape`, `dtype`; None without), `neurons_count`, `seed`,
        `split_seed`, `parameters`, `versions`; `dataset` is empty and `simulated`, `test`, `validation`,
        `noise_ceiling` and `neurons` are None: they are not known.
    """
    from daenr_tf.models.codes import code_spec
    from daenr_tf.runs.results import versions

    spec = code_spec(model)
    return {
        "heads": list(model.heads),
        "layer": model.layer if model.readout else None,
        "image": {
            "shape": list(model.image_shape),
            "pixel_range": [float(bound) for bound in model.pixel_range],
            "resize": model.resize,
        },
        "latent": spec
        and {"name": spec.name, "shape": list(spec.shape[1:]), "dtype": spec.dtype.name},
        "neurons_count": model.neurons,
        "seed": model.seed,
        "split_seed": model.split_seed,
        "parameters": model.count_params(),
        "versions": versions(),
        "dataset": {},
        **dict.fromkeys(("simulated", "test", "validation", "noise_ceiling", "neurons")),
    }


def of_run(results: dict[str, Any], neurons: pd.DataFrame | None) -> dict[str, Any]:
    """What a run knows of its model.

    Args:
        results: as in `results.json`.
        neurons: the table of `neurons.csv`, or None.

    Returns:
        dict of what `OF_RESULTS` names; `simulated`, whether it was fitted to a simulated recording; `seed`;
        `neurons`, a list with a dict for each (`neuron`, its number in the recording, `pcc`, `noise_ceiling` …), None without a readout.
    """
    rows = None if neurons is None else json.loads(neurons.to_json(orient="records"))
    return {
        **{name: results[name] for name in OF_RESULTS if name in results},
        "simulated": results["dataset"]["simulated"],
        "seed": results["config"]["seed"],
        "neurons": rows,
    }


def read_card(version: str) -> dict[str, Any] | None:
    """The card of an export, the path of a version; None of one that was made before there were cards.

    Raises:
        InputError: it is damaged.
    """
    path = os.path.join(version, CARD)
    if not os.path.lexists(path):
        return None
    try:
        found = json.loads(read_text(path, LARGEST))
    except InputError:
        raise
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise refusal(path, "an export's card", "something else")
    return found
