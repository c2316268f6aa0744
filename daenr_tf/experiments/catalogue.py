"""The paper's tables and figures as experiments: which settings each needs, in the paper's choice or the user's."""

from dataclasses import dataclass

from daenr_tf import paper
from daenr_tf.errors import InputError
from daenr_tf.experiments.cells import ALL, SELECTED, SHUFFLED, Cell, setting

# What an experiment shows.
RECONSTRUCTION, GROUPS, PREDICTION, COUNTS, IMAGES, STIMULI, SIGNIFICANCE = (
    "reconstruction", "groups", "prediction", "counts", "images", "stimuli", "significance")


@dataclass(frozen=True)
class Experiment:
    """A table or figure of the paper.

    Attributes:
        name: such as "table2".
        title: what it shows.
        kind: how it is shown.
        models: the recipes in it, as the paper has them.
        regions: the regions that the paper shows in it.
        table: the paper's table whose loss weights it takes (either number of a pair); None where nothing is trained.
        groups: the groups of neurons that joint models are trained with.
        bound: whether it is about its own regions only; the others take any region that is asked for.
        one_seed: whether it shows a single seed.
    """

    name: str
    title: str
    kind: str
    models: tuple = ()
    regions: tuple = paper.REGIONS
    table: int | None = None
    groups: tuple = (ALL,)
    bound: bool = False
    one_seed: bool = False

    def settings(self, regions, layers, models, weights_region=None):
        """The settings of the experiment, each once, in the table's order.

        Args:
            regions: of `Setting.region`.
            layers, models: those wanted.
            weights_region: for one's own recording, the region whose loss weights are taken.
        """
        found = {}
        for region in regions:
            for model in (model for model in self.models if model in models):
                task = "ir" if paper.has_decoder(model) and self.kind != PREDICTION else "nrs"
                for layer in layers:
                    for group in self.groups if model in paper.JOINT else (ALL,):
                        found[setting(model, region, layer, task, self.table, weights_region, group)] = None
        return tuple(found)


_CAE_FR = ("cae", "cae_fr")
EXPERIMENTS = {experiment.name: experiment for experiment in (
    Experiment("table2", "Image reconstruction with all neurons", RECONSTRUCTION, _CAE_FR, table=2),
    Experiment("table3", "Image reconstruction with significant and with insignificant neurons", GROUPS, _CAE_FR, (3,), 2, (ALL, *SELECTED)),
    Experiment("table4", "Predicted and observed responses: CAE-FR and CNN-FR", PREDICTION, ("cnn_fr", "cae_fr"), table=4),
    Experiment("table5", "Image reconstruction by all variants", RECONSTRUCTION,
               tuple(model for auto in paper.AUTOENCODERS for model in (auto, *(f"{auto}_{readout}" for readout in paper.READOUTS))), (3,), 5),
    Experiment("table6", "Predicted and observed responses: all variants", PREDICTION,
               tuple(f"{encoder}_{readout}" for readout in paper.READOUTS for encoder in ("cnn", *paper.AUTOENCODERS)), table=6),
    Experiment("table7", "The recordings", COUNTS),
    Experiment("figure2", "Reconstructed images, region 3", IMAGES, _CAE_FR, (3,), 2, bound=True, one_seed=True),
    Experiment("figure3", "Significant neurons in image reconstruction, region 3", SIGNIFICANCE, ("cae_fr",), (3,), 2, bound=True),
    Experiment("figure4", "Significant neurons with and without the decoder", SIGNIFICANCE, ("cnn_fr", "cae_fr"), table=2),
    Experiment("figure5", "Training stimuli", STIMULI),
    Experiment("figure6", "Reconstructed images, region 1", IMAGES, _CAE_FR, (1,), 2, bound=True, one_seed=True),
    Experiment("figure7", "Reconstructed images, region 2", IMAGES, _CAE_FR, (2,), 2, bound=True, one_seed=True),
    Experiment("figure8", "Significant neurons in image reconstruction, regions 1 and 2", SIGNIFICANCE, ("cae_fr",), (1, 2), 2, bound=True),
    Experiment("control", "Control: joint learning with responses exchanged between images", GROUPS, _CAE_FR, (3,), 2, (ALL, SHUFFLED)),
)}
PUBLISHED = tuple(name for name in EXPERIMENTS if name != "control")  # each has a command of its own
_SHOWN_ONCE = {"figure6", "figure7", "figure8"}  # on one's own recording they would repeat figures 2 and 3


@dataclass(frozen=True)
class Part:
    """An experiment with the choice made: its regions, the settings to train and how many seeds."""

    experiment: Experiment
    regions: tuple
    settings: tuple
    seeds: tuple

    @property
    def title(self):
        """The experiment's title, without the paper's region on one's own recording."""
        return self.experiment.title if self.regions != (None,) else self.experiment.title.split(", region")[0]


@dataclass(frozen=True)
class Plan:
    """The experiments that were asked for."""

    parts: tuple
    seeds: tuple

    @property
    def cells(self):
        """Every cell that is needed, each once; a cell whose neurons another chooses comes after that one."""
        found = {}
        for part in self.parts:
            for chosen in part.settings:
                for seed in part.seeds:
                    cell = Cell(chosen, seed)
                    if cell.base:
                        found[cell.base] = None
                    found[cell] = None
        return tuple(found)

    def part(self, name):
        """The part of this name, or None."""
        return next((part for part in self.parts if part.experiment.name == name), None)


def plan(names, regions=None, layers=None, models=None, seeds=5, own=False):
    """The plan of some experiments.

    Args:
        names: of experiments; None takes all of them.
        regions: those wanted, or None for the paper's; for one's own recording a single one whose loss weights are taken.
        layers, models: those wanted, or None for all.
        seeds: number of seeds.
        own: whether the recording is the user's.

    Raises:
        InputError: an experiment that was named has nothing to show with this choice.
    """
    layers, models, seeds = layers or paper.LAYERS, models or paper.RECIPES, tuple(range(seeds))
    parts = []
    for name in names or EXPERIMENTS:
        experiment = EXPERIMENTS[name]
        if own and name in _SHOWN_ONCE and not names:
            continue
        part = _part(experiment, regions, layers, models, seeds, own)
        if part:
            parts.append(part)
        elif names:
            _refuse(experiment, regions, models, own)
    if not parts:
        raise InputError(f"--models: expected models of {', '.join(EXPERIMENTS)}, found {', '.join(models)}, which none of them has")
    return Plan(tuple(parts), seeds)


def _part(experiment, regions, layers, models, seeds, own):
    if own:
        chosen, weights_region = (None,), regions[0] if regions else 3
    else:
        wanted = regions or experiment.regions
        chosen = tuple(region for region in wanted if not experiment.bound or region in experiment.regions)
        weights_region = None
    if not chosen:
        return None
    settings = experiment.settings(chosen, layers, models, weights_region)
    if experiment.table is not None and not settings:
        return None
    return Part(experiment, chosen, settings, seeds[:1] if experiment.one_seed else seeds)


def _refuse(experiment, regions, models, own):
    if experiment.bound and regions and not own and not set(regions) & set(experiment.regions):
        raise InputError(f"--regions: {experiment.name} shows region {', '.join(map(str, experiment.regions))},"
                         f" found {', '.join(map(str, regions))}")
    raise InputError(f"--models: {experiment.name} has {', '.join(experiment.models)}, found {', '.join(models)}")


