"""Which files in a directory are a run's own: nothing else is ever removed from it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

CHECKPOINT = "checkpoint"
RECORDINGS = "recordings"  # of a run on several: in it a directory of each, which is as a run's
FOLDERS = (
    "checkpoint",
    "figures",
    "tensorboard/train",
    "tensorboard/validation",
    "tensorboard",
)  # a folder comes after what lies in it
_NAMES = (
    r"config\.json|results\.json|history\.csv|neurons\.csv|outputs\.npz|model\.keras"
    r"|figures/(learning_curves|reconstructions|pcc|masks)\.png"
    r"|checkpoint/(state\.npz|state\.npz\.new|state-previous\.npz|recording|mark)"
)
_OWN = re.compile(rf"({_NAMES})|tensorboard/((train|validation)/)?events\.out\.tfevents\.[^/]+")
_HALF_WRITTEN = re.compile(rf"({_NAMES})\.\d+\.part|\.\d+\.model\.keras")
_LAST, _FIRST = "config.json", "results.json"
_OF_TRAINING = (
    "config.json",
    "checkpoint/",
    "tensorboard/train/",
    "tensorboard/validation/",
)  # what a longer training goes on with


def is_own(name: str) -> bool:
    """Whether a path relative to a run's directory names a file that a run writes."""
    return bool(_OWN.fullmatch(name)) or is_half_written(name)


def is_half_written(name: str) -> bool:
    """Whether a path relative to a run's directory names what a process that was killed within a save leaves."""
    return bool(_HALF_WRITTEN.fullmatch(name))


def foreign(directory: str, folder: str) -> str | None:
    """The first path under a folder of a run's directory (relative to the directory) that is none of a run's files, or None."""
    if not os.path.isdir(os.path.join(directory, folder)):
        return folder
    return next((name for name in _files(directory, folder) if not is_own(name)), None)


def sweep(directory: str) -> None:
    """Remove what killed processes left half-written."""
    for place in of_recordings(directory):
        sweep(place)
    _remove(directory, filter(is_half_written, _files(directory)))


def of_recordings(directory: str) -> list[str]:
    """The directories of the recordings of a run on several, links aside; none of a run on one."""
    folder = os.path.join(directory, RECORDINGS)
    if os.path.islink(folder) or not os.path.isdir(folder):
        return []
    places = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    return [place for place in places if os.path.isdir(place) and not os.path.islink(place)]


def remove_own(
    directory: str, inside: str = "", keep: Callable[[str], bool] = lambda name: False
) -> None:
    """Remove a run's own files, links in their place included, and the folders that are empty then.

    `results.json` goes first and `config.json` last: killed midway, it leaves an unfinished run. What lies in the directories of the recordings
    of a run on several was all made of the fitted model: of a whole directory it goes behind `results.json`, whatever is kept.

    Args:
        directory: str, of the run.
        inside: str, one of `FOLDERS`, or "" for all.
        keep: called with a path relative to the directory; whether it stays.
    """
    own = [
        name
        for name in _files(directory, inside)
        if (is_own(name) or name in FOLDERS) and not keep(name)
    ]
    own.sort(key=lambda name: (name == _LAST, name != _FIRST))
    first = own[:1] if own[:1] == [_FIRST] else []
    _remove(directory, first)
    if not inside:
        _remove_recordings(directory)
    _remove(directory, own[len(first) :])
    for folder in FOLDERS:
        path = os.path.join(directory, folder)
        if (
            folder.startswith(inside)
            and os.path.isdir(path)
            and not os.path.islink(path)
            and not os.listdir(path)
        ):
            os.rmdir(path)


def _remove_recordings(directory):
    places = of_recordings(directory)
    for place in places:
        remove_own(place)
    for folder in [*places, os.path.join(directory, RECORDINGS)] if places else []:
        if not os.listdir(folder):
            os.rmdir(folder)


def is_of_training(name: str) -> bool:
    """Whether a path relative to a run's directory names what belongs to the training, and not to what was made of the fitted model."""
    return name.startswith(_OF_TRAINING)


def _remove(directory, names):
    for name in names:
        os.remove(os.path.join(directory, name))


def _files(directory, inside=""):
    """All files and links under `directory`, and with a "/" behind them the folders that are none of a run's, as sorted paths relative to it."""
    found = []
    for place, folders, names in os.walk(os.path.join(directory, inside)):

        def relative(name, place=place):
            return os.path.relpath(os.path.join(place, name), directory)

        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        known = [name for name in folders if name not in links and relative(name) in FOLDERS]
        found += [relative(name) for name in names + links]
        found += [f"{relative(name)}/" for name in set(folders) - {*known, *links}]
        folders[:] = known
    return sorted(found)
