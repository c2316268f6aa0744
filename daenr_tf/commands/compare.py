"""`daenr compare`: several runs in one table."""

import csv
import io
import json
import os
from dataclasses import dataclass

from daenr_tf.baselines import results_file
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.config import RunConfig
from daenr_tf.errors import InputError, one_line
from daenr_tf.machine.files import write_text
from daenr_tf.machine.messages import LOGGER
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.readable import LINEAR_CODES, QUICK, aligned
from daenr_tf.runs.directory import CONFIG, RESULTS, check_writable
from daenr_tf.runs.results_file import read_results
from daenr_tf.runs.summary import label

SETS = ("validation", "test")
FACTS = (
    "steps",
    "best_step",
    "parameters",
    "seconds",
    "images_per_second",
)  # of a run, as results.json has them
SHOWN_FACTS = ("steps", "best_step", "seconds")
TOLD = ("dataset", "seed")  # settings that a block's heading tells
COUNTS = {
    "train": "training",
    "validation": "validation",
    "test": "test images",
    "neurons": "neurons",
}
EPILOG = (
    "Runs on other recordings, or with another split into training and validation images (another"
    " seed), stand in blocks of their own. Figures of other recordings can't be held against each"
    " other; of other seeds the test figures can, for the test images never depend on the seed, the"
    " validation figures can't. Choose by the validation figures; the test figures then say how good"
    " the choice is."
)


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
        path: str, its directory.
        results: dict, its `results.json`.
    """

    path: str
    results: dict

    @property
    def recording(self) -> str:
        """What runs must share for their test figures to be comparable: the recording's digest, in
        which the test images are."""
        return self.results["dataset"]["digest"]

    @property
    def block(self) -> tuple[str, int]:
        """What runs must share for all their figures to be comparable: (digest of the recording, seed
        of the split into training and validation images)."""
        return self.recording, self.results["config"]["seed"]

    def figures(self) -> dict:
        """dict of (set, name) -> number or None: what was measured."""
        return {
            (part, name): value
            for part in SETS
            for name, value in (self.results.get(part) or {}).items()
        }

    def linear(self) -> dict:
        """dict of (linear code, name) -> number or None: its size and what it reaches on the test images."""
        codes = self.results.get("linear_codes") or {}
        return {
            (code, name): codes[code].get(name)
            for code in LINEAR_CODES
            if code in codes
            for name in ("size", *IMAGE_METRICS)
        }


def compare(call: Call) -> None:
    """The command."""
    parser = Parser(
        prog=call.typed,
        description="Several runs in one table: the settings in which they differ, validation and"
        " test figures,"
        " steps and time.",
        epilog=EPILOG,
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run directories")
    parser.add_argument(
        "--out", metavar="FILE.csv", help="where the table goes as CSV as well, one row per run"
    )
    parser.add_argument(
        "--baselines",
        metavar="FILE",
        help="a baselines.json of daenr baselines: what is known without a network, told of runs on"
        " the same recording and split",
    )
    options = parser.read(call.arguments)
    places = (("--out", options.out), ("--baselines", options.baselines))
    for name, path in (*places, *(("RUN", path) for path in options.runs)):
        check_path(name, path)
    if options.out is not None:
        _check_out(options.out)
    known = None if options.baselines is None else results_file.read(options.baselines)
    runs = _read_all(options.runs)
    blocks = _blocks(runs)
    settings = differing(runs)
    texts = [_text(number, blocks, settings) for number in range(len(blocks))]
    if known is not None:
        texts = [
            "\n".join([text, *known.told(map(_pcc, block))])
            if block[0].block == known.block
            else text
            for text, block in zip(texts, blocks, strict=True)
        ]
        if all(block[0].block != known.block for block in blocks):
            LOGGER.warning(
                f"{options.baselines}: of another recording, or another split, than every run's"
            )
    print("\n\n".join(texts))
    if options.out is not None:
        write_text(options.out, _csv(blocks, [name for name in settings if name != "recipe"]))


def _pcc(run):
    """A run's path and its mean PCC on the validation and on the test images."""
    figures = run.figures()
    return run.path, figures.get(("validation", "pcc")), figures.get(("test", "pcc"))


def _check_out(out):
    folder = os.path.dirname(os.path.abspath(out))
    if not out.lower().endswith(".csv") or os.path.isdir(out) or not os.path.isdir(folder):
        raise InputError(f"--out: expected a .csv file in a directory that is there, found {out}")
    check_writable("--out", folder)


def _read_all(paths):
    """The runs that can be read, each once; the others are said. Raises `InputError` where none
    can."""
    found, problems = {}, []
    for path in paths:
        try:
            found.setdefault(os.path.realpath(path), Finished(path, _read(path)))
        except InputError as problem:
            problems.append(str(problem))
    if not found:
        raise InputError(
            f"{problems[0]}{f' (and {len(problems) - 1} more)' if len(problems) > 1 else ''}; no"
            f" run is left to compare"
        )
    for problem in problems:
        LOGGER.warning(f"left out: {problem}")
    return list(found.values())


def _read(path):
    """The results of a run. Raises `InputError` where it is not finished, damaged, or no run's directory."""
    file = os.path.join(path, RESULTS)
    if not os.path.exists(file):
        if os.path.exists(os.path.join(path, CONFIG)):
            raise InputError(f"{path}: expected a finished run, found one without {RESULTS}")
        raise InputError(
            f"{path}: expected a run's directory, found"
            f" {'none' if os.path.isdir(path) else 'no such directory'}"
        )
    results = read_results(file, path)
    return {**results, "config": _completed(results["config"])}


