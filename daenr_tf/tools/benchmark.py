"""What training costs: `python -m daenr_tf.tools.benchmark` times our loop, with everything around it, against a bare `fit`.

Both train the same compiled model on the same arrays; each figure leaves out the first steps, in which TensorFlow
traces the graph. The two take turns, so that a machine whose speed drifts does not favour either.
"""

import argparse
import os
import statistics
import tempfile
import time

import numpy as np

from daenr_tf import systems
from daenr_tf.config import ModelConfig, RunConfig, TrainConfig
from daenr_tf.runs.quiet import import_tensorflow

WARM_UP = 100


def main() -> None:
    """Print images per second of the loop and of `fit`, and the loop's share."""
    parser = argparse.ArgumentParser(
        prog="python -m daenr_tf.tools.benchmark", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--recipe", choices=systems.SYSTEMS, default="cae_fr")
    parser.add_argument("--layer", type=int, default=2)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="hold TensorFlow to operations that give the same bits each time",
    )
    options = parser.parse_args()
    import_tensorflow()
    if options.deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        import keras

        keras.utils.set_random_seed(
            0
        )  # `fit` draws from the global generator, which determinism forbids without a seed
    from daenr_tf.pipeline import prepare
    from daenr_tf.recordings.load import load_recording

    recording = load_recording("simulated", 3)
    config = RunConfig(
        ModelConfig(options.recipe, layer=options.layer),
        TrainConfig(max_steps=options.steps + WARM_UP),
    )
    sets = prepare(recording, config.model, config.training.seed)
    loops, fits = [], []
    for _ in range(options.rounds):
        loops.append(_loop(recording, config, sets))
        fits.append(_fit(recording, config, sets))
        print(
            f"loop {loops[-1]:.0f} images/s, bare fit {fits[-1]:.0f} images/s, ratio {loops[-1] / fits[-1]:.3f}",
            flush=True,
        )
    ratio = statistics.median(a / b for a, b in zip(loops, fits, strict=True))
    how = ", deterministic" if options.deterministic else ""
    print(
        f"{options.recipe}, h{options.layer}, simulated region 3, batch {config.training.batch_size}{how}: median loop"
        f" {statistics.median(loops):.0f} images/s ({1000 * config.training.batch_size / statistics.median(loops):.1f} ms a step),"
        f" bare fit {statistics.median(fits):.0f}, ratio {ratio:.3f}"
    )


def _loop(recording, config, sets):
    from daenr_tf.models.build import build_model
    from daenr_tf.runs.progress import Progress
    from daenr_tf.runs.tensorboard import TensorBoard
    from daenr_tf.training import Observer, train

    class Clock(Observer):
        def validated(self, state, row, model):
            if state.step == WARM_UP:
                self.start = time.perf_counter()

    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
    ):
        board = TensorBoard(
            os.path.join(folder, "tensorboard"),
            sets.validation.images,
            config.to_dict(),
            "benchmark",
            recording.simulated,
        )
        clock = Clock()
        train(
            build_model(config.model, recording),
            recording,
            config.training,
            folder,
            (Progress(config.training, nowhere), board, clock),
            sets=sets,
        )
        seconds = time.perf_counter() - clock.start
    return (config.training.max_steps - WARM_UP) * config.training.batch_size / seconds


def _fit(recording, config, sets):
    import keras

    from daenr_tf.models.build import build_model

    class Clock(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1
            if self.steps == WARM_UP:
                self.start = time.perf_counter()
            if self.steps == config.training.max_steps:
                self.rate = (
                    (self.steps - WARM_UP)
                    * config.training.batch_size
                    / (time.perf_counter() - self.start)
                )
                self.model.stop_training = True

    model = build_model(config.model, recording, config.training.alpha, config.training.beta)
    images, responses = map(np.asarray, sets.train)
    targets = {"reconstruction": images, "response": responses}
    clock = Clock()
    epochs = config.training.max_steps * config.training.batch_size // len(sets.train.images) + 1
    model.fit(
        images,
        {head: targets[head] for head in model.heads},
        batch_size=config.training.batch_size,
        epochs=epochs + 1,
        verbose=0,
        callbacks=[clock],
    )
    return clock.rate


if __name__ == "__main__":
    main()
