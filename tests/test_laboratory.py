"""Stimuli, tuning, sampling and files of virtual experiments, without a model."""

import json

import numpy as np
import pandas as pd
import pytest
from refusal import refused

from daenr_tf.errors import SettingError
from daenr_tf.laboratory import record, sampling, stimuli, tuning
from daenr_tf.laboratory.settings import Settings
from daenr_tf.receptive_fields import map_centers, spike_triggered_averages
from daenr_tf.recordings.load import load_own

ANGLES = np.arange(18) * 10.0
FREQUENCIES = np.array([0.05, 0.1, 0.2])


def test_a_grating_varies_along_its_orientation_with_its_frequency_and_contrast():
    upright = stimuli.grating((24, 32), 0.0, 1 / 8, 0.0, 0.5)
    assert np.ptp(upright, axis=0).max() < 1e-12  # vertical bars
    np.testing.assert_allclose(upright[:, :24], upright[:, 8:], atol=1e-12)
    assert abs(np.abs(np.fft.rfft(upright[0]))[4] / 16 - 0.5) < 1e-12
    flat = stimuli.grating((24, 32), np.pi / 2, 1 / 8, 0.0, 0.5)
    assert np.ptp(flat, axis=1).max() < 1e-12


def test_a_patch_is_a_disc_about_its_centre():
    patch = stimuli.grating((31, 31), 0.0, 1e-9, 0.0, 1.0, (10.0, 20.0), 8.0)
    rows, columns = np.mgrid[:31, :31]
    apart = np.hypot(rows - 10, columns - 20)
    np.testing.assert_allclose(patch[apart <= 3.5], 1)
    assert not patch[apart >= 4.5].any()
    assert abs(patch.sum() - np.pi * 16) < 1


def test_levels_run_from_the_darkest_to_the_brightest():
    found = stimuli.levels(np.array([[[-1.0, 0.0, 1.0]]]), 3)
    assert found.shape == (1, 1, 3, 3) and found.dtype == np.uint8
    assert found[0, 0, :, 0].tolist() == [0, 128, 255] and np.ptp(found, axis=-1).max() == 0


def test_sparse_noise_shows_each_place_and_sign_as_often_as_every_other():
    images, shown = stimuli.sparse_noise((6, 8), 2, 48, 0.5, seed=3)
    assert len({tuple(row) for row in shown}) == 24
    assert all(np.sum(np.all(shown == row, axis=1)) == 2 for row in shown)
    for image, (row, column, sign) in zip(images, shown, strict=True):
        assert image.sum() == 4 * 0.5 * sign and image[2 * row, 2 * column] == 0.5 * sign
    again = stimuli.sparse_noise((6, 8), 2, 48, 0.5, seed=3)[1]
    assert (again == shown).all()
    assert (stimuli.sparse_noise((6, 8), 2, 48, 0.5, seed=4)[1] != shown).any()


def neuron(prefers, frequency, width, phase_share=0.0, base=0.2):
    """(angles, frequencies, phases, 1): von Mises over orientation, Gaussian over octaves, a sinusoid over phase."""
    kappa = 1 / (2 * np.deg2rad(width)) ** 2
    turn = np.exp(kappa * (np.cos(2 * np.deg2rad(ANGLES - prefers)) - 1))
    octaves = np.exp(-0.5 * np.log2(FREQUENCIES / frequency) ** 2)
    phases = 1 + phase_share * np.cos(np.arange(8) * np.pi / 4 - 1.0)
    return (base + turn[:, None, None] * octaves[:, None] * phases)[..., None]


@pytest.mark.parametrize("prefers", [0.0, 37.0, 90.0, 176.0])
def test_the_planted_orientation_and_frequency_are_found(prefers):
    table = tuning.orientation_tuning(neuron(prefers, 0.1, 20), ANGLES, FREQUENCIES)
    apart = (table["preferred_orientation"][0] - prefers + 90) % 180 - 90
    assert abs(apart) < 0.5 and table["preferred_spatial_frequency"][0] == 0.1


def test_indices_are_those_of_closed_forms():
    cosine = 2 + np.cos(2 * np.deg2rad(ANGLES - 40))
    responses = np.broadcast_to(cosine[:, None, None, None], (18, 3, 8, 1))
    row = tuning.orientation_tuning(responses, ANGLES, FREQUENCIES).iloc[0]
    assert abs(row["osi"] - 0.5) < 1e-12  # (3 - 1) / (3 + 1)
    assert abs(row["global_osi"] - 0.25) < 1e-12  # (1 / 2) / 2
    assert abs(row["bandwidth"] - 45) < 1e-9
    assert abs(row["f1_f0"]) < 1e-12 and abs(row["peak_response"] - 3) < 1e-12


def test_a_neuron_that_follows_the_phase_has_its_share():
    row = tuning.orientation_tuning(neuron(40, 0.1, 20, 0.9, 0.0), ANGLES, FREQUENCIES).iloc[0]
    assert abs(row["f1_f0"] - 0.9) < 1e-9
    assert abs(row["peak_response"] - 1.9) < 1e-9


