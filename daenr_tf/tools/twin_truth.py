"""How far synthesised images do to the neurons of the simulated recording what a twin predicts: the truth is known there.

python -m daenr_tf.tools.twin_truth runs/cnn_fr/simulated-r3-l2-nrs-s0 --out truth.json
python -m daenr_tf.tools.twin_truth runs/cnn_fr/simulated-r3-l2-nrs-s{0,1,2,3} --latent runs/vae_fr/simulated-r3-l2-nrs-s0

The figures are of the neurons that the first model predicts with a PCC above half of their noise ceiling. Images are shown to the simulated
neurons in the recording's own size and grey levels, at the contrast that they were made at, as whole grey levels.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence

import numpy as np

from daenr_tf.errors import InputError, MachineError
from daenr_tf.machine.files import write_json
from daenr_tf.recordings.simulated.dead_leaves import SIDE
from daenr_tf.recordings.simulated.regions import fresh_images
from daenr_tf.tools.planted import SEED, Planted, interval
from daenr_tf.twin.goals import OF_NATURAL

FRESH = 5000  # natural images that the truth is asked for
APART = 3.0  # SDs of the others
TIMED = 100  # images


def separations(rates: np.ndarray, driven: Sequence[int]) -> np.ndarray:
    """(images,) by how many SDs of the others the rate of each image's own neuron exceeds their mean; rates (images, neurons)."""
    found = []
    for row, neuron in zip(rates, driven, strict=True):
        others = np.delete(row, neuron)
        found.append((row[neuron] - others.mean()) / others.std())
    return np.array(found)


def measure(
    paths: Sequence[str], latent: Sequence[str], contrast: float | None, steps: int, starts: int
) -> dict:
    """All figures, of pixel ascent and control of `paths` and of pixel and latent ascent of `latent`."""
    from daenr_tf.twin.goals import CONTROLS, EXCITE
    from daenr_tf.twin.origin import models_of

    known = Planted.of(paths[0])
    region, recording, chosen = known.region, known.recording, known.chosen
    lab = _Lab(known, contrast, steps, starts)
    found = {
        "models": sum(len(models_of(path)) for path in paths),
        "neurons": len(chosen),
        "population": recording.neurons,
        "mean_pcc": float(known.neurons["pcc"].mean()),
    }
    began, worked = time.monotonic(), time.process_time()
    lab.synthesise(paths, EXCITE, np.arange(recording.neurons)[:TIMED], "pixel")
    found[f"seconds_{TIMED}"] = time.monotonic() - began  # opening the models included
    found[f"cpu_seconds_{TIMED}"] = time.process_time() - worked
    own = np.arange(len(chosen)), chosen

    shown, _, plan = lab.synthesise(paths, EXCITE, chosen, "pixel")
    fresh = lab.shown(fresh_images(region, FRESH, SEED) / 127.5 - 1, plan)
    natural = lab.rates(fresh)
    rates = lab.rates(shown)[own]
    best = natural[:, chosen].max(axis=0)
    found |= {
        "contrast": plan.constraint.contrast,
        "pixel": {
            "above_best_natural": interval(rates > best),
            "over_best_natural": interval(rates / best, np.median),
        },
    }
    simple = ~recording.truth["complex"][chosen]
    found["pixel"]["planted_gabor"] = interval(lab.planted(shown, chosen)[simple], np.median)
    control, predicted, _ = lab.synthesise(paths, CONTROLS["one-hot"], chosen, "pixel")
    scale = natural.mean(axis=0), natural.std(axis=0)
    true = lab.rates(control)
    found["one_hot"] = {
        "apart": interval(separations(true, chosen) > APART),
        "apart_standardised": interval(separations((true - scale[0]) / scale[1], chosen) > APART),
        "best_natural_apart": interval([_most_apart(natural, neuron) > APART for neuron in chosen]),
        "predicted_apart": interval(separations(predicted, chosen) > APART),
    }
    if latent:
        found["latent"] = _compared(lab, latent, chosen, own, best, fresh)
    return found


def _most_apart(natural, neuron):
    others = np.delete(natural, neuron, axis=1)
    return ((natural[:, neuron] - others.mean(axis=1)) / others.std(axis=1)).max()


