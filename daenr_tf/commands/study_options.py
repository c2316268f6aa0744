"""The options of the experiments: what a table, a figure or all of them are offered, and what was given."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from daenr_tf import paper, systems
from daenr_tf.commands import options as shared
from daenr_tf.commands import process
from daenr_tf.errors import InputError, SettingError
from daenr_tf.experiments.catalogue import EXPERIMENTS
from daenr_tf.experiments.experiment import Experiment
from daenr_tf.experiments.study import BUDGETS, PAPER, REHEARSAL, Study, effective
from daenr_tf.paper import DEFAULT_REGION
from daenr_tf.recordings import sources
from daenr_tf.schedules import DEFAULT, SCHEDULES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def parser_of(name: str, typed: str) -> process.Parser:
    """The parser of an experiment, or of all (`name` is none's); `typed` as in `process.Call`."""
    what = "The paper's tables and figures"
    if name in EXPERIMENTS:
        heading = EXPERIMENTS[name].heading
        what = EXPERIMENTS[name].title + (f" ({heading} of the paper)" if heading else "")
    parser = process.Parser(
        prog=typed,
        description=f"{what}: trains every cell it needs with several seeds, and writes"
        " report.html, tables and figures.",
    )
    if name not in EXPERIMENTS:
        parser.add_argument(
            "--only",
            type=_names,
            metavar="NAME,...",
            help=f"some of {', '.join(EXPERIMENTS)} (default: all but {_in_words(one.name for one in EXPERIMENTS.values() if one.apart)})",
        )
    _add_recording(parser)
    _add_choice(parser, name)
    _add_work(parser)
    shared.add(
        parser.add_argument_group("settings of every cell, which win over the budget"),
        _by_budget(shared.of_every_cell()),
    )
    return parser


def _in_words(names):
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _by_budget(rows):
    """The rows of settings; the default of one that the budget decides is told for each budget."""
    model, layer = next(iter(systems.SYSTEMS)), {"layer": 1}
    trainings = {
        budget: Study("", budget=budget).resolved(model, layer).training for budget in BUDGETS
    }
    decided = SCHEDULES[DEFAULT].defaults()
    for name, reader, meaning, choices in rows:
        field = name.replace("-", "_")
        if field in decided:
            meaning = f"{meaning.partition(' (default:')[0]} (default: {_told(trainings, field)})"
        yield name, reader, meaning, choices


def _told(trainings, field):
    """A setting under each budget, in words; once where all have the same."""
    budgets = {}
    for budget, training in trainings.items():
        budgets.setdefault(getattr(training, field), []).append(budget)
    if len(budgets) == 1:
        return f"{next(iter(budgets)):g}"
    return ", ".join(
        f"{value:g} with --budget {_in_words(names)}" for value, names in budgets.items()
    )


def _add_recording(parser):
    """On what recording."""
    parser.add_argument("--dataset", default="auto", help=f"{sources.choices()} (default: auto)")
    parser.add_argument(
        "--data-dir",
        help=shared.DATA_DIR,
    )
    shared.add(parser, (shared.REPEATS_AS_TEST,))


def _default_seeds(name):
    if name in EXPERIMENTS:
        return EXPERIMENTS[name].seeds
    usual = Experiment.seeds
    others = [f"{one.seeds} with {one.name}" for one in EXPERIMENTS.values() if one.seeds != usual]
    return ", ".join([str(usual), *others])


def _default_layers(name):
    shown = [EXPERIMENTS[name]] if name in EXPERIMENTS else EXPERIMENTS.values()
    own = {one.name: ",".join(map(str, one.layers)) for one in shown if one.layers}
    if name in own:
        return own[name]
    return ", ".join(["all", *(f"{layers} with {one}" for one, layers in own.items())])


def _add_choice(parser, name):
    """Which cells."""
    parser.add_argument(
        "--regions",
        type=_numbers("region", paper.REGIONS),
        metavar="R,...",
        help="recorded regions (default: those of the paper's table); for one's own recording the one whose alpha:beta are taken"
        f" (default: {DEFAULT_REGION})",
    )
    deepest = max(core.layers for core in systems.CORES.values())
    parser.add_argument(
        "--layers",
        type=_numbers("layer", range(1, deepest + 1)),
        metavar="L,...",
        help=f"hidden layers (default: {_default_layers(name)})",
    )
    parser.add_argument(
        "--models",
        type=_models,
        metavar="MODEL,...",
        help="recipes (default: the experiment's own)",
    )
    parser.add_argument(
        "--seeds",
        type=shared.count,
        metavar="N",
        help=f"seeds 0..N-1 (default: {_default_seeds(name)})",
    )


def _add_work(parser):
    """How far they are trained, where, and what is kept."""
    parser.add_argument(
        "--budget",
        choices=BUDGETS,
        default=PAPER,
        help=f"paper (until early stopping, at most {BUDGETS[PAPER]['max_steps']:,} steps), fast (--schedule fast of a fit: not the paper's procedure)"
        f" or quick (at most 200 steps, a rehearsal) (default: {PAPER})",
    )
    parser.add_argument(
        "--quick",
        dest="budget",
        action="store_const",
        const=REHEARSAL,
        help="the same as --budget quick",
    )
    parser.add_argument(
        "--workers",
        type=shared.count,
        metavar="N",
        help="cells at once on this machine (default: its cores)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a dask cluster to run the cells on, such as tcp://host:8786 or tls://host:8786",
    )
    parser.add_argument(
        "--results-dir",
        help="where cells, tables and report go (default: results/<dataset>-<budget>)",
    )
    parser.add_argument(
        "--complete",
        action="store_true",
        help="every cell keeps its figures, model.keras and SavedModel as well",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the cells and an estimate of the time, and train nothing",
    )


def _parts(text):
    return [part.strip() for part in text.split(",") if part.strip()]


def _one_of(what, text, choices, read=str):
    found = []
    for part in _parts(text):
        try:
            value = read(part)
        except ValueError:
            value = None
        if value not in choices:
            raise argparse.ArgumentTypeError(
                f"expected {what}s out of {', '.join(map(str, choices))}, found {part!r}"
            )
        found.append(value)
    if not found:
        raise argparse.ArgumentTypeError(
            f"expected {what}s out of {', '.join(map(str, choices))}, found {text!r}"
        )
    return tuple(choice for choice in choices if choice in found)


def _numbers(what, choices):
    return lambda text: _one_of(what, text, choices, int)


def _names(text):
    return _one_of("name", text, tuple(EXPERIMENTS))


def _models(text):
    return _one_of("model", text, tuple(systems.SYSTEMS))


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """What was given for every cell: dict of a setting's name -> value, as JSON has it.

    Raises `InputError` where one can't be used.
    """
    rows = (shared.REPEATS_AS_TEST, *shared.of_every_cell())
    names = [row[0].replace("-", "_") for row in rows]
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    given = {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items()
    }
    try:
        return effective(given, options.budget)
    except SettingError as error:
        raise InputError(f"--{error.field.replace('_', '-')}: {error.problem}") from None


def layers_of(asked: Sequence[int] | None, settings: Mapping[str, Any]) -> Sequence[int] | None:
    """The hidden layers to read: those that were asked for, or all of the core's; None for each experiment's own, of
    the paper's core.

    Raises `InputError` where it lacks one.
    """
    core = systems.CORES[settings.get("core", systems.DEFAULT_CORE)]
    layers = range(1, core.layers + 1)
    if asked and max(asked) > core.layers:
        raise InputError(
            f"--layers: expected layers out of {', '.join(map(str, layers))}"
            f" of the core {core.name}, found {max(asked)}"
        )
    return asked or (None if tuple(layers) == paper.LAYERS else tuple(layers))