def test_a_neuron_that_never_changes_has_no_width_and_no_selectivity():
    row = tuning.orientation_tuning(np.ones((18, 3, 8, 1)), ANGLES, FREQUENCIES).iloc[0]
    assert np.isnan(row["bandwidth"]) and abs(row["global_osi"]) < 1e-12 and row["osi"] == 0
    silent = tuning.orientation_tuning(np.zeros((18, 3, 8, 1)), ANGLES, FREQUENCIES).iloc[0]
    assert silent["osi"] == silent["f1_f0"] == 0


def test_half_the_response_is_reached_at_the_contrast_of_a_line():
    contrasts = np.array([0.0, 0.2, 0.4, 0.8])
    curves = np.stack([1 + contrasts, np.ones(4), 2 - contrasts], axis=1)
    table = tuning.contrast_tuning(curves, contrasts)
    assert abs(table["c50"][0] - 0.4) < 1e-12
    assert np.isnan(table["c50"][1]) and np.isnan(table["c50"][2])
    assert table["best_contrast"].tolist() == [0.8, 0.0, 0.0]


def test_suppression_is_what_the_largest_patch_loses():
    curves = np.array([[1.0, 1.0], [5.0, 1.0], [3.0, 0.5]])
    table = tuning.size_tuning(curves, np.array([2.0, 4.0, 8.0]), np.array([1.0, 1.0]))
    assert table["preferred_size"].tolist() == [4.0, 2.0]
    assert table["suppression_index"][0] == 0.5 and np.isnan(table["suppression_index"][1])


def test_maps_of_squares_show_where_a_neuron_looks_and_their_peak_is_its_centre():
    _, shown = stimuli.sparse_noise((20, 20), 2, 400, 0.5, seed=0)
    row, column, sign = shown.T
    apart = (row - 3) ** 2 + (column - 6) ** 2
    response = (1 + np.where(sign > 0, 2, 1) * np.exp(-apart / 2))[:, None]
    dark, bright = tuning.square_maps(response, shown, (10, 10))
    assert np.unravel_index(bright[0].argmax(), (10, 10)) == (3, 6)
    np.testing.assert_allclose((bright - dark)[0, 3, 6], 1.0, atol=1e-6)
    assert np.abs(map_centers(np.abs(bright) + np.abs(dark))[0] - (3, 6)).max() < 0.1


@pytest.mark.parametrize("counts", [False, True])
def test_a_law_that_was_drawn_from_is_fitted_again(counts):
    generator = np.random.default_rng(0)
    rates = generator.gamma(2.0, 1.0, (400, 2)).astype(np.float32)
    fano = np.array([1.0, 1.0]) if counts else np.array([0.5, 2.0])
    law = sampling.Law(counts, fano, np.array([0.0, 0.4]))
    trials = sampling.draw(rates, law, 60, seed=1)
    assert trials.shape == (60, 400, 2) and (trials >= 0).all()
    np.testing.assert_allclose(trials.mean(axis=0).mean(axis=0), rates.mean(axis=0), rtol=0.03)
    expected = law.variance(rates).mean(axis=0)
    np.testing.assert_allclose(trials.var(axis=0, ddof=1).mean(axis=0), expected, rtol=0.08)
    trials[5, 7] = np.nan
    found = sampling.fit(trials)
    assert found.counts == counts
    np.testing.assert_allclose(found.fano, fano, rtol=0.1)
    np.testing.assert_allclose(found.gain, law.gain, atol=0.06)


def test_poisson_responses_are_counts_with_the_variance_of_their_mean():
    rates = np.full((5000, 1), 1.7, np.float32)
    (drawn,) = sampling.draw(rates, sampling.poisson(1), 1, seed=0)
    assert (drawn == np.round(drawn)).all()
    assert abs(drawn.mean() - 1.7) < 0.08 and abs(drawn.var() - 1.7) < 0.15


def test_the_same_seed_draws_the_same_bits_and_streams_differ():
    rates, law = np.ones((30, 2), np.float32), sampling.Law(False, np.ones(2), np.ones(2))
    one, same = (sampling.draw(rates, law, 3, seed=5) for _ in range(2))
    assert (one == same).all()
    assert (sampling.draw(rates, law, 3, seed=6) != one).any()
    assert (sampling.draw(rates, law, 3, seed=5, stream=1) != one).any()


def test_a_recording_without_repeats_has_no_law():
    with refused("mine: expected images that were shown at least twice", kind=ValueError):
        sampling.fit(np.ones((1, 5, 2)), "mine")


@pytest.fixture
def shown():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 6, 6, 1), np.uint8)
    images[10:20] = images[9]  # one stimulus many times
    return stimuli.Stimuli(images, pd.DataFrame({"image": np.arange(40)}))


