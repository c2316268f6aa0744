"""Readouts: from a hidden layer h_i to the responses of M neurons (the paper's f3, Eq. 2 and 5).

Every readout maps (batch, height, width, channels) to (batch, neurons) float32 >= 0, and gives with
it what it adds to the response loss. The softplus is ours: the Poisson loss needs a rate above
zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from daenr_tf.errors import InputError
from daenr_tf.layers.part import Part
from daenr_tf.layers.penalties import absolute
from daenr_tf.layers.seeds import derive_seed, per_example
from daenr_tf.layers.sizes import MASK_STARTS
from daenr_tf.layers.terms import Term, Terms
from daenr_tf.setting_checks import number, one_of, whole

if TYPE_CHECKING:
    from daenr_tf.models.build import TrainingPart

FLOOR = 1e-3  # smallest mean response (per presentation) that a bias starts from


def inverse_softplus(rates: ArrayLike) -> np.ndarray:
    """log(exp(rates) - 1), without overflow, of rates floored at 0.001; NumPy (neurons,) ->
    (neurons,).
    """
    rates = np.maximum(np.asarray(rates, np.float64), FLOOR)
    return rates + np.log(-np.expm1(-rates))


class Readout(Part):
    """What the readouts share: the bias, the rate, and the penalties' weights.

    A readout has `drive(hidden, draws, training)`, (batch, neurons) before bias and softplus, and
    `penalties()`, a dict of name -> `Term`.

    Args:
        neurons: int, M.
        readout_l1: float, the weight of the readout's own sparsity penalty.
        activity_l1: float, the weight of the mean absolute activity of the layer that is read.
        seed: int, of the initial weights and of dropout.
    """

    penalty_names = ("readout_l1",)
    units: ClassVar[dict[str, tuple[str, str]]] = {
        "readout_l1": ("readout sparsity", "mean L1 per neuron"),
        "readout_l2": ("readout weight decay", "sum of squared weights"),
        "activity_l1": ("activity sparsity", "mean |h|"),
    }

    def __init__(
        self,
        neurons: int,
        readout_l1: float = 0.02,
        activity_l1: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        whole("neurons", neurons, 1)
        number("readout_l1", readout_l1)
        number("activity_l1", activity_l1)
        self.neurons = neurons
        self.readout_l1 = readout_l1
        self.activity_l1 = activity_l1
        self.seed = seed

    @property
    def term_names(self) -> tuple:
        """The penalties' names, in their order; `activity_l1` only where it has a weight."""
        return (*self.penalty_names, *(["activity_l1"] if self.activity_l1 else []))

    def build(self, input_shape: tuple) -> None:
        self.bias = self.add_weight(
            name="bias", shape=(self.neurons,), initializer="zeros", autocast=False
        )
        self.built = True

    def call(
        self, hidden: tf.Tensor, draws: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, Terms]:
        rate = keras.ops.softplus(
            keras.ops.cast(self.drive(hidden, draws, training), "float32") + self.bias
        )
        terms = self.penalties()
        if self.activity_l1:
            activity = tf.reduce_mean(absolute(tf.cast(hidden, tf.float32)), axis=(1, 2, 3))
            terms["activity_l1"] = Term(activity, self.activity_l1)
        return rate, terms

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.neurons)

    def initialize(self, training: TrainingPart) -> None:
        """Start at the neurons' mean training response."""
        self.start(training.mean_responses)

    def start(self, mean_response: np.ndarray) -> None:
        """Let the readout start at a mean response, (neurons,) per presentation."""
        self.bias.assign(inverse_softplus(mean_response))

    def field_centers(self, stimulus_shape: tuple[int, int]) -> np.ndarray | None:
        """Where in a stimulus of (height, width) pixels each neuron looks, (neurons, 2) row and column; None
        of a readout that has no such place.
        """
        return None

    def normal(self, name: str, shape: tuple, deviation: float) -> keras.Variable:
        """A weight of a name and a shape that starts at N(0, deviation²)."""
        initializer = keras.initializers.RandomNormal(
            stddev=deviation, seed=derive_seed(self.seed, name)
        )
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "neurons": self.neurons,
            "readout_l1": self.readout_l1,
            "activity_l1": self.activity_l1,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="daenr_tf")
