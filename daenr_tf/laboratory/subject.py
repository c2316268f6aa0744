"""The subject of a virtual experiment: a fitted model that is shown images of 256 grey levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from daenr_tf.errors import refusal
from daenr_tf.laboratory.stimuli import GREY
from daenr_tf.machine.progress import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daenr_tf.twin.twin import Twin

AT_ONCE = 256  # images


class Subject:
    """A twin that looks at images.

    Args:
        twin: `Twin`.

    Attributes:
        shape: (height, width) in pixels.
        channels: int, 1 or 3.
        neurons: int.

    Raises:
        InputError: it predicts no responses.
    """

    def __init__(self, twin: Twin) -> None:
        if not twin.neurons:
            raise refusal(twin.members[0].path, "a model with a readout", "one without")
        self.twin = twin
        *shape, self.channels = twin.image_shape
        self.shape, self.neurons = tuple(shape), twin.neurons
        self._respond = tf.function(
            twin.respond,
            input_signature=[tf.TensorSpec((None, *twin.image_shape), tf.float32)],
        )
        self._gradient = None

    def rates(self, images: np.ndarray) -> np.ndarray:
        """Expected responses (N, neurons) float32 to images (N, height, width, channels) uint8."""
        found = np.empty((len(images), self.neurons), np.float32)
        for start in range(0, len(images), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            found[some] = self._respond(seen(images[some])).numpy()
        return found

    def gradients(
        self, images: np.ndarray, neurons: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gradients of some neurons' responses with respect to the image, over images (N, height, width, channels) uint8.

        Returns:
            (mean over images, root of the mean square over images), each (neurons, height, width): responses per unit of
            the model's [-1, 1]; over channels the mean is summed and the squares are.
        """
        mean, energy = [], []
        with counted(len(neurons), "gradient") as advance:
            for neuron in neurons:
                for kept, found in zip((mean, energy), self.gradient(images, neuron), strict=True):
                    kept.append(found)
                advance(1)
        return np.array(mean, np.float32), np.array(energy, np.float32)

    def gradient(self, images: np.ndarray, neuron: int) -> tuple[np.ndarray, np.ndarray]:
        """As `gradients`, of one neuron: each (height, width)."""
        if self._gradient is None:

            @tf.function(reduce_retracing=True)
            def gradient(images, neuron):
                with tf.GradientTape() as tape:
                    tape.watch(images)
                    response = tf.reduce_sum(tf.gather(self.twin.respond(images), neuron, axis=1))
                return tape.gradient(response, images)

            self._gradient = gradient
        found = self._gradient(seen(images), tf.constant(int(neuron))).numpy().astype(np.float64)
        mean, energy = found.mean(axis=0).sum(axis=-1), (found**2).mean(axis=0).sum(axis=-1)
        return mean.astype(np.float32), np.sqrt(energy).astype(np.float32)


def seen(images: np.ndarray) -> tf.Tensor:
    """What the model is given for images uint8: float32 in [-1, 1]."""
    return tf.constant(images.astype(np.float32) / GREY - 1)
