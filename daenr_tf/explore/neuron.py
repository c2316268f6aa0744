"""What there is to see of one neuron: its receptive field in several ways, the image that drives it most, its tuning curves."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.laboratory import fields
from daenr_tf.laboratory.catalogue import PROTOCOLS
from daenr_tf.laboratory.settings import Settings
from daenr_tf.plotting import laboratory as figures
from daenr_tf.receptive_fields import map_centers, spike_triggered_averages
from daenr_tf.twin import natural as nature
from daenr_tf.twin.goals import EXCITE, OF_NATURAL
from daenr_tf.twin.stimulus import Constraint
from daenr_tf.twin.synthesis import Plan, synthesise

if TYPE_CHECKING:
    from daenr_tf.explore.session import Session
    from daenr_tf.laboratory.protocols import Measured


LEAST, MOST = 0.02, 0.9  # that it is kept within
TUNINGS = (
    "gratings",
    "contrast",
    "sparse_noise",
)  # protocols that show all neurons the same stimuli, and few
NO_MASK = "Masks are not shown: an export does not hold them, and a dense readout has none. A run's directory tells them."
_DRAWING = threading.Lock()  # Matplotlib is not made for several threads


@dataclass(frozen=True)
class Figure:
    """A picture of the page.

    Attributes:
        title: str, what it shows.
        png: bytes.
        alternative: str, the same for those who can't see it.
    """

    title: str
    png: bytes
    alternative: str


@dataclass(frozen=True)
class Exciting:
    """A neuron's most exciting input.

    Attributes:
        image, natural: (height, width, channels) float32 in [-1, 1], the image and the best of the natural ones at its contrast.
        response, natural_response: float, predicted, spikes per presentation.
        contrast: float, RMS.
        images: int, how many natural ones were looked at.
    """

    image: np.ndarray
    natural: np.ndarray
    response: float
    natural_response: float
    contrast: float
    images: int


def receptive_fields(session: Session, neuron: int) -> tuple[list[Figure], str]:
    """The maps of a neuron, each a figure, and a sentence on what is not shown ("" if all is)."""
    return session.kept.get(("fields", neuron), lambda: _fields(session, neuron))


def _fields(session, neuron):
    probes = session.kept.get("probes", lambda: fields.probes(session.subject, 0))
    mean, energy = (one[None] for one in session.subject.gradient(probes, neuron))
    masks = session.kept.get("masks", lambda: fields.masks_of(session.paths[0]))
    triggered, whose = _triggered(session, neuron)
    maps = {
        "Mean gradient": mean,
        "RMS gradient": energy,
        f"Spike-triggered average, of {whose}": triggered,
    }
    if masks is not None:
        of = ", of the first model" if len(session.paths) > 1 else ""
        maps = {f"Learned mask{of} (sign is arbitrary)": masks[[neuron]], **maps}
    center = map_centers(energy)
    row, column = center[0]
    drawn = [
        Figure(
            title,
            _png(
                lambda path, values=values, title=title: figures.maps(
                    path,
                    {"": values},
                    [neuron],
                    title,
                    simulated=bool(session.twin.simulated),
                    shape=session.subject.shape,
                    centers=center,
                )
            ),
            f"{title} of neuron {neuron}, a map over the image; the receptive field's centre by gradients is marked at row {row:.0f}, column"
            f" {column:.0f}",
        )
        for title, values in maps.items()
    ]
    return drawn, NO_MASK if masks is None else ""


def _triggered(session, neuron):
    """((1, height, width), whose responses they are)."""
    if session.recording is not None:
        images, responses, whose = (
            session.recording.images,
            session.recording.responses,
            "the recording",
        )
    else:
        images, responses = session.kept.get("shown", lambda: _shown(session))
        whose = "the model's own answers"
    return spike_triggered_averages(images, np.asarray(responses[:, [neuron]])), whose


def _shown(session):
    images = fields.probes(session.subject, 1, count=1000)
    return images, session.subject.rates(images)


def _png(draw: Callable[[str], None]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figure.png")
        with _DRAWING:
            draw(path)
        with open(path, "rb") as file:
            return file.read()


def most_exciting(session: Session, neuron: int) -> Exciting:
    """The image, of a quarter of the contrast of natural ones, that drives a neuron most as predicted: ascent in pixels, as of `daenr synthesize`."""
    return session.kept.get(("exciting", neuron), lambda: _exciting(session, neuron))


def has_exciting(session: Session, neuron: int) -> bool:
    """Whether it is known already."""
    return ("exciting", neuron) in session.kept


def _exciting(session, neuron):
    natural = session.kept.get("looked", lambda: _looked(session))
    contrast = float(np.clip(OF_NATURAL * natural.contrast, LEAST, MOST))
    mean = float(natural.images.mean())
    if not contrast < 1 - abs(mean):
        mean = 0.0
    constraint = Constraint(round(contrast, 6), round(mean, 6))
    plan = Plan(EXCITE, EXCITE.targets([neuron], session.twin.neurons), [neuron], constraint)
    found = synthesise(session.twin, plan, natural)
    return Exciting(
        found["images"][0],
        found["natural_image"][0],
        float(found["score"][0]),
        float(found["natural_score"][0]),
        float(found["contrast"][0]),
        len(natural.images),
    )


def _looked(session):
    images = session.natural()
    return nature.look(session.twin, images, np.arange(len(images)))


def tuning(session: Session, protocol: str) -> Measured:
    """What all neurons answer to the stimuli of a protocol, one of `TUNINGS`, in its own settings."""
    return session.kept.get(("tuning", protocol), lambda: _tuning(session, protocol))


def has_tuning(session: Session, protocol: str) -> bool:
    """Whether it is known already."""
    return ("tuning", protocol) in session.kept


def _tuning(session, protocol):
    show, measure = PROTOCOLS[protocol].functions()
    settings = Settings()
    stimuli = show(session.subject, settings, None)
    return measure(stimuli, session.subject.rates(stimuli.images), session.subject, settings)


def tuning_maps(session: Session, protocol: str, neuron: int) -> list[Figure]:
    """The maps that a protocol gives of a neuron, as figures."""
    measured = tuning(session, protocol)
    shown = "simulated stimuli, the model's answers"
    return [
        Figure(
            f"Response to {name}",
            _png(
                lambda path, name=name, values=values: figures.maps(
                    path,
                    {"": values[[neuron]]},
                    [neuron],
                    f"Response to {name}\n{shown}",
                    simulated=bool(session.twin.simulated),
                    shape=session.subject.shape,
                )
            ),
            f"Map of neuron {neuron}'s responses to {name} squares over the image",
        )
        for name, values in measured.maps.items()
    ]
