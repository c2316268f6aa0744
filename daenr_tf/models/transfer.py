"""A core that was fitted before, for another recording's neurons."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from daenr_tf.errors import InputError
from daenr_tf.models import served

if TYPE_CHECKING:
    from daenr_tf.layers.part import Part
    from daenr_tf.models.daenr import DAENR


def locate(path: str) -> str:
    """The `model.keras` that a run's directory, or a path of that file, means; TensorFlow is not imported.

    Raises:
        InputError: there is none.
    """
    place = served.locate(path)
    if not os.path.isfile(place):
        raise InputError(
            f"{path}: expected a run's directory with its {served.MODEL}, found a SavedModel"
        )
    return place


def take_core(model: DAENR, path: str) -> None:
    """Give a built model's core the weights of another's, moving statistics included; where that has more layers, those up to the model's.

    Args:
        model: `DAENR`.
        path: as of `locate`.

    Raises:
        InputError: there is no such model, or its core is another.
    """
    from daenr_tf.models.keras_file import load_model

    core = load_model(locate(path)).encoder
    if type(core) is not type(model.encoder):
        raise _refusal(path, f"a core {type(model.encoder).__name__}", type(core).__name__)
    found = _weights(core)
    for name, variable in _weights(model.encoder).items():
        if name not in found:
            raise _refusal(
                path, f"a core of at least {model.encoder.layers} layers", f"one of {core.layers}"
            )
        if found[name].shape != variable.shape:
            raise _refusal(
                path, f"a core with {name} of {variable.shape}", f"one of {found[name].shape}"
            )
        variable.assign(found[name])


def _weights(core: Part):
    """The variables of a core by their names within it."""
    return {variable.path.split(f"/{core.name}/", 1)[-1]: variable for variable in core.weights}


def _refusal(path, expected, found):
    return InputError(f"--encoder-from {path}: expected {expected}, found {found}")
