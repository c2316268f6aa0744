"""What every array of a recording must be, and the one-line refusal that says which one is not."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.errors import InputError, refusal
from daenr_tf.machine import blocks
from daenr_tf.missing import LEAST_KNOWN, known_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from daenr_tf.recordings.recording import Recording

FLOAT32_MAX = float(np.finfo(np.float32).max)
SMALLEST_SIDE = 4
USUAL_MEAN_RESPONSE = (0.1, 10.0)  # per presentation


def numeric(what: str, values: ArrayLike) -> np.ndarray:
    """`values` as a native-endian, C-contiguous array of booleans, integers or floats of at most 64 bits.

    Raises:
        InputError: for anything else (text, objects, complex numbers, dates, masked or ragged arrays).
    """
    if isinstance(values, np.ma.MaskedArray):
        raise refusal(what, "a plain array (what is missing as NaN)", "a masked array")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as reason:
        raise refusal(what, "an array of numbers", f"values that make none ({reason})") from None
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise refusal(
            what, "booleans, integers or floats of at most 64 bits", f"the type {array.dtype}"
        )
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def with_channel(what: str, values: ArrayLike) -> np.ndarray:
    """`values` as images (images, height, width, channels), the channel axis added where there is none; a copy, unless they are
    read-only already.

    Raises:
        InputError: for another shape, fewer than 4 pixels a side, or a pixel that is not finite in float32.
    """
    array = numeric(what, values)
    wanted = "the shape (images, height, width) or (images, height, width, channels) with 1 or 3 channels"
    if array.ndim == 3 and array.shape[2] in (1, 3) and min(array.shape) > 0:
        found = f"the shape {array.shape}, as of a single image: give it its axis, array[None]"
        raise refusal(what, wanted, found)
    array = _own(array, values)
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[3] not in (1, 3):
        raise refusal(what, wanted, f"the shape {np.shape(values)}")
    if array.shape[0] == 0:
        raise refusal(what, "at least one image", "none")
    if min(array.shape[1:3]) < SMALLEST_SIDE:
        raise refusal(
            what,
            f"at least {SMALLEST_SIDE} pixels in height and width",
            f"{array.shape[1]} x {array.shape[2]}",
        )
    if array.dtype.kind == "f":
        _refuse_any(what, _beyond_float32, array, "finite pixels in the range of float32")
    return array


def _own(array, values):
    """`array`, made from `values`, or a copy of it where what the caller does to `values` would show."""
    return array.copy() if array.flags.writeable and np.may_share_memory(array, values) else array


def rates(
    what: str, values: ArrayLike, shape: tuple[int | None, ...], meaning: str, missing: bool = False
) -> np.ndarray:
    """`values` as float32 responses of `shape`, where None in `shape` leaves an axis free.

    Args:
        what: name of the array, for the message.
        values: responses, spikes per presentation.
        shape: expected shape, for example (1800, None).
        meaning: the axes in words, for example "(images, neurons)".
        missing: whether NaN is allowed.

    Raises:
        InputError: for another shape, no neuron, or a value that is negative or (where not `missing`) not finite.
    """
    array = numeric(what, values)
    if not _fits(array.shape, shape):
        sizes = ", ".join("any" if want is None else str(want) for want in shape)
        expected = f"the shape {meaning} = ({sizes})"
        raise refusal(what, expected, f"the shape {array.shape}{_in_another_order(array, shape)}")
    if array.size == 0:
        raise refusal(what, f"at least one of each of {meaning}", f"the shape {array.shape}")
    if array.dtype.kind == "f":

        def is_bad(part):
            bad = _beyond_float32(part) | (part < 0)
            return bad & ~np.isnan(part) if missing else bad

        _refuse_any(what, is_bad, array, "finite responses >= 0 in the range of float32")
    else:
        _refuse_any(what, lambda part: part < 0, array, "responses >= 0")
    if array.dtype == np.float32:
        return _own(array, values)
    with np.errstate(all="ignore"):
        return array.astype(np.float32)


def refuse_all_missing(what: str, responses: np.ndarray) -> None:
    """Raises `InputError` where every response is missing."""
    if not known_counts(responses).any():
        raise refusal(what, "a response, where not all are missing", "NaN alone")


def known_responses(**sets: np.ndarray) -> None:
    """Raises `InputError` where a set of a split, responses (images, neurons) by its name, has none that is known."""
    for name, responses in sets.items():
        if not known_counts(responses).any():
            raise refusal(
                "--seed", f"a split with responses in the {name} set", "one where all are missing"
            )


def _fits(found, shape):
    return len(found) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, found, strict=True)
    )


def _in_another_order(array, shape):
    """A hint where an array would have a shape if its axes came in another order; else nothing."""
    if array.ndim != len(shape):
        return ""
    for axes in itertools.permutations(range(array.ndim)):
        if _fits(tuple(array.shape[axis] for axis in axes), shape):
            how = "array.T" if axes == (1, 0) else f"array.transpose{axes}"
            return f", which fits with its axes in another order: {how}"
    return ""


def _beyond_float32(array):
    """Where a float array is NaN, infinite, or too large for float32."""
    if array.dtype == np.float64:
        return ~(np.abs(array) <= FLOAT32_MAX)
    return ~np.isfinite(array)


def refuse_where(what: str, bad: np.ndarray, array: np.ndarray, expected: str) -> None:
    """Raises InputError that names the first position where `bad` is true, and the value of `array` there."""
    if bad.any():
        _refuse_at(what, np.argmax(bad), array, expected)


def _refuse_any(what, is_bad, array, expected):
    """`refuse_where` for a function of the values, of which a part is looked at a time; `array` is C-contiguous."""
    values = array.reshape(-1)
    for some in blocks.slices(len(values), array.itemsize):
        bad = is_bad(values[some])
        if bad.any():
            _refuse_at(what, some.start + np.argmax(bad), array, expected)


def _refuse_at(what, number, array, expected):
    position = np.unravel_index(number, array.shape)
    index = ", ".join(str(int(i)) for i in position)
    raise refusal(what, expected, f"{array[position]} at [{index}]")


def pixel_range(
    what: str, given: Sequence[float] | None, arrays: Sequence[np.ndarray]
) -> tuple[float, float]:
    """(low, high) in the recording's own grey levels: `given`, else 0..255 for uint8, else read off `arrays`.

    Raises:
        InputError: where `given` is no such pair or a pixel lies outside of it, or where all pixels are alike.
    """
    low = min(float(a.min()) for a in arrays)
    high = max(float(a.max()) for a in arrays)
    if low == high:
        raise refusal(what, "images that differ somewhere", f"the value {low} in every pixel")
    if given is None:
        given = (0.0, 255.0) if arrays[0].dtype == np.uint8 else (low, high)
    span = bounds(what, given)
    if low < span[0] or high > span[1]:
        raise refusal(what, f"pixels within pixel_range {span}", f"pixels from {low} to {high}")
    return span


def bounds(what: str, given: Sequence[float]) -> tuple[float, float]:
    """`given` as the pixel range (low, high), two floats.

    Raises:
        InputError: where it is no such pair, or a range that float32 has no numbers for.
    """
    try:
        span = tuple(float(bound) for bound in given)
    except (TypeError, ValueError, OverflowError):
        span = ()
    if len(span) != 2 or not np.isfinite(span).all() or not span[0] < span[1]:
        raise refusal(what, "pixel_range = (low, high), finite and low < high", repr(given)[:100])
    with np.errstate(all="ignore"):
        width = np.float32(span[1]) - np.float32(span[0])
    if not np.finfo(np.float32).tiny <= width <= FLOAT32_MAX:
        raise refusal(
            what, "pixels that float32 can tell apart", f"the range {span[0]} to {span[1]}"
        )
    return span


def colour(recording: Recording, channels: int) -> None:
    """Raises `InputError` where a model of `channels` wants colour and the recording has none."""
    if channels == 3 and recording.images.shape[-1] != 3:
        raise refusal(
            "--color", "a recording in colour for rgb", f"{recording.source} with 1 channel"
        )


def changes(recording: Recording, image_size: Sequence[int], channels: int) -> list[str]:
    """Sentences about what a model does not see of the images, with the option that changes it.

    Args:
        recording: `Recording`.
        image_size: (height, width) that its images are resized to.
        channels: 1 or 3, what the model sees of them.
    """
    sentences, (height, width, recorded) = [], recording.images.shape[1:]
    if recorded > channels:
        sentences.append("colour images are turned to grey (--color rgb keeps it)")
    if (height, width) != tuple(image_size):
        rows, columns = image_size
        squeezed = ", which changes their proportions" if height * columns != width * rows else ""
        sentences.append(
            f"images of {height}x{width} are resized to {rows}x{columns}{squeezed}"
            " (--image-size takes another size)"
        )
    return sentences


def unvarying(responses: np.ndarray) -> np.ndarray:
    """(images, neurons) -> (neurons,) bool, the neurons that answer every image that they were recorded on alike; one
    without a response is none of them."""
    return np.fmin.reduce(responses, axis=0) == np.fmax.reduce(responses, axis=0)


def cautions(recording: Recording) -> list[str]:
    """Sentences about responses that a readout can be fitted to, but not well."""
    sentences, (low, high) = [], USUAL_MEAN_RESPONSE
    mean = float(recording.responses.mean(dtype="float64"))
    if np.isnan(mean):
        mean = float(np.nanmean(recording.responses, dtype="float64"))
    if not low <= mean <= high:
        sentences.append(
            f"the mean response is {mean:.3g} per presentation; the penalties' weights suit means"
            f" between {low} and {high}: rescale the responses, or set --readout-l1 and"
            " --activity-l1 (docs/recordings.md)"
        )
    return sentences + unvarying_neurons(recording)


def unvarying_neurons(recording: Recording) -> list[str]:
    """Sentences about neurons that answer every image alike, or of which too little is known."""
    sentences = _missing(recording)
    for responses, where, consequence in (
        (recording.responses, "in training", "nothing can be learned of them"),
        (recording.test_responses, "in the test set", "their PCC counts as 0 in the mean"),
    ):
        count = int(unvarying(responses).sum())
        if count:
            sentences.append(
                f"{count} of {recording.neurons} neurons never vary {where}: {consequence}"
            )
    return sentences


def _missing(recording):
    """Sentences about missing responses."""
    sentences = []
    if recording.missing:
        sentences.append(
            f"{recording.missing:.1%} of the training responses are missing: they count neither in"
            " the loss nor in the metrics"
        )
    unrecorded = int(recording.unrecorded.sum())
    if unrecorded:
        sentences.append(
            f"{unrecorded} of {recording.neurons} neurons have no response in training: nothing is"
            " learned of them, and their figures are left empty"
        )
    known = known_counts(recording.test_responses)
    few = int((known < min(LEAST_KNOWN, len(recording.test_responses))).sum())
    if few:
        sentences.append(
            f"{few} of {recording.neurons} neurons have fewer than {LEAST_KNOWN} responses in the"
            " test set: their figures there are left empty"
        )
    return sentences


def neurons(recording: Recording, expected: int) -> None:
    """Raises `InputError` where a model predicts neurons (`expected` of them, 0 if it has no readout), and not as many as the recording's."""
    if expected and expected != recording.neurons:
        raise InputError(
            f"recording: expected the {expected} neurons of the model, found {recording.neurons}"
        )
