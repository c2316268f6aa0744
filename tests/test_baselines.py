"""`daenr baselines`: the models against closed forms, their data against a fit's, and the command."""

import dataclasses
import itertools
import json
import pathlib

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
from drawing import assert_nothing_is_cut_or_covered, texts
from runs import write_recording

from daenr_tf import evaluation, metrics, pipeline
from daenr_tf.baselines import gabor, lnp, pixels
from daenr_tf.baselines.axes import MOST_FEATURES, Axes, ridge
from daenr_tf.baselines.measure import BASELINES, LEAST_RATE, measure
from daenr_tf.commands.main import main
from daenr_tf.config import ModelConfig, resolve
from daenr_tf.plotting import baseline_figures
from daenr_tf.recordings.load import load_recording
from daenr_tf.recordings.recording import Recording

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def flat(images):
    return images.reshape(len(images), -1)


@pytest.mark.parametrize("count", [90, 20], ids=["more images", "more features"])
def test_ridge_is_the_regression_of_the_normal_equations(count):
    images = RANDOM.normal(3, 2, (count, 5, 6)) * np.arange(1, 7)
    responses, unseen = RANDOM.random((count, 4)), RANDOM.normal(3, 2, (7, 5, 6))
    found = ridge(Axes(flat, images), images, responses, images, responses, [0.7])
    mean, deviation = flat(images).mean(axis=0), flat(images).std(axis=0)
    design = (flat(images) - mean) / deviation
    weights = np.linalg.solve(
        design.T @ design / count + 0.7 * np.eye(30),
        design.T @ (responses - responses.mean(axis=0)) / count,
    )
    expected = (flat(unseen) - mean) / deviation @ weights + responses.mean(axis=0)
    np.testing.assert_allclose(found.predict(unseen), expected, rtol=1e-9)


def test_the_strength_is_the_one_that_predicts_the_validation_images_best():
    images = RANDOM.normal(size=(60, 4, 5))
    responses = flat(images)[:, :3] + 3 * RANDOM.normal(size=(60, 3))
    train, held_out = (images[:40], responses[:40]), (images[40:], responses[40:])
    axes, strengths = Axes(flat, images[:40]), (0.01, 0.3, 9.0)
    found = ridge(axes, *train, *held_out, strengths)
    pcc = {
        strength: metrics.pearson_per_neuron(
            ridge(axes, *train, *held_out, [strength]).predict(images[40:]), responses[40:]
        ).mean()
        for strength in strengths
    }
    assert found.tried == pytest.approx(pcc) and found.strength == max(pcc, key=pcc.get)


def test_a_feature_that_never_varies_and_images_that_are_alike_give_the_mean():
    images = RANDOM.normal(size=(30, 4, 4))
    images[:, 0] = 1
    responses = RANDOM.random((30, 2))
    found = ridge(Axes(flat, images), images, responses, images, responses)
    assert np.isfinite(found.predict(images)).all()
    alike = np.ones((30, 4, 4))
    found = ridge(Axes(flat, alike), alike, responses, alike, responses)
    np.testing.assert_allclose(found.predict(alike), np.tile(responses.mean(axis=0), (30, 1)))


def test_the_axes_that_are_kept_are_those_of_most_variance():
    images = RANDOM.normal(size=(50, 3, 4)) * np.arange(1, 5)
    whole, few = Axes(flat, images), Axes(flat, images, most=5)
    np.testing.assert_allclose(few.power, whole.power[-5:])
    coordinates = few(images)
    np.testing.assert_allclose(coordinates.T @ coordinates / 50, np.diag(few.power), atol=1e-9)


def test_features_are_computed_once_where_they_are_few_and_again_where_they_are_many(monkeypatch):
    images, asked = RANDOM.normal(size=(12, 3, 4)), []

    def code(some):
        asked.append(len(some))
        return flat(some)

    few = Axes(code, images)
    assert asked == [12]
    monkeypatch.setattr("daenr_tf.baselines.axes.BYTES", 4 * images[0].nbytes)
    del asked[:]
    many = Axes(code, images)
    assert sum(asked) > 3 * 12
    np.testing.assert_allclose(many.power, few.power)


# Gabors


