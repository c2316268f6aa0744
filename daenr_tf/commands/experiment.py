"""`daenr experiment`: a virtual experiment on a fitted model."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.errors import InputError, SettingError, refusal
from daenr_tf.laboratory.catalogue import PROTOCOLS
from daenr_tf.laboratory.sampling import KINDS
from daenr_tf.laboratory.settings import Settings
from daenr_tf.machine.messages import LOGGER
from daenr_tf.readable import OF_MODEL

if TYPE_CHECKING:
    from daenr_tf.laboratory.protocols import Measured
    from daenr_tf.laboratory.record import Session
    from daenr_tf.laboratory.stimuli import Stimuli
    from daenr_tf.twin.twin import Twin

MAKER = "daenr experiment"
SIMULATED = "responses of a fitted model, not of an animal"
EPILOG = (
    "Lengths are pixels of the image that the model sees, or degrees with --pixels-per-degree. What comes out is a recording"
    " (recording.npz, which daenr fit --dataset takes), a tidy table (responses.csv), indices of each neuron"
    " (neurons.csv) and figures."
)


def numbers(text: str) -> tuple[float, ...]:
    """The numbers of a text like "0.05,0.1,0.2"."""
    return tuple(shared.number(part) for part in text.split(","))


OPTIONS = (
    ("seed", shared.whole, "of what is drawn (default: 0)", None),
    ("orientations", shared.whole, "how many, over 180 degrees (default: 18)", None),
    ("phases", shared.whole, "how many, over 360 degrees (default: 8)", None),
    (
        "spatial-frequencies",
        numbers,
        "of gratings, cycles per pixel (degree) (default: eight from 1.5 cycles per image to 0.25 per pixel)",
        None,
    ),
    ("contrast", shared.number, "of gratings and squares, 0 to 1 (default: 0.5)", None),
    ("contrasts", numbers, "of --protocol contrast (default: 0,0.05,0.1,0.2,0.35,0.5,0.7,1)", None),
    (
        "sizes",
        numbers,
        "diameters of --protocol size (default: ten from 3 pixels to 1.5 image sides)",
        None,
    ),
    ("square", shared.number, "side of the squares of sparse noise (default: 2 pixels)", None),
    ("images", shared.whole, "how many squares or natural images (default: 2000)", None),
    ("pixels-per-degree", shared.number, "of the model's image; lengths are degrees then", None),
)


def experiment(call: Call) -> None:
    """The command."""
    parser = Parser(
        prog=call.typed,
        description="A virtual experiment: stimuli are shown to a fitted model, and its answers measured.",
        epilog=EPILOG,
    )
    shared.add_models(parser)
    parser.add_argument(
        "--protocol",
        required=True,
        choices=PROTOCOLS,
        help="; ".join(f"{one.name}: {one.help}" for one in PROTOCOLS.values()),
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="where the files go")
    parser.add_argument(
        "--response",
        choices=KINDS,
        default="rates",
        help="expected responses, or drawn: Poisson, or by the law fitted to the repeats of the model's recording"
        " (default: rates)",
    )
    parser.add_argument(
        "--repeats",
        type=shared.whole,
        default=10,
        metavar="N",
        help="presentations of the test stimuli, where responses are drawn; the others are shown once (default: 10)",
    )
    parser.add_argument(
        "--stimuli",
        nargs="+",
        metavar="FILE",
        help="of --protocol natural: pictures, directories of them, .npy or .npz files, 0 to 255, resized to the model's image",
    )
    name, _, meaning, _ = ("data-dir", str, shared.DATA_DIR, None)
    parser.add_argument(f"--{name}", metavar="DIR", help=f"of --response fitted: {meaning}")
    shared.add(parser, OPTIONS)
    given = vars(parser.read(call.arguments))
    paths, out = given.pop("models"), given.pop("out")
    data_dir, files = given.pop("data_dir"), given.pop("stimuli")
    name, kind, repeats = (given.pop(key) for key in ("protocol", "response", "repeats"))
    places = [("PATH", path) for path in paths] + [("--stimuli", path) for path in files or ()]
    for option, path in [*places, ("--out", out), ("--data-dir", data_dir)]:
        check_path(option, path)
    if not 2 <= repeats <= 1000:
        raise refusal("--repeats", "a whole number from 2 to 1000", repeats)
    if files and name != "natural":
        raise refusal("--stimuli", "none with this protocol", f"--protocol {name}")
    try:
        settings = Settings(**given)
    except SettingError as error:
        raise _named(error) from None
    _go(paths, out, name, kind, repeats, settings, files, data_dir)


def _named(error):
    return InputError(f"--{error.field.replace('_', '-')}: {error.problem}")


def _go(paths, out, name, kind, repeats, settings, files, data_dir):
    """Check what needs no TensorFlow, then do it."""
    from daenr_tf.laboratory import record, sampling
    from daenr_tf.runs.directory import check_writable
    from daenr_tf.twin.origin import models_of

    for path in paths:
        models_of(path)
    check_writable("--out", out)
    old = record.claim(out, MAKER)
    sources = None
    if files:
        from daenr_tf.recordings import pictures

        sources = pictures.find(files)
    law = None
    if kind == "fitted":
        from daenr_tf.twin.origin import recording_of

        recording = recording_of(paths[0], data_dir)
        if recording.test_trials is None:
            raise refusal(
                "--response", "rates or poisson for a recording without repeats", "fitted"
            )
        law = sampling.fit(recording.test_trials, f"{recording.source}: test_trials")
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf.laboratory.subject import Subject
    from daenr_tf.twin.twin import Twin

    twin = Twin.open(paths)
    subject = Subject(twin)
    show, measure = PROTOCOLS[name].functions()
    if kind == "poisson":
        law = sampling.poisson(subject.neurons)
    try:
        stimuli = show(subject, settings, sources and _own(sources, twin))
    except SettingError as error:
        raise _named(error) from None
    if len(stimuli) < 10:
        raise refusal("--stimuli", "at least 10 images", len(stimuli))
    session = record.record(stimuli, subject.rates(stimuli.images), law, repeats, settings.seed)
    measured = measure(stimuli, session.responses, subject, settings)
    about = {
        "made_by": MAKER,
        "protocol": name,
        "settings": dataclasses.asdict(settings),
        "response": kind,
        "repeats": None if law is None else repeats,
        "stimuli": len(stimuli),
        "models": [one.digest for one in twin.members],
        "fitted_to": {"name": twin.name, "simulated": twin.simulated},
        "simulated": True,
    }
    _write(out, old, about, stimuli, session, measured, settings, twin)
    whose = f"{OF_MODEL[twin.simulated]}; {SIMULATED}"
    print(f"{len(stimuli)} stimuli, {subject.neurons} neurons{whose}: {out}")


def _own(sources, twin):
    """One's own images as the model sees them, (N, height, width, channels) uint8."""
    import numpy as np

    from daenr_tf import pipeline
    from daenr_tf.commands.predict import batches
    from daenr_tf.laboratory.stimuli import GREY
    from daenr_tf.resizing import DEFAULT_RESIZE

    height, width, channels = twin.image_shape
    resize = twin.resize or DEFAULT_RESIZE
    prepared = [
        pipeline.preprocess(batch, (0.0, 255.0), (height, width), channels, resize).numpy()
        for batch in batches(sources)
    ]
    return np.round((np.concatenate(prepared) + 1) * GREY).clip(0, 255).astype(np.uint8)


