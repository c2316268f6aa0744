"""The command line of the experiments: `python -m recipes.reproduce`, and `recipes.table2` ... `recipes.figure8` with the choice made."""

import argparse
import contextlib
import json
import os
import re
import shlex
import sys
import time

from daenr_tf import paper, systems
from daenr_tf.commands import process
from daenr_tf.errors import InputError, MachineError
from daenr_tf.experiments.catalogue import EXPERIMENTS, plan
from daenr_tf.experiments.study import BUDGETS, Study
from daenr_tf.files import read_text
from daenr_tf.runs import lock
from daenr_tf.runs.directory import check_writable, make_directory

STUDY = "study.json"
LARGEST_STUDY = 1_000_000  # bytes that are read
HALF_WRITTEN = {"": r"(study\.json|report\.html)\.\d+\.part|\.seen-\d+", "tables": r"\w+\.(csv|md)\.\d+\.part",
                "figures": r"\w+\.png\.\d+\.part"}  # by folder
DEFAULT_SEEDS = 5
_WORDS = {"weights_region": "alpha:beta of region"}


def _parser(name, typed):
    what = f"{EXPERIMENTS[name].title} ({name} of the paper)" if name in EXPERIMENTS else "The paper's tables and figures"
    parser = process.Parser(
        prog=typed, description=f"{what}: trains every cell it needs with several seeds, and writes"
                                " report.html, tables and figures.")
    if name not in EXPERIMENTS:
        parser.add_argument("--only", type=_names, metavar="NAME,...", help=f"some of {', '.join(EXPERIMENTS)} (default: all)")
    parser.add_argument("--dataset", default="auto", help="auto, antolik, simulated or FILE.npz (default: auto)")
    parser.add_argument("--data-dir", help="where the folder Data/region{1,2,3}/ lies (default: $DAENR_DATA_DIR, then the user's cache)")
    parser.add_argument("--regions", type=_numbers("region", paper.REGIONS), metavar="R,...",
                        help="recorded regions (default: those of the paper's table); for one's own recording the one whose alpha:beta are taken"
                             " (default: 3)")
    parser.add_argument("--layers", type=_numbers("layer", paper.LAYERS), metavar="L,...", help="hidden layers (default: 1,2,3,4)")
    parser.add_argument("--models", type=_models, metavar="MODEL,...", help="recipes (default: all that the table has)")
    parser.add_argument("--seeds", type=_count, default=DEFAULT_SEEDS, metavar="N", help=f"seeds 0..N-1 (default: {DEFAULT_SEEDS})")
    parser.add_argument("--budget", choices=BUDGETS, default="paper",
                        help="paper (until early stopping, at most 10,000 steps) or quick (at most 200 steps, a rehearsal) (default: paper)")
    parser.add_argument("--workers", type=_count, metavar="N", help="cells at once on this machine (default: its cores)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a dask cluster to run the cells on, such as tcp://host:8786 or tls://host:8786")
    parser.add_argument("--results-dir", help="where cells, tables and report go (default: results/<dataset>-<budget>)")
    parser.add_argument("--complete", action="store_true", help="every cell keeps its figures, model.keras and SavedModel as well")
    parser.add_argument("--dry-run", action="store_true", help="print the cells and an estimate of the time, and train nothing")
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
            raise argparse.ArgumentTypeError(f"expected {what}s out of {', '.join(map(str, choices))}, found {part!r}")
        found.append(value)
    if not found:
        raise argparse.ArgumentTypeError(f"expected {what}s out of {', '.join(map(str, choices))}, found {text!r}")
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


def main(name, argv=None):
    """Run an experiment's command line and leave the process with the exit status of the contract."""
    argv = sys.argv[1:] if argv is None else list(argv)
    call = process.Call(name, f"python -m recipes.{name}", argv)
    process.leave(call.label, lambda: reproduce(call))


def reproduce(call):
    """The command `reproduce`, and those that are named for a table or a figure."""
    name = call.name
    options = _parser(name, call.typed).read(call.arguments)
    own = options.dataset not in ("auto", "antolik", "simulated")
    if own and options.regions and len(options.regions) > 1:
        raise InputError(f"--regions: expected the one region whose alpha:beta are taken for {options.dataset},"
                         f" found {','.join(map(str, options.regions))}")
    if options.scheduler and options.workers:
        raise InputError("--workers: expected no number beside --scheduler, whose cluster has workers of its own")
    process.check_path("--results-dir", options.results_dir)
    process.check_path("--data-dir", options.data_dir)
    names = (name,) if name in EXPERIMENTS else options.only
    chosen = plan(names, options.regions, options.layers, options.models, options.seeds, own)
    recordings, dataset = _recordings(chosen, options)
    study = Study(dataset, options.data_dir and os.path.abspath(options.data_dir), options.budget,
                  (options.regions or (3,))[0] if own else 3, options.complete,
                  {str(region): recording.digest for region, recording in recordings.items()})
    stem = os.path.splitext(os.path.basename(dataset))[0] if own else dataset
    results_dir = os.path.abspath(options.results_dir or os.path.join("results", f"{stem}-{options.budget}"))
    check_writable("--results-dir", results_dir)
    workers = options.workers or len(os.sched_getaffinity(0))
    if options.dry_run:
        from daenr_tf.experiments.cell_outputs import Finished
        from daenr_tf.experiments.forecast import describe

        if os.path.isdir(results_dir):
            _known(results_dir, study)
        print(describe(chosen, Finished(results_dir, study, recordings), workers))
        return
    command = f"{call.typed} {shlex.join(call.arguments)}".strip()
    _study(command, chosen, study, recordings, results_dir, workers, options.scheduler)


