"""One fitted model of a twin, from a run's directory or an export: its heads as differentiable functions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daenr_tf.errors import InputError, one_line, refusal
from daenr_tf.machine.files import read_text
from daenr_tf.models import served
from daenr_tf.models.model_card import read_card

if TYPE_CHECKING:
    import tensorflow as tf

RESULTS = "results.json"
LARGEST_TEXT = 1_000_000  # bytes that are read


@dataclass(frozen=True)
class Member:
    """A fitted model; its functions take and give tensors, and gradients go through them.

    Attributes:
        path: str, what it was asked for by.
        digest: str, SHA-256 (hex) of what it is and of its weights; None of an export that does not tell.
        image_shape: (height, width, channels) of the images that it sees, in [-1, 1].
        pixel_range: (low, high), the grey levels of the recording that became -1 and 1; None where they are not told.
        resize: str, how the recording's images came to that size; None where it is not told.
        dataset: dict, that of `results.json`, as far as it is known: `name`, `simulated`, …
        neurons: int, 0 without a readout.
        latent_size: int, of its continuous code; None where it has none, or an export that offers no way to it.
        heads: dict of "respond", "reconstruct", "encode", "decode" -> function of a tensor, those that it has.
            `encode` gives the continuous code of images, `decode` the images of codes.
    """

    path: str
    digest: str | None
    image_shape: tuple[int, int, int]
    pixel_range: tuple[float, float] | None
    resize: str | None
    dataset: dict[str, Any]
    neurons: int
    latent_size: int | None
    heads: dict[str, Callable[[tf.Tensor], tf.Tensor]]


def load(path: str) -> Member:
    """The model that a path means, as of `served.locate`.

    Raises:
        InputError: there is none, or it can't be used.
    """
    place = served.locate(path)
    return _of_keras_file(path, place) if os.path.isfile(place) else _of_graph(path, place)


def _of_keras_file(path, place):
    from daenr_tf.models import codes
    from daenr_tf.models.keras_file import load_model
    from daenr_tf.models.saved_model import model_digest

    model = load_model(place)
    spec, heads = codes.code_spec(model), {}
    latent_size = codes.vector_size(spec)
    if model.readout:
        heads["respond"] = lambda images: model.respond(images)
    if model.decoder:
        heads["reconstruct"] = lambda images: model.forward(images)[0]["reconstruction"]
    if latent_size is not None:
        heads["encode"] = lambda images: codes.encode(model, images)[spec.name]
        heads["decode"] = lambda code: codes.decode(model, code)
    return Member(
        path,
        model_digest(model),
        tuple(model.image_shape),
        tuple(model.pixel_range),
        model.resize,
        _dataset(os.path.join(os.path.dirname(place), RESULTS)),
        model.neurons,
        latent_size,
        heads,
    )


def _of_graph(path, place):
    import tensorflow as tf

    from daenr_tf.models import codes

    known = served.load(place)  # refuses what is no export of ours
    loaded = tf.saved_model.load(place)
    heads, latent_size = {}, None
    for name, output in (("respond", "response"), ("reconstruct", "reconstruction")):
        if name in loaded.signatures:
            heads[name] = _signature(loaded, name, output)
    if {"encode", "decode"} <= set(loaded.signatures):
        name, spec = _input(loaded.signatures["decode"])
        latent_size = codes.vector_size(spec)
        if latent_size is not None:
            heads["encode"] = _signature(loaded, "encode", name)
            heads["decode"] = _signature(loaded, "decode", "reconstruction")
    shape = _input(loaded.signatures["serving_default"])[1].shape
    answers = loaded.signatures["serving_default"].structured_outputs
    return Member(
        path,
        served.digest_in(place),
        tuple(shape[1:]),
        known.pixel_range,
        None,
        (read_card(place) or {}).get("dataset") or _dataset(os.path.join(path, RESULTS)),
        answers["response"].shape[-1] if "response" in answers else 0,
        latent_size,
        heads,
    )


def _input(signature):
    """The name and the `TensorSpec` of a signature's one input."""
    (only,) = signature.structured_input_signature[1].items()
    return only


def _signature(loaded, name, output):
    """A signature of one input as a function of a tensor; its variables live as long as `loaded` does."""
    signature = loaded.signatures[name]
    argument, _ = _input(signature)

    def answer(values, loaded=loaded):
        return signature(**{argument: values})[output]

    return answer


def _dataset(path):
    """What a file of results or a model's card says of the recording; nothing where there is no such file."""
    if not os.path.isfile(path):
        return {}
    try:
        found = json.loads(read_text(path, LARGEST_TEXT))["dataset"]
        if not isinstance(found, dict):
            raise TypeError("dataset is no object")
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as reason:
        problem = f"something else ({one_line(reason)[:100]})"
        raise refusal(path, "what a fit or an export leaves, with its dataset", problem) from None
    return found
