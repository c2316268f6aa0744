"""The published recordings: read rightly, and every file that isn't what was published is named."""

import os
import random
from pathlib import Path

import numpy as np
import published
import pytest
from mutation import bounded, mutated
from refusal import refused

from daenr_tf.errors import InputError
from daenr_tf.recordings import antolik

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "antolik"
SHAPES = {
    1: (1800, 103, 10),
    2: (1260, 55, 8),
    3: (1800, 102, 12),
}  # images, neurons, repeats: docs/recordings.md
NAMES = list(published.arrays(0))


@pytest.fixture
def contents():
    return published.files()


@pytest.fixture
def directory(contents, tmp_path, monkeypatch):
    published.write(tmp_path, contents)
    monkeypatch.setattr(antolik, "PUBLISHED", published.known(contents))
    return str(tmp_path)


def place(directory, name, region=2):
    return os.path.join(directory, "Data", f"region{region}", name)


def put(directory, name, content, monkeypatch=None):
    """Another file in the place of one; with `monkeypatch` its digest and shape are the published ones."""
    Path(place(directory, name)).write_bytes(content)
    if monkeypatch:
        monkeypatch.setitem(
            antolik.PUBLISHED, 2, published.known({**published.files(), (2, name): content})[2]
        )


@pytest.mark.parametrize("region", [1, 2, 3])
def test_a_region_is_what_its_files_hold(region, directory):
    recording = antolik.load_antolik(region, directory)
    arrays = published.arrays(region)
    assert (
        recording.name == f"antolik-r{region}"
        and not recording.simulated
        and recording.pixel_range == (0.0, 2.55e-4)
    )
    np.testing.assert_array_equal(
        recording.responses, arrays["training_set.npy"].astype(np.float32)
    )
    np.testing.assert_array_equal(
        recording.test_trials, arrays["raw_validation_set.npy"].astype(np.float32)
    )
    np.testing.assert_allclose(recording.test_responses, arrays["validation_set.npy"], rtol=1e-6)
    assert recording.images.shape == (12, 31, 31, 1) and recording.test_images.shape == (
        5,
        31,
        31,
        1,
    )


def test_rows_of_pixels_lie_one_after_the_other_from_the_top(directory):
    images = antolik.load_antolik(3, directory).images
    flat = published.arrays(3)["training_inputs.npy"]
    for row, column in ((0, 0), (0, 30), (1, 0), (17, 4), (30, 30)):
        np.testing.assert_array_equal(images[:, row, column, 0], flat[:, 31 * row + column])


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(name, directory):
    os.remove(place(directory, name))
    with refused(place(directory, name), "found no such file"):
        antolik.load_antolik(2, directory)
    antolik.load_antolik(1, directory)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kept", [0, 5, 100, 0.5, -1])
def test_a_file_that_was_cut_off_is_named(name, kept, directory, contents):
    content = contents[2, name]
    put(directory, name, content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with refused(place(directory, name) + ": expected"):
        antolik.load_antolik(2, directory)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_one_bit_altered_is_named(name, directory, contents):
    content = bytearray(contents[2, name])
    content[200] ^= 1  # the last bit of a number: no check of values sees it
    put(directory, name, content)
    kind = "blob" if name == "training_inputs.npy" else "sha256"
    with refused(place(directory, name), f"the published file ({kind}", "an altered one"):
        antolik.load_antolik(2, directory)


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    "name, change, words",
    [
        ("training_set.npy", lambda a: a[:, :3], ("(12, 4)", "(12, 3)")),
        ("training_set.npy", lambda a: a[:-1], ("(12, 4)", "(11, 4)")),
        ("raw_validation_set.npy", lambda a: a.swapaxes(0, 1), ("(3, 5, 4)", "(5, 3, 4)")),
        ("training_inputs.npy", lambda a: a.astype(np.float32), ("float64", "float32")),
        ("training_inputs.npy", lambda a: a.astype(">f8"), ("float64", ">f8")),
        ("validation_set.npy", lambda a: a.astype(object), ("plain numbers", "pickled")),
        ("training_inputs.npy", lambda a: a * 1e6, ("0 to 0.000255", "255")),
        ("validation_inputs.npy", lambda a: changed(a, (0, 0), -1e-6), ("0 to 0.000255", "-1e-06")),
        ("training_set.npy", lambda a: changed(a, (3, 1), np.nan), ("finite", "nan")),
        ("training_set.npy", lambda a: changed(a, (3, 1), np.inf), ("finite", "inf")),
        ("raw_validation_set.npy", lambda a: changed(a, (1, 3, 1), -0.1), ("0 to inf", "-0.1")),
    ],
)
def test_an_array_of_another_form_or_range_is_named_with_both(name, change, words, directory):
    put(directory, name, published.npy(change(published.arrays(2)[name])))
    with refused(place(directory, name) + ": expected", *words):
        antolik.load_antolik(2, directory)


