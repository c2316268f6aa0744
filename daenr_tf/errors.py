"""The ways a run can end badly, each with the exit status that a script can test for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

INTERRUPTED = 130  # the exit status of a process that was asked to stop


def one_line(text: object) -> str:
    """`text` with every control character, line break and lone surrogate shown as its escape."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in str(text)
    )


def first_line(error: BaseException) -> str:
    """The first line that an error says anything in; the name of its kind where there is none."""
    said = getattr(error, "message", None) or str(error)
    return next(filter(None, map(str.strip, said.splitlines())), type(error).__name__)


class InputError(ValueError):
    """An argument, a file or a recording that can't be used: exit status 2.

    The message is one line: what it is about, what was expected and what was found.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def refusal(what: object, expected: object, found: object) -> InputError:
    """The `InputError`, to be raised: "`what`: expected `expected`, found `found`"."""
    return InputError(f"{what}: expected {expected}, found {found}")


class SettingError(InputError):
    """A setting that can't be used, by the name of its field, so that the command line can name its option."""

    def __init__(self, field: str, expected: str, found: object) -> None:
        self.field = field
        self.problem = f"expected {expected}, found {one_line(repr(found))[:100]}"
        super().__init__(f"{field}: {self.problem}")


class MachineError(RuntimeError):
    """The machine failed (a full disk, a run directory that another run holds): exit status 1."""


class HeldError(MachineError):
    """Another process is at work in a directory; it may be waited for."""


class DivergedError(RuntimeError):
    """Training diverged; the best weights were restored and saved: exit status 3.

    Attributes:
        history: `pandas.DataFrame`, the validations up to there.
    """

    def __init__(self, message: str, history: pandas.DataFrame) -> None:
        self.history = history
        super().__init__(message)
