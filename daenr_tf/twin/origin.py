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


def recording_of(path: str, data_dir: str | None = None) -> Recording:
    """The recording; TensorFlow is not imported.

    Args:
        path: as of `Twin.open`, one.
        data_dir: where the published recording lies, or None.

    Raises:
        InputError: it is not told, can't be found, or is another one now.
    """
    if os.path.isfile(os.path.join(path, CONFIG)):
        from daenr_tf.runs.opened import Run

        return Run.open(path, data_dir).recording
    member = _first_member(path)
    if member:
        return recording_of(member, data_dir)
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


def _first_member(path):
    """The directory of the first run of an averaged one (`--ensemble`); None of anything else."""
    results = os.path.join(path, served.RESULTS)
    if not os.path.isfile(results):
        return None
    try:
        name = json.loads(read_text(results, served.LARGEST_TEXT))["members"][0]["run"]
        member = os.path.join(path, name)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    return member if os.path.isfile(os.path.join(member, CONFIG)) else None
