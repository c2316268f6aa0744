"""A fitted model as a SavedModel that needs nothing of ours."""

import os
import shutil

import keras
import tensorflow as tf

from daenr_tf import pipeline
from daenr_tf.errors import MachineError
from daenr_tf.model_file import without_replicas


def export(model, directory, version=None):
    """Export a model as the next version under `directory`, in the layout that TensorFlow Serving scans.

    Endpoints, both with the input `images` and the outputs `reconstruction` and `response` (those the model has;
    a VQ-VAE also `indices`, the codes of its grid):
    `serving_default` takes what the model takes, (N, height, width, channels) float32 in [-1, 1];
    `serve_raw` takes images as the recording has them, (N, H, W, 1 or 3) float32 of any size in the recording's
    own pixel range, and does the preprocessing inside the graph.

    Args:
        model: `DAENR`.
        directory: str; its integer versions are made inside.
        version: int, to be made or replaced; by default the one after the newest.

    Returns:
        The path of the version.

    Raises:
        MachineError: it could not be written; nothing is left under a version's name.
    """
    model = without_replicas(model)
    height, width, channels = model.image_shape

    def serve(images):
        # A signature's shape is not checked when it is called, and a grey model would take colour for grouped channels.
        return model.serve(tf.ensure_shape(images, (None, height, width, channels)))

    def serve_raw(images):
        found = tf.shape(images)[-1]
        tf.debugging.Assert((found == 1) | (found == 3), ["images: expected 1 or 3 channels, found", found])
        return model.serve(pipeline.preprocess(images, model.settings["pixel_range"], (height, width), channels))

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", serve, [
        tf.TensorSpec((None, height, width, channels), tf.float32, name="images")])
    archive.add_endpoint("serve_raw", serve_raw, [tf.TensorSpec((None, None, None, None), tf.float32, name="images")])
    aside = os.path.join(directory, f".{os.getpid()}.part")
    try:
        os.makedirs(directory, exist_ok=True)
        archive.write_out(aside, verbose=False)
        path = os.path.join(directory, str(version or next_version(directory)))
        shutil.rmtree(path, ignore_errors=True)
        os.replace(aside, path)
    except OSError as error:
        raise MachineError(f"{directory}: the export could not be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return path


def next_version(directory):
    """The number after the newest version under an export directory; 1 where there is none."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return max((int(name) for name in names if name.isdigit()), default=0) + 1
