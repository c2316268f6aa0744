"""The same networks in PyTorch, as one writes them there: the other side of a comparison of speed.

Layers, sizes, losses and penalties are ours; images are (batch, channels, height, width) in
channels-last memory. A stride of 2 reads the other pixel of each pair than Keras' "same" padding
does, so a network with our weights, all kernels and masks mirrored, gives our outputs for mirrored
images (tests/test_benchmark.py); what it costs is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daenr_tf import systems
from daenr_tf.benchmark import counterpart
from daenr_tf.layers.sizes import DECODER_STRIDES, ENCODER_STRIDES, FILTERS, KERNEL

if TYPE_CHECKING:
    from daenr_tf.config import RunConfig

EPSILON, MOMENTUM = 1e-3, 0.1  # of batch normalisation; PyTorch's momentum is 1 - Keras'
POISSON_EPSILON = 1e-7
COMMITMENT, DECAY, SMOOTHING, REVIVAL = 0.25, 0.99, 1e-5, 1.0  # as in layers/quantizer.py
DROPOUT, L2 = 0.5, 0.01  # as in layers/readouts.py


def places(hidden: Tensor) -> Tensor:
    """(batch, channels, height, width) -> (batch, height * width, channels), no copy of
    channels-last memory."""
    return hidden.permute(0, 2, 3, 1).flatten(1, 2)


def from_places(values: Tensor, grid: Sequence[int]) -> Tensor:
    """(batch, height * width * channels) -> (batch, channels, height, width), channels last."""
    return values.view(len(values), *grid, -1).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Convolution or transposed convolution without bias, batch normalisation, ELU."""

    def __init__(self, inputs: int, stride: int, transposed: bool = False) -> None:
        super().__init__()
        self.convolution = (
            nn.ConvTranspose2d(inputs, FILTERS, KERNEL, stride, 1, stride - 1, bias=False)
            if transposed
            else nn.Conv2d(inputs, FILTERS, KERNEL, stride, 1, bias=False)
        )
        self.normalization = nn.BatchNorm2d(FILTERS, eps=EPSILON, momentum=MOMENTUM)

    def forward(self, images: Tensor) -> Tensor:
        return F.elu(self.normalization(self.convolution(images)))


class Encoder(nn.Module):
    """`layers.encoder.Encoder`: images -> list of hidden layers."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        inputs = (channels, *[FILTERS] * (depth - 1))
        for number, (width, stride) in enumerate(
            zip(inputs, ENCODER_STRIDES[:depth], strict=True), 1
        ):
            self.add_module(f"encoder_{number}", Block(width, stride))

    def forward(self, images: Tensor, layers: int | None = None) -> list[Tensor]:
        hidden = []
        for block in list(self.children())[:layers]:
            images = block(images)
            hidden.append(images)
        return hidden


class Decoder(nn.Module):
    """`layers.decoder.Decoder`."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        for number, stride in enumerate(DECODER_STRIDES, 1):
            self.add_module(
                f"decoder_{number}", Block(inputs if number == 1 else FILTERS, stride, True)
            )
        self.image = nn.ConvTranspose2d(FILTERS, channels, KERNEL, 2, 1, 1)

    def forward(self, code: Tensor) -> Tensor:
        *blocks, last = self.children()
        for block in blocks:
            code = block(code)
        return torch.tanh(last(code))


class Dense(nn.Module):
    """`layers.bottlenecks.DenseBottleneck`: hidden layer -> (code, penalty)."""

    outputs_per_latent = 1

    def __init__(self, grid: Sequence[int], config: RunConfig) -> None:
        super().__init__()
        model = config.model
        self.grid, self.width = grid, FILTERS
        self.pixels = model.image_size[0] * model.image_size[1] * model.channels
        width = grid[0] * grid[1] * FILTERS
        self.compress = nn.Linear(width, self.outputs_per_latent * model.latent_size)
        self.expand = nn.Linear(model.latent_size, width)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor | float]:
        latent, penalty = self.latent(self.compress(places(hidden).flatten(1)))
        return from_places(self.expand(latent), self.grid), penalty

    def latent(self, compressed: Tensor) -> tuple[Tensor, Tensor | float]:
        """The latent vector and its penalty."""
        return compressed, 0.0


