"""A bank of complex cells on every cell of a grid, as a layer without trained weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy import fft

from daenr_tf.gabors import OPPONENT, WIDTH, along
from daenr_tf.layers.sizes import GABOR_CELL as CELL
from daenr_tf.layers.sizes import GABOR_ORIENTATIONS as ORIENTATIONS
from daenr_tf.layers.sizes import gabor_wavelengths

DISTINCT = ORIENTATIONS // 2 + 1  # from 0 to 90 degrees; the others are their mirror images
FLOOR = 0.1  # of a filter's mean energy over the training images
DETAILS = CELL**2  # numbers that a cell's pixels are
LEAST = 1e-6  # of a mean or a deviation: a channel that never changes stays 0


@keras.saving.register_keras_serializable(package="daenr_tf")
class GaborBank(keras.layers.Layer):
    """Energies of Gabor pairs, and the pixels in cosines, at every cell of 4 x 4 pixels; each channel standardised.

    Colour images are taken as luminance, red against green and blue against yellow. Of each of these, of every wavelength (4, 8, 16, 32
    pixels) and of 8 orientations there is log(energy + floor), energy being sqrt(even² + odd²) and the floor a tenth of its mean over the
    training images: what complex cells see, with a contrast that saturates. Energies are blind to phases and to means: behind them stand
    the 16 coefficients of each colour's two-dimensional cosine transform over the cell, which hold its pixels whole. All channels have
    mean 0 and deviation 1 over the training images and the grid.

    A worked shape: (batch, 64, 64, 3) -> (batch, 16, 16, 4 · 8 · 3 + 16 · 3).

    References: Adelson and Bergen, "Spatiotemporal energy models for the perception of motion", JOSA A 2, 1985. Kay, Naselaris,
    Prenger and Gallant, "Identifying natural images from human brain activity", Nature 452, 2008.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})  # sums over many pixels, and a logarithm

    def build(self, input_shape: tuple) -> None:
        _, height, width, channels = input_shape
        waves = gabor_wavelengths(height, width)
        rows, columns = (-(-side // CELL) for side in (height, width))
        self.grid, self.filters = (rows, columns), len(waves) * ORIENTATIONS
        self._rows, self._columns, self._uniform = _factors(
            (height, width), self.grid, waves, channels
        )
        energies, all_channels = self.filters * channels, (self.filters + DETAILS) * channels

        def statistic(name, size, initializer):
            return self.add_weight(
                name=name, shape=(size,), initializer=initializer, trainable=False
            )

        self.floor = statistic("floor", energies, "ones")
        self.mean = statistic("mean", all_channels, "zeros")
        self.deviation = statistic("deviation", all_channels, "ones")
        self.built = True

    def initialize(self, batches: Any) -> None:
        """Take floor, mean and deviation from the training images.

        Args:
            batches: function that gives an iterable of (n, height, width, channels) float32 anew each time.
        """
        found = [_moments(self._energies(images)) for images in _small(batches)]
        energies = sum(one[1] for one in found) / sum(one[0] for one in found)
        self.floor.assign(np.maximum(FLOOR * energies, LEAST))
        found = [_moments(self._channels(images)) for images in _small(batches)]
        count, total, squares = (sum(one[i] for one in found) for i in range(3))
        mean = total / count
        self.mean.assign(mean)
        self.deviation.assign(np.sqrt(np.maximum(squares / count - mean**2, LEAST**2)))

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return (self._channels(images) - self.mean) / self.deviation

    def _channels(self, images):
        images = tf.cast(images, tf.float32)
        return tf.concat(
            [tf.math.log(self._energies(images) + self.floor), self._details(images)], axis=-1
        )

    def _details(self, images):
        """(batch, rows, columns, 16 · channels): of each cell its colours' cosine transforms, coarse to fine, colours last."""
        (rows, columns), channels = self.grid, images.shape[3]
        cells = tf.nn.space_to_depth(images, CELL)
        cells = tf.transpose(tf.reshape(cells, [-1, DETAILS, channels]), [0, 2, 1])
        # A product of two matrices: of more LiteRT's converter makes tensors of unknown shape, which nothing reads.
        found = tf.matmul(tf.reshape(cells, [-1, DETAILS]), _cosines(), transpose_b=True)
        found = tf.transpose(tf.reshape(found, [-1, channels, DETAILS]), [0, 2, 1])
        return tf.reshape(found, [-1, rows, columns, DETAILS * channels])

    def _energies(self, images):
        """(batch, rows, columns, filters · channels)."""
        height, width, channels = images.shape[1:]
        if channels == len(OPPONENT):
            images = tf.tensordot(images, tf.constant(OPPONENT), [[3], [1]])
        (rows, columns), batch = self.grid, tf.shape(images)[0]
        images = tf.reshape(tf.transpose(images, [0, 1, 3, 2]), [batch, height, channels * width])

        def by_rows(factors):
            """(batch, pairs of factors, rows · channels, width)."""
            found = tf.matmul(factors, images)
            return tf.reshape(found, [batch, factors.shape[0] // rows, rows * channels, width])

        def by_columns(found, factors):
            """(batch, wavelengths, factors of each, rows · channels · columns)."""
            # Not tf.matmul(found, factors): where it has one factor for all images, TensorFlow 2.21 on several threads of a CPU writes
            # or reads beyond it.
            count, waves = factors.shape[0], len(self._uniform[0])
            found = tf.reshape(
                tf.transpose(found, [1, 0, 2, 3]), [count, batch * rows * channels, width]
            )
            found = tf.reshape(tf.matmul(found, factors), [count, batch, rows * channels * columns])
            found = tf.transpose(found, [1, 0, 2])
            return tf.reshape(found, [batch, waves, count // waves, rows * channels * columns])

        even, odd = map(by_rows, self._rows[:2])
        even_columns, odd_columns, plain_columns = self._columns
        even_even, odd_odd = by_columns(even, even_columns), by_columns(odd, odd_columns)
        even_odd, odd_even = by_columns(even, odd_columns), by_columns(odd, even_columns)
        plain = by_columns(by_rows(self._rows[2]), plain_columns)
        tilted = slice(1, DISTINCT - 1)  # those whose mirror images are others
        real = [even_even - odd_odd, (even_even + odd_odd)[:, :, tilted]]
        imaginary = [odd_even + even_odd, (even_odd - odd_even)[:, :, tilted]]
        real = tf.concat(real, axis=2) - plain * self._uniform[0]
        imaginary = tf.concat(imaginary, axis=2) - plain * self._uniform[1]
        energies = tf.sqrt(real**2 + imaginary**2 + LEAST**2)
        energies = tf.reshape(energies, [batch, self.filters, rows, channels, columns])
        energies = tf.transpose(energies, [0, 2, 4, 1, 3])
        return tf.reshape(energies, [batch, rows, columns, self.filters * channels])

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], *self.grid, self.mean.shape[0])


def _factors(sides, grid, waves, channels):
    """What images are multiplied with, as float32 constants.

    Gabors are products of a function of the row and one of the column. Two that are mirror images of each other are made of the same four, so
    that of 8 orientations only 0 to 90 degrees are filtered.

    Returns:
        Of even waves and of odd waves under their Gaussians, (wavelengths · 5 · rows, height), and of Gaussians, (wavelengths · rows, height);
        of the same along the columns, (wavelengths · 5, width, columns) and (wavelengths, width, columns); and, real and imaginary,
        the share of the Gaussian that makes each Gabor blind to a uniform image, at the edges too (Morlet's correction),
        (wavelengths, 8, rows · channels · columns).
    """
    centres = [(np.arange(cells) + 0.5) * CELL - 0.5 for cells in grid]
    of_rows, of_columns, uniform = ([], [], []), ([], [], []), []
    for wavelength in waves:
        deviation, sums = WIDTH * wavelength, []
        for number in range(DISTINCT):
            angle = np.pi * number / ORIENTATIONS
            pair = []
            for side, centre, share, kept in zip(
                sides,
                centres,
                (np.sin(angle), np.cos(angle)),
                (of_rows, of_columns),
                strict=True,
            ):
                wave = 2 * np.pi / wavelength * share
                gabor, gaussian = along(side, centre, wave, deviation)
                kept[0].append(gabor.real / deviation)
                kept[1].append(gabor.imag / deviation)
                pair.append((gabor.sum(axis=-1), gaussian / deviation))
            sums.append([gabor for gabor, _ in pair])
        for kept, (_, gaussian) in zip((of_rows, of_columns), pair, strict=True):
            kept[2].append(gaussian)
        plain = np.outer(*(gaussian.sum(axis=-1) * deviation for _, gaussian in pair))
        sums += [[np.conj(rows), columns] for rows, columns in sums[1:-1]]
        uniform.append([np.outer(rows, columns) / plain for rows, columns in sums])
    uniform = np.repeat(np.array(uniform)[:, :, :, None], channels, axis=3)
    uniform = uniform.reshape(len(waves), ORIENTATIONS, -1)
    return (
        [tf.constant(np.concatenate(part), tf.float32) for part in of_rows],
        [tf.constant(np.swapaxes(np.stack(part), 1, 2), tf.float32) for part in of_columns],
        [tf.constant(part, tf.float32) for part in (uniform.real, uniform.imag)],
    )


def _cosines():
    """(16, 16): the orthonormal cosine transform of a cell, by coefficients and pixels; the first is 4 times the mean."""
    along_side = fft.dct(np.eye(CELL), axis=0, norm="ortho")
    return tf.constant(np.kron(along_side, along_side), tf.float32)


def _small(batches):
    """Batches of 64 at most."""
    for images in batches():
        for first in range(0, len(images), 64):
            yield tf.constant(images[first : first + 64])


def _moments(values):
    """(places, sum of each channel, sum of its squares), float64."""
    values = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
    return np.array([len(values), values.sum(0), (values**2).sum(0)], dtype=object)
