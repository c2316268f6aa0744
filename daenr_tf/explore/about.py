"""What is known of a fitted model beside its weights: what it is, what data it was fitted to, and how well it predicts each neuron."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from daenr_tf.errors import InputError, refusal
from daenr_tf.machine.files import read_text
from daenr_tf.models import served
from daenr_tf.models.model_card import read_card
from daenr_tf.runs import own_files

if TYPE_CHECKING:
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.twin.twin import Twin

NEURONS = "neurons.csv"
COLUMNS = ("pcc", "noise_ceiling")
LARGEST_TEXT = 64 << 20  # bytes that are read


@dataclass(frozen=True)
class Quality:
    """How well neurons are predicted.

    Attributes:
        neurons: `pandas.DataFrame`, a row per neuron in their order, with `pcc` and `noise_ceiling` (NaN where there is none); None where it is not known.
        source: str, a sentence on where the figures are from, or why there are none.
    """

    neurons: pd.DataFrame | None
    source: str


def check_one_recording(path: str) -> None:
    """Raises `InputError` for a run on several recordings, whose parts have neurons of their own."""
    places = own_files.of_recordings(path)
    if places:
        raise refusal(path, "the model of one recording", f"a run on several: {', '.join(places)}")


def title_of(path: str) -> str:
    """What a model is, in a few words: "cae_fr, layer 2, nrs, seed 0, 900 steps"; "a fitted model" where its file does not tell."""
    told = _told(path)
    config = told.get("config") if isinstance(told.get("config"), dict) else {}
    words = [str(told.get("recipe") or config.get("recipe") or "a fitted model")]
    for key, form in (("layer", "layer {}"), ("task", "task {}"), ("seed", "seed {}")):
        if config.get(key) is not None:
            words.append(form.format(config[key]))
    if config.get("ensemble"):
        words.append(f"an average of {config['ensemble']} models")
    elif told.get("steps") is not None:
        words.append(f"{told['steps']} steps")
    return ", ".join(words)[:200]


def _told(path) -> dict[str, Any]:
    """What a run's results say, or an export's card; {} where neither is there."""
    results = os.path.join(path, served.RESULTS)
    if os.path.isfile(results):
        try:
            found = json.loads(read_text(results, LARGEST_TEXT))
        except (ValueError, RecursionError):
            raise refusal(results, "a run's results", "something else") from None
        return found if isinstance(found, dict) else {}
    place = served.locate(path)
    return (read_card(place) if os.path.isdir(place) else None) or {}


def quality_of(paths: list[str], twin: Twin, recording: Recording | None) -> Quality:
    """How well a twin predicts its neurons: what its run or its export tells, else what it comes to on the test images of its recording.

    Args:
        paths: that it was opened by.
        twin: `Twin`.
        recording: its recording; None where that is not at hand.
    """
    if not twin.neurons:
        return Quality(None, "The model predicts no responses: it has no readout.")
    table, source = _written(paths[0]) if len(paths) == 1 else (None, "")
    if table is not None and len(table) == twin.neurons and set(COLUMNS) <= set(table):
        return Quality(table.reset_index(drop=True), source)
    if recording is None:
        return Quality(
            None,
            "Neither PCC nor ceiling is known: the export has no card, and the recording is not at hand.",
        )
    return Quality(
        _measured(twin, recording),
        f"PCC and noise ceiling over the {len(recording.test_images)} test images, computed when this page was opened.",
    )


def _written(path):
    """(table, where it is from) as a run or an export has it; (None, "") where neither has."""
    file = os.path.join(path, NEURONS)
    if os.path.isfile(file):
        try:
            return pd.read_csv(
                file
            ), "PCC and noise ceiling over the run's test images, of its neurons.csv."
        except (OSError, ValueError) as reason:
            raise refusal(
                file, "a run's table of neurons", f"another file ({str(reason)[:100]})"
            ) from None
    rows = _told(path).get("neurons")
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        return pd.DataFrame(
            rows
        ), "PCC and noise ceiling over the run's test images, of the export's card."
    return None, ""


def _measured(twin, recording):
    import tensorflow as tf

    from daenr_tf import pipeline
    from daenr_tf.evaluation import neuron_table
    from daenr_tf.resizing import DEFAULT_RESIZE
    from daenr_tf.twin.natural import in_parts

    if recording.neurons != twin.neurons:
        raise InputError(
            f"expected a recording of {twin.neurons} neurons, found {recording.neurons}"
        )
    height, width, channels = twin.image_shape
    settings = (recording.pixel_range, (height, width), channels, twin.resize or DEFAULT_RESIZE)
    images = np.asarray(recording.test_images)
    respond = tf.function(lambda some: twin.respond(pipeline.preprocess(some, *settings)))
    return neuron_table(in_parts(respond, images), recording)
