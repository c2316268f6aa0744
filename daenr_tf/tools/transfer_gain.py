"""What a fitted core is worth to new neurons: a recording's neurons in two halves, one that a core is fitted to, one that has few images.

python -m daenr_tf.tools.transfer_gain --dataset 201025.npz --images 200 --seeds 3
"""

from __future__ import annotations

import argparse
import os
import tempfile
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.config import resolve
from daenr_tf.recordings.load import load_recording
from daenr_tf.recordings.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

RECIPE = "cnn_fr"
WAYS = {
    "from scratch": {},
    "on the fitted core, frozen": {"freeze_encoder": True},
    "on the fitted core, trained on": {},
}


def halves(recording: Recording, images: int, seed: int) -> tuple[Recording, Recording]:
    """Two recordings of a random half of the neurons each, with the same test images; the second has only some training images."""
    generator = np.random.default_rng(seed)
    neurons = generator.permutation(recording.neurons)
    first, second = np.sort(neurons[::2]), np.sort(neurons[1::2])
    few = np.sort(generator.permutation(len(recording.images))[:images])
    return _part(recording, first, np.arange(len(recording.images))), _part(recording, second, few)


def _part(recording, neurons, images):
    trials = recording.test_trials
    return Recording(
        images=recording.images[images],
        responses=recording.responses[images][:, neurons],
        test_images=recording.test_images,
        test_trials=None if trials is None else trials[..., neurons],
        test_responses=None if trials is not None else recording.test_responses[:, neurons],
        name=recording.name,
        region=recording.region,
        simulated=recording.simulated,
        pixel_range=recording.pixel_range,
    )


def gains(recording: Recording, images: int, seed: int, **settings: object) -> dict[str, float]:
    """Mean PCC on the test images of the second half's neurons, by the way in which they were fitted."""
    from daenr_tf.evaluation import evaluate
    from daenr_tf.models.build import build_model
    from daenr_tf.models.keras_file import save_model
    from daenr_tf.training import train

    first, second = halves(recording, images, seed)

    def fitted(part, folder, **more):
        config = resolve(RECIPE, {"schedule": "fast", "seed": seed, **settings, **more})
        model = build_model(config.model, part)
        train(model, part, config.training, folder)
        return model

    with tempfile.TemporaryDirectory() as folder:
        core = os.path.join(folder, "model.keras")
        save_model(fitted(first, os.path.join(folder, "core")), core)
        found = {}
        for number, (way, more) in enumerate(WAYS.items()):
            own = {"encoder_from": core, **more} if number else {}
            model = fitted(second, os.path.join(folder, str(number)), **own)
            found[way] = float(evaluate(model, second).test["pcc"])
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line per seed, and the mean gains with their spread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="simulated")
    parser.add_argument("--region", type=int, default=3)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--color", default="grey")
    asked = parser.parse_args(argv)
    recording = load_recording(asked.dataset, asked.region)
    size = (asked.image_size, asked.image_size)
    found = []
    for seed in range(asked.seeds):
        found.append(gains(recording, asked.images, seed, image_size=size, color=asked.color))
        print(
            f"seed {seed}: " + ", ".join(f"{way} {pcc:.3f}" for way, pcc in found[-1].items()),
            flush=True,
        )
    for way in list(WAYS)[1:]:
        gained = [one[way] - one["from scratch"] for one in found]
        spread = np.std(gained, ddof=1) if len(gained) > 1 else float("nan")
        print(f"{way}: {np.mean(gained):+.3f} (SD over seeds {spread:.3f}) against from scratch")


if __name__ == "__main__":
    main()