def _compared(lab, paths, chosen, own, best, fresh):
    """Pixel and latent ascent of the same models: which drives more, and which is more natural."""
    from daenr_tf.twin.goals import EXCITE

    made = {name: lab.synthesise(paths, EXCITE, chosen, name)[0] for name in ("pixel", "latent")}
    true = {name: lab.rates(images)[own] for name, images in made.items()}
    unlikely = _unlikeliness(fresh)
    return {
        **{
            name: {
                "above_best_natural": interval(true[name] > best),
                "over_best_natural": interval(true[name] / best, np.median),
                "unlikeliness": interval(unlikely(images), np.median),
            }
            for name, images in made.items()
        },
        "latent_over_pixel": interval(true["latent"] / np.maximum(true["pixel"], 1e-4), np.median),
        "natural_unlikeliness": interval(unlikely(fresh[1::2]), np.median),
    }


def _unlikeliness(images):
    """The function that gives the mean squared deviation of images (n, pixels) along the principal axes of every other of the natural ones,
    in their variances: about 1 for natural images."""
    known = images[::2].reshape(len(images[::2]), -1).astype(float)
    mean, covariance = known.mean(axis=0), np.cov(known.T)
    values, axes = np.linalg.eigh(covariance)

    def of(some):
        apart = (some.reshape(len(some), -1) - mean) @ axes
        return (apart**2 / np.maximum(values, 1e-3 * values.mean())).mean(axis=1)

    return of


class _Lab:
    """Synthesises images and shows them to the simulated neurons."""

    def __init__(self, known, contrast, steps, starts):
        self.known, self.contrast = known, contrast
        self.steps, self.starts = steps, starts
        self.rates = known.rates
        self.opened = {}

    def synthesise(self, paths, kind, neurons, method):
        """(images as they are shown, what the twin predicts, `Plan`)."""
        from daenr_tf.twin import natural
        from daenr_tf.twin.stimulus import Constraint
        from daenr_tf.twin.synthesis import Plan, synthesise
        from daenr_tf.twin.twin import Twin

        if tuple(paths) not in self.opened:
            twin = Twin.open(paths)
            seen = natural.seen(twin, self.known.recording.images, "the recording")
            self.opened[tuple(paths)] = twin, seen
        twin, seen = self.opened[tuple(paths)]
        contrast = self.contrast or OF_NATURAL * seen.contrast
        plan = Plan(
            kind,
            kind.targets(neurons, twin.neurons),
            neurons,
            Constraint(contrast, float(seen.images.mean())),
            method,
            self.steps,
            self.starts,
        )
        arrays = synthesise(twin, plan, seen)
        return self.shown(arrays["images"][..., 0], plan), arrays["responses"], plan

    def shown(self, images, plan):
        """Images (n, height, width) in [-1, 1] as stimuli (n, 31, 31) uint8 of the plan's contrast."""
        import tensorflow as tf

        resized = tf.image.resize(
            images[..., None].astype(np.float32), (SIDE, SIDE), antialias=True
        )
        levels = np.asarray(plan.constraint.apply(resized))[..., 0]
        return np.clip(np.round((levels + 1) * 127.5), 0, 255).astype(np.uint8)

    def planted(self, images, neurons):
        """(neurons,) correlation of each neuron's image with the Gabor that was planted in it."""
        filters = self.known.filters(neurons)
        flat = images.reshape(len(images), -1)
        return np.array([np.corrcoef(*pair)[0, 1] for pair in zip(filters, flat, strict=True)])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "runs", nargs="+", help="finished runs, or an ensemble's directory, on a simulated region"
    )
    parser.add_argument("--latent", nargs="+", default=(), help="runs with a decoder, compared")
    parser.add_argument("--contrast", type=float, help="default: that of daenr synthesize")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--out", help="a .json file for the figures")
    options = parser.parse_args(arguments)
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    try:
        found = measure(
            options.runs, options.latent, options.contrast, options.steps, options.starts
        )
        if options.out:
            write_json(options.out, found)
    except (InputError, MachineError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