def test_a_recording_of_an_experiment_can_be_read_and_says_that_it_is_simulated(shown, tmp_path):
    rates = np.random.default_rng(1).gamma(1.0, 1.0, (40, 3)).astype(np.float32)
    path = str(tmp_path / "mine.npz")
    session = record.record(shown, rates, sampling.poisson(3), 4, seed=0)
    record.write_recording(path, shown, session)
    found = load_own(path)
    assert found.simulated and found.repeats == 4 and found.pixel_range == (0.0, 255.0)
    assert not any("identical" in note for note in found.notes)
    np.testing.assert_array_equal(found.test_images, shown.images[session.test])
    np.testing.assert_array_equal(found.test_trials, session.trials)
    np.testing.assert_array_equal(found.responses, session.once[~session.test])
    assert session.test[9:20].all() or not session.test[9:20].any()
    plain = record.record(shown, rates, None, 4, seed=0)
    record.write_recording(path, shown, plain)
    assert load_own(path).repeats is None and (plain.test == session.test).all()


def test_stimuli_that_are_all_alike_make_no_recording(shown):
    alike = stimuli.Stimuli(np.repeat(shown.images[:2], 20, axis=0), shown.conditions)
    with refused("stimuli: expected at least 4 distinct images, found 2"):
        record.record(alike, np.ones((40, 3), np.float32), None, 4, seed=0)


def test_the_tidy_table_has_a_row_per_stimulus_and_neuron(shown, tmp_path, monkeypatch):
    rates = np.arange(120, dtype=np.float32).reshape(40, 3)
    session = record.record(shown, rates, sampling.poisson(3), 4, seed=0)
    monkeypatch.setattr(record, "ROWS_AT_ONCE", 20)
    record.write_responses(tmp_path / "t.csv", shown, session)
    table = pd.read_csv(tmp_path / "t.csv")
    assert len(table) == 120 and table["stimulus"].tolist() == np.repeat(range(40), 3).tolist()
    np.testing.assert_allclose(table["rate"], rates.ravel())
    np.testing.assert_allclose(table["response"], session.responses.ravel(), rtol=1e-5)
    assert (table["presentations"] == np.where(session.test, 4, 1).repeat(3)).all()


def test_what_an_experiment_did_not_make_is_left_alone(tmp_path):
    assert record.claim(str(tmp_path), "a") == [] == record.claim(str(tmp_path / "new"), "a")
    record.begin(str(tmp_path), [], {"made_by": "a"}, ["one.csv"])
    (tmp_path / "one.csv").write_text("")
    assert record.claim(str(tmp_path), "a") == [record.MANIFEST, "one.csv"]
    with refused("--out: expected a new directory, or one that holds only what b made"):
        record.claim(str(tmp_path), "b")
    (tmp_path / "mine.txt").write_text("")
    with refused("found mine.txt in"):
        record.claim(str(tmp_path), "a")
    (tmp_path / record.MANIFEST).write_text(json.dumps([1]))
    with refused("found experiment.json in"):
        record.claim(str(tmp_path), "a")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"contrast": 1.5}, "contrast: expected a number from 0.001 to 1, found 1.5"),
        ({"contrasts": (0.5, 0.2, 0.8)}, "contrasts: expected at least 3 ascending numbers"),
        ({"spatial_frequencies": (0.1, 0.9)}, "spatial_frequencies: expected"),
        ({"sizes": (0.5, 2.0, 3.0)}, "sizes: expected"),
        ({"orientations": 2}, "orientations: expected a whole number from 4"),
        ({"pixels_per_degree": 0.0}, "pixels_per_degree: expected a number above 0"),
        ({"seed": -1}, "seed: expected"),
    ],
)
def test_settings_that_cant_be_used_are_named(given, said):
    with refused(said, kind=SettingError):
        Settings(**given)


def test_degrees_are_pixels_by_the_pixels_that_one_has():
    settings = Settings(pixels_per_degree=4.0, spatial_frequencies=(0.4, 0.8), sizes=(1, 2, 3))
    np.testing.assert_allclose(settings.frequencies(32), (0.1, 0.2))
    np.testing.assert_allclose(settings.diameters(32), (4, 8, 12))
    assert Settings(square=0.5, pixels_per_degree=4.0).square_pixels(32) == 2
    with refused("square: expected 1 to 16 of the model's pixels, found 40", kind=SettingError):
        Settings(square=10.0, pixels_per_degree=4.0).square_pixels(32)


def test_a_spike_triggered_average_of_white_pixels_is_the_filter():
    generator = np.random.default_rng(0)
    images = generator.normal(0, 1, (20_000, 6, 6, 1))
    shape = generator.normal(0, 1, (6, 6))
    responses = np.maximum(images[..., 0].reshape(-1, 36) @ shape.ravel(), 0)[:, None]
    (found,) = spike_triggered_averages(images, responses)
    assert np.corrcoef(found.ravel(), shape.ravel())[0, 1] > 0.95
