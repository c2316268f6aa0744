"""How fast an export answers `respond` beside the model in the process, interleaved:

python -m daenr_tf.tools.serving_rate runs/cnn_fr/simulated-r3-l2-nrs-s0-fast
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

from daenr_tf.benchmark import timing

BATCH = 256


def measure(path: str, rounds: int = 30) -> dict[str, float]:
    """Medians over rounds: images a second of either, of a batch of 256; their ratio; and milliseconds for one image served, whose 5th
    percentile tells what it takes where nobody else is at work.

    Args:
        path: a run's directory that has an export.
        rounds: how often each is asked, one after the other.
    """
    import tensorflow as tf

    from daenr_tf.models import served
    from daenr_tf.models.keras_file import load_model

    model = load_model(served.locate(path))
    loaded = tf.saved_model.load(served.locate_export(path))
    endpoint = loaded.signatures["respond"]
    spec = tf.TensorSpec((None, *model.image_shape), tf.float32)
    inside = tf.function(lambda images: model(images)["response"]).get_concrete_function(spec)
    drawn = np.random.default_rng(0).uniform(-1, 1, (BATCH, *model.image_shape))
    images = tf.constant(drawn, tf.float32)
    asked = {
        "in process": lambda: inside(images),
        "served": lambda: endpoint(images=images),
        "one": lambda: endpoint(images=images[:1]),
    }
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds + 3):
        for name, ask in asked.items():
            began = time.perf_counter()
            _done(ask())
            if number >= 3:  # the first ones warm up
                taken[name].append(time.perf_counter() - began)
    median = {name: statistics.median(seconds) for name, seconds in taken.items()}
    ratios = [a / b for a, b in zip(taken["in process"], taken["served"], strict=True)]
    return {
        "in process, images per second": BATCH / median["in process"],
        "served, images per second": BATCH / median["served"],
        "served over in process": statistics.median(ratios),
        "one image served, median ms": 1e3 * median["one"],
        "one image served, 5th percentile ms": timing.spread(taken["one"])["p5_ms"],
    }


def _done(answer: Any) -> None:
    """Wait for an answer."""
    for value in answer.values() if isinstance(answer, dict) else [answer]:
        value.numpy()


def main(arguments: list[str] | None = None) -> None:
    """Print the figures of a run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", help="a run's directory that has an export")
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args(arguments)
    for name, value in measure(options.run, options.rounds).items():
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
