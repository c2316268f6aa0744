"""The model of one recording, out of one that was trained on several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daenr_tf.models.build import TrainingPart, adam
from daenr_tf.models.daenr import DAENR
from daenr_tf.models.parts import deserialized, serialized

if TYPE_CHECKING:
    from daenr_tf.recordings.recording import Recording


def of_recording(model: DAENR, recording: Recording) -> DAENR:
    """An ordinary model of one of the recordings that a model was trained on: the shared encoder, bottleneck and decoder, and its own readout.

    It is a copy, compiled with the same loss weights and a fresh optimizer; for images of the recording it answers what the whole answers for them.

    Args:
        model: `DAENR` with a readout for each of several recordings, or with none.
        recording: `Recording`, one of them.

    Returns:
        `DAENR`, whose pixel range is the recording's.
    """
    config = {**model.get_config(), "pixel_range": recording.pixel_range}
    given = model.parts()
    if model.recordings:
        own = model.readout.member(recording.name)
        readout = serialized(own)
        readout["config"] = {**readout["config"], "name": "readout"}
        config["readout"] = deserialized(readout)
        given[-1] = own
    copy = type(model).from_config(config)
    if copy.readout:  # what no weight holds, such as where fixed masks were put
        trained_on = recording.split(model.split_seed)[0]
        copy.readout.initialize(TrainingPart(recording, trained_on, model.image_settings))
    for part, weights in zip(copy.parts(), given, strict=True):
        part.set_weights(weights.get_weights())
    copy.compile(adam(float(model.optimizer.learning_rate)), loss_weights=model.head_weights)
    return copy
