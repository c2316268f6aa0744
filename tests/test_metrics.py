import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from daenr_tf import metrics
from daenr_tf.errors import InputError
from daenr_tf.machine import blocks

ANTOLIK = Path(__file__).resolve().parents[2] / "shared" / "data" / "antolik" / "Data"


def responses(images=50, neurons=7, seed=0):
    rng = np.random.default_rng(seed)
    observed = rng.gamma(1.0, 1.0, (images, neurons))
    return observed + rng.normal(0, 1, observed.shape), observed


def pictures(n=4, height=32, width=29, channels=3, noise=0.2, seed=0):
    rng = np.random.default_rng(seed)
    original = rng.uniform(-1, 1, (n, height, width, channels))
    return original, np.clip(original + rng.normal(0, noise, original.shape), -1, 1)


def ceiling_of_one_neuron(trials):
    """The definition, one image and one trial at a time: trials (repeats, images) -> float."""
    means, variances, counts = [], [], []
    for image in range(trials.shape[1]):
        shown = [x for x in trials[:, image] if not np.isnan(x)]
        if len(shown) > 1:
            means.append(np.mean(shown))
            counts.append(len(shown))
            variances.append(np.var(shown, ddof=1))
    if len(means) < 2:
        return np.nan
    noise = np.mean([v / k for v, k in zip(variances, counts, strict=True)])
    total = np.var(means, ddof=1)
    return np.sqrt(np.clip((total - noise) / total, 0, 1))


