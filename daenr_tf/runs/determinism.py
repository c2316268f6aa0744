"""TensorFlow held to operations that give the same bits each time."""

import tensorflow as tf


def make_deterministic(seed: int) -> None:
    """Hold this process to operations that give the same bits each time.

    It lasts as long as the process does, and TensorFlow then refuses every random operation without a seed, other
    people's in the same process too: so there is a global one from here on.
    """
    tf.random.set_seed(seed)
    tf.config.experimental.enable_op_determinism()
