"""Missing responses, NaN where a neuron was not recorded on an image: they count nowhere."""

import dataclasses

import numpy as np
import pytest

from daenr_tf import (
    ModelConfig,
    Recording,
    TrainConfig,
    build_model,
    evaluate,
    metrics,
    pipeline,
    train,
)
from daenr_tf.baselines import lnp
from daenr_tf.baselines.axes import Axes, ridge
from daenr_tf.baselines.measure import measure
from daenr_tf.baselines.pixels import Pixels
from daenr_tf.commands.check import describe_in_words
from daenr_tf.errors import InputError
from daenr_tf.experiments.scores import Score, image_omissions, weighted_pcc
from daenr_tf.loss_weights import LOSS_SCALES
from daenr_tf.receptive_fields import estimate_receptive_fields
from daenr_tf.recordings.description import describe

SMALL = {"image_size": (8, 8), "layer": 1}


def arrays(images=40, neurons=5, test=10, repeats=4, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "images": rng.integers(0, 256, (images, 8, 8), np.uint8),
        "responses": rng.gamma(1.0, 1.0, (images, neurons)).astype(np.float32),
        "test_images": rng.integers(0, 256, (test, 8, 8), np.uint8),
        "test_trials": rng.gamma(1.0, 1.0, (repeats, test, neurons)).astype(np.float32),
    }


def with_missing(share=0.4, **sizes):
    """A recording without its every image having every neuron; each neuron has some in every set."""
    found = arrays(**sizes)
    gone = np.random.default_rng(1).random(found["responses"].shape) < share
    found["responses"][gone] = np.nan
    found["test_trials"][:, 2, 1] = np.nan
    return Recording(**found)


def examples(recording, recipe="cnn_fr"):
    return pipeline.prepare(recording, ModelConfig(recipe, **SMALL), 0)


class TestRecording:
    def test_what_is_missing_is_kept_and_told(self):
        recording = with_missing()
        gone = np.isnan(recording.responses)
        assert recording.missing == pytest.approx(gone.mean())
        assert np.isnan(recording.test_responses).sum() == 1
        assert np.isnan(recording.test_responses[2, 1])
        assert recording.repeats_range == (0, 4)
        text = describe_in_words(recording, describe(recording))
        assert f"missing {gone.mean():.1%}" in text and "nan" not in text

    def test_held_out_images_keep_theirs(self):
        given = {key: arrays()[key] for key in ("images", "responses")}
        given["responses"][:, 0] = np.where(np.arange(40) % 2, np.nan, 1.0)
        recording = Recording(**given)
        both = np.concatenate([recording.responses, recording.test_responses])
        assert np.isnan(both[:, 0]).sum() == 20 and not np.isnan(both[:, 1:]).any()

    @pytest.mark.parametrize("bad", [np.inf, -1.0])
    def test_infinite_and_negative_stay_refused(self, bad):
        given = arrays()
        given["responses"][3, 2] = bad
        with pytest.raises(InputError, match=r"responses: expected finite responses >= 0 .* found"):
            Recording(**given)

    @pytest.mark.parametrize("key", ["responses", "test_trials"])
    def test_nothing_but_missing_responses_is_refused(self, key):
        given = arrays()
        given[key][:] = np.nan
        with pytest.raises(InputError, match="where not all are missing, found NaN alone"):
            Recording(**given)

    def test_averages_are_missing_where_all_trials_are(self):
        given = arrays()
        given["test_trials"][:, 2, 1] = np.nan
        with pytest.raises(InputError, match="test_responses: expected the mean of test_trials"):
            Recording(**given, test_responses=np.nan_to_num(given["test_trials"].mean(axis=0)))
        Recording(**given, test_responses=given["test_trials"].mean(axis=0))

    def test_the_digest_tells_a_missing_response_from_none(self):
        given = arrays()
        whole = Recording(**given).digest
        given["responses"][0, 0] = np.nan
        assert Recording(**given).digest != whole

    def test_a_split_without_a_response_to_judge_by_is_refused(self, tmp_path):
        recording = Recording(**arrays())
        _, validation = recording.split(0)
        responses = np.array(recording.responses)
        responses[validation] = np.nan
        recording = dataclasses.replace(recording, responses=responses)
        model = build_model(ModelConfig("cnn_fr", **SMALL), recording)
        with pytest.raises(InputError, match="expected a split with responses in the validation"):
            train(model, recording, TrainConfig(max_steps=2), str(tmp_path))


