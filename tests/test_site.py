"""The web site of `make docs`: every page has its place, and nothing in it warns."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def pages(entry):
    if isinstance(entry, str):
        return [entry]
    return [
        page
        for part in (entry.values() if isinstance(entry, dict) else entry)
        for page in pages(part)
    ]


def test_the_navigation_names_every_page_once():
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = pages(settings["nav"])
    assert sorted(named) == sorted(
        path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")
    )


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_pages_beside_the_site_lead_somewhere(name):
    targets = re.findall(r"\]\((?!https?:)([\w./-]+)", (ROOT / name).read_text(encoding="utf-8"))
    assert targets and not [target for target in targets if not (ROOT / target).exists()]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert (citation["cff-version"], citation["version"]) == ("1.2.0", setup["metadata"]["version"])
    assert citation["license"] == setup["metadata"]["license"]
    for work in (citation, *citation["references"]):
        assert work["title"] and work["authors"]


def test_the_site_is_made_without_a_warning(tmp_path):
    pytest.importorskip("mkdocstrings", reason="the docs extra is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and not done.stdout and not done.stderr, done.stderr
    page = (tmp_path / "site" / "reference" / "index.html").read_text(encoding="utf-8")
    for name in (
        "models.daenr.DAENR",
        "recordings.load.load_recording",
        "training.train",
        "metrics.noise_ceiling",
    ):
        assert f'id="daenr_tf.{name}"' in page, name
