"""Random numbers that depend on nothing but a seed and a place."""

import zlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf


def derive_seed(seed: int, place: str) -> int:
    """A 31-bit seed for one use of `seed`: the same for the same pair, unrelated for others.

    Args:
        seed: int, the configuration's seed.
        place: str, what the numbers are for, e.g. "encoder/1".
    """
    sequence = np.random.SeedSequence([seed, zlib.crc32(place.encode())])
    return int(sequence.generate_state(1)[0] >> 1)


def example_numbers(images: tf.Tensor) -> tf.Tensor:
    """0, 1, 2 … for the examples of a batch: (batch,) int64."""
    return tf.range(tf.shape(images, tf.int64)[0])


def per_example(sampler: Callable, width: int, draws: tf.Tensor, seed: int) -> tf.Tensor:
    """One row of random numbers per example, from a stateless seed of (seed, draw number).

    An example's row does not depend on the batch, the replica or the position it is drawn in, so
    one replica and several draw the same numbers, and a resumed run goes on with those it would
    have drawn.

    Args:
        sampler: `tf.random.stateless_normal` or `tf.random.stateless_uniform`.
        width: int, numbers per example.
        draws: (batch,) int64, the example's number in the order of training.
        seed: int.

    Returns:
        (batch, width) float32.
    """

    def row(draw):
        return sampler([width], seed=tf.stack([tf.constant(seed, tf.int64), draw]))

    # One draw too many, left out again: vectorized_map can't map over no example, which is what a
    # replica may have.
    rows = tf.vectorized_map(row, tf.concat([tf.cast(draws, tf.int64), [0]], axis=0))[:-1]
    return tf.ensure_shape(rows, [None, width])
