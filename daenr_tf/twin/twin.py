"""A fitted model, or several as an ensemble, that stands in for the neurons it was fitted to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from daenr_tf.errors import InputError, refusal
from daenr_tf.twin import member
from daenr_tf.twin.origin import models_of

if TYPE_CHECKING:
    import tensorflow as tf

    from daenr_tf.twin.member import Member


class Twin:
    """One fitted model, or several of the same neurons as an ensemble. `Twin.open(paths)` opens it.

    Images are (batch, height, width, channels) float32 in [-1, 1], of `image_shape`. What is answered can be
    differentiated with respect to what was asked. Responses of an ensemble are the mean over its members;
    image and code are the first member's that has them, as latent spaces of different fits have nothing in common.

    Attributes:
        members: list of `Member`.
        image_shape: (height, width, channels).
        neurons: int, 0 where there is no readout.
        pixel_range: (low, high), the grey levels of the recording that are -1 and 1; None where an export does not tell.
        latent_size: int, of the continuous code; None where there is none.
        dataset: dict, that of a fit's `results.json`, {} where an export does not tell.
        simulated: whether the data are simulated; None where an export does not tell.
        name: str, of the recording; "unknown data" where an export does not tell.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        first, *others = self.members
        for other in others:
            _check_alike(first, other)
        self.image_shape, self.neurons = first.image_shape, first.neurons
        self.pixel_range = _known(one.pixel_range for one in self.members)
        self.resize = _known(one.resize for one in self.members)
        self.dataset = _known(one.dataset for one in self.members) or {}
        self.simulated = self.dataset.get("simulated")
        self.name = str(self.dataset.get("name", "unknown data"))
        with_code = [one for one in self.members if one.latent_size is not None]
        self._coder = with_code[0] if with_code else None
        self.latent_size = self._coder.latent_size if with_code else None

    @classmethod
    def open(cls, paths: str | os.PathLike | Sequence[str | os.PathLike]) -> Twin:
        """The twin that one path or several mean.

        Args:
            paths: of a run's directory, that of an ensemble (its runs are the members; its export where they are gone), a SavedModel's
                version or the directory of its versions; or several of them.

        Raises:
            InputError: there is none, it can't be used, or they aren't of the same neurons.
        """
        if isinstance(paths, (str, os.PathLike)):
            paths = [paths]
        paths = [os.fspath(path) for path in paths]
        if not paths:
            raise InputError("paths: expected at least one fitted model, found none")
        models = [
            model for path in paths for model in models_of(path)
        ]  # TensorFlow is not imported
        return cls([member.load(model) for model in models])

    @property
    def digests(self) -> list[str | None]:
        """The digest of each member's model."""
        return [one.digest for one in self.members]

    def in_words(self, single: str = "a model") -> str:
        """How many models it is, for a figure: "3 models", or what `single` says."""
        return f"{len(self.members)} models" if len(self.members) > 1 else single

    def respond(self, images: tf.Tensor) -> tf.Tensor:
        """Expected responses per presentation, (batch, neurons) float32. Raises `InputError` without a readout."""
        answers = [self._head(one, "respond", "a readout")(images) for one in self.members]
        return answers[0] if len(answers) == 1 else sum(answers) / len(answers)

    def reconstruct(self, images: tf.Tensor) -> tf.Tensor:
        """Reconstructed images. Raises `InputError` without a decoder."""
        having = [one for one in self.members if "reconstruct" in one.heads]
        return self._head(having[0] if having else self.members[0], "reconstruct", "a decoder")(
            images
        )

    def encode(self, images: tf.Tensor) -> tf.Tensor:
        """The continuous code of images, (batch, latent_size) float32. Raises `InputError` where there is none."""
        return self._code("encode")(images)

    def decode(self, latent: tf.Tensor) -> tf.Tensor:
        """The images of codes (batch, latent_size). Raises `InputError` where there are none."""
        return self._code("decode")(latent)

    def _code(self, head):
        return self._head(
            self._coder or self.members[0],
            head,
            "a continuous code with a decoder (a CAE or a VAE; of an export one with the signatures encode and decode)",
        )

    def _head(self, one, name, expected):
        if name not in one.heads:
            raise refusal(one.path, f"a model with {expected}", "one without")
        return one.heads[name]


def _known(values):
    """The first value that is neither None nor empty; None where there is none."""
    return next(filter(None, values), None)


def _check_alike(first, other):
    """Raises `InputError` where two models don't see the same images or aren't of the same neurons."""
    for what, one, two in (
        ("images of the shape", first.image_shape, other.image_shape),
        ("a number of neurons of", first.neurons, other.neurons),
    ):
        if one != two:
            raise refusal(other.path, f"{what} {one}, as of {first.path}", two)
    digests = [one.dataset.get("digest") for one in (first, other)]
    if None not in digests and digests[0] != digests[1]:
        raise refusal(
            other.path,
            f"a model of the recording with digest {digests[0][:12]}…, as of {first.path}",
            f"one with digest {digests[1][:12]}…",
        )
