"""Completion in the shell, where argcomplete is installed: `eval "$(register-python-argcomplete
daenr)"`."""

import argparse
import os

_ASKED = "_ARGCOMPLETE"  # set by the shell's hook: the number of the word that is the command


def words() -> list[str] | None:
    """The words after the command and before the cursor where a shell asks what may follow; None
    otherwise."""
    if _ASKED not in os.environ:
        return None
    try:
        import argcomplete
    except ImportError:
        return None
    line, point = os.environ.get("COMP_LINE", ""), os.environ.get("COMP_POINT", "0")
    before = argcomplete.split_line(line, int(point))[3]
    return before[1:]


def offer(parser: argparse.ArgumentParser, given: list[str]) -> None:
    """Answer the shell and end the process, where it asks.

    Args:
        parser: `argparse.ArgumentParser` of the innermost command.
        given: list of the words after that command's name.
    """
    asked = words()
    if asked is not None:
        import argcomplete

        os.environ[_ASKED] = str(
            1 + len(asked) - len(given)
        )  # the words of the commands around it are passed over
        argcomplete.autocomplete(parser)
