"""The commands of `daenr`, as data. A new one is a function that takes a `Call`, and a row
here."""

import importlib
from dataclasses import dataclass

from daenr_tf.commands.process import Call, leave
from daenr_tf.experiments.catalogue import EXPERIMENTS, WITH_COMMANDS


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        name: what it is called by.
        help: what it does, in a line.
        home: "module:function"; the function takes a `Call`, reads its arguments and does the
            work.
    """

    name: str
    help: str
    home: str

    def leave(self, typed: str, arguments: list[str]) -> None:
        """Do it, and leave the process with the exit status of the contract.

        Args:
            typed: as in `Call`.
            arguments: list of str.
        """
        module, function = self.home.split(":")
        work = getattr(importlib.import_module(module), function)
        call = Call(self.name, typed, arguments)
        leave(call.label, lambda: work(call))


REPRODUCE = "daenr_tf.commands.reproduce:reproduce"
COMMANDS = {
    command.name: command
    for command in (
        Command("fit", "train, evaluate and export a model", "daenr_tf.commands.fit:fit"),
        Command(
            "predict",
            "what a fitted model answers to images: responses and reconstructions",
            "daenr_tf.commands.predict:predict",
        ),
        Command(
            "experiment",
            "stimuli shown to a fitted model: tuning, maps, a recording of its answers",
            "daenr_tf.commands.experiment:experiment",
        ),
        Command(
            "fields",
            "receptive fields of a fitted model: masks, gradients, stimulus averages",
            "daenr_tf.commands.fields:fields",
        ),
        Command("compare", "several runs in one table", "daenr_tf.commands.compare:compare"),
        Command(
            "check",
            "what a recording holds, and whether it can be used",
            "daenr_tf.commands.check:check",
        ),
        Command(
            "baselines",
            "what is known without a network: ridge regressions, LNP, the mean rate",
            "daenr_tf.commands.baselines:baselines",
        ),
        Command(
            "tune",
            "settings found on the validation set, with the same number of tries for every recipe",
            "daenr_tf.commands.tune:tune",
        ),
        Command(
            "synthesize",
            "the images of a fixed contrast that drive a fitted model's neurons most",
            "daenr_tf.commands.synthesize:synthesize",
        ),
        Command(
            "control",
            "images that drive one neuron or a group and keep the rest down",
            "daenr_tf.commands.synthesize:control",
        ),
        Command(
            "explore",
            "a web page on this machine to look at a fitted model",
            "daenr_tf.commands.explore:explore",
        ),
        Command("reproduce", "the paper's tables and figures, with a report", REPRODUCE),
        *(Command(name, EXPERIMENTS[name].title, REPRODUCE) for name in WITH_COMMANDS),
        Command(
            "benchmark",
            "what training and serving cost on this machine",
            "daenr_tf.commands.benchmark:benchmark",
        ),
    )
}
