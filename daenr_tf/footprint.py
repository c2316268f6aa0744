"""What a run takes of the machine's memory, estimated before TensorFlow is imported, and the refusal of one that can't fit.

Counted are the large arrays that must be there at one time, in float32:

- of every parameter 8 copies: the weight, its gradient, Adam's two moments and the best weights, and while a state is saved
  the weight and the moments once more;
- of every image in a step of training, for each convolution block its normalised and its activated output (both are kept for the backward pass),
  and for the largest block 4 more arrays of that size (the convolution's output, what is centred, and the gradients of a block's input and
  output); the image 6 times (three batches are held, and the reconstruction, its error and its gradient); the arrays of bottleneck and readout
  as their functions below say;
- of every image of an evaluation 4 arrays of the largest block's size, and the readout's;
- the images that are resized, and the outputs for the test images.

Measured peaks lie within a third of it (tests/test_footprint.py). What TensorFlow itself takes, some 0.7 GB, and the recording, which is
loaded by then, are in neither the estimate nor the half of the memory that it is held against.
"""

import dataclasses
import math

from daenr_tf import memory
from daenr_tf.layers.sizes import DECODER_STRIDES, ENCODER_STRIDES, FILTERS, KERNEL
from daenr_tf.recordings.checks import error

EVALUATION_BATCH = 256  # images
EVALUATION_BYTES = 64 << 20  # of them, so that large images come in smaller batches
FLOAT = 4  # bytes
COPIES = 8  # of a parameter
SETTINGS = ("image_size", "latent_size", "codebook_size", "code_dim")


def check(config, recording):
    """Raises `InputError` in one line for a model or a batch that doesn't fit into half of the memory.

    Args:
        config: `RunConfig`.
        recording: `Recording`.
    """
    model, batch, half = config.model, config.training.batch_size, memory.half()
    least = run_bytes(model, recording, 1)
    if least > half:
        setting = _culprit(model, recording)
        option = f"--{setting.replace('_', '-')}" if setting else f"{recording.source}: images and responses"
        raise error(option, f"a run that fits into half of this machine's memory ({half / 1e9:.3g} GB)", f"one of some {least / 1e9:.3g} GB")
    most = (half - fixed_bytes(model, recording)) // image_bytes(model, recording.neurons)
    if batch > most:
        size = "x".join(map(str, model.image_size))
        raise error("--batch-size", f"at most {most} (what fits into half of this machine's memory for images of {size})", batch)


def _culprit(model, recording):
    """The setting whose default would save most, or None where all are the defaults."""
    usual = type(model)(model.recipe)
    needs = {name: run_bytes(dataclasses.replace(model, **{name: getattr(usual, name)}), recording, 1) for name in SETTINGS
             if getattr(model, name) != getattr(usual, name)}
    return min(needs, key=needs.get, default=None)


def run_bytes(model, recording, batch_size):
    """Bytes of a run; TensorFlow uses what a step of training took for an evaluation again.

    Args:
        model: `ModelConfig`.
        recording: `Recording`.
        batch_size: int.
    """
    return fixed_bytes(model, recording) + max(batch_size * image_bytes(model, recording.neurons), evaluation_bytes(model, recording.neurons))


def fixed_bytes(model, recording):
    """Bytes that a run takes whatever is computed at a time: parameters, prepared images and outputs."""
    pixels = math.prod(model.image_size) * model.channels
    resized = recording.images.shape[1:] != (*model.image_size, model.channels)
    arrays = pixels * (len(recording.images) + len(recording.test_images)) if resized else 0
    if model.autoencoder:
        arrays += pixels * len(recording.test_images)
    if model.readout:
        arrays += recording.neurons * len(recording.test_images)
    if model.readout == "fm":
        arrays += _receptive_fields(recording)
    return FLOAT * (COPIES * parameters(model, recording.neurons) + arrays)


