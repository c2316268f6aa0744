"""The recording that a fitted model was fitted to, from what its run or its export tells."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from daenr_tf.errors import InputError, refusal
from daenr_tf.machine.files import read_text
from daenr_tf.models import served
from daenr_tf.models.model_card import read_card
from daenr_tf.recordings.load import load_recording
from daenr_tf.runs.directory import CONFIG

if TYPE_CHECKING:
    from daenr_tf.recordings.recording import Recording


RESULTS = "results.json"
LARGEST = 1_000_000  # bytes that are read


def members_of(path: str) -> list[str]:
    """The directories of the runs that an ensemble's directory holds; none where it is no ensemble's, or they are not all there."""
    results = os.path.join(path, RESULTS)
    if not os.path.isfile(results):
        return []
    try:
        names = [one["run"] for one in json.loads(read_text(results, LARGEST))["members"]]
        runs = [os.path.join(path, name) for name in names]
    except (InputError, ValueError, KeyError, TypeError, RecursionError):
        return []
    there = all(os.path.isfile(os.path.join(run, served.MODEL)) for run in runs)
    return runs if there else []


def models_of(path: str) -> list[str]:
    """The fitted models that a path means: the runs of an ensemble's directory, else the path itself; TensorFlow is not imported.

    Raises:
        InputError: as `served.locate`.
    """
    found = members_of(path) or [path]
    for one in found:
        served.locate(one)
    return found


def recording_of(path: str, data_dir: str | None = None) -> Recording:
    """The recording; TensorFlow is not imported.

    Args:
        path: as of `Twin.open`, one; of an ensemble that of its first run.
        data_dir: where the published recording lies, or None.

    Raises:
        InputError: it is not told, can't be found, or is another one now.
    """
    if os.path.isfile(os.path.join(path, CONFIG)):
        from daenr_tf.runs.opened import Run

        return Run.open(path, data_dir).recording
    members = members_of(path)
    if members:
        return recording_of(members[0], data_dir)
    card = read_card(served.locate_export(path)) or {}
    config, about = card.get("config"), card.get("dataset")
    try:
        names = config["dataset"], config["region"], config["repeats_as_test"]
        digest = about["digest"]
    except (TypeError, KeyError):
        raise refusal(path, "a model that tells its recording", "one that does not") from None
    dataset, region, repeats_as_test = names
    try:
        recording = load_recording(dataset, region, data_dir, repeats_as_test)
    except InputError as error:
        raise InputError(f"{path}: its recording: {error}") from None
    if recording.digest != digest:
        raise refusal(
            path,
            f"its recording, with digest {digest[:12]}…",
            f"{dataset} with digest {recording.digest[:12]}…",
        )
    return recording
