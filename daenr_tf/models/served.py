"""A fitted model to ask for responses and reconstructions, from whatever a fit left: a run's
directory, or an export."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from daenr_tf.errors import InputError, MachineError, first_line, one_line
from daenr_tf.machine.files import read_text
from daenr_tf.systems import HEADS

GRAPH, MODEL, RESULTS = "saved_model.pb", "model.keras", "results.json"
ENDPOINT = "serve_raw"
# In an export: what its graph holds and does not tell.
ABOUT = os.path.join("assets.extra", "daenr_tf.json")
LARGEST_TEXT = 1_000_000  # bytes that are read
EXPECTED = "a run's directory, a SavedModel's version or the directory of its versions"


@dataclass(frozen=True)
class Served:
    """What a model answers to images as they were recorded.

    Attributes:
        path: str, what it was loaded from.
        raw: images (N, height, width, 1 or 3) float32 in the recording's grey levels -> dict of
            head -> tensor.
        heads: list of str, its outputs.
        pixel_range: (low, high), those grey levels; None where an export does not tell.
    """

    path: str
    raw: Callable
    heads: list
    pixel_range: tuple | None

    def answer(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """dict of head -> float32 array, for images (N, height, width, 1 or 3) of any real type.

        Raises:
            MachineError: TensorFlow failed, in memory for example.
        """
        import tensorflow as tf

        try:
            answers = self.raw(tf.constant(np.asarray(images, np.float32)))
        except tf.errors.OpError as error:
            raise MachineError(f"TensorFlow failed: {first_line(error)}") from None
        return {head: np.asarray(answers[head]) for head in self.heads}


def locate(path: str) -> str:
    """The file `model.keras` or the SavedModel's directory that a path means; TensorFlow is not
    imported.

    Args:
        path: a run's directory (its `model.keras` is taken, else its export), a version, or a
            directory of versions (the newest).

    Raises:
        InputError: there is none.
    """
    if os.path.isfile(os.path.join(path, GRAPH)):
        return path
    if os.path.isfile(os.path.join(path, MODEL)):
        return os.path.join(path, MODEL)
    if os.path.basename(path) == MODEL and os.path.isfile(path):
        return path
    if not os.path.isdir(path):
        raise InputError(
            f"{path}: expected {EXPECTED}, found"
            f" {'a file' if os.path.exists(path) else 'no such directory'}"
        )
    if os.path.isfile(os.path.join(path, RESULTS)):
        exported = _exported(os.path.join(path, RESULTS))
        if exported and os.path.isfile(os.path.join(exported, GRAPH)):
            return exported
        raise InputError(f"{path}: expected a run with its {MODEL} or its export, found neither")
    versions = sorted(
        (int(name), name) for name in os.listdir(path) if name.isascii() and name.isdigit()
    )
    for _, name in reversed(versions):
        if os.path.isfile(os.path.join(path, name, GRAPH)):
            return os.path.join(path, name)
    raise InputError(
        f"{path}: expected {EXPECTED}, found none of them (a run that is not finished has no"
        f" {MODEL} yet)"
    )


def locate_export(path: str) -> str:
    """The SavedModel that a path means: as `locate`, but of a run's directory its export.

    Raises:
        InputError: there is none.
    """
    place = locate(path)
    if os.path.isdir(place):
        return place
    results = os.path.join(os.path.dirname(place), RESULTS)
    exported = _exported(results) if os.path.isfile(results) else None
    if exported and os.path.isfile(os.path.join(exported, GRAPH)):
        return exported
    raise InputError(f"{path}: expected a SavedModel or a run with its export, found a run without")


def _exported(results):
    """The export that a run's results name; None where they name none, or it holds another model by now."""
    try:
        found = json.loads(read_text(results, LARGEST_TEXT))
        path, digest = found["saved_model"], found.get("model_digest")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{results}: expected a run's results, found something else") from None
    if not isinstance(path, str) or (digest and digest_in(path) != digest):
        return None
    return path


def digest_in(version: str) -> str | None:
    """The digest of the model that an export, the path of a version, holds; None where it tells none."""
    try:
        found = json.loads(read_text(os.path.join(version, ABOUT), LARGEST_TEXT))["model_digest"]
    except (OSError, InputError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def simulated(path: str) -> bool | None:
    """Whether the recording that a model was fitted to is simulated; None where neither its run nor its export tells.

    Args:
        path: as of `locate`.
    """
    from daenr_tf.models.model_card import read_card

    place = locate(path)
    folders = [os.path.dirname(place)] if os.path.isfile(place) else []
    for folder in (*folders, path):
        try:
            found = json.loads(read_text(os.path.join(folder, RESULTS), LARGEST_TEXT))
            told = found["dataset"]["simulated"]
        except (OSError, InputError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(told, bool):
            return told
    told = (read_card(place) or {}).get("simulated") if os.path.isdir(place) else None
    return told if isinstance(told, bool) else None


def load(place: str) -> Served:
    """The model at a place that `locate` gave.

    Raises:
        InputError: it can't be used.
    """
    return _of_keras_file(place) if os.path.isfile(place) else _of_graph(place)


def _of_keras_file(path):
    import tensorflow as tf

    from daenr_tf import pipeline
    from daenr_tf.models.keras_file import load_model

    model = load_model(path)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, None), tf.float32)])
    def raw(images):
        return model.serve(pipeline.preprocess(images, model.pixel_range, *model.image_settings))

    return Served(path, raw, list(model.heads), model.pixel_range)


def _of_graph(path):
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(path)
    except Exception as reason:  # TensorFlow raises a dozen kinds for a damaged export
        raise InputError(
            f"{path}: expected a SavedModel, found one that can't be loaded"
            f" ({one_line(reason)[:200]})"
        ) from None
    raw = loaded.signatures.get(ENDPOINT)
    heads = [head for head in HEADS.values() if raw is not None and head in raw.structured_outputs]
    if not heads:
        raise InputError(
            f"{path}: expected an export of ours, with the endpoint {ENDPOINT}, found"
            f" {', '.join(loaded.signatures) or 'no endpoint'}"
        )

    def answer(images, loaded=loaded):  # its variables live as long as it does
        return raw(images=images)

    return Served(path, answer, heads, _range_of(path))


def _range_of(path):
    """The pixel range that an export tells; None for one that was made before they told."""
    if not os.path.exists(os.path.join(path, ABOUT)):
        return None
    try:
        low, high = json.loads(read_text(os.path.join(path, ABOUT), LARGEST_TEXT))["pixel_range"]
        return float(low), float(high)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"{os.path.join(path, ABOUT)}: expected the pixel range of an export, found something"
            f" else"
        ) from None
