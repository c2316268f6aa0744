"""The command line of a model recipe: options -> configuration -> run.

Nothing heavy is imported before the arguments are known to be good.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from daenr_tf import systems
from daenr_tf.commands import options
from daenr_tf.commands.options import number, whole
from daenr_tf.commands.process import Call, Parser, check_path, leave
from daenr_tf.config import ModelConfig, RunConfig, resolve
from daenr_tf.errors import InputError, SettingError
from daenr_tf.recordings import sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


SEVERAL = ("folds", "ensemble")  # options that make more than one run
MOST_MODELS = 100


def _has_readout(system):
    return system.readout is not None


def _is_joint(system):
    return system.joint


# One row per option that is no part's, as in `commands.options`.
OPTIONS = (
    (
        "region",
        whole,
        f"recorded region, 1 to 3 (default: {options.default_of(RunConfig, 'region')});"
        " for one's own recording only its alpha:beta count",
        None,
    ),
    (
        "layer",
        whole,
        f"hidden layer h_i that the readout reads (default: {options.default_of(ModelConfig, 'layer')})",
        _has_readout,
    ),
    (
        "task",
        str,
        "ir (image reconstruction) or nrs (neural representation similarity): picks alpha:beta and the"
        " monitored validation loss (default: ir with a decoder, nrs without)",
        None,
    ),
    (
        "dataset",
        list,
        f"{sources.choices()} (default: {options.default_of(RunConfig, 'dataset')}); given several times,"
        " one model with a readout for each recording (docs/many.md)",
        None,
    ),
    (
        "data-dir",
        str,
        options.DATA_DIR,
        None,
    ),
    options.REPEATS_AS_TEST,
    (
        "alpha",
        number,
        "weight of the reconstruction loss (default: the paper's for that cell)",
        _is_joint,
    ),
    ("beta", number, "weight of the response loss (default: the paper's for that cell)", _is_joint),
    (*options.LOSS_SCALE[:3], _is_joint),
    (
        "seed",
        whole,
        "initial weights, validation split, order, sampling"
        f" (default: {options.default_of(ModelConfig, 'seed')})",
        None,
    ),
    options.SCHEDULE,
    *options.OF_EVERY_MODEL,
    *options.ENCODER_FROM,
    (
        "fold",
        str,
        "k/K: the test set is the k-th of K folds of all images, the others are trained on",
        None,
    ),
    (
        "folds",
        whole,
        "K models, one a fold: cross-validated predictions of every image (docs/folds.md)",
        None,
    ),
    (
        "ensemble",
        whole,
        "N models, of seeds one after the other from --seed on, averaged and exported as one"
        " (docs/folds.md)",
        None,
    ),
    ("run-dir", str, "where the run's files go (default: runs/<recipe>/<tag>)", None),
    (
        "export-dir",
        str,
        "where the SavedModel's versions go (default: saved_models/<recipe>/<tag>)",
        None,
    ),
    (
        "config",
        str,
        "a run's config.json to take every setting from; options given beside it win",
        None,
    ),
    ("overwrite", None, "start afresh where a run lies", None),
    (
        "quick",
        bool,
        "the whole path on a small budget, under a minute; --no-quick makes a full run of a quick one's --config",
        None,
    ),
)


def rows_of(system: systems.System) -> list[tuple[str, Any, str, Any]]:
    """The rows of a system: the common ones, and its parts' own."""
    return [
        *(row for row in OPTIONS if row[3] is None or row[3](system)),
        *options.of_parts(system),
    ]


def _parser(recipe, typed):
    parser = Parser(
        prog=typed,
        description=f"Train, evaluate and export {recipe}. The run's files go to runs/, the SavedModel to saved_models/.",
    )
    options.add(parser, rows_of(systems.system(recipe)))
    return parser