def test_the_bank_has_octaves_down_to_four_pixels_and_eight_orientations():
    bank = gabor.bank(32, 32)
    assert sorted({one.frequency for one in bank}) == [1, 2, 4, 8]
    for frequency in (1, 2, 4, 8):
        those = [one for one in bank if one.frequency == frequency]
        assert [one.orientation for one in those] == pytest.approx(np.arange(8) * np.pi / 8)
        assert all(len(one.rows) == len(one.columns) == 2 * frequency for one in those)
    assert np.diff(bank[-1].rows) == pytest.approx(2.0)  # half of a wavelength of 4 pixels


@pytest.mark.parametrize("shape", [(4, 4), (36, 64), (64, 64), (256, 256)])
def test_a_bank_is_never_larger_than_asked_for_and_lies_within_the_image(shape):
    bank = gabor.bank(*shape)
    assert sum(len(one.rows) * len(one.columns) for one in bank) <= MOST_FEATURES
    for one in bank:
        for centres, side in ((one.rows, shape[0]), (one.columns, shape[1])):
            assert centres.min() >= 0 and centres.max() <= side - 1
            assert centres.mean() == pytest.approx((side - 1) / 2)


@pytest.mark.parametrize("frequency", [2, 4, 8])
@pytest.mark.parametrize("number", [0, 2, 5])
def test_a_grating_drives_the_gabors_of_its_frequency_and_orientation_at_every_phase(
    frequency, number
):
    bank = gabor.bank(32, 32)
    angle = number * np.pi / 8
    rows, columns = np.mgrid[:32, :32]
    along = columns * np.cos(angle) + rows * np.sin(angle)
    energies = []
    for phase in (0, 0.9, 2.1):
        image = np.cos(2 * np.pi * frequency * along / 32 + phase)[None, ..., None]
        found = np.abs(gabor.responses(image, bank))[0]
        sizes = [len(one.rows) * len(one.columns) for one in bank]
        means = [part.mean() for part in np.split(found, np.cumsum(sizes)[:-1])]
        best = bank[int(np.argmax(means))]
        assert (best.frequency, best.orientation) == (frequency, pytest.approx(angle))
        energies.append(max(means))
    assert np.ptp(energies) < 0.1 * np.mean(energies)


def test_gabors_are_filters_of_the_image_and_blind_to_a_uniform_one():
    bank = gabor.bank(12, 16)
    images = RANDOM.normal(size=(3, 12, 16, 2))
    found = gabor.responses(images, bank)
    one = bank[11]
    y, x = np.mgrid[:12, :16]
    y, x = y - one.rows[1], x - one.columns[0]
    deviation = gabor.WIDTH * 12 / one.frequency
    wave = 2 * np.pi * one.frequency / 12
    envelope = np.exp(-(x**2 + y**2) / (2 * deviation**2))
    carrier = np.exp(1j * wave * (x * np.cos(one.orientation) + y * np.sin(one.orientation)))
    kernel = envelope * (carrier - (envelope * carrier).sum() / envelope.sum()) / deviation**2
    place = sum(len(other.rows) * len(other.columns) for other in bank[:11]) + len(one.columns)
    expected = np.einsum("hw,nhwc->nc", kernel, images)
    half = found.shape[1] // 2
    np.testing.assert_allclose(found[:, [place, place + half]], expected, rtol=1e-9)
    assert np.abs(gabor.responses(np.ones((1, 12, 16, 1)), bank)).max() < 1e-12


def test_filters_are_what_responses_are_sums_of():
    bank = [one._replace(width=width) for one in gabor.bank(12, 16)[::5] for width in (0.3, 0.65)]
    images = RANDOM.normal(size=(3, 12, 16, 1))
    filters = gabor.filters(12, 16, bank)
    expected = np.einsum("fhw,nhw->nf", filters, images[..., 0])
    np.testing.assert_allclose(gabor.responses(images, bank), expected, atol=1e-12)
    assert not np.allclose(filters[:1], filters[len(bank[0].rows) * len(bank[0].columns) :][:1])


def test_energies_are_compressed_over_a_floor_and_phases_stand_beside_them():
    images = RANDOM.normal(size=(9, 8, 8, 1))
    plain, both = gabor.Energies(images), gabor.Energies(images, phases=True)
    found = gabor.responses(images, plain.bank)
    floor = 0.1 * np.abs(found).mean(axis=0)
    np.testing.assert_allclose(plain(images), np.log(np.abs(found) + floor))
    np.testing.assert_allclose(
        both(images), np.concatenate([plain(images), found.real, found.imag], axis=1)
    )


