"""The options of `daenr tune`: what is searched, for which recipes, and where."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from daenr_tf import systems
from daenr_tf.commands import fit
from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Parser, check_path
from daenr_tf.config import resolve
from daenr_tf.errors import InputError, SettingError, refusal
from daenr_tf.tuning import space

if TYPE_CHECKING:
    from daenr_tf.commands.process import Call

DEFAULT_TRIALS = 30
NO_TRIALS = (
    "run-dir",
    "export-dir",
    "overwrite",
    "fold",
    "folds",
    "ensemble",
)  # options of a fit that are none of a trial
EPILOG = (
    "Trials are trained with the options of a fit that are given; what is given is not searched. They are judged by the"
    " validation loss that a fit monitors, without penalties; the test set is left out of their recording. Every recipe's first"
    " trial has the defaults. The same command goes on with a search that was stopped, or lengthens it with more --trials."
)
OWN = ("recipes", "trials", "out", "workers", "scheduler", "storage", "prune")


def read(call: Call) -> tuple[list[space.Space], str | None, argparse.Namespace]:
    """What was asked for: (a `Space` per recipe, the absolute path of the published recordings or None, the command's own options).

    Raises:
        InputError: an argument can't be used.
    """
    options = vars(_parser(call.typed).read(call.arguments))
    own = argparse.Namespace(**{name: options.pop(name) for name in OWN})
    asked = dict(options.pop("search"))
    data_dir, config_file = (options.pop(name, None) for name in ("data_dir", "config"))
    for name, value in (("data-dir", data_dir), ("config", config_file), ("out", own.out)):
        check_path(f"--{name}", value)
    if own.scheduler and own.workers:
        raise InputError(
            "--workers: expected no number beside --scheduler, whose cluster has workers of its own"
        )
    recipes = list(dict.fromkeys(own.recipes))
    for recipe in recipes:
        systems.system(recipe)
    _refuse_foreign(recipes, options)
    starts = {recipe: _start(recipe, options, config_file) for recipe in recipes}
    _refuse_unknown(asked, starts.values())
    spaces = [space.around(start, _own(recipe, options), asked) for recipe, start in starts.items()]
    return spaces, data_dir and os.path.abspath(data_dir), own


def _parser(typed):
    parser = Parser(
        prog=typed,
        description="Settings found on the validation set: alpha:beta and the regularisers, with the same number of tries for"
        " every recipe.",
        epilog=EPILOG,
    )
    parser.add_argument("recipes", nargs="+", metavar="RECIPE", help=", ".join(systems.SYSTEMS))
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="where trials and results go, a directory per recipe inside",
    )
    parser.add_argument(
        "--trials",
        type=shared.count,
        default=DEFAULT_TRIALS,
        metavar="N",
        help=f"of every recipe, the defaults included (default: {DEFAULT_TRIALS})",
    )
    parser.add_argument(
        "--search",
        type=_range,
        action="append",
        default=[],
        metavar="NAME=LOW:HIGH",
        help="a setting to search and its bounds, in place of those that are declared; :log or :linear behind it names the scale;"
        f" may be repeated (default: {_declared()})",
    )
    parser.add_argument(
        "--prune",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="stop a trial that is worse than the median of the finished ones at the same step (default: on)",
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="of the database of trials (default: an SQLite file in DIR)",
    )
    parser.add_argument(
        "--workers",
        type=shared.count,
        metavar="N",
        help="trials at once on this machine (default: its cores)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a dask cluster to run the trials on, such as tcp://host:8786 or tls://host:8786",
    )
    rows = [row for row in fit.OPTIONS if row[0] not in NO_TRIALS]
    shared.add(parser.add_argument_group("options of a fit"), [*rows, *shared.of_any_part()])
    return parser


def _range(text):
    try:
        return space.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _declared():
    """What is searched by default, in words."""
    found = [
        f"{option.name}={option.search[0]:g}:{option.search[1]:g}"
        for option in systems.options().values()
        if option.search
    ]
    return ", ".join(
        [
            *found,
            f"{space.ALPHA_BETA} of a joint model, {space.DECADES} decades to either side of its own",
        ]
    )


def _names(recipe):
    """The settings that a recipe has options for."""
    return {row[0].replace("-", "_") for row in fit.rows_of(systems.system(recipe))}


def _refuse_foreign(recipes, given):
    """An option that only some of the recipes have is theirs; one that none has is refused."""
    for name in given:
        if not any(name in _names(recipe) for recipe in recipes):
            having = [other for other in systems.SYSTEMS if name in _names(other)]
            raise InputError(
                f"--{name.replace('_', '-')}: {', '.join(recipes)} {'have' if recipes[1:] else 'has'} no such option; models that"
                f" have it: {', '.join(having)}"
            )


def _own(recipe, given):
    """Those of the settings given that a recipe has."""
    return {name: value for name, value in given.items() if name in _names(recipe)}


def _start(recipe, given, config_file):
    """The configuration that a recipe's search starts from."""
    try:
        return resolve(recipe, _own(recipe, given), config_file)
    except SettingError as error:
        raise InputError(f"--{error.field.replace('_', '-')}: {error.problem}") from None


def _refuse_unknown(asked, starts):
    known = list(dict.fromkeys(name for start in starts for name in space.searchable(start)))
    for name in asked:
        if name not in known:
            raise refusal("--search", f"a setting among {', '.join(known)}", repr(name))
