"""What one process measures of a model of ours: start-up, training, memory, operations, serving."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from daenr_tf.benchmark import timing
from daenr_tf.benchmark.request import Request
from daenr_tf.runs.quiet import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorflow as tf

    from daenr_tf.models.daenr import DAENR

WARM_UP = 20  # steps
MATRIX, MATRIX_PRODUCTS = 2048, 7  # rows and columns; how often
SERVED_BATCH = 256
SIGNATURES = ("serving_default", "respond")  # those that are measured where an export has them


def start(order: dict[str, Any]) -> tuple[Request, DAENR, Callable[[int], None], dict[str, Any]]:
    """Start to train as `training.train` does.

    Args:
        order: `request` (as `Request.to_dict`), `began` (`time.monotonic()` when this process was
            started).

    Returns:
        (request, model, function that trains a number of steps, facts: dict of `startup` seconds,
        `threads`, `parameters` (trainable), `train_images`, `neurons`). One step was done.
    """
    request = Request.from_dict(order["request"])
    laps = timing.Laps(order["began"])
    import_tensorflow()
    import tensorflow as tf

    if request.threads:
        tf.config.threading.set_intra_op_parallelism_threads(request.threads)
        tf.config.threading.set_inter_op_parallelism_threads(request.threads)
    from daenr_tf import pipeline
    from daenr_tf.models.build import build_model
    from daenr_tf.recordings.load import load_recording
    from daenr_tf.runs.threads import computing_threads

    laps.lap("import")
    config = request.config
    recording = load_recording(request.recording_file or config.dataset, config.region)
    sets = pipeline.prepare(recording, config.model, config.training.seed)
    laps.lap("data")
    training = config.training
    model = build_model(
        config.model, recording, training.alpha, training.beta, training.learning_rate
    )
    model.optimizer.build(model.trainable_variables)
    batches = pipeline.training_batches(sets.train, model.heads, training.batch_size, training.seed)
    run_steps = _steps_function(model, iter(batches))
    laps.lap("build")
    run_steps(1)
    laps.lap("first_step")
    return (
        request,
        model,
        run_steps,
        {
            "startup": laps.seconds,
            "threads": computing_threads(),
            "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
            "train_images": len(sets.train.images),
            "neurons": model.neurons,
        },
    )


def measure(order: dict[str, Any]) -> dict[str, Any]:
    """What `daenr benchmark` tells of a model, once.

    Args:
        order: as of `start`; `folder` (where an export may be made, or None: nothing is served),
            `count` (whether operations are counted).
    """
    request, model, run_steps, facts = start(order)
    run_steps(WARM_UP)
    before = matrix_rate()
    facts["training"] = _training(request, run_steps)
    facts["peak_memory_bytes"] = timing.peak_memory()
    facts["matrix_rate"] = {"before": before, "after": matrix_rate()}
    if order["count"]:
        facts["operations"] = _operations(model, request.batch_size)
    if order["folder"]:
        facts["serving"] = _serving(model, order["folder"], request)
    return facts


def _steps_function(model: DAENR, batches: Any) -> Callable[[int], None]:
    """Trains a number of steps within one call of a graph, input pipeline included."""
    import tensorflow as tf

    step = tf.autograph.experimental.do_not_convert(model.train_step)

    @tf.function
    def run(iterator: Any, count: tf.Tensor) -> None:
        for _ in tf.range(count):
            step(next(iterator))

    return lambda count: run(batches, tf.constant(count))


def train(request: Request, run_steps: Callable[[int], None]) -> None:
    """The request's steps, in calls of as many as `training.train` does at once."""
    from daenr_tf.training import STEPS_AT_ONCE

    for done in range(0, request.steps, STEPS_AT_ONCE):
        run_steps(min(STEPS_AT_ONCE, request.steps - done))


def _training(request: Request, run_steps: Callable[[int], None]) -> dict[str, Any]:
    """Images a second in calls of as many steps as `train` does at once; then steps one by one."""
    began = time.perf_counter()
    train(request, run_steps)
    seconds = time.perf_counter() - began
    return {
        "images_per_second": request.steps * request.batch_size / seconds,
        "step": timing.spread(timing.each(lambda: run_steps(1), request.steps)),
    }


def matrix_rate() -> float:
    """Floating-point operations a second in the fastest of some products of large float32 matrices."""
    import tensorflow as tf

    factor = tf.random.stateless_normal((MATRIX, MATRIX), (0, 0))
    tf.matmul(factor, factor)
    taken = timing.each(lambda: tf.matmul(factor, factor), MATRIX_PRODUCTS)
    return 2 * MATRIX**3 / min(taken)


def _operations(model: DAENR, batch_size: int) -> dict[str, Any]:
    from daenr_tf.benchmark import operations

    forward = operations.of_forward(model)
    step = operations.of_training_step(model, batch_size)
    return {
        "forward_per_image": forward.total / operations.BATCH,
        "training_step": step.total,
        "training_step_kinds": step.kinds,
        "left_out": sorted({*forward.left_out, *step.left_out}),
    }


def _serving(model: DAENR, folder: str, request: Request) -> dict[str, Any]:
    """What an export answers, loaded into this process."""
    import tensorflow as tf

    from daenr_tf.models import lite
    from daenr_tf.models.saved_model import export

    path = export(model, os.path.join(folder, "export"))
    began = time.perf_counter()
    loaded = tf.saved_model.load(path)
    found: dict[str, Any] = {"load_seconds": time.perf_counter() - began}
    images = tf.random.stateless_uniform(
        (SERVED_BATCH, *model.image_shape), (0, 0), minval=-1.0, maxval=1.0
    )
    for name in SIGNATURES:
        if name in loaded.signatures:
            found[name] = _answers(loaded.signatures[name], images, request.steps)
    if os.path.exists(os.path.join(path, lite.LITE)):
        respond = lite.Responder(path, request.threads).respond
        found["lite"] = timing.answering(respond, images.numpy(), images[:1].numpy(), request.steps)
    return found


def _answers(signature: Callable[..., Any], images: tf.Tensor, steps: int) -> dict[str, Any]:
    return timing.answering(lambda some: signature(images=some), images, images[:1], steps)
