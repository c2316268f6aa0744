"""Images a second of a training on several recordings against a training on one of them.

`python -m daenr_tf.tools.many_recordings` prints them. Both are trained in one process, turn by turn, so that what else the machine does slows both.
The recordings are random numbers: what they cost does not depend on what they show.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.config import ModelConfig, TrainConfig
from daenr_tf.recordings.recording import Recording
from daenr_tf.recordings.several import Recordings

if TYPE_CHECKING:
    from collections.abc import Callable

TEST_IMAGES = 16
WARM_UP = 5  # steps


def made_up(name: str, images: int, neurons: int, size: int, seed: int) -> Recording:
    """A recording of noise images (images, size, size) and gamma-distributed responses (images, neurons)."""
    generator = np.random.default_rng(seed)
    shown = generator.integers(0, 256, (images + TEST_IMAGES, size, size), np.uint8)
    responses = generator.standard_gamma(1.0, (images + TEST_IMAGES, neurons), np.float32)
    return Recording(
        images=shown[:images],
        responses=responses[:images],
        test_images=shown[images:],
        test_responses=responses[images:],
        name=name,
    )


def stepper(
    recording: Recording | Recordings, config: ModelConfig, training: TrainConfig
) -> Callable[[int], None]:
    """A function that trains a fresh model of a recording, or of several, for a number of steps, within one call of a graph."""
    import tensorflow as tf

    from daenr_tf import mixed, pipeline
    from daenr_tf.models.build import build_model

    prepare = mixed.prepare if isinstance(recording, Recordings) else pipeline.prepare
    train = prepare(recording, config, training.seed).train
    model = build_model(config, recording, learning_rate=training.learning_rate)
    model.optimizer.build(model.trainable_variables)
    batches = iter(
        pipeline.training_batches(train, model.heads, training.batch_size, training.seed)
    )
    step = tf.autograph.experimental.do_not_convert(model.train_step)

    @tf.function
    def run(count):
        for _ in tf.range(count):
            step(next(batches))

    return lambda count: run(tf.constant(count))


def compare(
    count: int, images: int, neurons: int, config: ModelConfig, rounds: int, steps: int
) -> list[tuple[float, float]]:
    """Images a second of one recording and of `count`, each round measured one after the other: list of (one, several).

    Args:
        count: int, of recordings.
        images, neurons: int, of each recording.
        config: `ModelConfig`.
        rounds: int.
        steps: int, of a round.
    """
    training = TrainConfig()
    every = [
        made_up(f"recording{number}", images, neurons, config.image_size[0], number)
        for number in range(count)
    ]
    runs = [stepper(recording, config, training) for recording in (every[0], Recordings(every))]
    for run in runs:
        run(WARM_UP)
    found = []
    for _ in range(rounds):
        rates = []
        for run in runs:
            began = time.perf_counter()
            run(steps)
            rates.append(steps * training.batch_size / (time.perf_counter() - began))
        found.append(tuple(rates))
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="+", default=["cnn_fr", "cae_fr"])
    for name, value in (
        ("recordings", 10),
        ("images", 1000),
        ("neurons", 100),
        ("image-size", 32),
        ("layer", 2),
        ("rounds", 9),
        ("steps", 20),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    size = (given.image_size, given.image_size)
    for recipe in given.recipes:
        config = ModelConfig(recipe, layer=given.layer, image_size=size)
        found = compare(
            given.recordings, given.images, given.neurons, config, given.rounds, given.steps
        )
        one, several = (statistics.median(rates) for rates in zip(*found, strict=True))
        ratios = sorted(many / alone for alone, many in found)
        print(
            f"{recipe}, layer {given.layer}, {given.image_size} pixels, batch {TrainConfig().batch_size}: one recording of"
            f" {given.images} images x {given.neurons} neurons {one:.0f} images/s, {given.recordings} of them {several:.0f};"
            f" ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} in {given.rounds} rounds of {given.steps} steps)",
            flush=True,
        )


if __name__ == "__main__":
    main()