# Pixels and smooth filters


@pytest.mark.parametrize("side", [6, 16, 20])
def test_colours_are_opponent_and_their_coarse_means_stand_beside_the_energies(side):
    images = np.random.default_rng(0).uniform(-1, 1, (4, side, side, 3))
    red, green, blue = np.moveaxis(images, -1, 0)
    seen = np.stack([images.mean(-1), red - green, blue - (red + green) / 2], -1)
    code, parts = gabor.Energies(images), [gabor.Energies(seen[..., i : i + 1]) for i in range(3)]
    energies = np.concatenate([part(seen[..., i : i + 1]) for i, part in enumerate(parts)], axis=1)
    edges = sorted({i * side // 8 for i in range(8)} | {side})
    cells = [slice(*pair) for pair in itertools.pairwise(edges)]
    means = [seen[:, rows, columns].mean(axis=(1, 2)) for rows in cells for columns in cells]
    expected = np.concatenate([energies, *means], axis=1)
    np.testing.assert_allclose(code(images), expected, rtol=1e-9, atol=1e-12)


def test_the_penalty_on_cosines_is_that_on_second_differences():
    shape, weights = (6, 9, 1), RANDOM.normal(size=(6, 9))
    code = pixels.Smooth(shape)
    padded = np.pad(weights, 1, mode="edge")
    laplacian = (
        padded[2:, 1:-1] + padded[:-2, 1:-1] + padded[1:-1, 2:] + padded[1:-1, :-2] - 4 * weights
    )
    least = 2 - 2 * np.cos(np.pi / 9)
    penalty = ((least * weights - laplacian) ** 2).sum()
    coefficients = pixels.cosines(weights[None, ..., None], (6, 9))[0] * code.roughness
    assert (coefficients**2).sum() == pytest.approx(penalty)
    image = RANDOM.normal(size=(1, *shape))
    seen = code(image)[0] @ coefficients.ravel()
    assert seen == pytest.approx((image[0, ..., 0] * weights).sum())


def test_large_images_are_seen_in_their_low_frequencies():
    assert pixels.size((32, 32, 3)) == (32, 32) and pixels.size((64, 64, 3)) == (36, 36)
    code = pixels.Pixels((128, 128, 1))
    rows, columns = np.mgrid[:128, :128] / 128
    image = (1 + np.cos(np.pi * 2 * (rows + 0.5 / 128)) * np.cos(np.pi * (columns + 0.5 / 128)))[
        None, ..., None
    ]
    rows, columns = np.mgrid[:64, :64] / 64
    expected = 1 + np.cos(np.pi * 2 * (rows + 0.5 / 64)) * np.cos(np.pi * (columns + 0.5 / 64))
    np.testing.assert_allclose(code(image)[0], expected.ravel(), atol=1e-9)


# LNP


def test_lnp_is_the_minimum_of_its_loss():
    seen = RANDOM.normal(size=(200, 3)) * (1, 2, 3)
    seen -= seen.mean(axis=0)
    axes, power = np.linalg.eigh(seen.T @ seen / 200)[::-1]
    seen = seen @ axes
    truth = np.array([0.5, -0.3, 0.2])
    responses = RANDOM.poisson(np.logaddexp(0, seen @ truth))[:, None].astype(float)
    weights, bias = lnp.maximum(seen, power, responses, 0.05)
    mean = responses.mean()
    flat_output = np.log(np.expm1(mean))
    information = (1 / (1 + np.exp(-flat_output))) ** 2 / mean

    def loss(p):
        rate = np.logaddexp(0, seen @ p[1:] + p[0])
        fit = np.mean(rate - responses[:, 0] * np.log(rate))
        return fit + 0.5 * 0.05 * information * (p[1:] ** 2).sum()

    found = scipy.optimize.minimize(loss, np.zeros(4), method="Nelder-Mead", tol=1e-10)
    np.testing.assert_allclose([bias[0], *weights[:, 0]], found.x, atol=1e-4)


def planted(neurons=6, images=700, side=12):
    """Poisson neurons with smooth filters on white images: (images, responses, filters)."""
    random = np.random.default_rng(3)
    stimuli = random.normal(size=(images, side, side, 1))
    y, x = np.mgrid[:side, :side]
    filters = []
    for _ in range(neurons):
        row, column, angle = random.uniform((3, 3, 0), (side - 4, side - 4, np.pi))
        along = (x - column) * np.cos(angle) + (y - row) * np.sin(angle)
        envelope = np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * 2.0**2))
        filters.append(envelope * np.cos(2 * np.pi * along / 8))
    filters = np.stack(filters, axis=-1)
    filters /= np.sqrt((filters**2).sum(axis=(0, 1)))
    rates = np.logaddexp(0, 2 * np.einsum("nhw,hwm->nm", stimuli[..., 0], filters))
    return stimuli, random.poisson(rates).astype(float), filters


