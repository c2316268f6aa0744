"""The settings of a model, of its training and of a run: frozen, checked, to JSON and back."""

import dataclasses
import json
from dataclasses import dataclass, field

from daenr_tf.errors import InputError, SettingError
from daenr_tf.files import read_text
from daenr_tf.paper import AUTOENCODERS, READOUTS, RECIPES, REGIONS, TASKS
from daenr_tf.setting_checks import (
    is_image_size,
    number,
    one_of,
    shared_settings,
    whole,
)

# The sparsity penalty's weight by readout: FR and FM as the paper is read; FC as found on validation (docs/readouts.md).
DEFAULT_READOUT_L1 = {"fr": 0.02, "fm": 0.02, "fc": 0.05}
LARGEST_CONFIG = 1_000_000  # bytes that are read


@dataclass(frozen=True)
class ModelConfig:
    """What a model is made of. Fields that its recipe has no use for are ignored.

    Attributes:
        recipe: one of `RECIPES`; it names the autoencoder and the readout.
        layer: int in 1..4, the hidden layer h_i that the readout reads.
        image_size: (height, width) in pixels that stimuli are resized to, multiples of 4.
        color: "grey" (1 channel) or "rgb" (3).
        latent_size: int, the latent of CAE and VAE.
        codebook_size, code_dim: int, K and D of the VQ-VAE.
        codebook_update: "ema" or "loss", how the VQ-VAE's codes are learned.
        readout_l1: float, the weight of the readout's sparsity penalty; None takes the readout's default.
        activity_l1: float, the weight of the mean absolute activity of h_i.
        precision: "float32" or "mixed_bfloat16".
        seed: int, of the initial weights and of sampling; also of the validation split that readouts start from.
    """

    recipe: str = "cae_fr"
    layer: int = 2
    image_size: tuple = (32, 32)
    color: str = "grey"
    latent_size: int = 100
    codebook_size: int = 32
    code_dim: int = 256
    codebook_update: str = "ema"
    readout_l1: float | None = None
    activity_l1: float = 0.01
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self):
        one_of("recipe", self.recipe, RECIPES)
        if not is_image_size(self.image_size):
            raise SettingError("image_size", "height and width in pixels, multiples of 4", self.image_size)
        object.__setattr__(self, "image_size", tuple(self.image_size))
        one_of("color", self.color, ("grey", "rgb"))
        if self.readout_l1 is None:
            object.__setattr__(self, "readout_l1", DEFAULT_READOUT_L1.get(self.readout, 0.0))
        shared_settings(vars(self))
        one_of("precision", self.precision, ("float32", "mixed_bfloat16"))

    @property
    def autoencoder(self):
        """"cae", "vae", "vqvae" or None."""
        name = self.recipe.split("_")[0]
        return name if name in AUTOENCODERS else None

    @property
    def readout(self):
        """"fr", "fc", "fm" or None."""
        name = self.recipe.split("_")[-1]
        return name if name in READOUTS else None

    @property
    def channels(self):
        """1 (grey) or 3 (RGB)."""
        return 3 if self.color == "rgb" else 1


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained (the paper's "two-stage" procedure).

    Attributes:
        task: "ir" or "nrs": which head's validation loss is monitored.
        alpha, beta: float >= 0, weights of the reconstruction and of the response (Eq. 3).
        batch_size: int, images per step, over all replicas.
        learning_rate: float, of the first stage; the second has half of it.
        max_steps: int, of both stages together.
        patience_steps: int, steps without improvement that end a stage.
        validate_every: int, steps between validations.
        seed: int, of the validation split and of the order of images.
    """

    task: str = "ir"
    alpha: float = 1.0
    beta: float = 1e-3
    batch_size: int = 64
    learning_rate: float = 1e-3
    max_steps: int = 10000
    patience_steps: int = 1000
    validate_every: int = 50
    seed: int = 0

    def __post_init__(self):
        one_of("task", self.task, TASKS)
        number("alpha", self.alpha)
        number("beta", self.beta)
        if self.alpha == self.beta == 0:
            raise SettingError("beta", "alpha and beta not both 0", self.beta)
        number("learning_rate", self.learning_rate, positive=True)
        for name in ("batch_size", "max_steps", "patience_steps", "validate_every"):
            whole(name, getattr(self, name), 1)
        whole("seed", self.seed, 0)

    @property
    def monitor(self):
        """The term whose validation value decides: "reconstruction" or "response"."""
        return "reconstruction" if self.task == "ir" else "response"


@dataclass(frozen=True)
class RunConfig:
    """A run: a recording, a model, its training and the devices. What `config.json` holds, flat.

    Attributes:
        dataset: "antolik", "simulated" or the path of an NPZ file.
        region: 1..3, the recorded region (for one's own recording: the region whose alpha:beta are taken).
        strategy: "none" or "mirrored".
        deterministic: bool, whether TensorFlow is held to operations that give the same bits each time.
        quick: bool, whether the small budget was asked for.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
    dataset: str = "auto"
    region: int = 3
    strategy: str = "none"
    deterministic: bool = False
    quick: bool = False

    def __post_init__(self):
        one_of("region", self.region, REGIONS)
        one_of("strategy", self.strategy, ("none", "mirrored"))
        if not isinstance(self.dataset, str) or not self.dataset:
            raise SettingError("dataset", "auto, antolik, simulated or an NPZ file", self.dataset)
        for name in ("deterministic", "quick"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(name, "true or false", getattr(self, name))

    def to_dict(self):
        """The settings as one flat dictionary that JSON can hold."""
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("model", "training")}
        settings = {**dataclasses.asdict(self.model), **dataclasses.asdict(self.training), **own}
        settings["image_size"] = list(self.model.image_size)
        return settings

    @classmethod
    def from_dict(cls, settings):
        """The reverse of `to_dict`. Raises `SettingError` for a value that can't be used, `InputError` for a key
        that is none."""
        settings = dict(settings)
        known = field_names()
        for name in settings:
            if name not in known:
                raise InputError(f"{str(name)[:100]}: expected a setting ({', '.join(sorted(known))}), found an unknown key")

        def pick(kind):
            return {f.name: settings[f.name] for f in dataclasses.fields(kind) if f.name in settings}

        own = {name: value for name, value in pick(cls).items() if name not in ("model", "training")}
        return cls(ModelConfig(**pick(ModelConfig)), TrainConfig(**pick(TrainConfig)), **own)


def field_names():
    """The names of all settings of a run."""
    kinds = (ModelConfig, TrainConfig, RunConfig)
    return {f.name for kind in kinds for f in dataclasses.fields(kind)} - {"model", "training"}


def read_config(path):
    """The settings in a run's `config.json`, as a dictionary that `RunConfig.from_dict` takes.

    Raises:
        InputError: the file can't be read, is no JSON object, or has a key that is no setting.
    """
    try:
        settings = json.loads(read_text(path, LARGEST_CONFIG, "a run's config.json"))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        problem = str(error).splitlines()[0]
        raise InputError(f"{path}: expected a run's config.json, found no JSON text ({problem})") from None
    if not isinstance(settings, dict):
        raise InputError(f"{path}: expected a JSON object of settings, found {type(settings).__name__}")
    try:
        RunConfig.from_dict(settings)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return settings
