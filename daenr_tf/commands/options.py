"""Options that several commands have: the rows of those that set a model and its training, and how
they are read from text.

A row is name, reader (None: a switch; bool: a setting, which --no-… takes back; list: a text that may be given several times), what it means, and which systems have it (None: all).
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from daenr_tf import schedules, systems
from daenr_tf.config import ModelConfig, RunConfig, TrainConfig
from daenr_tf.resizing import RESIZES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


def whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, found {text!r}") from None


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}") from None


def count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 1000, found {text!r}")
    return value


def neurons(text: str) -> list[int]:
    """The numbers that a text like "0-9,12" means."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,7})(?:-(\d{1,7}))?", part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise argparse.ArgumentTypeError(
                f"expected numbers and ranges such as 0-9,12, found {text!r}"
            )
        found += range(first, last + 1)
    return sorted(set(found))


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add the argument `models`, the fitted models that a command asks as one."""
    parser.add_argument(
        "models",
        metavar="PATH",
        nargs="+",
        help="a run's directory, a SavedModel's version, or the directory of its versions; several of the same neurons are an"
        " ensemble",
    )


def size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected H or HxW in pixels, found {text!r}")
    height = int(match[1])
    return (height, int(match[2] or height))


def size_text(pixels: Sequence[int]) -> str:
    """(height, width) as it is typed: "32", or "32x48"."""
    height, width = pixels
    return f"{height}" if height == width else f"{height}x{width}"


def default_of(kind: type, name: str) -> Any:
    """The default of a setting, of `ModelConfig`, `TrainConfig` or `RunConfig`."""
    return getattr(kind(), name)


def _of_schedules(name):
    """The default of a setting under each schedule that has one, in words."""
    defaults = {schedule: rows.defaults()[name] for schedule, rows in schedules.SCHEDULES.items()}
    return ", ".join(
        f"{value:g}" if schedule == schedules.DEFAULT else f"{value:g} with --schedule {schedule}"
        for schedule, value in defaults.items()
        if value is not None
    )


def _downsampling():
    """What image sizes are multiples of, in words: "4", or of each core where they differ."""
    having = {}
    for core in systems.CORES.values():
        having.setdefault(core.downsampling, []).append(core.name)
    if len(having) == 1:
        return next(iter(having))
    return ", ".join(f"{pixels} ({', '.join(names)})" for pixels, names in having.items())


SWITCHES = {None: {"action": "store_true"}, bool: {"action": argparse.BooleanOptionalAction}}
REPEATED = {list: {"action": "append"}}
DATA_DIR = (
    "where the folder Data/region{1,2,3}/ lies (default: $DAENR_DATA_DIR, then the user's cache)"
)
# Of a part's option; their messages say what was expected.
READERS = {int: whole, float: number, str: str}
REPEATS_AS_TEST = (
    "repeats-as-test",
    bool,
    "stimuli that one's own recording shows several times become its test set",
    None,
)
SCHEDULE = (
    "schedule",
    str,
    "; ".join(f"{one.name}: {one.help}" for one in schedules.SCHEDULES.values())
    + f" (default: {schedules.DEFAULT})",
    None,
)
ENCODER_FROM = (
    (
        "encoder-from",
        str,
        "a run whose encoder this one starts with, for new neurons on a fitted core (its directory)",
        None,
    ),
    (
        "freeze-encoder",
        bool,
        "leave that encoder as it is: only the other parts are trained",
        None,
    ),
)
CORES = f"the encoder, one of {', '.join(systems.CORES)} (default: {systems.DEFAULT_CORE})"
LOSS_SCALE = (
    "loss-scale",
    str,
    "what alpha and beta weight: mean (over pixels and over neurons), sum (over both, as the paper's Eq. 4 and 6 are"
    " printed) or neurons (a sum over neurons, a mean over pixels, as Klindt et al. had)"
    f" (default: {default_of(TrainConfig, 'loss_scale')})",
    None,
)
OF_EVERY_MODEL = (
    (
        "batch-size",
        whole,
        f"images per step (default: {_of_schedules('batch_size')})",
        None,
    ),
    (
        "learning-rate",
        number,
        f"the largest; the second stage of the two-stage schedule has half of it (default: {_of_schedules('learning_rate')})",
        None,
    ),
    (
        "max-steps",
        whole,
        f"of all stages together (default: {_of_schedules('max_steps')})",
        None,
    ),
    (
        "patience-steps",
        whole,
        f"steps without improvement that end a stage (default: {_of_schedules('patience_steps')})",
        None,
    ),
    (
        "validate-every",
        whole,
        f"steps between validations (default: {_of_schedules('validate_every')})",
        None,
    ),
    ("core", str, CORES, None),
    (
        "image-size",
        size,
        f"H or HxW in pixels that stimuli are resized to, multiples of {_downsampling()}"
        f" (default: {size_text(default_of(ModelConfig, 'image_size'))})",
        None,
    ),
    (
        "resize",
        str,
        "how stimuli are resized: "
        + "; ".join(f"{one.name} ({one.help})" for one in RESIZES.values())
        + f" (default: {default_of(ModelConfig, 'resize')})",
        None,
    ),
    ("color", str, f"grey or rgb (default: {default_of(ModelConfig, 'color')})", None),
    (
        "strategy",
        str,
        "none or mirrored (every visible GPU holds a replica)"
        f" (default: {default_of(RunConfig, 'strategy')})",
        None,
    ),
    (
        "precision",
        str,
        f"float32 or mixed_bfloat16 (default: {default_of(ModelConfig, 'precision')})",
        None,
    ),
    (
        "deterministic",
        bool,
        "only operations that give the same bits each time, on GPUs too (slower)",
        None,
    ),
)


def of_parts(system: systems.System) -> list[tuple[str, Any, str, Any]]:
    """The rows of a system's parts' own options."""
    return [
        _row(option, f"{option.help} (default: {option.default})")
        for option in system.options.values()
    ]


def of_every_cell() -> list[tuple[str, Any, str, Any]]:
    """The rows of what a study can set for the training of all of its cells; a part's own, for those
    that have it."""
    return [LOSS_SCALE, *OF_EVERY_MODEL, *of_any_part()]


def of_any_part() -> list[tuple[str, Any, str, Any]]:
    """The rows of all parts' own options, for a command on several models."""
    parts = {}
    for part in systems.PARTS:
        for option in part.options:
            parts.setdefault(option.name, []).append((part, option))
    return [_row(having[0][1], _of_several(having)) for having in parts.values()]


def _row(option, meaning):
    return option.name.replace("_", "-"), READERS.get(option.read, option.read), meaning, None


def _of_several(having):
    """What an option means that several parts have: list of (part, option)."""
    defaults = {}
    for part, option in having:
        defaults.setdefault(option.default, {})[part.title] = None  # core and decoder may share one
    told = [f"{default} for {', '.join(titles)}" for default, titles in defaults.items()]
    return f"{having[0][1].help}; ignored by cells without it (default: {'; '.join(told)})"


def add(parser: argparse._ActionsContainer, rows: Iterable[tuple[str, Any, str, Any]]) -> None:
    """Add the options of some rows to a parser; what isn't given leaves no trace in its result."""
    for name, reader, meaning, _ in rows:
        how = SWITCHES.get(reader) or {
            **REPEATED.get(reader, {"type": reader}),
            "metavar": name.upper(),
        }
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, help=meaning, **how)
