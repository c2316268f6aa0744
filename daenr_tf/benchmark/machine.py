"""The machine that was measured on, in words; nothing heavy is imported."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

CPU_FILE = "/proc/cpuinfo"


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str:
    """The processor as its maker calls it, or its architecture where that is not told."""
    try:
        with open(CPU_FILE, encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def load_average() -> float | None:
    """Processes that want to run, averaged over the last minute; None where it is not told."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def versions(torch: bool) -> dict[str, str | None]:
    """The versions of what the figures depend on; PyTorch's where it was measured."""
    from daenr_tf.runs.results import versions as ours

    found = ours()
    if torch:
        found["torch"] = importlib.metadata.version("torch")
    return found


def describe() -> dict[str, Any]:
    """What is known of the machine before anything is measured."""
    return {"cpu": cpu_name(), "cores": cores(), "load_average_before": load_average()}
