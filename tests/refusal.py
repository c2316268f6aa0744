"""How a test says that something is refused as the contract has it: an InputError in one line."""

import contextlib

import pytest

from daenr_tf.errors import InputError


@contextlib.contextmanager
def refused(*words, kind=InputError):
    """What stands inside is refused in one line that has all of `words`."""
    with pytest.raises(kind) as caught:
        yield
    line = str(caught.value)
    assert line.isprintable() and len(line) < 1000, line
    for word in words:
        assert word in line
