"""`daenr fields`: the receptive fields of a fitted model's neurons, seen in three ways."""

from __future__ import annotations

import os

from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.errors import InputError, refusal
from daenr_tf.machine.messages import LOGGER

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
    old = record.claim(options.out, MAKER)
    _go(options, old)


def _go(options, old):
    from daenr_tf.twin.origin import recording_of

    try:
        recording = recording_of(options.model, options.data_dir)
    except InputError as error:
        LOGGER.warning("spike-triggered averages are the model's own: %s", error)
        recording = None
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    import numpy as np
    import pandas as pd

    from daenr_tf.laboratory import record
    from daenr_tf.laboratory.fields import SHOWN as PROBES
    from daenr_tf.laboratory.fields import gabors_of, gradient_fields, masks_of, probes
    from daenr_tf.laboratory.subject import Subject
    from daenr_tf.plotting import laboratory as figures
    from daenr_tf.receptive_fields import map_centers, spike_triggered_averages
    from daenr_tf.runs.results import versions
    from daenr_tf.twin.twin import Twin

    twin = Twin.open(options.model)
    subject = Subject(twin)
    chosen = list(range(subject.neurons)) if options.neurons is None else options.neurons
    if chosen[-1] >= subject.neurons:
        raise refusal("--neurons", f"numbers from 0 to {subject.neurons - 1}", chosen[-1])
    mean, energy = gradient_fields(subject, chosen, options.seed)
    if recording is None:
        shown = probes(subject, options.seed + 1, count=PROBES)
        images, responses = shown, subject.rates(shown)
    else:
        images, responses = recording.images, recording.responses
    triggered = spike_triggered_averages(images, np.asarray(responses)[:, chosen])
    masks = masks_of(options.model)
    centers = map_centers(energy)
    arrays = {
        "neurons": np.array(chosen),
        "gradient_mean": mean,
        "gradient_rms": energy,
        "spike_triggered_average": triggered,
        "centers": centers,
    }
    columns = {
        "mean gradient": mean,
        "RMS gradient": energy,
        f"spike-triggered average\n({'model' if recording is None else 'recording'})": triggered,
    }
    if masks is not None:
        arrays["masks"] = masks[chosen]
        columns = {"learned mask\n(sign is arbitrary)": masks[chosen], **columns}
    table = pd.DataFrame({"neuron": chosen, "center_row": centers[:, 0]})
    table["center_column"] = centers[:, 1]
    gabors = gabors_of(subject, chosen, options.seed, centers)
    table = table.merge(gabors, on="neuron")

    def path(name):
        return os.path.join(options.out, name)

    about = {
        "made_by": MAKER,
        "seed": options.seed,
        "models": twin.digests,
        "fitted_to": {"name": twin.name, "simulated": twin.simulated},
        "spike_triggered_average_of": "the model" if recording is None else "the recording",
        "versions": versions(),
    }
    record.begin(options.out, old, about, [ARRAYS, TABLE, FIGURE])
    record.write_arrays(path(ARRAYS), arrays)
    record.write_neurons(path(TABLE), table)
    title = (
        f"Receptive fields\n{twin.in_words()} fitted to {twin.name}; + the centre by gradients; each map on its own"
        " scale"
    )
    some = slice(0, SHOWN)
    figures.maps(
        path(FIGURE),
        {name: values[some] for name, values in columns.items()},
        chosen[some],
        title,
        simulated=bool(twin.simulated),
        shape=subject.shape,
        centers=centers[some],
    )
    print(f"{len(chosen)} neurons: {options.out}")