def evaluation_bytes(model, neurons):
    """Bytes that the images of a batch of an evaluation take."""
    pixels = math.prod(model.image_size) * model.channels
    count = max(1, min(EVALUATION_BATCH, EVALUATION_BYTES // (FLOAT * pixels)))
    return FLOAT * count * (4 * max(_block_outputs(model)) + _bottleneck(model) // 2 + _readout(model, neurons) // 2)


def image_bytes(model, neurons):
    """Bytes that an image of a step of training takes."""
    outputs = _block_outputs(model)
    pixels = math.prod(model.image_size) * model.channels
    return FLOAT * (2 * sum(outputs) + 4 * max(outputs) + 6 * pixels + _bottleneck(model) + _readout(model, neurons))


def parameters(model, neurons):
    """The number of a model's weights, those included that are not trained.

    Args:
        model: `ModelConfig`.
        neurons: int.
    """
    kernel, per_filter = KERNEL ** 2, 4  # batch normalisation's scale, offset, mean and variance
    blocks = len(_grids(model)) - 1
    count = kernel * FILTERS * (model.channels + blocks * FILTERS) + (blocks + 1) * per_filter * FILTERS
    grid = math.prod(_grids(model)[-1])
    if model.autoencoder:
        inputs = model.code_dim if model.autoencoder == "vqvae" else FILTERS
        count += kernel * FILTERS * (inputs + (len(DECODER_STRIDES) - 1) * FILTERS + model.channels) + model.channels
        count += len(DECODER_STRIDES) * per_filter * FILTERS
    if model.autoencoder in ("cae", "vae"):
        latent = model.latent_size * (2 if model.autoencoder == "vae" else 1)
        count += grid * FILTERS * latent + latent + (model.latent_size + 1) * grid * FILTERS
    if model.autoencoder == "vqvae":
        count += (FILTERS + 1) * model.code_dim + model.codebook_size * model.code_dim
        if model.codebook_update == "ema":
            count += model.codebook_size * (model.code_dim + 1) + 1
    if model.readout:
        cells = math.prod(_grids(model)[model.layer - 1])
        count += neurons * {"fr": cells + FILTERS + 1, "fc": cells * FILTERS + 1, "fm": 1 + FILTERS + 1}[model.readout]
    return count


def _grids(model):
    """(height, width) of each hidden layer that the model has."""
    grids, (height, width) = [], model.image_size
    for stride in ENCODER_STRIDES if model.autoencoder else ENCODER_STRIDES[:model.layer]:
        height, width = -(-height // stride), -(-width // stride)
        grids.append((height, width))
    return grids


def _block_outputs(model):
    """Numbers in the output of each convolution block, for one image."""
    grids = _grids(model)
    outputs = [math.prod(grid) * FILTERS for grid in grids]
    if model.autoencoder:
        scale = 1
        for stride in DECODER_STRIDES:
            scale *= stride
            outputs.append(math.prod(grids[-1]) * scale ** 2 * FILTERS)
    return outputs


def _bottleneck(model):
    """Numbers that a bottleneck makes of one image: the latent, its draw and their gradients; or the projection, its code, what passes on, their
    difference and gradients, the distances and the choices among the codes, and the vectors that codes may start afresh from."""
    cells = math.prod(_grids(model)[-1])
    if model.autoencoder == "vqvae":
        return cells * (6 * model.code_dim + 4 * model.codebook_size) + model.codebook_size * model.code_dim
    return 8 * model.latent_size if model.autoencoder else 0


def _readout(model, neurons):
    """Numbers that a readout makes of one image: what a neuron sees of each feature and its gradient, both in two orders (FR, FM); or of the
    hidden layer the draws of dropout, the doubled, the zeros, what is kept, and its gradient (FC). Responses and their targets besides."""
    if not model.readout:
        return 0
    seen = 5 * math.prod(_grids(model)[model.layer - 1]) * FILTERS if model.readout == "fc" else 4 * FILTERS * neurons
    return seen + 8 * neurons


def _receptive_fields(recording):
    """Numbers that estimating receptive fields takes: the images once, in one channel, and three maps of a neuron."""
    _, height, width, _ = recording.images.shape
    return height * width * (len(recording.images) + 3 * recording.neurons)
