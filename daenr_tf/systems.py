"""What the product knows of systems, as data: the parts that a model is made of, their options, and
the names that models go by.

A system is a core (the encoder), where it reconstructs a bottleneck and a decoder, and where it
predicts responses a readout. Each part is one row here and one class (`docs/model.md`); everything
else asks these rows. The paper's fifteen models are the products of its rows. Nothing here imports
TensorFlow: the command line, its help and its checks stand on it.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from daenr_tf.errors import InputError
from daenr_tf.layers import sizes
from daenr_tf.setting_checks import number, one_of, share, whole


@dataclass(frozen=True)
class Option:
    """A setting that belongs to a part.

    Attributes:
        name: its field in the configuration; `--name` with hyphens on the command line. Parts may
            share one: it then means the same.
        default: its value where nothing is said.
        read: text of the command line -> value; raises ValueError.
        check: called with name and value; raises `SettingError`.
        help: what it means, without the default.
        search: (low, high, whether on a logarithmic scale) of a number, where `daenr tune` looks for
            a better one; None where it doesn't.
    """

    name: str
    default: object
    read: Callable
    check: Callable
    help: str
    search: tuple | None = None


@dataclass(frozen=True)
class Part:
    """A part that models can be made of.

    Attributes:
        name: such as "fr".
        title: as papers write it, such as "FR".
        home: "module:Class" of its layer.
        options: tuple of `Option`, arguments of that class by the same names.
        size: function of `layers.sizes` that tells what it takes of memory, or None where that is
            not known.
        code_channels: of a bottleneck, function of a `ModelConfig` that tells how many channels its
            code has.
        usual_steps: of a bottleneck, how many steps its models take until patience ends, for
            forecasts (docs/results.md).
    """

    name: str
    title: str
    home: str
    options: tuple = ()
    size: Callable | None = None
    code_channels: Callable = sizes.hidden_channels
    usual_steps: int = 3300

    def load(self) -> type:
        """The class, with TensorFlow imported."""
        module, name = self.home.split(":")
        return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class Core(Part):
    """An encoder.

    Attributes:
        hidden: tuple of (image pixels per cell, channels), of the hidden layers h_1 … h_n that a
            readout may read; the image's sides are multiples of the last layer's pixels per cell.
        decoder: the name of the decoder that brings a grid of the last layer's size back to the
            image's.
    """

    hidden: tuple = ((1, 1),)
    decoder: str = "daenr"

    @property
    def layers(self) -> int:
        """How many hidden layers it has."""
        return len(self.hidden)

    @property
    def downsampling(self) -> int:
        """Image pixels per cell of the last hidden layer."""
        return self.hidden[-1][0]


def _read_whole(text):
    return int(text)


def _from(least):
    return lambda name, value: whole(name, value, least)


def _among(*choices):
    return lambda name, value: one_of(name, value, choices)


def _by_name(*parts):
    return {part.name: part for part in parts}


LATENT_SIZE = Option("latent_size", 100, _read_whole, _from(1), "latent variables")
ACTIVITY_L1 = Option(
    "activity_l1",
    0.01,
    float,
    number,
    "weight of the mean absolute activity of h_i",
    search=(1e-4, 0.1, True),
)
BATCH_NORM_MOMENTUM = Option(
    "batch_norm_momentum",
    sizes.BATCH_NORM_MOMENTUM,
    float,
    share,
    "share of batch normalisation's moving statistics that a step keeps, between 0 and 1",
)


def _kernel_sparsity(default):
    return Option(
        "kernel_sparsity",
        default,
        float,
        number,
        "weight of the kernels' group sparsity",
        search=(5e-4, 0.5, True),
    )


def _readout_l1(default):
    return Option(
        "readout_l1",
        default,
        float,
        number,
        "weight of the readout's sparsity penalty",
        search=(2e-3, 0.2, True),
    )


def _mask_start(default):
    return Option(
        "mask_start",
        default,
        str,
        _among(*sizes.MASK_STARTS),
        "where masks and places start: normal (noise) or sta (the receptive field that the training images show)",
    )


CORES = _by_name(
    Core(
        "daenr",
        "DAE-NR",
        "daenr_tf.layers.encoder:Encoder",
        (BATCH_NORM_MOMENTUM,),
        size=sizes.encoder,
        hidden=sizes.HIDDEN,
    ),
    Core(
        "klindt",
        "Klindt",
        "daenr_tf.layers.klindt_core:KlindtCore",
        (
            Option(
                "first_kernel", 7, _read_whole, _from(1), "side of the first kernels, in pixels"
            ),
            Option(
                "kernel_smoothness",
                0.003,
                float,
                number,
                "weight of the first kernels' roughness",
                search=(3e-4, 0.1, True),
            ),
            _kernel_sparsity(0.005),
            BATCH_NORM_MOMENTUM,
        ),
        sizes.klindt_core,
        hidden=sizes.KLINDT_HIDDEN,
    ),
    Core(
        "gabor",
        "Gabor",
        "daenr_tf.layers.gabor_core:GaborCore",
        (_kernel_sparsity(0.05), BATCH_NORM_MOMENTUM),
        sizes.gabor_core,
        hidden=sizes.GABOR_HIDDEN,
    ),
)
BOTTLENECKS = _by_name(
    Part("cae", "CAE", "daenr_tf.layers.bottlenecks:DenseBottleneck", (LATENT_SIZE,), sizes.dense),
    Part(
        "vae",
        "VAE",
        "daenr_tf.layers.bottlenecks:GaussianBottleneck",
        (LATENT_SIZE,),
        sizes.gaussian,
        usual_steps=4300,
    ),
    Part(
        "vqvae",
        "VQ-VAE",
        "daenr_tf.layers.quantizer:QuantizedBottleneck",
        (
            Option("codebook_size", 32, _read_whole, _from(1), "codes, K"),
            Option("code_dim", 256, _read_whole, _from(1), "dimension of a code, D"),
            Option(
                "codebook_update",
                "ema",
                str,
                _among("ema", "loss"),
                "ema (moving averages) or loss (codebook loss)",
            ),
        ),
        sizes.quantized,
        sizes.code_channels,
        usual_steps=10000,
    ),
)
DECODERS = _by_name(
    Part(
        "daenr",
        "DAE-NR",
        "daenr_tf.layers.decoder:Decoder",
        (BATCH_NORM_MOMENTUM,),
        sizes.decoder,
    ),
)
# The fully connected readout's penalty was found on validation (docs/readouts.md); the others' is
# how the paper is read.
READOUTS = _by_name(
    Part(
        "fr",
        "FR",
        "daenr_tf.layers.readouts:FactorizedReadout",
        (
            _readout_l1(0.02),
            ACTIVITY_L1,
            Option("positive", False, bool, _among(True, False), "masks and features are >= 0"),
            _mask_start("normal"),
        ),
        sizes.factorized,
    ),
    Part(
        "fc",
        "FC",
        "daenr_tf.layers.readouts:FullyConnectedReadout",
        (_readout_l1(0.05), ACTIVITY_L1),
        sizes.fully_connected,
    ),
    Part(
        "fm",
        "FM",
        "daenr_tf.layers.readouts:FixedMaskReadout",
        (_readout_l1(0.02), ACTIVITY_L1),
        sizes.fixed_mask,
    ),
    Part(
        "gr",
        "GR",
        "daenr_tf.layers.gaussian_readout:GaussianReadout",
        (
            _readout_l1(0.02),
            ACTIVITY_L1,
            Option(
                "position_spread",
                0.2,
                float,
                number,
                "spread of a neuron's place in training at the start, in halves of the grid",
            ),
            _mask_start("sta"),
        ),
        sizes.gaussian_readout,
    ),
)
DEFAULT_CORE = "daenr"
DECODERLESS = "cnn"  # what a system without a decoder is called by in place of its bottleneck
DECODERLESS_STEPS = 2800  # as `Part.usual_steps`
# The head whose validation loss a task monitors.
HEADS = {"ir": "reconstruction", "nrs": "response"}


@dataclass(frozen=True)
class System:
    """What a model is made of, by name: "cae", "cnn_fr", "cae_fr" …

    Attributes:
        bottleneck, readout: `Part` or None.
    """

    bottleneck: Part | None
    readout: Part | None

    @property
    def reconstructs(self) -> bool:
        """Whether it has a decoder."""
        return self.bottleneck is not None

    @property
    def encoder(self) -> str:
        """The name without the readout."""
        return self.bottleneck.name if self.bottleneck else DECODERLESS

    @property
    def encoder_title(self) -> str:
        """As papers write what is without the readout, such as "CAE"."""
        return self.bottleneck.title if self.bottleneck else "CNN"

    @property
    def name(self) -> str:
        """Such as "cae_fr"."""
        return f"{self.encoder}_{self.readout.name}" if self.readout else self.encoder

    @property
    def title(self) -> str:
        """As papers write it, such as "CAE-FR"."""
        return f"{self.encoder_title}-{self.readout.title}" if self.readout else self.encoder_title

    @property
    def joint(self) -> bool:
        """Whether it both reconstructs and predicts."""
        return bool(self.bottleneck and self.readout)

    @property
    def options(self) -> dict:
        """Its parts' options, on whichever core, by name."""
        found = {}
        for core in CORES.values():
            for part in self.parts(core):
                for option in part.options:
                    found.setdefault(option.name, option)
        return found

    @property
    def autoencoder(self) -> "System | None":
        """The same without its readout; None where it has no bottleneck."""
        return System(self.bottleneck, None) if self.bottleneck else None

    @property
    def readout_alone(self) -> "System | None":
        """The same without its bottleneck and decoder; None where it has no readout."""
        return System(None, self.readout) if self.readout else None

    @property
    def alone(self) -> tuple:
        """The names of what learns one of its two tasks alone, of a joint one: its autoencoder and its readout."""
        return (self.autoencoder.name, self.readout_alone.name) if self.joint else ()

    @property
    def tasks(self) -> tuple:
        """Of "ir" and "nrs", those that it has a head for; the first is its default."""
        parts = {"reconstruction": self.bottleneck, "response": self.readout}
        return tuple(task for task, head in HEADS.items() if parts[head])

    @property
    def usual_steps(self) -> int:
        """How many steps it takes until patience ends, roughly."""
        return self.bottleneck.usual_steps if self.bottleneck else DECODERLESS_STEPS

    @property
    def heads(self) -> tuple:
        """The names of its outputs."""
        return tuple(HEADS[task] for task in self.tasks)

    def decoder_on(self, core: Core) -> Part | None:
        """The decoder of a core, where it reconstructs."""
        return DECODERS[core.decoder] if self.reconstructs else None

    def parts(self, core: Core) -> tuple:
        """Its parts on a core, in the order of the computation."""
        return tuple(
            part for part in (core, self.bottleneck, self.decoder_on(core), self.readout) if part
        )


SYSTEMS = {
    system.name: system
    for system in (
        *(System(bottleneck, None) for bottleneck in BOTTLENECKS.values()),
        *(System(None, readout) for readout in READOUTS.values()),
        *(
            System(bottleneck, readout)
            for bottleneck in BOTTLENECKS.values()
            for readout in READOUTS.values()
        ),
    )
}
PARTS = (*CORES.values(), *BOTTLENECKS.values(), *DECODERS.values(), *READOUTS.values())


def system(name: str) -> System:
    """A system by its name. Raises `InputError` where there is none."""
    if not isinstance(name, str) or name not in SYSTEMS:
        raise InputError(f"recipe: expected one of {', '.join(SYSTEMS)}, found {name!r}")
    return SYSTEMS[name]


def options() -> dict:
    """Every option of any part by its name; of those that several parts share, the first part's."""
    found = {}
    for part in PARTS:
        for option in part.options:
            found.setdefault(option.name, option)
    return found
