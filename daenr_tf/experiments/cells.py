"""Settings and cells: a setting is a model on a region with its loss weights and the neurons it is given; a cell is a setting with a seed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daenr_tf import paper, systems
from daenr_tf.config import field_names
from daenr_tf.loss_weights import default_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ALL = "all"
SIGNIFICANT, INSIGNIFICANT = (
    "significant",
    "insignificant",
)  # chosen on the test images, as the paper does
SIGNIFICANT_CV, INSIGNIFICANT_CV = (
    "significant-cv",
    "insignificant-cv",
)  # chosen on images held out from training, never on the test images
SHUFFLED = "shuffled"  # all neurons, their training responses exchanged between the images: responses that say nothing of the image
OTHER_IMAGES = "other-images"  # all neurons; what the decoder learns to give is another training image than the one that is seen
SELECTED = (SIGNIFICANT, INSIGNIFICANT, SIGNIFICANT_CV, INSIGNIFICANT_CV)
GROUPS = (ALL, *SELECTED, SHUFFLED, OTHER_IMAGES)


@dataclass(frozen=True)
class Variant:
    """How trainings of an experiment differ besides in model, layer, task and group.

    Attributes:
        ratio: float, what alpha : beta of the table is multiplied by, in joint models.
        share: float in (0, 1], of the training images that the recording has.
        options: tuple of (setting's name, value), for the models that have it.
    """

    ratio: float = 1.0
    share: float = 1.0
    options: tuple = ()

    @property
    def text(self) -> str:
        """In words; empty of the one that changes nothing."""
        parts = [f"{name.replace('_', ' ')} {value}" for name, value in self.options]
        parts += [f"alpha:beta × {self.ratio:g}"] * (self.ratio != 1)
        parts += [f"{self.share:g} of the images"] * (self.share != 1)
        return ", ".join(parts)


PLAIN = Variant()


@dataclass(frozen=True)
class Setting:
    """What the paper's tables have a figure for.

    Attributes:
        model: str, a recipe.
        region: 1..3, or None for one's own recording.
        layer: 1..4, or None for an autoencoder alone.
        task: "ir" or "nrs".
        alpha, beta: float, loss weights.
        group: one of `GROUPS`, the neurons that the model is trained with.
        variant: `Variant`; its ratio is in alpha and beta already.
    """

    model: str
    region: int | None
    layer: int | None
    task: str
    alpha: float
    beta: float
    group: str = ALL
    variant: Variant = PLAIN

    @property
    def label(self) -> str:
        """The model as the paper writes it, such as "CAE-FR2"."""
        return title(self.model) + ("" if self.layer is None else str(self.layer))

    @property
    def system(self) -> systems.System:
        """The `systems.System` that the model is."""
        return systems.system(self.model)

    @property
    def weighted_by_medians(self) -> bool:
        """Whether it learns both and the paper has no weights for it."""
        return self.system.joint and not _has_weights(self.model, self.layer)

    @property
    def selected(self) -> bool:
        """Whether the neurons are chosen by how well another model predicts them."""
        return self.group in SELECTED


@dataclass(frozen=True)
class Cell:
    """What is trained once."""

    setting: Setting
    seed: int

    @property
    def name(self) -> str:
        """Names the cell's directory: two cells that differ have different names."""
        setting = self.setting
        parts = [setting.model]
        parts += [
            f"{letter}{value}"
            for letter, value in (("r", setting.region), ("l", setting.layer))
            if value is not None
        ]
        parts += [setting.task, f"a{setting.alpha!r}", f"b{setting.beta!r}"]
        parts += [setting.group] * (setting.group != ALL)
        parts += [f"n{setting.variant.share!r}"] * (setting.variant.share != 1)
        parts += [f"{name}={value}" for name, value in setting.variant.options]
        parts += [f"s{self.seed}"]
        return "-".join(parts)

    @property
    def base(self) -> Cell | None:
        """The cell with all neurons whose predictions choose this cell's; None where nothing is chosen."""
        return (
            Cell(dataclasses.replace(self.setting, group=ALL), self.seed)
            if self.setting.selected
            else None
        )

    def to_dict(self) -> dict[str, Any]:
        """The cell as a flat dictionary that JSON can hold."""
        found = {**dataclasses.asdict(self.setting), "seed": self.seed}
        if self.setting.variant == PLAIN:  # as cells of before variants were have it
            del found["variant"]
        else:
            found["variant"]["options"] = [list(pair) for pair in self.setting.variant.options]
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Cell:
        """The reverse of `to_dict`."""
        values = dict(values)
        seed, variant = values.pop("seed"), values.pop("variant", None)
        if variant:
            options = tuple((name, value) for name, value in variant["options"])
            values["variant"] = Variant(**{**variant, "options": options})
        return cls(Setting(**values), seed)


def counted(number: int) -> str:
    """So many cells, in words: "1 cell", "2 cells"."""
    return f"{number} cell{'s' * (number != 1)}"


def title(model: str) -> str:
    """A recipe's name as the paper writes it: "vqvae_fr" -> "VQ-VAE-FR"."""
    return systems.system(model).title


def _has_weights(model, layer):
    return model in paper.JOINT and layer in paper.LAYERS


def setting(
    model: str,
    region: int | None,
    layer: int | None,
    task: str,
    table: int,
    weights_region: int | None = None,
    group: str = ALL,
    variant: Variant = PLAIN,
) -> Setting:
    """The setting of a cell of one of the paper's tables, with that table's loss weights; what the
    paper lacks takes the defaults.

    Args:
        model: str, a recipe.
        region: 1..3, or None for one's own recording.
        layer: 1..4; an autoencoder alone has none.
        task: "ir" or "nrs".
        table: number of the paper's table whose weights are taken.
        weights_region: for one's own recording, the region whose weights are taken.
        group: one of `GROUPS`.
        variant: `Variant`; what makes no sense for the model falls away.
    """
    system, weights_region = systems.system(model), weights_region if region is None else region
    layer = layer if system.readout else None
    if _has_weights(model, layer):
        weights = paper.loss_weights(model, weights_region, layer, task, table)
    else:
        weights = default_weights(model, system.heads, weights_region, layer, task)
    variant = Variant(
        variant.ratio if system.joint else 1.0,
        variant.share,
        tuple(pair for pair in variant.options if pair[0] in _settings_of(system)),
    )
    alpha = float(f"{weights.alpha * variant.ratio:.12g}")  # no 0.04000000000000001 in a name
    return Setting(model, region, layer, task, alpha, weights.beta, group, variant)


def _settings_of(system):
    """The names of the settings that trainings of a system have: all, but options that only other systems have, and the
    scale of two losses where there is one."""
    foreign = systems.options().keys() - system.options.keys()
    if not system.joint:
        foreign = {*foreign, "loss_scale"}
    return field_names() - foreign
