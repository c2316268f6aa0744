"""From a configuration to a model: its parts, their start, its optimizer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from daenr_tf import pipeline, systems
from daenr_tf.loss_weights import DEFAULT_SCALE, scale_factors
from daenr_tf.machine import blocks
from daenr_tf.missing import mean
from daenr_tf.models.daenr import DAENR, ImageSettings
from daenr_tf.models.optimizer import EPSILON, Adam
from daenr_tf.models.parts import make_parts
from daenr_tf.models.transfer import take_core
from daenr_tf.recordings.several import Recordings, together
from daenr_tf.resizing import DEFAULT_RESIZE

if TYPE_CHECKING:
    from daenr_tf.config import ModelConfig
    from daenr_tf.recordings.recording import Recording


class TrainingPart:
    """The images that are trained on, and the responses to them.

    Args:
        recording: `Recording`.
        indices: (images,) int, of its training images.
        settings: `ImageSettings` of the model that sees them.
    """

    def __init__(self, recording: Recording, indices: np.ndarray, settings: ImageSettings) -> None:
        self.recording, self.indices, self.settings = recording, indices, settings

    @property
    def images(self) -> np.ndarray:
        """(images, height, width, channels), as recorded."""
        return self.recording.images[self.indices]

    @property
    def responses(self) -> np.ndarray:
        """(images, neurons) float32, NaN where one is missing."""
        return self.recording.responses[self.indices]

    @property
    def mean_responses(self) -> np.ndarray:
        """(neurons,) float64, mean over the images that a neuron was recorded on; 0 for one without any."""
        found = mean(self.responses)
        return np.where(np.isnan(found), 0.0, found)

    @property
    def neurons(self) -> int:
        """How many neurons were recorded."""
        return self.recording.neurons

    def inputs(self) -> Iterator[np.ndarray]:
        """The images as the model sees them, (n, height, width, channels) float32 in [-1, 1], some at a time."""
        pixels = math.prod(self.settings.image_size) * self.settings.channels
        for some in blocks.slices(len(self.indices), 4 * pixels):
            images = self.recording.images[self.indices[some]]
            yield pipeline.prepare_images(images, self.recording, self.settings)


class TrainingParts:
    """The `TrainingPart`s of several recordings, in their order.

    Args:
        parts: list of `TrainingPart`.
    """

    def __init__(self, parts: Sequence[TrainingPart]) -> None:
        self.parts = list(parts)

    @property
    def neurons(self) -> int:
        """How many neurons answer an image, in the mean over recordings."""
        return round(sum(part.neurons for part in self.parts) / len(self.parts))

    def inputs(self) -> Iterator[np.ndarray]:
        """The images of all, as of `TrainingPart`."""
        return itertools.chain.from_iterable(part.inputs() for part in self.parts)


def training_part(
    recording: Recording | Recordings, seed: int, settings: ImageSettings
) -> TrainingPart | TrainingParts:
    """What is trained on of a recording, or of several, in the split of a seed, and how a model sees its images."""
    if isinstance(recording, Recordings):
        recording.check_split(seed)
        return TrainingParts([training_part(one, seed, settings) for one in recording])
    return TrainingPart(recording, recording.split(seed)[0], settings)


def build_model(
    config: ModelConfig,
    recording: Recording | Recordings | Sequence[Recording],
    alpha: float = 1.0,
    beta: float = 1.0,
    learning_rate: float = 1e-3,
    loss_scale: str = DEFAULT_SCALE,
) -> DAENR:
    """A compiled model for a recording, its parts started from the images that are trained on, or its core from another's
    (`config.encoder_from`).

    Args:
        config: `ModelConfig`.
        recording: `Recording`, whose neurons the readout predicts; only its training part (the split of
            `config.seed`) is looked at. Several, as `Recordings` or in a list, get a readout each.
        alpha, beta: float, the loss weights that it is compiled with; `train` compiles it anew with its own.
        learning_rate: float.
        loss_scale: one of `loss_weights.LOSS_SCALES`.

    Returns:
        `DAENR`, built and compiled.
    """
    recording = together(recording)
    settings = {name: getattr(config, name) for name in systems.options()}
    model = assemble(
        config.system,
        systems.CORES[config.core],
        settings,
        config.layer,
        (*config.image_size, config.channels),
        recording.neurons_of if isinstance(recording, Recordings) else recording.neurons,
        config.seed,
        recording.pixel_range,
        config.recipe,
        config.precision,
        config.resize,
    )
    model.build()
    training = training_part(recording, config.seed, model.image_settings)
    for part in model.parts():
        part.initialize(training)
    if config.encoder_from:
        take_core(model, config.encoder_from)
        model.encoder.trainable = not config.freeze_encoder
    model.compile(adam(learning_rate), loss_weights=head_weights(model, alpha, beta, loss_scale))
    return model


def assemble(
    system: systems.System,
    core: systems.Core,
    settings: dict[str, Any],
    layer: int,
    image_shape: Sequence[int],
    neurons: int | dict[str, int],
    seed: int,
    pixel_range: tuple[float, float],
    name: str,
    dtype: str | keras.DTypePolicy,
    resize: str = DEFAULT_RESIZE,
) -> DAENR:
    """A model of the parts that a system names, not yet built.

    Args:
        system, core, settings, layer, image_shape, neurons, seed, dtype: as of `make_parts`.
        pixel_range, resize: as of `DAENR`.
        name: str, of the Keras model.
    """
    parts = make_parts(system, core, settings, layer, image_shape, neurons, seed, dtype)
    return DAENR(
        **parts,
        layer=layer,
        image_shape=image_shape,
        seed=seed,
        pixel_range=pixel_range,
        resize=resize,
        name=name,
        dtype=dtype,
    )


def head_weights(
    model: DAENR, alpha: float, beta: float, loss_scale: str = DEFAULT_SCALE
) -> dict[str, float]:
    """The `loss_weights` of a model: of each head alpha or beta, or 1 where one head stands alone, times the factor of the loss scale.

    A head's terms beside MSE or Poisson stand in its bracket, so the factor is theirs too: for a sum over pixels MSE + (2 / P) * KL turns
    into the squared error + 2 * KL, and the readout's penalties, means over neurons, into sums over them.
    """
    weights = {"reconstruction": alpha, "response": beta}
    factors = scale_factors(loss_scale, math.prod(model.image_shape), model.neurons_of_an_image)
    return {
        head: (weights[head] if len(model.heads) > 1 else 1.0) * factors[head]
        for head in model.heads
    }


def adam(learning_rate: float) -> keras.optimizers.Optimizer:
    """The optimizer of training, fresh."""
    return Adam(learning_rate, epsilon=EPSILON)