class Gaussian(Dense):
    """`layers.bottlenecks.GaussianBottleneck`."""

    outputs_per_latent = 2

    def latent(self, compressed: Tensor) -> tuple[Tensor, Tensor | float]:
        """The latent code, and what it adds to the loss."""
        mean, log_variance = compressed.chunk(2, dim=1)
        variance = log_variance.exp()
        divergence = 0.5 * (mean**2 + variance - 1.0 - log_variance).sum(1).mean()
        if self.training:
            mean = mean + variance.sqrt() * torch.randn_like(mean)
        return mean, 2.0 / self.pixels * divergence


class Quantized(nn.Module):
    """`layers.quantizer.QuantizedBottleneck` with moving averages."""

    def __init__(self, grid: Sequence[int], config: RunConfig) -> None:
        super().__init__()
        codes, self.width = config.model.codebook_size, config.model.code_dim
        self.grid = grid
        self.projection = nn.Linear(FILTERS, self.width)
        self.register_buffer("codebook", torch.rand(codes, self.width) * 2 - 1)
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, self.width))
        self.updates = 0

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor | float]:
        projected = self.projection(places(hidden)).flatten(0, 1)
        distances = (self.codebook**2).sum(1) - 2.0 * projected @ self.codebook.T
        chosen = distances.argmin(1)
        codes = self.codebook[chosen]
        commitment = COMMITMENT * F.mse_loss(projected, codes)
        passed = projected + (codes - projected).detach()
        if self.training:
            self._move(projected.detach(), chosen)
        return from_places(passed.view(len(hidden), -1), self.grid), commitment

    @torch.no_grad()
    def _move(self, projected: Tensor, chosen: Tensor) -> None:
        own = F.one_hot(chosen, len(self.codebook)).to(projected.dtype)
        keep = DECAY if self.updates else 0.0
        counts = keep * self.counts + (1.0 - keep) * own.sum(0)
        sums = keep * self.sums + (1.0 - keep) * own.T @ projected
        fresh = projected[torch.randint(len(projected), (len(counts),))]
        dead = counts < REVIVAL
        self.counts = torch.where(dead, torch.full_like(counts, REVIVAL), counts)
        self.sums = torch.where(dead[:, None], REVIVAL * fresh, sums)
        total = self.counts.sum()
        smoothed = (self.counts + SMOOTHING) / (total + len(counts) * SMOOTHING) * total
        self.codebook = self.sums / smoothed[:, None]
        self.updates += 1


class Readout(nn.Module):
    """What the readouts share; `drive(hidden)` is (batch, neurons), `penalty()` a scalar."""

    def __init__(self, config: RunConfig, neurons: int) -> None:
        super().__init__()
        self.l1, self.activity = config.model.readout_l1, config.model.activity_l1
        self.bias = nn.Parameter(torch.zeros(neurons))

    def forward(self, hidden: Tensor) -> Tensor:
        return F.softplus(self.drive(hidden) + self.bias)


class Factorized(Readout):
    """`layers.readouts.FactorizedReadout`."""

    def __init__(self, grid: Sequence[int], config: RunConfig, neurons: int) -> None:
        super().__init__(config, neurons)
        self.mask = nn.Parameter(0.02 * torch.randn(grid[0] * grid[1], neurons))
        self.features = nn.Parameter(0.05 * torch.randn(FILTERS, neurons))

    def drive(self, hidden: Tensor) -> Tensor:
        """(batch, neurons), before bias and softplus."""
        return ((hidden.flatten(2) @ self.mask) * self.features).sum(1)

    def penalty(self) -> Tensor:
        """What the readout adds to the response loss."""
        return self.l1 * (self.mask.abs().sum(0) * self.features.abs().sum(0)).mean()


