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
from daenr_tf.recordings.simulated.gabors import MEAN_REMOVED
from daenr_tf.recordings.simulated.noise import MOST_EVENTS, poisson, respond, shared_gain
from daenr_tf.recordings.simulated.population import Population
from daenr_tf.recordings.simulated.regions import REGIONS, fingerprint, generate, simulate
from daenr_tf.recordings.simulated.surround import contrast_energy
from daenr_tf.recordings.simulated.textures import ONE, textures

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


def population(neurons=4, complex_cell=None, **attributes):
    made = Population.draw(
        np.random.RandomState(0),
        neurons,
        events=0.8,
        amplitude=0.9,
        explainable=(0.1, 0.4),
        gain_shape=5,
        lead=(0.3, 0.7),
    )
    if complex_cell is not None:
        attributes["fields"] = dataclasses.replace(made.fields, complex=np.array(complex_cell))
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


def test_the_signal_to_noise_ratio_varies_over_neurons(recording):
    ratio = recording.truth["signal_to_noise"]
    assert np.quantile(ratio, 0.9) > 5 * np.quantile(ratio, 0.1) > 0


def test_test_images_of_regions_1_and_2_are_identical_as_in_the_real_recordings(cache):
    first, second, third = (simulate(region, cache).test_images for region in (1, 2, 3))
    assert np.array_equal(first, second) and not np.array_equal(first, third)


def test_truth_has_a_row_per_neuron_and_the_noiseless_rates(recording):
    truth, neurons = recording.truth, recording.neurons
    assert truth["center"].shape == (neurons, 2)
    assert (truth["center"] >= 0).all() and (truth["center"] <= 30).all()
    of_neurons = (
        "orientation spatial_frequency phase size signal_to_noise lead suppression surround"
    )
    for name in f"{of_neurons} threshold events amplitude gain".split():
        assert truth[name].shape == (neurons,) and np.isfinite(truth[name]).all()
    subunits = truth["subunit_weight"].shape
    assert subunits[0] == neurons and subunits[1] > 1
    assert truth["subunit_center"].shape == (*subunits, 2)
    for name in ("orientation", "spatial_frequency", "phase", "size", "complex"):
        assert truth[f"subunit_{name}"].shape == subunits
    assert (truth["orientation"] >= 0).all() and (truth["orientation"] <= np.pi).all()
    assert truth["complex"].dtype == bool and 0.1 < truth["complex"].mean() < 0.4
    assert truth["rates"].shape == recording.responses.shape
    assert truth["test_rates"].shape == recording.test_responses.shape


def test_responses_average_to_the_noiseless_rates(recording):
    truth = recording.truth
    variance = 2 * truth["amplitude"] * truth["rates"] + (truth["gain"] * truth["rates"]) ** 2
    standard_error = np.sqrt(variance.sum(axis=0)) / len(recording.responses)
    z = (recording.responses.mean(axis=0) - truth["rates"].mean(axis=0)) / standard_error
    assert np.abs(z).max() < 4.5 and 0.7 < z.std() < 1.3


def test_rates_follow_from_what_was_planted(cache):
    recording = simulate(SMALL, cache)
    truth = recording.truth
    images = recording.images[..., 0].astype(float) - 128
    for neuron in (int(np.argmin(truth["complex"])), int(np.argmax(truth["complex"]))):
        drive = np.sqrt(truth["lead"][neuron]) * answers(truth, neuron, images, rectified=False)
        for subunit in range(truth["subunit_weight"].shape[1]):
            planted = {
                key.removeprefix("subunit_"): value[neuron]
                for key, value in truth.items()
                if key.startswith("subunit_")
            }
            weight = np.sqrt(1 - truth["lead"][neuron]) * planted["weight"][subunit]
            drive = drive + weight * answers(planted, subunit, images, rectified=True)
        contrast = surround_contrast(truth, neuron, images)
        drive = drive / np.sqrt(1 + truth["suppression"][neuron] * contrast / contrast.mean())
        drive = drive / np.sqrt(np.mean(drive**2))
        tuning = np.maximum(drive - truth["threshold"][neuron], 0) ** 2
        assert np.corrcoef(tuning, truth["rates"][:, neuron])[0, 1] > 0.99999


def answers(planted, which, images, rectified):
    """The z-scored answers (images,) of one filter, or of two of them."""
    first, second = (
        np.tensordot(images, gabor(planted, which, shift), 2) for shift in (0, np.pi / 2)
    )
    simple = np.maximum(first, 0) if rectified else first
    return stats.zscore(np.hypot(first, second) if planted["complex"][which] else simple)


def surround_contrast(truth, neuron, images):
    """(images,): the squared gradient in the surround."""
    total, weights = 0, 0
    for i in range(1, 30):
        for j in range(1, 30):
            row, column = truth["center"][neuron]
            weight = np.exp(
                -0.5 * ((i - row) ** 2 + (j - column) ** 2) / truth["surround"][neuron] ** 2
            )
            down = images[:, i + 1, j] - images[:, i - 1, j]
            across = images[:, i, j + 1] - images[:, i, j - 1]
            total, weights = total + weight * (down**2 + across**2), weights + weight
    return total / weights


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
    cells = population(
        complex_cell=[True, True, False, False], threshold=np.zeros(4), lead=np.ones(4)
    )
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
    noise = 2 * cells.amplitude * rates.mean(axis=0) + cells.gain**2 * (rates**2).mean(axis=0)
    share = rates.var(axis=0) / (rates.var(axis=0) + noise)
    assert share == pytest.approx(cells.explainable, abs=2e-3)
    assert rates.mean(axis=0) == pytest.approx(cells.events * cells.amplitude, rel=1e-3)


