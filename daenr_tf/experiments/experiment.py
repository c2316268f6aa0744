"""What an experiment is: a row that says what is trained for a table or a figure, and how it is
shown. Imports nothing heavy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daenr_tf import paper, systems
from daenr_tf.experiments.cells import ALL, PLAIN, setting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from daenr_tf.experiments.cells import Setting

# What the rows and the columns of a table may go by: its `row` and `columns`.
LABEL, MODEL, REGION, LAYER, METRIC, GROUP = "label", "model", "region", "layer", "metric", "group"
VARIANT, TASK = "variant", "task"
# What an experiment may be drawn as: its `picture`.
RECONSTRUCTIONS, STIMULI, SIGNIFICANT_NEURONS = "reconstructions", "stimuli", "significant neurons"
TRADEOFF = "trade-off"


@dataclass(frozen=True)
class Experiment:
    """A table or figure of the paper, or one beside them.

    Attributes:
        name: such as "table2".
        subject: what it shows.
        heading: what the paper calls it, such as "Table 2"; empty where the paper has none such.
        where: the regions in words, where it is about some only; falls away on one's own recording.
        models: the recipes in it unless others are asked for, the paper's if it has it, in the order in which they are shown.
        all_variants: whether it takes any other system too that has one of its tasks, if one is asked for.
        task: what its models are trained for; those without a head for it, for what they have.
        regions: the regions that the paper shows in it.
        weights: number of the paper's table whose loss weights are taken (either of a pair); other models and tasks take those that the
            paper has for them.
        groups: the groups of neurons that joint models are trained with.
        variants: `cells.Variant`s, how trainings differ besides.
        other_task: another task that joint models are trained for too, or None.
        metrics: what its table has figures of, in the table's order; empty if it is no such table.
        row: what a row of the table is: `LABEL` (model and layer), `MODEL`, `REGION` or `VARIANT`.
        columns: what the columns are, from the outermost head on: of `REGION`, `METRIC`, `LAYER`,
            `LABEL`, `MODEL`, `GROUP`, `VARIANT`, `TASK`.
        counts: for a table of the recordings, (head, field of `paper.Counts`) of each column.
        picture: what it is drawn as, or None.
        published: setting -> dict of metric -> the paper's figure, empty where it has none; None
            where it never has one.
        baseline: the same for what claims compare its models with; None takes `published`.
        layers: the layers that it shows unless others are asked for; None for the paper's.
        apart: whether it is left out where all experiments are asked for.
        bound: whether it is about its own regions only; others take any that is asked for.
        seeds: how many seeds it is trained with unless a number is asked for.
        one_seed: whether it shows a single seed.
        own_command: whether there is a command of its name, as there is for whatever the paper has.
        repeats_on_own: whether on one's own recording it would show what another experiment does.
    """

    name: str
    subject: str
    heading: str = ""
    where: str = ""
    models: tuple = ()
    all_variants: bool = False
    task: str = "ir"
    regions: tuple = paper.REGIONS
    weights: int | None = None
    groups: tuple = (ALL,)
    variants: tuple = (PLAIN,)
    other_task: str | None = None
    metrics: tuple = ()
    row: str = LABEL
    columns: tuple = ()
    counts: tuple = ()
    picture: str | None = None
    published: Callable | None = None
    baseline: Callable | None = None
    layers: tuple | None = None
    apart: bool = False
    bound: bool = False
    seeds: int = 5
    one_seed: bool = False
    own_command: bool = False
    repeats_on_own: bool = False

    @property
    def systems(self) -> tuple:
        """The names of all systems that can stand in it, its own models first."""
        tasks = {self.task, self.other_task}
        others = (
            name
            for name, system in systems.SYSTEMS.items()
            if self.all_variants and tasks & set(system.tasks)
        )
        return tuple(dict.fromkeys((*self.models, *others)))

    @property
    def title(self) -> str:
        """What it shows, and where the paper shows it."""
        return f"{self.subject}, {self.where}" if self.where else self.subject

    def published_figures(self, one: Setting) -> dict:
        """The paper's figures of a `Setting`: dict of metric -> value."""
        return self.published(one) if self.published else {}

    def baseline_figures(self, one: Setting) -> dict:
        """The same of a `Setting` that claims compare others with."""
        return self.baseline(one) if self.baseline else self.published_figures(one)

    def settings(
        self,
        regions: Iterable[int | None],
        layers: Collection[int],
        models: Collection[str] | None,
        weights_region: int | None = None,
    ) -> tuple:
        """The settings of the experiment, each once, in the table's order.

        Args:
            regions: of `Setting.region`.
            layers, models: those wanted; models may be None for its own.
            weights_region: for one's own recording, the region whose loss weights are taken.
        """
        found = {}
        models = self.models if models is None else models
        for region in regions:
            for model in (model for model in self.systems if model in models):
                system = systems.system(model)
                tasks = [self.task if self.task in system.tasks else system.tasks[0]]
                tasks += [self.other_task] if system.joint and self.other_task else []
                for layer, task, group, variant in itertools.product(
                    layers, tasks, self.groups if system.joint else (ALL,), self.variants
                ):
                    ours = task == self.task and model in self.models
                    table = self.weights if ours else None
                    one = setting(model, region, layer, task, table, weights_region, group, variant)
                    found[one] = None
        return tuple(found)
