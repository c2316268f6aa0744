"""A core that starts from complex cells: a fixed bank of Gabor energies, and learned layers on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import keras
import tensorflow as tf

from daenr_tf.layers.gabor_bank import GaborBank
from daenr_tf.layers.linear_layers import LinearLayers
from daenr_tf.layers.penalties import group_sparsity
from daenr_tf.layers.sizes import BATCH_NORM_MOMENTUM, FILTERS, GABOR_CELL, KERNEL
from daenr_tf.layers.terms import Term, Terms
from daenr_tf.setting_checks import number, share

if TYPE_CHECKING:
    from daenr_tf.models.build import TrainingPart


@keras.saving.register_keras_serializable(package="daenr_tf")
class GaborCore(LinearLayers):
    """Complex cells, mixtures of them, and convolutions on these; every hidden layer h_i is linear.

    z = energies, and the pixels in cosines, at cells of 4 x 4 pixels (`GaborBank`, not trained)
    h_1 = BN(1 x 1 convolution of z)
    h_i = BN(3 x 3 convolution of ELU(h_{i-1}))

    Oriented energy over four octaves, which kernels would have to learn from the recording first, is there from the start; on 768 images of
    V4 that predicted better than kernels that were learned (docs/prediction.md). As in `KlindtCore` the nonlinearity stands before each convolution, so that whichever layer
    is read is linear. A worked shape: (batch, 64, 64, 3) -> z (batch, 16, 16, 144) -> [h1, h2, h3, h4, each (batch, 16, 16, 48)].

    The term `kernel_sparsity`, in units of a loss that is a mean over neurons: the sum over all layers' pairs of channels of |w|_2 over
    space, divided by the number of neurons (Klindt et al. 2017).

    Args:
        depth: int in 1..4, how many hidden layers to have.
        kernel_sparsity: float, the weight of the term.
        batch_norm_momentum: float in (0, 1), the share of its moving statistics that a step keeps.
        seed: int, of the initial kernels.
    """

    downsampling = GABOR_CELL
    split_matters = True
    term_names = ("kernel_sparsity",)
    units: ClassVar[dict[str, tuple[str, str]]] = {
        "kernel_sparsity": ("size of kernels", "sum of L2 norms per neuron"),
    }

    def __init__(
        self,
        depth: int = 4,
        kernel_sparsity: float = 0.05,
        batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        number("kernel_sparsity", kernel_sparsity)
        share("batch_norm_momentum", batch_norm_momentum)
        self.depth = depth
        self.kernel_sparsity = kernel_sparsity
        self.batch_norm_momentum = batch_norm_momentum
        self.seed = seed
        self.bank = GaborBank(name="bank")
        self.make_layers([1, *[KERNEL] * (depth - 1)], [1] * depth)

    def build(self, input_shape: tuple) -> None:
        self.neurons = self.statistic("neurons", (), "ones")
        self.bank.build(input_shape)
        self.build_layers(self.bank.compute_output_shape(input_shape))
        self.built = True

    def initialize(self, training: TrainingPart) -> None:
        """Take the bank's floors, means and deviations from the training images, and the number of neurons."""
        self.bank.initialize(training.inputs)
        self.neurons.assign(training.neurons)

    def call(
        self, images: tf.Tensor, draws: tf.Tensor | None = None, training: bool = False
    ) -> tuple[list[tf.Tensor], Terms]:
        hidden = self.hidden_layers(tf.cast(self.bank(images), self.compute_dtype), training)
        sparsity = tf.add_n([group_sparsity(one.kernel) for one in self.convolutions])
        return hidden, {"kernel_sparsity": Term(sparsity / self.neurons, self.kernel_sparsity)}

    def compute_output_shape(self, input_shape: tuple) -> list[tuple]:
        shape = (input_shape[0], *(-(-side // GABOR_CELL) for side in input_shape[1:3]), FILTERS)
        return [shape] * self.depth

    def get_config(self) -> dict:
        own = ("depth", "kernel_sparsity", "batch_norm_momentum", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