class TestLoss:
    def model(self, recording, **compiled):
        return build_model(ModelConfig("cnn_fr", **SMALL), recording, **compiled)

    @pytest.mark.parametrize("scale", LOSS_SCALES)
    def test_a_batch_counts_what_is_present(self, scale):
        """The gradient of the loss is that of the sum over present entries over their number, times the scale's factor."""
        import tensorflow as tf

        recording = with_missing()
        train_set = examples(recording).train
        images, responses = np.asarray(train_set.images[:16]), np.asarray(train_set.responses[:16])
        model = self.model(recording, loss_scale=scale)
        known = ~np.isnan(responses)
        rate = np.asarray(model(images)["response"], np.float64)
        each = rate - np.where(known, responses, 0) * np.log(rate + 1e-7)
        expected = each[known].mean()
        logs = model.test_on_batch(images, {"response": responses}, return_dict=True)
        assert float(logs["response"]) == pytest.approx(expected, rel=1e-5)
        penalty = sum(
            term.weight * float(np.mean(term.value))
            for term in model.forward(images)[1]["response"].values()
        )
        factor = 5.0 if scale in ("sum", "neurons") else 1.0
        assert float(logs["loss"]) == pytest.approx(factor * (expected + penalty), rel=1e-5)

        def losses(targets):
            values, _ = model.loss_terms(images, {"response": targets})
            share = model.shares({"response": targets})["response"]
            return tf.reduce_sum(values["response"]) / tf.reduce_sum(share)

        with tf.GradientTape() as tape:
            loss = losses(tf.constant(responses))
        (of_bias,) = tape.gradient(loss, [model.readout.bias.value])
        slope = (1 - np.where(known, responses, 0) / (rate + 1e-7)) * (1 - np.exp(-rate))
        expected = np.where(known, slope, 0).sum(axis=0) / known.sum()
        np.testing.assert_allclose(of_bias, expected, rtol=2e-4, atol=1e-6)

    def test_fit_takes_them_and_stays_finite(self):
        recording = with_missing()
        first = np.asarray(examples(recording).train.responses)
        assert np.isnan(first).any()
        model = self.model(recording)
        images = np.asarray(examples(recording).train.images)
        before = [np.asarray(w) for w in model.get_weights()]
        model.fit(images, {"response": first}, batch_size=8, epochs=1, verbose=0)
        assert all(np.isfinite(w).all() for w in model.get_weights())
        assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))

    def test_validation_is_over_what_is_present_in_all_batches(self, tmp_path, monkeypatch):
        from daenr_tf import training

        recording = with_missing(images=60)
        model = self.model(recording)
        validation = examples(recording).validation
        responses = np.asarray(validation.responses)
        known = ~np.isnan(responses)
        rate = np.asarray(model(np.asarray(validation.images))["response"], np.float64)
        each = rate - np.where(known, responses, 0) * np.log(rate + 1e-7)
        monkeypatch.setattr(training, "EVALUATION_BATCH", 5)  # batches with different shares
        found = training.evaluate_terms(model.loss_terms, validation, model.heads)
        assert found["response"] == pytest.approx(each[known].mean(), rel=1e-5)

    def test_integer_responses_are_taken(self):
        recording = Recording(**arrays())
        images = np.zeros((4, 8, 8, 1), np.float32)
        logs = self.model(recording).test_on_batch(
            images, {"response": np.ones((4, 5), np.int64)}, return_dict=True
        )
        assert np.isfinite(float(logs["loss"]))