def test_averages_that_are_not_those_of_the_trials_are_named(directory, monkeypatch):
    name = "validation_set.npy"
    put(directory, name, published.npy(published.arrays(2)[name] + 1e-6), monkeypatch)
    with refused(place(directory, name), "the mean of raw_validation_set.npy"):
        antolik.load_antolik(2, directory)


def test_a_folder_that_is_not_there_is_named(directory, tmp_path):
    for folder in (str(tmp_path / "nowhere"), place(directory, "training_set.npy"), "null\0byte"):
        with refused("Data/region1/"):
            antolik.load_antolik(1, folder)


def test_what_is_no_file_is_refused_and_not_waited_for(directory):
    name = "training_set.npy"
    os.remove(place(directory, name))
    os.mkfifo(place(directory, name))
    with refused(place(directory, name), "no regular file"):
        antolik.load_antolik(2, directory)
    os.remove(place(directory, name))
    os.mkdir(place(directory, name))
    with refused(place(directory, name), "a directory"):
        antolik.load_antolik(2, directory)


def test_a_file_of_terabytes_is_refused_unread(directory, contents):
    name = "training_set.npy"
    put(directory, name, contents[2, name].replace(b"(12, 4)", b"(9999999999, 4)"))
    os.truncate(place(directory, name), 1 << 40)
    with refused(place(directory, name), "at most", str(1 << 40)):
        antolik.load_antolik(2, directory)


def fuzz(count, directory, contents):
    for seed in range(count):
        dice = random.Random(seed)
        name = dice.choice(NAMES)
        whole = contents[2, name]
        content = (
            mutated(whole[:128], dice) + whole[128:]
            if dice.random() < 0.5
            else mutated(whole, dice)
        )
        put(directory, name, content)
        if content != whole:
            with refused(place(directory, name) + ": expected"), bounded():
                antolik.load_antolik(2, directory)
        put(directory, name, whole)
    assert sorted(os.listdir(os.path.dirname(place(directory, name)))) == sorted(NAMES)


def test_100_damaged_files_are_refused_in_one_line(directory, contents):
    fuzz(100, directory, contents)


@pytest.mark.slow
def test_2000_damaged_files_are_refused_in_one_line(directory, contents):
    fuzz(2000, directory, contents)


# The real files, where they lie beside the checkout.

real = pytest.mark.skipif(not REAL.is_dir(), reason="the published files are not at hand")


@real
@pytest.mark.parametrize("region", [1, 2, 3])
def test_every_published_file_at_hand_is_verified(region):
    images, neurons, repeats = SHAPES[region]
    shapes = {
        "training_set.npy": (images, neurons),
        "validation_inputs.npy": (50, 961),
        "validation_set.npy": (50, neurons),
        "raw_validation_set.npy": (repeats, 50, neurons),
    }
    found = {
        name: antolik._read(
            str(REAL / "Data" / f"region{region}" / name), antolik.PUBLISHED[region][name]
        )
        for name in shapes
    }
    assert {name: array.shape for name, array in found.items()} == shapes
    np.testing.assert_allclose(
        found["raw_validation_set.npy"].mean(axis=0),
        found["validation_set.npy"],
        atol=antolik.TOLERANCE,
    )


@real
def test_the_missing_file_is_named():
    if (REAL / "Data" / "region3" / "training_inputs.npy").exists():
        pytest.skip("training_inputs.npy is there")
    with pytest.raises(InputError) as caught:
        antolik.load_antolik(3, str(REAL))
    path = os.path.join(REAL, "Data", "region3", "training_inputs.npy")
    assert (
        str(caught.value)
        == f"{path}: expected the file of the published recording, found no such file"
    )
