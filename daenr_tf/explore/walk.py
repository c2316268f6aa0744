"""A walk through the latent space of a decoder, along the principal axes of the codes of natural images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from daenr_tf.errors import InputError
from daenr_tf.twin.natural import in_parts

if TYPE_CHECKING:
    from daenr_tf.explore.session import Session

AXES, REACH = 6, 3.0  # axes that are walked along, and how far: standard deviations either way
NO_CODE = "This model has no latent vector to walk through: {why}. A CAE or a VAE has one (daenr fit cae_fr)."


@dataclass(frozen=True)
class Axes:
    """The principal axes of codes.

    Attributes:
        mean: (latent,) float32, of the codes.
        steps: (axes, latent) float32, one standard deviation along each axis, the widest first.
        shares: (axes,), of the codes' variance.
    """

    mean: np.ndarray
    steps: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, count: int = AXES) -> Axes:
        """Those of codes (images, latent); a sign is chosen so that an axis' largest number is positive."""
        codes = np.asarray(codes, np.float64)
        mean = codes.mean(axis=0)
        _, singular, axes = np.linalg.svd(codes - mean, full_matrices=False)
        variances = singular**2
        count = min(count, int(np.sum(variances > 1e-12 * max(variances.sum(), 1e-300))))
        largest = np.abs(axes).argmax(axis=1)
        axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
        deviations = singular[:count] / np.sqrt(len(codes))
        return cls(
            mean.astype(np.float32),
            (deviations[:, None] * axes[:count]).astype(np.float32),
            variances[:count] / variances.sum() if count else np.zeros(0),
        )

    def code(self, position: Sequence[float], start: np.ndarray | None = None) -> np.ndarray:
        """(latent,), the code so many standard deviations along each axis from a start, the mean by default."""
        origin = self.mean if start is None else start
        return origin + np.asarray(position, np.float32) @ self.steps


class Walk:
    """Where one walks.

    Args:
        session: `Session`.

    Attributes:
        axes: `Axes`.
        codes: (images, latent) of the session's natural images, to start from.

    Raises:
        InputError: the model has no decoder with a latent vector.
    """

    def __init__(self, session: Session) -> None:
        why = why_not(session)
        if why:
            raise InputError(why)
        twin = session.twin
        self.codes = in_parts(tf.function(twin.encode), session.natural())
        self.axes = Axes.of(self.codes)
        self._decode = tf.function(
            twin.decode, input_signature=[tf.TensorSpec((None, twin.latent_size), tf.float32)]
        )

    def image(self, position: Sequence[float], start: int | None = None) -> np.ndarray:
        """The decoded image (height, width, channels), clipped to [-1, 1].

        Args:
            position: of each axis, in standard deviations.
            start: the number of the natural image that is walked from; None is the mean of all codes.
        """
        code = self.axes.code(position, None if start is None else self.codes[start])
        return np.clip(self._decode(tf.constant(code[None]))[0].numpy(), -1, 1)


def why_not(session: Session) -> str:
    """A sentence on why one can't walk; "" where one can."""
    twin = session.twin
    if twin.latent_size is not None:
        return ""
    decoders = any("reconstruct" in one.heads for one in twin.members)
    why = (
        "its code is a map of code indices, or its export does not tell it"
        if decoders
        else "it has no decoder"
    )
    return NO_CODE.format(why=why)
