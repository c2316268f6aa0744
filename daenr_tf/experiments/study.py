"""What all cells of a study share: the recording, the budget, the settings given, what is kept."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daenr_tf import systems
from daenr_tf.config import ModelConfig, resolve
from daenr_tf.errors import InputError
from daenr_tf.experiments.cells import Cell
from daenr_tf.loss_weights import DEFAULT_SCALE
from daenr_tf.paper import DEFAULT_REGION
from daenr_tf.recordings import sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from daenr_tf.config import RunConfig
    from daenr_tf.experiments.cells import Setting
    from daenr_tf.recordings.recording import Recording

# What a budget sets for every cell: dict of a setting's name -> value. The paper names no most steps: these are so many that patience ends
# every training.
BUDGETS = {"paper": {"max_steps": 40000}, "fast": {"schedule": "fast"}, "quick": {"quick": True}}
PAPER, _, REHEARSAL = BUDGETS


@dataclass(frozen=True)
class Study:
    """What all cells share.

    Attributes:
        dataset: a name in `recordings.sources` that stands for itself, or the absolute path of one's
            own recording.
        data_dir: where the published recordings lie, or None.
        budget: "paper" (two stages of patience 1000, at most 40,000 steps), "fast" (the schedule of that name) or "quick" (at most 200
            steps: a rehearsal).
        weights_region: for one's own recording, the region whose loss weights are taken.
        complete: whether figures, TensorBoard's files, `model.keras` and the SavedModel of every cell are made as well.
        digests: dict of a region's name ("1" ... "3"; "None" for one's own recording) -> digest of its whole recording. A recording that is
            replaced while the study runs is another.
        settings: dict of a setting's name -> value, what was given for all cells, of the recording
            (`repeats_as_test`) and of the trainings; it wins over the budget. A cell whose model
            lacks an option goes without.
    """

    dataset: str
    data_dir: str | None = None
    budget: str = "paper"
    weights_region: int = DEFAULT_REGION
    complete: bool = False
    digests: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)

    @property
    def own(self) -> bool:
        """Whether the recording is the user's."""
        return not sources.is_source(self.dataset)

    @property
    def rehearsal(self) -> bool:
        """Whether the models are trained on the small budget, after which nothing can be said of them."""
        return self.budget == REHEARSAL

    @property
    def schedule(self) -> str | None:
        """The schedule of its budget where that is not the paper's, else None."""
        return BUDGETS[self.budget].get("schedule")

    @property
    def loss_scale(self) -> str | None:
        """What alpha and beta weight where that is not what they do by default, else None."""
        scale = self.settings.get("loss_scale", DEFAULT_SCALE)
        return None if scale == DEFAULT_SCALE else scale

    @property
    def images(self) -> ModelConfig:
        """The `ModelConfig` that says what becomes of images, the same in all cells."""
        return image_settings(self.settings)

    @property
    def most_steps(self) -> int:
        """How many steps a model is trained for at most."""
        return self.resolved(next(iter(systems.SYSTEMS)), {"layer": 1}).training.max_steps

    def recording(self, region: int | None) -> Recording:
        """The recording of a region (None for one's own). Raises `InputError` where it is no more the one that the study began with."""
        from daenr_tf.recordings.load import load_recording

        repeats_as_test = self.settings.get("repeats_as_test", False)
        found = load_recording(self.dataset, region, self.data_dir, repeats_as_test)
        expected = self.digests.get(str(region), found.digest)
        if found.digest != expected:
            raise InputError(
                f"{found.source}: expected the recording with digest {expected[:12]}… that the study began with,"
                f" found {found.digest[:12]}…"
            )
        return found

    def config(self, cell: Cell) -> RunConfig:
        """The `RunConfig` of a cell."""
        setting = cell.setting
        given = {
            "region": setting.region or self.weights_region,
            "task": setting.task,
            "alpha": setting.alpha,
            "beta": setting.beta,
            "seed": cell.seed,
            "dataset": self.dataset,
        }
        if setting.layer is not None:
            given["layer"] = setting.layer
        return self.resolved(setting.model, given | dict(setting.variant.options))

    def resolved(self, model: str, given: Mapping[str, Any]) -> RunConfig:
        """The `RunConfig` of a model by the study's budget and settings; those `given`, a dict, win.

        Raises `SettingError`."""
        system = systems.system(model)
        foreign = systems.options().keys() - system.options.keys()
        if not system.joint:  # of one head alone, Adam takes the scale out again
            foreign = {*foreign, "loss_scale"}
        own = {name: value for name, value in self.settings.items() if name not in foreign}
        return resolve(model, {**BUDGETS[self.budget], **own, **given})

    def departures(self, settings: Iterable[Setting]) -> dict[str, Any]:
        """Those settings of the study and of its budget that make any of some trainings another than the paper's; on
        what it is computed doesn't count.

        Args:
            settings: iterable of `cells.Setting`.

        Returns:
            dict of a setting's name -> value.
        """
        given = ({} if self.rehearsal else BUDGETS[self.budget]) | self.settings
        plain, found = dataclasses.replace(self, settings={}, budget=PAPER), set()
        for setting in settings if given else ():
            cell = Cell(setting, 0)
            ours, theirs = _of_training(self.config(cell)), _of_training(plain.config(cell))
            found |= {name for name in given if name in ours and ours[name] != theirs[name]}
        return {name: value for name, value in given.items() if name in found}

    def to_dict(self) -> dict[str, Any]:
        """The study as a dictionary that JSON can hold."""
        return dataclasses.asdict(self)


def _of_training(config):
    return {**dataclasses.asdict(config.model), **dataclasses.asdict(config.training)}


def image_settings(settings: Mapping[str, Any]) -> ModelConfig:
    """The `ModelConfig` that says what becomes of images under some settings, a dict."""
    names = ("core", "image_size", "resize", "color")
    return ModelConfig(**{name: settings[name] for name in names if name in settings})


def effective(settings: dict[str, Any], budget: str) -> dict[str, Any]:
    """Those of some settings that aren't what every model has anyway on a budget.

    Args:
        settings: dict of a setting's name -> value.
        budget: one of `BUDGETS`.

    Raises:
        SettingError: one can't be used.
    """
    plain, found = Study("auto", budget=budget), set()
    given = dataclasses.replace(plain, settings=settings)
    for model in systems.SYSTEMS:
        ours, theirs = (study.resolved(model, {"layer": 1}).to_dict() for study in (given, plain))
        found |= {name for name in settings if ours[name] != theirs[name]}
    return {name: value for name, value in settings.items() if name in found}


def as_options(settings: Mapping[str, Any]) -> list[str]:
    """Settings, a dict of name -> value, as they are typed: list of str such as "--max-steps 100"."""
    return [_as_option(f"--{name.replace('_', '-')}", value) for name, value in settings.items()]


def _as_option(option, value):
    if value is True:
        return option
    return f"{option} {'x'.join(map(str, value)) if isinstance(value, (list, tuple)) else value}"


def cell_directory(results_dir: str, cell: Cell) -> str:
    """Where a cell's files lie."""
    return os.path.join(results_dir, "cells", cell.name)
