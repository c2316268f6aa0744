"""The settings of a model, of its training and of a run: frozen, checked, to JSON and back."""

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from daenr_tf import schedules, systems
from daenr_tf.errors import InputError, SettingError, first_line
from daenr_tf.loss_weights import DEFAULT_SCALE, LOSS_SCALES, default_weights
from daenr_tf.machine.files import read_text
from daenr_tf.paper import DEFAULT_REGION, REGIONS
from daenr_tf.recordings import sources
from daenr_tf.resizing import DEFAULT_RESIZE, RESIZES
from daenr_tf.setting_checks import fold as check_fold
from daenr_tf.setting_checks import number, one_of, whole

# What --quick takes where nothing else is said: the whole path in under a minute.
QUICK = {"max_steps": 200, "validate_every": 25, "patience_steps": 100}
LARGEST_CONFIG = 1_000_000  # bytes that are read


@dataclass(frozen=True)
class _ModelConfig:
    """What a model is made of. Options of parts that its recipe has not are kept and mean nothing.

    Attributes:
        recipe: one of `systems.SYSTEMS`; it names the bottleneck and the readout.
        core: one of `systems.CORES`, the encoder.
        layer: int, the hidden layer h_i that the readout reads, 1 to the core's last.
        image_size: (height, width) in pixels that stimuli are resized to, multiples of the core's downsampling.
        resize: one of `resizing.RESIZES`, how they are; images of that size are left as they are.
        color: "grey" (1 channel) or "rgb" (3).
        precision: "float32" or "mixed_bfloat16".
        seed: int, of the initial weights and of sampling; also of the validation split that parts start from.
        encoder_from: str, a run's directory (or its model.keras) whose encoder's weights the model starts with; None starts it afresh.
        freeze_encoder: bool, whether those stay as they are.
    """

    recipe: str = "cae_fr"
    core: str = systems.DEFAULT_CORE
    layer: int = 2
    image_size: tuple = (32, 32)
    resize: str = DEFAULT_RESIZE
    color: str = "grey"
    precision: str = "float32"
    seed: int = 0
    encoder_from: str | None = None
    freeze_encoder: bool = False

    def __post_init__(self) -> None:
        one_of("recipe", self.recipe, systems.SYSTEMS)
        one_of("core", self.core, systems.CORES)
        core = systems.CORES[self.core]
        one_of("layer", self.layer, range(1, core.layers + 1))
        size = tuple(self.image_size) if isinstance(self.image_size, (list, tuple)) else ()
        if len(size) != 2 or any(
            type(n) is not int or n < 4 or n % core.downsampling for n in size
        ):
            raise SettingError(
                "image_size",
                f"height and width in pixels, multiples of {core.downsampling}",
                self.image_size,
            )
        object.__setattr__(self, "image_size", size)
        one_of("resize", self.resize, RESIZES)
        one_of("color", self.color, ("grey", "rgb"))
        one_of("precision", self.precision, ("float32", "mixed_bfloat16"))
        whole("seed", self.seed, 0)
        if self.encoder_from is not None and (
            not isinstance(self.encoder_from, str) or not self.encoder_from
        ):
            raise SettingError("encoder_from", "a run's directory", self.encoder_from)
        if not isinstance(self.freeze_encoder, bool):
            raise SettingError("freeze_encoder", "true or false", self.freeze_encoder)
        if self.freeze_encoder and self.encoder_from is None:
            raise SettingError("freeze_encoder", "encoder_from beside it", True)
        own = {option.name: option for part in self.system.parts(core) for option in part.options}
        for name, first in systems.options().items():
            option = own.get(name, first)
            if getattr(self, name) is None:
                object.__setattr__(self, name, option.default)
            option.check(name, getattr(self, name))

    @property
    def system(self):
        """The `systems.System` that the recipe names."""
        return systems.SYSTEMS[self.recipe]

    @property
    def channels(self):
        """1 (grey) or 3 (RGB)."""
        return 3 if self.color == "rgb" else 1

    @property
    def hidden_shapes(self):
        """(height, width, channels) of each hidden layer; a model without a decoder has those up to the one that is read."""
        hidden = systems.CORES[self.core].hidden
        return [
            (*(-(-side // pixels) for side in self.image_size), channels)
            for pixels, channels in (hidden if self.system.reconstructs else hidden[: self.layer])
        ]

    @property
    def departures(self):
        """{name: value} of the settings that are not the usual ones of this recipe, layer and core; the core is one, a seed is none."""
        named = ("recipe", "core", "layer", "seed")
        usual = ModelConfig(**{name: getattr(self, name) for name in named})
        usual = dataclasses.asdict(usual) | {"core": systems.DEFAULT_CORE}
        return {
            name: value for name, value in dataclasses.asdict(self).items() if value != usual[name]
        }


ModelConfig = dataclasses.make_dataclass(
    "ModelConfig",
    [(name, object, None) for name in systems.options()],
    bases=(_ModelConfig,),
    frozen=True,
)
ModelConfig.__module__ = __name__
ModelConfig.__doc__ = (
    _ModelConfig.__doc__.rstrip()
    + "\n"
    + "".join(
        f"        {option.name}: {option.help}; None takes the part's default.\n"
        for option in systems.options().values()
    )
    + "    "
)


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained.

    Attributes:
        task: "ir" or "nrs": which head's validation loss is monitored; None takes "ir" for a model with a decoder, else "nrs".
        alpha, beta: float >= 0, weights of the reconstruction and of the response (Eq. 3); None takes the cell's (docs/tasks.md).
        loss_scale: one of `loss_weights.LOSS_SCALES`, whether alpha and beta weight means ("mean") or sums: over pixels and over neurons
            ("sum"), over neurons alone ("neurons").
        schedule: one of `schedules.SCHEDULES`.
        batch_size: int, images per step, over all replicas. None takes the schedule's, as it does below.
        learning_rate: float, the largest.
        max_steps: int, of all stages together.
        patience_steps: int, steps without improvement that end a stage.
        validate_every: int, steps between validations.
        seed: int, of the validation split and of the order of images.
    """

    task: str | None = None
    alpha: float | None = None
    beta: float | None = None
    loss_scale: str = DEFAULT_SCALE
    schedule: str = schedules.DEFAULT
    batch_size: int | None = None
    learning_rate: float | None = None
    max_steps: int | None = None
    patience_steps: int | None = None
    validate_every: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.task is not None:
            one_of("task", self.task, systems.HEADS)
        for name in ("alpha", "beta"):
            if getattr(self, name) is not None:
                number(name, getattr(self, name))
        if self.alpha == self.beta == 0:
            raise SettingError("beta", "alpha and beta not both 0", self.beta)
        one_of("loss_scale", self.loss_scale, LOSS_SCALES)
        one_of("schedule", self.schedule, schedules.SCHEDULES)
        for name, usual in schedules.SCHEDULES[self.schedule].defaults().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, usual)
        number("learning_rate", self.learning_rate, positive=True)
        for name in ("batch_size", "max_steps", "patience_steps", "validate_every"):
            whole(name, getattr(self, name), 1)
        whole("seed", self.seed, 0)

    @property
    def monitor(self) -> str | None:
        """The term whose validation value decides: "reconstruction" or "response"; None where the task is not decided yet."""
        return systems.HEADS.get(self.task)

    def completed(
        self, recipe: str, heads: Sequence[str], layer: int, region: int
    ) -> "TrainConfig":
        """The same with task, alpha and beta, where they are not given, those of a cell: what the command line takes.

        Args:
            recipe: str, the name of the system.
            heads: the names of its outputs.
            layer: int, the hidden layer that is read.
            region: 1..3, whose weights are taken.

        Raises:
            SettingError: the system lacks the task's head.
        """
        tasks = [task for task, head in systems.HEADS.items() if head in heads]
        task = tasks[0] if self.task is None else self.task
        if task not in tasks:
            raise SettingError("task", f"one of {', '.join(tasks)} for {recipe}", task)
        weights = default_weights(recipe, heads, region, layer, task)
        given = {
            name: value
            for name, value in (("alpha", self.alpha), ("beta", self.beta))
            if value is not None
        }
        return dataclasses.replace(
            self, task=task, **{"alpha": weights.alpha, "beta": weights.beta, **given}
        )


@dataclass(frozen=True)
class RunConfig:
    """A run: a recording, a model, its training and the devices. What `config.json` holds, flat.

    Attributes:
        training: completed by the cell's task, alpha and beta.
        dataset: a name in `recordings.sources`, or the path of a file; a tuple of paths for several recordings that one model is
            trained on (docs/many.md).
        region: 1..3, the recorded region (for one's own recording: the region whose alpha:beta are taken).
        repeats_as_test: bool, whether the stimuli that one's own recording shows several times
            become its test set.
        fold: "k/K", the fold of the recording's images that is the test set (docs/folds.md); None takes the recording's own.
        recording: str, the name of the one among several recordings that a part of their run is about; None for all of them.
        strategy: "none" or "mirrored".
        deterministic: bool, whether TensorFlow is held to operations that give the same bits each time.
        quick: bool, whether the small budget was asked for.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
    dataset: str | tuple = "auto"
    region: int = DEFAULT_REGION
    repeats_as_test: bool = False
    fold: str | None = None
    recording: str | None = None
    strategy: str = "none"
    deterministic: bool = False
    quick: bool = False

    def __post_init__(self) -> None:
        one_of("region", self.region, REGIONS)
        one_of("strategy", self.strategy, ("none", "mirrored"))
        self._check_dataset()
        if self.fold is not None:
            check_fold("fold", self.fold)
        for name in ("repeats_as_test", "deterministic", "quick"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(name, "true or false", getattr(self, name))
        if self.model.seed != self.training.seed:
            raise SettingError(
                "seed", f"the same for model and training, {self.model.seed}", self.training.seed
            )
        object.__setattr__(
            self,
            "training",
            self.training.completed(
                self.model.recipe, self.model.system.heads, self.model.layer, self.region
            ),
        )

    def _check_dataset(self):
        given = self.dataset
        if isinstance(given, (list, tuple)):
            given = given[0] if len(given) == 1 else tuple(given)
            object.__setattr__(self, "dataset", given)
        for one in given if isinstance(given, tuple) and given else (given,):
            if not isinstance(one, str) or not one:
                raise SettingError("dataset", sources.choices(), one)
            if self.several and sources.is_source(one):
                raise SettingError(
                    "dataset", "files of one's own where there are several recordings", one
                )
        if self.several:
            places = [os.path.realpath(one) for one in given]
            for number, place in enumerate(places):
                if place in places[:number]:
                    raise SettingError("dataset", "every recording once", f"{given[number]} twice")
            if self.fold is not None:
                raise SettingError("fold", "none with several recordings", self.fold)
        elif self.recording is not None:
            raise SettingError("recording", "none with one recording", self.recording)

    @property
    def several(self) -> bool:
        """Whether there are several recordings."""
        return isinstance(self.dataset, tuple)

    @property
    def own_recording(self) -> bool:
        """Whether the recording is a file of the user's."""
        return not sources.is_source(self.dataset)

    def to_dict(self) -> dict[str, Any]:
        """The settings as one flat dictionary that JSON can hold."""
        own = {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.name not in ("model", "training")
        }
        settings = {**dataclasses.asdict(self.model), **dataclasses.asdict(self.training), **own}
        settings["image_size"] = list(self.model.image_size)
        if self.several:
            settings["dataset"] = list(self.dataset)
        if self.recording is None:
            del settings["recording"]  # of the parts of a run on several recordings alone
        return settings

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "RunConfig":
        """The reverse of `to_dict`. Raises `SettingError` for a value that can't be used, `InputError` for a key
        that is none."""
        settings = dict(settings)
        known = field_names()
        for name in settings:
            if name not in known:
                raise InputError(
                    f"{str(name)[:100]}: expected a setting ({', '.join(sorted(known))}), found an unknown key"
                )

        def pick(kind):
            return {
                f.name: settings[f.name] for f in dataclasses.fields(kind) if f.name in settings
            }

        own = {
            name: value for name, value in pick(cls).items() if name not in ("model", "training")
        }
        return cls(ModelConfig(**pick(ModelConfig)), TrainConfig(**pick(TrainConfig)), **own)


def field_names() -> set[str]:
    """The names of all settings of a run."""
    kinds = (ModelConfig, TrainConfig, RunConfig)
    return {f.name for kind in kinds for f in dataclasses.fields(kind)} - {"model", "training"}


def read_config(path: str) -> dict[str, Any]:
    """The settings in a run's `config.json`, as a dictionary that `RunConfig.from_dict` takes.

    Raises:
        InputError: the file can't be read, is no JSON object, or has a key that is no setting.
    """
    try:
        settings = json.loads(read_text(path, LARGEST_CONFIG, "a run's config.json"))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: expected a run's config.json, found no JSON text ({first_line(error)})"
        ) from None
    if not isinstance(settings, dict):
        raise InputError(
            f"{path}: expected a JSON object of settings, found {type(settings).__name__}"
        )
    try:
        RunConfig.from_dict(settings)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return settings


def resolve(recipe: str, given: dict[str, Any], config_file: str | None = None) -> RunConfig:
    """A run's configuration: a file's settings, then those given, then the defaults and the cell's alpha:beta.

    Args:
        recipe: str.
        given: dict of settings by field name.
        config_file: path of a run's `config.json`, or None.

    Raises:
        SettingError: a setting can't be used.
        InputError: the file can't be used.
    """
    settings = read_config(config_file) if config_file else {}
    if not {"task", "region", "layer"}.isdisjoint(given):
        _drop_weights_of_another_cell(settings)
    if settings.setdefault("recipe", recipe) != recipe:
        raise InputError(
            f"--config: expected settings of {recipe}, found settings of {settings['recipe']}"
        )
    if settings.get("quick") and given.get("quick") is False:
        _drop_the_quick_budget(settings)
    schedule = given.get("schedule", settings.get("schedule", schedules.DEFAULT))
    one_of("schedule", schedule, schedules.SCHEDULES)
    another = schedule != settings.get("schedule", schedules.DEFAULT)
    if another:
        _drop_another_schedules_own(settings)
    if given.get("quick") or (another and settings.get("quick")):
        settings.update(QUICK)
    settings.update(given)
    return RunConfig.from_dict(settings)


def _drop_the_quick_budget(settings):
    """What a file has from --quick goes with it; what was set otherwise stays."""
    for name, value in QUICK.items():
        if settings.get(name) == value:
            del settings[name]


def _drop_another_schedules_own(settings):
    """What a file has from its schedule goes with it; what was set otherwise stays."""
    usual = schedules.SCHEDULES[settings.get("schedule", schedules.DEFAULT)].defaults()
    for name, value in usual.items():
        if name in settings and settings[name] == value:
            del settings[name]


def _drop_weights_of_another_cell(settings):
    """Alpha and beta that a file has from its cell go with that cell; another cell takes its own."""
    if settings:
        cell = RunConfig.from_dict(
            {name: value for name, value in settings.items() if name not in ("alpha", "beta")}
        ).training
        if (settings.get("alpha"), settings.get("beta")) == (cell.alpha, cell.beta):
            del settings["alpha"], settings["beta"]
