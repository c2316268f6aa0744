"""What virtual experiments on a model of the simulated recording find, beside what was planted in it:

    python -m daenr_tf.tools.laboratory_truth runs/cnn_fr/simulated-r3-l2-nrs-s0-fast

Neurons are those whose PCC on the test images is above half of their ceiling; intervals are of 95 %, by bootstrap over them. The planted
orientation is that of the filter that leads a neuron's drive; its subunits have others, so every way to an orientation is tried on the
true neurons too: what it finds there is what a perfect model would be credited with.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.laboratory import fields, protocols, stimuli
from daenr_tf.laboratory.settings import Settings
from daenr_tf.laboratory.tuning import orientation_tuning
from daenr_tf.receptive_fields import map_centers
from daenr_tf.tools.planted import Planted, TrueNeurons, interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from daenr_tf.laboratory.subject import Subject

DEGREES, PIXELS = 15.0, 1.5  # how near is right
CEILING = 0.5  # of the neurons whose masks are looked at
PATCH = 14.0  # pixels, diameter of the patches of gratings


def orientation_distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Degrees between orientations in degrees, 0..90."""
    return np.abs((np.asarray(one) - other + 90) % 180 - 90)


def by_gratings(subject: Subject, settings: Settings) -> np.ndarray:
    """(neurons,) degrees, by full-field gratings."""
    shown = protocols.show_gratings(subject, settings, None)
    rates = subject.rates(shown.images)
    found = protocols.measure_gratings(shown, rates, subject, settings).neurons
    return found["preferred_orientation"].to_numpy()


def by_patches(subject: Subject, settings: Settings) -> np.ndarray:
    """The same by discs of gratings about the centre of each receptive field."""
    frequencies = settings.frequencies(min(subject.shape))
    angles = np.arange(settings.orientations) * 180 / settings.orientations
    phases = np.arange(settings.phases) * 2 * np.pi / settings.phases
    cube = np.empty((len(angles), len(frequencies), len(phases), subject.neurons))
    for neuron, center in enumerate(fields.centers_of(subject, settings.seed)):
        shown = [
            stimuli.grating(
                subject.shape, angle, frequency, phase, settings.contrast, tuple(center), PATCH
            )
            for angle in np.deg2rad(angles)
            for frequency in frequencies
            for phase in phases
        ]
        rates = subject.rates(stimuli.levels(np.array(shown), subject.channels))[:, neuron]
        cube[..., neuron] = rates.reshape(cube.shape[:3])
    return orientation_tuning(cube, angles, frequencies)["preferred_orientation"].to_numpy()


def by_gradients(subject: Subject, settings: Settings) -> np.ndarray:
    """The same by the mean gradient receptive field."""
    return of_power(fields.gradient_fields(subject, range(subject.neurons), settings.seed)[0])


def by_exciting_inputs(subject: Subject, settings: Settings) -> np.ndarray:
    """The same by most exciting inputs, at the contrast that `daenr synthesize` takes."""
    from daenr_tf.twin import natural
    from daenr_tf.twin.goals import EXCITE
    from daenr_tf.twin.stimulus import Constraint
    from daenr_tf.twin.synthesis import Plan, synthesise

    seen = natural.seen(subject.twin, fields.probes(subject, settings.seed, 500), "probes")
    neurons = np.arange(subject.neurons)
    constraint = Constraint(0.25 * seen.contrast, float(seen.images.mean()))
    plan = Plan(EXCITE, EXCITE.targets(neurons, subject.neurons), neurons, constraint)
    return of_power(synthesise(subject.twin, plan, seen)["images"].mean(axis=3))


def by_gabors(subject: Subject, settings: Settings) -> np.ndarray:
    """The same by the Gabors that follow responses to natural-like images, as `daenr fields` does."""
    return fields.gabors_of(subject, range(subject.neurons), settings.seed)[
        "gabor_orientation"
    ].to_numpy()


WAYS: dict[str, Callable[[Subject, Settings], np.ndarray]] = {
    "full-field gratings": by_gratings,
    f"gratings in a disc of {PATCH:g} pixels at the centre": by_patches,
    "power of the most exciting input": by_exciting_inputs,
    "power of the mean gradient": by_gradients,
    "Gabor fitted to responses to natural images": by_gabors,
}


def of_power(maps: np.ndarray) -> np.ndarray:
    """(neurons,) degrees, the vector sum of the Fourier power of maps (neurons, height, width) over orientations."""
    height, width = maps.shape[1:]
    power = np.abs(np.fft.fft2(maps - maps.mean(axis=(1, 2), keepdims=True))) ** 2
    angle = np.arctan2(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    return np.rad2deg(np.angle((power * np.exp(2j * angle)).sum(axis=(1, 2))) / 2) % 180


def of_masks(masks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(neurons, 2) row and column, in pixels of an image of a shape, where masks (neurons, rows, columns) over cells have their peak."""
    cells = [side // count for side, count in zip(shape, masks.shape[1:], strict=True)]
    squares = np.repeat(np.repeat(masks**2, cells[0], axis=1), cells[1], axis=2)
    return map_centers(squares)


def measure(path: str, settings: Settings) -> dict[str, object]:
    """The figures that `main` prints, of the run in a directory, or of the ensemble."""
    from daenr_tf.laboratory.subject import Subject
    from daenr_tf.twin.twin import Twin

    known = Planted.of(path)
    subject, truth = Subject(Twin.open(path)), known.recording.truth
    true = Subject(TrueNeurons(known.region))
    scale = subject.shape[0] / true.shape[0]  # the model's pixels per recorded pixel
    centers = (truth["center"] + 0.5) * scale - 0.5
    apart = np.hypot(*(fields.centers_of(subject, settings.seed) - centers).T)[known.chosen]
    planted = np.rad2deg(truth["orientation"])

    def near(one, other):
        return interval(orientation_distance(one, other)[known.chosen] <= DEGREES)

    found = {
        "neurons": len(known.neurons),
        "pcc": float(known.neurons["pcc"].mean()),
        "ceiling": float(known.neurons["noise_ceiling"].mean()),
        "above half of the ceiling": len(known.chosen),
        "centre within 1.5 pixels of the planted": interval(apart <= PIXELS),
        "median distance of the centre (pixels)": float(np.median(apart)),
    }
    masks = fields.masks_of(path)
    if masks is not None:
        apart = np.hypot(*(of_masks(masks, subject.shape[:2]) - centers).T)
        apart = apart[known.neurons["noise_ceiling"] > CEILING]
        found[
            f"peak of the mask within 1.5 pixels, {len(apart)} neurons with a ceiling above 0.5"
        ] = interval(apart <= PIXELS)
    for name, way in WAYS.items():
        twins, trues = way(subject, settings), way(true, settings)
        found[f"{name}: twin within 15 degrees of the planted"] = near(twins, planted)
        found[f"{name}: true neurons within 15 degrees of the planted"] = near(trues, planted)
        found[f"{name}: twin within 15 degrees of the true neurons"] = near(twins, trues)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Print the figures of a run on the simulated recording."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", help="the directory of a run, or an ensemble, on a simulated region")
    parser.add_argument("--contrast", type=float, default=Settings().contrast)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    found = measure(options.run, Settings(contrast=options.contrast, seed=options.seed))
    for name, value in found.items():
        if isinstance(value, list):
            print("{}: {:.3f} ({:.3f} to {:.3f})".format(name, *value))
        else:
            print(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")


if __name__ == "__main__":
    main()
