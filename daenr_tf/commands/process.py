"""A command's process: exit statuses, signals, and what went wrong in one line."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daenr_tf.commands import completion
from daenr_tf.errors import INTERRUPTED, DivergedError, InputError, MachineError
from daenr_tf.machine import messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

# As argparse says them.
LACKING = "the following arguments are required: "
NO_VALUE = "expected one argument"


@dataclass(frozen=True)
class Call:
    """How a command was called.

    Attributes:
        name: the command's, as in the catalogue.
        typed: what one types to call it, such as "daenr predict" or "python -m recipes.predict".
        arguments: list of str, what stands behind it.
    """

    name: str
    typed: str
    arguments: list[str]

    @property
    def label(self) -> str:
        """What leads its messages, such as "recipes.predict"."""
        return self.typed.removeprefix("python -m ")


class _Quiet(argparse.Action):
    """`--quiet`, which is obeyed as soon as it is read."""

    def __init__(self, option_strings, dest, help):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser, namespace, values, option_string=None):
        messages.be_quiet()


class Parser(argparse.ArgumentParser):
    """Bad arguments are an `InputError` instead of a usage text and an exit; `--quiet` is every
    command's."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, allow_abbrev=False, **options)
        self.add_argument(
            "--quiet", action=_Quiet, help="say only errors, and the result on standard output"
        )

    def error(self, message: str) -> NoReturn:
        if message.startswith(LACKING):
            lacking = message.removeprefix(LACKING).split(", ")
            known = {_name(action): _expected(action) for action in self._actions}
            raise InputError(
                "; ".join(
                    f"{name}: expected {known.get(name, 'a value')}, found none" for name in lacking
                )
            )
        message = message.removeprefix("argument ")
        raise InputError(message.replace(NO_VALUE, "expected a value, found none"))

    def read(self, arguments: list[str]) -> argparse.Namespace:
        """The options that arguments set, as a namespace; a shell that asks for completions is
        answered instead.

        Raises:
            InputError: an argument can't be used.
        """
        options, unknown = self.read_known(arguments)
        if unknown:
            raise InputError(
                f"{unknown[0].split('=')[0]}: expected an option (see --help), found an unknown"
                f" argument"
            )
        return options

    def read_known(self, arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
        """As `read`, with the list of arguments that are none of ours in place of their
        refusal."""
        completion.offer(self, arguments)
        return self.parse_known_args(arguments)


def _name(action):
    """What argparse calls an argument in its messages."""
    return "/".join(action.option_strings) or action.metavar or action.dest


def _expected(action):
    """What stands behind an argument, in the words of the help."""
    if action.choices:
        return f"one of {', '.join(map(str, action.choices))}"
    kind = action.metavar if action.option_strings else None
    return ", ".join(filter(None, (kind, action.help))) or "a value"


def check_path(option: str, value: object) -> None:
    """Raises `InputError` where an option's value is a text that can't be a path."""
    if value == "" or (isinstance(value, str) and "\0" in value):
        raise InputError(f"{option}: expected a path, found {value!r}")


def leave(name: str, work: Callable[[], object]) -> None:
    """Do a command's work and leave the process with the exit status of the contract; what went
    wrong is said in one line under `name`."""
    try:
        status = status_of(name, work)
    except KeyboardInterrupt:  # once more, while the first was being told
        status = INTERRUPTED
    if status == INTERRUPTED:
        # who has stopped it may do so again while TensorFlow is taken down
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


def status_of(name: str, work: Callable[[], object]) -> int:
    """Do a command's work; its exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _stop)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a path may have bytes that are no UTF-8
    with messages.on_standard_error():
        return _status_of(name, work)


def _status_of(name, work):
    try:
        work()
        return 0
    except InputError as error:
        return _say(name, error, 2)
    except DivergedError as error:
        return _say(name, error, 3)
    except KeyboardInterrupt as error:
        return _say(name, error if str(error) else "interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MachineError, OSError, MemoryError) as error:
        return _say(name, str(error) or type(error).__name__, 1)


def _stop(number, frame):
    raise KeyboardInterrupt(f"stopped by {signal.Signals(number).name}")


def _say(name, message, status):
    with contextlib.suppress(OSError):
        messages.LOGGER.error("%s: %s", name, " ".join(str(message).split()))
    return status
