"""`daenr synthesize` and `daenr control`: images that drive a twin's neurons, one at a time or as a population."""

from __future__ import annotations

import argparse
import os
import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.errors import InputError, one_line, refusal
from daenr_tf.machine.messages import LOGGER
from daenr_tf.machine.progress import counted
from daenr_tf.models import served
from daenr_tf.recordings import pictures
from daenr_tf.runs.directory import CONFIG, check_writable
from daenr_tf.twin import vectors
from daenr_tf.twin.goals import CONTROLS, EXCITE, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from daenr_tf.twin.twin import Twin

METHODS = ("pixel", "latent")
PRECONDITIONS = ("fourier", "gaussian")
DEFAULTS = {"steps": 60, "starts": 3, "seed": 0}
OF_NATURAL = 0.3  # the default contrast, as a share of the natural images' mean contrast
EPILOG = (
    "Images are in the model's own size, their contrast and its range in units in which the recording's grey levels go from"
    " -1 to 1. What the files say of responses is what the model predicts, not what an animal does."
)


def synthesize(call: Call) -> None:
    """The command `daenr synthesize`."""
    parser = Parser(
        prog=call.typed,
        description="Most exciting inputs: for each neuron the image, of a fixed contrast, that drives it most as predicted.",
        epilog=EPILOG,
    )
    _add(parser)
    _go(call, parser.read(call.arguments), EXCITE, None)


def control(call: Call) -> None:
    """The command `daenr control`."""
    parser = Parser(
        prog=call.typed,
        description="Population control: images that drive one neuron or a group and keep the rest down, or reach given"
        " responses.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "--target",
        required=True,
        choices=CONTROLS,
        help="; ".join(f"{one.name}: {one.help}" for one in CONTROLS.values()),
    )
    parser.add_argument(
        "--responses",
        metavar="FILE",
        help="of --target vector: .npy or .csv of (vectors, neurons) responses, spikes per presentation",
    )
    _add(parser)
    options = parser.read(call.arguments)
    kind, given = CONTROLS[options.target], None
    if (options.responses is None) != (kind.targets is not None):
        wanted = "none" if kind.targets else "a file of responses"
        raise refusal("--responses", f"{wanted} with --target {kind.name}", options.responses)
    if options.responses is not None:
        check_path("--responses", options.responses)
        if options.neurons is not None:
            raise refusal("--neurons", f"none with --target {kind.name}", "some")
        given = vectors.read(options.responses)
    _go(call, options, kind, given)


