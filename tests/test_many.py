"""One core under the readouts of several recordings: layer, loss, training, and each recording's model."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from refusal import refused

from daenr_tf import (
    ModelConfig,
    TrainConfig,
    build_model,
    evaluate,
    export,
    load_model,
    mixed,
    train,
)
from daenr_tf.layers.readouts import FactorizedReadout, FixedMaskReadout, FullyConnectedReadout
from daenr_tf.layers.readouts_of_several import ReadoutsOfSeveral
from daenr_tf.loss_weights import LOSS_SCALES
from daenr_tf.models.build import head_weights
from daenr_tf.models.keras_file import save_model
from daenr_tf.models.taken_out import of_recording
from daenr_tf.recordings.several import Recordings
from daenr_tf.runs import footprint
from daenr_tf.training import term_on

KINDS = (FactorizedReadout, FixedMaskReadout, FullyConnectedReadout)
NEURONS = {"a": 5, "2": 3, "c-1.x": 4}  # a number and signs are names too
SMALL = {"image_size": (8, 8), "layer": 1}
SHORT = {"max_steps": 20, "validate_every": 5, "batch_size": 16}


def readouts(kind=FactorizedReadout, activity_l1=0.5):
    """The layer, built for h (batch, 4, 4, 6), with weights that are not small."""
    members = [
        kind(count, seed=seed, activity_l1=activity_l1, name=f"readout_{name}")
        for seed, (name, count) in enumerate(NEURONS.items())
    ]
    layer = ReadoutsOfSeveral(members, list(NEURONS))
    layer.build((None, 4, 4, 6))
    rng = np.random.default_rng(0)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return layer


def hidden(count=12, seed=1):
    return tf.constant(np.random.default_rng(seed).normal(0, 1, (count, 4, 4, 6)), tf.float32)


@pytest.fixture(scope="module")
def three(make_recording):
    """Recordings of other sizes, numbers of images and of neurons, and pixel ranges."""
    floats = make_recording(3, images=30, height=8, width=8, neurons=4, name="c-1.x")
    arrays = {key: getattr(floats, key) / np.float32(100) - 1 for key in ("images", "test_images")}
    return Recordings(
        [
            make_recording(1, images=50, neurons=5, name="a"),
            make_recording(2, images=40, height=9, width=9, channels=3, neurons=3, name="2"),
            dataclasses.replace(floats, **arrays, pixel_range=None),
        ]
    )


class TestReadouts:
    @pytest.mark.parametrize("kind", KINDS)
    def test_each_answers_its_own_images(self, kind):
        layer, h = readouts(kind), hidden()
        whose = np.array([1, 0, 2, 2, 0, 1, 1, 0, 2, 0, 0, 1])
        answers, terms = layer(h, whose=whose)
        assert answers.shape == (12, 5)
        for number, (member, count) in enumerate(zip(layer.members, NEURONS.values(), strict=True)):
            own = whose == number
            expected, its = member(h[own])
            np.testing.assert_allclose(answers[own][:, :count], expected, rtol=1e-5, atol=1e-6)
            assert np.all(answers[own][:, count:] == 1)
            np.testing.assert_allclose(
                terms["activity_l1"].value[own], its["activity_l1"].value, rtol=1e-5
            )

    def test_a_recording_without_an_image_in_the_batch(self):
        layer, h = readouts(), hidden(4)
        answers, terms = layer(h, whose=np.array([2, 0, 2, 0]))
        assert np.isfinite(answers).all() and terms["activity_l1"].value.shape == (4,)

    def test_without_whose_all_answer_one_after_the_other(self):
        layer, h = readouts(), hidden()
        answers, terms = layer(h)
        expected = np.concatenate([member(h)[0] for member in layer.members], axis=1)
        np.testing.assert_array_equal(answers, expected)
        assert list(terms) == ["readout_l1", "activity_l1"] and answers.shape == (12, 12)

    def test_the_penalty_is_the_mean_over_the_neurons_of_all(self):
        layer = readouts()
        each = [
            np.abs(np.asarray(member.mask)).sum((0, 1)) * np.abs(np.asarray(member.features)).sum(0)
            for member in layer.members
        ]
        for terms in (layer(hidden())[1], layer(hidden(), whose=np.zeros(12, int))[1]):
            assert float(terms["readout_l1"].value) == pytest.approx(
                np.concatenate(each).mean(), rel=1e-5
            )

    @pytest.mark.parametrize("kind", KINDS)
    def test_images_of_one_teach_the_others_nothing(self, kind):
        layer = readouts(kind)
        with tf.GradientTape() as tape:
            answers, _ = layer(hidden(), whose=np.zeros(12, int))
            loss = tf.reduce_sum(answers)
        features = [member.trainable_weights for member in layer.members]
        gradients = tape.gradient(loss, features)
        for number, own in enumerate(gradients):
            largest = max(0.0 if g is None else float(tf.reduce_max(tf.abs(g))) for g in own)
            assert (largest > 0) == (number == 0)

    def test_names_must_differ(self):
        with refused("names", "different"):
            ReadoutsOfSeveral([FactorizedReadout(2), FactorizedReadout(3)], ["a", "a"])


class TestLoss:
    def test_the_response_loss_is_the_mean_over_all_responses_that_there_are(self, three):
        config = ModelConfig("cae_fr", **SMALL)
        model = build_model(config, list(three))
        sets = mixed.prepare(three, config, 0)
        total, count = 0.0, 0
        for one in three:
            own = sets.of_each[one.name].validation
            rates = np.asarray(of_recording(model, one)(np.asarray(own.images))["response"])
            observed = np.asarray(own.responses, np.float64)
            total += (rates - observed * np.log(rates + 1e-7)).sum()
            count += observed.size
        assert term_on(model, sets.validation, "response") == pytest.approx(total / count, rel=1e-5)

    def test_images_are_prepared_by_their_own_range(self, three):
        sets = mixed.prepare(three, ModelConfig("cae_fr", **SMALL), 0)
        for number, one in enumerate(three):
            own = sets.train.images[sets.train.whose == number]
            low, high = one.pixel_range
            if one.images.shape[1:3] == (8, 8):  # not resized: a closed form
                train_indices, _ = one.split(0)
                expected = (one.images[train_indices] - low) * (2 / (high - low)) - 1
                np.testing.assert_allclose(own, expected, atol=1e-5)
            assert own.min() < -0.5 and own.max() > 0.5 and np.abs(own).max() <= 1
            assert np.isnan(
                sets.train.responses[sets.train.whose == number][:, one.neurons :]
            ).all()

    @pytest.mark.parametrize("scale", LOSS_SCALES)
    def test_a_sum_over_neurons_is_over_the_mean_number_of_a_recording(self, three, scale):
        model = build_model(ModelConfig("cnn_fr", **SMALL), list(three), loss_scale=scale)
        factor = 4.0 if "response" in LOSS_SCALES[scale] else 1.0  # of 5, 3 and 4
        assert head_weights(model, 1, 1, scale) == {"response": factor}

    def test_fixed_masks_lie_where_each_recording_alone_has_them(self, three):
        config = ModelConfig("cnn_fm", **SMALL)
        model = build_model(config, list(three))
        for one in three:
            alone = build_model(config, one)
            assert np.array_equal(model.readout.member(one.name).cells(), alone.readout.cells())
            out = of_recording(model, one)
            assert np.array_equal(out.readout.positions, alone.readout.positions)


class TestMemory:
    @pytest.mark.parametrize("recipe", ["cae_fr", "cnn_fm", "vae_fc"])
    def test_the_weights_of_all_readouts_are_counted(self, recipe, three):
        config = ModelConfig(recipe, **SMALL)
        counted = footprint.parameters(config, three.neurons)
        assert counted == build_model(config, list(three)).count_params()

    def test_a_batch_is_of_images_with_the_neurons_of_one(self, three, make_recording):
        config = ModelConfig("cnn_fr", **SMALL)
        of_an_image = footprint.run_bytes(config, three, 9000)
        of_an_image -= footprint.run_bytes(config, three, 8000)
        alone = [footprint.run_bytes(config, three["a"], size) for size in (9000, 8000)]
        assert of_an_image == alone[0] - alone[1]  # a has most neurons
        assert footprint.fixed_bytes(config, three) > sum(
            footprint.fixed_bytes(config, one) - 8 * 4 * footprint.parameters(config, one.neurons)
            for one in three
        )


class TestTraining:
    @pytest.mark.parametrize(
        "recipe",
        [
            "vae_fm",
            *(pytest.param(one, marks=pytest.mark.slow) for one in ("cae", "cnn_fc", "vqvae_fr")),
        ],
    )
    def test_each_recordings_model_is_the_whole_with_its_own_readout(self, recipe, three, tmp_path):
        model = build_model(ModelConfig(recipe, **SMALL), list(three))
        before = model.get_weights()
        train(model, list(three), TrainConfig(**SHORT), str(tmp_path))
        assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
        images = np.asarray(mixed.prepare(three, model.image_settings, 0).validation.images)
        whole, first = model(images), 0
        for one in three:
            own = of_recording(model, one)
            assert own.pixel_range == one.pixel_range and own.neurons in (0, one.neurons)
            answers = own(images)
            for head, values in answers.items():
                expected = whole[head]
                if head == "response":
                    expected = expected[:, first : first + one.neurons]
                np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
            first += one.neurons
            assert evaluate(own, one).test.keys() >= ({"pcc"} if "response" in answers else {"mse"})
            save_model(own, str(tmp_path / "own.keras"))
            again = load_model(tmp_path / "own.keras")(images)
            assert all(np.array_equal(values, again[head]) for head, values in answers.items())

    def test_every_readout_learns(self, three, tmp_path):
        model = build_model(ModelConfig("cnn_fr", **SMALL), list(three))
        before = [np.asarray(member.features) + 0 for member in model.readout.members]
        train(model, three, TrainConfig(**SHORT), str(tmp_path))
        for old, member in zip(before, model.readout.members, strict=True):
            assert np.abs(old - np.asarray(member.features)).max() > 1e-4

    def test_a_stopped_training_goes_on_to_the_same_bits(self, three, tmp_path):
        config, settings = ModelConfig("cnn_fc", **SMALL), TrainConfig(**SHORT)
        whole = build_model(config, list(three))
        train(whole, three, settings, str(tmp_path / "whole"))
        with pytest.raises(KeyboardInterrupt):
            stopped = build_model(config, list(three))
            train(stopped, three, settings, str(tmp_path / "parts"), stop=lambda: True)
        resumed = build_model(config, list(three))
        train(resumed, three, settings, str(tmp_path / "parts"))
        for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
            assert one.tobytes() == other.tobytes()

    def test_a_model_of_other_recordings_is_refused(self, three, make_recording, tmp_path):
        model = build_model(ModelConfig("cnn_fr", **SMALL), list(three))
        with refused("recordings", "c-1.x (4 neurons)", "b (4 neurons)"):
            other = [*list(three)[:2], make_recording(9, neurons=4, name="b")]
            train(model, other, TrainConfig(**SHORT), str(tmp_path))
        alone = build_model(ModelConfig("cnn_fr", **SMALL), three["a"])
        with refused("one recording (5 neurons)"):
            train(alone, list(three), TrainConfig(**SHORT), str(tmp_path))

    def test_an_evaluation_is_of_one_recording(self, three):
        model = build_model(ModelConfig("cnn_fr", **SMALL), list(three))
        with refused("recording: expected one", "of_recording"):
            evaluate(model, list(three))

    def test_the_whole_is_saved_and_exported_with_the_responses_by_name(self, three, tmp_path):
        model = build_model(ModelConfig("cae_fr", **SMALL), list(three))
        save_model(model, str(tmp_path / "model.keras"))
        images = np.asarray(mixed.prepare(three, model.image_settings, 0).validation.images)
        again = load_model(tmp_path / "model.keras")
        assert again.recordings == NEURONS
        expected = model(images)
        assert np.array_equal(again(images)["response"], expected["response"])
        exported = tf.saved_model.load(export(model, str(tmp_path / "export")))
        served = exported.signatures["serving_default"](images=tf.constant(images))
        first = 0
        for name, count in NEURONS.items():
            part = expected["response"][:, first : first + count]
            np.testing.assert_allclose(served[f"response_{name}"], part, rtol=1e-4, atol=1e-5)
            first += count