class TestPearson:
    @pytest.mark.parametrize("images", [3, 4, 50, 333])
    def test_matches_scipy(self, images):
        predicted, observed = responses(images)
        expected = [pearsonr(predicted[:, i], observed[:, i]) for i in range(observed.shape[1])]
        pcc = metrics.pearson_per_neuron(predicted, observed)
        np.testing.assert_allclose(pcc, [e.statistic for e in expected], rtol=0, atol=1e-12)
        p_value = metrics.pearson_p_value([e.statistic for e in expected], images)
        np.testing.assert_allclose(p_value, [e.pvalue for e in expected], rtol=1e-9)

    def test_a_perfect_prediction_has_one_and_its_negative_minus_one(self):
        _, observed = responses()
        np.testing.assert_allclose(
            metrics.pearson_per_neuron(observed, observed), 1, rtol=0, atol=1e-14
        )
        np.testing.assert_allclose(
            metrics.pearson_per_neuron(-2 * observed + 3, observed), -1, rtol=0, atol=1e-14
        )

    @pytest.mark.parametrize("constant", [0.0, 0.1, -7e9])
    def test_a_constant_prediction_or_response_counts_as_exactly_zero(self, constant):
        predicted, observed = responses()
        predicted[:, 2] = constant
        observed[:, 4] = constant
        pcc = metrics.pearson_per_neuron(predicted, observed)
        assert pcc[2] == pcc[4] == 0
        assert (pcc[[0, 1, 3, 5, 6]] != 0).all()
        assert metrics.pearson_p_value(pcc, 50)[2] == 1
        assert not metrics.significant_neurons(predicted, observed)[[2, 4]].any()

    def test_a_mean_rate_predictor_scores_zero(self):
        _, observed = responses()
        for dtype in (np.float32, np.float64):
            mean_rate = np.broadcast_to(observed.mean(axis=0), observed.shape).astype(dtype)
            assert not metrics.pearson_per_neuron(mean_rate, observed).any()

    def test_a_float32_prediction_that_differs_by_rounding_alone_is_constant(self):
        _, observed = responses()
        jitter = np.float32(0.7) + np.random.default_rng(0).choice(
            [-6e-8, 0, 6e-8], observed.shape
        ).astype(np.float32)
        assert np.ptp(jitter) > 0
        assert not metrics.pearson_per_neuron(jitter, observed).any()

    def test_a_large_offset_or_an_extreme_scale_changes_nothing(self):
        predicted, observed = responses()
        expected = metrics.pearson_per_neuron(predicted, observed)
        np.testing.assert_allclose(
            metrics.pearson_per_neuron(predicted + 1e8, observed - 1e8), expected, rtol=0, atol=1e-6
        )
        np.testing.assert_allclose(
            metrics.pearson_per_neuron(predicted * 1e-200, observed * 1e200),
            expected,
            rtol=0,
            atol=1e-12,
        )

    def test_a_value_that_is_not_finite_spoils_its_own_neuron_only(self):
        predicted, observed = responses()
        predicted[3, 1], predicted[4, 2] = np.nan, np.inf
        pcc = metrics.pearson_per_neuron(predicted, observed)
        assert np.isnan(pcc).tolist() == [False, True, True] + [False] * 4
        assert np.isnan(metrics.pearson_p_value(pcc, 50)).tolist() == np.isnan(pcc).tolist()

    @settings(deadline=None)
    @given(
        arrays(np.float64, (9, 2, 2), elements=st.floats(-1e6, 1e6)),
        st.floats(1e-3, 1e3),
        st.floats(-1e3, 1e3),
    )
    def test_is_bounded_symmetric_and_invariant_to_a_positive_affine_map(self, data, scale, offset):
        x, y = data[..., 0], data[..., 1]
        pcc = metrics.pearson_per_neuron(x, y)
        assert (np.abs(pcc) <= 1).all()
        np.testing.assert_allclose(metrics.pearson_per_neuron(y, x), pcc, rtol=0, atol=1e-12)
        assume((x.std(axis=0) > 1e-2).all())
        np.testing.assert_allclose(
            metrics.pearson_per_neuron(scale * x + offset, y), pcc, rtol=0, atol=1e-6
        )

    def test_significance_needs_a_positive_correlation_at_the_level(self):
        predicted, observed = responses(images=200)
        predicted[:, 0] = -observed[:, 0]
        significant = metrics.significant_neurons(predicted, observed)
        assert significant.dtype == bool and significant.tolist() == [False] + [True] * 6
        rng = np.random.default_rng(1)
        rate = metrics.significant_neurons(
            rng.normal(size=(50, 4000)), rng.normal(size=(50, 4000))
        ).mean()
        assert abs(rate - 0.025) < 4 * np.sqrt(0.025 * 0.975 / 4000)

    def test_too_few_images_are_never_significant(self):
        np.testing.assert_array_equal(
            metrics.pearson_p_value(np.array([1.0, -1.0, np.nan]), 2), [1, 1, np.nan]
        )
        assert not metrics.significant_neurons([[1.0], [2.0]], [[1.0], [2.0]]).any()

    @pytest.mark.parametrize(
        ("predicted", "observed", "message"),
        [
            (
                (50,),
                (50,),
                r"predicted: expected \(images, neurons\), none of them 0, found shape \(50,\)",
            ),
            (
                (50, 3),
                (50, 4),
                r"observed: expected the shape \(50, 3\) of predicted, found \(50, 4\)",
            ),
            ((0, 3), (0, 3), r"none of them 0, found shape \(0, 3\)"),
        ],
    )
    def test_wrong_shapes_are_refused(self, predicted, observed, message):
        with pytest.raises(InputError, match=message):
            metrics.pearson_per_neuron(np.zeros(predicted), np.zeros(observed))