def test_suppression_divides_by_the_contrast_in_the_surround():
    images = dead_leaves(np.random.RandomState(0), 300, texture=0.5)
    rates = {
        strength: population(6, threshold=np.full(6, -0.3), suppression=np.full(6, strength)).rates(
            images, reference=images
        )
        for strength in (0.0, 3.0)
    }
    cells = population(6)
    contrast = contrast_energy(images, cells.fields.center, cells.surround)
    for neuron in range(6):
        high = contrast[:, neuron] > np.quantile(contrast[:, neuron], 0.8)
        free, divided = (rates[strength][high, neuron].mean() for strength in rates)
        assert divided < 0.95 * free


def test_subunits_change_what_a_cell_answers_and_a_lead_of_one_leaves_them_out():
    images = dead_leaves(np.random.RandomState(0), 300)
    with_none, whole, half = (
        population(6, lead=np.full(6, lead), weights=weights).rates(images, reference=images)
        for lead, weights in (
            (1.0, np.zeros((6, 7))),
            (1.0, population(6).weights),
            (0.5, population(6).weights),
        )
    )
    assert np.array_equal(with_none, whole)
    correlation = [np.corrcoef(half[:, n], whole[:, n])[0, 1] for n in range(6)]
    assert 0.3 < np.mean(correlation) < 0.9


def test_the_surround_of_an_even_gradient_is_its_squared_slope():
    ramp = np.broadcast_to((4 * np.arange(31)).astype(np.uint8), (1, 31, 31))
    energy = contrast_energy(ramp, np.array([[15.0, 15.0], [0.0, 30.0]]), np.array([3.0, 6.0]))
    assert energy == pytest.approx(64 * 2**16, rel=1e-2)


def test_a_presentation_is_a_compound_poisson_number():
    amplitude = np.array([0.5, 0.9, 1.3])
    rate = np.array([0.2, 0.9, 4.0])
    responses = respond(
        np.random.RandomState(1), np.broadcast_to(rate, (40000, 3)), amplitude
    ).astype(float)
    assert responses.mean(axis=0) == pytest.approx(rate, rel=0.03)
    assert responses.var(axis=0) / rate == pytest.approx(2 * amplitude, rel=0.05)
    assert np.mean(responses == 0, axis=0) == pytest.approx(np.exp(-rate / amplitude), abs=0.01)


@pytest.mark.parametrize("shape", [1, 6])
def test_the_shared_gain_is_gamma_distributed(shape):
    gain = shared_gain(np.random.RandomState(0), (40, 500), shape)
    assert gain.shape == (40, 500)
    assert stats.kstest(gain.ravel(), stats.gamma(shape, scale=1 / shape).cdf).pvalue > 0.01


def test_the_gain_is_shared_and_adds_its_variance_to_that_of_events():
    cells = population(3)
    rates = np.broadcast_to([0.5, 1.5, 4.0], (60000, 3))
    random = np.random.RandomState(0)
    responses = cells.respond(random, rates, shared_gain(random, (60000,), 5)).astype(float)
    assert responses.mean(axis=0) == pytest.approx(rates[0], rel=0.03)
    assert responses.var(axis=0) == pytest.approx(cells.trial_variance(rates[0]), rel=0.06)
    covariance = np.cov(responses[:, 1], responses[:, 2])[0, 1]
    assert covariance == pytest.approx(np.prod(cells.gain[1:] * rates[0, 1:]), rel=0.1)
    steady = cells.respond(random, rates, np.ones(60000))
    assert abs(np.corrcoef(steady[:, 1], steady[:, 2])[0, 1]) < 0.02


def test_no_presentation_reaches_the_most_events_that_are_drawn(recording):
    truth = recording.truth
    for responses in (recording.responses, recording.test_trials):
        # as many events as the limit have a mean of the limit and an SD of its root
        most = MOST_EVENTS - 5 * np.sqrt(MOST_EVENTS)
        assert (responses / truth["amplitude"] < most).all()


def test_the_number_of_events_is_the_poisson_quantile():
    uniform = np.random.RandomState(0).random_sample(2000)
    for mean in (0.0, 0.3, 2.0, 15.0):
        expected = np.maximum(stats.poisson.ppf(uniform, mean), 0)
        assert np.array_equal(poisson(uniform, np.full(2000, mean)), expected)


def test_every_phase_orientation_and_sign_is_planted(recording):
    truth = recording.truth
    for name, period in (("phase", 2 * np.pi), ("orientation", np.pi)):
        assert np.histogram(truth[name], 4, (0, period))[0].min() > 0.1 * recording.neurons
    assert 0.3 < (truth["subunit_weight"] < 0).mean() < 0.6


def test_textures_have_no_mean_and_one_contrast_and_finer_ones_more_detail():
    grain = textures().astype(float)
    assert np.abs(grain.mean(axis=(1, 2))).max() < 0.1 * ONE
    assert grain.std(axis=(1, 2)) == pytest.approx(ONE, rel=0.1)
    detail = [np.diff(texture, axis=0).std() for texture in grain]
    assert detail == sorted(detail, reverse=True)


def test_texture_adds_detail_within_leaves():
    flat, grained = (
        dead_leaves(np.random.RandomState(0), 100, texture=texture).astype(float)
        for texture in (0.0, 0.5)
    )
    same = [(np.diff(images, axis=2) == 0).mean() for images in (flat, grained)]
    assert same[0] > 0.5 and same[1] < 0.2
    assert np.corrcoef(flat.ravel(), grained.ravel())[0, 1] > 0.9


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