def _completed(config):
    """Settings with the defaults of those that a run of before has no word of; as they are where they aren't ours."""
    try:
        return {**RunConfig.from_dict(config).to_dict(), **config}
    except (KeyError, TypeError, ValueError, AttributeError):
        return config


def _blocks(runs):
    """Lists of runs that may be held against each other, in the order in which the first of each
    was given."""
    blocks = {}
    for run in runs:
        blocks.setdefault(run.block, []).append(run)
    return list(blocks.values())


def differing(runs: list[Finished]) -> list[str]:
    """The names of the settings in which runs differ, in the order of their `config`, without
    those that headings tell."""
    names = dict.fromkeys(
        name for run in runs for name in run.results["config"] if name not in TOLD
    )
    return [
        name
        for name in names
        if len({json.dumps(run.results["config"].get(name)) for run in runs}) > 1
    ]


def _measured(runs):
    return list(
        dict.fromkeys(
            key for part in SETS for run in runs for key in run.figures() if key[0] == part
        )
    )


def _comparable(number, blocks):
    """What of a block may be held against the other ones: a list of sentences."""
    own, others = blocks[number][0].recording, {True: [], False: []}
    for other, (run, *_) in enumerate(blocks):
        if other != number:
            others[run.recording == own].append(str(other + 1))
    seeds, strangers = (
        f"block{'s' * (len(found) > 1)} {', '.join(found)}" if found else ""
        for found in others.values()
    )
    told = []
    if seeds:
        told.append(
            f"test figures may be compared, and averaged over seeds, with those of {seeds}: the test"
            " images are the same; validation figures may not: the split is another"
        )
    if strangers:
        told.append(f"not comparable with {strangers}: another recording or test set")
    return told


def _text(number, blocks, settings):
    """A block as text: its heading, then a row per run with some settings and its figures."""
    runs = blocks[number]
    dataset, (digest, seed) = runs[0].results["dataset"], runs[0].block
    counts = dataset["counts"]
    heading = f"block {number + 1} of {len(blocks)}: " if len(blocks) > 1 else ""
    heading += dataset["name"] + (" (SIMULATED data)" if dataset["simulated"] else "")
    heading += f", digest {digest[:12]}, split of seed {seed}: "
    heading += ", ".join(f"{counts.get(name, '–')} {words}" for name, words in COUNTS.items())
    heading = "\n".join([heading, *_comparable(number, blocks)])
    measured = _measured(runs)
    linear = IMAGE_METRICS if any(run.linear() for run in runs) else ()
    rows = [
        [
            "run",
            *settings,
            *(f"{part} {label(name)}" for part, name in measured),
            *(f"{'/'.join(LINEAR_CODES.values())} {label(name)}" for name in linear),
            "ceiling",
            *SHOWN_FACTS,
        ]
    ]
    for run in runs:
        figures, results = run.figures(), run.results
        rows.append(
            [
                run.path + (QUICK if results["config"].get("quick") else ""),
                *(_setting(results["config"], name) for name in settings),
                *(_figure(figures.get(key)) for key in measured),
                *(
                    "/".join(_figure(run.linear().get((code, name))) for code in LINEAR_CODES)
                    for name in linear
                ),
                _figure(results["noise_ceiling"]),
                *(_figure(results[fact], 0) for fact in SHOWN_FACTS),
            ]
        )
    if not any(part == "validation" for part, _ in measured):
        heading += "\nno run here has validation figures"
    lines = aligned([one_line(cell) for cell in row] for row in rows)
    return "\n".join([*map(one_line, heading.split("\n")), *lines])


def _setting(config, name):
    value = config.get(name)
    if value is None:
        return "–"
    return one_line("x".join(map(str, value)) if isinstance(value, list) else value)


def _figure(value, digits=3):
    return "–" if value is None else f"{value:.{digits}f}"


def _csv(blocks, settings):
    """All blocks as one table, a row per run."""
    measured = _measured([run for block in blocks for run in block])
    linear = list(dict.fromkeys(key for block in blocks for run in block for key in run.linear()))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        [
            "block",
            "run",
            "recording",
            "simulated",
            "digest",
            "recipe",
            "seed",
            *map(one_line, settings),
            *(one_line(f"{part}_{name}") for part, name in measured),
            *(f"{code}_{name}" for code, name in linear),
            "noise_ceiling",
            *FACTS,
        ]
    )
    for number, block in enumerate(blocks, 1):
        for run in block:
            results, figures = run.results, run.figures()
            config, dataset = results["config"], results["dataset"]
            rows.writerow(
                [
                    number,
                    one_line(run.path),
                    one_line(dataset["name"]),
                    dataset["simulated"],
                    one_line(dataset["digest"]),
                    one_line(config["recipe"]),
                    config["seed"],
                    *(
                        "" if config.get(name) is None else _setting(config, name)
                        for name in settings
                    ),
                    *(figures.get(key) for key in measured),
                    *(run.linear().get(key) for key in linear),
                    results["noise_ceiling"],
                    *(results[fact] for fact in FACTS),
                ]
            )
    return text.getvalue()
