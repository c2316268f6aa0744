"""From a recording to what a model is fed: images in [-1, 1], the three sets, and the order of training."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

from daenr_tf.machine import blocks
from daenr_tf.recordings import checks
from daenr_tf.resizing import DEFAULT_RESIZE, RESIZES

if TYPE_CHECKING:
    from daenr_tf.config import ModelConfig
    from daenr_tf.models.daenr import ImageSettings
    from daenr_tf.recordings.recording import Recording

TARGET_SEED = 5309  # apart from the draws of training


class Examples(NamedTuple):
    """Images (N, height, width, channels) float32 in [-1, 1] and responses (N, neurons) float32.

    `targets` are the images that the decoder learns to give; None where they are those that are seen. `whose` (N,) int32 is the number of the
    recording that an image belongs to, where there are several.
    """

    images: np.ndarray | blocks.Rows
    responses: np.ndarray | blocks.Rows
    targets: np.ndarray | blocks.Rows | None = None
    whose: np.ndarray | None = None


class Sets(NamedTuple):
    """The three sets of a run; no image stands in two of them."""

    train: Examples
    validation: Examples
    test: Examples


def exchange_targets(sets: Sets, seed: int) -> Sets:
    """The sets with what the decoder learns to give exchanged between the training images, in an order drawn from `seed`: reconstruction
    then says nothing of the image that is seen. Validation and test stay as they are."""
    train = sets.train
    order = np.random.default_rng([TARGET_SEED, seed]).permutation(len(train.images))
    if isinstance(train.images, blocks.Rows):
        rows = train.images
        targets = blocks.Rows(rows.array, np.asarray(rows.chosen)[order], rows.change)
    else:
        targets = train.images[order]
    return sets._replace(train=train._replace(targets=targets))


def preprocess(
    images: tf.Tensor,
    pixel_range: tuple[float, float],
    size: tuple[int, int],
    channels: int,
    resize: str = DEFAULT_RESIZE,
) -> tf.Tensor:
    """Stimuli as recorded to what the encoder sees: the same operation in training and in the served graph.

    Args:
        images: (N, H, W, 1 or 3) tensor of any real type; H, W and the channels may be unknown while tracing.
        pixel_range: (low, high), the grey levels that become -1 and 1.
        size: (height, width) to resize to.
        channels: 1 (colour turns into luma) or 3 (grey is repeated).
        resize: one of `resizing.RESIZES`; images that have the size are left as they are.

    Returns:
        (N, height, width, channels) float32.
    """
    images = tf.cast(images, tf.float32)
    found = images.shape[-1] or tf.shape(images)[-1]
    if channels == 1:
        images = _either(
            found == 3, lambda: tf.image.rgb_to_grayscale(images[..., :3]), lambda: images[..., :1]
        )
    else:
        images = _either(
            found == 1,
            lambda: tf.repeat(images[..., :1], channels, axis=-1),
            lambda: images[..., :channels],
        )
    low, high = pixel_range
    images = (tf.ensure_shape(images, [None, None, None, channels]) - low) * (
        2.0 / (high - low)
    ) - 1.0
    way = RESIZES[resize]
    resized = functools.partial(
        tf.image.resize, images, size, method=way.method, antialias=way.antialias
    )
    if not way.overshoots:
        return resized()
    same = tuple(images.shape[1:3]) == tuple(size)
    if None in images.shape[1:3]:
        same = tf.reduce_all(tf.shape(images)[1:3] == tf.constant(size))
    clipped = _either(same, lambda: images, lambda: tf.clip_by_value(resized(), -1.0, 1.0))
    return tf.ensure_shape(clipped, [None, *size, channels])


def _either(condition, yes, no):
    """`yes()` or `no()`; one that is known while tracing is not traced in vain."""
    return tf.cond(condition, yes, no) if tf.is_tensor(condition) else (yes if condition else no)()


def prepare_images(
    images: np.ndarray, recording: Recording, config: ModelConfig | ImageSettings
) -> np.ndarray:
    """`preprocess` of an array of a recording's images for the model of `config`, a part at a time; float32 array."""
    return np.asarray(_prepared(images, recording, config, np.arange(len(images))))


