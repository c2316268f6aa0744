"""A core that is made to predict: large first kernels that are kept smooth, later ones that are kept few (Klindt et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from daenr_tf.layers.linear_layers import LinearLayers
from daenr_tf.layers.penalties import group_sparsity, roughness
from daenr_tf.layers.sizes import BATCH_NORM_MOMENTUM, KERNEL
from daenr_tf.layers.sizes import KLINDT_STRIDES as STRIDES
from daenr_tf.layers.terms import Term, Terms
from daenr_tf.setting_checks import number, share, whole

if TYPE_CHECKING:
    from daenr_tf.models.build import TrainingPart

LEAST_DEVIATION = 1e-3  # of a pixel, in units of the input's -1..1: one that never changes stays 0


@keras.saving.register_keras_serializable(package="daenr_tf")
class KlindtCore(LinearLayers):
    """Standardised pixels, a convolution with a large kernel, then 3x3 ones; every hidden layer h_i is linear.

    z = (image - mean) / deviation        per pixel, over the training images
    h_1 = BN(K x K convolution of z, stride 2)
    h_i = BN(3 x 3 convolution of ELU(h_{i-1}))

    The nonlinearity stands before each convolution but the first, so that whichever layer is read is
    the linear last one of its own core, as Klindt et al. have it. A worked shape: (batch, 32, 32, 1) ->
    [h1 (batch, 16, 16, 48), h2 (batch, 16, 16, 48), h3 (batch, 16, 16, 48), h4 (batch, 8, 8, 48)].

    Terms, both in units of a loss that is a mean over neurons (Klindt et al. add them to a sum over
    neurons; the division by the number of neurons is done here, so their weights can be taken over):
    `kernel_smoothness`, sum over the first layer's filters of |Laplacian * w|^2 / |w|^2, and
    `kernel_sparsity`, sum over the other layers' pairs of channels of |w|_2 over space.

    Args:
        depth: int in 1..4, how many hidden layers to have.
        first_kernel: int, side of the first layer's kernels in pixels.
        kernel_smoothness, kernel_sparsity: float, the weights of the terms.
        batch_norm_momentum: float in (0, 1), the share of its moving statistics that a step keeps.
        seed: int, of the initial kernels.

    References: Klindt, Ecker, Euler and Bethge, "Neural system identification for large populations
    separating 'what' and 'where'", NIPS 2017.
    """

    downsampling = 4
    split_matters = True
    term_names = ("kernel_smoothness", "kernel_sparsity")
    units: ClassVar[dict[str, tuple[str, str]]] = {
        "kernel_smoothness": ("roughness of first kernels", "|Laplacian|² / |w|² per neuron"),
        "kernel_sparsity": ("size of later kernels", "sum of L2 norms per neuron"),
    }

    def __init__(
        self,
        depth: int = 4,
        first_kernel: int = 7,
        kernel_smoothness: float = 0.003,
        kernel_sparsity: float = 0.005,
        batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        whole("first_kernel", first_kernel, 1)
        number("kernel_smoothness", kernel_smoothness)
        number("kernel_sparsity", kernel_sparsity)
        share("batch_norm_momentum", batch_norm_momentum)
        self.depth = depth
        self.first_kernel = first_kernel
        self.kernel_smoothness = kernel_smoothness
        self.kernel_sparsity = kernel_sparsity
        self.batch_norm_momentum = batch_norm_momentum
        self.seed = seed
        self.make_layers([first_kernel, *[KERNEL] * (depth - 1)], STRIDES[:depth])

    def build(self, input_shape: tuple) -> None:
        self.pixel_mean = self.statistic("pixel_mean", input_shape[1:], "zeros")
        self.pixel_deviation = self.statistic("pixel_deviation", input_shape[1:], "ones")
        self.neurons = self.statistic("neurons", (), "ones")
        self.build_layers(input_shape)
        self.built = True

    def initialize(self, training: TrainingPart) -> None:
        """Take the pixels' mean and standard deviation over the training images, and the number of neurons."""
        count, total, squares = 0, 0.0, 0.0
        for images in training.inputs():
            images = np.asarray(images, np.float64)
            count += len(images)
            total = total + images.sum(axis=0)
            squares = squares + (images**2).sum(axis=0)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        self.pixel_mean.assign(mean)
        self.pixel_deviation.assign(np.maximum(deviation, LEAST_DEVIATION))
        self.neurons.assign(training.neurons)

    def call(
        self, images: tf.Tensor, draws: tf.Tensor | None = None, training: bool = False
    ) -> tuple[list[tf.Tensor], Terms]:
        images = (tf.cast(images, tf.float32) - self.pixel_mean) / self.pixel_deviation
        hidden = self.hidden_layers(tf.cast(images, self.compute_dtype), training)
        kernels = [convolution.kernel for convolution in self.convolutions]
        later = tf.add_n([tf.zeros(()), *map(group_sparsity, kernels[1:])])
        return hidden, {
            "kernel_smoothness": Term(roughness(kernels[0]) / self.neurons, self.kernel_smoothness),
            "kernel_sparsity": Term(later / self.neurons, self.kernel_sparsity),
        }

    def compute_output_shape(self, input_shape: tuple) -> list[tuple]:
        shapes = []
        for convolution in self.convolutions:
            input_shape = convolution.compute_output_shape(input_shape)
            shapes.append(input_shape)
        return shapes

    def get_config(self) -> dict:
        own = (
            *("depth", "first_kernel", "kernel_smoothness", "kernel_sparsity"),
            *("batch_norm_momentum", "seed"),
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
