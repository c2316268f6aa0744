"""Where recordings come from: the named ones, and the forms of file that one's own may have. Imports nothing heavy."""

import importlib
import os
from dataclasses import dataclass

NAMED = ("auto", "antolik", "simulated")


@dataclass(frozen=True)
class Reader:
    """A form of file that a recording can have.

    Attributes:
        name: what the form is called in messages.
        suffixes: tuple of str, the endings of its files, in lower case.
        home: "module:function"; the function takes a path and returns a `Recording`, or raises `InputError`.
    """

    name: str
    suffixes: tuple
    home: str

    def load(self):
        """The function."""
        module, name = self.home.split(":")
        return getattr(importlib.import_module(module), name)


READERS = (
    Reader("NPZ", (".npz",), "daenr_tf.recordings.npz:load_npz"),
)


def is_source(dataset):
    """Whether a dataset is one of the named ones; else it is the path of a file, one's own recording."""
    return dataset in NAMED


def reader_of(path):
    """The `Reader` for a file, by its ending; the first one for an ending that none has, which says what is wrong with the file."""
    ending = os.path.splitext(path)[1].lower()
    return next((reader for reader in READERS if ending in reader.suffixes), READERS[0])