def prepare(recording: Recording, config: ModelConfig | ImageSettings, seed: int) -> Sets:
    """The sets of a run: 20 % of the training images, chosen by `seed`, are the validation set.

    Args:
        recording: `Recording`.
        config: `ModelConfig`.
        seed: int.
    """
    train, validation = recording.split(seed)
    return Sets(
        *(
            Examples(
                _prepared(recording.images, recording, config, part),
                blocks.Rows(recording.responses, part),
            )
            for part in (train, validation)
        ),
        Examples(
            _prepared(
                recording.test_images, recording, config, np.arange(len(recording.test_images))
            ),
            recording.test_responses,
        ),
    )


def _prepared(images, recording, config, chosen):
    """The images of the numbers `chosen`, preprocessed: now, or, where they keep their size, which costs nothing, when they are asked for.

    Float images take four times the memory of a recording's bytes.
    """
    checks.colour(recording, config.channels)

    def change(some):
        return preprocess(
            some, recording.pixel_range, config.image_size, config.channels, config.resize
        )

    if images.shape[1:] == (*config.image_size, config.channels):
        return blocks.Rows(images, chosen, change)
    prepared = np.empty((len(chosen), *config.image_size, config.channels), np.float32)
    for some in blocks.slices(
        len(chosen),
        max(math.prod(images.shape[1:]), math.prod(prepared.shape[1:])) * prepared.itemsize,
    ):
        prepared[some] = change(images[chosen[some]]).numpy()
    return prepared


def training_batches(
    examples: Examples, heads: Sequence[str], batch_size: int, seed: int, first_step: int = 0
) -> tf.data.Dataset:
    """The endless batches of training from step `first_step` on, a pure function of the arguments.

    Each epoch is a fresh permutation of the examples, drawn from (seed, epoch); batches run on over its end, so
    every batch is full. Each example carries its number in this order, from which its sampling is seeded.

    Returns:
        `tf.data.Dataset` of ({"images", "draws"}, {head: target}), with `whose` beside "draws" where there are several recordings.
    """
    count = len(examples.images)
    images, responses = (
        _resident(examples.images),
        _resident(examples.responses) if "response" in heads else None,
    )
    other = None if examples.targets is None else _resident(examples.targets)
    whose = None if examples.whose is None else _resident(examples.whose)
    first = first_step * batch_size

    def epoch(number):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count, dtype=tf.int64), seed=tf.stack([seed, number])
        )
        return tf.data.Dataset.from_tensor_slices(order)

    def gather(draws, indices):
        batch = images(indices)
        targets = {
            "reconstruction": lambda: other(indices) if other else batch,
            "response": lambda: responses(indices),
        }
        inputs = {"images": batch, "draws": draws}
        if whose:
            inputs["whose"] = whose(indices)
        return inputs, {head: targets[head]() for head in heads}

    as_it_stands = tf.autograph.experimental.do_not_convert
    order = (
        tf.data.Dataset.range(first // count, np.iinfo(np.int64).max)
        .flat_map(as_it_stands(epoch))
        .skip(first % count)
    )
    batches = order.enumerate(start=first).batch(batch_size, drop_remainder=True)
    return batches.map(as_it_stands(gather)).prefetch(2)


def _resident(rows):
    """A function of indices that takes rows out of a tensor, which holds them as the recording has them: as floats they may be four times as large.

    Everything happens in the graph. A function in Python would wait for the interpreter's lock, which who takes the batches down may hold.
    """
    if isinstance(rows, blocks.Rows):
        held, change = tf.constant(rows.array[rows.chosen]), rows.change
    else:
        held, change = tf.constant(rows), lambda some: some
    return lambda indices: change(tf.gather(held, indices))
