import dataclasses
import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from daenr_tf.errors import InputError
from daenr_tf.recordings.simulated import regions
from daenr_tf.recordings.simulated.dead_leaves import dead_leaves
from daenr_tf.recordings.simulated.population import MEAN_REMOVED, Population, _poisson
from daenr_tf.recordings.simulated.regions import REGIONS, fingerprint, generate, simulate
from daenr_tf.tools.simulation_fidelity import ANTOLIK, TOLERANCE, statistics, table

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "antolik" / "Data"
COUNTS = {
    1: (1800, 103, 10),
    2: (1260, 55, 8),
    3: (1800, 102, 12),
}  # as published: docs/recordings.md
SMALL = 2  # the region that is quickest to make


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(params=REGIONS)
def recording(request, cache):
    return simulate(request.param, cache)


@pytest.fixture(scope="module")
def arrays():
    return generate(SMALL)


def region_of(recording):
    return int(recording.name[-1])


def population(neurons=4, **attributes):
    made = Population.draw(
        np.random.RandomState(0), neurons, events=0.8, amplitude=0.9, explainable=(0.1, 0.4)
    )
    return dataclasses.replace(made, **attributes)


def test_a_recording_has_the_regions_counts_and_says_that_it_is_simulated(recording):
    images, neurons, repeats = COUNTS[region_of(recording)]
    assert recording.simulated and "simulated" in recording.name
    assert recording.pixel_range == (0.0, 255.0)
    assert recording.images.shape == (images, 31, 31, 1) and recording.images.dtype == np.uint8
    assert recording.test_images.shape == (50, 31, 31, 1)
    assert recording.responses.shape == (images, neurons)
    assert recording.test_trials.shape == (repeats, 50, neurons)


def test_responses_are_finite_non_negative_reals_and_not_counts(recording):
    for responses in (recording.responses, recording.test_trials):
        assert responses.dtype == np.float32
        assert np.isfinite(responses).all() and (responses >= 0).all()
        events = responses[responses > 0]
        assert np.mean(events == np.round(events)) < 0.01
    assert all(
        np.unique(trials, axis=0).shape[0] > 1
        for trials in np.moveaxis(recording.test_trials, 2, 0)
    )


@pytest.mark.parametrize("name", TOLERANCE)
def test_a_region_is_calibrated_to_the_real_one(recording, name):
    found = statistics(
        recording.responses, recording.test_trials, recording.images, recording.pixel_range
    )
    real = getattr(ANTOLIK[region_of(recording)], name)
    most, relative = TOLERANCE[name]
    assert getattr(found, name) == pytest.approx(real, abs=most * real if relative else most)


@pytest.mark.parametrize("region", REGIONS)
def test_statistics_give_the_published_figures_on_the_real_files(region):
    folder = REAL / f"region{region}"
    if not folder.is_dir():
        pytest.skip("the files of Antolík et al. (2016) are not beside this checkout")
    responses, trials, images = (
        np.load(folder / f"{name}.npy", allow_pickle=False)
        for name in ("training_set", "raw_validation_set", "validation_inputs")
    )
    found = statistics(responses, trials, images, (0, 2.55e-4))
    assert dataclasses.astuple(found) == pytest.approx(
        dataclasses.astuple(ANTOLIK[region]), abs=6e-4
    )


def test_the_signal_to_noise_ratio_varies_over_neurons(recording):
    ratio = recording.truth["signal_to_noise"]
    assert np.quantile(ratio, 0.9) > 5 * np.quantile(ratio, 0.1) > 0


def test_images_have_the_spectrum_of_the_real_ones(recording):
    power = np.abs(np.fft.fft2(recording.images[..., 0] / 255.0 - 0.5)) ** 2
    cycles = np.fft.fftfreq(31, 1 / 31)
    distance = np.hypot(cycles[:, None], cycles)
    spectrum = [power.mean(axis=0)[np.abs(distance - k) < 0.5].mean() for k in range(1, 7)]
    real = np.array([1, 0.328, 0.156, 0.070, 0.047, 0.029])  # test images of region 3, the same way
    assert np.abs(np.log2(spectrum / spectrum[0] / real)).max() < 1


def test_test_images_of_regions_1_and_2_are_identical_as_in_the_real_recordings(cache):
    first, second, third = (simulate(region, cache).test_images for region in (1, 2, 3))
    assert np.array_equal(first, second) and not np.array_equal(first, third)


def test_truth_has_a_row_per_neuron_and_the_noiseless_rates(recording):
    truth, neurons = recording.truth, recording.neurons
    assert truth["center"].shape == (neurons, 2)
    assert (truth["center"] >= 0).all() and (truth["center"] <= 30).all()
    for name in ("orientation", "spatial_frequency", "phase", "size", "signal_to_noise"):
        assert truth[name].shape == (neurons,) and np.isfinite(truth[name]).all()
    assert (truth["orientation"] >= 0).all() and (truth["orientation"] <= np.pi).all()
    assert truth["complex"].dtype == bool and 0.1 < truth["complex"].mean() < 0.4
    assert truth["rates"].shape == recording.responses.shape
    assert truth["test_rates"].shape == recording.test_responses.shape


