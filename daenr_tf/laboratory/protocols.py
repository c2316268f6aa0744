"""What each protocol shows and what it measures; `laboratory.catalogue` has the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from daenr_tf.laboratory import stimuli as made
from daenr_tf.laboratory import tuning
from daenr_tf.laboratory.stimuli import Stimuli

if TYPE_CHECKING:
    from daenr_tf.laboratory.settings import Settings
    from daenr_tf.laboratory.subject import Subject


class Curve(NamedTuple):
    """Tuning curves of all neurons.

    Attributes:
        values: (k,), what was varied.
        responses: (k, neurons).
        axis: what it is, with its unit.
        period: after how much of it all is the same again; None of what isn't circular.
    """

    values: np.ndarray
    responses: np.ndarray
    axis: str
    period: float | None = None


@dataclass(frozen=True)
class Measured:
    """What is measured of responses.

    Attributes:
        neurons: `pandas.DataFrame`, a row per neuron: `neuron`, and the indices.
        curves: dict of a curve's name -> `Curve`.
        maps: dict of a map's name -> (neurons, rows, columns).
    """

    neurons: pd.DataFrame
    curves: dict = field(default_factory=dict)
    maps: dict = field(default_factory=dict)


def _degrees(count, span):
    return np.arange(count) * span / count


def _grid(subject, settings, contrasts):
    """Full-field gratings of every contrast, orientation, spatial frequency and phase."""
    angles = _degrees(settings.orientations, 180)
    phases = _degrees(settings.phases, 360)
    frequencies = settings.frequencies(min(subject.shape))
    rows = [
        (contrast, angle, frequency * settings.scale, phase)
        for contrast in contrasts
        for angle in angles
        for frequency in frequencies
        for phase in phases
    ]
    columns = ("contrast", "orientation", "spatial_frequency", "phase")
    table = pd.DataFrame(rows, columns=columns)
    images = np.stack(
        [
            made.levels(
                made.grating(
                    subject.shape,
                    np.deg2rad(row.orientation),
                    row.spatial_frequency / settings.scale,
                    np.deg2rad(row.phase),
                    row.contrast,
                )[None],
                subject.channels,
            )[0]
            for row in table.itertuples()
        ]
    )
    return Stimuli(images, table)


def _cube(responses, settings, frequencies, contrasts):
    axes = (contrasts, settings.orientations, frequencies, settings.phases)
    return np.asarray(responses, float).reshape(*axes, -1)


def show_gratings(subject: Subject, settings: Settings, images: np.ndarray | None) -> Stimuli:
    """Full-field static gratings: every orientation, spatial frequency and phase."""
    return _grid(subject, settings, (settings.contrast,))


def measure_gratings(
    shown: Stimuli, responses: np.ndarray, subject: Subject, settings: Settings
) -> Measured:
    """Orientation and spatial-frequency tuning."""
    angles = _degrees(settings.orientations, 180)
    frequencies = settings.frequencies(min(subject.shape))
    cube = _cube(responses, settings, len(frequencies), 1)[0]
    table = tuning.orientation_tuning(cube, angles, frequencies)
    best = tuning.over_phases(cube)[2]
    neurons = np.arange(best.shape[-1])
    at = np.searchsorted(frequencies, table["preferred_spatial_frequency"])
    by_angle = best[:, at, neurons]
    by_frequency = best[by_angle.argmax(axis=0), :, neurons].T
    table["preferred_spatial_frequency"] *= settings.scale
    axis = f"spatial frequency (cycles per {settings.unit})"
    return Measured(
        table,
        {
            "orientation": Curve(angles, by_angle, "orientation (degrees)", 180),
            "spatial_frequency": Curve(frequencies * settings.scale, by_frequency, axis),
        },
    )


def show_contrasts(subject: Subject, settings: Settings, images: np.ndarray | None) -> Stimuli:
    """As `show_gratings`, at every contrast."""
    return _grid(subject, settings, settings.contrasts)


def measure_contrasts(
    shown: Stimuli, responses: np.ndarray, subject: Subject, settings: Settings
) -> Measured:
    """The contrast curve at the orientation and the spatial frequency that a neuron prefers at the highest contrast."""
    frequencies = settings.frequencies(min(subject.shape))
    cube = _cube(responses, settings, len(frequencies), len(settings.contrasts))
    best = tuning.over_phases(cube)[2]
    count = len(settings.contrasts)
    flat = best.reshape(count, -1, best.shape[-1])
    curves = flat[:, flat[-1].argmax(axis=0), np.arange(best.shape[-1])]
    contrasts = np.array(settings.contrasts)
    table = tuning.contrast_tuning(curves, contrasts)
    return Measured(table, {"contrast": Curve(contrasts, curves, "contrast (Michelson)")})


def show_sizes(subject: Subject, settings: Settings, images: np.ndarray | None) -> Stimuli:
    """For every neuron, discs of its preferred grating about the centre of its receptive field, at every size and phase.

    What it prefers is found with full-field gratings before, by expected responses; its centre with gradients.
    """
    from daenr_tf.laboratory.fields import centers_of

    known = show_gratings(subject, settings, None)
    table = measure_gratings(known, subject.rates(known.images), subject, settings).neurons
    centers = centers_of(subject, settings.seed)
    diameters, phases = settings.diameters(min(subject.shape)), _degrees(settings.phases, 360)
    rows, pictures = [], []
    for one in table.itertuples():
        center = tuple(centers[one.neuron])
        for diameter in diameters:
            for phase in phases:
                rows.append(
                    (
                        one.neuron,
                        diameter / settings.scale,
                        settings.contrast,
                        one.preferred_orientation,
                        one.preferred_spatial_frequency,
                        phase,
                        *center,
                    )
                )
                patch = made.grating(
                    subject.shape,
                    np.deg2rad(one.preferred_orientation),
                    one.preferred_spatial_frequency / settings.scale,
                    np.deg2rad(phase),
                    settings.contrast,
                    center,
                    diameter,
                )
                pictures.append(made.levels(patch[None], subject.channels)[0])
    columns = ["for_neuron", "size", "contrast", "orientation", "spatial_frequency", "phase"]
    columns += ["center_row", "center_column"]
    return Stimuli(np.stack(pictures), pd.DataFrame(rows, columns=columns))


def measure_sizes(
    shown: Stimuli, responses: np.ndarray, subject: Subject, settings: Settings
) -> Measured:
    """The size curve of each neuron, of the patches that were made for it."""
    diameters = settings.diameters(min(subject.shape))
    own = np.asarray(responses)[np.arange(len(responses)), shown.conditions["for_neuron"]]
    cube = own.reshape(subject.neurons, len(diameters), settings.phases)
    curves = tuning.over_phases(cube.transpose(1, 2, 0))[2]
    grey = made.levels(np.zeros((1, *subject.shape)), subject.channels)
    table = tuning.size_tuning(curves, diameters / settings.scale, subject.rates(grey)[0])
    table["center_row"], table["center_column"] = (
        shown.conditions.groupby("for_neuron")[name].first().to_numpy()
        for name in ("center_row", "center_column")
    )
    axis = f"diameter ({settings.unit}s)"
    return Measured(table, {"size": Curve(diameters / settings.scale, curves, axis)})


def show_squares(subject: Subject, settings: Settings, images: np.ndarray | None) -> Stimuli:
    """Sparse noise: one bright or dark square on grey."""
    square = settings.square_pixels(min(subject.shape))
    pictures, shown = made.sparse_noise(
        subject.shape, square, settings.images, settings.contrast, settings.seed
    )
    table = pd.DataFrame(shown, columns=["cell_row", "cell_column", "sign"])
    table["square"] = square / settings.scale
    return Stimuli(made.levels(pictures, subject.channels), table)


def measure_squares(
    shown: Stimuli, responses: np.ndarray, subject: Subject, settings: Settings
) -> Measured:
    """Maps of the responses to bright and to dark squares, and the centre of the receptive field that they show."""
    from daenr_tf.receptive_fields import map_centers

    square = settings.square_pixels(min(subject.shape))
    grid = tuple(side // square for side in subject.shape)
    cells = shown.conditions[["cell_row", "cell_column", "sign"]].to_numpy()
    dark, bright = tuning.square_maps(responses, cells, grid)
    centers = (map_centers(np.abs(dark) + np.abs(bright)) + 0.5) * square - 0.5
    table = pd.DataFrame(
        {
            "neuron": np.arange(subject.neurons),
            "center_row": centers[:, 0],
            "center_column": centers[:, 1],
            "on_off": _balance(bright, dark),
        }
    )
    return Measured(table, maps={"bright": bright, "dark": dark})


def _balance(bright, dark):
    on, off = (np.abs(one).max(axis=(1, 2)) for one in (bright, dark))
    return np.where(on + off > 0, (on - off) / np.maximum(on + off, 1e-12), 0.0)


def show_natural(subject: Subject, settings: Settings, images: np.ndarray | None) -> Stimuli:
    """One's own images, or natural-like ones."""
    if images is None:
        drawn = made.natural(subject.shape, settings.images, settings.seed)
        images = np.repeat(drawn[..., None], subject.channels, axis=-1)
    return Stimuli(images, pd.DataFrame({"image": np.arange(len(images))}))


def measure_natural(
    shown: Stimuli, responses: np.ndarray, subject: Subject, settings: Settings
) -> Measured:
    """Lifetime sparseness (Vinje & Gallant 2000), and where the receptive field is by the spike-triggered maps of a fixed mask."""
    from daenr_tf.receptive_fields import estimate_receptive_fields

    fields = estimate_receptive_fields(shown.images, responses)
    responses = np.asarray(responses, float)
    count = len(responses)
    square = (responses**2).mean(axis=0)
    share = np.where(square > 0, responses.mean(axis=0) ** 2 / np.where(square > 0, square, 1), 1)
    table = pd.DataFrame(
        {
            "neuron": np.arange(subject.neurons),
            "mean_response": responses.mean(axis=0),
            "sparseness": (1 - share) / (1 - 1 / count),
            "center_row": fields.positions[:, 0],
            "center_column": fields.positions[:, 1],
        }
    )
    return Measured(table, maps={"spike-triggered": fields.maps})
