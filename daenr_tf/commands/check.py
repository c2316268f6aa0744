"""`daenr check`: what a recording holds, and whether it can be used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.errors import InputError, one_line
from daenr_tf.machine.files import write_text
from daenr_tf.missing import mean_over_neurons
from daenr_tf.paper import DEFAULT_REGION, REGIONS
from daenr_tf.recordings import checks
from daenr_tf.recordings.load import load_recording

if TYPE_CHECKING:
    from daenr_tf.recordings.description import Description
    from daenr_tf.recordings.recording import Recording

TEXT, FIGURE = "check.txt", "check.png"
LISTED = 8  # neurons that a line names
WIDTH = 20
EPILOG = (
    "A file that is no recording is described too: every array in it that can be read, and where"
    " the trouble is; the status is 2 then."
)


def check(call: Call) -> None:
    """The command."""
    parser = Parser(
        prog=call.typed,
        description="What a recording holds: read as a fit reads it, and described.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "dataset",
        metavar="RECORDING",
        help="a file of your own, antolik or simulated (or auto, as in a fit)",
    )
    parser.add_argument(
        "--region",
        type=shared.whole,
        metavar="N",
        help=f"of antolik and simulated, 1 to 3 (default: {DEFAULT_REGION})",
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help=shared.DATA_DIR,
    )
    shared.add(parser, (shared.REPEATS_AS_TEST,))
    parser.add_argument(
        "--out", metavar="DIR", help=f"a directory for the text, {TEXT}, and a figure, {FIGURE}"
    )
    options = parser.read(call.arguments)
    for name, path in (
        ("RECORDING", options.dataset),
        ("--data-dir", options.data_dir),
        ("--out", options.out),
    ):
        check_path(name, path)
    if options.region not in (None, *REGIONS):
        raise InputError(
            f"--region: expected one of {', '.join(map(str, REGIONS))}, found {options.region}"
        )
    if options.out is not None:
        from daenr_tf.runs.directory import check_writable

        check_writable("--out", options.out)
    repeats_as_test = getattr(options, "repeats_as_test", False)
    try:
        recording = load_recording(
            options.dataset, options.region, options.data_dir, repeats_as_test
        )
    except InputError as reason:
        if os.path.isfile(options.dataset):
            _tell(_arrays_text(options.dataset, reason), options.out)
        raise
    from daenr_tf.recordings.description import describe

    description = describe(recording)
    _tell(describe_in_words(recording, description), options.out)
    if options.out is not None:
        from daenr_tf.plotting import recording_figures

        recording_figures.recording(
            os.path.join(options.out, FIGURE),
            recording.images,
            recording.pixel_range,
            description,
            f"What the recording holds\n{recording.name}, {recording.neurons} neurons,"
            f" {len(recording.images)} training images",
            simulated=recording.simulated,
        )


def _tell(text, out):
    print(text, flush=True)
    if out is not None:
        from daenr_tf.runs.directory import make_directory

        make_directory("--out", out)
        write_text(os.path.join(out, TEXT), text + "\n")


def describe_in_words(recording: Recording, description: Description) -> str:
    """A recording and its `Description` as lines of text."""
    train, validation, test = description.split
    height, width, channels = recording.images.shape[1:]
    low, high, mean, deviation = description.grey
    simulated = " (SIMULATED data)" if recording.simulated else ""
    rows = [
        ("recording", f"{recording.name}{simulated}, from {recording.source}"),
        ("digest", recording.digest),
        (
            "images",
            f"{len(recording.images)} training, {len(recording.test_images)} test,"
            f" {height}x{width} pixels,"
            f" {'grey' if channels == 1 else 'colour'}, {recording.images.dtype}",
        ),
        (
            "grey levels",
            f"{low:.4g} to {high:.4g} in training (mean {mean:.4g}, SD {deviation:.4g});"
            f" {recording.pixel_range[0]:.4g} to"
            f" {recording.pixel_range[1]:.4g} become -1 to 1; SD within an image"
            f" {description.contrast:.2f} of that range",
        ),
        (
            "duplicates",
            f"{_count(description.copies, 'training image')} repeating another,"
            f" {_count(description.test_copies, 'test image')};"
            " none stands in training and in test",
        ),
        (
            "neurons",
            f"{recording.neurons}; {_neurons(description.silent, 'silent')};"
            f" {_neurons(description.constant & ~description.silent, 'constant')}"
            f" in training; {_neurons(description.test_constant, 'constant')} in test"
            + (
                f"; {_neurons(description.unrecorded, 'without a training response')}"
                if description.unrecorded.any()
                else ""
            ),
        ),
        (
            "responses",
            f"mean {_spread(description.mean_responses)} over neurons, per presentation; largest"
            f" {description.largest:.4g};"
            f" zeros {mean_over_neurons(description.zeros):.1%}"
            + (f"; missing {description.missing:.1%}" if description.missing else ""),
        ),
        *_reliability(description),
        (
            "split (seed 0)",
            f"{train} images trained on, {validation} validated on, {test} tested on",
        ),
        *(("told", note) for note in (*recording.notes, *checks.cautions(recording))),
    ]
    return "\n".join(f"{label.ljust(WIDTH)}{one_line(text)}" for label, text in rows)


def _reliability(description):
    if description.repeats is None:
        return [
            (
                "repeats",
                "no test_trials: no noise ceiling, no oracle, no Fano factor; --repeats-as-test"
                " makes trials of stimuli that are shown several times",
            )
        ]
    fewest, most = description.repeats
    repeats = f"{fewest} to {most}" if fewest < most else f"{most}"
    rows = [("repeats", f"{repeats} of each test image")]
    for label, values in (
        ("noise ceiling", description.ceilings),
        ("jackknife oracle", description.oracles),
        ("Fano factor", description.fano),
    ):
        known = values[np.isfinite(values)]
        without = (
            f" ({len(values) - len(known)} neurons without)" if len(known) < len(values) else ""
        )
        rows.append((label, (_spread(known) + without) if len(known) else "no neuron has one"))
    return rows


def _spread(values):
    """Mean and quartiles."""
    values = values[~np.isnan(values)]
    quartiles = ", ".join(f"{value:.3g}" for value in np.percentile(values, (25, 50, 75)))
    return f"{values.mean():.3g} (quartiles {quartiles})"


def _count(number, what):
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _neurons(chosen, what):
    numbers = np.flatnonzero(chosen)
    if not len(numbers):
        return f"none {what}"
    named = ", ".join(map(str, numbers[:LISTED])) + (", …" if len(numbers) > LISTED else "")
    return f"{len(numbers)} {what} ({named})"


def _arrays_text(path, reason):
    """What stands in a file that was refused."""
    from daenr_tf.recordings.inspection import arrays_of

    arrays = [f"  {_array_text(found)}" for found in arrays_of(path)]
    head = f"{one_line(path)} can't be used as a recording:"
    return "\n".join([head, f"  {reason}", "What can be read of it:", *(arrays or ["  no array"])])


def _array_text(found):
    if found.problem:
        return f"{found.key}: can't be read: {found.problem}"
    text = f"{found.key}: shape {found.shape}, {found.type}"
    if found.low is not None:
        text += f", {found.low:.6g} to {found.high:.6g}"
    bad = [
        f"{number} {word}"
        for number, word in (
            (found.nan, "NaN"),
            (found.infinite, "infinite"),
            (found.negative, "negative"),
        )
        if number
    ]
    if bad:
        text += f"; {', '.join(bad)}, the first at {list(found.first_bad)}"
    return text