def test_responses_average_to_the_noiseless_rates(recording):
    truth = recording.truth
    standard_error = np.sqrt((2 * truth["amplitude"] * truth["rates"]).sum(axis=0)) / len(
        recording.responses
    )
    z = (recording.responses.mean(axis=0) - truth["rates"].mean(axis=0)) / standard_error
    assert np.abs(z).max() < 4.5 and 0.7 < z.std() < 1.3


def test_rates_follow_from_the_planted_receptive_field(cache):
    recording = simulate(SMALL, cache)
    truth = recording.truth
    images = recording.images[..., 0].astype(float) - 128
    for neuron in (int(np.argmin(truth["complex"])), int(np.argmax(truth["complex"]))):
        drive = [np.tensordot(images, gabor(truth, neuron, shift), 2) for shift in (0, np.pi / 2)]
        unit = np.sqrt(np.mean(drive[0] ** 2))
        drive = np.hypot(*drive) if truth["complex"][neuron] else drive[0]
        tuning = np.maximum(drive / unit - truth["threshold"][neuron], 0) ** 2
        assert np.corrcoef(tuning, truth["rates"][:, neuron])[0, 1] > 0.99999


def gabor(truth, neuron, shift):
    """The planted filter, one pixel at a time."""
    (row, column), angle = truth["center"][neuron], truth["orientation"][neuron]
    envelope, grating = np.zeros((31, 31)), np.zeros((31, 31))
    for i in range(31):
        for j in range(31):
            along = (j - column) * np.cos(angle) + (i - row) * np.sin(angle)
            envelope[i, j] = np.exp(
                -0.5 * ((i - row) ** 2 + (j - column) ** 2) / truth["size"][neuron] ** 2
            )
            grating[i, j] = np.cos(
                2 * np.pi * truth["spatial_frequency"][neuron] * along
                + truth["phase"][neuron]
                + shift
            )
    made = envelope * grating
    made -= MEAN_REMOVED * envelope * made.sum() / envelope.sum()
    return made / np.linalg.norm(made)


def test_a_complex_cell_answers_to_either_contrast_and_a_simple_cell_does_not():
    images = dead_leaves(np.random.RandomState(0), 200)
    inverted = 256 - np.clip(images, 1, 255).astype(int)
    cells = population(complex=np.array([True, True, False, False]), threshold=np.zeros(4))
    rates, inverse = (
        cells.rates(i.astype(np.uint8), reference=images)
        for i in (np.clip(images, 1, 255), inverted)
    )
    same = [np.corrcoef(rates[:, n], inverse[:, n])[0, 1] for n in range(4)]
    assert min(same[:2]) > 0.999 and max(same[2:]) < 0


def test_the_planted_explainable_share_is_that_of_the_rates():
    images = dead_leaves(np.random.RandomState(0), 500)
    cells = population(20, explainable=np.linspace(0.01, 0.15, 20))
    rates = cells.rates(images, reference=images)
    share = rates.var(axis=0) / (rates.var(axis=0) + 2 * cells.amplitude * rates.mean(axis=0))
    assert share == pytest.approx(cells.explainable, abs=2e-3)
    assert rates.mean(axis=0) == pytest.approx(cells.events * cells.amplitude, rel=1e-3)


def test_a_presentation_is_a_compound_poisson_number():
    cells = population(3, amplitude=np.array([0.5, 0.9, 1.3]))
    rate = np.array([0.2, 0.9, 4.0])
    responses = cells.respond(np.random.RandomState(1), np.broadcast_to(rate, (40000, 3))).astype(
        float
    )
    assert responses.mean(axis=0) == pytest.approx(rate, rel=0.03)
    assert responses.var(axis=0) / rate == pytest.approx(2 * cells.amplitude, rel=0.05)
    assert np.mean(responses == 0, axis=0) == pytest.approx(
        np.exp(-rate / cells.amplitude), abs=0.01
    )


def test_the_number_of_events_is_the_poisson_quantile():
    uniform = np.random.RandomState(0).random_sample(2000)
    for mean in (0.0, 0.3, 2.0, 15.0):
        expected = np.maximum(stats.poisson.ppf(uniform, mean), 0)
        assert np.array_equal(_poisson(uniform, np.full(2000, mean)), expected)


