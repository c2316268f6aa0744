"""The command line of the experiments: `python -m recipes.reproduce`, and `recipes.table2` ... `recipes.figure8` with the choice made."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import sys
import time
from typing import TYPE_CHECKING

from daenr_tf import paper, systems
from daenr_tf.commands import options as shared
from daenr_tf.commands import process
from daenr_tf.errors import InputError, MachineError, SettingError
from daenr_tf.experiments import study_file
from daenr_tf.experiments.catalogue import EXPERIMENTS
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.study import BUDGETS, Study, effective, image_settings
from daenr_tf.recordings import sources
from daenr_tf.runs import lock
from daenr_tf.runs.directory import check_writable, make_directory

if TYPE_CHECKING:
    from collections.abc import Sequence

HALF_WRITTEN = {
    "": r"(study\.json|report\.html)\.\d+\.part|\.seen-\d+",
    "tables": r"\w+\.(csv|md)\.\d+\.part",
    "figures": r"\w+\.png\.\d+\.part",
}  # by folder
DEFAULT_SEEDS = 5


def _parser(name, typed):
    what = "The paper's tables and figures"
    if name in EXPERIMENTS:
        what = f"{EXPERIMENTS[name].title} ({EXPERIMENTS[name].heading} of the paper)"
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
            help=f"some of {', '.join(EXPERIMENTS)} (default: all)",
        )
    parser.add_argument("--dataset", default="auto", help=f"{sources.choices()} (default: auto)")
    parser.add_argument(
        "--data-dir",
        help=shared.DATA_DIR,
    )
    parser.add_argument(
        "--regions",
        type=_numbers("region", paper.REGIONS),
        metavar="R,...",
        help="recorded regions (default: those of the paper's table); for one's own recording the one whose alpha:beta are taken"
        f" (default: {paper.DEFAULT_REGION})",
    )
    deepest = max(core.layers for core in systems.CORES.values())
    parser.add_argument(
        "--layers",
        type=_numbers("layer", range(1, deepest + 1)),
        metavar="L,...",
        help="hidden layers (default: all)",
    )
    parser.add_argument(
        "--models",
        type=_models,
        metavar="MODEL,...",
        help="recipes (default: all that the table has)",
    )
    parser.add_argument(
        "--seeds",
        type=_count,
        default=DEFAULT_SEEDS,
        metavar="N",
        help=f"seeds 0..N-1 (default: {DEFAULT_SEEDS})",
    )
    parser.add_argument(
        "--budget",
        choices=BUDGETS,
        default="paper",
        help="paper (until early stopping, at most 10,000 steps) or quick (at most 200 steps, a rehearsal) (default: paper)",
    )
    parser.add_argument(
        "--quick",
        dest="budget",
        action="store_const",
        const="quick",
        help="the same as --budget quick",
    )
    parser.add_argument(
        "--workers",
        type=_count,
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
    shared.add(
        parser.add_argument_group("settings of every cell, which win over the budget"),
        shared.of_every_cell(),
    )
    return parser


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


def _count(text):
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 1000, found {text!r}")
    return value


def main(name: str, argv: Sequence[str] | None = None) -> None:
    """Run an experiment's command line and leave the process with the exit status of the contract."""
    argv = sys.argv[1:] if argv is None else list(argv)
    call = process.Call(name, f"python -m recipes.{name}", argv)
    process.leave(call.label, lambda: reproduce(call))


def reproduce(call: process.Call) -> None:
    """The command `reproduce`, and those that are named for a table or a figure."""
    name = call.name
    options = _parser(name, call.typed).read(call.arguments)
    own = not sources.is_source(options.dataset)
    if own and options.regions and len(options.regions) > 1:
        raise InputError(
            f"--regions: expected the one region whose alpha:beta are taken for {options.dataset},"
            f" found {','.join(map(str, options.regions))}"
        )
    if options.scheduler and options.workers:
        raise InputError(
            "--workers: expected no number beside --scheduler, whose cluster has workers of its own"
        )
    process.check_path("--results-dir", options.results_dir)
    process.check_path("--data-dir", options.data_dir)
    settings = _settings(options)
    names = (name,) if name in EXPERIMENTS else options.only
    chosen = plan(
        names,
        options.regions,
        _layers(options.layers, settings),
        options.models,
        options.seeds,
        own,
    )
    recordings, dataset = _recordings(chosen, options, image_settings(settings).channels)
    study = Study(
        dataset,
        options.data_dir and os.path.abspath(options.data_dir),
        options.budget,
        (options.regions if own and options.regions else (paper.DEFAULT_REGION,))[0],
        options.complete,
        {str(region): recording.digest for region, recording in recordings.items()},
        settings,
    )
    stem = os.path.splitext(os.path.basename(dataset))[0] if own else dataset
    results_dir = os.path.abspath(
        options.results_dir or os.path.join("results", f"{stem}-{options.budget}")
    )
    check_writable("--results-dir", results_dir)
    workers = options.workers or len(os.sched_getaffinity(0))
    if options.dry_run:
        from daenr_tf.experiments.cell_outputs import Finished
        from daenr_tf.experiments.forecast import describe

        if os.path.isdir(results_dir):
            study_file.known(results_dir, study)
        print(describe(chosen, Finished(results_dir, study, recordings), workers))
        return
    command = f"{call.typed} {shlex.join(call.arguments)}".strip()
    _study(command, chosen, study, recordings, results_dir, workers, options.scheduler)


