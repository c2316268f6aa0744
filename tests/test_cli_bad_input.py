"""What a user gives that can't be used: status 2, one line that names it, nothing written, and before TensorFlow is imported."""

import io
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from daenr_tf.commands.fit import main
from daenr_tf.recordings import antolik

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 8, 8), np.uint8)
RESPONSES = np.random.default_rng(1).gamma(1.0, 1.0, (10, 3))


def with_value(value):
    responses = RESPONSES.copy()
    responses[4, 1] = value
    return responses


FILES = {
    "good": {"images": IMAGES, "responses": RESPONSES},
    "no_responses": {"images": IMAGES},
    "nine": {"images": IMAGES, "responses": RESPONSES[:9]},
    "nan": {"images": IMAGES, "responses": np.full_like(RESPONSES, np.nan, dtype=float)},
    "infinite": {"images": IMAGES, "responses": with_value(np.inf)},
    "negative": {"images": IMAGES, "responses": with_value(-1)},
    "objects": {"images": IMAGES, "responses": RESPONSES.astype(object)},
    "no_neuron": {"images": IMAGES, "responses": RESPONSES[:, :0]},
    "one_image": {"images": IMAGES[:1], "responses": RESPONSES[:1]},
}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder of everything that the cases name."""
    folder = tmp_path_factory.mktemp("given")
    for name, fields in FILES.items():
        np.savez(folder / f"{name}.npz", **fields)
    whole = (folder / "good.npz").read_bytes()
    (folder / "cut_off.npz").write_bytes(whole[: len(whole) // 2])
    (folder / f"{'n' * 250}.npz").write_bytes(whole)
    (folder / "a_file").write_text("no directory")
    shape = antolik.PUBLISHED[3]["training_inputs.npy"].shape
    for name, content in (
        ("lacking", None),
        ("truncated", npy(np.zeros(shape))[:100_000]),
        ("altered", npy(np.zeros(shape))),
    ):
        region = folder / name / "Data" / "region3"
        region.mkdir(parents=True)
        if content:
            (region / "training_inputs.npy").write_bytes(content)
    return folder


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


# The arguments, where {given} is the folder above, and what the line must name.
CASES = {
    "region 4": (["--region", "4"], ["--region", "1, 2, 3", "4"]),
    "region x": (["--region", "x"], ["--region", "a whole number", "'x'"]),
    "layer 0": (["--layer", "0"], ["--layer", "1, 2, 3, 4", "0"]),
    "alpha -1": (["--alpha", "-1"], ["--alpha", "at least 0", "-1"]),
    "alpha nan": (["--alpha", "nan"], ["--alpha", "finite", "nan"]),
    "a learning rate beyond float32": (
        ["--learning-rate", "3.5e38"],
        ["--learning-rate", "finite in float32", "3.5e+38"],
    ),
    "a data directory without a name": (["--data-dir", ""], ["--data-dir", "a path"]),
    "an export directory with a name too long": (
        ["--dataset", "{given}/good.npz", "--export-dir", "n" * 300],
        ["--export-dir", "at most 255 bytes"],
    ),
    "a data set whose name is too long for a directory": (
        ["--dataset", "{given}/" + "n" * 250 + ".npz", "--run-dir", "run"],
        ["--export-dir", "at most 255 bytes"],
    ),
    "alpha and beta 0": (["--alpha", "0", "--beta", "0"], ["not both 0"]),
    "an image size of 30": (["--image-size", "30"], ["--image-size", "multiples of 4", "30"]),
    "a way of resizing that there is none": (
        ["--resize", "linear"],
        ["--resize", "bilinear-aliased", "nearest", "'linear'"],
    ),
    "a momentum of 1": (["--batch-norm-momentum", "1"], ["--batch-norm-momentum", "below 1"]),
    "an unknown option": (["--nonsense", "1"], ["--nonsense"]),
    "an option of other models": (["--code-dim", "8"], ["--code-dim", "vqvae"]),
    "an option without its value": (["--seed"], ["--seed"]),
    "no dataset": (["--dataset", ""], ["--dataset"]),
    "a dataset that is no file": (["--dataset", "nowhere.npz"], ["dataset", "nowhere.npz"]),
    "a directory for a dataset": (["--dataset", "{given}"], ["{given}", "a directory"]),
    "no responses": (
        ["--dataset", "{given}/no_responses.npz"],
        ["no_responses.npz", "an array responses", "only images"],
    ),
    "10 images and 9 responses": (
        ["--dataset", "{given}/nine.npz"],
        ["nine.npz: responses", "(10, any)", "(9, 3)"],
    ),
    "NaN alone": (
        ["--dataset", "{given}/nan.npz"],
        ["nan.npz: responses", "not all are missing", "NaN alone"],
    ),
    "infinities": (
        ["--dataset", "{given}/infinite.npz"],
        ["infinite.npz: responses", "finite", "inf at [4, 1]"],
    ),
    "negative responses": (
        ["--dataset", "{given}/negative.npz"],
        ["negative.npz: responses", ">= 0", "-1.0 at [4, 1]"],
    ),
    "an object array": (
        ["--dataset", "{given}/objects.npz"],
        ["objects.npz: responses", "plain numbers", "pickled"],
    ),
    "no neuron": (
        ["--dataset", "{given}/no_neuron.npz"],
        ["no_neuron.npz: responses", "at least one", "(10, 0)"],
    ),
    "one image": (
        ["--dataset", "{given}/one_image.npz"],
        ["one_image.npz: images", "at least 4", "found 1"],
    ),
    "a file cut off": (["--dataset", "{given}/cut_off.npz"], ["cut_off.npz", "whole"]),
    "repeats as a test set of a recording that has one": (
        ["--dataset", "simulated", "--repeats-as-test"],
        ["--repeats-as-test", "one's own", "simulated"],
    ),
    "repeats as a test set without repeats": (
        ["--dataset", "{given}/good.npz", "--repeats-as-test"],
        ["good.npz: images", "shown several times", "0"],
    ),
    "a lacking file": (
        ["--dataset", "antolik", "--data-dir", "{given}/lacking"],
        ["lacking/Data/region3/training_inputs.npy", "no such file"],
    ),
    "a lacking file under auto": (
        ["--data-dir", "{given}/lacking"],
        ["lacking/Data/region3/training_inputs.npy", "no such file"],
    ),
    "a truncated file": (
        ["--dataset", "antolik", "--data-dir", "{given}/truncated"],
        ["training_inputs.npy", "13838400 bytes", "cut off"],
    ),
    "an altered file": (
        ["--dataset", "antolik", "--data-dir", "{given}/altered"],
        ["training_inputs.npy", "the published file", "altered"],
    ),
    "no data directory": (["--data-dir", "{given}/nowhere"], ["nowhere", "Data/region3/"]),
    "a run directory under a file": (
        ["--dataset", "{given}/good.npz", "--run-dir", "{given}/a_file/run"],
        ["--run-dir", "a_file"],
    ),
    "a run directory that is a file": (
        ["--dataset", "{given}/good.npz", "--run-dir", "{given}/a_file"],
        ["--run-dir", "a_file"],
    ),
    "an export directory that is a file": (
        ["--dataset", "{given}/good.npz", "--export-dir", "{given}/a_file"],
        ["--export-dir", "a_file"],
    ),
    "a config that is none": (["--config", "{given}/a_file"], ["a_file", "config.json"]),
    "a config that is not there": (["--config", "nowhere.json"], ["nowhere.json"]),
}


def arguments(case, given):
    return [argument.format(given=given) for argument in CASES[case][0]]


def everything_under(folder):
    paths = [
        os.path.join(place, name)
        for place, folders, names in os.walk(folder)
        for name in folders + names
    ]
    return {path: os.stat(path).st_mtime_ns for path in paths}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory, no named data, no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAENR_DATA_DIR", raising=False)
    monkeypatch.setenv("DAENR_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def refuse(arguments, capsys, *words):
    with pytest.raises(SystemExit) as left:
        main("cae_fr", arguments)
    out, err = capsys.readouterr()
    assert left.value.code == 2 and out == ""
    (line,) = err.splitlines()
    assert line.startswith("recipes.cae_fr: ") and line.isprintable()
    for word in words:
        assert word in line


@pytest.mark.parametrize("case", CASES)
def test_what_can_not_be_used_ends_with_status_2_and_one_line_and_writes_nothing(
    case, given, tmp_path, capsys
):
    before = everything_under(given)
    start = time.monotonic()
    refuse(arguments(case, given), capsys, *(word.format(given=given) for word in CASES[case][1]))
    assert time.monotonic() - start < 2
    assert everything_under(given) == before and os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("option", ["--run-dir", "--export-dir"])
def test_a_directory_that_can_not_be_written_to_is_refused(option, given, tmp_path, capsys):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    refuse(
        ["--dataset", str(given / "good.npz"), option, str(closed / "run")],
        capsys,
        option,
        str(closed),
    )
    assert os.listdir(closed) == []


def test_names_that_are_no_utf_8_are_shown_escaped_in_one_line(given, tmp_path, capsys):
    bad = os.path.join(os.fsdecode(tmp_path), "caf\udce9")
    refuse(
        ["--config", bad], capsys, r"caf\udce9: expected a run's config.json, found no such file"
    )
    refuse(["--dataset", bad], capsys, "dataset", "caf", "no file")
    refuse(["--dataset", "antolik", "--data-dir", bad], capsys, r"caf\udce9", "Data/region3/")
    for content, words in (
        (b"{", "no JSON text"),
        (b"\xff\xfe", "no JSON text"),
        (b'{"\xc3\xa9\\ud800": 1}', r"\ud800: expected a setting"),
    ):
        with open(bad, "wb") as file:
            file.write(content)
        refuse(["--config", bad], capsys, r"caf\udce9: ", words)
        os.remove(bad)
    assert os.listdir(tmp_path) == []


def test_none_of_them_imports_tensorflow(given, run_python):
    said = run_python(
        "import contextlib, io, sys\n"
        "from daenr_tf.commands.fit import main\n"
        f"for arguments in {[arguments(case, given) for case in CASES]!r}:\n"
        "    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        main('cae_fr', arguments)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'matplotlib', 'scipy', 'pandas'}))",
        DAENR_OFFLINE="1",
    )
    assert said == "[]\n"


ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.mark.parametrize("option", ["--run-dir", "--export-dir"])
def test_a_read_only_file_system_is_refused_to_root_too(option, given, tmp_path):
    """In a name space of its own, where anyone may mount one."""
    place = tmp_path / "closed"
    place.mkdir()
    mount = 'mount -t tmpfs -o ro none "$1" || exit 77; shift; exec "$@"'
    done = (
        subprocess.run(
            [
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                mount,
                "sh",
                str(place),
                sys.executable,
                "-m",
                "recipes.cae_fr",
                "--dataset",
                str(given / "good.npz"),
                option,
                str(place / "run"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if shutil.which("unshare")
        else None
    )
    if done is None or done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert done.returncode == 2 and done.stdout == ""
    assert (
        done.stderr
        == f"recipes.cae_fr: {option}: expected a directory that can be written to, found that {place} can not\n"
    )


def run_recipe(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "recipes.cae_fr", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_tells_the_options_and_an_error_shows_no_usage():
    helped = run_recipe("--help")
    assert (
        helped.returncode == 0
        and helped.stderr == ""
        and "--run-dir" in helped.stdout
        and "--code-dim" not in helped.stdout
    )
    wrong = run_recipe("--layer", "9")
    assert wrong.returncode == 2 and wrong.stdout == ""
    assert wrong.stderr == "recipes.cae_fr: --layer: expected one of 1, 2, 3, 4, found 9\n"
