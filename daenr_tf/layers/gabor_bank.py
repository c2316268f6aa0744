"""A bank of complex cells on every cell of a grid, as a layer without trained weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from daenr_tf.gabors import WIDTH, along

ORIENTATIONS = 8
SHORTEST = 4.0  # pixels of the shortest wavelength; each next one is twice as long
OCTAVES = 4
CELL = 4  # image pixels per cell
FLOOR = 0.1  # of a filter's mean energy over the training images
LEAST = 1e-6  # of a mean or a deviation: a channel that never changes stays 0
# Luminance, red against green, blue against yellow, of (red, green, blue).
OPPONENT = ((1 / 3, 1 / 3, 1 / 3), (1.0, -1.0, 0.0), (-0.5, -0.5, 1.0))


def wavelengths(height: int, width: int) -> list[float]:
    """Of the bank for images of a size, in pixels: 4, 8, 16, 32, those that go twice into the shorter side; 4 always."""
    found = [SHORTEST * 2**octave for octave in range(OCTAVES)]
    return [one for one in found if one == SHORTEST or 2 * one <= min(height, width)]


@keras.saving.register_keras_serializable(package="daenr_tf")
class GaborBank(keras.layers.Layer):
    """Energies of Gabor pairs, and the mean colour, at every cell of 4 x 4 pixels; each channel standardised.

    Colour images are taken as luminance, red against green and blue against yellow. Of each of these, of every wavelength (4, 8, 16, 32
    pixels) and of 8 orientations there is log(energy + floor), energy being sqrt(even² + odd²) and the floor a tenth of its mean over the
    training images: what complex cells see, with a contrast that saturates. The mean of each colour over the cell, which
    energies are blind to, stands behind them. All channels have mean 0 and deviation 1 over the training images and the grid.

    A worked shape: (batch, 64, 64, 3) -> (batch, 16, 16, 4 · 8 · 3 + 3).

    References: Adelson and Bergen, "Spatiotemporal energy models for the perception of motion", JOSA A 2, 1985. Kay, Naselaris,
    Prenger and Gallant, "Identifying natural images from human brain activity", Nature 452, 2008.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"  # sums over many pixels, and a logarithm
        super().__init__(trainable=False, **kwargs)

    def build(self, input_shape: tuple) -> None:
        _, height, width, channels = input_shape
        waves = wavelengths(height, width)
        rows, columns = (-(-side // CELL) for side in (height, width))
        self.grid, self.filters = (rows, columns), len(waves) * ORIENTATIONS
        self._along_rows, self._along_columns, self._uniform = _factors(
            (height, width), self.grid, waves
        )
        energies = self.filters * channels

        def statistic(name, size, initializer):
            return self.add_weight(
                name=name, shape=(size,), initializer=initializer, trainable=False
            )

        self.floor = statistic("floor", energies, "ones")
        self.mean = statistic("mean", energies + channels, "zeros")
        self.deviation = statistic("deviation", energies + channels, "ones")
        self.built = True

    def initialize(self, batches: Any) -> None:
        """Take floor, mean and deviation from the training images.

        Args:
            batches: function that gives an iterable of (n, height, width, channels) float32 anew each time.
        """
        found = [_moments(tf.concat(self._energies(images), -1)) for images in _small(batches)]
        energies = sum(one[1] for one in found) / sum(one[0] for one in found)
        self.floor.assign(np.maximum(FLOOR * energies[: self.floor.shape[0]], LEAST))
        found = [_moments(self._channels(images)) for images in _small(batches)]
        count, total, squares = (sum(one[i] for one in found) for i in range(3))
        mean = total / count
        self.mean.assign(mean)
        self.deviation.assign(np.sqrt(np.maximum(squares / count - mean**2, LEAST**2)))

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return (self._channels(images) - self.mean) / self.deviation

    def _channels(self, images):
        energies, colours = self._energies(images)
        return tf.concat([tf.math.log(energies + self.floor), colours], axis=-1)

    def _energies(self, images):
        """((batch, rows, columns, filters · channels) energies, (batch, rows, columns, channels) mean colours)."""
        images = tf.cast(images, tf.float32)
        colours = tf.nn.avg_pool2d(images, CELL, CELL, "SAME")
        height, width, channels = images.shape[1:]
        if channels == len(OPPONENT):
            images = tf.tensordot(images, tf.constant(OPPONENT), [[3], [1]])
        (rows, columns), batch, filters = self.grid, tf.shape(images)[0], self.filters
        # Along the rows one product for all filters, their even, odd and Gaussian parts; along the columns one a filter.
        images = tf.reshape(tf.transpose(images, [0, 1, 3, 2]), [batch, height, channels * width])
        found = tf.matmul(self._along_rows, images)
        found = tf.reshape(found, [batch, filters, 3 * rows * channels, width])
        found = tf.matmul(found, self._along_columns)
        found = tf.reshape(found, [batch, filters, 3, rows, channels, 3, columns])
        even, odd, plain = found[:, :, 0], found[:, :, 1], found[:, :, 2, :, :, 2]
        real = even[:, :, :, :, 0] - odd[:, :, :, :, 1] - plain * self._uniform[0]
        imaginary = even[:, :, :, :, 1] + odd[:, :, :, :, 0] - plain * self._uniform[1]
        energies = tf.sqrt(real**2 + imaginary**2 + LEAST**2)
        energies = tf.reshape(
            tf.transpose(energies, [0, 2, 4, 1, 3]), [batch, rows, columns, filters * channels]
        )
        return energies, colours

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], *self.grid, self.mean.shape[0])


def _factors(sides, grid, waves):
    """What images are multiplied with: (filters · 3 · rows, height), (filters, width, 3 · columns) and the shares of the Gaussian that make
    each Gabor blind to a uniform image, two (filters, rows, 1, columns); all float32."""
    centres = [(np.arange(cells) + 0.5) * CELL - 0.5 for cells in grid]
    rows, columns, uniform = [], [], []
    for wavelength in waves:
        for number in range(ORIENTATIONS):
            angle, wave = np.pi * number / ORIENTATIONS, 2 * np.pi / wavelength
            parts = []
            for side, centre, share in zip(
                sides, centres, (np.sin(angle), np.cos(angle)), strict=True
            ):
                deviation = WIDTH * wavelength
                gabor, gaussian = along(side, centre, wave * share, deviation)
                parts.append(np.stack([gabor.real, gabor.imag, gaussian]) / deviation)
            sums = [part.sum(axis=-1) for part in parts]
            total = [one[0] + 1j * one[1] for one in sums]
            uniform.append(np.outer(*total) / np.outer(sums[0][2], sums[1][2]))
            rows.append(parts[0].reshape(-1, sides[0]))
            columns.append(parts[1].reshape(-1, sides[1]).T)
    uniform = np.stack(uniform)[:, :, None]
    return (
        tf.constant(np.concatenate(rows), tf.float32),
        tf.constant(np.stack(columns), tf.float32),
        [tf.constant(part, tf.float32) for part in (uniform.real, uniform.imag)],
    )


def _small(batches):
    """Batches of 64 at most."""
    for images in batches():
        for first in range(0, len(images), 64):
            yield tf.constant(images[first : first + 64])


def _moments(values):
    """(places, sum of each channel, sum of its squares), float64."""
    values = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
    return np.array([len(values), values.sum(0), (values**2).sum(0)], dtype=object)