def test_lnp_finds_planted_filters_better_than_ridge_on_poisson_responses():
    stimuli, responses, filters = planted()
    data = (stimuli[:500], responses[:500], stimuli[500:], responses[500:])
    smooth = pixels.Smooth(stimuli.shape[1:])
    model = lnp.fit(Axes(smooth, data[0], scaled=False), *data)
    linear = ridge(Axes(pixels.Pixels(stimuli.shape[1:]), data[0]), *data)

    def filters_of(fitted):
        """What is predicted of a single bright pixel at a time, less what of none: the filter."""
        axes = fitted.axes
        pixel = np.eye(144).reshape(144, 12, 12, 1)
        return (axes(pixel) - axes(np.zeros((1, 12, 12, 1)))) @ fitted.weights

    def agreement(fitted):
        return metrics.pearson_per_neuron(filters_of(fitted), filters.reshape(144, -1))

    assert (agreement(model) > agreement(linear)).all() and agreement(model).min() > 0.85
    assert model.strength == min(model.tried, key=model.tried.get)
    assert (model.predict(stimuli) > 0).all()


def test_neurons_at_a_time_and_a_start_change_nothing_of_lnp(monkeypatch):
    stimuli, responses, _ = planted(neurons=5, images=150)
    axes = Axes(pixels.Smooth(stimuli.shape[1:]), stimuli, scaled=False)
    seen, strength = axes(stimuli), 1e-3 * axes.power.sum()
    whole = lnp.maximum(seen, axes.power, responses, strength)
    started = lnp.maximum(seen, axes.power, responses, strength, whole)
    monkeypatch.setattr(lnp, "NEURONS_AT_ONCE", 2)
    parted = lnp.maximum(seen, axes.power, responses, strength)
    for other in (started, parted):
        np.testing.assert_allclose(
            seen @ other[0] + other[1], seen @ whole[0] + whole[1], atol=2e-3
        )


def test_lnp_of_many_neurons_chooses_on_some_and_fits_all(monkeypatch):
    stimuli, responses, _ = planted(neurons=5, images=150)
    data = (stimuli[:100], responses[:100], stimuli[100:], responses[100:])
    axes = Axes(pixels.Smooth(stimuli.shape[1:]), data[0], scaled=False)
    monkeypatch.setattr(lnp, "CHOSEN_ON", 2)
    some = lnp.fit(axes, *data)
    pair = responses[:, [0, 4]]
    two = lnp.fit(axes, data[0], pair[:100], data[2], pair[100:])
    assert some.tried == two.tried and some.weights.shape[1] == 5


def test_a_silent_neuron_and_one_that_fires_a_lot_are_fitted_too():
    stimuli, responses, _ = planted(neurons=3, images=80)
    responses[:, 1], responses[:, 2] = 0, 5000
    axes = Axes(pixels.Smooth(stimuli.shape[1:]), stimuli, scaled=False)
    rates = lnp.fit(axes, stimuli, responses, stimuli, responses).predict(stimuli)
    assert np.isfinite(rates).all() and rates[:, 1].max() < 0.1
    assert rates[:, 2] == pytest.approx(5000, rel=0.01)


# What is measured


def sets_of(recording, seed=0):
    return pipeline.prepare(recording, ModelConfig("cnn_fr", image_size=(12, 12)), seed)


def test_the_poisson_loss_is_keras():
    import keras

    predicted, observed = RANDOM.gamma(1, 1, (40, 3)), RANDOM.gamma(1, 1, (40, 3))
    predicted[0, 0] = 0
    expected = float(keras.losses.Poisson()(observed.astype("float32"), predicted))
    found = metrics.poisson_per_neuron(predicted, observed)
    assert found.shape == (3,) and found.mean() == pytest.approx(expected, rel=1e-5)


