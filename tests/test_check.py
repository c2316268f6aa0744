"""`daenr check`: a recording in figures, and what can be read of a file that is none."""

import dataclasses
import os
import pathlib
import re

import numpy as np
import pytest
from drawing import assert_nothing_is_cut_or_covered, texts

from daenr_tf import metrics
from daenr_tf.commands.main import main
from daenr_tf.config import ModelConfig, RunConfig
from daenr_tf.plotting import recording_figures
from daenr_tf.recordings import checks, description, inspection
from daenr_tf.recordings.load import load_recording
from daenr_tf.runs import products, run

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(10, 200, (40, 8, 9), np.uint8)
TEST_IMAGES = RANDOM.integers(0, 256, (12, 8, 9), np.uint8)
RESPONSES = RANDOM.gamma(1.0, 1.0, (40, 4))
TRIALS = RANDOM.gamma(2.0, TEST_IMAGES.reshape(12, -1)[:, :4] / 255 + 0.2, (9, 12, 4))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def check(capsys, *arguments, status=0):
    with pytest.raises(SystemExit) as left:
        main(["check", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert left.value.code == status, err
    return out, err


def write(**changes):
    np.savez(
        "mine.npz",
        **{
            "images": IMAGES,
            "responses": RESPONSES,
            "test_images": TEST_IMAGES,
            "test_trials": TRIALS,
            **changes,
        },
    )
    return "mine.npz"


def lines(out):
    return {line[:20].strip(): line[20:] for line in out.splitlines()}


def test_a_recording_is_described_in_figures(capsys):
    said = lines(check(capsys, write())[0])
    assert said["images"] == "40 training, 12 test, 8x9 pixels, grey, uint8"
    assert said["grey levels"].startswith(
        f"{IMAGES.min()} to {IMAGES.max()} in training (mean {IMAGES.mean():.4g}, SD"
        f" {IMAGES.std():.4g}); 0 to 255 become"
    )
    assert said["responses"].startswith(f"mean {RESPONSES.mean():.3g} (quartiles")
    assert said["repeats"] == "9 of each test image"
    assert said["noise ceiling"].startswith(
        f"{metrics.noise_ceiling(TRIALS.astype('float32')).mean():.3g} (quartiles"
    )
    assert said["split (seed 0)"] == "32 images trained on, 8 validated on, 12 tested on"
    assert re.fullmatch("[0-9a-f]{64}", said["digest"])
    assert "SIMULATED" not in said["recording"]


def test_repeats_that_vary_are_told_as_they_are(capsys):
    trials = TRIALS.copy()
    trials[6:, 3] = np.nan
    assert (
        lines(check(capsys, write(test_trials=trials))[0])["repeats"] == "6 to 9 of each test image"
    )


def test_averages_alone_have_no_ceiling(capsys):
    np.savez("mine.npz", images=IMAGES, responses=RESPONSES)
    out = check(capsys, "mine.npz", "--out", "there")[0]
    assert (
        "no test_trials: no noise ceiling, no oracle" in out
        and "noise ceiling       " not in out
        and "held out" in lines(out)["told"]
    )
    assert os.path.exists("there/check.png")


def test_repeats_become_trials_where_they_are_asked_to(capsys):
    images = np.concatenate([IMAGES[:5], IMAGES])  # 5 of 40 are shown twice
    np.savez("mine.npz", images=images, responses=np.concatenate([RESPONSES[:5], RESPONSES]))
    said = lines(check(capsys, "mine.npz", "--repeats-as-test")[0])
    assert said["images"].startswith("35 training, 5 test")
    assert said["repeats"] == "2 of each test image"
    assert said["told"].startswith("The 5 stimuli that were shown several times are the test set")
    for arguments in (("mine.npz",), ("mine.npz", "--repeats-as-test", "--no-repeats-as-test")):
        assert "--repeats-as-test makes trials" in check(capsys, *arguments)[0]
    err = check(capsys, "simulated", "--repeats-as-test", status=2)[1]
    assert "--repeats-as-test: expected one's own recording" in err


def test_duplicates_and_neurons_that_do_not_vary_are_named(capsys):
    images, responses = IMAGES.copy(), RESPONSES.copy()
    images[5] = images[6] = images[7]
    images[9] = TEST_IMAGES[0]
    responses[:, 1], responses[:, 2] = 0, 1.5
    out = check(capsys, write(images=images, responses=responses))[0]
    said = lines(out)
    assert said["duplicates"].startswith(
        "2 training images repeating another, no test images; none stands in training and in test"
    )
    assert said["neurons"] == "4; 1 silent (1); 1 constant (2) in training; none constant in test"
    assert "(any left out" not in out
    assert "1 of 40 training images are identical to a test image" in out


def test_what_a_fit_warns_of_is_told(capsys):
    responses, trials = RESPONSES / 1000, TRIALS.copy()
    responses[:, 1], trials[..., 2], trials[..., 3] = 0, 1.5, 0
    path = write(responses=responses, test_trials=trials)
    said = check(capsys, path)[0]
    assert lines(said)["neurons"].endswith("; 2 constant (2, 3) in test")
    recording, config = load_recording(path), RunConfig(ModelConfig("cnn_fr"), dataset=path)
    cautions = checks.cautions(recording)
    assert cautions[0].startswith(f"the mean response is {responses.mean():.3g} per presentation")
    assert cautions[1:] == [
        "1 of 4 neurons never vary in training: nothing can be learned of them",
        "2 of 4 neurons never vary in the test set: their PCC counts as 0 in the mean",
    ]
    for caution in cautions:
        assert f"told                {caution}" in said and caution in run.notes_of(
            config, recording
        )
    assert not checks.cautions(load_recording(write()))


def test_neurons_that_never_vary_are_not_among_the_best_predicted(recording):
    responses, test_responses = recording.responses.copy(), recording.test_responses.copy()
    responses[:, 1], test_responses[:, 3] = 0, 2
    changed = {"responses": responses, "test_responses": test_responses, "test_trials": None}
    silent = dataclasses.replace(recording, **changed)
    pcc = np.array([-0.1, 0, 0.4, 0, -0.2])
    assert list(products.best_predicted(pcc, silent)) == [2, 0, 4]
    assert list(products.best_predicted(pcc, recording)) == [2, 1, 3, 0, 4]


def test_images_are_described_in_chunks_as_in_one(recording, monkeypatch):
    whole = description.describe(recording)
    monkeypatch.setattr(description, "MOST_BYTES", 8 * recording.images[0].size * 7)
    chunked = description.describe(recording)
    np.testing.assert_allclose(chunked.grey, whole.grey, rtol=1e-12)
    assert (
        np.isclose(chunked.contrast, whole.contrast)
        and (chunked.grey_counts == whole.grey_counts).all()
    )
    assert whole.grey_counts.sum() == recording.images.size
    levels = recording.images / 255.0
    assert np.isclose(whole.contrast, levels.std(axis=(1, 2, 3)).mean()) and np.isclose(
        whole.grey[3], recording.images.std()
    )


def test_simulated_data_say_so_on_the_figures_face(drawn, capsys):
    out, _ = check(capsys, "simulated", "--region", "2", "--out", "there")
    assert (
        "SIMULATED data" in lines(out)["recording"]
        and pathlib.Path("there/check.txt").read_text("utf-8") == out
    )
    said = texts(drawn[0])
    assert "simulated data" in said
    for label in (
        "grey level of the training images",
        "pixels (%)",
        "mean response (per presentation)",
        "neurons",
        "correlation",
    ):
        assert label in said


REFUSED = RESPONSES.copy()
REFUSED[3, 2], REFUSED[7, 1], REFUSED[9, 0] = np.nan, -2, np.inf


def test_what_can_be_read_of_a_refused_file_is_described_and_the_reason_told(capsys):
    path = write(responses=REFUSED, test_images=np.array([{}], object))
    out, err = check(capsys, path, "--out", "there", status=2)
    assert err.count("\n") == 1 and err.startswith("daenr check: mine.npz: ")
    reason = err.removeprefix("daenr check: ")
    assert out.startswith(f"mine.npz can't be used as a recording:\n  {reason}What can be read of")
    finite = REFUSED[np.isfinite(REFUSED)]
    assert "  images: shape (40, 8, 9), uint8, " in out
    assert (
        f"responses: shape (40, 4), float64, -2 to {finite.max():.6g}; 1 NaN, 1 infinite, 1"
        f" negative, the first at [3, 2]" in out
    )
    assert (
        "test_images: can't be read: expected an array of plain numbers, found pickled objects"
        in out
        and "test_trials: shape (9, 12, 4)" in out
    )
    assert pathlib.Path("there/check.txt").read_text("utf-8") == out and os.listdir("there") == [
        "check.txt"
    ]


@pytest.mark.parametrize("place", ["/proc", "/proc/checked"])
def test_a_place_that_can_not_be_written_to_is_refused_before_anything_is_read(place, capsys):
    """To root too, to whom it says that it can."""
    out, err = check(capsys, write(), "--out", place, status=2)
    assert out == "" and "--out: expected a directory that can be written to, found that" in err


def test_a_file_that_is_no_archive_and_one_that_is_a_single_array_are_told(capsys):
    np.save("single.npy", REFUSED)
    out, _ = check(capsys, "single.npy", status=2)
    assert "(the file): shape (40, 4), float64, -2 to " in out
    with open("text.npz", "w", encoding="utf-8") as file:
        file.write("no archive")
    assert "no array" in check(capsys, "text.npz", status=2)[0]


def test_a_file_cut_off_is_described_as_far_as_it_goes(capsys):
    path = write()
    with open(path, "r+b") as file:
        file.seek(3000)
        file.write(b"\xff" * 50)
    out, err = check(capsys, path, status=2)
    assert "can't be read" in out and "responses: shape (40, 4)" in out and err.count("\n") == 1


@pytest.mark.parametrize("neurons", [1, 3, 100])
def test_nothing_in_the_figure_is_cut_or_covered(neurons, make_recording, drawn):
    recording = make_recording(neurons=neurons)
    recording_figures.recording(
        "unused",
        recording.images,
        recording.pixel_range,
        description.describe(recording),
        "Title",
        simulated=True,
    )
    assert_nothing_is_cut_or_covered(drawn[0])


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_first_bad_value_is_found_across_chunks_in_either_order(order, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK", 7)
    values = np.ones((5, 6), order=order)
    values[4, 1] = -3
    found = inspection.look("a", values)
    assert (found.low, found.high, found.negative, found.nan, found.first_bad) == (
        -3,
        1,
        1,
        0,
        (4, 1),
    )


def test_the_jackknife_oracle_is_the_correlation_of_trials_with_the_mean_of_the_others():
    trials = TRIALS.copy()
    trials[5:, 2, 1] = np.nan
    trials[1:, 4, 1] = np.nan  # a single trial has no others
    trials[..., 3] = 2.0
    oracle = metrics.jackknife_oracle(trials)
    for neuron in range(3):
        pairs = []
        for image in range(12):
            own = trials[:, image, neuron][~np.isnan(trials[:, image, neuron])]
            pairs += [(own[i], np.delete(own, i).mean()) for i in range(len(own)) if len(own) > 1]
        assert np.isclose(oracle[neuron], np.corrcoef(np.transpose(pairs))[0, 1])
    assert oracle[3] == 0 and np.isnan(metrics.jackknife_oracle(trials[:1])).all()


def test_the_fano_factor_is_the_mean_variance_over_the_mean_response():
    trials = TRIALS.copy()
    trials[..., 1] = 0
    trials[1:, 4, 2] = np.nan
    fano = metrics.fano_factor(trials)
    assert np.isclose(
        fano[0], trials[..., 0].var(axis=0, ddof=1).mean() / trials[..., 0].mean()
    ) and np.isnan(fano[1])
    known = np.delete(trials[..., 2], 4, axis=1).var(axis=0, ddof=1).mean()
    assert np.isclose(fano[2], known / np.nanmean(trials[..., 2], axis=0).mean())


def test_the_guide_shows_what_the_command_says_of_the_simulated_recording(capsys):
    guide = (pathlib.Path(__file__).parents[1] / "docs" / "checking.md").read_text("utf-8")
    assert check(capsys, "simulated")[0] in guide
