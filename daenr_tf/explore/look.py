"""A picture that is dropped in: read safely, and what the model answers to it."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.errors import InputError, one_line
from daenr_tf.recordings.pictures import decode_picture

if TYPE_CHECKING:
    from daenr_tf.explore.session import Session

MOST_BYTES = 10 << 20
MOST_REQUEST = MOST_BYTES + (64 << 10)  # with what a form has around a file
MOST_PIXELS = 16_000_000
LIMITS = f"PNG or JPEG, at most {MOST_BYTES >> 20} MB and {MOST_PIXELS // 1_000_000} million pixels"
SQUEEZED = 1.02  # by which height beside width may differ from the model's before it is said


@dataclass(frozen=True)
class Look:
    """What the model answers to an image.

    Attributes:
        name: str, of the image.
        seen: (height, width, channels) float32 in [-1, 1], as the model sees it.
        reconstruction: likewise, None without a decoder.
        responses: (neurons,) float32, None without a readout.
        notes: tuple of sentences that a user should read.
        seconds: float, from the file's bytes to the answer.
    """

    name: str
    seen: np.ndarray
    reconstruction: np.ndarray | None
    responses: np.ndarray | None
    notes: tuple[str, ...]
    seconds: float


def at_picture(session: Session, name: str, content: bytes) -> Look:
    """Look at the bytes of a picture's file.

    Raises:
        InputError: it is too large, none, damaged, or of a kind that can't be read rightly.
    """
    started = time.perf_counter()
    name = one_line(name)[:80] or "the picture"
    if len(content) > MOST_BYTES:
        raise too_large(name, len(content))
    picture = decode_picture(io.BytesIO(content), name, MOST_PIXELS)
    return _look(session, name, session.see(picture), _notes(session, picture.shape), started)


def at_natural(session: Session, number: int) -> Look:
    """Look at one of the session's natural images."""
    started = time.perf_counter()
    images = session.natural()
    return _look(session, f"natural image {number}", images[number], (), started)


def too_large(name: str, size: int | None = None) -> InputError:
    """The refusal of a file of too many bytes."""
    found = "a larger one" if size is None else f"{size / (1 << 20):.1f} MB"
    return InputError(f"{name}: expected a file of at most {MOST_BYTES >> 20} MB, found {found}")


def _look(session, name, seen, notes, started):
    answer = session.answer(seen)
    return Look(
        name,
        seen,
        answer.get("reconstruction"),
        answer.get("response"),
        notes,
        time.perf_counter() - started,
    )


def _notes(session, shape):
    height, width, channels = session.twin.image_shape
    notes = []
    ratio = (shape[0] / shape[1]) / (height / width)
    if max(ratio, 1 / ratio) > SQUEEZED:
        notes.append(
            f"The picture has {shape[0]} × {shape[1]} pixels (height × width) and was squeezed into the model's {height} × {width}:"
            " crop it to that shape to keep proportions."
        )
    known = session.twin.pixel_range
    if known is not None and tuple(known) != (0.0, 255.0):
        notes.append(
            f"Its grey levels 0 to 255 were laid over those of the recording, {known[0]:g} to {known[1]:g}."
        )
    if shape[2] > channels:
        notes.append("Colour was turned into grey, which is all that the model sees.")
    return tuple(notes)
