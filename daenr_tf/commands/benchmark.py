"""`daenr benchmark`: what training and serving cost on this machine."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import TYPE_CHECKING, Any

from daenr_tf import systems
from daenr_tf.benchmark.request import Request
from daenr_tf.commands import options as shared
from daenr_tf.commands.options import whole
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.config import ModelConfig
from daenr_tf.errors import InputError, SettingError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

RECIPE = "cae_fr"
BENCHMARK, PROFILE, SCALE = "benchmark.json", "profile.json", "scale.json"
FIGURE = "scale.png"
STEPS, REPEATS = 200, 5
SCALE_STEPS, SCALE_REPEATS = 20, 1
SWEPT = ("images", "neurons", "image_size")  # what --scale sets itself
MOST_REPEATS = 1000
EPILOG = (
    "Nothing is trained for its own sake and nothing is written but what --out and --profile name."
    " Compare figures of one machine, at one time, with nothing else running on it."
)


def benchmark(call: Call) -> None:
    """The command."""
    given = _parser(call.typed).read(call.arguments)
    for option in ("out", "profile"):
        check_path(f"--{option}", getattr(given, option))
    _check_modes(given)
    requests = _requests(given)
    _check_repeats(given)
    file = _out_file(given)
    with tempfile.TemporaryDirectory(prefix="daenr-benchmark-") as folder:
        if not given.scale:
            requests = [_with_recording(request, folder) for request in requests]
        found, text = _measured(given, requests, folder)
    print(text, flush=True)
    if file:
        _write(file, found)
    if given.scale and file and file != given.out:
        from daenr_tf.plotting import benchmark_figures

        benchmark_figures.scale(os.path.join(given.out, FIGURE), found)


def _parser(typed: str) -> Parser:
    parser = Parser(
        prog=typed,
        description="What training and serving cost on this machine: images a second, latency,"
        " operations, memory, start-up.",
        epilog=EPILOG,
    )
    model = ModelConfig()
    parser.add_argument(
        "recipes",
        metavar="RECIPE",
        nargs="*",
        help=f"some of {', '.join(systems.SYSTEMS)} (default: {RECIPE})",
    )
    rows = {name: row for row in shared.OF_EVERY_MODEL for name in [row[0]]}
    layer = (
        "layer",
        whole,
        f"hidden layer h_i that the readout reads (default: {model.layer})",
        None,
    )
    batch = ("batch-size", whole, f"images per step (default: {Request.batch_size})", None)
    shared.add(parser, [layer, batch, *(rows[name] for name in ("core", "image-size", "color"))])
    for name, meaning in (
        ("images", "of a made-up recording (default: the simulated region 3)"),
        ("neurons", "of a made-up recording (default: the simulated region 3's)"),
        ("steps", f"measured in each repeat (default: {STEPS}; {SCALE_STEPS} with --scale)"),
        (
            "repeats",
            f"fresh processes per model (default: {REPEATS}; {SCALE_REPEATS} with --scale)",
        ),
        ("threads", "that an operation is computed with (default: TensorFlow's own choice)"),
    ):
        parser.add_argument(f"--{name}", type=whole, metavar="N", help=meaning)
    parser.add_argument(
        "--out",
        metavar="DIR|FILE.json",
        help="where the figures go as JSON: a file, or a directory, which --scale gives a"
        " figure too",
    )
    parser.add_argument(
        "--profile",
        metavar="DIR",
        help="write a TensorBoard profile of some steps there and tell where a step goes, instead",
    )
    parser.add_argument(
        "--scale",
        action="store_true",
        help="tell cost against images, image size and neurons, instead",
    )
    parser.add_argument(
        "--no-torch",
        action="store_true",
        help="leave out the same network in PyTorch, which is measured where PyTorch is installed",
    )
    return parser


def _check_modes(given: argparse.Namespace) -> None:
    if not given.scale:
        return
    if given.profile is not None:
        raise InputError("--profile: expected not beside --scale, found both")
    for name in SWEPT:
        if getattr(given, name, None) is not None:
            raise InputError(
                f"--{name.replace('_', '-')}: expected not beside --scale, which sets it, found both"
            )


def _requests(given: argparse.Namespace) -> list[Request]:
    """The models that are asked for, each once. Raises `InputError`."""
    fields = {field.name for field in dataclasses.fields(Request)}
    settings = {
        name: value for name, value in vars(given).items() if name in fields and value is not None
    }
    settings.setdefault("steps", SCALE_STEPS if given.scale else STEPS)
    try:
        return [Request(recipe, **settings) for recipe in dict.fromkeys(given.recipes or [RECIPE])]
    except SettingError as error:
        option = "RECIPE" if error.field == "recipe" else f"--{error.field.replace('_', '-')}"
        raise InputError(f"{option}: {error.problem}") from None


def _check_repeats(given: argparse.Namespace) -> None:
    if given.repeats is None:
        given.repeats = SCALE_REPEATS if given.scale else REPEATS
    if not 1 <= given.repeats <= MOST_REPEATS:
        raise InputError(
            f"--repeats: expected a whole number from 1 to {MOST_REPEATS}, found {given.repeats}"
        )


def _out_file(given: argparse.Namespace) -> str | None:
    """The JSON file that --out means. Raises `InputError` where a place can't be written to."""
    from daenr_tf.runs.directory import check_writable

    out = given.out
    if given.profile is not None:
        check_writable("--profile", given.profile)
    if out is None:
        return None
    name = SCALE if given.scale else PROFILE if given.profile else BENCHMARK
    folder, file = out, os.path.join(out, name)
    if out.lower().endswith(".json"):
        folder, file = os.path.dirname(os.path.abspath(out)), out
    check_writable("--out", folder)
    if os.path.isdir(file):
        raise InputError(f"--out: expected a file, found that {file} is a directory")
    return file


