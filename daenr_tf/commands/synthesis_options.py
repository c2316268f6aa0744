"""The options of `daenr synthesize` and `daenr control`, and where their natural images come from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

import numpy as np

from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Parser, check_path
from daenr_tf.errors import InputError, refusal
from daenr_tf.recordings import pictures
from daenr_tf.runs.directory import CONFIG
from daenr_tf.twin.goals import OF_NATURAL
from daenr_tf.twin.origin import members_of, recording_of

METHODS = ("pixel", "latent")
PRECONDITIONS = ("gaussian", "fourier")
DEFAULTS = {"steps": 60, "starts": 3, "seed": 0}


def add(parser: Parser) -> None:
    """Add the options that both have."""
    shared.add_models(parser)
    rows = (
        ("--neurons", shared.neurons, "N,N-N", "numbers and ranges, from 0 on (default: all)"),
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
        help="of the gradient in pixels: a blur of S pixels, or 1/f^S (default: gaussian)",
    )
    parser.add_argument(
        "--images",
        metavar="IMAGES",
        nargs="+",
        help="natural images to hold the synthesised ones against, as of daenr predict (default: those of the first run's"
        " recording)",
    )
    parser.add_argument("--overwrite", action="store_true", help="start afresh where one lies")


def check(options: argparse.Namespace) -> None:
    """Raises `InputError` for a value that can't be used."""
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


def natural_images(options: argparse.Namespace) -> tuple[str, Callable[[], np.ndarray]]:
    """(where the natural images come from, what reads them); TensorFlow is not imported."""
    if options.images:
        for path in options.images:
            check_path("IMAGES", path)
        sources = pictures.find(options.images)
        return "--images", lambda: np.concatenate(list(_stacked(sources)))
    for path in options.models:
        if os.path.isfile(os.path.join(path, CONFIG)) or members_of(path):
            recording = recording_of(path, options.data_dir)
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
