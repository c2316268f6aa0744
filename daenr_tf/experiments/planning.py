"""Which settings and cells some experiments need, in the paper's choice or the user's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from daenr_tf import paper, systems
from daenr_tf.errors import InputError
from daenr_tf.experiments.catalogue import EXPERIMENTS
from daenr_tf.experiments.cells import Cell
from daenr_tf.experiments.experiment import TRADEOFF, Experiment
from daenr_tf.paper import DEFAULT_REGION

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Part:
    """An experiment with the choice made: its regions, the settings to train and how many seeds."""

    experiment: Experiment
    regions: tuple
    settings: tuple
    seeds: tuple

    @property
    def title(self) -> str:
        """The experiment's title, without the paper's region on one's own recording."""
        return self.experiment.subject if self.regions == (None,) else self.experiment.title


@dataclass(frozen=True)
class Plan:
    """The experiments that were asked for."""

    parts: tuple
    seeds: tuple

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell that is needed, each once; one whose neurons another chooses follows it."""
        found = {}
        for part in self.parts:
            for chosen in part.settings:
                for seed in part.seeds:
                    cell = Cell(chosen, seed)
                    if cell.base:
                        found[cell.base] = None
                    found[cell] = None
        return tuple(found)

    def part(self, name: str) -> Part | None:
        """The part of this name, or None."""
        return next((part for part in self.parts if part.experiment.name == name), None)


def plan(
    names: Sequence[str] | None,
    regions: Sequence[int] | None = None,
    layers: Sequence[int] | None = None,
    models: Sequence[str] | None = None,
    seeds: int | None = None,
    own: bool = False,
) -> Plan:
    """The plan of some experiments.

    Args:
        names: of experiments; None takes all of them.
        regions: those wanted, or None for the paper's; for one's own recording a single one whose
            loss weights are taken.
        layers: those wanted, or None for each experiment's own.
        models: those wanted, or None for each experiment's own.
        seeds: number of seeds, or None for the most that one of the experiments asks for.
        own: whether the recording is the user's.

    Raises:
        InputError: an experiment that was named has nothing to show with this choice, a model that was named stands in none of them, or a
            trade-off lacks what a joint model of it is compared with.
    """
    wanted = [EXPERIMENTS[name] for name in names or EXPERIMENTS]
    if not names:
        wanted = [one for one in wanted if not (one.apart or (own and one.repeats_on_own))]
    _check_models(wanted, models)
    _check_alone(wanted, models)
    seeds, parts = tuple(range(seeds or max(one.seeds for one in wanted))), []
    for experiment in wanted:
        part = _part(experiment, regions, layers, models, seeds, own)
        if part:
            parts.append(part)
        elif names:
            _refuse(experiment, regions, models, own)
    return Plan(tuple(parts), seeds)


def _check_models(wanted, models):
    """Raises `InputError` where a model was named that stands in none of the experiments: it would not be trained."""
    found = dict.fromkeys(name for experiment in wanted for name in experiment.systems)
    foreign = [name for name in models or () if name not in found]
    if found and foreign:
        names = ", ".join(experiment.name for experiment in wanted if experiment.models)
        raise InputError(
            f"--models: expected models of {names} ({', '.join(found)}), found {', '.join(foreign)}"
        )


def _check_alone(wanted, models):
    """Raises `InputError` where a joint model of a trade-off was named without the models that learn one of its two tasks alone."""
    for experiment in (one for one in wanted if one.picture == TRADEOFF):
        for name in (one for one in models or () if one in experiment.systems):
            alone = systems.system(name).alone
            missing = [one for one in alone if one not in models]
            if missing:
                raise InputError(
                    f"--models: {experiment.name} compares {name} with {' and '.join(alone)}:"
                    f" expected {' and '.join(missing)} too, found {', '.join(models)}"
                )


def _part(experiment, regions, layers, models, seeds, own):
    if own:
        chosen, weights_region = (None,), regions[0] if regions else DEFAULT_REGION
    else:
        wanted = regions or experiment.regions
        chosen = tuple(
            region for region in wanted if not experiment.bound or region in experiment.regions
        )
        weights_region = None
    if not chosen:
        return None
    layers = layers or experiment.layers or paper.LAYERS
    settings = experiment.settings(chosen, layers, models, weights_region)
    if experiment.models and not settings:
        return None
    return Part(experiment, chosen, settings, seeds[:1] if experiment.one_seed else seeds)


def _refuse(experiment, regions, models, own):
    if experiment.bound and regions and not own and not set(regions) & set(experiment.regions):
        raise InputError(
            f"--regions: {experiment.name} shows region {', '.join(map(str, experiment.regions))},"
            f" found {', '.join(map(str, regions))}"
        )
    raise InputError(
        f"--models: {experiment.name} has {', '.join(experiment.systems)},"
        f" found {', '.join(models)}"
    )