def _with_recording(request: Request, folder: str) -> Request:
    """The request with its recording at hand. Raises `InputError` where it can't fit into memory."""
    from daenr_tf.recordings.load import load_recording
    from daenr_tf.runs import footprint

    if not request.made_up:
        recording = load_recording("simulated", request.config.region)
        footprint.check(request.config, recording)
        return request
    from daenr_tf.benchmark import made_up

    _check_arrays(request)
    footprint.check(request.config, request.outline())
    path = os.path.join(folder, "recording.npz")
    if not os.path.exists(path):
        made_up.write(path, request.images, request.image_shape, request.neurons)
    return dataclasses.replace(request, recording_file=path)


def _check_arrays(request: Request) -> None:
    """Raises `InputError` for a made-up recording that has no place in half of the memory."""
    from daenr_tf.machine import memory

    height, width, channels = request.image_shape
    size = request.images * (height * width * channels + 4 * request.neurons)
    if size > memory.half():
        raise InputError(
            f"--images: expected a recording that fits into half of this machine's memory"
            f" ({memory.half() / 1e9:.3g} GB), found one of {size / 1e9:.3g} GB"
        )


def _measured(
    given: argparse.Namespace, requests: Sequence[Request], folder: str
) -> tuple[dict, str]:
    """(what was found, the same as text)."""
    if given.profile:
        from daenr_tf.benchmark import profile

        found = profile.run(requests, given.profile, folder)
        return found, profile.written(found)
    if given.scale:
        from daenr_tf.benchmark import scale

        found = scale.run(requests, given.repeats)
        return found, scale.written(found)
    from daenr_tf.benchmark import session, table

    found = session.run(requests, given.repeats, not given.no_torch)
    return found, table.written(found)


def _write(file: str, found: dict[str, Any]) -> None:
    import json

    from daenr_tf.machine.files import write_text
    from daenr_tf.runs.directory import make_directory

    make_directory("--out", os.path.dirname(os.path.abspath(file)))
    write_text(file, json.dumps(found, indent=2, allow_nan=False) + "\n")
