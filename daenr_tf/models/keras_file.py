"""A fitted model as a `model.keras` file, and back."""

from __future__ import annotations

import contextlib
import json
import os
import warnings
import zipfile
from typing import TYPE_CHECKING

import keras
import numpy as np

from daenr_tf import systems
from daenr_tf.errors import InputError, one_line, refusal
from daenr_tf.machine.files import replaced
from daenr_tf.models.weights_proof import refuse_other_weights

if TYPE_CHECKING:
    from daenr_tf.models.daenr import DAENR

MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
OURS = "daenr_tf>"
LARGEST = 64 << 30  # bytes unpacked


def without_replicas(model: DAENR) -> DAENR:
    """The model itself, or, where it lives on several replicas, a copy on one device."""
    if model.distribute_strategy.num_replicas_in_sync == 1:
        return model
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    copy.compile_from_config(model.get_compile_config())
    for variable, value in zip(copy.optimizer.variables, model.optimizer.variables, strict=True):
        variable.assign(np.asarray(value))
    return copy


def save_model(model: DAENR, path: str) -> None:
    """Save a model as a `.keras` file, whole or not at all."""
    aside = os.path.join(os.path.dirname(path), f".{os.getpid()}.{os.path.basename(path)}")
    with model.distribute_strategy.scope():
        model.optimizer.build(
            model.trainable_variables
        )  # of a model that was never trained: Keras misses its variables when it is loaded
    with replaced(path, aside):  # a name that Keras takes
        without_replicas(model).save(aside)


def load_model(path: str | os.PathLike) -> DAENR:
    """The model in a `model.keras`, our classes registered, Keras' safe mode on.

    The file is checked before Keras sees it: its members and their checksums (Keras would go on with weights whose
    checksum is wrong), and that its configuration names no classes but ours and Keras' own. Afterwards every weight of the
    model and of its optimizer is one of the file's, to the bit, and none of the file's is left over.

    Raises:
        InputError: the file is missing, damaged, or holds no model of ours, settings that can't be used or other weights.
    """
    path = os.fspath(path)
    if not path.endswith(".keras") or not os.path.isfile(path):
        raise refusal(
            path,
            "a .keras file",
            "another kind of file" if os.path.exists(path) else "no such file",
        )
    try:
        return _read(path, _verify(path))
    except InputError:
        raise
    except (
        Exception
    ) as reason:  # zipfile, JSON, HDF5 and Keras raise a dozen kinds for a damaged file
        raise refusal(
            path,
            "a model saved by daenr_tf",
            f"a file that can't be read ({one_line(reason)[:200]})",
        ) from None


def _read(path, config):
    """The model of a verified file, loaded by Keras; a file whose weights or settings it can't have is refused by their name."""
    from daenr_tf.models import optimizer  # noqa: F401, Keras finds a class once its module was imported
    from daenr_tf.models.daenr import DAENR

    for part in systems.PARTS:
        part.load()
    try:
        with warnings.catch_warnings(), _naming(path):
            warnings.filterwarnings(
                "ignore", "Skipping variable loading"
            )  # of an optimizer that is refused below
            model = keras.saving.load_model(path, safe_mode=True)
    except InputError:
        raise
    except TypeError as wrapped:  # Keras' own, around what a part's settings were refused for
        reason = wrapped
        while reason and not isinstance(reason, InputError):
            reason = reason.__context__
        raise (InputError(f"{path}: {reason}") if reason else wrapped) from None
    except ValueError:
        refuse_other_weights(path, keras.saving.deserialize_keras_object(config, safe_mode=True))
        raise
    if not isinstance(model, DAENR):
        raise refusal(path, "a model saved by daenr_tf", type(model).__name__)
    refuse_other_weights(path, model, values=True)
    with _naming(path):
        for part in model.parts():
            part.check_weights()
    return model


@contextlib.contextmanager
def _naming(path):
    """What is refused inside is refused as a part of a file."""
    try:
        yield
    except InputError as reason:
        raise InputError(f"{path}: {reason}") from None


def _verify(path):
    """The configuration in a file whose members are whole and name no classes but ours and Keras' own."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sorted(member.filename for member in members) != sorted(MEMBERS):
            raise refusal(
                path,
                f"the members {', '.join(sorted(MEMBERS))}",
                ", ".join(member.filename for member in members),
            )
        if sum(member.file_size for member in members) > LARGEST:
            raise refusal(path, f"at most {LARGEST} bytes unpacked", "more")
        damaged = archive.testzip()
        if damaged:
            raise refusal(path, "members that agree with their checksums", f"a damaged {damaged}")
        config = json.loads(archive.read("config.json"))
    if config.get("registered_name") != f"{OURS}DAENR":
        raise refusal(
            path,
            "a model saved by daenr_tf",
            str(config.get("registered_name") or config.get("class_name")),
        )
    foreign = _foreign(config)
    if foreign:
        raise refusal(path, "only classes of daenr_tf and Keras", foreign)
    return config


def _foreign(config):
    """The name of a class in a serialised configuration that is neither ours nor Keras' own, or None."""
    if isinstance(config, dict):
        if "class_name" in config and "module" in config:
            registered = str(config.get("registered_name") or "")
            module = str(config["module"])
            if (
                not registered.startswith(OURS)
                and module != "keras"
                and not module.startswith("keras.")
            ):
                return f"{module}.{config['class_name']}"
        config = list(config.values())
    if isinstance(config, list):
        return next(filter(None, map(_foreign, config)), None)
    return None
