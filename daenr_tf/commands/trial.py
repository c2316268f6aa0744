"""One trial of `daenr tune` in a process of its own: `python -m daenr_tf.commands.trial` reads what to do from its standard input."""

from daenr_tf.commands.ordered import obey
from daenr_tf.tuning.trial import run_trial


def main() -> None:
    """Run the trial that standard input names, in one line of JSON, and leave with a status as a recipe's."""
    obey(lambda order: order["name"], run_trial)


if __name__ == "__main__":
    main()
