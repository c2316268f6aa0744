"""What a model of several recordings is fed: the images of all of them in one batch, each with the responses of its own neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from daenr_tf import pipeline
from daenr_tf.errors import InputError
from daenr_tf.pipeline import Examples, Sets

if TYPE_CHECKING:
    from daenr_tf.config import ModelConfig
    from daenr_tf.models.daenr import DAENR, ImageSettings
    from daenr_tf.recordings.several import Recordings


class MixedSets(NamedTuple):
    """The sets that are trained and validated on together, and those of each recording.

    Attributes:
        train, validation: `Examples` with `whose`; responses (images, widest), NaN beyond the neurons of an image's recording.
        of_each: dict of the recordings' names -> `Sets`.
    """

    train: Examples
    validation: Examples
    of_each: dict[str, Sets]


def prepare(recordings: Recordings, config: ModelConfig | ImageSettings, seed: int) -> MixedSets:
    """The sets of a run on several recordings, the images of each prepared by its own pixel range.

    Args:
        recordings: `Recordings`.
        config: `ModelConfig`.
        seed: int.

    Raises:
        InputError: the split leaves a recording nothing to train or to validate on.
    """
    recordings.check_split(seed)
    sets = {one.name: pipeline.prepare(one, config, seed) for one in recordings}
    return MixedSets(
        *(
            _mixed([getattr(own, part) for own in sets.values()], recordings.widest)
            for part in ("train", "validation")
        ),
        sets,
    )


def _mixed(parts, widest):
    """`Examples` of several recordings as one."""
    counts = [len(part.images) for part in parts]
    images = np.empty((sum(counts), *parts[0].images.shape[1:]), np.float32)
    responses = np.full((sum(counts), widest), np.nan, np.float32)
    ends = np.cumsum(counts)
    for part, count, end in zip(parts, counts, ends, strict=True):
        images[end - count : end] = part.images
        responses[end - count : end, : part.responses.shape[1]] = part.responses
    whose = np.repeat(np.arange(len(parts), dtype=np.int32), counts)
    return Examples(images, responses, whose=whose)


def check(recordings: Recordings, model: DAENR) -> None:
    """Raises `InputError` where a model predicts neurons, and not those of these recordings."""
    if model.neurons and model.recordings != recordings.neurons_of:
        built_for = model.recordings or {"one recording": model.neurons}
        raise InputError(
            f"recordings: expected {_told(built_for)}, as the model was built for, found"
            f" {_told(recordings.neurons_of)}"
        )


def _told(neurons):
    return ", ".join(f"{name} ({count} neurons)" for name, count in neurons.items())
