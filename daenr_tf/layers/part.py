"""What the parts of a model have in common: core, bottleneck, decoder, readout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from daenr_tf.models.build import TrainingPart


class Part(keras.layers.Layer):
    """A part of a `DAENR`: called on a tensor, it returns (output, terms).

    `terms` is a dict of name -> `Term`, what the part adds to the loss of the head that it stands
    under; a core stands under every head. A part whose `trainable` is False is frozen wholly: its
    moving statistics too.

    Attributes:
        term_names: tuple of str, the names of the terms that a call returns, in their order.
        units: dict of term name -> (title, unit), what a figure of the term says.
        seed: int, of the initial weights and of what is drawn in training.
        split_matters: bool, whether `initialize` takes more from the training images than a later
            training could undo.
        recordings: dict of name -> neurons, of a readout of several recordings, which takes the argument `whose` besides; None of any other part.
        figure: str, which of the figures of `runs.products` shows it, or None.
        code_spec: of a bottleneck whose code can be served and decoded, the `tf.TensorSpec` of that code, its
            name and its shape with the batch, known when the part is built; None of any other part. A part
            that has one has `to_code` and `from_code`: a call is, drawing apart, the one behind the other.
    """

    term_names = ()
    units: ClassVar[dict[str, tuple[str, str]]] = {}
    split_matters = False
    recordings = None
    figure = None
    code_spec = None

    def initialize(self, training: TrainingPart) -> None:
        """Start from the images that are trained on: `training.images` (images, H, W, C) as
        recorded, `training.responses` (images, neurons), NaN
        where one is missing, `training.mean_responses` (neurons,).
        """

    def outputs(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """What an exported model gives besides the heads, for the part's input: dict of name ->
        tensor, of names that no head and no other part has.
        """
        return {}

    def to_code(self, inputs: tf.Tensor) -> tf.Tensor:
        """The code of the part's input, as `code_spec` says it."""
        raise NotImplementedError

    def from_code(self, code: tf.Tensor) -> tf.Tensor:
        """What the decoder takes, (batch, *code_shape), of a code as `code_spec` says it."""
        raise NotImplementedError

    def diagnostics(self, batches: Iterable) -> tuple[dict[str, float], list[str]]:
        """Figures that tell how the part works on some images.

        Args:
            batches: iterable of the part's inputs.

        Returns:
            (dict of name -> float, list of sentences that a user must read).
        """
        return {}, []

    def check_weights(self) -> None:
        """Raises `InputError` for weights that the part can't have; of a model that is loaded from
        a file.
        """
