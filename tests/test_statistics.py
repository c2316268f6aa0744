import itertools

import numpy as np
import pytest
from matplotlib.image import imread
from scipy import stats

from daenr_tf import metrics
from daenr_tf.errors import InputError
from daenr_tf.experiments.intervals import estimate, holm, unpaired_difference, variance_components
from daenr_tf.experiments.scores import (
    COUNT_SPREAD,
    Score,
    image_draws,
    mean_score,
    relative_gain,
    weighted_pcc,
)
from daenr_tf.tools import interval_coverage
from daenr_tf.tools.populations import Errors, Predictions

RNG = np.random.default_rng(0)


def every_draw(images):
    """All draws of `images` from `images`, each as likely as the others: the bootstrap without its own randomness."""
    return np.array(
        [
            np.bincount(draw, minlength=images)
            for draw in itertools.product(range(images), repeat=images)
        ]
    )


def responses(seeds=3, images=20, neurons=6, dtype=np.float64):
    observed = RNG.gamma(1.0, 1.0, (images, neurons))
    return (observed + RNG.normal(0, 1, (seeds, images, neurons))).astype(dtype), observed


def errors(seeds=5, images=50, shift=0.0, seed=1):
    generator = np.random.default_rng(seed)
    effects = (
        generator.normal(size=(seeds, 1))
        + generator.normal(size=(1, images))
        + generator.normal(size=(seeds, images))
    )
    return 5 + shift + 0.2 * effects


class TestDraws:
    def test_each_has_as_many_images_as_the_test_set(self):
        counts = image_draws(50, draws=300)
        assert (
            counts.shape == (300, 50)
            and (counts.sum(axis=1) == 50).all()
            and (counts.std(axis=0) > 0).all()
        )

    def test_are_a_function_of_their_seed(self):
        np.testing.assert_array_equal(image_draws(9, 20, seed=4), image_draws(9, 20, seed=4))
        assert (image_draws(9, 20, seed=4) != image_draws(9, 20, seed=5)).any()

    @pytest.mark.parametrize(("images", "draws"), [(1, 10), (10, 1)])
    def test_too_few_are_refused(self, images, draws):
        with pytest.raises(InputError, match="expected 2 images and 2 draws or more"):
            image_draws(images, draws)


