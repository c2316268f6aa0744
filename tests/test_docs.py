"""The Python that the documentation shows runs, block after block."""

import os
import re

import pytest

ROOT = os.path.dirname(os.path.dirname(__file__))


def blocks(page):
    """The Python blocks of a page, as one program whose lines stand where the page has them."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        text = file.read()
    lines = [""] * (text.count("\n") + 1)
    for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        first = text.count("\n", 0, block.start(1))
        found = block[1].splitlines()
        lines[first : first + len(found)] = found
    return "\n".join(lines)


@pytest.mark.parametrize(
    "page, told", [("README.md", "'pcc_normalized'"), ("docs/keras.md", "(5, 10)")]
)
def test_the_python_of_a_page_runs(page, told, run_python):
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    assert told in run_python(blocks(page), XDG_CACHE_HOME=cache)
