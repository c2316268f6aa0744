"""Files of JSON and CSV that others may have altered, read in bounded time and memory or refused in one line."""

from __future__ import annotations

import csv
import io
import json
import reprlib
from typing import TYPE_CHECKING

from daenr_tf.errors import InputError, one_line, refusal
from daenr_tf.machine.files import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LARGEST_TEXT = 32 << 20  # bytes
LARGEST_COUNT = 10**9
LONGEST_SHOWN = 200  # characters of a text out of a file


class Entries:
    """Takes the entries of a JSON object, each with what it must be.

    Args:
        what: what the object is, for messages.
        values: what was read.

    Raises:
        InputError: it is no JSON object.
    """

    def __init__(self, what: str, values: Any) -> None:
        if not isinstance(values, dict):
            raise refusal(what, "a JSON object", reprlib.repr(values))
        self.what, self.values = what, values

    def __call__(self, name: str, expected: object, good: Callable[[Any], bool]) -> Any:
        """The entry of a name. Raises `InputError` where it is not `good`: not what is `expected`."""
        value = self.values.get(name)
        if not good(value):
            raise refusal(
                f"{self.what}: {name}",
                expected,
                reprlib.repr(value) if name in self.values else "nothing",
            )
        return value


def _text(path):
    with open_regular(path) as file:
        try:
            content = file.read(LARGEST_TEXT + 1)
            if len(content) > LARGEST_TEXT:
                raise refusal(path, f"at most {LARGEST_TEXT} bytes", "more")
            return content.decode("utf-8")
        except OSError as reason:
            raise refusal(path, "a file that can be read", reason.strerror) from None
        except UnicodeDecodeError:
            raise refusal(path, "text in UTF-8", "other bytes") from None


def read_json(path: str) -> Any:
    """What a file of strict JSON holds. Raises `InputError`."""
    text = _text(path)
    try:
        return json.loads(text, parse_constant=_refuse)
    except InputError:
        raise
    except (ValueError, RecursionError) as reason:
        raise refusal(path, "strict JSON", str(reason)[:LONGEST_SHOWN]) from None


def _refuse(name):
    raise ValueError(name)


def read_csv(path: str) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of a CSV file, all equally long, at least one row. Raises `InputError`."""
    try:
        head, *rows = list(csv.reader(io.StringIO(_text(path), newline=""), strict=True)) or [[]]
    except csv.Error as reason:
        raise refusal(path, "a CSV table", str(reason)) from None
    if not rows or len(set(head)) != len(head) or any(len(row) != len(head) for row in rows):
        raise refusal(
            path,
            "a CSV table with at least one row",
            f"{len(rows)} rows under {len(head)} columns, or rows of another length",
        )
    return head, rows


def named(head: list[str]) -> str:
    """The heads of columns for a message."""
    return one_line(", ".join(head))[:LONGEST_SHOWN]


def shown(text: str) -> str:
    """A text out of a file, printable and not long."""
    return one_line(text[:LONGEST_SHOWN])


def is_text(value: Any) -> bool:
    """Whether it is a text."""
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Whether it is a number, not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_amount(value: Any) -> bool:
    """Whether it is a number of at least 0 that can be meant."""
    return is_number(value) and 0 <= value <= LARGEST_COUNT


def is_count(value: Any) -> bool:
    """Whether it is such a whole number."""
    return isinstance(value, int) and is_amount(value)