def neurons(text: str) -> list[int]:
    """The numbers that a text like "0-9,12" means."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,7})(?:-(\d{1,7}))?", part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise argparse.ArgumentTypeError(
                f"expected numbers and ranges such as 0-9,12, found {text!r}"
            )
        found += range(first, last + 1)
    return sorted(set(found))


def _add(parser):
    parser.add_argument(
        "models",
        metavar="PATH",
        nargs="+",
        help="a run's directory, a SavedModel's version, or the directory of its versions; several of the same neurons are an"
        " ensemble",
    )
    rows = (
        ("--neurons", neurons, "N,N-N", "numbers and ranges, from 0 on (default: all)"),
        ("--starts", shared.whole, "N", f"per image (default: {DEFAULTS['starts']})"),
        ("--steps", shared.whole, "N", f"of ascent (default: {DEFAULTS['steps']})"),
        ("--seed", shared.whole, "N", f"of the starts (default: {DEFAULTS['seed']})"),
        (
            "--contrast",
            shared.number,
            "C",
            "RMS about the mean, between 0 and 1; natural images are held against it at the same"
            f" (default: {OF_NATURAL} of the natural images' mean contrast)",
        ),
        ("--mean", shared.number, "G", "mean grey level (default: that of the natural images)"),
        (
            "--strength",
            shared.number,
            "S",
            "of the preconditioning: exponent, or pixels (default: 1)",
        ),
        ("--data-dir", str, "DIR", shared.DATA_DIR),
        ("--out", str, "DIR", "default: runs/<command>/<name of the first PATH>-<method>-s<seed>"),
    )
    for name, reader, metavar, text in rows:
        default = DEFAULTS.get(name.removeprefix("--"))
        parser.add_argument(name, type=reader, metavar=metavar, default=default, help=text)
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help="ascent in pixels, or in the continuous code of a decoder, within the reach of natural images (default: pixel)",
    )
    parser.add_argument(
        "--precondition",
        choices=PRECONDITIONS,
        default=PRECONDITIONS[0],
        help="of the gradient in pixels: 1/f^S, or a blur of S pixels (default: fourier)",
    )
    parser.add_argument(
        "--images",
        metavar="IMAGES",
        nargs="+",
        help="natural images to hold the synthesised ones against, as of daenr predict (default: those of the first run's"
        " recording)",
    )
    parser.add_argument("--overwrite", action="store_true", help="start afresh where one lies")


def _go(call, options, kind, given):
    _check(options)
    for path in options.models:
        check_path("PATH", path)
        served.locate(path)
    natural_images = _natural_images(options)
    name = os.path.basename(os.path.abspath(options.models[0]))
    out = options.out or os.path.join("runs", call.name, f"{name}-{options.method}-s{options.seed}")
    check_writable("--out", out)
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from daenr_tf.twin.twin import Twin

    tf.config.experimental.enable_op_determinism()
    try:
        _work(options, kind, given, Twin.open(options.models), natural_images, out)
    except KeyboardInterrupt as stopped:
        said = str(stopped) or "interrupted"
        raise KeyboardInterrupt(
            f"{said}; what was done is kept in {out}, and the same command goes on with it"
        ) from None


def _check(options):
    for name, low in (("starts", 1), ("steps", 1), ("seed", 0)):
        if getattr(options, name) < low:
            raise refusal(f"--{name}", f"a whole number from {low} on", getattr(options, name))
    for name, holds, expected in (
        ("contrast", lambda value: 0 < value < 1, "a number between 0 and 1"),
        ("mean", lambda value: -1 < value < 1, "a number between -1 and 1"),
        ("strength", lambda value: 0 <= value <= 100, "a number from 0 to 100"),
    ):
        value = getattr(options, name)
        if value is not None and not holds(value):
            raise refusal(f"--{name}", expected, f"{value:g}")
    for name in ("out", "data_dir"):
        check_path(f"--{name.replace('_', '-')}", getattr(options, name))


def _natural_images(options) -> tuple[str, Callable[[], np.ndarray]]:
    """(where the natural images come from, what reads them); TensorFlow is not imported."""
    if options.images:
        for path in options.images:
            check_path("IMAGES", path)
        sources = pictures.find(options.images)
        return "--images", lambda: np.concatenate(list(_stacked(sources)))
    for path in options.models:
        if os.path.isfile(os.path.join(path, CONFIG)):
            from daenr_tf.runs.opened import Run

            recording = Run.open(path, options.data_dir).recording
            return recording.source, lambda images=recording.images: images
    raise InputError(
        "--images: expected natural images to hold the synthesised ones against, as no PATH is a run's directory with its"
        " recording, found none"
    )


def _stacked(sources):
    shape = None
    for source in sources:
        for image in source.images():
            if shape not in (None, image.shape):
                raise refusal(
                    "--images", f"images of one shape, as the first, {shape}", image.shape
                )
            shape = image.shape
            yield image[None]


def _work(options, kind: Kind, given, twin: Twin, natural_images, out):
    from daenr_tf.twin import natural as nature
    from daenr_tf.twin import outputs
    from daenr_tf.twin.stimulus import Constraint
    from daenr_tf.twin.synthesis import Plan, synthesise
    from daenr_tf.twin.work import Work

    started = time.monotonic()
    targets, numbers = _targets(options, kind, given, twin)
    if options.method == "latent" and twin.latent_size is None:
        twin.encode(None)  # says what it lacks
    where, read = natural_images
    natural = nature.seen(twin, read(), where)
    mean = float(natural.images.mean()) if options.mean is None else options.mean
    contrast = options.contrast or OF_NATURAL * natural.contrast
    plan = Plan(
        kind,
        targets,
        numbers,
        Constraint(round(contrast, 6), round(mean, 6)),
        options.method,
        options.steps,
        options.starts,
        options.seed,
        options.precondition,
        options.strength,
    )
    with Work(out, "--out", _settings(plan, twin, natural), outputs.PRODUCTS).held(
        options.overwrite
    ) as work:
        results = work.results()
        if results is None:
            with counted(len(plan.parts), "part") as advance:

                def known(number):
                    found = work.part(number)
                    if found is not None:
                        advance(1)
                    return found

                def keep(number, arrays):
                    work.write_part(number, arrays)
                    advance(1)

                arrays = synthesise(twin, plan, natural, known, keep)
            outputs.write(work, twin, plan, arrays, natural)
            seconds: dict[str, Any] = {"seconds": round(time.monotonic() - started, 3)}
            results = outputs.short(twin, plan, arrays, natural) | seconds
            work.finish(results)
        else:
            LOGGER.warning("%s: is finished; --overwrite starts afresh", one_line(out))
    print(one_line(outputs.said(results, options.models)))
    print(f"results: {one_line(out)}")


def _targets(options, kind, given, twin):
    """(targets (goals, neurons), what the goals are called by)."""
    count = twin.neurons
    if not count:
        twin.respond(None)  # says what it lacks
    if given is not None:
        if given.shape[1] != count:
            found = f"{given.shape[1]} in {options.responses}"
            raise refusal("--responses", f"a response of each of the {count} neurons", found)
        return given, list(range(len(given)))
    chosen = list(range(count)) if options.neurons is None else options.neurons
    if max(chosen) >= count:
        raise refusal("--neurons", f"numbers from 0 to {count - 1}", max(chosen))
    targets = kind.targets(chosen, count)
    if kind.leaves_others and (1 - targets).sum(axis=1).min() < 2:
        raise refusal(
            "--neurons", "at least 2 neurons besides, to keep down", f"{len(chosen)} of {count}"
        )
    return targets, chosen if len(targets) == len(chosen) else list(range(len(targets)))


def _settings(plan, twin, natural):
    """All that the outcome depends on."""
    return {
        "kind": plan.kind.name,
        "models": twin.digests,
        "natural": natural.digest,
        "goals": [int(number) for number in plan.numbers],
        "targets": vectors.digest(plan.targets),
        "method": plan.method,
        "contrast": plan.constraint.contrast,
        "mean": plan.constraint.mean,
        "starts": plan.starts,
        "steps": plan.steps,
        "seed": plan.seed,
        "precondition": plan.precondition,
        "strength": plan.strength,
    }
