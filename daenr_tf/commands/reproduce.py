"""The command line of the experiments: `python -m recipes.reproduce`, and `recipes.table2` ... `recipes.figure8` with the choice made."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import time
from typing import TYPE_CHECKING

from daenr_tf.commands import process
from daenr_tf.commands.study_options import layers_of, parser_of, settings_of
from daenr_tf.errors import InputError, MachineError
from daenr_tf.experiments import study_file
from daenr_tf.experiments.catalogue import EXPERIMENTS
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.study import Study, image_settings
from daenr_tf.machine.messages import LOGGER
from daenr_tf.paper import DEFAULT_REGION
from daenr_tf.recordings import sources
from daenr_tf.runs import lock
from daenr_tf.runs.directory import check_writable, make_directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daenr_tf.experiments.planning import Plan

HALF_WRITTEN = {
    "": r"(study\.json|report\.html)\.\d+\.part|\.seen-\d+",
    "tables": r"\w+\.(csv|md)\.\d+\.part",
    "figures": r"\w+\.png\.\d+\.part",
}  # by folder


def main(name: str, argv: Sequence[str] | None = None) -> None:
    """Run an experiment's command line and leave the process with the exit status of the contract."""
    argv = sys.argv[1:] if argv is None else list(argv)
    call = process.Call(name, f"python -m recipes.{name}", argv)
    process.leave(call.label, lambda: reproduce(call))


def reproduce(call: process.Call) -> None:
    """The command `reproduce`, and those that are named for a table or a figure."""
    name = call.name
    options = parser_of(name, call.typed).read(call.arguments)
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
    settings = settings_of(options)
    names = (name,) if name in EXPERIMENTS else options.only
    chosen = plan(
        names,
        options.regions,
        layers_of(options.layers, settings),
        options.models,
        options.seeds,
        own,
    )
    recordings, dataset = _recordings(chosen, options, settings)
    study = Study(
        dataset,
        options.data_dir and os.path.abspath(options.data_dir),
        options.budget,
        options.regions[0] if own and options.regions else DEFAULT_REGION,
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
        for line in undecided(chosen, study):
            print(line)
        return
    command = f"{call.typed} {shlex.join(call.arguments)}".strip()
    _study(command, chosen, study, recordings, results_dir, workers, options.scheduler)


def undecided(chosen: Plan, study: Study) -> list[str]:
    """What is known beforehand of a plan's claims that can't be decided: lines."""
    from daenr_tf.experiments.claims import needed

    seeds, by_need, found = len(chosen.seeds), {}, needed(chosen)
    if study.rehearsal and found:
        return [
            f"--budget {study.budget}: {', '.join(found)} can't be decided by a rehearsal, with any number of seeds"
        ]
    for name, need in found.items():
        if need > seeds:
            by_need.setdefault(need, []).append(name)
    return [
        f"--seeds: {', '.join(names)} can't be decided with {seeds} seed{'s' * (seeds > 1)}: {need} are needed"
        for need, names in sorted(by_need.items())
    ]


def _recordings(chosen, options, settings):
    """The recordings of the plan by region, all fit for the models of some settings, and the dataset's
    name with "auto" resolved."""
    from daenr_tf.recordings import checks
    from daenr_tf.recordings.load import load_recording

    dataset, found = options.dataset, {}
    repeats_as_test = settings.get("repeats_as_test", False)
    channels = image_settings(settings).channels
    for region in sorted(
        {region for part in chosen.parts for region in part.regions}, key=lambda region: region or 0
    ):
        found[region] = load_recording(dataset, region, options.data_dir, repeats_as_test)
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
        write_text(os.path.join(results_dir, study_file.FILE), json.dumps(known, indent=2) + "\n")
        started, finished = time.monotonic(), cell_outputs.Finished(results_dir, study, recordings)
        try:
            with cluster.client(workers, scheduler) as client:
                for line in undecided(chosen, study):
                    LOGGER.warning(line)
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
