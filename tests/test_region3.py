"""What `tools.region3` measures of test images has closed forms; of the published ones it is what docs/region3.md says."""

import json
import os
import pathlib

import numpy as np
import published
import pytest
import scipy.ndimage
from drawing import assert_nothing_is_cut_or_covered, texts
from matplotlib.axes import Axes

from daenr_tf import linear_codes, metrics, pipeline
from daenr_tf.recordings import antolik
from daenr_tf.resizing import RESIZES
from daenr_tf.tools import photographs, region3, region3_figures, region3_tables

ROOT = pathlib.Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "antolik"
WHITE = antolik.GREY_RANGE[1]


def waves(cycles, amplitude=0.5):
    """Test images in grey levels: a wave of so many cycles down, and one across."""
    wave = amplitude * np.cos(2 * np.pi * cycles * np.arange(31) / 31)
    down = np.broadcast_to(wave[:, None], (31, 31))
    return (np.stack([down, down.T])[..., None] / 2 + 0.5) * WHITE


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A folder in the form of the published one with nothing but the test images, smoothed."""
    contents = {}
    for region in (1, 2, 3):
        noise = np.random.default_rng(3 if region == 3 else 1).uniform(size=(5, 31, 31))
        images = 0.5 + 0.3 * np.sin(3 * scipy.ndimage.gaussian_filter(noise - 0.5, (0, 2, 2)) * 6)
        grey = np.rint(255 * images).reshape(5, -1) * 1e-6
        contents[region, "validation_inputs.npy"] = published.npy(grey)
    published.write(tmp_path, contents)
    monkeypatch.setattr(antolik, "PUBLISHED", published.known(contents))
    return str(tmp_path)


@pytest.fixture
def found(directory):
    return region3.everything(region3.test_images(directory))


@pytest.fixture
def images(directory):
    return region3.seen(region3.test_images(directory)[3], "bilinear")


@pytest.mark.parametrize("cycles", [1, 4, 15])
def test_the_variance_of_a_wave_lies_at_its_frequency(cycles):
    found = region3.measure(waves(cycles))
    expected = np.zeros(15)
    expected[cycles - 1] = 0.5**2 / 2
    np.testing.assert_allclose(found["power"], expected, atol=1e-9)
    assert found["variance"]["as recorded"] == pytest.approx(0.5**2 / 2)


def test_codes_are_of_the_images_as_each_way_of_resizing_makes_them(directory, found):
    for region, images in region3.test_images(directory).items():
        one = found[str(region)]
        assert one["codes"].keys() == one["variance"].keys() == {"as recorded", *RESIZES}
        scaled = (2 * images / WHITE - 1).astype(np.float32)
        by_way = {"as recorded": scaled}
        for way in RESIZES:
            by_way[way] = pipeline.preprocess(images, (0, WHITE), (32, 32), 1, way).numpy()
        for way, seen in by_way.items():
            code = linear_codes.Cosines(seen.shape[1:], 100)
            assert one["codes"][way] == pytest.approx(linear_codes.figures(code, seen), rel=1e-4)
            assert one["variance"][way] == pytest.approx(seen.var(axis=(1, 2, 3)).mean(), rel=1e-4)


def test_the_error_of_so_many_cosines_is_what_the_others_hold(images, found):
    errors = found["3"]["cosines"]
    assert len(errors) == 1025 and errors[0] == pytest.approx(np.mean(images**2))
    assert errors[-1] == 0 and np.all(np.diff(errors) <= 0)
    for number in (1, 30, 100, 1000):
        kept = linear_codes.Cosines((32, 32, 1), number).reconstruct(images)
        assert errors[number] == pytest.approx(np.mean((kept - images) ** 2), rel=1e-6)
        assert region3.cosines_for(errors[number], errors) == number
    assert region3.cosines_for(errors[30] * 0.9999, errors) > 30


def test_images_of_one_grey_and_mean_images_are_wrong_by_variances(images, found):
    plain = {name: row["mse"] for name, row in found["3"]["plain"].items()}
    assert plain["the one grey that is best for all"] == pytest.approx(images.var(), rel=1e-5)
    own = images.var(axis=(1, 2, 3)).mean()
    assert plain["each image's own mean grey"] == pytest.approx(own, rel=1e-5)
    others = [np.delete(images, i, axis=0).mean(axis=0) for i in range(5)]
    expected = np.mean((images - np.stack(others)) ** 2)
    assert plain["the mean of the other test images"] == pytest.approx(expected, rel=1e-5)


def test_images_are_blurred_until_they_are_so_wrong(images):
    least = images.var(axis=(1, 2, 3)).mean()
    width, blurred = region3.blurred(images, 0.3 * least)
    assert metrics.mse(images, blurred).mean() == pytest.approx(0.3 * least, rel=1e-4)
    assert 0 < width < 32
    assert region3.blurred(images, 2 * least) is None


def test_the_papers_rows_are_those_of_tables_2_and_5():
    assert [(row["table"], row["model"]) for row in region3.published(1)] == [
        (2, name) for name in ("CAE", "CAE-FR1", "CAE-FR2", "CAE-FR3", "CAE-FR4")
    ]
    third = {(row["table"], row["model"]): row["mse"] for row in region3.published(3)}
    assert len(third) == 10 and third[2, "CAE"] == 0.081 and third[5, "CAE"] == 0.074
    assert third[5, "CAE-FR4"] == 0.051


def test_cosines_are_made_brighter_until_they_are_as_wrong_as_the_paper(images, found):
    code = linear_codes.Cosines((32, 32, 1), 100).reconstruct(images)
    rows = found["3"]["paper"]
    assert any(row["brighter"] for row in rows)
    for row in rows:
        if row["brighter"]:
            made = code + row["brighter"]["by"]
            assert metrics.mse(images, made).mean() == pytest.approx(row["mse"], rel=1e-5)
            assert row["brighter"]["ssim"] == pytest.approx(metrics.ssim(images, made).mean())


def test_regions_with_the_same_images_share_their_columns(found):
    text = region3_tables.written(found)
    assert "regions 1, 2: MSE" in text and "region 3: MSE" in text
    tables = [part.splitlines() for part in text.split("\n\n")]
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1
    assert [len(lines) - 2 for lines in tables] == [8, 3, 20, 15]


def test_the_command_writes_numbers_and_figures_out_of_the_test_images_alone(
    directory, tmp_path, capsys
):
    out = tmp_path / "out"
    assert region3.main(["--data-dir", directory, "--out", str(out)]) == 0
    assert sorted(os.listdir(out)) == ["region3.json", "region3.png", "region3_images.png"]
    written = json.loads((out / "region3.json").read_text())
    assert region3_tables.written(written) in capsys.readouterr().out


def test_the_figures_say_what_their_axes_are(found, images, drawn):
    region3_figures.draw_numbers("numbers.png", found)
    one = {**found["3"], "paper": [{"model": "CAE", "mse": 0.5 * float(images.var())}]}
    region3_figures.draw_images("images.png", np.concatenate([images] * 2), one)
    numbers, pictures = drawn
    for axis in numbers.axes:
        assert axis.get_xlabel() and axis.get_title()
    assert not [axis for axis in numbers.axes if axis.images]  # it may be shown to anybody
    assert any("Antolík" in text and "CC BY 4.0" in text for text in texts(pictures))
    assert sum(len(axis.images) for axis in pictures.findobj(Axes)) == 18
    for figure in drawn:
        assert_nothing_is_cut_or_covered(figure)


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_test_images_that_are_not_the_published_ones_are_refused_in_a_line(
    damage, directory, tmp_path, capsys
):
    path = pathlib.Path(directory, "Data", "region2", "validation_inputs.npy")
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(published.npy(np.zeros((5, 961))))
    assert region3.main(["--data-dir", directory, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert str(path) in said and ": expected " in said and len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_without_a_folder_it_says_which_option_takes_one(monkeypatch, capsys):
    monkeypatch.delenv("DAENR_DATA_DIR", raising=False)
    assert region3.main([]) == 2
    assert capsys.readouterr().err.startswith("--data-dir: expected ")


def test_patches_of_photographs_are_grey_squares_with_something_on_them():
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    made = photographs.patches(40)
    assert made.shape == (40, 31, 31, 1) and made.dtype == np.uint8
    assert (made.std(axis=(1, 2, 3)) > 0.04 * 255).all() and len(np.unique(made, axis=0)) == 40
    np.testing.assert_array_equal(made[:20], photographs.patches(20))


def test_an_autoencoder_of_photographs_is_tried_on_every_region(directory, monkeypatch):
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    monkeypatch.setattr(photographs, "COUNT", 90)
    images = region3.test_images(directory)
    (row,) = photographs.train(images, 1, (0.5,))
    assert (row["momentum"], row["steps"]) == (0.5, 1) and row["test"].keys() == {"1", "2", "3"}
    assert row["region3"] == [pytest.approx(row["test"]["3"]["mse"])]
    head, _, line = photographs.written([row]).splitlines()
    assert head.count("|") == line.count("|") and line.startswith("| 0.5 | 1 | ")


# The published images


@pytest.fixture(scope="module")
def real():
    if not (REAL / "Data" / "region3" / "validation_inputs.npy").exists():
        pytest.skip("the published test images are not here")
    return region3.everything(region3.test_images(str(REAL)))


def test_the_published_images_say_what_the_page_says(real):
    page = (ROOT / "docs" / "region3.md").read_text(encoding="utf-8").splitlines()
    said = region3_tables.written(real).split("\n\n")
    for table in said[:3]:
        for line in table.splitlines():
            assert line in page, line


def test_the_papers_autoencoder_is_as_good_as_its_latent_in_regions_1_and_2_only(real):
    numbers = {
        region: [row["cosines"] for row in one["paper"] if row["model"] == "CAE"]
        for region, one in real.items()
    }
    assert numbers == {"1": [97], "2": [89], "3": [30, 35]}
    errors = {region: one["codes"]["bilinear"]["mse"] for region, one in real.items()}
    assert errors["3"] == pytest.approx(0.0365, abs=5e-5)
    assert errors["1"] == errors["2"] == pytest.approx(0.0212, abs=5e-5)


def test_the_way_of_resizing_changes_what_cosines_reach_more_than_1_7_fold(real):
    for one in real.values():
        codes = one["codes"]
        ratio = codes["nearest"]["mse"] / codes["bilinear"]["mse"]
        assert 1.74 < ratio < 1.79
