"""What a setting may be, and the one-line error that names the one that is not, for configurations and for models alike."""

from daenr_tf.errors import SettingError
from daenr_tf.paper import AUTOENCODERS, LAYERS, READOUTS

LARGEST = 2**31 - 1
LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127  # what layers and losses compute with


def one_of(name, value, allowed):
    """Raises `SettingError` unless `value` is one of `allowed`, of the same type."""
    if not any(type(value) is type(one) and value == one for one in allowed):
        raise SettingError(name, "one of " + ", ".join(map(str, allowed)), value)


def whole(name, value, least, most=LARGEST):
    """Raises `SettingError` unless `value` is an int from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SettingError(name, f"a whole number from {least} to {most}", value)


def number(name, value, positive=False):
    """Raises `SettingError` unless `value` is a number of at least (or above) 0 that float32 can hold."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST_FLOAT32
    if not good or value < 0 or (positive and value == 0):
        raise SettingError(name, f"a number {'above' if positive else 'of at least'} 0, finite in float32", value)


def is_image_size(value):
    """Whether it is (height, width), multiples of 4, in a list or a tuple."""
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(type(n) is int and n >= 4 and n % 4 == 0 for n in value)


def model_settings(settings):
    """Raises `SettingError` for the first of a `DAENR`'s settings, a dict, that can't be used."""
    shape = settings["image_shape"]
    if not isinstance(shape, (list, tuple)) or len(shape) != 3:
        raise SettingError("image_shape", "height, width and channels", shape)
    if not is_image_size(shape[:2]) or type(shape[2]) is not int or shape[2] not in (1, 3):
        raise SettingError("image_shape", "height and width in pixels, multiples of 4, and 1 or 3 channels", shape)
    one_of("autoencoder", settings["autoencoder"], (*AUTOENCODERS, None))
    one_of("readout", settings["readout"], READOUTS if settings["autoencoder"] is None else (*READOUTS, None))
    whole("neurons", settings["neurons"], 0 if settings["readout"] is None else 1)
    shared_settings(settings)


def shared_settings(settings):
    """Raises `SettingError` for the first of the settings, a dict, that can't be used, of those that `ModelConfig` and `DAENR` share."""
    one_of("layer", settings["layer"], LAYERS)
    for name in ("latent_size", "codebook_size", "code_dim"):
        whole(name, settings[name], 1)
    one_of("codebook_update", settings["codebook_update"], ("ema", "loss"))
    for name in ("readout_l1", "activity_l1"):
        number(name, settings[name])
    whole("seed", settings["seed"], 0)