def _write(
    out: str,
    old: list[str],
    about: dict,
    stimuli: Stimuli,
    session: Session,
    measured: Measured,
    settings: Settings,
    twin: Twin,
) -> None:
    from daenr_tf.laboratory import record
    from daenr_tf.plotting import laboratory as figures
    from daenr_tf.runs.results import versions

    tables = [record.RECORDING, record.RESPONSES, record.NEURONS]
    drawn = [f"{name}_tuning.png" for name in measured.curves]
    drawn += ["maps.png"] if measured.maps else []
    known = [name for name in figures.INDICES if name in measured.neurons]
    drawn += ["indices.png"] if known else []

    def path(name):
        return os.path.join(out, name)

    record.begin(out, old, {**about, "versions": versions()}, tables + drawn)
    record.write_recording(path(record.RECORDING), stimuli, session)
    record.write_responses(path(record.RESPONSES), stimuli, session)
    record.write_neurons(path(record.NEURONS), measured.neurons)
    fitted = f"{twin.name}{' (simulated recording)' if twin.simulated else ''}"
    what = f"\n{twin.in_words()} fitted to {fitted}; {SIMULATED}; responses: {about['response']}"
    shown = _strongest(session.rates, figures.SHOWN)
    for name, curve in measured.curves.items():
        title = f"{name.replace('_', ' ').capitalize()} tuning{what}"
        figures.curves(path(f"{name}_tuning.png"), *curve, shown, title, simulated=True)
    if measured.maps:
        some = shown[:8]
        table = measured.neurons.iloc[some]
        figures.maps(
            path("maps.png"),
            {name: values[some] for name, values in measured.maps.items()},
            some,
            f"Maps of {about['protocol'].replace('_', ' ')} responses{what}",
            simulated=True,
            shape=stimuli.images.shape[1:3],
            centers=table[["center_row", "center_column"]].to_numpy(),
        )
    if known:
        title = f"Indices of {len(measured.neurons)} neurons, {about['protocol']}{what}"
        figures.indices(path("indices.png"), measured.neurons, settings.unit, title, simulated=True)
    if twin.simulated is None:
        LOGGER.warning("the model does not tell whether its recording was simulated")


def _strongest(rates, count):
    """The numbers of the neurons whose responses vary most beside their mean, in ascending order."""
    import numpy as np

    share = rates.std(axis=0) / np.maximum(rates.mean(axis=0), 1e-9)
    return sorted(np.argsort(-share, kind="stable")[:count].tolist())
