"""`daenr tune`: settings found on the validation set, with the same number of tries for every recipe."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import TYPE_CHECKING, Any

from daenr_tf import systems
from daenr_tf.commands import fit
from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.config import resolve
from daenr_tf.errors import InputError, MachineError, SettingError, one_line, refusal
from daenr_tf.machine.messages import LOGGER
from daenr_tf.readable import aligned
from daenr_tf.recordings import checks, sources
from daenr_tf.tuning import space, storage

if TYPE_CHECKING:
    from daenr_tf.config import RunConfig
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.tuning.tuning import Tuning

DEFAULT_TRIALS = 30
PLACES = ("run-dir", "export-dir", "overwrite")  # of a fit, and none of a trial's
EPILOG = (
    "Trials are trained with the options of a fit that are given; what is given is not searched. They are judged by the"
    " validation loss that a fit monitors, without penalties; the test set is left out of their recording. Every recipe's first"
    " trial has the defaults. The same command goes on with a search that was stopped, or lengthens it with more --trials."
)


def tune(call: Call) -> None:
    """The command."""
    options = vars(_parser(call.typed).read(call.arguments))
    own = {
        name: options.pop(name)
        for name in ("recipes", "trials", "out", "workers", "scheduler", "storage", "prune")
    }
    asked, places = (
        dict(options.pop("search")),
        {name: options.pop(name, None) for name in ("data_dir", "config")},
    )
    for name, value in {**places, "out": own["out"]}.items():
        check_path(f"--{name.replace('_', '-')}", value)
    if own["scheduler"] and own["workers"]:
        raise InputError(
            "--workers: expected no number beside --scheduler, whose cluster has workers of its own"
        )
    recipes = list(dict.fromkeys(own["recipes"]))
    for recipe in recipes:
        systems.system(recipe)
    _refuse_foreign(recipes, options)
    starts = {recipe: _start(recipe, options, places["config"]) for recipe in recipes}
    _refuse_unknown(asked, starts.values())
    spaces = [space.around(start, _own(recipe, options), asked) for recipe, start in starts.items()]
    storage.check_installed()
    from daenr_tf.runs.directory import check_writable

    out = os.path.abspath(own["out"])
    check_writable("--out", out)
    data_dir = places["data_dir"] and os.path.abspath(places["data_dir"])
    recording = _recording(spaces, data_dir)
    spaces = [
        dataclasses.replace(
            one,
            start=dataclasses.replace(
                one.start, dataset=sources.settled(one.start.dataset, recording)
            ),
        )
        for one in spaces
    ]
    if len({one.start.training.monitor for one in spaces}) > 1:
        LOGGER.warning(
            "the recipes are judged by different losses, as their tasks differ (--task gives them one): their losses can't be compared"
        )
    _tune(spaces, recording, data_dir, out, own)


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
    rows = [row for row in fit.OPTIONS if row[0] not in PLACES]
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


def _recording(spaces, data_dir):
    """The recording, found fit for all of the models."""
    from daenr_tf.recordings.load import load_recording
    from daenr_tf.runs import footprint

    start = spaces[0].start
    recording = load_recording(start.dataset, start.region, data_dir, start.repeats_as_test)
    for one in spaces:
        checks.colour(recording, one.start.model.channels)
        footprint.check(one.start, recording)
    for note in recording.notes:
        LOGGER.warning("%s", note)
    return recording


def _tune(spaces, recording, data_dir, out, own):
    from daenr_tf.experiments import cluster
    from daenr_tf.runs import lock
    from daenr_tf.runs.directory import make_directory
    from daenr_tf.tuning import record
    from daenr_tf.tuning.search import search
    from daenr_tf.tuning.tuning import Tuning

    make_directory("--out", out)
    with lock.held(os.path.join(out, "lock"), "another search", "--out") as held:
        url = own["storage"] or storage.url_of_file(os.path.join(out, storage.FILE))
        shown = own["storage"] and _without_password(own["storage"])
        with storage.opened(url) as kept:
            tunings = []
            for one in spaces:
                known, begun = record.opened(_record(one, recording, out, own["prune"], shown))
                tuning = Tuning(kept, known, own["trials"], begun)
                make_directory("--out", known.place)
                tuning.settle()
                record.write(tuning)
                tunings.append(tuning)

            def order(tuning, number):
                return _order(tuning, number, url, data_dir, recording.digest)

            def concluded(tuning):
                held.check()
                record.write(tuning)

            try:
                with cluster.client(
                    own["workers"] or len(os.sched_getaffinity(0)), own["scheduler"]
                ) as client:
                    search(client, tunings, out, order, concluded)
            except KeyboardInterrupt as error:
                raise KeyboardInterrupt(
                    f"{str(error) or 'stopped'}; {_ended(tunings)} of {_all(tunings)} trials have ended; the same command goes on with"
                    f" {own['out']}"
                ) from None
            for tuning in tunings:
                held.check()
                record.draw(tuning)
            print(table(tunings))
            _refuse_failures(tunings)


def _without_password(url):
    """The URL as others may see it. What is none is refused where it is opened."""
    try:
        return storage.without_password(url)
    except Exception:  # SQLAlchemy has many kinds
        return "unreadable"


def _record(
    one: space.Space, recording: Recording, out: str, prunes: bool, shown: str | None
) -> Any:
    from daenr_tf.tuning.record import Record, name_of_study

    train, validation = recording.split(one.start.training.seed)
    recipe = one.start.model.recipe
    facts = {
        "name": recording.name,
        "simulated": recording.simulated,
        "digest": recording.digest,
        "counts": {
            "train": len(train),
            "validation": len(validation),
            "neurons": recording.neurons,
        },
    }
    return Record(one, os.path.join(out, recipe), name_of_study(recipe), facts, prunes, shown)


def _order(tuning, number, url, data_dir, digest):
    """What the process of a trial is to read: paths that lead anywhere from everywhere."""
    config: RunConfig = tuning.config(number)
    dataset = os.path.abspath(config.dataset) if config.own_recording else config.dataset
    core = config.model.encoder_from
    return {
        "config": space.moved(config, dataset, core and os.path.abspath(core)).to_dict(),
        "data_dir": data_dir,
        "digest": digest,
        "place": tuning.place(number),
        "report": {
            "storage": url,
            "study": tuning.record.study,
            "number": number,
            "warm_up": config.training.patience_steps,
            "prune": tuning.record.prunes and not tuning.is_default(number),
        },
    }


def _ended(tunings):
    return sum(one.ended != "open" for tuning in tunings for one in tuning.tries())


def _all(tunings):
    return sum(max(tuning.wanted, tuning.begun) for tuning in tunings)


def table(tunings: list[Tuning]) -> str:
    """What the searches came to, as text: on what data, a row per recipe, and where the files are."""
    from daenr_tf.tuning import record

    rows = [
        (
            "recipe",
            "judged by",
            "defaults",
            "best",
            "gain",
            "trial",
            "finished",
            "pruned",
            "diverged",
            "failed",
            "best settings",
        )
    ]
    for tuning in tunings:
        best, counts = tuning.best(), record.counts(tuning)
        default = next(
            (one.value for one in tuning.tries() if one.default and one.ended == "finished"), None
        )
        gain = default - best.value if best and default is not None else None
        changed = space.differing(tuning.config(best.number), tuning.space.start) if best else {}
        told = ", ".join(f"{name} {value:.4g}" for name, value in changed.items()) or "the defaults"
        rows.append(
            (
                tuning.recipe,
                f"validation {tuning.record.loss}",
                *map(_figure, (default, best and best.value, gain)),
                str(best.number) if best else "–",
                *(str(counts[how]) for how in ("finished", "pruned", "diverged", "failed")),
                told if best else "–",
            )
        )
    ends = [
        f"daenr fit {one.recipe} --config {one.record.file(record.BEST)}"
        for one in tunings
        if one.best()
    ]
    return "\n".join(map(one_line, [tunings[0].record.data, *aligned(rows), *ends]))


def _figure(value):
    return "–" if value is None else f"{value:.5f}"


def _refuse_failures(tunings):
    """Raises `MachineError` where processes of trials failed."""
    failed = [
        (tuning, number, text)
        for tuning in tunings
        for number, text in sorted(tuning.failed.items())
    ]
    if failed:
        tuning, number, text = failed[0]
        raise MachineError(
            f"{len(failed)} of {_all(tunings)} trials failed, the first of them {tuning.recipe} {number} ({text});"
            f" the same command tries them again"
        )
