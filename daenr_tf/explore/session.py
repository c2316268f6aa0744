"""What one call of `daenr explore` has open: a twin, its recording where that is at hand, and what was computed of them so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from daenr_tf import pipeline
from daenr_tf.explore import about
from daenr_tf.explore.kept import Kept
from daenr_tf.laboratory import stimuli
from daenr_tf.laboratory.subject import Subject, seen
from daenr_tf.resizing import DEFAULT_RESIZE
from daenr_tf.twin.twin import Twin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daenr_tf.recordings.recording import Recording

NATURAL = 500  # natural images that a most exciting input and the axes of the code are found with
SEED = 0
PICTURE_RANGE = (0.0, 255.0)  # of grey levels of a picture


class Session:
    """A twin that is looked at.

    Args:
        paths: as of `Twin.open`.
        recording: `Recording` that it was fitted to; None where it is not at hand.
        without: str, why it is not; "" where it is.

    Attributes:
        paths, recording, without: as given.
        twin: `Twin`.
        subject: `Subject`, None where the twin predicts no responses.
        quality: `about.Quality`.
        title: str, what the model is.
        kept: `Kept`, what was computed.

    Raises:
        InputError: a model can't be used.
    """

    def __init__(
        self, paths: Sequence[str], recording: Recording | None, without: str = ""
    ) -> None:
        self.paths, self.recording, self.without = list(paths), recording, without
        self.twin = Twin.open(self.paths)
        self.subject = Subject(self.twin) if self.twin.neurons else None
        self.quality = about.quality_of(self.paths, self.twin, recording)
        self.title = about.title_of(self.paths[0])
        if len(self.paths) > 1:
            self.title += f", and {len(self.paths) - 1} more: their responses are averaged"
        self.kept = Kept()
        self._answer = tf.function(
            self._heads, input_signature=[tf.TensorSpec((None, *self.twin.image_shape), tf.float32)]
        )

    @property
    def data(self) -> str:
        """What data the model was fitted to, in words."""
        known = {
            True: "simulated data",
            False: "recorded data",
            None: "data of which the export does not tell whether they are simulated",
        }
        return f"{self.twin.name} ({known[self.twin.simulated]})"

    @property
    def model(self) -> str:
        """Whose answers are shown, in words."""
        return "model of simulated data" if self.twin.simulated else "model"

    def see(self, image: np.ndarray) -> np.ndarray:
        """A picture (height, width, 1 or 3) of grey levels 0 to 255 as the model sees it: (height, width, channels) float32 in [-1, 1]."""
        height, width, channels = self.twin.image_shape
        way = self.twin.resize or DEFAULT_RESIZE
        prepared = pipeline.preprocess(
            tf.constant(image[None]), PICTURE_RANGE, (height, width), channels, way
        )
        return np.clip(prepared.numpy()[0], -1, 1)

    def answer(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """What the model answers to an image (height, width, channels) in [-1, 1]: `response` (neurons,), `reconstruction` (height, width, channels), those
        that it has."""
        found = self._answer(tf.constant(np.asarray(image, np.float32)[None]))
        return {name: value.numpy()[0] for name, value in found.items()}

    def warm_up(self) -> None:
        """Answer once, and have the natural images: what is asked first then is not slower than the rest."""
        self.answer(self.natural()[0])
        self.see(np.zeros((8, 8, 1), np.uint8))

    def _heads(self, images):
        heads = {}
        if self.twin.neurons:
            heads["response"] = self.twin.respond(images)
        if any("reconstruct" in one.heads for one in self.twin.members):
            heads["reconstruction"] = self.twin.reconstruct(images)
        return heads

    @property
    def natural_source(self) -> str:
        """Where natural images are from, in words."""
        if self.recording is not None:
            return "images of its recording"
        return "natural-like images (dead leaves)"

    def natural(self) -> np.ndarray:
        """Natural images as the model sees them, (n, height, width, channels) float32 in [-1, 1]: evenly spread over the training images of its
        recording, or natural-like ones where that is not at hand."""
        return self.kept.get("natural", self._natural)

    def _natural(self):
        height, width, channels = self.twin.image_shape
        if self.recording is None:
            drawn = stimuli.natural((height, width), NATURAL, SEED)
            return np.repeat(seen(drawn[..., None]).numpy(), channels, axis=-1)
        images = self.recording.images
        chosen = np.unique(np.linspace(0, len(images) - 1, min(len(images), NATURAL)).astype(int))
        prepared = pipeline.preprocess(
            tf.constant(np.asarray(images[chosen], np.float32)),
            self.recording.pixel_range,
            (height, width),
            channels,
            self.twin.resize or DEFAULT_RESIZE,
        )
        return np.clip(prepared.numpy(), -1, 1)