class TestNoiseCeiling:
    def test_full_trials_follow_the_formula(self):
        trials = np.random.default_rng(0).gamma(1, 1, (6, 40, 1)) * np.random.default_rng(1).gamma(
            1, 1, (40, 5)
        )
        total = trials.mean(axis=0).var(axis=0, ddof=1)
        noise = (trials.var(axis=0, ddof=1) / 6).mean(axis=0)
        np.testing.assert_allclose(
            metrics.noise_ceiling(trials),
            np.sqrt(np.clip((total - noise) / total, 0, 1)),
            rtol=1e-12,
        )

    @settings(deadline=None, max_examples=60)
    @given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 8), st.floats(0, 0.9))
    def test_missing_trials_match_an_explicit_loop(self, seed, repeats, images, missing):
        rng = np.random.default_rng(seed)
        trials = rng.normal(rng.normal(size=(images, 4)), 0.5, (repeats, images, 4))
        trials[rng.random(trials.shape) < missing] = np.nan
        expected = [ceiling_of_one_neuron(trials[:, :, i]) for i in range(4)]
        np.testing.assert_allclose(metrics.noise_ceiling(trials), expected, rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("signal", [0.3, 1.0, 3.0])
    @pytest.mark.parametrize("missing", [0.0, 0.4])
    def test_is_what_the_true_rates_reach_on_gaussian_data(self, signal, missing):
        rng = np.random.default_rng(3)
        images, neurons, repeats = 2000, 30, 5
        rates = rng.normal(5, signal, (images, neurons))
        trials = rng.normal(rates, 1, (repeats, images, neurons))
        trials[1:][rng.random((repeats - 1, images, neurons)) < missing] = np.nan
        reached = metrics.repeated_pearson(rates, trials).mean()
        assert abs(metrics.noise_ceiling(trials).mean() - reached) < 0.01
        if not missing:
            assert abs(reached - np.sqrt(signal**2 / (signal**2 + 1 / repeats))) < 0.01

    @pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
    def test_a_perfect_model_reaches_it_whatever_else_was_shown_once(self, scale):
        """The images that are shown once may be another kind: here their rates, and with them their noise, are `scale` times as large."""
        rng = np.random.default_rng(4)
        rates = rng.gamma(1.5, 2.0, (900, 30))
        rates[100:] *= scale
        trials = rng.poisson(rates, (5, 900, 30)).astype(float)
        trials[1:, 100:] = np.nan
        ratio = (
            metrics.repeated_pearson(rates, trials).mean() / metrics.noise_ceiling(trials).mean()
        )
        assert abs(ratio - 1) < 0.02
        alone = trials[:, :100]
        np.testing.assert_allclose(metrics.noise_ceiling(trials), metrics.noise_ceiling(alone))
        np.testing.assert_allclose(
            metrics.repeated_pearson(rates, trials),
            metrics.pearson_per_neuron(rates[:100], alone.mean(axis=0)),
        )
        np.testing.assert_allclose(
            metrics.explained_variance(rates, trials),
            metrics.explained_variance(rates[:100], alone),
        )

    def test_that_some_images_were_shown_once_is_seen(self):
        trials = np.ones((3, 4, 2))
        assert not metrics.some_shown_once(trials) and not metrics.some_shown_once(trials[:1])
        trials[2, 0] = np.nan  # two are left
        assert not metrics.some_shown_once(trials)
        trials[1, 0, 1] = np.nan
        assert metrics.some_shown_once(trials)

    def test_pure_noise_has_a_low_ceiling_and_noiseless_responses_have_one(self):
        rng = np.random.default_rng(0)
        assert metrics.noise_ceiling(rng.normal(size=(10, 500, 50))).mean() < 0.2
        np.testing.assert_array_equal(
            metrics.noise_ceiling(np.repeat(rng.normal(size=(1, 9, 4)), 3, axis=0)), 1
        )

    @pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
    def test_a_silent_or_constant_neuron_has_zero(self, value):
        np.testing.assert_array_equal(metrics.noise_ceiling(np.full((7, 11, 2), value)), 0)

    def test_without_repeats_there_is_none(self):
        trials = np.random.default_rng(0).normal(size=(3, 5, 3))
        trials[1:, :, 1] = np.nan
        trials[:, :, 2] = np.nan
        assert np.isnan(metrics.noise_ceiling(trials)).tolist() == [False, True, True]
        assert np.isnan(metrics.noise_ceiling(trials[:1])).all()
        assert np.isnan(metrics.noise_ceiling(trials[:, :1])).all()

    def test_wrong_shapes_are_refused(self):
        with pytest.raises(
            InputError, match=r"trials: expected \(repeats, images, neurons\).*found shape \(3, 4\)"
        ):
            metrics.noise_ceiling(np.zeros((3, 4)))

    @pytest.mark.skipif(
        not ANTOLIK.is_dir(),
        reason="the recordings of Antolik et al. 2016 are not beside this checkout",
    )
    @pytest.mark.parametrize(("region", "ceiling"), [(1, 0.81), (2, 0.69), (3, 0.78)])
    def test_mean_ceiling_of_the_published_recordings(self, region, ceiling):
        trials = np.load(ANTOLIK / f"region{region}" / "raw_validation_set.npy")
        assert round(float(metrics.noise_ceiling(trials).mean()), 2) == ceiling


class TestNormalized:
    def test_per_neuron_is_empty_under_the_lowest_usable_ceiling(self):
        pcc, ceiling = (
            np.array([0.4, 0.4, 0.4, 0.4, -0.2]),
            np.array([0.8, 0.1, 0.0999, np.nan, 0.5]),
        )
        np.testing.assert_allclose(
            metrics.pcc_normalized(pcc, ceiling), [0.5, 4, np.nan, np.nan, -0.4]
        )

    def test_over_the_population_it_is_a_ratio_of_means_over_neurons_with_a_ceiling(self):
        assert metrics.population_pcc_normalized(
            [0.2, 0.4, 0.9], [0.5, 0.7, np.nan]
        ) == pytest.approx(0.5)
        assert np.isnan(metrics.population_pcc_normalized([0.2], [np.nan]))
        assert np.isnan(metrics.population_pcc_normalized([0.2], [0.0]))

    def test_wrong_shapes_are_refused(self):
        with pytest.raises(
            InputError, match=r"ceiling: expected the shape \(2,\) of pcc, found \(3,\)"
        ):
            metrics.pcc_normalized(np.zeros(2), np.zeros(3))


class TestImages:
    @pytest.mark.parametrize("shape", [(32, 32, 1), (11, 11, 1), (31, 40, 3)])
    @pytest.mark.parametrize("noise", [0.02, 0.2, 1.0])
    def test_match_scikit_image(self, shape, noise):
        original, reconstruction = pictures(3, *shape, noise=noise)
        options = {
            "gaussian_weights": True,
            "sigma": 1.5,
            "use_sample_covariance": False,
            "data_range": 1,
            "channel_axis": -1,
        }
        expected = [
            structural_similarity((a + 1) / 2, (b + 1) / 2, **options)
            for a, b in zip(original, reconstruction, strict=True)
        ]
        np.testing.assert_allclose(
            metrics.ssim(original, reconstruction), expected, rtol=0, atol=1e-6
        )
        expected = [
            peak_signal_noise_ratio(a, b, data_range=2)
            for a, b in zip(original, reconstruction, strict=True)
        ]
        np.testing.assert_allclose(
            metrics.psnr(original, reconstruction), expected, rtol=0, atol=1e-6
        )

    def test_closed_forms(self):
        black, white = np.full((2, 16, 16, 1), -1.0), np.full((2, 16, 16, 1), 1.0)
        np.testing.assert_array_equal(metrics.mse(black, white), [4, 4])
        np.testing.assert_array_equal(metrics.psnr(black, white), [0, 0])
        np.testing.assert_allclose(metrics.psnr(black, black + 0.2), 20, rtol=1e-12)
        # Without variance only the luminance term is left: means 0 and 1 give C1 / (1 + C1).
        np.testing.assert_allclose(metrics.ssim(black, white), 1e-4 / (1 + 1e-4), rtol=1e-6)

    def test_equal_images(self):
        original, _ = pictures()
        np.testing.assert_array_equal(metrics.mse(original, original), 0)
        assert np.isposinf(metrics.psnr(original, original)).all()
        np.testing.assert_allclose(metrics.ssim(original, original), 1, rtol=1e-12)

    def test_each_image_has_its_own_figure_whatever_stands_beside_it(self, monkeypatch):
        original, reconstruction = pictures(5)
        for metric in (metrics.mse, metrics.psnr, metrics.ssim):
            together = metric(original, reconstruction)
            alone = [metric(original[i : i + 1], reconstruction[i : i + 1])[0] for i in range(5)]
            assert together.shape == (5,)
            np.testing.assert_allclose(together, alone, rtol=1e-13)
        expected = metrics.ssim(original, reconstruction)
        monkeypatch.setattr(blocks, "BYTES", 2 * original[0].nbytes)
        np.testing.assert_array_equal(metrics.ssim(original, reconstruction), expected)

    def test_float32_is_computed_in_float64(self):
        original, reconstruction = (a.astype(np.float32) for a in pictures())
        for metric in (metrics.mse, metrics.psnr, metrics.ssim):
            assert metric(original, reconstruction).dtype == np.float64
            np.testing.assert_array_equal(
                metric(original, reconstruction),
                metric(original.astype(float), reconstruction.astype(float)),
            )

    def test_grey_images_may_lack_the_channel_axis(self):
        original, reconstruction = pictures(channels=1)
        for metric in (metrics.mse, metrics.psnr, metrics.ssim):
            np.testing.assert_array_equal(
                metric(original[..., 0], reconstruction[..., 0]), metric(original, reconstruction)
            )

    def test_ssim_of_images_smaller_than_its_window_is_nan(self):
        small = np.zeros((3, 10, 40, 1))
        assert np.isnan(metrics.ssim(small, small)).tolist() == [True] * 3

    @pytest.mark.parametrize("metric", [metrics.mse, metrics.psnr, metrics.ssim])
    def test_wrong_shapes_are_refused(self, metric):
        with pytest.raises(
            InputError,
            match=r"original: expected \(images, height, width, channels\) or .*found shape \(32, 32\)",
        ):
            metric(np.zeros((32, 32)), np.zeros((32, 32)))
        with pytest.raises(
            InputError,
            match=r"reconstruction: expected the shape .* of original, found \(2, 16, 16, 3\)",
        ):
            metric(np.zeros((2, 16, 16, 1)), np.zeros((2, 16, 16, 3)))


@pytest.mark.parametrize("neurons", [1, 2, 7, 9])
def test_the_neurons_that_are_worked_on_at_a_time_change_no_figure(neurons, monkeypatch):
    predicted, observed = responses(50, neurons)
    trials = np.random.default_rng(1).gamma(1.0, 1.0, (4, 50, neurons))
    trials[1:, 3] = np.nan
    whole = metrics.pearson_per_neuron(predicted, observed), metrics.noise_ceiling(trials)
    monkeypatch.setattr(blocks, "BYTES", 3 * 50 * 8)
    parts = metrics.pearson_per_neuron(predicted, observed), metrics.noise_ceiling(trials)
    np.testing.assert_array_equal(parts, whole)


def test_figures_take_little_memory_beside_the_arrays_they_are_of():
    predicted, observed = (
        np.random.default_rng(seed).random((4000, 1000), np.float32) for seed in (0, 1)
    )
    images = predicted.reshape(1000, 50, 80, 1)
    for measure in (
        lambda: metrics.pearson_per_neuron(predicted, observed),
        lambda: metrics.noise_ceiling(np.stack([predicted, observed])[:, :400]),
        lambda: metrics.mse(images, observed.reshape(images.shape)),
    ):
        tracemalloc.start()
        try:
            measure()
            assert tracemalloc.get_traced_memory()[1] < 2 * predicted.nbytes + 4 * blocks.BYTES
        finally:
            tracemalloc.stop()
