"""What a run takes of the machine's memory, estimated before TensorFlow is imported, and the refusal of one that can't fit.

Counted are the large arrays that must be there at one time, in float32:

- of every parameter 8 copies: the weight, its gradient, Adam's two moments and the best weights, and while a state is saved
  the weight and the moments once more;
- of every image in a step of training, for each convolution block its normalised and its activated output (both are kept for the backward pass),
  and for the largest block 4 more arrays of that size (the convolution's output, what is centred, and the gradients of a block's input and
  output); the image 6 times (three batches are held, and the reconstruction, its error and its gradient); the arrays of bottleneck and readout
  as their functions in `layers.sizes` say;
- of every image of an evaluation 4 arrays of the largest block's size, and the readout's;
- the images that are resized, and the outputs for the test images.

Measured peaks lie within a third of it (tests/test_footprint.py). What TensorFlow itself takes, some 0.7 GB, and the recording, which is
loaded by then, are in neither the estimate nor the half of the memory that it is held against.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from daenr_tf import systems
from daenr_tf.errors import refusal
from daenr_tf.machine import memory
from daenr_tf.machine.blocks import EVALUATION_BATCH, EVALUATION_BYTES
from daenr_tf.recordings.several import Recordings

if TYPE_CHECKING:
    from daenr_tf.config import ModelConfig, RunConfig
    from daenr_tf.recordings.recording import Recording

FLOAT = 4  # bytes
COPIES = 8  # of a parameter


def check(config: RunConfig, recording: Recording | Recordings) -> None:
    """Raises `InputError` in one line for a model or a batch that doesn't fit into half of the memory.

    Args:
        config: `RunConfig`.
        recording: `Recording`, or `Recordings` of a run on several.
    """
    model, batch, half = config.model, config.training.batch_size, memory.half()
    least = run_bytes(model, recording, 1)
    if least > half:
        setting = _culprit(model, recording)
        option = (
            f"--{setting.replace('_', '-')}"
            if setting
            else f"{recording.source}: images and responses"
        )
        raise refusal(
            option,
            f"a run that fits into half of this machine's memory ({half / 1e9:.3g} GB)",
            f"one of some {least / 1e9:.3g} GB",
        )
    most = (half - fixed_bytes(model, recording)) // image_bytes(model, _answering(recording))
    if batch > most:
        size = "x".join(map(str, model.image_size))
        raise refusal(
            "--batch-size",
            f"at most {most} (what fits into half of this machine's memory for images of {size})",
            batch,
        )


def _culprit(model, recording):
    """The setting whose default would save most, or None where all are the defaults."""
    usual = type(model)(model.recipe)
    needs = {
        name: run_bytes(dataclasses.replace(model, **{name: getattr(usual, name)}), recording, 1)
        for name in ("image_size", *systems.options())
        if getattr(model, name) != getattr(usual, name)
    }
    now = run_bytes(model, recording, 1)
    needs = {name: need for name, need in needs.items() if need < now}
    return min(needs, key=needs.get, default=None)


def run_bytes(model: ModelConfig, recording: Recording, batch_size: int) -> int:
    """Bytes of a run; TensorFlow uses what a step of training took for an evaluation again.

    Args:
        model: `ModelConfig`.
        recording: `Recording`.
        batch_size: int.
    """
    return fixed_bytes(model, recording) + max(
        batch_size * image_bytes(model, _answering(recording)),
        evaluation_bytes(model, _answering(recording)),
    )


def _answering(recording):
    """How many neurons answer an image, at most."""
    return recording.widest if isinstance(recording, Recordings) else recording.neurons


def fixed_bytes(model: ModelConfig, recording: Recording) -> int:
    """Bytes that a run takes whatever is computed at a time: parameters, prepared images and outputs."""
    several = isinstance(recording, Recordings)
    arrays = sum(_arrays(model, one) for one in (recording if several else [recording]))
    if several:  # those of all that are trained and validated on, in one array, and in a tensor
        images = sum(len(one.images) for one in recording)
        arrays += 2 * images * (math.prod(model.image_size) * model.channels + recording.widest)
    return FLOAT * (COPIES * parameters(model, recording.neurons) + arrays)


def _arrays(model, recording):
    """Numbers in the prepared images of a recording, in the outputs for its test images, and in what its receptive fields take."""
    pixels, sizes = math.prod(model.image_size) * model.channels, _sizes(model, recording.neurons)
    resized = recording.images.shape[1:] != (*model.image_size, model.channels)
    arrays = pixels * (len(recording.images) + len(recording.test_images)) if resized else 0
    if model.system.reconstructs:
        arrays += pixels * len(recording.test_images)
    if model.system.readout:
        arrays += recording.neurons * len(recording.test_images)
    if any(size.maps for size in sizes):
        arrays += _receptive_fields(recording)
    return arrays


def evaluation_bytes(model: ModelConfig, neurons: int) -> int:
    """Bytes that the images of a batch of an evaluation take."""
    pixels, sizes = math.prod(model.image_size) * model.channels, _sizes(model, neurons)
    count = max(1, min(EVALUATION_BATCH, EVALUATION_BYTES // (FLOAT * pixels)))
    return (
        FLOAT * count * (4 * max(_block_outputs(sizes)) + sum(size.numbers // 2 for size in sizes))
    )


def image_bytes(model: ModelConfig, neurons: int) -> int:
    """Bytes that an image of a step of training takes."""
    sizes = _sizes(model, neurons)
    outputs = _block_outputs(sizes)
    pixels = math.prod(model.image_size) * model.channels
    return FLOAT * (
        2 * sum(outputs) + 4 * max(outputs) + 6 * pixels + sum(size.numbers for size in sizes)
    )


def parameters(model: ModelConfig, neurons: int) -> int:
    """The number of a model's weights, those included that are not trained.

    Args:
        model: `ModelConfig`.
        neurons: int.
    """
    return sum(size.parameters for size in _sizes(model, neurons))


def _sizes(model, neurons):
    """The `Size` of every part whose row tells it."""
    parts = model.system.parts(systems.CORES[model.core])
    return [part.size(model, neurons) for part in parts if part.size]


def _block_outputs(sizes):
    """Numbers in the output of each convolution block, for one image."""
    return [output for size in sizes for output in size.blocks] or [0]


def _receptive_fields(recording):
    """Numbers that estimating receptive fields takes: the images once, in one channel, and three maps of a neuron."""
    _, height, width, _ = recording.images.shape
    return height * width * (len(recording.images) + 3 * recording.neurons)