class FactorizedReadout(Readout):
    """Eq. 5: a spatial mask and a vector of feature weights per neuron, both learned (Klindt et al.
    2017).

    response_n = softplus(sum_c features_cn * sum_xy mask_xyn * h_xyc + bias_n). The penalty is the
    mean over neurons of |mask|_1 * |features|_1: a product, so that scale can't be traded between
    the factors.

    Args:
        neurons, readout_l1, activity_l1, seed: as of `Readout`.
        positive: bool, whether masks and features are the absolute values of their weights, so that
            a neuron sees one place and no differences between places.
        mask_start: "normal" (noise) or "sta" (where the receptive field that the training images show
            lies: its envelope, besides a tenth of the noise).
    """

    figure = "masks"
    START_SHARPNESS = 2  # the power of a receptive field's envelope that a mask starts from
    START_HEIGHT = 0.1  # and its largest weight

    def __init__(
        self, neurons: int, positive: bool = False, mask_start: str = "normal", **kwargs: Any
    ) -> None:
        super().__init__(neurons, **kwargs)
        one_of("positive", positive, (True, False))
        one_of("mask_start", mask_start, MASK_STARTS)
        self.positive = positive
        self.mask_start = mask_start

    @property
    def split_matters(self) -> bool:
        """Where masks start from receptive fields, the images that those were found on matter."""
        return self.mask_start == "sta"

    def build(self, input_shape: tuple) -> None:
        _, height, width, channels = input_shape
        self.mask = self.normal("mask", (height, width, self.neurons), 0.02)
        self.features = self.normal("features", (channels, self.neurons), 0.05)
        super().build(input_shape)

    def drive(self, hidden: tf.Tensor, draws: tf.Tensor | None, training: bool) -> tf.Tensor:
        """(batch, height, width, channels) -> (batch, neurons): the masked layer, weighted."""
        height, width, channels = hidden.shape[1:]
        batch = tf.shape(hidden)[0]
        places = tf.reshape(hidden, [batch, height * width, channels])
        mask = tf.reshape(self._signed(self.mask), [height * width, self.neurons])
        # One product of two large matrices, forward and backward: `einsum` would take a small one per image.
        rows = tf.reshape(tf.transpose(places, [0, 2, 1]), [batch * channels, height * width])
        pooled = tf.reshape(tf.matmul(rows, mask), [batch, channels, self.neurons])
        weighted = pooled * self._signed(self.features)
        return tf.reduce_sum(tf.cast(weighted, tf.float32), axis=1)

    def _signed(self, weights):
        """Weights as they are used."""
        return absolute(weights) if self.positive else tf.convert_to_tensor(weights)

    def initialize(self, training: TrainingPart) -> None:
        """Start at the neurons' mean training response, and masks, if asked for, where the training images show the receptive fields."""
        super().initialize(training)
        if self.mask_start == "sta":
            from daenr_tf.receptive_fields import envelopes

            recording, shape = training.recording, self.mask.shape
            fields = envelopes(recording.images, recording.responses, training.indices, shape[:2])
            start = self.START_HEIGHT * np.moveaxis(fields, 0, -1) ** self.START_SHARPNESS
            self.mask.assign(start + 0.1 * np.asarray(self.mask))

    def penalties(self) -> Terms:
        """`readout_l1`, the mean over neurons of |mask|_1 * |features|_1."""
        mask = keras.ops.sum(absolute(self.mask), axis=(0, 1))
        features = keras.ops.sum(absolute(self.features), axis=0)
        return {"readout_l1": Term(keras.ops.mean(mask * features), self.readout_l1)}

    def masks(self) -> np.ndarray:
        """(neurons, height, width) float32, each neuron's spatial mask."""
        return np.moveaxis(np.asarray(self._signed(self.mask)), -1, 0)

    def get_config(self) -> dict:
        # Defaults are left out: what a model is, in its file and in a state, is then as it was before there were these settings.
        told = {"positive": False, "mask_start": "normal"}
        own = {name: getattr(self, name) for name, usual in told.items()}
        return {
            **super().get_config(),
            **{name: value for name, value in own.items() if value != told[name]},
        }


