"""The protocols of virtual experiments, as data. A new one is a function that makes stimuli, one that measures, and a row here.

Imports nothing heavy.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

HOME = "daenr_tf.laboratory.protocols"


@dataclass(frozen=True)
class Protocol:
    """A protocol.

    Attributes:
        name: what it is called by.
        help: what it shows and measures, in a line.
        show: "module:function"; called with a `Subject`, `Settings` and one's own images (N, height, width, channels) uint8 or None,
            it gives `Stimuli`.
        measure: "module:function"; called with those `Stimuli`, responses (N, neurons), the `Subject` and the `Settings`, it gives
            `Measured`.
    """

    name: str
    help: str
    show: str
    measure: str

    def functions(self) -> tuple[Callable, Callable]:
        """Both functions."""
        homes = (one.split(":") for one in (self.show, self.measure))
        return tuple(getattr(importlib.import_module(module), name) for module, name in homes)


PROTOCOLS = {
    one.name: one
    for one in (
        Protocol(
            "gratings",
            "full-field static gratings: orientation and spatial-frequency tuning",
            f"{HOME}:show_gratings",
            f"{HOME}:measure_gratings",
        ),
        Protocol(
            "sparse_noise",
            "single bright and dark squares: receptive-field maps",
            f"{HOME}:show_squares",
            f"{HOME}:measure_squares",
        ),
        Protocol(
            "natural",
            "natural-like images, or your own: a recording that can be fitted",
            f"{HOME}:show_natural",
            f"{HOME}:measure_natural",
        ),
        Protocol(
            "contrast",
            "gratings of many contrasts: contrast curves",
            f"{HOME}:show_contrasts",
            f"{HOME}:measure_contrasts",
        ),
        Protocol(
            "size",
            "discs of each neuron's preferred grating: size curves, suppression",
            f"{HOME}:show_sizes",
            f"{HOME}:measure_sizes",
        ),
    )
}