def test_a_run_on_what_is_missing_learns_and_is_measured(tmp_path):
    recording = with_missing(images=60)
    model = build_model(ModelConfig("cae_fr", **SMALL), recording)
    trained = train(
        model,
        recording,
        TrainConfig(task="nrs", max_steps=20, validate_every=10, batch_size=16),
        str(tmp_path),
    )
    assert np.isfinite(trained.history.to_numpy(float)).all()
    evaluation = evaluate(model, recording)
    table = evaluation.neurons
    assert np.isfinite(table["pcc"]).all()
    known = ~np.isnan(recording.test_responses[:, 1])
    predicted = evaluation.outputs["response"][known, 1]
    assert table["pcc"][1] == pytest.approx(
        np.corrcoef(predicted, recording.test_responses[known, 1])[0, 1]
    )


def test_a_neuron_without_responses_has_empty_figures():
    given = arrays()
    given["responses"][:, 0] = np.nan  # nothing to learn from
    given["test_trials"][:, 2:, 3] = np.nan  # two images left to judge by
    recording = Recording(**given)
    model = build_model(ModelConfig("cnn_fm", **SMALL), recording)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    evaluation = evaluate(model, recording)
    scored = np.array([False, True, True, False, True])
    for column in ("pcc", "p_value", "pcc_normalized"):
        assert np.isfinite(evaluation.neurons[column])[~scored].sum() == 0, column
    assert np.isfinite(evaluation.neurons["pcc"])[scored].all()
    assert not evaluation.neurons["significant"][~scored].any()
    assert evaluation.test["pcc"] == pytest.approx(evaluation.neurons["pcc"][scored].mean())
    from daenr_tf.recordings import checks

    told = " ".join(checks.cautions(recording))
    assert "1 of 5 neurons have no response in training" in told
    assert "1 of 5 neurons have fewer than 3 responses in the test set" in told


def test_biases_start_at_the_mean_over_a_neurons_own_images():
    recording = with_missing()
    model = build_model(ModelConfig("cnn_fr", **SMALL), recording)
    indices, _ = recording.split(0)
    mean = np.nanmean(recording.responses[indices].astype(np.float64), axis=0)
    np.testing.assert_allclose(np.log1p(np.exp(model.readout.bias)), mean, rtol=1e-5)


def test_receptive_fields_are_those_of_a_neurons_own_images():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(400, 16, 16, 1)).astype(np.float32)
    responses = np.maximum(images[:, [4, 10], [5, 12], 0], 0)
    missing = responses.copy()
    missing[::3, 0] = np.nan
    whole = estimate_receptive_fields(images, responses)
    found = estimate_receptive_fields(images, missing)
    np.testing.assert_allclose(found.maps[1], whole.maps[1], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.positions, [[4, 5], [10, 12]], atol=0.6)


class TestMetrics:
    def test_each_neuron_is_judged_by_its_own_images(self):
        rng = np.random.default_rng(0)
        predicted, observed = rng.gamma(1, 1, (30, 6)), rng.gamma(1, 1, (30, 6))
        gone = rng.random((30, 6)) < 0.4
        gone[:, 0] = False
        gone[:, 5] = np.arange(30) > 1  # two left
        whole = metrics.pearson_per_neuron(predicted, observed)
        observed[gone] = np.nan
        pcc = metrics.pearson_per_neuron(predicted, observed)
        poisson = metrics.poisson_per_neuron(predicted, observed)
        assert pcc[0] == whole[0] and np.isnan(pcc[5])
        for neuron in range(1, 5):
            known = ~gone[:, neuron]
            expected = np.corrcoef(predicted[known, neuron], observed[known, neuron])[0, 1]
            assert pcc[neuron] == pytest.approx(expected)
            rate, seen = predicted[known, neuron], observed[known, neuron]
            assert poisson[neuron] == pytest.approx((rate - seen * np.log(rate + 1e-7)).mean())

    def test_significance_counts_a_neurons_own_images(self):
        from scipy.stats import pearsonr

        rng = np.random.default_rng(3)
        observed = rng.normal(size=(40, 50))
        predicted = observed + 3 * rng.normal(size=(40, 50))
        observed[15:, ::2] = np.nan
        expected = []
        for x, y in zip(predicted.T, observed.T, strict=True):
            r = pearsonr(x[~np.isnan(y)], y[~np.isnan(y)])
            expected.append(r.pvalue <= 0.05 and r.statistic > 0)
        found = metrics.significant_neurons(predicted, observed)
        assert found.tolist() == expected and 0 < sum(expected) < 50

    def test_scores_leave_them_out_in_every_draw(self):
        rng = np.random.default_rng(0)
        predicted, observed = rng.normal(size=(2, 12, 4)), rng.normal(size=(12, 4))
        observed[[1, 5], 0] = np.nan
        observed[2:, 3] = np.nan  # not scored
        counts = image_omissions(12)
        drawn = weighted_pcc(predicted[0], observed, counts)
        for image in (0, 1, 7):
            known = ~np.isnan(observed[:, 0]) & (np.arange(12) != image)
            expected = np.corrcoef(predicted[0][known, 0], observed[known, 0])[0, 1]
            assert drawn[image, 0] == pytest.approx(expected)
        score = Score.pcc(predicted, observed, counts)
        expected = [metrics.pearson_per_neuron(p, observed)[:3].mean() for p in predicted]
        np.testing.assert_allclose(score.full, expected)
        assert np.isfinite(score.drawn).all()


