"""The Python that the documentation shows runs, block after block."""

import json
import os
import re

import pytest

from daenr_tf.commands import fit
from daenr_tf.config import resolve
from daenr_tf.runs.run import tag

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


PAGES = {"README.md": "'pcc_normalized'", "docs/keras.md": "(5, 10)"}  # what each tells
RUN = """
import json, sys
for page, program in json.loads(sys.argv[1]).items():
    print("page", page)
    exec(compile(program, page, "exec"), {"__name__": "__main__"})
"""


@pytest.fixture(scope="module")
def said(run_python):
    """What each page's program prints, one after the other in one process, each with names of its own."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    programs = json.dumps({page: blocks(page) for page in PAGES})
    told = run_python(RUN, programs, XDG_CACHE_HOME=cache)
    return dict(part.split("\n", 1) for part in re.split("^page ", told, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page, said):
    assert PAGES[page] in said[page]


def runs_of(name):
    """The page's text, and the first of the runs on the simulated recording that it uses, as "recipe/tag"."""
    with open(os.path.join(ROOT, "docs", name), encoding="utf-8") as file:
        page = re.sub(r"-s\{0(,\d)+\}", "-s0", file.read())
    return page, set(re.findall(r"(?:runs|models)/(\w+/simulated-r\d-[\w-]+-s0[\w-]*)", page))


PAGES_WITH_RUNS = [name for name in sorted(os.listdir(f"{ROOT}/docs")) if name.endswith(".md")]
PAGES_WITH_RUNS = [name for name in PAGES_WITH_RUNS if runs_of(name)[1]]


@pytest.mark.parametrize("name", PAGES_WITH_RUNS)
def test_a_page_that_uses_a_run_has_the_command_that_makes_it(name):
    page, used = runs_of(name)
    made = set()
    for recipe, options in re.findall(
        r"daenr fit (\w+) ([^#\n`]*--dataset simulated[^#\n`]*)", page
    ):
        given, _ = fit.parse(recipe, options.split(), "daenr fit")
        made.add(f"{recipe}/{tag(resolve(recipe, given, None), None)}")
    assert used <= made