def test_figures_are_those_of_a_fit_on_its_splits(recording):
    """Computed here from the recording's own split, apart from the pipeline that the command shares with a fit."""
    (found,) = measure(recording, sets_of(recording, 3), [BASELINES["pixels"]])
    config = ModelConfig("cnn_fr", image_size=(12, 12))
    train, validation = recording.split(3)
    prepared = pipeline.prepare_images(recording.images, recording, config)
    fitted = ridge(
        Axes(flat, prepared[train]),
        *(prepared[train], recording.responses[train]),
        *(prepared[validation], recording.responses[validation]),
    )
    unseen = recording.responses[validation]
    predicted = fitted.predict(prepared[validation])
    least = LEAST_RATE * recording.responses[train].mean(axis=0)
    facts = found.facts
    assert facts["strength"] == pytest.approx(fitted.strength)
    assert facts["validation"] == pytest.approx(
        {
            "pcc": metrics.pearson_per_neuron(predicted, unseen).mean(),
            "poisson": metrics.poisson_per_neuron(np.maximum(predicted, least), unseen).mean(),
        },
        rel=1e-6,
    )
    test = pipeline.prepare_images(recording.test_images, recording, config)
    table = evaluation.neuron_table(fitted.predict(test), recording)
    pd.testing.assert_frame_equal(found.neurons[list(table)], table)
    assert facts["test"]["pcc_normalized"] == pytest.approx(
        table["pcc"].sum() / table["noise_ceiling"].sum()
    )


def test_the_test_set_has_no_say_in_what_is_fitted(make_recording):
    first = make_recording(images=40)
    other = dataclasses.replace(
        first, test_trials=first.test_trials[:, ::-1] * 2, test_responses=None
    )
    one, two = (
        {found.baseline.name: found for found in measure(recording, sets_of(recording))}
        for recording in (first, other)
    )
    for name in BASELINES:
        same, changed = (found[name].facts for found in (one, two))
        for key in ("strength", "tried", "validation", "features"):
            assert same[key] == changed[key], name
    sets = sets_of(first)
    swapped = sets_of(other)
    for baseline in BASELINES.values():
        predicted = [
            baseline.fit(those.train, those.validation).predict(sets.test.images)
            for those in (sets, swapped)
        ]
        np.testing.assert_array_equal(*predicted)
    assert one["pixels"].facts["test"] != two["pixels"].facts["test"]


def test_the_mean_rate_predicts_nothing_and_has_the_poisson_loss_of_the_mean(recording):
    (found,) = measure(recording, sets_of(recording), [BASELINES["mean"]])
    mean = recording.responses[recording.split(0)[0]].mean(axis=0)
    expected = (mean - recording.test_responses.mean(axis=0) * np.log(mean)).mean()
    assert found.facts["test"] == {
        "pcc": 0.0,
        "pcc_normalized": 0.0,
        "poisson": pytest.approx(expected, rel=1e-5),
    }
    assert found.facts["strength"] is None and found.facts["tried"] == []


def test_images_that_baselines_see_coarser_and_penalties_at_the_end_are_told(make_recording):
    recording = make_recording(images=30, height=80, width=80)
    sets = pipeline.prepare(recording, ModelConfig("cnn_fr", image_size=(80, 80)), 0)
    names = ("pixels", "gabor")
    notes = [n for one in measure(recording, sets, map(BASELINES.get, names)) for n in one.notes]
    assert "ridge, pixels: of images of 80x80 the lowest 64x64 cosines are seen" in notes
    assert any("wavelengths apart instead of 0.5" in note for note in notes)


# The command