class TestBaselines:
    def test_ridge_is_that_of_a_neurons_own_images(self):
        recording = with_missing(images=100)
        sets = examples(recording)
        images, responses = np.asarray(sets.train.images), np.asarray(sets.train.responses)
        axes = Axes(Pixels(images.shape[1:]), images)
        strength = 3.0
        fitted = ridge(axes, *sets.train[:2], *sets.validation[:2], strengths=[strength])
        predicted = fitted.predict(sets.test.images)
        for neuron in range(recording.neurons):
            known = ~np.isnan(responses[:, neuron])
            z, r = axes(images[known]), responses[known, neuron].astype(np.float64)
            centred = z - z.mean(axis=0)
            normal = centred.T @ centred / len(z) + strength * np.eye(z.shape[1])
            weights = np.linalg.solve(normal, centred.T @ (r - r.mean()) / len(z))
            expected = (axes(sets.test.images) - z.mean(axis=0)) @ weights + r.mean()
            np.testing.assert_allclose(predicted[:, neuron], expected, rtol=1e-5, atol=1e-6)

    def test_lnp_ends_where_the_gradient_over_its_own_images_vanishes(self):
        rng = np.random.default_rng(0)
        seen = rng.normal(size=(80, 4))
        seen -= seen.mean(axis=0)
        responses = rng.gamma(1.0, 1.0, (80, 3))
        responses[rng.random((80, 3)) < 0.3] = np.nan
        weights, bias = lnp.maximum(seen, seen.var(axis=0), responses, 1e-9)
        rate = np.log1p(np.exp(seen @ weights + bias))
        known = ~np.isnan(responses)
        slope = np.where(known, (1 - np.where(known, responses, 0) / rate) * (1 - np.exp(-rate)), 0)
        np.testing.assert_allclose(seen.T @ slope / known.sum(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(slope.sum(axis=0) / known.sum(axis=0), 0, atol=1e-5)

    def test_all_of_them_are_measured(self):
        recording = with_missing(images=60)
        for one in measure(recording, examples(recording)):
            assert np.isfinite(one.neurons["pcc"]).all(), one.baseline.name
            assert all(np.isfinite(v) for v in one.facts["validation"].values())


@pytest.mark.parametrize("scale", LOSS_SCALES)
def test_a_complete_recording_comes_to_the_bits_of_a_loss_that_knows_nothing_of_missing_responses(
    scale, tmp_path, monkeypatch
):
    from daenr_tf.models import objective

    recording = Recording(**arrays(images=60))
    found = []
    for lacking in (objective.MAY_LACK, ()):
        monkeypatch.setattr(objective.ObjectiveModel, "lacking", lacking)
        model = build_model(ModelConfig("cae_fr", **SMALL), recording)
        config = TrainConfig(
            task="nrs", max_steps=6, validate_every=3, batch_size=16, loss_scale=scale
        )
        trained = train(model, recording, config, str(tmp_path / str(len(found))))
        history = trained.history.to_numpy(float)
        found.append([history, *(np.asarray(weight) for weight in model.get_weights())])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
