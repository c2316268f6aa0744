"""The diffs in CONTRIBUTING.md, and copies of the package that they are applied to."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def diffs():
    """dict of a part's heading, such as "A readout" -> its diff."""
    found = {}
    for section in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        heading = section.splitlines()[0]
        blocks = FENCED.findall(section)
        if blocks:
            (found[heading],) = blocks
    return found


def apply(diff, tree):
    """Apply a diff whose hunks must fit at one place each."""
    for change in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        names, *hunks = re.split(r"^@@ .*$\n", change, flags=re.MULTILINE)
        before, after = re.fullmatch(r"(\S+)\n\+\+\+ b/(\S+)\n", names).groups()
        path = tree / after
        assert path.exists() == (before != "/dev/null"), path
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for hunk in hunks:
            old, new = (
                "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[:1] in kinds)
                for kinds in (" -", " +")
            )
            assert text.count(old) == 1 or not text, f"{path}: {old}"
            text = text.replace(old, new) if old else new
        path.write_text(text, encoding="utf-8")


def tree_with(folder, *headings):
    """A copy of the package and the recipes with some diffs applied; what `PYTHONPATH` is to be."""
    for package in ("daenr_tf", "recipes"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for heading in headings:
        apply(diffs()[heading], folder)
    return folder