def _recordings(chosen, options):
    """The recordings of the plan by region, and the dataset's name with "auto" resolved."""
    from daenr_tf.recordings.load import load_recording

    dataset, found = options.dataset, {}
    for region in sorted({region for part in chosen.parts for region in part.regions}, key=lambda region: region or 0):
        found[region] = load_recording(dataset, region, options.data_dir)
        if dataset == "auto":
            dataset = "simulated" if found[region].simulated else "antolik"
    return found, (dataset if dataset in ("antolik", "simulated") else os.path.abspath(dataset))


def _study(command, chosen, study, recordings, results_dir, workers, scheduler):
    from daenr_tf.experiments import cell_outputs, grid, worker
    from daenr_tf.files import write_text

    make_directory("--results-dir", results_dir)
    with lock.held(os.path.join(results_dir, "lock"), "another study", "--results-dir") as held:
        known = _known(results_dir, study)
        _sweep(results_dir)
        with contextlib.suppress(FileNotFoundError):
            write_text(os.path.join(results_dir, STUDY), json.dumps(known, indent=2) + "\n")
        started, finished = time.monotonic(), cell_outputs.Finished(results_dir, study, recordings)
        try:
            with grid.cluster(workers, scheduler) as client:
                outcomes = grid.run_grid(client, chosen.cells, study, results_dir, grid.Show(), finished.read)
        except KeyboardInterrupt as error:
            count = sum(grid.is_finished(results_dir, cell) for cell in chosen.cells)
            raise KeyboardInterrupt(f"{str(error) or 'stopped'}; {count} of {len(chosen.cells)} cells are finished;"
                                    f" the same command goes on with {results_dir}") from None
        from daenr_tf.experiments.report.page import write_report

        held.check()
        print(write_report(finished, chosen, outcomes, command, time.monotonic() - started))
    damaged = [outcome for outcome in outcomes if outcome.status == "damaged"]
    failed = [outcome for outcome in outcomes if outcome.status not in ("kept", "done", "damaged")]
    told = []
    if failed:
        told.append(f"{len(failed)} of {len(outcomes)} cells failed, the first of them {failed[0].cell.name} ({failed[0].message};"
                    f" log: {worker.log_file(results_dir, failed[0].cell)}); the same command tries them again")
    if damaged:
        told.append(f"{len(damaged)} of {len(outcomes)} cells are finished and damaged, the first of them {damaged[0].cell.name}"
                    f" ({damaged[0].message})")
    if told:
        raise MachineError(f"{'; '.join(told)}; the report leaves them out")


def _sweep(results_dir):
    """Remove what a process that was killed within a save left half-written."""
    for folder in ("", "tables", "figures"):
        place = os.path.join(results_dir, folder)
        for name in os.listdir(place) if os.path.isdir(place) else ():
            if re.fullmatch(HALF_WRITTEN[folder], name):
                os.remove(os.path.join(place, name))


def _known(results_dir, study):
    """What `study.json` is to say: a results directory belongs to one dataset and one budget, or cells of another would be taken for finished ones.

    Raises:
        InputError: it belongs to another study, or to none.
    """
    path = os.path.join(results_dir, STUDY)
    wanted = {"dataset": os.path.basename(study.dataset), "budget": study.budget, "weights_region": study.weights_region}
    digests = study.digests
    if not os.path.exists(path):
        strange = sorted(set(os.listdir(results_dir)) - {"lock"})
        if strange:
            raise InputError(f"--results-dir: expected an empty directory or a study's, found {results_dir} with {strange[0]} and no {STUDY}")
        return {**wanted, "recordings": digests}
    try:
        found = dict(json.loads(read_text(path, LARGEST_STUDY)))
        known = dict(found["recordings"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"--results-dir: expected a study's directory, found {path}, which is not what a study writes") from None
    differences = [(_WORDS.get(key, key), value, found.get(key)) for key, value in wanted.items() if found.get(key) != value]
    differences += [(f"recording {region}", value[:12], str(known[region])[:12]) for region, value in digests.items()
                    if known.get(region, value) != value]
    for key, value, other in differences[:1]:
        raise InputError(f"--results-dir: expected a study with {key} {value}, found {results_dir} with {key} {other};"
                         " --results-dir takes another place")
    return {**wanted, "recordings": known | digests}
