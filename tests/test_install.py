"""`make venv` with a stub of Python in Python's place, and the versions that it installs."""

import configparser
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
MADE_FROM = ("Makefile", "requirements.txt", "setup.cfg", "pyproject.toml", "constraints.txt")
VENV, INSTALL, CHECK = "-m venv .venv", "-m pip install --quiet", "-c import tensorflow"
# Notes what it is asked. An environment that it makes has a copy of itself; its pip copies one file; the rest is asked of the true
# Python, under another version.
STUB = f"""#!/bin/sh
echo "$*" >> asked
case "$*" in
    "{VENV}") mkdir -p .venv/bin .venv/lib; : > .venv/pyvenv.cfg; cp "$0" .venv/bin/python ;;
    "{INSTALL}"*) : > ".venv/lib/copied_$STUB_PIP"; if [ "$STUB_PIP" = killed ]; then kill -9 $PPID; fi ;;
    "{CHECK}"*) echo "a line of TensorFlow's" >&2; exit ${{STUB_IMPORT:-0}} ;;
    *) exec "{sys.executable}" -c "import sys; sys.version = '$STUB_VERSION (stub)'; \\
        sys.version_info = tuple(map(int, '$STUB_VERSION'.split('.'))); exec(sys.argv[1])" "$2" ;;
esac
"""


class Checkout:
    """What `make venv` reads, in a directory of its own."""

    def __init__(self, directory):
        self.directory, self.venv, self.mark = (
            directory,
            directory / ".venv",
            directory / ".venv" / ".ready",
        )
        self.python = directory / "stub"
        self.python.write_text(STUB)
        self.python.chmod(0o755)
        for name in MADE_FROM:
            shutil.copy(ROOT / name, directory)

    def make(self, *arguments, pip="whole", imports=0, version="3.11.7"):
        """`make venv`; the process, with `asked`: the calls of Python, each cut to the constants above where it begins with one."""
        (self.directory / "asked").write_text("")
        process = subprocess.run(
            ["make", "venv", f"PYTHON={self.python}", *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            env={
                "PATH": os.environ["PATH"],
                "STUB_PIP": pip,
                "STUB_IMPORT": str(imports),
                "STUB_VERSION": version,
            },
        )
        process.asked = (self.directory / "asked").read_text().splitlines()
        return process

    def change_requirements(self):
        """As if they had been written since the mark was set."""
        os.utime(self.mark, (1e9, 1e9))

    def made_anew(self, process):
        """Whether `process`, which must have succeeded, made the environment from nothing, with nothing left of an older one."""
        assert process.returncode == 0, process.stderr
        return steps(process) == [VENV, INSTALL, CHECK] and [
            file.name for file in (self.venv / "lib").iterdir()
        ] == ["copied_whole"]


def steps(process):
    """The steps of `process` in their order, the question for the version left out."""
    return [
        step for line in process.asked for step in (VENV, INSTALL, CHECK) if line.startswith(step)
    ]


@pytest.fixture
def checkout(tmp_path):
    if not shutil.which("make"):
        pytest.skip("there is no make")
    return Checkout(tmp_path)


def test_environment_is_made_once(checkout):
    first, second = checkout.make(), checkout.make()
    assert checkout.made_anew(first) and checkout.mark.exists()
    assert second.returncode == 0 and second.asked == []


def test_what_tensorflow_prints_is_not_shown_when_it_imports(checkout):
    assert "TensorFlow" not in checkout.make().stderr


def test_environment_of_an_interrupted_pip_is_made_anew(checkout):
    assert checkout.make(pip="killed").returncode == -signal.SIGKILL
    assert (checkout.venv / "lib" / "copied_killed").exists() and not checkout.mark.exists()
    again = checkout.make()
    assert checkout.made_anew(again) and checkout.mark.exists()
    assert "make: .venv was not finished: it is made anew" in again.stdout.splitlines()


def test_environment_whose_tensorflow_does_not_import_gets_no_mark(checkout):
    failed = checkout.make(imports=1)
    assert failed.returncode == 2 and not checkout.mark.exists()
    assert (
        "a line of TensorFlow's" in failed.stderr
        and "TensorFlow was installed and can't be imported" in failed.stderr
    )
    assert checkout.made_anew(checkout.make())


def test_changed_requirements_update_the_environment_and_check_it(checkout):
    checkout.make()
    kept = checkout.venv / "lib" / "kept"
    kept.touch()
    checkout.change_requirements()
    assert steps(checkout.make()) == [INSTALL, CHECK]
    assert kept.exists() and checkout.make().asked == []


def test_environment_of_an_interrupted_update_is_made_anew(checkout):
    checkout.make()
    checkout.change_requirements()
    checkout.make(pip="killed")
    assert checkout.made_anew(checkout.make())


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_what_is_no_environment_is_refused_and_left_alone(checkout, tmp_path_factory, kind):
    if kind == "file":
        checkout.venv.write_text("mine")
    else:
        place = checkout.venv if kind == "directory" else tmp_path_factory.mktemp("elsewhere")
        (place / "lib").mkdir(parents=True)
        (place / "lib" / "mine").write_text("mine")
        if kind == "link":
            (place / "pyvenv.cfg").touch()
            checkout.venv.symlink_to(place)
    refused = checkout.make()
    sentences = [line for line in refused.stderr.splitlines() if not line.startswith("make: ***")]
    assert refused.returncode == 2 and refused.asked == []
    assert len(sentences) == 1 and re.fullmatch(
        r"make: \.venv: expected .*, found .*", sentences[0]
    )
    assert (
        checkout.venv if kind == "file" else checkout.venv / "lib" / "mine"
    ).read_text() == "mine"


@pytest.mark.parametrize(
    "version", ["2.7.18", "3.9.18", "3.10.13", "3.11.0", "3.13.5", "3.14.0", "4.0.0"]
)
def test_python_is_the_one_that_setup_cfg_requires_or_a_sentence(checkout, version):
    process = checkout.make(version=version)
    if SpecifierSet(setup()["options"]["python_requires"]).contains(version):
        assert process.returncode == 0 and checkout.mark.exists()
    else:
        sentences = [
            line for line in process.stderr.splitlines() if not line.startswith("make: ***")
        ]
        assert process.returncode == 2 and not checkout.venv.exists()
        assert (
            len(sentences) == 1
            and f"expected Python 3.11, 3.12 or 3.13, found {version}" in sentences[0]
        )


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 10, 13)])
def test_recipe_says_which_python_it_needs(version):
    code = f"import runpy, sys; sys.version_info = {(*version, 'final', 0)}; runpy.run_module('recipes.cae_fr', run_name='__main__')"
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 2
    assert (
        process.stderr
        == f"recipes: expected Python 3.11 or newer, found {'.'.join(map(str, version))}\n"
    )


