"""An export as a Python object: its endpoints as methods, and its card."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from daenr_tf.errors import InputError, MachineError, first_line, one_line
from daenr_tf.machine import blocks
from daenr_tf.models import lite, served
from daenr_tf.models.model_card import read_card

IMAGES, RECONSTRUCTION, RESPONSE = "images", "reconstruction", "response"
METHODS = ("serving_default", "serve_raw", "encode", "respond", "reconstruct", "decode")
FEW = 16  # images up to which LiteRT answers sooner than TensorFlow


def load_served(path: str | os.PathLike) -> ServedModel:
    """An exported model, to ask from Python.

    Args:
        path: a SavedModel's version, a directory of versions (the newest is taken), or a run's directory (its export).

    Returns:
        `ServedModel`.

    Raises:
        InputError: there is none, or one that can't be used.
    """
    place = served.locate_export(os.fspath(path))
    try:
        loaded = tf.saved_model.load(place)
    except Exception as reason:  # TensorFlow raises a dozen kinds for a damaged export
        raise InputError(
            f"{place}: expected a SavedModel, found one that can't be loaded"
            f" ({one_line(reason)[:200]})"
        ) from None
    if "serving_default" not in loaded.signatures:
        raise InputError(
            f"{place}: expected an export of ours, with the endpoint serving_default, found"
            f" {', '.join(loaded.signatures) or 'no endpoint'}"
        )
    return ServedModel(place, loaded)


class ServedModel:
    """An exported model.

    Images are (N, height, width, channels) in [-1, 1], of the size that `image_shape` says; `raw` takes them as
    they were recorded. Answers are NumPy arrays. What a model has no endpoint for is an `InputError` that lists those it has.

    Attributes:
        path: str, the version.
        endpoints: tuple of str, what it can be asked.
        image_shape: (height, width, channels).
        neurons: int, how many; 0 without a readout.
        card: dict, as `models.model_card` says it; None of an export that was made before there were cards.
    """

    def __init__(self, path: str, loaded: Any) -> None:
        self.path, self._loaded = path, loaded  # its variables live as long as it does
        signatures = loaded.signatures
        self.endpoints = tuple(name for name in METHODS if name in signatures)
        default = signatures["serving_default"]
        self.image_shape = tuple(default.structured_input_signature[1][IMAGES].shape[1:])
        response = default.structured_outputs.get(RESPONSE)
        self.neurons = 0 if response is None else int(response.shape[-1])
        self.card = read_card(path)
        has_lite = os.path.isfile(os.path.join(path, lite.LITE))
        self._responder = lite.Responder(path) if has_lite else None

    def __repr__(self) -> str:
        return f"ServedModel({self.path!r}, {', '.join(self.endpoints)})"

    @property
    def simulated(self) -> bool | None:
        """Whether it was fitted to a simulated recording; None where that is not known."""
        return None if self.card is None else self.card["simulated"]

    def respond(self, images: ArrayLike) -> np.ndarray:
        """(N, neurons) float32, expected responses per presentation in the recording's unit; of few images by LiteRT where the export
        has it (`models.lite`)."""
        if self._responder and len(np.atleast_1d(images)) <= FEW:
            return self._responder.respond(images)
        return self._ask("respond", self._checked(images))[RESPONSE]

    def reconstruct(self, images: ArrayLike) -> np.ndarray:
        """(N, height, width, channels) float32 in [-1, 1]."""
        return self._ask("reconstruct", self._checked(images))[RECONSTRUCTION]

    def encode(self, images: ArrayLike) -> dict[str, np.ndarray]:
        """`hidden` (N, rows, columns, channels), and the code `latent` (N, latent size) or `indices` (N, rows, columns), as
        `models.codes.encode` says."""
        return self._ask("encode", self._checked(images))

    def decode(self, latent: ArrayLike) -> np.ndarray:
        """Images (N, height, width, channels) in [-1, 1] of codes as `encode` gives them."""
        name, spec = next(iter(self._signature("decode").structured_input_signature[1].items()))
        latent, size = np.asarray(latent), ", ".join(map(str, spec.shape[1:]))
        if (
            latent.shape[1:] != tuple(spec.shape[1:])
            or latent.dtype.kind not in "iuf"
            or (latent.dtype.kind == "f" and not spec.dtype.is_floating)
        ):
            raise InputError(
                f"{name}: expected {spec.dtype.name} of the shape (N, {size}), found"
                f" {latent.dtype} of shape {latent.shape}"
            )
        return self._ask("decode", latent.astype(spec.dtype.as_numpy_dtype), name)[RECONSTRUCTION]

    def raw(self, images: ArrayLike) -> dict[str, np.ndarray]:
        """All outputs for images (N, H, W, 1 or 3) of any size in the recording's own grey levels."""
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.dtype.kind not in "iuf":
            raise InputError(
                "images: expected numbers of the shape (N, H, W, 1 or 3), found"
                f" {images.dtype} of shape {images.shape}"
            )
        return self._ask("serve_raw", images)

    def _checked(self, images):
        images = np.asarray(images)
        wanted = f"(N, {', '.join(map(str, self.image_shape))}) in [-1, 1]"
        if images.shape[1:] != self.image_shape or images.dtype.kind not in "iuf":
            found = f"{images.dtype} of shape {images.shape}"
            raise InputError(f"images: expected {wanted}, found {found}")
        if images.size and not np.abs(images).max() <= 1 + lite.ROUNDING:
            found = f"{np.min(images):g} to {np.max(images):g}"
            raise InputError(
                f"images: expected {wanted}, found {found}; `raw` takes the recording's grey levels"
            )
        return images

    def _signature(self, name) -> Callable:
        if name not in self._loaded.signatures:
            raise InputError(
                f"{self.path}: expected an export with the endpoint {name}, found one with"
                f" {', '.join(self.endpoints)}"
            )
        return self._loaded.signatures[name]

    def _ask(self, name, values, argument=IMAGES):
        """The outputs of an endpoint, in batches of bounded size."""
        signature = self._signature(name)
        dtype = signature.structured_input_signature[1][argument].dtype
        if not len(values):  # TensorFlow's own rewriting of some graphs fails for none
            outputs = signature.structured_outputs.items()
            return {
                output: np.zeros((0, *spec.shape[1:]), spec.dtype.as_numpy_dtype)
                for output, spec in outputs
            }
        found = {}
        some = blocks.batches(
            len(values), blocks.EVALUATION_BATCH, values[:1].nbytes, blocks.EVALUATION_BYTES
        )
        try:
            for part in some:
                given = {argument: tf.constant(values[part], dtype)}
                for output, value in signature(**given).items():
                    found.setdefault(output, []).append(value.numpy())
        except tf.errors.InvalidArgumentError as error:
            said = _assertion(error) or f"{argument}: {first_line(error)}"
            raise InputError(said) from None
        except tf.errors.OpError as error:
            raise MachineError(f"TensorFlow failed: {first_line(error)}") from None
        return {output: np.concatenate(values) for output, values in found.items()}


def _assertion(error):
    """What an assertion in the graph said, of the many lines of an error; None where it was none."""
    said = re.search(r"assertion failed: \[(.*)\]", str(error))
    return said and said[1].replace("] [", " ")