class TestScores:
    def test_the_full_test_set_drawn_once_gives_the_score_itself(self):
        predicted, observed = responses()
        ones = np.ones((2, 20), int)
        expected = [metrics.pearson_per_neuron(p, observed).mean() for p in predicted]
        for score in (
            Score.pcc(predicted, observed, ones).full,
            *Score.pcc(predicted, observed, ones).drawn,
        ):
            np.testing.assert_allclose(score, expected, rtol=0, atol=1e-13)
        expected = [metrics.significant_neurons(p, observed).sum() for p in predicted]
        for score in (
            Score.significant(predicted, observed, ones).full,
            *Score.significant(predicted, observed, ones).drawn,
        ):
            np.testing.assert_array_equal(score, expected)
        values = RNG.random((3, 20))
        np.testing.assert_allclose(
            Score.mean_over_images(values, ones).drawn, [values.mean(axis=1)] * 2, rtol=1e-14
        )

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("offset", [0, 1000])
    def test_a_draw_is_worth_what_the_metric_gives_on_its_images(self, dtype, offset):
        predicted, observed = responses(dtype=dtype)
        predicted, observed = predicted + dtype(offset), observed - offset
        counts = image_draws(20, 15)
        drawn, significant = (
            Score.pcc(predicted, observed, counts).drawn,
            Score.significant(predicted, observed, counts).drawn,
        )
        numbers = np.empty_like(significant)
        for draw, seed in np.ndindex(drawn.shape):
            images = np.repeat(np.arange(20), counts[draw])
            assert (
                abs(
                    drawn[draw, seed]
                    - metrics.pearson_per_neuron(predicted[seed][images], observed[images]).mean()
                )
                < 1e-9
            )
            numbers[draw, seed] = metrics.significant_neurons(
                predicted[seed][images], observed[images]
            ).sum()
        assert len(np.unique(numbers)) > 1
        mean = numbers.mean(axis=0)  # the draws spread too little about it
        np.testing.assert_allclose(significant, mean + COUNT_SPREAD * (numbers - mean), atol=1e-9)

    def test_a_neuron_that_is_constant_within_a_draw_counts_as_zero_there(self):
        predicted, observed = (a[..., :3] for a in responses(1))
        observed[:, 1], observed[7, 1] = 0.1, 5.0  # answers a single image
        predicted[..., 2] = 0.3
        counts = image_draws(20, 200)
        pcc = weighted_pcc(predicted[0], observed, counts)
        np.testing.assert_array_equal(pcc[:, 1] == 0, counts[:, 7] == 0)
        assert not pcc[:, 2].any() and pcc[:, 0].all()

    def test_a_value_that_is_not_finite_spoils_its_own_neuron_only(self):
        predicted, observed = responses(1)
        predicted[0, 3, 1], predicted[0, 3, 2] = np.nan, np.inf
        pcc = weighted_pcc(predicted[0], observed, image_draws(20, 5))
        assert np.isnan(pcc).all(axis=0).tolist() == [False, True, True, False, False, False]
        assert np.isnan(Score.pcc(predicted, observed, image_draws(20, 5)).drawn).all()

    def test_differences_means_and_gains_are_taken_draw_by_draw(self):
        counts = image_draws(50, 30)
        a, b = (
            Score.mean_over_images(errors(), counts),
            Score.mean_over_images(errors(shift=-1), counts),
        )
        np.testing.assert_allclose((a - b).drawn, a.drawn - b.drawn)
        np.testing.assert_allclose(mean_score([a, b]).drawn, (a.drawn + b.drawn) / 2)
        np.testing.assert_allclose(relative_gain(a, b).full, 1 - b.full / a.full)
        np.testing.assert_allclose((a / 4).drawn, a.drawn / 4)

    def test_what_does_not_fit_is_refused(self):
        counts = image_draws(50, 10)
        score = Score.mean_over_images(errors(), counts)
        with pytest.raises(InputError, match="same number of seeds, found 5 and 4"):
            score - Score.mean_over_images(errors(4), counts)
        with pytest.raises(InputError, match="same draws of images"):
            score - Score.mean_over_images(errors(), image_draws(50, 10, seed=1))
        with pytest.raises(InputError, match=r"expected \(draws, 50\), found shape \(10, 49\)"):
            Score.mean_over_images(errors(), image_draws(49, 10))
        with pytest.raises(InputError, match=r"values: expected \(seeds, images, neurons\)"):
            Score.pcc(errors(), errors()[0], counts)
        with pytest.raises(InputError, match="at least one score"):
            mean_score([])


