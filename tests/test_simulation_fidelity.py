import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dctn, idctn

from daenr_tf import paper
from daenr_tf.recordings.recording import Recording
from daenr_tf.recordings.simulated.regions import REGIONS, simulate
from daenr_tf.tools.simulation_fidelity import (
    ANTOLIK,
    MODEL_TOLERANCE,
    TOLERANCE,
    model_table,
    statistics,
    table,
)
from daenr_tf.tools.simulation_models import PENALTIES, cnn_fr_pcc, ridge_pcc

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "antolik" / "Data"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(params=REGIONS)
def recording(request, cache):
    return simulate(request.param, cache)


@pytest.mark.parametrize("name", TOLERANCE)
def test_a_region_is_calibrated_to_the_real_one(recording, name):
    found = statistics(
        recording.responses, recording.test_trials, recording.images, recording.pixel_range
    )
    real = getattr(ANTOLIK[recording.region], name)
    most, relative = TOLERANCE[name]
    assert getattr(found, name) == pytest.approx(real, abs=most * real if relative else most)


def test_every_statistic_has_a_tolerance():
    assert list(TOLERANCE) == [field.name for field in dataclasses.fields(ANTOLIK[1])]


@pytest.mark.parametrize("region", REGIONS)
def test_statistics_give_the_published_figures_on_the_real_files(region):
    folder = REAL / f"region{region}"
    if not folder.is_dir():
        pytest.skip("the files of Antolík et al. (2016) are not beside this checkout")
    responses, trials, images = (
        np.load(folder / f"{name}.npy", allow_pickle=False)
        for name in ("training_set", "raw_validation_set", "validation_inputs")
    )
    found = statistics(responses, trials, images.reshape(-1, 31, 31), (0, 2.55e-4))
    assert dataclasses.astuple(found) == pytest.approx(
        dataclasses.astuple(ANTOLIK[region]), abs=6e-4
    )


def made_up(images, trials=None):
    """Statistics of what only the images, or only the trials, matter in."""
    trials = np.random.default_rng(0).random((4, 5, 3)) if trials is None else trials
    return statistics(trials[0], trials, images, (0.0, 1.0))


def test_noise_correlation_leaves_out_what_the_images_share():
    random = np.random.default_rng(0)
    image, shared, own = (
        random.normal(size=shape) for shape in ((1, 400, 1), (50, 400, 1), (50, 400, 4))
    )
    trials = 9 * image + np.sqrt(0.3) * shared + np.sqrt(0.7) * own
    found = made_up(random.random((9, 31, 31)), trials).noise_correlation
    assert found == pytest.approx(0.3, abs=0.02)


def test_the_tail_is_the_share_of_the_components_that_are_not_the_lowest():
    components = np.zeros((6, 31, 31))
    components[:, 0, 0] = 40.0  # the mean grey level doesn't count
    components[:, 9, 9], components[:, 10, 0] = 2.0, 1.0
    images = idctn(components, axes=(1, 2), norm="ortho")
    assert np.allclose(dctn(images, axes=(1, 2), norm="ortho"), components)
    assert made_up(images).tail == pytest.approx(0.2)


def test_power_is_that_of_gratings():
    x = np.arange(31) / 31
    grating = np.sqrt(2) * np.cos(2 * np.pi * x) + np.cos(2 * np.pi * 4 * x)
    found = made_up(np.broadcast_to(grating[:, None], (3, 31, 31)) / 9)
    ring = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(31, 1 / 31)]))
    counts = [(np.abs(ring - k) < 0.5).sum() for k in (1, 4)]
    assert found.power_4 == pytest.approx(0.5 * counts[0] / counts[1])
    assert found.power_2 == pytest.approx(0, abs=1e-12)


def linear_recording(noise, neurons=5):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (500, 6, 6), np.uint8)
    weights = random.normal(size=(36, neurons))
    rates = (images.reshape(500, -1) / 255 - 0.5) @ weights
    rates = rates - rates.min() + noise * random.random(rates.shape)
    return Recording(
        images=images[:450],
        responses=rates[:450],
        test_images=images[450:],
        test_responses=rates[450:],
    )


def test_ridge_finds_linear_neurons_and_nothing_in_noise():
    assert ridge_pcc(linear_recording(0)) > 0.999
    shuffled = linear_recording(0, neurons=60)
    shuffled = dataclasses.replace(shuffled, responses=shuffled.responses[::-1])
    # weights that mean nothing correlate with 36 others with an SD of 1/6, the mean over 60 neurons with 0.02
    assert abs(ridge_pcc(shuffled)) < 0.1


def test_ridge_is_the_regression_of_the_normal_equations(monkeypatch):
    recording = linear_recording(3)
    monkeypatch.setattr("daenr_tf.tools.simulation_models.PENALTIES", PENALTIES[6:7])
    training, _ = recording.split(0)
    pixels, test = (
        images.reshape(len(images), -1).astype(float)
        for images in (recording.images, recording.test_images)
    )
    mean, deviation = pixels[training].mean(axis=0), pixels[training].std(axis=0)
    design = (pixels[training] - mean) / deviation
    weights = np.linalg.solve(
        design.T @ design + PENALTIES[6] * np.eye(36), design.T @ recording.responses[training]
    )
    predicted = (test - mean) / deviation @ weights
    expected = [
        np.corrcoef(predicted[:, n], recording.test_responses[:, n])[0, 1] for n in range(5)
    ]
    assert ridge_pcc(recording) == pytest.approx(np.mean(expected), abs=1e-6)


def test_ridge_on_pixels_reaches_what_a_linear_model_reached_on_the_animal(recording):
    real = paper.klindt_2017(recording.region)["LNP"]
    assert ridge_pcc(recording) == pytest.approx(real, abs=MODEL_TOLERANCE)


@pytest.mark.slow
def test_cnn_fr_reaches_what_it_reached_on_the_animal(recording):
    real = paper.klindt_2017(recording.region)["CNN-FR"]
    assert cnn_fr_pcc(recording) == pytest.approx(real, abs=MODEL_TOLERANCE)


def test_the_document_shows_the_tables_that_the_command_prints(cache):
    text = (ROOT / "docs" / "simulated.md").read_text(encoding="utf-8")
    assert table(cache) in text and model_table(cache_dir=cache) in text


def test_the_document_shows_cnn_fr_as_calibrated():
    text = (ROOT / "docs" / "simulated.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| CNN-FR2 \| ([\d.]+) \| ([\d.]+) \|", text, re.MULTILINE)
    assert [int(region) for region, _, _ in rows] == list(REGIONS)
    for region, real, found in rows:
        assert float(real) == paper.klindt_2017(int(region))["CNN-FR"]
        assert abs(float(found) - float(real)) <= MODEL_TOLERANCE