def _refuse_unknown(recipe, unknown):
    given = unknown[0].split("=")[0]
    having = [
        name
        for name, system in systems.SYSTEMS.items()
        if given in {f"--{row[0]}" for row in rows_of(system)}
    ]
    if having:
        raise InputError(
            f"{given}: {recipe} has no such option; models that have it: {', '.join(having)}"
        )
    raise InputError(
        f"{given}: expected an option of {recipe} (see --help), found an unknown argument"
    )


def parse(recipe: str, argv: list[str], typed: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of a recipe as (settings given, locations); `typed` as in `Call`.

    Returns:
        (dict of settings by field name, dict with `data_dir`, `run_dir`, `export_dir`, `config`, `overwrite`, `folds`, `ensemble`).

    Raises:
        InputError: an argument can't be used.
    """
    given, unknown = _parser(recipe, typed).read_known(argv)
    if unknown:
        _refuse_unknown(recipe, unknown)
    given = vars(given)
    places = {
        name: given.pop(name, None)
        for name in ("data_dir", "run_dir", "export_dir", "config", *SEVERAL)
    }
    places["overwrite"] = given.pop("overwrite", False)
    for name, value in places.items():
        check_path(f"--{name.replace('_', '-')}", value)
    _check_several(given, places)
    return given, places


def _check_several(given, places):
    asked = [name for name in SEVERAL if places[name] is not None]
    for name in asked:
        if not 2 <= places[name] <= MOST_MODELS:
            found = places[name]
            raise InputError(
                f"--{name}: expected a number of models from 2 to {MOST_MODELS}, found {found}"
            )
    if len(asked) > 1:
        raise InputError("--ensemble: expected none beside --folds, found both")
    if "folds" in asked and "fold" in given:
        raise InputError("--fold: expected none beside --folds, found both")
    if "folds" in asked and places["export_dir"] is not None:
        raise InputError(
            "--export-dir: expected none beside --folds, whose models are of different images,"
            " found one"
        )


def main(recipe: str, argv: Sequence[str] | None = None) -> None:
    """Run a recipe's command line and leave the process with the exit status of the contract."""
    call = Call(recipe, f"python -m recipes.{recipe}", sys.argv[1:] if argv is None else list(argv))
    leave(call.label, lambda: _run(recipe, call))


def fit(call: Call) -> None:
    """The command `fit`: the first argument names the recipe, the others are its options."""
    if call.arguments and not call.arguments[0].startswith("-"):
        recipe, *options = call.arguments
        systems.system(recipe)
        _run(recipe, Call(recipe, f"{call.typed} {recipe}", options))
        return
    names = tuple(systems.SYSTEMS)
    head = Parser(
        prog=call.typed,
        description="Train, evaluate and export a model. Each has options of its own:"
        f" {call.typed} RECIPE --help tells them.",
    )
    head.add_argument("recipe", metavar="RECIPE", choices=names, help=", ".join(names))
    head.read_known(call.arguments)
    option = call.arguments[0]
    raise InputError(
        f"{option}: expected the recipe first, as in {call.typed} {names[0]} {option},"
        " found an option"
    )


def _run(recipe, call):
    given, places = parse(recipe, call.arguments, call.typed)
    try:
        config = resolve(recipe, given, places.pop("config"))
    except SettingError as error:
        raise InputError(f"--{error.field.replace('_', '-')}: {error.problem}") from None
    several = {name: places.pop(name) for name in SEVERAL}
    for name in SEVERAL:
        if several[name] and config.several:
            raise InputError(
                f"--{name}: expected none with several recordings, found {several[name]}"
            )
    if config.recording is not None:
        raise InputError(
            "--config: expected the settings of a run, found those of one of the recordings of a run on"
            " several; the config.json of the whole lies two directories above"
        )
    if several["folds"]:
        from daenr_tf.experiments.cross_validation import cross_validate

        del places["export_dir"]
        cross_validate(config, several["folds"], **places)
    elif several["ensemble"]:
        from daenr_tf.experiments.ensemble import average

        average(config, several["ensemble"], **places)
    else:
        from daenr_tf.runs.run import run

        run(config, **places)
