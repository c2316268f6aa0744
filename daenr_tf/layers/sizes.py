"""The sizes of parts, which can be asked for without TensorFlow: their constants, and what each
takes of memory.

Every function takes a `ModelConfig` and the number of neurons, and gives a `Size`; `systems` names
it in the part's row.
"""

import itertools
import math
import operator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from daenr_tf.config import ModelConfig

FILTERS = 48
KERNEL = 3
ENCODER_STRIDES = (2, 1, 2, 1)
HIDDEN = tuple(
    (pixels, FILTERS) for pixels in itertools.accumulate(ENCODER_STRIDES, operator.mul)
)  # image pixels per cell, channels
KLINDT_STRIDES = (2, 1, 1, 2)
KLINDT_HIDDEN = tuple(
    (pixels, FILTERS) for pixels in itertools.accumulate(KLINDT_STRIDES, operator.mul)
)
GABOR_CELL = 4  # image pixels per cell of the bank of Gabors, and of the layers on it
GABOR_ORIENTATIONS = 8
GABOR_WAVELENGTHS = (4, 8, 16, 32)  # pixels
GABOR_HIDDEN = ((GABOR_CELL, FILTERS),) * 4
DECODER_STRIDES = (
    1,
    2,
    1,
)  # of its blocks; a last transposed convolution of stride 2 makes the image
BATCH_NORM_MOMENTUM = 0.9  # the share of moving statistics that a step keeps
MASK_STARTS = ("normal", "sta")  # what a factorized readout's masks can start from
_PER_FILTER = 4  # batch normalisation's scale, offset, mean and variance


class Size(NamedTuple):
    """What a part takes.

    Attributes:
        parameters: int, its weights, those included that are not trained.
        blocks: tuple of int, numbers in the output of each of its convolution blocks, for one
            image.
        numbers: int, what else it makes of one image in a step of training.
        maps: bool, whether it starts from receptive fields, which takes maps over the stimulus.
    """

    parameters: int
    blocks: tuple = ()
    numbers: int = 0
    maps: bool = False


def _read(model):
    """(cells, channels) of the hidden layer that a readout reads."""
    height, width, channels = model.hidden_shapes[model.layer - 1]
    return height * width, channels


def _last(model):
    """(cells, channels) of the last hidden layer."""
    height, width, channels = model.hidden_shapes[-1]
    return height * width, channels


def encoder(model: "ModelConfig", neurons: int) -> Size:
    """The paper's encoder."""
    outputs = tuple(map(math.prod, model.hidden_shapes))
    kernels = KERNEL**2 * FILTERS * (model.channels + (len(outputs) - 1) * FILTERS)
    return Size(kernels + len(outputs) * _PER_FILTER * FILTERS, outputs)


def klindt_core(model: "ModelConfig", neurons: int) -> Size:
    """The core that predicts: two statistics of every pixel besides, and the number of neurons."""
    outputs = tuple(map(math.prod, model.hidden_shapes))
    kernels = FILTERS * (
        model.first_kernel**2 * model.channels + (len(outputs) - 1) * KERNEL**2 * FILTERS
    )
    pixels = math.prod(model.image_size) * model.channels
    return Size(
        kernels + len(outputs) * _PER_FILTER * FILTERS + 2 * pixels + 1, outputs, numbers=2 * pixels
    )


def gabor_wavelengths(height: int, width: int) -> list[int]:
    """Pixels of the bank's wavelengths for images of a size: the shortest, and of the others those that go twice into the shorter side."""
    shortest, *longer = GABOR_WAVELENGTHS
    return [shortest, *(one for one in longer if 2 * one <= min(height, width))]