class TestEstimate:
    def test_components_are_those_of_a_two_way_analysis_of_variance(self):
        seeds, images = 3, 5
        values = RNG.normal(size=(seeds, images))
        rows, columns, grand = values.mean(axis=1), values.mean(axis=0), values.mean()
        between = images * ((rows - grand) ** 2).sum() / (seeds - 1)
        over = seeds * ((columns - grand) ** 2).sum() / (images - 1)
        rest = ((values - rows[:, None] - columns + grand) ** 2).sum() / (
            (seeds - 1) * (images - 1)
        )
        parts = variance_components(Score.mean_over_images(values, every_draw(images)))
        np.testing.assert_allclose(
            [parts.seeds, parts.images, parts.interaction],
            np.array([between, over, rest]) / values.size,
            rtol=1e-12,
        )

    def test_one_seed_is_the_t_test_over_images(self):
        values = RNG.normal(0.5, 1, (1, 5))
        result, test = (
            estimate(Score.mean_over_images(values, every_draw(5))),
            stats.ttest_1samp(values[0], 0),
        )
        np.testing.assert_allclose(
            [result.low, result.high], test.confidence_interval(0.95), rtol=1e-10
        )
        assert (
            result.p_value == pytest.approx(test.pvalue)
            and result.one_seed
            and result.note == "one seed: interval over images only"
        )

    def test_seeds_alone_are_the_t_test_over_seeds(self):
        offsets = RNG.normal(1, 1, 4)
        result = estimate(
            Score.mean_over_images(np.repeat(offsets[:, None], 50, axis=1), image_draws(50, 100)),
            level=0.9,
        )
        test = stats.ttest_1samp(offsets, 0)
        np.testing.assert_allclose(
            [result.low, result.high], test.confidence_interval(0.9), rtol=1e-10
        )
        assert (
            result.p_value == pytest.approx(test.pvalue)
            and not result.one_seed
            and result.note == ""
        )

    def test_images_alone_are_the_t_test_over_images(self):
        values = RNG.normal(0.5, 1, 5)
        result, test = (
            estimate(Score.mean_over_images(np.tile(values, (3, 1)), every_draw(5))),
            stats.ttest_1samp(values, 0),
        )
        np.testing.assert_allclose(
            [result.low, result.high], test.confidence_interval(0.95), rtol=1e-10
        )
        assert (result.seeds, result.images, result.degrees_of_freedom) == (3, 5, 4)

    def test_seeds_that_agree_by_chance_do_not_make_it_narrower_than_a_third_of_the_interval_over_images(
        self,
    ):
        values = RNG.normal(size=(3, 50))
        values -= (
            values.mean(axis=0) / 2
        )  # images differ by less than their interaction with the seeds would make them
        values += 1 - values.mean(axis=1, keepdims=True)
        score = Score.mean_over_images(values, image_draws(50))
        result, parts = estimate(score), variance_components(score)
        assert parts.images < parts.interaction and parts.seeds < 1e-30
        assert result.high - result.value == pytest.approx(
            stats.t.ppf(0.975, 49) * np.sqrt(parts.images) / 3
        )

    def test_a_model_does_not_differ_from_itself(self):
        counts = image_draws(50, 200)
        predicted, observed = responses(5, 50)
        for score in (
            Score.pcc(predicted, observed, counts),
            Score.mean_over_images(errors(), counts),
        ):
            result = estimate(score - score)
            assert (result.value, result.low, result.high, result.p_value) == (0, 0, 0, 1)

    def test_a_difference_without_any_variance_is_certain(self):
        score = Score(np.ones(3), np.ones((10, 3)), image_draws(50, 10))
        assert (estimate(score).p_value, estimate(score).low) == (0, 1)

    @pytest.mark.parametrize("seeds", [1, 2, 5])
    def test_exchanged_models_exchange_the_sign(self, seeds):
        counts = image_draws(50, 100)
        a, b = (
            Score.mean_over_images(errors(seeds), counts),
            Score.mean_over_images(errors(seeds, seed=2), counts),
        )
        one, other = estimate(a - b), estimate(b - a)
        assert (one.value, one.low, one.high, one.p_value) == (
            -other.value,
            -other.high,
            -other.low,
            other.p_value,
        )

    @pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
    def test_the_interval_leaves_zero_out_exactly_when_p_says_so(self, level):
        inside, counts = set(), image_draws(50, 100)
        for seed in range(60):
            values = np.random.default_rng(seed).normal(0.12, 1, (3, 50))
            result = estimate(Score.mean_over_images(values, counts), level)
            assert (result.low <= 0 <= result.high) == (result.p_value > 1 - level)
            inside.add(result.low <= 0 <= result.high)
        assert inside == {True, False}

    def test_pairing_removes_what_two_models_share(self):
        counts = image_draws(50, 200)
        a, b = (
            Score.mean_over_images(errors(), counts),
            Score.mean_over_images(errors() * 1.05, counts),
        )
        paired, apart = estimate(b - a), unpaired_difference(estimate(b), estimate(a))
        assert (
            paired.value == pytest.approx(apart.value)
            and paired.standard_error < apart.standard_error / 10
        )

    def test_a_score_that_is_not_finite_has_no_interval(self):
        perfect, small = errors(), errors()
        perfect[1, 2], small[:] = np.inf, np.nan
        counts = image_draws(50, 10)
        results = [estimate(Score.mean_over_images(values, counts)) for values in (perfect, small)]
        assert results[0].value == np.inf and np.isnan(results[1].value)
        for result in results:
            assert np.isnan([result.low, result.high, result.standard_error, result.p_value]).all()
        score = Score.mean_over_images(perfect, counts)
        assert np.isnan(estimate(score - score).p_value)

    def test_a_level_that_is_none_is_refused(self):
        with pytest.raises(InputError, match="level: expected a number between 0 and 1, found 95"):
            estimate(Score.mean_over_images(errors(), image_draws(50, 10)), level=95)


