"""The parts of a model: made of the rows that name them, to a configuration and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras

from daenr_tf import systems
from daenr_tf.errors import InputError
from daenr_tf.layers.readouts_of_several import ReadoutsOfSeveral
from daenr_tf.layers.seeds import derive_seed
from daenr_tf.setting_checks import whole

if TYPE_CHECKING:
    from daenr_tf.layers.part import Part

# What a model that version 0.1 saved has in its configuration in place of parts.
OF_VERSION_0_1 = (
    "autoencoder",
    "readout",
    "neurons",
    "readout_l1",
    "activity_l1",
    "latent_size",
    "codebook_size",
    "code_dim",
    "codebook_update",
)


def make_parts(
    system: systems.System,
    core: systems.Core,
    settings: dict[str, Any],
    layer: int,
    image_shape: Sequence[int],
    neurons: int | dict[str, int],
    seed: int,
    dtype: str | keras.DTypePolicy,
) -> dict[str, Part]:
    """The parts that a system names, as `DAENR` takes them: dict of argument -> `Part`, not built.

    Args:
        system: `systems.System`.
        core: `systems.Core`.
        settings: dict of option name -> value, for the parts that have it.
        layer: int, the hidden layer that is read.
        image_shape: (height, width, channels).
        neurons: int; of several recordings a dict of their names -> int.
        seed: int.
        dtype: Keras dtype policy or its name.

    Raises:
        InputError: for a setting that can't be used.
    """
    height, width, channels = checked_shape(image_shape)
    whole("seed", seed, 0)

    def make(part, place, **given):
        options = {option.name: settings[option.name] for option in part.options}
        return part.load()(
            **given, **options, seed=derive_seed(seed, place), name=place, dtype=dtype
        )

    parts = {"core": make(core, "encoder", depth=core.layers if system.bottleneck else layer)}
    if system.bottleneck:
        parts["bottleneck"] = make(
            system.bottleneck, "bottleneck", pixels=height * width * channels
        )
        parts["decoder"] = make(system.decoder_on(core), "decoder", channels=channels)
    if system.readout and isinstance(neurons, dict):
        members = [
            make(system.readout, f"readout_{name}", neurons=count)
            for name, count in neurons.items()
        ]
        parts["readout"] = ReadoutsOfSeveral(members, list(neurons), name="readout", dtype=dtype)
    elif system.readout:
        parts["readout"] = make(system.readout, "readout", neurons=neurons)
    return parts


def checked_shape(image_shape: object) -> tuple[int, int, int]:
    """(height, width, channels) as a tuple. Raises `InputError` for what is none."""
    shape = tuple(image_shape) if isinstance(image_shape, (list, tuple)) else ()
    if (
        len(shape) != 3
        or any(type(size) is not int or size < 1 for size in shape)
        or shape[2] not in (1, 3)
    ):
        raise InputError(
            f"image_shape: expected (height, width, channels) with 1 or 3 channels, found {image_shape!r}"
        )
    return shape


def serialized(part: Part) -> dict[str, Any]:
    """A part's class and configuration, without how it was built: the model builds its parts."""
    return {
        key: value
        for key, value in keras.saving.serialize_keras_object(part).items()
        if key != "build_config"
    }


def deserialized(config: dict[str, Any], custom_objects: dict[str, type] | None = None) -> Part:
    """The reverse of `serialized`, of files too that say how a part was built."""
    config = {key: value for key, value in config.items() if key != "build_config"}
    return keras.saving.deserialize_keras_object(config, custom_objects=custom_objects)


def modernized(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a model that was saved by version 0.1, which knew its parts by name, as `DAENR` takes it now."""
    old = {name: config[name] for name in OF_VERSION_0_1}
    settings = {name: option.default for name, option in systems.options().items()} | old
    system = systems.system(
        "_".join(filter(None, (old["autoencoder"] or systems.DECODERLESS, old["readout"])))
    )
    parts = make_parts(
        system,
        systems.CORES[systems.DEFAULT_CORE],
        settings,
        config["layer"],
        config["image_shape"],
        old["neurons"],
        config["seed"],
        keras.saving.deserialize_keras_object(config["dtype"]),
    )
    return {
        **{name: value for name, value in config.items() if name not in OF_VERSION_0_1},
        **parts,
    }


def build_part(part: Part, shape: tuple[int | None, ...]) -> None:
    """Build a part for an input shape, unless it comes from another model and is built."""
    if not part.built:
        part.build(shape)


def freeze(layer: keras.layers.Layer) -> None:
    """Freeze a layer with all that is inside it; Keras hands on only what changes, and its parts were made trainable."""
    layer.trainable = True
    layer.trainable = False
