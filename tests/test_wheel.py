"""The wheel, built from a copy of the checkout and installed outside of it: what it holds, and
that its command works."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILT_FROM = (
    "daenr_tf",
    "recipes",
    "setup.cfg",
    "pyproject.toml",
    "requirements.txt",
    "README.md",
    "LICENSE",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The path of the wheel."""
    place = tmp_path_factory.mktemp("checkout")
    for name in BUILT_FROM:
        source = os.path.join(ROOT, name)
        if os.path.isdir(source):
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            str(place / "made"),
            str(place),
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (made,) = os.listdir(place / "made")
    return str(place / "made" / made)


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """Runs a command of an environment that has the wheel, and its requirements from the tests'
    own, in a directory outside the checkout."""
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")],
        check=True,
        timeout=120,
    )
    python = str(folder / "venv" / "bin" / "python")
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    with open(
        os.path.join(packages.stdout.strip(), "requirements.pth"), "w", encoding="utf-8"
    ) as file:
        file.write(sysconfig.get_path("purelib") + "\n")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--quiet",
            "--python",
            python,
            "install",
            "--no-deps",
            "--no-index",
            wheel,
        ],
        check=True,
        timeout=300,
    )

    def run(name, *arguments):
        done = subprocess.run(
            [str(folder / "venv" / "bin" / name), *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            env={**os.environ, "DAENR_OFFLINE": "1"},
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        return done.stdout

    run.folder = folder
    return run


def test_the_wheel_has_all_of_daenr_tf_and_nothing_else_at_its_top(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == {"daenr_tf"}
    ours = {
        os.path.relpath(os.path.join(place, name), ROOT)
        for place, _, names in os.walk(os.path.join(ROOT, "daenr_tf"))
        for name in names
        if "__pycache__" not in place
    }
    assert (
        ours <= held
        and "daenr_tf/py.typed" in held
        and "daenr_tf/experiments/report/template.html.j2" in held
    )


def test_what_is_imported_is_the_wheels_and_there_is_no_recipes(elsewhere):
    said = elsewhere(
        "python",
        "-c",
        "import daenr_tf, importlib.util; print(daenr_tf.__file__,"
        " importlib.util.find_spec('recipes'))",
    )
    assert said.startswith(str(elsewhere.folder)) and said.endswith(" None\n")


def test_daenr_fits_predicts_compares_and_checks(elsewhere):
    assert elsewhere("daenr", "--version").startswith("daenr_tf ")
    fitted = elsewhere("daenr", "fit", "cae_fr", "--quick", "--dataset", "simulated")
    assert "SIMULATED data" in fitted
    run = os.path.join("runs", "cae_fr", "simulated-r3-l2-ir-s0-quick")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)).save(
        elsewhere.folder / "one.png"
    )
    elsewhere("daenr", "predict", run, "one.png", "--out", "answers.npz")
    with np.load(elsewhere.folder / "answers.npz") as answers:
        assert answers["responses"].shape == (1, 102) and answers["reconstructions"].shape == (
            1,
            32,
            32,
            1,
        )
    assert run in elsewhere("daenr", "compare", run)
    assert "12 of each test image" in elsewhere("daenr", "check", "simulated", "--out", "checked")
    assert sorted(os.listdir(elsewhere.folder / "checked")) == ["check.png", "check.txt"]
