"""What virtual experiments on a model of the simulated recording find, beside what was planted in it:

    python -m daenr_tf.tools.laboratory_truth runs/cnn_fr/simulated-r3-l2-nrs-s0-fast

Neurons are those whose PCC on the test images is above half of their ceiling. The planted orientation is that of the filter
that leads a neuron's drive; its subunits have others, so the true neurons, shown the same gratings, are measured beside the twin.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import numpy as np
import pandas as pd

from daenr_tf.laboratory.settings import Settings
from daenr_tf.recordings.recording import Recording
from daenr_tf.recordings.simulated.gabors import Gabors
from daenr_tf.recordings.simulated.population import Population
from daenr_tf.recordings.simulated.tuning import Tuning

DEGREES, PIXELS = 15.0, 1.5  # how near is right
OF_GABORS = ("center", "orientation", "spatial_frequency", "phase", "size", "complex")


def true_tuning(recording: Recording) -> Tuning:
    """The neurons of a simulated recording, made again of its truth: called on images (N, 31, 31) uint8 it gives their tuning."""
    truth, nothing = recording.truth, np.zeros(recording.neurons)
    fields = Gabors(**{name: truth[name] for name in OF_GABORS})
    subunits = Gabors(**{name: truth[f"subunit_{name}"] for name in OF_GABORS})
    own = ("lead", "suppression", "surround", "threshold", "events", "amplitude", "gain")
    population = Population(
        fields=fields,
        subunits=subunits,
        weights=truth["subunit_weight"],
        coupling=nothing,
        explainable=nothing,
        **{name: truth[name] for name in own},
    )
    return Tuning(population, recording.images[..., 0])


def orientation_distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Degrees between orientations in degrees, 0..90."""
    return np.abs((np.asarray(one) - other + 90) % 180 - 90)


def of_gratings(respond: Any, shape: tuple[int, int], settings: Settings) -> pd.DataFrame:
    """The tuning to full-field gratings of whoever answers images (N, height, width, 1) uint8 with (N, neurons)."""
    from daenr_tf.laboratory import protocols

    class Shown:
        """What the protocol asks of its subject."""

        channels = 1

        def __init__(self) -> None:
            self.shape = shape

    stimuli = protocols.show_gratings(Shown(), settings, None)
    return protocols.measure_gratings(stimuli, respond(stimuli.images), Shown(), settings).neurons


def measure(path: str, settings: Settings) -> dict[str, Any]:
    """The figures that `main` prints, of the run in a directory."""
    from daenr_tf.laboratory import fields
    from daenr_tf.laboratory.subject import Subject
    from daenr_tf.runs.opened import Run
    from daenr_tf.twin.twin import Twin

    recording = Run.open(path).recording
    table = pd.read_csv(os.path.join(path, "neurons.csv"))
    good = (table["pcc"] > 0.5 * table["noise_ceiling"]).to_numpy()
    subject, truth = Subject(Twin.open(path)), recording.truth
    side = recording.images.shape[1]
    scale = subject.shape[0] / side  # the model's pixels per recorded pixel
    planted = np.rad2deg(truth["orientation"])
    twin = of_gratings(subject.rates, subject.shape, settings)
    tuned = true_tuning(recording)
    true = of_gratings(lambda images: tuned(images[..., 0]), (side, side), settings)
    angle = "preferred_orientation"
    centers = (truth["center"] + 0.5) * scale - 0.5
    apart = np.hypot(*(fields.centers_of(subject, settings.seed) - centers).T)

    def near(one, other):
        return float((orientation_distance(one, other)[good] <= DEGREES).mean())

    return {
        "neurons": len(table),
        "pcc": float(table["pcc"].mean()),
        "ceiling": float(table["noise_ceiling"].mean()),
        "above half of the ceiling": int(good.sum()),
        "twin's orientation within 15 degrees of the planted": near(twin[angle], planted),
        "true neurons' orientation within 15 degrees of the planted": near(true[angle], planted),
        "twin's orientation within 15 degrees of the true neurons'": near(twin[angle], true[angle]),
        "centre within 1.5 pixels of the planted": float((apart[good] <= PIXELS).mean()),
        "median distance of the centre (pixels)": float(np.median(apart[good])),
    }


def main(arguments: list[str] | None = None) -> None:
    """Print the figures of a run on the simulated recording."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", help="the directory of a run on the simulated recording")
    parser.add_argument("--contrast", type=float, default=Settings().contrast)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    found = measure(options.run, Settings(contrast=options.contrast, seed=options.seed))
    for name, value in found.items():
        print(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")


if __name__ == "__main__":
    main()
