"""What an image is made for, as a score of the responses to it: the higher the better.

References: Walker et al. 2019, Nature Neuroscience 22:2060-2065 (most exciting inputs); Bashivan, Kar & DiCarlo 2019, Science 364:eaav9436
(one-hot population control).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

LEAST_SPREAD = 0.1  # of the others' standardised responses in a score, so that it isn't won by making them equal


@dataclass(frozen=True)
class Scale:
    """What each neuron's responses are measured in where neurons are held against each other.

    Attributes:
        mean, deviation: (neurons,) float32, over natural images.
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, responses: np.ndarray) -> Scale:
        """That of responses (natural images, neurons); a neuron that never varies has the deviation 1."""
        deviation = np.std(responses, axis=0)
        return cls(
            np.mean(responses, axis=0).astype(np.float32),
            np.where(deviation > 0, deviation, 1).astype(np.float32),
        )

    def standardise(self, responses: tf.Tensor) -> tf.Tensor:
        """Responses (…, neurons) in SDs from the mean."""
        return (responses - self.mean) / self.deviation


def excite(responses: tf.Tensor, targets: tf.Tensor, scale: Scale) -> tf.Tensor:
    """The response, in spikes per presentation, of the neurons whose `targets` are 1: their mean."""
    return tf.reduce_sum(responses * targets, axis=1) / tf.reduce_sum(targets, axis=1)


def apart(responses: tf.Tensor, targets: tf.Tensor, scale: Scale) -> tf.Tensor:
    """By how many of the others' SDs the neurons whose `targets` are 1 exceed the others' mean, in standardised responses."""
    above, _, spread = separation(scale.standardise(responses), targets)
    return above / tf.sqrt(spread**2 + LEAST_SPREAD**2)


def near(responses: tf.Tensor, targets: tf.Tensor, scale: Scale) -> tf.Tensor:
    """Minus the mean over neurons of the squared difference to the `targets`, responses, in each neuron's own variance."""
    return -tf.reduce_mean(((responses - targets) / scale.deviation) ** 2, axis=1)


def separation(values: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """How the neurons of a group stand to the others.

    Args:
        values: (batch, neurons), responses in any unit.
        targets: (batch, neurons), 1 for those of the group and 0 for the others; there are some of either.

    Returns:
        (group's mean - others' mean, others' mean, others' SD), each (batch,).
    """
    others = 1 - targets
    count = tf.reduce_sum(others, axis=1)
    group = tf.reduce_sum(values * targets, axis=1) / tf.reduce_sum(targets, axis=1)
    mean = tf.reduce_sum(values * others, axis=1) / count
    variance = tf.reduce_sum((values - mean[:, None]) ** 2 * others, axis=1) / count
    return group - mean, mean, tf.sqrt(tf.maximum(variance, 1e-12))
