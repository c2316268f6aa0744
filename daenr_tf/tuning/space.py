"""What is searched: the settings of a run that trials vary, and between which bounds."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daenr_tf import systems
from daenr_tf.config import RunConfig
from daenr_tf.errors import InputError, SettingError, refusal
from daenr_tf.loss_weights import MEDIANS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

ALPHA_BETA = "alpha:beta"
DECADES = 2  # to either side of a cell's own alpha:beta
WIDE = 10  # from so many times the lower bound on, a range that says nothing else is logarithmic
# Settings that are no part's and may be searched where one asks for it.
OF_TRAINING = ("learning_rate", "batch_size", "layer")
FORM = "NAME=LOW:HIGH, with :log or :linear behind it where need be"


@dataclass(frozen=True)
class Dimension:
    """A setting that is searched.

    Attributes:
        name: its field in the configuration.
        low, high: the bounds, both included.
        log: bool, whether on a logarithmic scale.
        usual: its value in the configuration that the search starts from.
    """

    name: str
    low: float
    high: float
    log: bool
    usual: float

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.usual, int)

    @property
    def has_usual(self) -> bool:
        """Whether the usual value lies within the bounds."""
        return self.low <= self.usual <= self.high

    def settings(self, value: float) -> dict[str, Any]:
        """The fields of the configuration that a value sets."""
        return {self.name: value}

    def told(self) -> str:
        """Such as "readout_l1 0.001 to 1 (log)"."""
        return f"{self.name} {self.low:g} to {self.high:g}{' (log)' if self.log else ''}"


class Ratio(Dimension):
    """alpha:beta of a joint model. The larger of the two weights is 1: Adam takes their common scale out again."""

    @property
    def whole(self) -> bool:
        """It is a real number."""
        return False

    def settings(self, value: float) -> dict[str, Any]:
        """alpha and beta."""
        return {"alpha": min(value, 1.0), "beta": min(1 / value, 1.0)}


@dataclass(frozen=True)
class Space:
    """The settings that are searched for one recipe.

    Attributes:
        start: `RunConfig` that the search starts from: trial 0.
        dimensions: tuple of `Dimension`.
    """

    start: RunConfig
    dimensions: tuple

    def config(self, values: Mapping[str, float] | None) -> RunConfig:
        """The configuration of a trial: that of some values by name, or for None the one that the search starts from."""
        settings = self.start.to_dict()
        for dimension in self.dimensions if values is not None else ():
            settings |= dimension.settings(values[dimension.name])
        return RunConfig.from_dict(settings)

    @property
    def usual(self) -> dict[str, float]:
        """The values that the search starts from by name, those that lie within the bounds."""
        return {one.name: one.usual for one in self.dimensions if one.has_usual}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """What is searched, as JSON has it: dict of name -> `low`, `high`, `log`, `default`."""
        return {
            one.name: {
                "low": one.low,
                "high": one.high,
                "log": one.log,
                "default": one.usual if math.isfinite(one.usual) else None,
            }
            for one in self.dimensions
        }


def around(
    start: RunConfig, fixed: Collection[str], asked: Mapping[str, tuple[float, float, bool | None]]
) -> Space:
    """What is searched around a configuration.

    Args:
        start: `RunConfig`.
        fixed: names of the settings that the user gave: they are not searched.
        asked: dict of a setting's name -> (low, high, whether logarithmic or None), the user's ranges; they win over those
            that parts declare. Names that its model lacks are passed over.

    Raises:
        InputError: a range can't be used, its setting is fixed, or nothing is left to search.
    """
    found = []
    for name, (usual, declared) in _searchable(start).items():
        given = {"alpha", "beta"} & set(fixed) if name == ALPHA_BETA else {name} & set(fixed)
        if name in asked and given:
            option = f"--{min(given).replace('_', '-')}"
            raise refusal("--search", f"{name} or {option}", "both")
        if name in asked:
            found.append(_dimension(name, usual, declared, *asked[name]))
        elif declared and not given:
            found.append(_dimension(name, usual, declared, *declared))
    if not found:
        raise refusal(
            "--search",
            f"a setting of {start.model.recipe} to search ({', '.join(_searchable(start))})",
            "none that is not given",
        )
    _check(start, found)
    return Space(start, tuple(found))


def searchable(start: RunConfig) -> list[str]:
    """The names of what may be searched around a configuration."""
    return list(_searchable(start))


def read(text: str) -> tuple[str, tuple[float, float, bool | None]]:
    """A range as it is typed, `FORM`: (name, (low, high, whether logarithmic, None where nothing is said)).

    Raises:
        ValueError: it has another form, or no numbers with low < high; the message says what was expected and found.
    """
    match = re.fullmatch(r"([\w:-]+)=([^:=]+):([^:=]+)(?::(log|linear))?", text)
    if not match:
        raise ValueError(f"expected {FORM}, found {text!r}")
    try:
        low, high = float(match[2]), float(match[3])
    except ValueError:
        low = high = math.nan
    log = match[4] and match[4] == "log"
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"expected numbers LOW < HIGH, found {text!r}")
    if log and low <= 0:
        raise ValueError(f"expected LOW > 0 on a logarithmic scale, found {text!r}")
    return match[1].replace("-", "_"), (low, high, log)


def _searchable(start):
    """dict of name -> (usual value, the declared range or None)."""
    system, found = start.model.system, {}
    training = start.training
    if system.joint:
        found[ALPHA_BETA] = (
            training.alpha / training.beta if training.beta else math.inf,
            _ratios(training),
        )
    for part in system.parts(systems.CORES[start.model.core]):
        for option in part.options:
            usual = getattr(start.model, option.name)
            if type(usual) in (int, float):
                found[option.name] = usual, option.search
    for name in OF_TRAINING:
        if name != "layer" or system.readout:
            found[name] = start.to_dict()[name], None
    return found


def _ratios(training):
    """Where alpha:beta is searched: around the cell's own, or around the paper's medians where one of the two is 0."""
    weights = training if training.alpha and training.beta else MEDIANS[training.task]
    middle = weights.alpha / weights.beta
    return middle / 10**DECADES, middle * 10**DECADES, True


def _dimension(name, usual, declared, low, high, log):
    if log is None:
        log = declared[2] and low > 0 if declared else low > 0 and high / low >= WIDE
    kind = Ratio if name == ALPHA_BETA else Dimension
    if kind is Dimension and isinstance(usual, int):
        if low != int(low) or high != int(high):
            raise refusal("--search", f"whole numbers for {name}", f"{low:g}:{high:g}")
        low, high = int(low), int(high)
    if kind is Ratio and low <= 0:
        raise refusal("--search", f"{name} > 0", f"{low:g}:{high:g}")
    return kind(name, low, high, bool(log), usual)


def _check(start, dimensions):
    """Raises `InputError` where a bound can't be had."""
    for dimension in dimensions:
        for bound in (dimension.low, dimension.high):
            try:
                RunConfig.from_dict({**start.to_dict(), **dimension.settings(bound)})
            except SettingError as error:
                raise InputError(f"--search: {error}") from None


def differing(config: RunConfig, start: RunConfig) -> dict[str, Any]:
    """The settings of a configuration that are not those of another."""
    usual = start.to_dict()
    return {name: value for name, value in config.to_dict().items() if usual[name] != value}


def moved(config: RunConfig, dataset: str, encoder_from: str | None) -> RunConfig:
    """The configuration with other paths, absolute ones, for a process elsewhere."""
    model = dataclasses.replace(config.model, encoder_from=encoder_from)
    return dataclasses.replace(config, dataset=dataset, model=model)
