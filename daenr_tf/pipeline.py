"""From a recording to what a model is fed: images in [-1, 1], the three sets, and the order of training."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from daenr_tf.recordings import checks

CHUNK = 256  # images resized at once, so that a large recording needs no second copy of itself as floats


class Examples(NamedTuple):
    """Images (N, height, width, channels) float32 in [-1, 1] and responses (N, neurons) float32."""

    images: np.ndarray
    responses: np.ndarray


class Sets(NamedTuple):
    """The three sets of a run; no image stands in two of them."""

    train: Examples
    validation: Examples
    test: Examples


def preprocess(images, pixel_range, size, channels):
    """Stimuli as recorded to what the encoder sees: the same operation in training and in the served graph.

    Args:
        images: (N, H, W, 1 or 3) tensor of any real type; H, W and the channels may be unknown while tracing.
        pixel_range: (low, high), the grey levels that become -1 and 1.
        size: (height, width) to resize to, bilinear with antialiasing.
        channels: 1 (colour turns into luma) or 3 (grey is repeated).

    Returns:
        (N, height, width, channels) float32.
    """
    images = tf.cast(images, tf.float32)
    found = tf.shape(images)[-1]
    if channels == 1:
        images = tf.cond(found == 3, lambda: tf.image.rgb_to_grayscale(images[..., :3]), lambda: images[..., :1])
    else:
        images = tf.cond(found == 1, lambda: tf.repeat(images[..., :1], channels, axis=-1), lambda: images[..., :channels])
    low, high = pixel_range
    images = (tf.ensure_shape(images, [None, None, None, channels]) - low) * (2.0 / (high - low)) - 1.0
    return tf.image.resize(images, size, method="bilinear", antialias=True)


def prepare_images(images, recording, config):
    """`preprocess` of an array of a recording's images for the model of `config`, in chunks; float32 array."""
    checks.colour(recording, config.channels)
    chunks = [preprocess(images[i:i + CHUNK], recording.pixel_range, config.image_size, config.channels).numpy()
              for i in range(0, len(images), CHUNK)]
    return np.concatenate(chunks)


def prepare(recording, config, seed):
    """The sets of a run: 20 % of the training images, chosen by `seed`, are the validation set.

    Args:
        recording: `Recording`.
        config: `ModelConfig`.
        seed: int.
    """
    images = prepare_images(recording.images, recording, config)
    train, validation = recording.split(seed)
    return Sets(
        Examples(images[train], recording.responses[train]),
        Examples(images[validation], recording.responses[validation]),
        Examples(prepare_images(recording.test_images, recording, config), recording.test_responses))


def training_batches(examples, heads, batch_size, seed, first_step=0):
    """The endless batches of training from step `first_step` on, a pure function of the arguments.

    Each epoch is a fresh permutation of the examples, drawn from (seed, epoch); batches run on over its end, so
    every batch is full. Each example carries its number in this order, from which its sampling is seeded.

    Returns:
        `tf.data.Dataset` of ({"images", "draws"}, {head: target}).
    """
    count = len(examples.images)
    images, responses = tf.constant(examples.images), tf.constant(examples.responses)
    first = first_step * batch_size

    def epoch(number):
        order = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), seed=tf.stack([seed, number]))
        return tf.data.Dataset.from_tensor_slices(order)

    def gather(draws, indices):
        batch = tf.gather(images, indices)
        targets = {"reconstruction": batch, "response": tf.gather(responses, indices)}
        return {"images": batch, "draws": draws}, {head: targets[head] for head in heads}

    order = tf.data.Dataset.range(first // count, np.iinfo(np.int64).max).flat_map(epoch).skip(first % count)
    batches = order.enumerate(start=first).batch(batch_size, drop_remainder=True)
    return batches.map(gather).prefetch(2)
