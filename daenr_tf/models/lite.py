"""Responses to a few images in a tenth of a millisecond: an export's readout as a LiteRT model, for closed loops."""

from __future__ import annotations

import os
import threading
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from daenr_tf.errors import InputError, one_line
from daenr_tf.models import served

if TYPE_CHECKING:
    from daenr_tf.models.daenr import DAENR

LITE = os.path.join("assets.extra", "respond.tflite")  # where an export has it
ROUNDING = 1e-3  # by which a pixel may leave [-1, 1]


def convert(model: DAENR) -> bytes:
    """A model's responses as a LiteRT file: images (N, height, width, channels) float32 in [-1, 1] -> (N, neurons) float32.

    Its weights are constants of the file, in float32.

    Raises:
        InputError: it has an operation that LiteRT lacks, as a part of one's own may.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    images = tf.TensorSpec((None, *model.image_shape), tf.float32, name="images")
    respond = tf.function(lambda images: model.serve(images)["response"], autograph=False)
    try:
        frozen = convert_variables_to_constants_v2(respond.get_concrete_function(images))
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        return bytes(converter.convert())
    except Exception as error:  # the converter has kinds of its own
        raise InputError(
            f"{model.name}: expected operations that LiteRT has, found others ({one_line(error)[:200]})"
        ) from None


def load_responder(path: str | os.PathLike, threads: int | None = None) -> Responder:
    """An export's responses for a closed loop; TensorFlow is not imported where `ai-edge-litert` is installed.

    Args:
        path: a SavedModel's version, a directory of versions (the newest is taken), or a run's directory (its export).
        threads: how many compute an answer; None takes this process' cores.

    Raises:
        InputError: there is no export, or one without responses for it.
    """
    return Responder(served.locate_export(os.fspath(path)), threads)


class Responder:
    """What `load_responder` gives. It may be shared by threads, which then take turns.

    Attributes:
        path: str, the version.
        image_shape: (height, width, channels).
        neurons: int.
    """

    def __init__(self, path: str, threads: int | None = None) -> None:
        self.path, self._turn = path, threading.Lock()
        file = os.path.join(path, LITE)
        if not os.path.isfile(file):
            raise InputError(f"{path}: expected an export with {LITE}, found one without")
        try:
            self._interpreter = _interpreter(file, threads or len(os.sched_getaffinity(0)))
            (taken,), (given,) = (
                self._interpreter.get_input_details(),
                self._interpreter.get_output_details(),
            )
            shapes = [tuple(map(int, one["shape_signature"])) for one in (taken, given)]
            (_, *self.image_shape), (_, self.neurons) = shapes
        except (ValueError, RuntimeError, TypeError) as error:
            raise InputError(
                f"{file}: expected a LiteRT model of ours, found another ({one_line(error)[:200]})"
            ) from None
        self.image_shape = tuple(self.image_shape)
        self._input, self._output, self._count = taken["index"], given["index"], None

    def __repr__(self) -> str:
        return f"Responder({self.path!r})"

    def respond(self, images: ArrayLike) -> np.ndarray:
        """(N, neurons) float32, expected responses per presentation in the recording's unit.

        Args:
            images: (N, height, width, channels) in [-1, 1], of the size that `image_shape` says.

        Raises:
            InputError: they are not.
        """
        images = np.asarray(images)
        if images.shape[1:] != self.image_shape or images.dtype.kind not in "iuf":
            raise self._refused(f"{images.dtype} of shape {images.shape}")
        if not len(images):
            return np.zeros((0, self.neurons), np.float32)
        images = images.astype(np.float32, copy=False)
        if not max(images.max(), -images.min()) <= 1 + ROUNDING:
            raise self._refused(f"{images.min():g} to {images.max():g}")
        with self._turn:
            if len(images) != self._count:
                self._interpreter.resize_tensor_input(self._input, images.shape)
                self._interpreter.allocate_tensors()
                self._count = len(images)
            self._interpreter.set_tensor(self._input, images)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output)

    def _refused(self, found):
        size = ", ".join(map(str, self.image_shape))
        return InputError(f"images: expected (N, {size}) in [-1, 1], found {found}")


def _interpreter(file, threads):
    """The interpreter of `ai-edge-litert`, else the one within TensorFlow."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's says that it moves to that package
        return Interpreter(model_path=file, num_threads=threads)
