"""`daenr fields`: the receptive fields of a fitted model's neurons, seen in three ways."""

from __future__ import annotations

import os

from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.errors import InputError, refusal
from daenr_tf.machine.messages import LOGGER
from daenr_tf.readable import OF_MODEL

MAKER = "daenr fields"
ARRAYS, TABLE, FIGURE = "fields.npz", "neurons.csv", "fields.png"
SHOWN = 10  # neurons of the figure
EPILOG = (
    "Gradients are the twin's own, averaged over natural-like images; the spike-triggered average is that of the recording it was"
    " fitted to where that can be had, else of its own answers to natural-like images, and the figure says which."
)


def fields(call: Call) -> None:
    """The command."""
    parser = Parser(
        prog=call.typed,
        description="Receptive fields of a fitted model: learned masks, gradients and spike-triggered averages side by side.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "model",
        metavar="PATH",
        help="a run's directory, an ensemble's, a SavedModel's version, or the directory of its versions",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="where the files go")
    parser.add_argument(
        "--neurons",
        type=shared.neurons,
        metavar="N,N-N",
        help=f"numbers and ranges, from 0 on (default: all; the figure shows the first {SHOWN})",
    )
    parser.add_argument(
        "--seed", type=shared.whole, default=0, metavar="N", help="of the natural-like images"
    )
    parser.add_argument("--data-dir", metavar="DIR", help=shared.DATA_DIR)
    options = parser.read(call.arguments)
    for option, path in (
        ("PATH", options.model),
        ("--out", options.out),
        ("--data-dir", options.data_dir),
    ):
        check_path(option, path)
    if options.seed < 0 or options.seed >= 2**31:
        raise refusal("--seed", "a whole number from 0 to 2147483647", options.seed)
    from daenr_tf.laboratory import record
    from daenr_tf.runs.directory import check_writable
    from daenr_tf.twin.origin import models_of

    models_of(options.model)
    check_writable("--out", options.out)
    _go(options, record.claim(options.out, MAKER))


def _go(options, old):
    recording = _recording(options)
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf.laboratory.subject import Subject
    from daenr_tf.runs.results import versions
    from daenr_tf.twin.twin import Twin

    twin = Twin.open(options.model)
    subject = Subject(twin)
    chosen = list(range(subject.neurons)) if options.neurons is None else options.neurons
    if chosen[-1] >= subject.neurons:
        raise refusal("--neurons", f"numbers from 0 to {subject.neurons - 1}", chosen[-1])
    whose = "the model" if recording is None else "the recording"
    about = {
        "made_by": MAKER,
        "seed": options.seed,
        "models": twin.digests,
        "fitted_to": {"name": twin.name, "simulated": twin.simulated},
        "spike_triggered_average_of": whose,
        "versions": versions(),
    }
    arrays = _maps(options, recording, subject, chosen)
    table = _table(options, subject, chosen, arrays["centers"])
    _write(options, old, about, arrays, table)
    _draw(options, twin, subject, whose, arrays)
    print(f"{len(chosen)} neurons{OF_MODEL[twin.simulated]}: {options.out}")


def _recording(options):
    """The recording that the model was fitted to, or None where it can't be had."""
    from daenr_tf.twin.origin import recording_of

    try:
        return recording_of(options.model, options.data_dir)
    except InputError as error:
        LOGGER.warning("spike-triggered averages are the model's own: %s", error)
        return None


def _maps(options, recording, subject, chosen):
    """The file's arrays: one map of each kind per neuron, and the maps' centres."""
    import numpy as np

    from daenr_tf.laboratory.fields import SHOWN as PROBES
    from daenr_tf.laboratory.fields import gradient_fields, masks_of, probes
    from daenr_tf.receptive_fields import map_centers, spike_triggered_averages

    mean, energy = gradient_fields(subject, chosen, options.seed)
    if recording is None:
        images = probes(subject, options.seed + 1, count=PROBES)
        responses = subject.rates(images)
    else:
        images, responses = recording.images, recording.responses
    arrays = {
        "neurons": np.array(chosen),
        "gradient_mean": mean,
        "gradient_rms": energy,
        "spike_triggered_average": spike_triggered_averages(
            images, np.asarray(responses)[:, chosen]
        ),
        "centers": map_centers(energy),
    }
    masks = masks_of(options.model)
    return arrays if masks is None else {**arrays, "masks": masks[chosen]}


def _table(options, subject, chosen, centers):
    """A row per neuron: its centre, and what Gabor patches say of it."""
    import pandas as pd

    from daenr_tf.laboratory.fields import gabors_of

    table = pd.DataFrame(
        {"neuron": chosen, "center_row": centers[:, 0], "center_column": centers[:, 1]}
    )
    return table.merge(gabors_of(subject, chosen, options.seed, centers), on="neuron")


def _write(options, old, about, arrays, table):
    from daenr_tf.laboratory import record

    record.begin(options.out, old, about, [ARRAYS, TABLE, FIGURE])
    record.write_arrays(os.path.join(options.out, ARRAYS), arrays)
    record.write_neurons(os.path.join(options.out, TABLE), table)


def _draw(options, twin, subject, whose, arrays):
    from daenr_tf.plotting import laboratory as figures

    columns = {
        "learned mask\n(sign is arbitrary)": arrays.get("masks"),
        "mean gradient": arrays["gradient_mean"],
        "RMS gradient": arrays["gradient_rms"],
        f"spike-triggered average\n({whose.removeprefix('the ')})": arrays[
            "spike_triggered_average"
        ],
    }
    figures.maps(
        os.path.join(options.out, FIGURE),
        {name: maps[:SHOWN] for name, maps in columns.items() if maps is not None},
        list(arrays["neurons"][:SHOWN]),
        f"Receptive fields\n{twin.in_words()} fitted to {twin.name}; + the centre by gradients; each map on its own scale",
        simulated=bool(twin.simulated),
        shape=subject.shape,
        centers=arrays["centers"][:SHOWN],
    )