def run(capsys, *arguments, status=0):
    with pytest.raises(SystemExit) as left:
        main(["baselines", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert left.value.code == status, err
    return out, err


def test_the_command_leaves_a_table_strict_json_a_csv_and_a_figure(tmp_path, capsys):
    path = write_recording(tmp_path / "mine.npz")
    options = ("--dataset", path, "--image-size", "8", "--seed", "2", "--out", "there")
    out, err = run(capsys, *options)
    assert "images of 10x12 are resized to 8x8" in err
    folder = pathlib.Path("there")
    assert sorted(p.name for p in folder.iterdir()) == [
        *("baselines.csv", "baselines.json", "baselines.png")
    ]

    def refuse(word):
        raise AssertionError(word)

    text = (folder / "baselines.json").read_text("utf-8")
    results = json.loads(text, parse_constant=refuse)
    recording = load_recording(str(path))
    config = resolve("cnn_fr", {"image_size": (8, 8), "seed": 2, "dataset": str(path)})
    sets = pipeline.prepare(recording, config.model, 2)
    assert results["dataset"]["digest"] == recording.digest
    assert results["dataset"]["counts"] == {
        **{"train": len(sets.train.images), "validation": len(sets.validation.images)},
        **{"test": 9, "neurons": 4, "repeats": 3},
    }
    assert results["config"] == {
        **{"dataset": str(path), "region": 3, "repeats_as_test": False, "seed": 2},
        **{"image_size": [8, 8], "resize": "bilinear", "color": "grey"},
    }
    neurons = pd.read_csv(folder / "baselines.csv")
    assert list(results["baselines"]) == list(BASELINES) == list(neurons["baseline"].unique())
    rows = {line.split("  ")[0]: line for line in out.splitlines()}
    for name, facts in results["baselines"].items():
        own = neurons[neurons["baseline"] == name]
        assert list(own["neuron"]) == [0, 1, 2, 3]
        assert facts["test"]["pcc"] == pytest.approx(own["pcc"].mean())
        assert facts["validation"]["poisson"] == pytest.approx(own["validation_poisson"].mean())
        assert f"{facts['test']['pcc']:.3f}" in rows[BASELINES[name].title]
    assert "SIMULATED" not in out


def test_averages_alone_have_no_ceiling(capsys):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez("mine.npz", images=images, responses=generator.gamma(1.0, 1.0, (40, 3)))
    out, _ = run(capsys, "--dataset", "mine.npz", "--image-size", "8", "--out", "there")
    results = json.loads(pathlib.Path("there/baselines.json").read_text("utf-8"))
    assert results["noise_ceiling"] is None
    assert results["baselines"]["pixels"]["test"]["pcc_normalized"] is None
    assert "–" in out and "held out as one" in results["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--image-size", "33"), "--image-size: expected height and width in pixels, multiples"),
        (("--color", "blue"), "--color: expected one of grey, rgb"),
        (("--seed", "-1"), "--seed: expected a whole number from 0"),
        (("--region", "4"), "--region: expected one of 1, 2, 3, found 4"),
        (("--dataset", "nowhere.npz"), "dataset: expected auto, antolik, simulated or FILE.npz"),
        (("--dataset", "simulated", "--color", "rgb"), "--color: expected a recording in colour"),
        (("--dataset", "simulated", "--repeats-as-test"), "--repeats-as-test: expected one's own"),
        (("--dataset", "simulated", "--out", "/proc/x"), "--out: expected a directory that can be"),
        (("--out", ""), "--out: expected a path, found ''"),
        (("extra",), "extra: expected an option"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_status_2(arguments, words, capsys):
    out, err = run(capsys, *arguments, status=2)
    assert out == "" and err.startswith("daenr baselines: ") and words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("neurons", [1, 5, 2000])
@pytest.mark.parametrize("known", [True, False])
def test_the_figure_names_its_rows_axes_and_simulated_data(neurons, known, drawn):
    pcc = {one.title: RANDOM.normal(0.3, 0.1, neurons) for one in BASELINES.values()}
    ceilings = np.full(neurons, 0.8 if known else np.nan)
    baseline_figures.distributions("unused", pcc, ceilings, "Title\nof what", simulated=True)
    said = texts(drawn[0])
    for words in ("simulated data", "PCC over test images", "model, mean over neurons"):
        assert words in said
    assert any("noise ceiling" in text for text in said) == known
    assert f"ridge, pixels\n{pcc['ridge, pixels'].mean():.3f}" in said
    assert_nothing_is_cut_or_covered(drawn[0])


def test_a_recording_of_python_is_measured_like_a_file():
    images = RANDOM.integers(0, 256, (60, 12, 12), np.uint8)
    rates = images.reshape(60, -1)[:, :2] / 255.0 + images.reshape(60, -1)[:, 12:14] / 255.0
    recording = Recording(images=images, responses=rates)
    found = {one.baseline.name: one for one in measure(recording, sets_of(recording))}
    assert found["pixels"].facts["test"]["pcc"] > 0.3 > found["mean"].facts["test"]["pcc"]
