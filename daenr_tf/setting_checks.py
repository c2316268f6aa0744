"""What a setting may be, and the one-line error that names the one that is not, for configurations and for models alike."""

import re
from collections.abc import Iterable

from daenr_tf.errors import SettingError

LARGEST = 2**31 - 1
SMALLEST_FLOAT32 = 2.0**-126  # above 0, of full precision
LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127  # what layers and losses compute with


def one_of(name: str, value: object, allowed: Iterable) -> None:
    """Raises `SettingError` unless `value` is one of `allowed`, of the same type."""
    if not any(type(value) is type(one) and value == one for one in allowed):
        raise SettingError(name, "one of " + ", ".join(map(str, allowed)), value)


def whole(name: str, value: object, least: int, most: int = LARGEST) -> None:
    """Raises `SettingError` unless `value` is an int from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SettingError(name, f"a whole number from {least} to {most}", value)


def number(name: str, value: object, positive: bool = False) -> None:
    """Raises `SettingError` unless `value` is a number of at least (or above) 0 that float32 can hold."""
    good = (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) <= LARGEST_FLOAT32
    )
    if not good or value < 0 or (positive and value == 0):
        raise SettingError(
            name, f"a number {'above' if positive else 'of at least'} 0, finite in float32", value
        )


def share(name: str, value: object) -> None:
    """Raises `SettingError` unless `value` is a number above 0 and below 1 in float32 too."""
    good = isinstance(value, float) and SMALLEST_FLOAT32 <= value <= 1 - 2**-24
    if not good:
        raise SettingError(name, "a number above 0 and below 1, in float32 too", value)


def fold(field: str, value: object) -> tuple[int, int]:
    """(number, count) of a fold that is written "2/5". Raises `SettingError` unless it is one of 1/K to K/K, K at least 2."""
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", value) if isinstance(value, str) else None
    number, count = map(int, match.groups()) if match else (0, 0)
    if count < 2 or not 1 <= number <= count:
        raise SettingError(field, "k/K, one of 1/K to K/K with K at least 2", value)
    return number, count
