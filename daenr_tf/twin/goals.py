"""What an image can be made for, as data: a new kind of goal is a function of `scores` and a row here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# The contrast that images are made at unless another is given, as a share of the natural images' mean contrast (docs/twin.md says why).
OF_NATURAL = 0.25


def each(neurons: Sequence[int], population: int) -> np.ndarray:
    """(targets, neurons of the population) float32: a target for each of the `neurons`, 1 at its place."""
    return np.eye(population, dtype=np.float32)[list(neurons)]


def together(neurons: Sequence[int], population: int) -> np.ndarray:
    """(1, neurons of the population) float32: one target, 1 at the places of all `neurons`."""
    return each(neurons, population).max(axis=0, keepdims=True)


@dataclass(frozen=True)
class Kind:
    """A kind of goal.

    Attributes:
        name: str.
        home: "module:function" of its score, see `score`.
        unit: str, of the score.
        help: str, what it asks for.
        targets: neurons, population -> (targets, neurons), as `each`; None where they come from a file.
        title: str, of its figure.
        figure: "module:function" that draws it, of the arguments of `plotting.synthesised.grid`.
        label: str, what the number of a goal is a number of.
        leaves_others: whether some neurons must be none of the goal's.
    """

    name: str
    home: str
    unit: str
    help: str
    targets: Callable[[Sequence[int], int], np.ndarray] | None
    title: str
    figure: str
    label: str = "neuron"
    leaves_others: bool = False

    @property
    def score(self) -> Callable:
        """The function of responses (batch, neurons), targets (batch, neurons) and a `Scale` that gives (batch,): the higher the better."""
        module, function = self.home.split(":")
        return getattr(importlib.import_module(module), function)


EXCITE = Kind(
    "excite",
    "daenr_tf.twin.scores:excite",
    "per presentation",
    "drive a neuron as high as can be",
    each,
    "Most exciting inputs",
    "daenr_tf.plotting.synthesised:grid",
)
CONTROLS = {
    one.name: one
    for one in (
        Kind(
            "one-hot",
            "daenr_tf.twin.scores:apart",
            "SDs of the others",
            "drive each of the neurons and keep all others down, an image each",
            each,
            "One neuron driven above the others' mean",
            "daenr_tf.plotting.synthesised:patterns",
            leaves_others=True,
        ),
        Kind(
            "group",
            "daenr_tf.twin.scores:apart",
            "SDs of the others",
            "drive all of the neurons together and keep the others down, one image",
            together,
            "A group driven above the others' mean",
            "daenr_tf.plotting.synthesised:patterns",
            label="group",
            leaves_others=True,
        ),
        Kind(
            "vector",
            "daenr_tf.twin.scores:near",
            "squared SDs (minus the mean over neurons of the squared distance to the response asked for, each in its own SD"
            " over natural images; 0 is exact)",
            "reach given responses of all neurons, an image for each row of a file",
            None,
            "Responses that were asked for",
            "daenr_tf.plotting.synthesised:reached",
            label="vector",
        ),
    )
}
