"""`daenr baselines`: what is known of a recording without a network."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.config import RunConfig, resolve
from daenr_tf.errors import InputError, SettingError, one_line
from daenr_tf.machine.files import write_json, write_text
from daenr_tf.machine.messages import LOGGER
from daenr_tf.readable import PCC_REPEATED, aligned, beside_ceiling
from daenr_tf.recordings import checks, sources
from daenr_tf.recordings.load import load_recording

if TYPE_CHECKING:
    from daenr_tf.baselines.measure import Measured
    from daenr_tf.recordings.recording import Recording

JSON, NEURONS, FIGURE = "baselines.json", "baselines.csv", "baselines.png"
LIKE_A_FIT = "cnn_fr"  # whose settings say what images it would see
EPILOG = (
    "Each is fitted on the training images of a fit with this --seed and chooses its penalty on its"
    " validation images; the test images are only measured on. A fit's results can be held against"
    " these figures where recording, seed, image size and colour are the same."
)
OPTIONS = (
    (
        "dataset",
        str,
        f"{sources.choices()} (default: {shared.default_of(RunConfig, 'dataset')})",
        None,
    ),
    (
        "region",
        shared.whole,
        f"of antolik and simulated, 1 to 3 (default: {shared.default_of(RunConfig, 'region')})",
        None,
    ),
    ("data-dir", str, shared.DATA_DIR, None),
    shared.REPEATS_AS_TEST,
    ("seed", shared.whole, "of the split into training and validation images (default: 0)", None),
    *(row for row in shared.OF_EVERY_MODEL if row[0] in ("image-size", "resize", "color")),
    (
        "out",
        str,
        f"a directory for {JSON}, {NEURONS} (a row per baseline and neuron) and {FIGURE}",
        None,
    ),
)


def baselines(call: Call) -> None:
    """The command."""
    parser = Parser(
        prog=call.typed,
        description="What is known of a recording without a network: the mean rate, a"
        " linear-nonlinear Poisson model, and ridge regressions on pixels and on Gabor energies, by"
        " the metrics of a fit.",
        epilog=EPILOG,
    )
    shared.add(parser, OPTIONS)
    given = vars(parser.read(call.arguments))
    places = {name: given.pop(name, None) for name in ("data_dir", "out")}
    for name, path in places.items():
        check_path(f"--{name.replace('_', '-')}", path)
    try:
        config = resolve(LIKE_A_FIT, given)
    except SettingError as error:
        raise InputError(f"--{error.field.replace('_', '-')}: {error.problem}") from None
    out = places["out"]
    if out is not None:
        from daenr_tf.runs.directory import check_writable

        check_writable("--out", out)
    recording = load_recording(
        config.dataset, config.region, places["data_dir"], config.repeats_as_test
    )
    checks.colour(recording, config.model.channels)
    notes = [
        *recording.notes,
        *checks.changes(recording, config.model.image_size, config.model.channels),
        *checks.unvarying_neurons(recording),
    ]
    for note in notes:
        LOGGER.warning("%s", note)
    _measure(config, recording, notes, out)


def _measure(config, recording, notes, out):
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf import pipeline
    from daenr_tf.baselines.measure import measure
    from daenr_tf.runs.results import dataset, versions

    started, found = time.monotonic(), []
    sets = pipeline.prepare(recording, config.model, config.training.seed)
    for one in measure(recording, sets):
        found.append(one)
        for note in one.notes:
            LOGGER.warning("%s", note)
    settings = config.to_dict()
    seen = ("dataset", "region", "repeats_as_test", "seed", "image_size", "resize", "color")
    ceilings = found[0].neurons["noise_ceiling"]
    results = {
        "dataset": dataset(recording, sets),
        "config": {name: settings[name] for name in seen},
        "noise_ceiling": float(ceilings.mean()) if ceilings.notna().any() else None,
        "baselines": {one.baseline.name: one.facts for one in found},
        "seconds": time.monotonic() - started,
        "notes": [*notes, *(note for one in found for note in one.notes)],
        "versions": versions(),
    }
    print(table(results))
    if out is not None:
        _write(out, results, found, recording)


def table(results: dict[str, Any]) -> str:
    """What `baselines.json` holds, as text: a heading, then a row per baseline."""
    data, ceiling = results["dataset"], results["noise_ceiling"]
    counts = data["counts"]
    found = list(results["baselines"].values())
    alone = any(PCC_REPEATED in one["test"] for one in found)
    rows = [
        (
            "",
            "validation mean PCC",
            "validation Poisson loss",
            "test mean PCC",
            *(["repeated images"] if alone else []),
            "PCC / ceiling",
            "test Poisson loss",
            "ceiling",
            "seconds",
        )
    ]
    for one in found:
        validation, test = one["validation"], one["test"]
        figures = (
            *(validation["pcc"], validation["poisson"]),
            *(test["pcc"], *([test.get(PCC_REPEATED)] if alone else [])),
            *(test["pcc_normalized"], test["poisson"], ceiling),
        )
        rows.append((one["title"], *map(_figure, figures), f"{one['seconds']:.1f}"))
    head = (
        f"{data['name']}{' (SIMULATED data)' if data['simulated'] else ''}, digest"
        f" {data['digest'][:12]}, split of seed {results['config']['seed']}: {counts['train']}"
        f" training, {counts['validation']} validation, {counts['test']} test images,"
        f" {counts['neurons']} neurons"
    )
    return "\n".join(map(one_line, [head, *aligned(rows)]))


def _figure(value):
    return "–" if value is None or value != value else f"{value:.3f}"


def _write(out: str, results: dict[str, Any], found: list[Measured], recording: Recording) -> None:
    import pandas as pd

    from daenr_tf.plotting import baseline_figures
    from daenr_tf.runs.directory import make_directory

    make_directory("--out", out)
    neurons = pd.concat([one.neurons for one in found], ignore_index=True)
    write_text(os.path.join(out, NEURONS), neurons.to_csv(index=False, lineterminator="\n"))
    alone = ", PCC over those shown several times" if PCC_REPEATED in neurons else ""
    baseline_figures.distributions(
        os.path.join(out, FIGURE),
        {one.baseline.title: one.neurons[beside_ceiling(one.neurons)] for one in found},
        found[0].neurons["noise_ceiling"],
        f"What is known without a network\n{recording.name}, {recording.neurons} neurons,"
        f" {len(recording.test_images)} test images{alone}",
        simulated=recording.simulated,
    )
    write_json(os.path.join(out, JSON), results)
    print(f"results: {one_line(out)}")
