"""The Gaussian readout: every neuron reads h_i at one point, whose place is learned (Lurz et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from daenr_tf.layers.interpolation import read_at
from daenr_tf.layers.penalties import absolute
from daenr_tf.layers.readouts import Readout
from daenr_tf.layers.seeds import derive_seed, per_example
from daenr_tf.layers.sizes import MASK_STARTS
from daenr_tf.layers.terms import Term, Terms
from daenr_tf.setting_checks import number, one_of

if TYPE_CHECKING:
    from daenr_tf.models.build import TrainingPart


@keras.saving.register_keras_serializable(package="daenr_tf")
class GaussianReadout(Readout):
    """A point of h_i, between cells by bilinear interpolation, and feature weights there.

    response_n = softplus(sum_c features_cn * h_c(x_n) + bias_n),  x_n = position_n + A_n e

    with e ~ N(0, 1)² in training, drawn for every image and neuron, and 0 in use. A_n A_n' is the
    covariance of the place in training: while a neuron's place is unsure the draws let the gradient see
    far, and it shrinks as the place is found. Places are in halves of the grid: (-1, -1) is the centre of
    the first row's and column's cell, (1, 1) that of the last ones'; what lies beyond counts as the edge.

    A neuron has channels + 7 numbers: a feature weight per channel, 2 of its position, the 4 of the 2 x 2
    matrix A_n (of which 3 matter: turning e changes nothing), and its bias. The penalty is the mean over neurons of |features|_1.

    A worked shape: h2 (batch, 16, 16, 48) -> (batch, neurons), 55 numbers a neuron.

    Args:
        neurons, readout_l1, activity_l1, seed: as of `Readout`; draws come from the seed too.
        position_spread: float, the diagonal of A_n at the start, in halves of the grid.
        mask_start: "normal" (positions near the middle) or "sta" (the centre of the receptive field that
            the training images show).

    References: Lurz et al., "Generalization in data-driven models of primary visual cortex", ICLR 2021.
    """

    figure = "masks"
    POSITIONS = 0.1  # standard deviation of positions at the start, in halves of the grid

    def __init__(
        self,
        neurons: int,
        position_spread: float = 0.2,
        mask_start: str = "sta",
        **kwargs: Any,
    ) -> None:
        super().__init__(neurons, **kwargs)
        number("position_spread", position_spread)
        one_of("mask_start", mask_start, MASK_STARTS)
        self.position_spread = position_spread
        self.mask_start = mask_start

    @property
    def split_matters(self) -> bool:
        """Where positions start from receptive fields, the images that those were found on matter."""
        return self.mask_start == "sta"

    def build(self, input_shape: tuple) -> None:
        _, self.height, self.width, channels = input_shape
        self.position = self.normal("position", (self.neurons, 2), self.POSITIONS)
        self.spread = self.add_weight(
            name="spread", shape=(self.neurons, 2, 2), initializer=self._diagonal
        )
        self.features = self.normal("features", (self.neurons, channels), 0.05)
        super().build(input_shape)

    def _diagonal(self, shape, dtype=None):
        return keras.ops.broadcast_to(
            keras.ops.cast(self.position_spread * keras.ops.eye(2), dtype), shape
        )

    def initialize(self, training: TrainingPart) -> None:
        """Start at the neurons' mean training response, and, if asked for, where the training images show the receptive fields."""
        super().initialize(training)
        if self.mask_start == "sta":
            from daenr_tf.receptive_fields import estimate_receptive_fields

            recording = training.recording
            centers = estimate_receptive_fields(
                recording.images, recording.responses, training.indices
            ).positions
            cells = (centers + 0.5) / recording.images.shape[1:3] * self._grid - 0.5
            self.position.assign(np.clip(2 * cells / self._last - 1, -1, 1))

    @property
    def _grid(self):
        return np.array([self.height, self.width])

    @property
    def _last(self):
        """Row and column of the last cell; of a grid of one cell, 1: all places are that cell then."""
        return np.maximum(self._grid - 1, 1)

    def drive(self, hidden: tf.Tensor, draws: tf.Tensor | None, training: bool) -> tf.Tensor:
        """(batch, height, width, channels) -> (batch, neurons): what lies at the place, weighted."""
        batch = tf.shape(hidden)[0]
        position = tf.cast(tf.convert_to_tensor(self.position), tf.float32)
        if training:
            seed = derive_seed(self.seed, "places")
            drawn = per_example(tf.random.stateless_normal, 2 * self.neurons, draws, seed)
            drawn = tf.reshape(drawn, [batch, self.neurons, 2])
            spread = tf.cast(tf.convert_to_tensor(self.spread), tf.float32)
            places = position + tf.einsum("nij,bnj->bni", spread, drawn)
        else:
            places = position[tf.newaxis]
        places = (tf.clip_by_value(places, -1.0, 1.0) + 1.0) * (self._last / 2.0)
        features = tf.cast(tf.convert_to_tensor(self.features), tf.float32)
        return read_at(tf.cast(hidden, tf.float32), places, features)

    def penalties(self) -> Terms:
        """`readout_l1`, the mean over neurons of |features|_1."""
        norms = keras.ops.sum(absolute(self.features), axis=1)
        return {"readout_l1": Term(keras.ops.mean(norms), self.readout_l1)}

    def _cells(self):
        """(neurons, 2) float64, row and column of each neuron's place, in cells."""
        position = np.clip(np.asarray(self.position, np.float64), -1, 1)
        return (position + 1) * self._last / 2

    def field_centers(self, stimulus_shape: tuple[int, int]) -> np.ndarray:
        """(neurons, 2) float64, row and column of each neuron's place in stimulus pixels."""
        return (self._cells() + 0.5) / self._grid * stimulus_shape - 0.5

    def masks(self) -> np.ndarray:
        """(neurons, height, width) float32, the density of each neuron's place in training, 1 at its peak."""
        places = np.stack(np.indices((self.height, self.width)), axis=-1).reshape(-1, 2)
        root = np.asarray(self.spread, np.float64) * (self._last / 2)[:, None]
        # Widened by half a cell: what bilinear interpolation sees of a place that is certain.
        covariance = root @ np.swapaxes(root, 1, 2) + 0.25 * np.eye(2)
        offsets = places - self._cells()[:, None]
        distances = np.einsum(
            "npi,nij,npj->np", offsets, np.linalg.inv(covariance), offsets, optimize=True
        )
        return np.exp(-distances / 2).astype(np.float32).reshape(-1, self.height, self.width)

    def get_config(self) -> dict:
        own = ("position_spread", "mask_start")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