def test_unlike_things_are_compared_by_welchs_test():
    first, second = RNG.normal(0, 1, 5), RNG.normal(1, 3, 4)
    one, other = (
        estimate(Score.mean_over_images(values[None], every_draw(len(values))))
        for values in (first, second)
    )
    result, test = unpaired_difference(one, other), stats.ttest_ind(first, second, equal_var=False)
    np.testing.assert_allclose(
        [result.low, result.high], test.confidence_interval(0.95), rtol=1e-10
    )
    assert result.p_value == pytest.approx(test.pvalue) and (result.seeds, result.images) == (1, 4)


class TestHolm:
    def test_a_worked_example(self):
        # In order 0.01 x 4, 0.02 x 3, 0.03 x 2 (raised to the 0.06 before it) and 0.04 x 1 (likewise).
        np.testing.assert_allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])

    def test_never_exceeds_one_and_leaves_a_single_comparison_alone(self):
        np.testing.assert_allclose(holm([0.4, 0.6, 0.9]), [1, 1, 1])
        np.testing.assert_allclose(holm([0.03]), [0.03])
        assert holm([]).shape == (0,)

    def test_a_comparison_that_was_not_made_does_not_count(self):
        np.testing.assert_allclose(holm([np.nan, 0.01, 0.04]), [np.nan, 0.02, 0.04])

    def test_wrong_shapes_are_refused(self):
        with pytest.raises(InputError, match=r"expected \(comparisons,\), found shape \(\)"):
            holm(0.05)


class TestCalibration:
    @pytest.mark.parametrize("gain", [0.0, 0.1])
    def test_populations_are_as_true_as_a_large_simulation_says(self, gain):
        generator = np.random.default_rng(0)
        population = Errors(0.2, 0.2, 0.6, skewed=True, hardness=0.5)
        means = [population.study(3, (gain,), generator)[0].mean() for _ in range(2000)]
        assert abs(np.mean(means) - population.truth(3, gain)) < 4 * np.std(means) / np.sqrt(2000)
        for skewed in (False, True):
            population = Predictions(0.5, 1.0, 0.3, skewed=skewed)
            studies = [population.study(1, (gain,), generator) for _ in range(400)]
            # Image after image behind each other, as if one test set: every training then has its own 50 images.
            predicted, observed = (
                np.concatenate([models[0][0] for models, _ in studies]),
                np.concatenate([seen for _, seen in studies]),
            )
            assert (
                abs(metrics.pearson_per_neuron(predicted, observed).mean() - population.truth(gain))
                < 0.012
            )

    def test_is_repeatable_and_puts_everything_into_the_table_and_the_figure(self, tmp_path):
        regimes = [interval_coverage.REGIMES[0], interval_coverage.REGIMES[-3]]
        run = [
            interval_coverage.calibrate(regime, seeds, studies=8)
            for regime in regimes
            for seeds in (2, 3)
        ]
        assert run == [
            interval_coverage.calibrate(regime, seeds, studies=8)
            for regime in regimes
            for seeds in (2, 3)
        ]
        text = interval_coverage.table(run)
        assert (
            "| 2 seeds | 3 seeds | naive, 2 | naive, 3 |" in text
            and "| PCC, difference | all equal | " in text
        )
        interval_coverage.draw(tmp_path / "calibration.png", run, 8)
        assert imread(tmp_path / "calibration.png").std() > 0.01

    def test_a_regime_out_of_range_does_not_hold(self):
        def result(false, covered):
            return interval_coverage.Calibration(
                interval_coverage.REGIMES[6], 5, false, (covered, 95.0)
            )

        assert result((5.0, 0.0), 95.0).holds and result(None, 96.9).holds
        assert (
            not result((6.6, 5.0), 95.0).holds
            and not result((5.0, 5.0), 91.9).holds
            and not result(None, 98.1).holds
        )

    @pytest.mark.slow
    @pytest.mark.parametrize("seeds", [3, 5, 10])
    @pytest.mark.parametrize(
        "regime",
        [r for r in interval_coverage.REGIMES if r.main],
        ids=lambda r: f"{r.figure}, {r.of}: {r.name}",
    )
    def test_intervals_hold_what_they_say(self, regime, seeds):
        result = interval_coverage.calibrate(regime, seeds)
        if not result.holds:  # the share of 1,000 studies has a standard error of 0.7 %: what it leaves open, 6,000 settle
            result = interval_coverage.calibrate(regime, seeds, studies=6000)
        assert result.holds, result
