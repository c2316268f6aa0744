"""A fitted model as a SavedModel that needs nothing of ours."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from daenr_tf import pipeline
from daenr_tf.errors import InputError, MachineError, first_line
from daenr_tf.machine.files import folder_aside, write_json
from daenr_tf.machine.messages import LOGGER
from daenr_tf.models import codes, lite, model_card
from daenr_tf.models.keras_file import without_replicas
from daenr_tf.models.model_card import CARD
from daenr_tf.models.served import ABOUT, digest_in
from daenr_tf.runs.checkpoint import digest_of
from daenr_tf.runs.quiet import quiet

if TYPE_CHECKING:
    from daenr_tf.models.daenr import DAENR

ASIDE = ".export-"
ALONE = {"reconstruction": "reconstruct", "response": "respond"}  # the endpoint of one head
EXTRA, MARK = (
    "assets.extra",
    "daenr_tf_run",
)  # where a SavedModel may hold what TensorFlow does not look at


def export(
    model: DAENR,
    directory: str,
    mark: str | None = None,
    card: dict[str, Any] | None = None,
) -> str:
    """Export a model as the next version under `directory`, in the layout that TensorFlow Serving scans.

    Endpoints, with the input `images` and the outputs `reconstruction` and `response` (those the model has;
    a VQ-VAE also `indices`, the codes of its grid):
    `serving_default` takes what the model takes, (N, height, width, channels) float32 in [-1, 1];
    `serve_raw` takes images as the recording has them, (N, H, W, 1 or 3) float32 of any size in the recording's
    own pixel range, and does the preprocessing inside the graph.
    `reconstruct` and `respond` take what `serving_default` takes and compute that head alone; `encode` gives
    what `models.codes.encode` gives. `decode` takes a code instead, `latent` or `indices`, and gives `reconstruction`.
    Beside the graph lies what `models.lite` answers single images with.

    Args:
        model: `DAENR`.
        directory: str; its integer versions are made inside.
        mark: str that names a run; a version that bears it already is this run's, and is left as it is.
        card: what is known of the model besides itself, as `models.model_card.of_run` gives it; a version's card holds it
            with what the model knows of itself.

    Returns:
        The path of the version.

    Raises:
        MachineError: it could not be written; nothing is left under a version's name.
    """
    exported = mark and _marked(directory, mark)
    if exported:
        return exported
    digest, model = model_digest(model), without_replicas(model)
    prepared = tf.TensorSpec((None, *model.image_shape), tf.float32, name="images")
    heads = tf.function(model.serve, [prepared], autograph=False)  # one graph for all endpoints

    def shaped(images):
        # A signature's shape is not checked when it is called, and a grey model would take colour for grouped channels.
        return tf.ensure_shape(images, prepared.shape)

    def serve(images):
        return heads(shaped(images))

    def serve_raw(images):
        images = tf.ensure_shape(images, (None, None, None, None))
        found = tf.shape(images)[-1]
        tf.debugging.Assert(
            (found == 1) | (found == 3), ["images: expected 1 or 3 channels, found", found]
        )
        return heads(pipeline.preprocess(images, model.pixel_range, *model.image_settings))

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", serve, [prepared])
    for head in model.heads:
        archive.add_endpoint(
            ALONE[head], lambda images, head=head: {head: serve(images)[head]}, [prepared]
        )
    if model.encodes:
        archive.add_endpoint(
            "encode", lambda images: codes.encode(model, shaped(images)), [prepared]
        )
    code = codes.code_spec(model)
    if code is not None:

        def decode(latent):
            return {"reconstruction": codes.decode(model, tf.ensure_shape(latent, code.shape))}

        archive.add_endpoint("decode", decode, [code])
    archive.add_endpoint(
        "serve_raw", serve_raw, [tf.TensorSpec((None, None, None, None), tf.float32, name="images")]
    )
    try:
        os.makedirs(directory, exist_ok=True)
        with folder_aside(directory, ASIDE) as aside:
            path = os.path.join(aside, "model")
            archive.write_out(path, verbose=False)
            os.makedirs(os.path.join(path, EXTRA), exist_ok=True)
            with open(os.path.join(path, ABOUT), "w", encoding="utf-8") as file:
                about = {
                    "pixel_range": [float(bound) for bound in model.pixel_range],
                    "model_digest": digest,
                }
                json.dump(about, file)
            write_json(
                os.path.join(path, CARD),
                {**model_card.of_model(model), "model_digest": digest, **(card or {})},
            )
            if "response" in model.heads and not model.recordings:
                _write_lite(model, path)
            if mark:
                with open(os.path.join(path, EXTRA, MARK), "w", encoding="utf-8") as file:
                    file.write(mark)
            return _move_into_place(path, directory)
    except (OSError, tf.errors.OpError) as error:
        raise MachineError(
            f"{directory}: the export could not be written ({first_line(error)})"
        ) from None


def _write_lite(model, version):
    """Write what answers single images fast beside the graph, and ask it once; without it the export is whole."""
    path = os.path.join(version, lite.LITE)
    try:
        with quiet():
            converted = lite.convert(model)
            with open(path, "wb") as file:
                file.write(converted)
            lite.Responder(version).respond(np.zeros((1, *model.image_shape)))
    except InputError as error:
        LOGGER.warning("the export has no %s: %s", os.path.basename(path), error)
        if os.path.exists(path):
            os.remove(path)


def _versions(directory):
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return sorted(int(name) for name in names if re.fullmatch("[0-9]+", name))


def _paths(directory):
    """The versions' paths, from the oldest on."""
    return [os.path.join(directory, str(version)) for version in _versions(directory)]


def model_digest(model: DAENR) -> str:
    """What tells a model from every other: SHA-256 (hex) of what it is and of its weights."""
    about = json.dumps(model.identity(), sort_keys=True)
    return hashlib.sha256((about + digest_of(model.get_weights())).encode()).hexdigest()


def export_of(digest: str, directory: str) -> str | None:
    """The path of the newest version under a directory that holds the model of a digest, or None."""
    paths = reversed(_paths(directory))
    return next((path for path in paths if digest_in(path) == digest), None)


def mark_of(version: str) -> str | None:
    """The mark that a version, a path, bears; None where it bears none."""
    try:
        with open(os.path.join(version, EXTRA, MARK), encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None


def _marked(directory, mark):
    """The path of the version under `directory` that bears a mark, or None."""
    return next((path for path in _paths(directory) if mark_of(path) == mark), None)


def _move_into_place(aside, directory):
    """Give an export the next version's name, whoever else takes one at the same time."""
    version = max(_versions(directory), default=0) + 1
    while True:
        path = os.path.join(directory, str(version))
        try:
            os.rename(aside, path)
            return path
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            version += 1