@keras.saving.register_keras_serializable(package="daenr_tf")
class FixedMaskReadout(Readout):
    """Eq. 5 with a mask that is 1 at one cell of h_i and 0 elsewhere, found from the training data
    beforehand.

    The mask is kept as the cell's number, (neurons,) int32, a weight that is saved and not trained.

    Attributes:
        positions: (neurons, 2) float64, row and column in the stimulus that the masks were put at;
            None of a model that was loaded.
    """

    split_matters = True
    figure = "fixed_masks"
    positions = None

    def build(self, input_shape: tuple) -> None:
        _, self.height, self.width, channels = input_shape
        self.cell = self.add_weight(
            name="cell", shape=(self.neurons,), initializer="zeros", dtype="int32", trainable=False
        )
        self.features = self.normal("features", (channels, self.neurons), 0.05)
        super().build(input_shape)

    def initialize(self, training: TrainingPart) -> None:
        """Open for each neuron the cell that contains its receptive field's centre, as the training
        images show it.
        """
        from daenr_tf.receptive_fields import estimate_receptive_fields, grid_cell

        recording = training.recording
        self.positions = estimate_receptive_fields(
            recording.images, recording.responses, training.indices
        ).positions
        cells = grid_cell(self.positions, recording.images.shape[1:3], (self.height, self.width))
        self.start(training.mean_responses, cells)

    def start(self, mean_response: np.ndarray, cells: np.ndarray) -> None:
        """`cells` (neurons, 2) int: row and column of each neuron's cell in h_i."""
        super().start(mean_response)
        cells = np.asarray(cells)
        self.cell.assign(cells[:, 0] * self.width + cells[:, 1])

    def check_weights(self) -> None:
        """Raises `InputError` for the number of a cell that h_i lacks."""
        cells, count = np.asarray(self.cell), self.height * self.width
        outside = cells[(cells < 0) | (cells >= count)]
        if outside.size:
            raise InputError(
                f"the readout's cell: expected numbers from 0 to {count - 1}, found {outside[0]}"
            )

    def drive(self, hidden: tf.Tensor, draws: tf.Tensor | None, training: bool) -> tf.Tensor:
        """(batch, height, width, channels) -> (batch, neurons): what lies at the cell, weighted."""
        places = tf.reshape(
            hidden, [tf.shape(hidden)[0], self.height * self.width, hidden.shape[-1]]
        )
        seen = tf.gather(places, tf.convert_to_tensor(self.cell), axis=1)
        return tf.einsum("bnc,cn->bn", seen, tf.convert_to_tensor(self.features))

    def penalties(self) -> Terms:
        """`readout_l1`, the mean over neurons of |features|_1."""
        features = keras.ops.sum(absolute(self.features), axis=0)
        return {"readout_l1": Term(keras.ops.mean(features), self.readout_l1)}

    def cells(self) -> np.ndarray:
        """(neurons, 2) int, row and column of each neuron's cell in h_i."""
        return np.stack(np.divmod(np.asarray(self.cell), self.width), axis=1)

    def masks(self) -> np.ndarray:
        """(neurons, height, width) float32, 1 at each neuron's cell."""
        opened = np.arange(self.height * self.width) == np.asarray(self.cell)[:, None]
        return opened.astype(np.float32).reshape(self.neurons, self.height, self.width)


@keras.saving.register_keras_serializable(package="daenr_tf")
class FullyConnectedReadout(Readout):
    """One dense map from all of h_i to the neurons (McIntosh et al. 2016), dropout 0.5 before it.

    Terms: `readout_l2`, the mean over neurons of the kernel's squared norm with weight 0.01, and
    `readout_l1`, the mean over neurons of its L1 norm. Dropout is drawn per example, from a
    stateless seed.
    """

    penalty_names = ("readout_l2", "readout_l1")
    DROPOUT = 0.5
    L2 = 0.01

    def build(self, input_shape: tuple) -> None:
        _, height, width, channels = input_shape
        self.inputs = height * width * channels
        initializer = keras.initializers.GlorotUniform(seed=derive_seed(self.seed, "kernel"))
        self.kernel = self.add_weight(
            name="kernel", shape=(self.inputs, self.neurons), initializer=initializer
        )
        super().build(input_shape)

    def drive(self, hidden: tf.Tensor, draws: tf.Tensor | None, training: bool) -> tf.Tensor:
        """(batch, height, width, channels) -> (batch, neurons), with dropout in training."""
        hidden = tf.reshape(hidden, [tf.shape(hidden)[0], self.inputs])
        if training:
            seed = derive_seed(self.seed, "dropout")
            kept = (
                per_example(tf.random.stateless_uniform, self.inputs, draws, seed) >= self.DROPOUT
            )
            hidden = tf.where(kept, hidden / (1.0 - self.DROPOUT), tf.zeros_like(hidden))
        return tf.matmul(hidden, tf.convert_to_tensor(self.kernel))

    def penalties(self) -> Terms:
        """`readout_l2` and `readout_l1`, means over neurons of |kernel|_2^2 and of |kernel|_1."""
        return {
            "readout_l2": Term(keras.ops.mean(keras.ops.sum(self.kernel**2, axis=0)), self.L2),
            "readout_l1": Term(
                keras.ops.mean(keras.ops.sum(absolute(self.kernel), axis=0)), self.readout_l1
            ),
        }
