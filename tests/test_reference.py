"""What is known without a network, told of a run."""

import copy
import time

import numpy as np
import pytest
from runs import RESULTS

from daenr_tf import ModelConfig, Recording, pipeline
from daenr_tf.runs import reference
from daenr_tf.runs.summary import summary


def ridge(title, validation, test):
    return {
        "title": title,
        "validation": {"pcc": validation, "poisson": 0.9},
        "test": {"pcc": test, "pcc_normalized": None, "poisson": 0.9},
        "strength": 1.0,
        "features": 20,
    }


RIDGES = {
    "pixels": ridge("ridge, pixels", 0.4, 0.5),
    "gabor": ridge("ridge, Gabor energies", 0.1, 0.2),
}


def results(own):
    found = copy.deepcopy(RESULTS)
    found["validation"]["pcc"] = own
    return {**found, "baselines": RIDGES}


@pytest.mark.parametrize(("own", "behind"), [(0.39, True), (0.4, True), (0.41, False)])
def test_a_model_that_is_not_better_on_the_validation_images_is_told_so(own, behind):
    text = summary(results(own), "runs/mine")
    assert (
        "without a network, validation and test mean PCC: ridge, pixels 0.400, 0.500; ridge, Gabor energies 0.100, 0.200"
        in text
    )
    sentence = (
        f"cae_fr does not beat ridge, pixels (validation mean PCC {own:.3f} against 0.400;"
        " test 0.500 against 0.500)"
    )
    assert (sentence in text.split("\n")) is behind


def test_that_other_predictors_without_a_network_were_not_fitted_is_said():
    (line,) = [one for one in summary(results(0.5), "runs/mine").split("\n") if "without a" in one]
    assert "daenr baselines fits other ones" in line
    assert not any("not beat" in one for one in reference.told(results(0.5)))


def codes(validation, test):
    """Results whose reconstructions have an MSE of 0.05 on the validation and 0.04 on the test images, beside linear codes."""
    found = copy.deepcopy(RESULTS)
    one = {"size": 100, "mse": test, "psnr": 20.0, "ssim": 0.7}
    two = {"size": 99, "mse": 1.0, "psnr": 1.0, "ssim": 0.1}
    if validation is not None:
        one["validation"], two["validation"] = {"mse": validation}, {"mse": 1.0}
    return {**found, "linear_codes": {"pca": two, "dct": one}}


@pytest.mark.parametrize(("least", "behind"), [(0.049, True), (0.05, True), (0.051, False)])
def test_a_model_that_does_not_reconstruct_better_than_a_linear_code_is_told_so(least, behind):
    found = codes(least, 0.03)
    sentence = (
        "cae_fr does not reconstruct better than a linear code of its size, DCT of 100"
        f" (validation MSE 0.050 against {least:.3f}; test 0.040 against 0.030)"
    )
    assert (sentence in summary(found, "runs/mine").split("\n")) is behind
    assert reference.behind(found) == [sentence] * behind


@pytest.mark.parametrize(("least", "behind"), [(0.04, True), (0.041, False)])
def test_without_validation_figures_of_both_it_is_the_test_images_and_that_is_said(least, behind):
    found = codes(None, least)
    told = reference.told_of_codes(found)
    assert bool(told) is behind
    assert all("(test MSE 0.040 against 0.040)" in one and "validation" not in one for one in told)
    del found["linear_codes"]
    assert reference.told_of_codes(found) == []


def test_what_reconstructs_worse_and_predicts_worse_is_told_both():
    found = {**codes(0.01, 0.01), "baselines": RIDGES}
    found["validation"]["pcc"] = 0.3
    assert ["reconstruct" in one for one in reference.behind(found)] == [True, False]


@pytest.mark.parametrize("known", [None, {}])
def test_a_run_without_them_says_nothing_of_them(known):
    assert "without a network" not in summary({**RESULTS, "baselines": known}, "runs/mine")


@pytest.mark.parametrize("color", ["grey", "rgb"])
def test_what_would_take_minutes_is_not_fitted_and_that_is_said(monkeypatch, color):
    rng = np.random.default_rng(0)
    recording = Recording(
        images=rng.integers(0, 256, (40, 8, 12, 3), np.uint8),
        responses=rng.gamma(1.0, 1.0, (40, 3)),
    )
    sets = pipeline.prepare(recording, ModelConfig("cnn_fr", image_size=(8, 12), color=color), 0)
    found, notes = reference.fitted(recording, sets)
    assert not any("not fitted" in note for note in notes) and found.keys() == RIDGES.keys()
    assert all(one.keys() == RIDGES["gabor"].keys() for one in found.values())
    monkeypatch.setattr(
        reference, "MOST_NUMBERS", len(sets.train.images) * found["gabor"]["features"] - 1
    )
    found, notes = reference.fitted(recording, sets)
    (note,) = [note for note in notes if "was not fitted beside the model" in note]
    assert found.keys() == {"pixels"} and note.startswith("ridge, Gabor energies")


def test_what_is_fitted_meanwhile_is_the_same_and_its_failure_is_not_lost(monkeypatch):
    rng = np.random.default_rng(0)
    recording = Recording(
        images=rng.integers(0, 256, (40, 8, 8), np.uint8), responses=rng.gamma(1.0, 1.0, (40, 3))
    )
    sets = pipeline.prepare(recording, ModelConfig("cnn_fr", image_size=(8, 8)), 0)
    np.testing.assert_equal(
        reference.begin(recording, sets).result(), reference.fitted(recording, sets)
    )

    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr("daenr_tf.baselines.measure.measure", fail)
    with pytest.raises(MemoryError, match="no room"):
        reference.begin(recording, sets).result()


LEFT = """
import sys, time
from daenr_tf.runs import reference
reference.fitted = lambda *_: time.sleep(600)
reference.begin(None, None)
sys.exit(0)
"""


def test_a_process_that_ends_without_it_does_not_wait_for_it(run_python):
    started = time.monotonic()
    run_python(LEFT)
    assert time.monotonic() - started < 300


def test_missing_responses_that_leave_nothing_to_score_are_said():
    rng = np.random.default_rng(0)
    whole = Recording(
        images=rng.integers(0, 256, (50, 8, 8), np.uint8),
        responses=rng.gamma(1.0, 1.0, (50, 3)),
    )
    _, validation = whole.split(0)
    responses = np.array(whole.responses)
    responses[validation[2:]] = np.nan  # two left
    recording = Recording(
        images=whole.images,
        responses=responses,
        test_images=whole.test_images,
        test_responses=whole.test_responses,
    )
    sets = pipeline.prepare(recording, ModelConfig("cnn_fr", image_size=(8, 8)), 0)
    found, notes = reference.fitted(recording, sets)
    assert found == {} and len(notes) == 2
    assert all("could not be fitted beside the model" in note for note in notes)


def test_a_linear_neuron_is_held_against_what_a_linear_model_makes_of_it():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (300, 8, 8), np.uint8)
    drive = images.reshape(300, -1) @ rng.normal(size=(64, 2)) / 128
    recording = Recording(images=images, responses=drive - drive.min())
    sets = pipeline.prepare(recording, ModelConfig("cnn_fr", image_size=(8, 8)), 0)
    found, _ = reference.fitted(recording, sets)
    assert found["pixels"]["test"]["pcc"] > 0.95 > found["gabor"]["test"]["pcc"] + 0.3
