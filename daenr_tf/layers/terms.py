"""What a layer adds to the loss of the head that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import tensorflow as tf


class Term(NamedTuple):
    """One term of a loss.

    Attributes:
        value: (batch,) float32, one figure per example, or a scalar where the term depends on
            weights alone. It is logged as it is.
        weight: float, its factor in the loss of the head; 0 for what is only logged.
    """

    value: tf.Tensor
    weight: float = 1.0


Terms = dict[str, Term]  # what a part returns beside its output: name -> term
