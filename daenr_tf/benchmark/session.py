"""The repeats of a benchmark: each a fresh process of ours, then one of PyTorch's, in turn."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from typing import Any

from daenr_tf.benchmark import counterpart, machine, processes, together
from daenr_tf.benchmark.request import Request
from daenr_tf.machine.messages import LOGGER

# What a counterpart is told of the model that it is held against.
OF_OURS = ("threads", "parameters", "train_images", "neurons")
NOT_INSTALLED = "PyTorch is not installed"
NOT_WANTED = "not asked for (--no-torch)"
# The figures of a repeat: name -> the keys that lead to it.
FIGURES = {
    "training_images_per_second": ("training", "images_per_second"),
    "at_once_images_per_second": ("at_once", "images_per_second"),
    "step_p5_ms": ("training", "step", "p5_ms"),
    "step_median_ms": ("training", "step", "median_ms"),
    "matrix_share": ("matrix_share",),
    "matrix_rate": ("matrix_rate", "mean"),
    **{
        f"{signature}_{name}": ("serving", signature, *keys)
        for signature in ("serving_default", "respond", "lite")
        for name, keys in (
            ("images_per_second", ("images_per_second",)),
            ("latency_p5_ms", ("latency", "p5_ms")),
            ("latency_median_ms", ("latency", "median_ms")),
        )
    },
    "load_seconds": ("serving", "load_seconds"),
    **{
        f"startup_{stage}_seconds": ("startup", stage)
        for stage in ("import", "data", "build", "first_step")
    },
    "peak_memory_bytes": ("peak_memory_bytes",),
}


def run(requests: Sequence[Request], repeats: int, with_torch: bool) -> dict[str, Any]:
    """Measure; what is found, as JSON's plain values."""
    torch = with_torch and counterpart.installed()
    found: dict[str, Any] = {
        "kind": "benchmark",
        "machine": machine.describe(),
        "versions": machine.versions(torch),
        "models": [],
    }
    for request in requests:
        absent = None if torch else NOT_INSTALLED if with_torch else NOT_WANTED
        found["models"].append(_model(request, repeats, absent or counterpart.lacking(request)))
    found["machine"]["load_average_after"] = machine.load_average()
    return found


def _model(request: Request, repeats: int, absent: str | None) -> dict[str, Any]:
    """One model; `absent` says why PyTorch is not measured."""
    ours, theirs, settings = [], [], request.to_dict()
    operations: dict[str, Any] = {}
    for number in range(1, repeats + 1):
        with tempfile.TemporaryDirectory(prefix="daenr-benchmark-") as folder:
            own = processes.ask(
                "model", folder, request=settings, folder=folder, count=not operations
            )
        operations = own.pop("operations", operations)
        _derive(own, operations, request.batch_size)
        at_once = together.run(request, own["peak_memory_bytes"])
        if at_once:
            own["at_once"] = at_once
        ours.append(own)
        said = f"daenr_tf {own['training']['images_per_second']:.0f} images/s"
        if at_once:
            said += f", {at_once['images_per_second']:.0f} by {at_once['processes']} at once"
        if absent is None:
            facts = {name: own[name] for name in OF_OURS}
            with tempfile.TemporaryDirectory(prefix="daenr-benchmark-") as folder:
                other = processes.ask("counterpart", folder, request=settings, **facts)
            absent = other.get("refused")
            if absent is None:
                theirs.append(other)
                said += f", PyTorch {other['training']['images_per_second']:.0f}"
        LOGGER.info("%s: repeat %d of %d: %s", request.title, number, repeats, said)
    return {
        "title": request.title,
        "request": {name: value for name, value in settings.items() if name != "recording_file"},
        **{name: ours[0][name] for name in OF_OURS},
        "operations": operations,
        "daenr_tf": {"summary": summary(ours), "repeats": ours},
        "torch": {"absent": absent, "summary": summary(theirs), "repeats": theirs},
        "training_ratio": _ratio(ours, theirs),
        "at_once_ratio": _ratio(ours, theirs, "at_once"),
    }


def _derive(own: dict[str, Any], operations: dict[str, Any], batch_size: int) -> None:
    """Set the mean rate of the matrix product, and the share of it that training reaches."""
    rates = own["matrix_rate"]
    rates["mean"] = (rates["before"] + rates["after"]) / 2
    steps_per_second = own["training"]["images_per_second"] / batch_size
    own["matrix_share"] = operations["training_step"] * steps_per_second / rates["mean"]


def summary(repeats: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Median, least and greatest over repeats of every figure that all of them have."""
    found = {}
    for name, keys in FIGURES.items():
        values = [_at(repeat, keys) for repeat in repeats]
        if values and None not in values:
            found[name] = spread(values)
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def _at(facts: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        facts = facts.get(key) if isinstance(facts, dict) else None
    return facts


def _ratio(
    ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]], kind: str = "training"
) -> dict | None:
    """Our training images a second over PyTorch's of the same repeat; `kind` "at_once": those of several at once
    over PyTorch's one after the other."""
    ratios = [
        own[kind]["images_per_second"] / other["training"]["images_per_second"]
        for own, other in zip(ours, theirs, strict=False)
        if kind in own
    ]
    return spread(ratios) if ratios else None
