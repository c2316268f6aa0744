"""The command `daenr`, and the recipes that are one of its commands."""

import argparse
import difflib
import sys

from daenr_tf import systems
from daenr_tf.commands import completion
from daenr_tf.commands.catalogue import COMMANDS
from daenr_tf.commands.process import Parser, leave
from daenr_tf.errors import InputError

DAENR = "daenr"
NEAR = 0.6  # the likeness, of 1, from which on a mistyped name is taken for a command's
EPILOG = """each has options of its own:  daenr COMMAND --help
a model:                      daenr fit cae_fr --region 3 --layer 2"""


def main(argv: list[str] | None = None) -> None:
    """Run the command line of `daenr` and leave the process with the exit status of the
    contract."""
    argv = completion.words() or (sys.argv[1:] if argv is None else list(argv))
    command = COMMANDS.get(argv[0]) if argv else None
    if command:
        command.leave(f"{DAENR} {command.name}", argv[1:])
    leave(DAENR, lambda: _itself(argv))


def recipe(name: str, argv: list[str] | None = None) -> None:
    """Run a command as `python -m recipes.<name>`."""
    COMMANDS[name].leave(f"python -m recipes.{name}", sys.argv[1:] if argv is None else list(argv))


class _Versions(argparse.Action):
    """`--version`: ours and those of what figures depend on, of which nothing is imported."""

    def __init__(self, option_strings, dest, help):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser, namespace, values, option_string=None):
        from daenr_tf.runs.results import versions

        found = versions()
        for name in sorted(found, key=lambda name: name != "daenr_tf"):
            print(f"{name} {found[name] or 'unknown'}")
        parser.exit()


def _itself(argv):
    """What is no command of the catalogue: --help, --version, or a mistake."""
    parser = Parser(
        prog=DAENR,
        description="Joint models of an image and of the brain's response to it.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EPILOG,
    )
    parser.add_argument(
        "--version",
        action=_Versions,
        help="say the versions of daenr_tf and of what it stands on, and exit",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS.values():
        commands.add_parser(command.name, help=command.help)
    name = next((word for word in argv if not word.startswith("-")), None)
    if name in COMMANDS:
        raise InputError(
            f"{argv[0]}: expected the command first, as in {DAENR} {name} {argv[0]}, found it"
            f" behind"
        )
    if name is not None:
        raise InputError(f"expected a command (see {DAENR} --help), found {name!r}{_nearest(name)}")
    parser.read(argv)
    raise InputError(f"expected a command ({', '.join(COMMANDS)}), found none")


def _nearest(name):
    """What a mistyped name may have meant, in words; empty where no command is near."""
    known = {
        **{command: f"{DAENR} {command}" for command in COMMANDS},
        **{model: f"{DAENR} fit {model}" for model in systems.SYSTEMS},
    }
    near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR)
    return f"; the nearest is {known[near[0]]}" if near else ""
