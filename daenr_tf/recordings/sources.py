"""Where recordings come from, as data: those that have a name, and the forms that a file of one's own may have.

Imports nothing heavy.
"""

import importlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daenr_tf.recordings.recording import Recording


def _function(home):
    module, name = home.split(":")
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class Source:
    """A recording that has a name.

    Attributes:
        name: what `--dataset` calls it.
        home: "module:function"; the function takes a region and a data directory (or None), and
            returns a `Recording`.
        simulated: whether its responses come from a model.
        comparable: whether the paper's figures were measured on it.
        among: names of the sources one of which it takes; none for one that stands for itself.
    """

    name: str
    home: str
    simulated: bool = False
    comparable: bool = False
    among: tuple = ()

    def load(self, region: int, data_dir: str | os.PathLike | None) -> "Recording":
        """The `Recording` of a region. Raises `InputError`."""
        return _function(self.home)(region, data_dir)


@dataclass(frozen=True)
class Reader:
    """A form of file (or of directory) that one's own recording can have.

    Attributes:
        name: what the form is called in messages.
        suffixes: tuple of str, the endings of its files or directories, in lower case.
        home: "module:function"; the function takes a path and returns a dict of `Recording`'s
            arguments: `images` and `responses` at least; what it leaves out of `name` and `source`
            comes from the path. Names in the file that no recording has may stand in it as
            `strange`: they are refused, with whatever else is wrong. It raises `InputError`.
    """

    name: str
    suffixes: tuple
    home: str

    def read(self, path: str) -> dict[str, Any]:
        """The arguments of the `Recording` in a file. Raises `InputError`."""
        return _function(self.home)(path)


SOURCES = (
    Source("auto", "daenr_tf.recordings.load:load_auto", among=("antolik", "simulated")),
    Source("antolik", "daenr_tf.recordings.load:load_published", comparable=True),
    Source("simulated", "daenr_tf.recordings.load:load_simulated", simulated=True),
)
READERS = (Reader("NPZ", (".npz",), "daenr_tf.recordings.npz:read"),)


def choices() -> str:
    """What a dataset can be, in words: "auto, antolik, simulated or FILE.npz"."""
    files = [f"FILE{suffix}" for reader in READERS for suffix in reader.suffixes]
    *first, last = [source.name for source in SOURCES] + files
    return f"{', '.join(first)} or {last}"


def source_of(dataset: str) -> Source | None:
    """The `Source` that a dataset names, or None: then it is the path of one's own recording."""
    return next((source for source in SOURCES if source.name == dataset), None)


def is_source(dataset: str) -> bool:
    """Whether a dataset is one of the named ones; else it is the path of one's own recording."""
    return source_of(dataset) is not None


def is_comparable(dataset: str) -> bool:
    """Whether the paper's figures were measured on a dataset."""
    return is_source(dataset) and source_of(dataset).comparable


def settled(dataset: str | tuple, recording: "Recording") -> str | tuple:
    """A dataset as a run or a study notes it once its `recording` is loaded.

    Returns:
        str, the name of a source that stands for itself, or the absolute path of one's own recording; a tuple of paths of several.
    """
    if isinstance(dataset, tuple):
        return tuple(map(os.path.abspath, dataset))
    source = source_of(dataset)
    if source is None:
        return os.path.abspath(dataset)
    taken = [name for name in source.among if source_of(name).simulated == recording.simulated]
    return taken[0] if taken else dataset


def reader_of(path: str) -> Reader:
    """The `Reader` for a path, by its ending.

    For an ending that none has it is the first one, which says what is wrong with the file.
    """
    ending = os.path.splitext(path.rstrip(os.sep))[1].lower()
    return next((reader for reader in READERS if ending in reader.suffixes), READERS[0])