class FixedMask(Readout):
    """`layers.readouts.FixedMaskReadout`."""

    def __init__(self, grid: Sequence[int], config: RunConfig, neurons: int) -> None:
        super().__init__(config, neurons)
        self.register_buffer("cell", torch.randint(grid[0] * grid[1], (neurons,)))
        self.features = nn.Parameter(0.05 * torch.randn(FILTERS, neurons))

    def drive(self, hidden: Tensor) -> Tensor:
        """(batch, neurons), before bias and softplus."""
        return (places(hidden)[:, self.cell] * self.features.T).sum(2)

    def penalty(self) -> Tensor:
        """What the readout adds to the response loss."""
        return self.l1 * self.features.abs().sum(0).mean()


class FullyConnected(Readout):
    """`layers.readouts.FullyConnectedReadout`."""

    def __init__(self, grid: Sequence[int], config: RunConfig, neurons: int) -> None:
        super().__init__(config, neurons)
        self.kernel = nn.Parameter(
            nn.init.xavier_uniform_(torch.empty(grid[0] * grid[1] * FILTERS, neurons))
        )

    def drive(self, hidden: Tensor) -> Tensor:
        """(batch, neurons), before bias and softplus."""
        return F.dropout(places(hidden).flatten(1), DROPOUT, self.training) @ self.kernel

    def penalty(self) -> Tensor:
        """What the readout adds to the response loss."""
        squares, sizes = (self.kernel**2).sum(0).mean(), self.kernel.abs().sum(0).mean()
        return L2 * squares + self.l1 * sizes


class Network(nn.Module):
    """The counterpart of a `DAENR`.

    Args:
        config: `RunConfig`.
        neurons: int.
    """

    def __init__(self, config: RunConfig, neurons: int) -> None:
        super().__init__()
        model, core = config.model, systems.CORES[config.model.core]
        self.layer, system = model.layer, model.system
        self.alpha, self.beta = config.training.alpha, config.training.beta
        if not system.joint:
            self.alpha = self.beta = 1.0
        grids = [shape[:2] for shape in model.hidden_shapes]
        depth = core.layers if system.reconstructs else model.layer
        classes, here = globals(), counterpart
        self.encoder = classes[here.CORES[core.name]](model.channels, depth)
        self.bottleneck = self.decoder = self.readout = None
        if system.bottleneck:
            made = classes[here.BOTTLENECKS[system.bottleneck.name]](grids[-1], config)
            decoder = here.DECODERS[system.decoder_on(core).name]
            self.bottleneck, self.decoder = made, classes[decoder](made.width, model.channels)
        if system.readout:
            readout = here.READOUTS[system.readout.name]
            self.readout = classes[readout](grids[model.layer - 1], config, neurons)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The heads."""
        return self._all(images)[0]

    def respond(self, images: Tensor) -> Tensor:
        """The responses alone: no more of the network than they need."""
        return self.readout(self.encoder(images, self.layer)[-1])

    def loss(self, images: Tensor, responses: Tensor | None) -> Tensor:
        """The total loss: alpha * (MSE + penalties) + beta * (Poisson + penalties)."""
        outputs, loss, read = self._all(images)
        loss = self.alpha * loss
        if self.decoder:
            loss = loss + self.alpha * F.mse_loss(outputs["reconstruction"], images)
        if self.readout:
            poisson = F.poisson_nll_loss(
                outputs["response"], responses, log_input=False, eps=POISSON_EPSILON
            )
            penalty = self.readout.penalty() + self.readout.activity * read.abs().mean()
            loss = loss + self.beta * (poisson + penalty)
        return loss

    def _all(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor | float, Tensor]:
        """(heads, the bottleneck's penalty, the hidden layer that is read)."""
        hidden, outputs, penalty = self.encoder(images), {}, 0.0
        if self.decoder:
            code, penalty = self.bottleneck(hidden[-1])
            outputs["reconstruction"] = self.decoder(code)
        read = hidden[min(self.layer, len(hidden)) - 1]
        if self.readout:
            outputs["response"] = self.readout(read)
        return outputs, penalty, read