def gabor_core(model: "ModelConfig", neurons: int) -> Size:
    """The core on Gabor energies: the bank's floor, mean and deviation of each channel besides, and the number of neurons; what its filters
    give along the rows, their products, and the energies.
    """
    (height, width), channels = model.image_size, model.channels
    outputs = tuple(map(math.prod, model.hidden_shapes))
    rows, columns = model.hidden_shapes[0][:2]
    waves = len(gabor_wavelengths(height, width))
    energies = waves * GABOR_ORIENTATIONS * channels
    details = GABOR_CELL**2 * channels
    kernels = FILTERS * (energies + details + (len(outputs) - 1) * KERNEL**2 * FILTERS)
    statistics = energies + 2 * (energies + details) + 1
    numbers = waves * (GABOR_ORIENTATIONS + 3) * rows * channels * width
    numbers += (8 * energies + 4 * details) * rows * columns
    return Size(
        kernels + len(outputs) * _PER_FILTER * FILTERS + statistics, outputs, numbers=numbers
    )


def decoder(model: "ModelConfig", neurons: int) -> Size:
    """The paper's decoder."""
    outputs, (cells, _) = [], _last(model)
    for stride in DECODER_STRIDES:
        cells *= stride**2
        outputs.append(cells * FILTERS)
    inputs = model.system.bottleneck.code_channels(model)
    kernels = KERNEL**2 * FILTERS * (inputs + (len(outputs) - 1) * FILTERS + model.channels)
    return Size(kernels + model.channels + len(outputs) * _PER_FILTER * FILTERS, tuple(outputs))


def hidden_channels(model: "ModelConfig") -> int:
    """Channels of a code that has those of the hidden layers."""
    return _last(model)[1]


def code_channels(model: "ModelConfig") -> int:
    """Channels of a code that has its own dimension."""
    return model.code_dim


def dense(model: "ModelConfig", neurons: int) -> Size:
    """The CAE's bottleneck: the latent and its gradient."""
    return _latent(model, 1)


def gaussian(model: "ModelConfig", neurons: int) -> Size:
    """The VAE's bottleneck: the latent, its draw and their gradients."""
    return _latent(model, 2)


def _latent(model, outputs_per_latent):
    width, latent = math.prod(_last(model)), model.latent_size * outputs_per_latent
    return Size(
        width * latent + latent + (model.latent_size + 1) * width, numbers=8 * model.latent_size
    )


def quantized(model: "ModelConfig", neurons: int) -> Size:
    """The VQ-VAE's bottleneck: the projection, its code, what passes on, their difference and
    gradients, the distances and the choices among the codes, and the vectors that codes may start
    afresh from.
    """
    cells, channels = _last(model)
    parameters = (channels + 1) * model.code_dim + model.codebook_size * model.code_dim
    if model.codebook_update == "ema":
        parameters += model.codebook_size * (model.code_dim + 1) + 1
    return Size(
        parameters,
        numbers=cells * (6 * model.code_dim + 4 * model.codebook_size)
        + model.codebook_size * model.code_dim,
    )


def factorized(model: "ModelConfig", neurons: int) -> Size:
    """FR: what a neuron sees of each feature and its gradient, both in two orders; responses and
    their targets.
    """
    cells, channels = _read(model)
    return Size(
        neurons * (cells + channels + 1),
        numbers=4 * channels * neurons + 8 * neurons,
        maps=model.mask_start == "sta",
    )


def fixed_mask(model: "ModelConfig", neurons: int) -> Size:
    """FM: as FR, without masks that are learned."""
    _, channels = _read(model)
    return Size(
        neurons * (1 + channels + 1), numbers=4 * channels * neurons + 8 * neurons, maps=True
    )


def gaussian_readout(model: "ModelConfig", neurons: int) -> Size:
    """GR: a neuron's draws and places with their gradients; responses and their targets. What one image
    of a step takes besides is small beside that of a batch.
    """
    _, channels = _read(model)
    return Size(
        neurons * (channels + 7), numbers=12 * neurons + 8 * neurons, maps=model.mask_start == "sta"
    )


def fully_connected(model: "ModelConfig", neurons: int) -> Size:
    """FC: of the hidden layer the draws of dropout, the doubled, the zeros, what is kept, and its
    gradient; responses and their targets.
    """
    width = math.prod(_read(model))
    return Size(neurons * (width + 1), numbers=5 * width + 8 * neurons)