def test_constraints_are_installed_and_can_be_done_without(checkout):
    constrained = next(line for line in checkout.make().asked if line.startswith(INSTALL))
    shutil.rmtree(checkout.venv)
    free = next(line for line in checkout.make("CONSTRAINTS=").asked if line.startswith(INSTALL))
    assert "--constraint constraints.txt" in constrained and "constraint" not in free


def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def lines(text):
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def requirements(*extras):
    """Those of requirements.txt and of the extras of setup.cfg."""
    texts = [
        (ROOT / "requirements.txt").read_text(),
        *(setup()["options.extras_require"][extra] for extra in extras),
    ]
    return [Requirement(line) for text in texts for line in lines(text)]


@pytest.fixture(scope="module")
def pins():
    """constraints.txt: {canonical name: version}."""
    pairs = [
        re.fullmatch(r"([\w.-]+)==([\w.]+)", line).groups()
        for line in lines((ROOT / "constraints.txt").read_text())
    ]
    return {canonicalize_name(name): version for name, version in pairs}


def test_every_requirement_has_bounds_and_a_pin_within(pins):
    for requirement in requirements("dev", "docs", "gpu", "completion", "lite", "tune"):
        assert {">=", "<"} <= {bound.operator for bound in requirement.specifier}, (
            f"{requirement}: expected a lower and an upper bound"
        )
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), (
            requirement
        )


def test_constraints_are_sorted_and_leave_our_own_package_out():
    names = [line.split("==")[0].lower() for line in lines((ROOT / "constraints.txt").read_text())]
    assert names == sorted(names) and canonicalize_name(setup()["metadata"]["name"]) not in map(
        canonicalize_name, names
    )


def made_by_make():
    """The mark of the environment that the tests run in names the constraints that it was made with."""
    mark = Path(sys.prefix) / ".ready"
    return mark.exists() and mark.read_text().strip() == "constraints.txt"


@pytest.mark.skipif(
    not made_by_make(), reason="this environment was not made by `make venv` with constraints.txt"
)
def test_all_that_is_installed_for_us_has_the_version_of_its_pin(pins):
    installed, waiting = {}, requirements("dev")
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name not in installed and name not in ("pip", "setuptools"):
            distribution = importlib.metadata.distribution(name)
            installed[name] = distribution.version
            needed = map(Requirement, distribution.requires or ())
            waiting += [
                one for one in needed if not one.marker or one.marker.evaluate({"extra": ""})
            ]
    assert len(installed) > len(requirements("dev"))
    assert installed == {name: pins.get(name) for name in installed}