def _settings(options):
    """What was given for every cell: dict of a setting's name -> value, as JSON has it.

    Raises `InputError` where one can't be used.
    """
    names = [row[0].replace("-", "_") for row in shared.of_every_cell()]
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    given = {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items()
    }
    try:
        return effective(given, options.budget)
    except SettingError as error:
        raise InputError(f"--{error.field.replace('_', '-')}: {error.problem}") from None


def _layers(asked, settings):
    """The hidden layers to read: those that were asked for, or all of the core's.

    Raises `InputError` where it lacks one.
    """
    core = systems.CORES[settings.get("core", systems.DEFAULT_CORE)]
    layers = range(1, core.layers + 1)
    if asked and max(asked) > core.layers:
        raise InputError(
            f"--layers: expected layers out of {', '.join(map(str, layers))}"
            f" of the core {core.name}, found {max(asked)}"
        )
    return asked or tuple(layers)


def _recordings(chosen, options, channels):
    """The recordings of the plan by region, all fit for a model of so many channels, and the dataset's
    name with "auto" resolved."""
    from daenr_tf.recordings import checks
    from daenr_tf.recordings.load import load_recording

    dataset, found = options.dataset, {}
    for region in sorted(
        {region for part in chosen.parts for region in part.regions}, key=lambda region: region or 0
    ):
        found[region] = load_recording(dataset, region, options.data_dir)
        checks.colour(found[region], channels)
        dataset = sources.settled(dataset, found[region])
    return found, dataset


def _study(command, chosen, study, recordings, results_dir, workers, scheduler):
    from daenr_tf.experiments import cell_outputs, cluster, grid, worker
    from daenr_tf.experiments.grid_progress import Show
    from daenr_tf.machine.files import write_text

    make_directory("--results-dir", results_dir)
    with lock.held(os.path.join(results_dir, "lock"), "another study", "--results-dir") as held:
        known = study_file.known(results_dir, study)
        _sweep(results_dir)
        with contextlib.suppress(FileNotFoundError):
            write_text(
                os.path.join(results_dir, study_file.FILE), json.dumps(known, indent=2) + "\n"
            )
        started, finished = time.monotonic(), cell_outputs.Finished(results_dir, study, recordings)
        try:
            with cluster.client(workers, scheduler) as client:
                outcomes = grid.run_grid(
                    client, chosen.cells, study, results_dir, Show(), finished.read
                )
        except KeyboardInterrupt as error:
            count = sum(grid.is_finished(results_dir, cell) for cell in chosen.cells)
            raise KeyboardInterrupt(
                f"{str(error) or 'stopped'}; {count} of {len(chosen.cells)} cells are finished;"
                f" the same command goes on with {results_dir}"
            ) from None
        from daenr_tf.experiments.report.page import write_report

        held.check()
        print(write_report(finished, chosen, outcomes, command, time.monotonic() - started))
    damaged = [outcome for outcome in outcomes if outcome.status == "damaged"]
    failed = [outcome for outcome in outcomes if outcome.status not in ("kept", "done", "damaged")]
    told = []
    if failed:
        told.append(
            f"{len(failed)} of {len(outcomes)} cells failed, the first of them {failed[0].cell.name} ({failed[0].message};"
            f" log: {worker.log_file(results_dir, failed[0].cell)}); the same command tries them again"
        )
    if damaged:
        told.append(
            f"{len(damaged)} of {len(outcomes)} cells are finished and damaged, the first of them {damaged[0].cell.name}"
            f" ({damaged[0].message})"
        )
    if told:
        raise MachineError(f"{'; '.join(told)}; the report leaves them out")


def _sweep(results_dir):
    """Remove what a process that was killed within a save left half-written."""
    for folder in ("", "tables", "figures"):
        place = os.path.join(results_dir, folder)
        for name in os.listdir(place) if os.path.isdir(place) else ():
            if re.fullmatch(HALF_WRITTEN[folder], name):
                os.remove(os.path.join(place, name))
