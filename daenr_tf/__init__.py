"""daenr_tf: joint models of an image and of the brain's response to it.

Importing it is cheap: each name is imported when it is first used, and with it, if need be, TensorFlow.
"""

import importlib

_HOMES = {
    "Recording": "recordings.recording",
    "load_recording": "recordings.load",
    "ModelConfig": "config",
    "TrainConfig": "config",
    "RunConfig": "config",
    "InputError": "errors",
    "DAENR": "models.daenr",
    "build_model": "models.build",
    "train": "training",
    "evaluate": "evaluation",
    "export": "models.saved_model",
    "load_model": "models.keras_file",
    "load_served": "models.endpoints",
    "load_responder": "models.lite",
    "preprocess": "models.preprocessing",
    "run": "runs.run",
    "Run": "runs.opened",
    "metrics": None,
    "paper": None,
}
__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name):
    if name == "__version__":
        return _version()
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] is None:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def _version():
    from importlib import metadata

    try:
        return metadata.version(__name__)
    except metadata.PackageNotFoundError:
        raise AttributeError(f"{__name__} is not installed: its version is not known") from None


def __dir__():
    return __all__