@pytest.mark.parametrize("contrast", [0.5, 1.0])
def test_contrast_narrows_the_range_of_grey_levels(contrast):
    images = dead_leaves(np.random.RandomState(0), 100, contrast).astype(float)
    assert images.min() == pytest.approx(128 - 128 * contrast, abs=1)
    assert images.max() == pytest.approx(127 + 128 * contrast, abs=1)


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_is_the_committed_bytes(region, cache):
    simulate(region, cache)
    (path,) = cache.glob(f"region{region}-*.npz")
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        sha.update(
            f"{name} {array.dtype.kind}{array.dtype.itemsize} {array.shape}\n".encode()
            + array.tobytes()
        )
    assert sha.hexdigest() == REGIONS[region].sha256


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_bytes_do_not_depend_on_processor_features_or_threads(threads):
    # older kernels of NumPy and OpenBLAS, which round differently, stand in for another machine
    from numpy._core import _multiarray_umath as core

    newer = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    environment = {
        **os.environ,
        "NPY_DISABLE_CPU_FEATURES": " ".join(newer),
        "OPENBLAS_NUM_THREADS": threads,
    }
    if threads == "1" and "X86_V2" in core.__cpu_baseline__:
        environment["OPENBLAS_CORETYPE"] = "Nehalem"
    script = f"from daenr_tf.recordings.simulated.regions import *; print(fingerprint(generate({SMALL})))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == REGIONS[SMALL].sha256, done.stderr


def test_a_region_is_made_once_and_then_read(cache, monkeypatch):
    made = simulate(SMALL, cache)
    monkeypatch.setattr(regions, "generate", None)
    again = simulate(SMALL, cache)
    assert again.digest == made.digest
    assert all(np.array_equal(again.truth[key], made.truth[key]) for key in made.truth)


def test_the_cache_is_the_users_unless_another_is_named(arrays, tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    monkeypatch.setattr(regions, "generate", lambda region: arrays)
    simulate(SMALL)
    assert [path.name for path in (tmp_path / "daenr_tf" / "simulated").iterdir()] == [
        f"region{SMALL}-{REGIONS[SMALL].sha256[:12]}.npz"
    ]


def flip_a_byte(path):
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)


DAMAGE = {
    "a flipped bit": flip_a_byte,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no archive"),
    "a single array": lambda path: path.write_bytes(npy_bytes()),
    "other arrays": lambda path: np.savez(path, images=np.zeros(3)),
    "pickled objects": lambda path: np.savez(path, images=np.array([{}], dtype=object)),
}


def npy_bytes():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_made_anew(damage, arrays, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(regions, "generate", lambda region: made.append(region) or arrays)
    good = simulate(SMALL, tmp_path)
    (path,) = tmp_path.iterdir()
    DAMAGE[damage](path)
    assert simulate(SMALL, tmp_path).digest == good.digest and made == [SMALL, SMALL]
    assert simulate(SMALL, tmp_path).digest == good.digest and made == [SMALL, SMALL]
    assert [path] == list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_no_error(cache, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert simulate(SMALL, blocked / "below").digest == simulate(SMALL, cache).digest


def test_a_full_disk_is_no_error_and_leaves_nothing_behind(arrays, tmp_path, monkeypatch):
    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    monkeypatch.setattr(regions, "generate", lambda region: arrays)
    assert simulate(SMALL, tmp_path).neurons == COUNTS[SMALL][1]
    assert not list(tmp_path.iterdir())


def test_other_bytes_than_the_published_ones_give_a_warning_and_are_not_kept(
    arrays, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        regions, "generate", lambda region: {**arrays, "responses": arrays["responses"] + 1}
    )
    with pytest.warns(UserWarning, match="not, byte for byte, the published one"):
        simulate(SMALL, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_fingerprint_tells_names_types_shapes_and_values_apart():
    base = {"a": np.arange(6, dtype=np.int32)}
    others = [
        {"b": base["a"]},
        {"a": base["a"].astype(np.uint32)},
        {"a": base["a"].reshape(2, 3)},
        {"a": base["a"][::-1]},
    ]
    assert len({fingerprint(arrays) for arrays in (base, *others)}) == 5
    assert fingerprint({"a": base["a"].astype(">i4")}) == fingerprint(base)


def test_regions_are_different_recordings(cache):
    first, third = simulate(1, cache), simulate(3, cache)
    assert not np.array_equal(first.images, third.images)


@pytest.mark.parametrize("region", [0, 4, "3", None])
def test_an_unknown_region_is_an_input_error(region):
    with pytest.raises(InputError, match="region: expected one of 1, 2, 3, found"):
        simulate(region)


def test_generate_does_not_touch_the_global_random_state():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    generate(SMALL)
    assert np.array_equal(before, np.random.get_state()[1])


def test_the_document_shows_the_table_that_the_command_prints(cache):
    assert table(cache) in (ROOT / "docs" / "simulated.md").read_text(encoding="utf-8")
