"""`daenr predict`: what a fitted model answers to images."""

from __future__ import annotations

import csv
import io
import itertools
import os
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.errors import InputError
from daenr_tf.machine.files import replace_file
from daenr_tf.machine.messages import LOGGER
from daenr_tf.machine.progress import counted
from daenr_tf.models import served
from daenr_tf.readable import OF_MODEL
from daenr_tf.recordings import pictures
from daenr_tf.runs.directory import check_writable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_IMAGES, MOST_BYTES = 64, 64 << 20  # of a batch, as float32
RESPONSE, RECONSTRUCTION = "response", "reconstruction"
LEAST_SPAN = 0.05  # of the model's pixel range; images that span less were probably scaled
EPILOG = (
    "Images are taken in the grey levels of the recording that the model was fitted to: a"
    " picture's are 0..255."
    " Size and colour may be any; the model's own preprocessing resizes them and turns colour"
    " into grey where it wants grey."
)


def predict(call: Call) -> None:
    """The command."""
    parser = Parser(
        prog=call.typed,
        description="What a fitted model answers to images: responses of every neuron, and"
        " reconstructions.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "model",
        metavar="RUN",
        help="a run's directory, a SavedModel's version, or the directory of its versions"
        " (the newest is taken)",
    )
    parser.add_argument(
        "images",
        metavar="IMAGES",
        nargs="+",
        help="PNG and JPEG files, directories of them, .npy or .npz files"
        " (their array images, or the only one)",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="where the answers go: .csv (a row per image: name, response_0, …) or .npz"
        " (names, responses, reconstructions in [-1, 1])",
    )
    options = parser.read(call.arguments)
    for name, path in (
        ("--out", options.out),
        ("RUN", options.model),
        *(("IMAGES", path) for path in options.images),
    ):
        check_path(name, path)
    write = _writer(options.out)
    place = served.locate(options.model)
    sources = pictures.find(options.images)
    if any(
        os.path.exists(options.out) and os.path.samefile(options.out, source.path)
        for source in sources
    ):
        raise InputError(f"--out: expected another file than the images', found {options.out}")
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    model = served.load(place)
    if write is _write_csv and RESPONSE not in model.heads:
        raise InputError(
            f"--out: expected an .npz file for a model that predicts no responses, found"
            f" {options.out}"
        )
    total, outside = sum(map(len, sources)), Outside(model.pixel_range)
    with counted(total, "image") as advance:
        replace_file(
            options.out,
            lambda file: write(
                file, _names(sources), total, _answers(model, sources, outside, advance)
            ),
        )
    outside.tell()
    whose = OF_MODEL[served.simulated(options.model)].replace(" of", ", answers of", 1)
    print(f"{total} images{whose}: {options.out}")


def _writer(out):
    """The function that writes a file of this ending. Raises `InputError` for a place that can't
    be written to."""
    writer = WRITERS.get(os.path.splitext(out)[1].lower())
    if writer is None:
        endings = " or ".join(WRITERS)
        raise InputError(f"--out: expected a file that ends in {endings}, found {out}")
    folder = os.path.dirname(os.path.abspath(out))
    if os.path.isdir(out) or not os.path.isdir(folder):
        raise InputError(f"--out: expected a file in a directory that is there, found {out}")
    check_writable("--out", folder)
    return writer


def _names(sources):
    return [name for source in sources for name in source.names]


def batches(sources: Iterable[pictures.Picture | pictures.Stack]) -> Iterator[np.ndarray]:
    """Arrays (N, height, width, channels) of consecutive images of one shape, of bounded size."""
    waiting = []
    for source in sources:
        for image in source.images():
            most = max(1, min(MOST_IMAGES, MOST_BYTES // (4 * image.size)))
            if waiting and (waiting[0].shape != image.shape or len(waiting) >= most):
                yield np.stack(waiting)
                waiting = []
            waiting.append(image)
    if waiting:
        yield np.stack(waiting)


def _answers(model, sources, outside, advance):
    """The model's answers to each batch of images, as dicts of head -> array."""
    for batch in batches(sources):
        outside.look(batch)
        yield model.answer(batch)
        advance(len(batch))


class Outside:
    """Tells images that leave the pixel range of the recording that the model was fitted to, or that
    hardly use it.

    Args:
        pixel_range: (low, high), or None where it is not known.
    """

    def __init__(self, pixel_range: tuple[float, float] | None) -> None:
        self.range = pixel_range
        self.count, self.low, self.high = 0, np.inf, -np.inf

    def look(self, images: np.ndarray) -> None:
        """Look at a batch."""
        if self.range is None:
            return
        axes = tuple(range(1, images.ndim))
        lows, highs = images.min(axis=axes), images.max(axis=axes)
        self.count += int(np.sum((lows < self.range[0]) | (highs > self.range[1])))
        self.low, self.high = min(self.low, float(lows.min())), max(self.high, float(highs.max()))

    def tell(self) -> None:
        """Say it where it is so."""
        if self.count:
            LOGGER.warning(
                f"{self.count} images leave the grey levels {self.range[0]:g} to"
                f" {self.range[1]:g} of the recording that the model was"
                f" fitted to: they go from {self.low:g} to {self.high:g}; what it answers to them"
                f" means little"
            )
        elif self.range and self.high - self.low < LEAST_SPAN * (self.range[1] - self.range[0]):
            LOGGER.warning(
                f"the images' grey levels go from {self.low:g} to {self.high:g} only, where the"
                f" model was fitted to {self.range[0]:g} to {self.range[1]:g}: if they were scaled,"
                " give them as they were recorded"
            )


def _write_csv(file, names, total, answers):
    """A row per image: its name, and the response of every neuron."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    rows, remaining = csv.writer(text, lineterminator="\n"), iter(names)
    for number, batch in enumerate(answers):
        responses = batch[RESPONSE]
        if number == 0:
            rows.writerow(["name", *(f"response_{neuron}" for neuron in range(responses.shape[1]))])
        for response in responses:
            rows.writerow([next(remaining), *response])
    text.flush()
    text.detach()


def _write_npz(file, names, total, answers):
    """`names`, `responses` (N, neurons) and `reconstructions` (N, height, width, channels), those
    that the model has."""
    responses = []  # of all batches: they are small, and a zip file takes one array at a time
    with zipfile.ZipFile(file, "w") as archive:
        first = next(answers)
        kept = _keep(itertools.chain([first], answers), responses)
        if RECONSTRUCTION in first:
            with archive.open("reconstructions.npy", "w", force_zip64=True) as member:
                shape = (total, *first[RECONSTRUCTION].shape[1:])
                np.lib.format.write_array_header_1_0(
                    member, {"descr": "<f4", "fortran_order": False, "shape": shape}
                )
                for batch in kept:
                    member.write(np.ascontiguousarray(batch[RECONSTRUCTION], "<f4").tobytes())
        for _ in kept:
            pass
        _write_array(archive, "names", np.array(names))
        if responses:
            _write_array(archive, "responses", np.concatenate(responses))


def _keep(batches, responses):
    """The batches; the responses of each are appended to a list."""
    for batch in batches:
        if RESPONSE in batch:
            responses.append(batch[RESPONSE])
        yield batch


def _write_array(archive, key, values):
    with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, values, allow_pickle=False)


WRITERS = {".csv": _write_csv, ".npz": _write_npz}
