"""Which systems have a counterpart in PyTorch: rows from a part's name to its class there.

PyTorch is no dependency. Nothing here imports it; `torch_network`, where the classes live, does.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daenr_tf.benchmark.request import Request

HOME = "daenr_tf.benchmark.torch_network"
CORES = {"daenr": "Encoder"}
BOTTLENECKS = {"cae": "Dense", "vae": "Gaussian", "vqvae": "Quantized"}
DECODERS = {"daenr": "Decoder"}
READOUTS = {"fr": "Factorized", "fc": "FullyConnected", "fm": "FixedMask"}


def installed() -> bool:
    """Whether PyTorch is on this machine; it is not imported."""
    return importlib.util.find_spec("torch") is not None


def lacking(request: Request) -> str | None:
    """The sentence that says why a request has no counterpart; None where it has one."""
    from daenr_tf import systems

    system, core = request.config.model.system, systems.CORES[request.core]
    for part, rows, kind in (
        (core, CORES, "core"),
        (system.bottleneck, BOTTLENECKS, "bottleneck"),
        (system.decoder_on(core), DECODERS, "decoder"),
        (system.readout, READOUTS, "readout"),
    ):
        if part and part.name not in rows:
            return f"no counterpart in PyTorch: nobody has written the {kind} {part.title} there"
    return None
