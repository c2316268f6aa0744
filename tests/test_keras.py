"""A `DAENR` is a Keras model like any other: frozen parts, penalties, wrong input, summary, fit, transfer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from refusal import refused

from daenr_tf import pipeline
from daenr_tf.config import ModelConfig, TrainConfig
from daenr_tf.models.build import build_model
from daenr_tf.models.keras_file import load_model, save_model
from daenr_tf.training import train

SMALL = {
    "image_size": (8, 12),
    "latent_size": 5,
    "codebook_size": 6,
    "code_dim": 7,
    "activity_l1": 0.3,
    "readout_l1": 0.2,
}
ALPHA, BETA = 0.7, 0.4


def model_of(recipe, recording, **settings):
    return build_model(ModelConfig(recipe, **{**SMALL, **settings}), recording, ALPHA, BETA)


def data(count=6, seed=0):
    generator = np.random.default_rng(seed)
    images = generator.uniform(-1, 1, (count, 8, 12, 1)).astype(np.float32)
    return images, {
        "reconstruction": images,
        "response": generator.gamma(1.0, 1.0, (count, 5)).astype(np.float32),
    }


def of_heads(model, targets):
    return {head: targets[head] for head in model.heads}


PARTS = {
    "cae_fr": ("encoder", "bottleneck", "decoder", "readout"),
    "vqvae_fc": ("encoder", "bottleneck"),
    "vae_fm": ("bottleneck", "readout"),
}


@pytest.mark.parametrize(
    "recipe, part", [(recipe, part) for recipe, parts in PARTS.items() for part in parts]
)
def test_a_frozen_part_is_frozen_wholly_and_the_others_are_not(recording, recipe, part):
    """Moving statistics and moving averages of codes too."""
    model = model_of(recipe, recording)
    getattr(model, part).trainable = False
    before = {
        name: getattr(model, name).get_weights()
        for name in ("encoder", "bottleneck", "decoder", "readout")
    }
    images, targets = data()
    model.fit(images, of_heads(model, targets), batch_size=3, epochs=2, verbose=0)
    for name, weights in before.items():
        moved = [
            not np.array_equal(old, new)
            for old, new in zip(weights, getattr(model, name).get_weights(), strict=True)
        ]
        assert any(moved) == (name != part), name


@pytest.mark.parametrize(
    "frozen",
    [
        pytest.param(("encoder",), marks=pytest.mark.slow),
        pytest.param(("encoder", "bottleneck"), marks=pytest.mark.slow),
        ("encoder", "bottleneck", "decoder"),
    ],
)
def test_what_is_frozen_is_frozen_in_the_loaded_model_too(recording, tmp_path, frozen):
    model = model_of("vqvae_fr", recording)
    for name in frozen:
        getattr(model, name).trainable = False
    images, targets = data()
    model.fit(images, targets, verbose=0)
    save_model(model, str(tmp_path / "model.keras"))
    loaded = load_model(str(tmp_path / "model.keras"))
    before = {part.name: part.get_weights() for part in loaded.parts()}
    loaded.fit(images, targets, verbose=0)
    for part in loaded.parts():
        moved = any(
            not np.array_equal(old, new)
            for old, new in zip(before[part.name], part.get_weights(), strict=True)
        )
        assert moved == (part.name not in frozen), part.name


def test_a_frozen_encoder_normalises_by_what_it_has_learned(recording):
    model = model_of("cae_fr", recording)
    images, _ = data()
    model.encoder.trainable = False
    for ours, theirs in zip(
        model.encode(images, training=True)[0], model.encode(images)[0], strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("loss_scale", ["mean", "sum", "neurons"])
@pytest.mark.parametrize("recipe", ["cae_fr", "vae_fc", "vqvae_fm", "cnn_fr", "vae"])
def test_losses_hold_every_penalty_as_it_is_weighted_in_the_total(recording, recipe, loss_scale):
    """What a custom loop adds to MSE and Poisson is what `train_step` adds."""
    config = ModelConfig(recipe, **SMALL)
    model, fresh = (
        build_model(config, recording, ALPHA, BETA, loss_scale=loss_scale) for _ in range(2)
    )
    images, targets = data()
    draws = np.arange(6)
    outputs = model(images, training=True, draws=draws)
    weights = model.head_weights
    own = {"reconstruction": keras.losses.MeanSquaredError(), "response": keras.losses.Poisson()}
    total = sum(
        weights[head] * own[head](targets[head], outputs[head]) for head in model.heads
    ) + sum(model.losses)
    values, factors = fresh.loss_terms(images, of_heads(fresh, targets), training=True, draws=draws)
    expected = sum(factors[name] * np.mean(value) for name, value in values.items())
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    assert float(sum(model.losses)) > 0


@pytest.mark.parametrize("loss_scale", [pytest.param("sum", marks=pytest.mark.slow), "neurons"])
def test_fit_and_train_go_down_the_same_loss_on_every_scale(recording, tmp_path, loss_scale):
    """A step of `fit`, on the images that the first step of `train` takes, ends in the same weights and logs the same loss."""
    config = ModelConfig("vae_fr", **SMALL)
    settings = TrainConfig(
        "nrs", ALPHA, BETA, loss_scale, batch_size=48, max_steps=1, validate_every=1
    )
    theirs = build_model(config, recording)
    history = train(theirs, recording, settings, str(tmp_path)).history.iloc[0]
    ours = build_model(config, recording, ALPHA, BETA, loss_scale=loss_scale)
    assert ours.head_weights == theirs.head_weights
    examples = pipeline.prepare(recording, config, 0).train
    ((inputs, targets),) = pipeline.training_batches(examples, ours.heads, 48, 0).take(1)
    logged = ours.fit(inputs["images"], targets, batch_size=48, shuffle=False, verbose=0).history
    for name, (value,) in logged.items():
        assert value == pytest.approx(history[f"train_{name}"], rel=1e-4), name
    for one, other in zip(ours.trainable_variables, theirs.trainable_variables, strict=True):
        np.testing.assert_allclose(one, other, atol=5e-5)
    save_model(ours, str(tmp_path / "model.keras"))
    assert load_model(str(tmp_path / "model.keras")).head_weights == ours.head_weights


def test_losses_are_those_of_the_last_call(recording):
    model = model_of("cae_fr", recording)
    images, _ = data()
    for _ in range(3):
        model(images, training=True)
    assert len(model.losses) == 2  # of the readout and of the activity


def test_a_custom_loop_trains_as_fit_does(recording):
    ours, theirs = model_of("cae_fr", recording), model_of("cae_fr", recording)
    images, targets = data()
    with tf.GradientTape() as tape:
        outputs = ours(images, training=True)
        loss = sum(
            ours.head_weights[head]
            * keras.losses.get(ours.loss[head])(targets[head], outputs[head])
            for head in ours.heads
        ) + sum(ours.losses)
    ours.optimizer.apply(tape.gradient(loss, ours.trainable_variables), ours.trainable_variables)
    theirs.train_step((images, targets))
    for one, other in zip(ours.trainable_variables, theirs.trainable_variables, strict=True):
        np.testing.assert_allclose(one, other, atol=3e-5)


@pytest.mark.parametrize("recipe, head", [("cae", "response"), ("cnn_fr", "reconstruction")])
@pytest.mark.parametrize("argument", ["loss_weights", "loss"])
def test_compile_refuses_what_is_for_a_head_that_the_model_lacks(recording, recipe, head, argument):
    with pytest.raises(
        ValueError,
        match=f"{argument}: expected a dict of .*, the heads of the model, found .*{head}",
    ):
        model_of(recipe, recording).compile(
            **{argument: {head: 1.0 if argument == "loss_weights" else "mse"}}
        )


IMAGES = np.zeros((3, 8, 12, 1), np.float32)
WRONG = {
    "a single image": (
        IMAGES[0],
        [
            "images: expected images of the shape (batch, 8, 12, 1)",
            "a single image of (8, 12, 1)",
            "images[None]",
        ],
    ),
    "no channel axis": (
        IMAGES[..., 0],
        ["expected images of the shape (batch, 8, 12, 1)", "found the shape (3, 8, 12)"],
    ),
    "three channels": (np.repeat(IMAGES, 3, axis=-1), ["found the shape (3, 8, 12, 3)"]),
    "another size": (IMAGES[:, :4], ["found the shape (3, 4, 12, 1)"]),
    "grey levels": (IMAGES + 255, ["expected values in [-1, 1], found 255 to 255", "preprocess"]),
    "a little too bright": (IMAGES + 1.1, ["found 1.1 to 1.1"]),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("way", ["call", "predict", "fit"])
def test_wrong_images_get_a_sentence(recording, name, way):
    model = model_of("cae_fr", recording)
    images, words = WRONG[name]
    targets = {"reconstruction": images, "response": np.ones((len(images), 5), np.float32)}
    ways = {
        "call": lambda: model(images),
        "predict": lambda: model.predict(images, verbose=0),
        "fit": lambda: model.fit(images, targets, verbose=0),
    }
    with refused(*words):
        ways[way]()


def test_images_are_taken_up_to_rounding(recording):
    assert model_of("cae_fr", recording)(IMAGES + 1 + 1e-6)["response"].shape == (3, 5)


def test_summary_shows_shapes(recording):
    lines = []
    model_of("cae_fr", recording).summary(print_fn=lines.append)
    text = "\n".join(lines)
    for shape in ("(None, 4, 6, 48)", "(None, 2, 3, 48)", "(None, 8, 12, 1)", "(None, 5)"):
        assert shape in text, text


def test_an_encoder_goes_into_another_model_with_its_weights(recording, make_recording):
    """New neurons on a fitted encoder."""
    from daenr_tf.layers.readouts import FactorizedReadout
    from daenr_tf.models.daenr import DAENR

    fitted = model_of("cae_fr", recording)
    images, targets = data()
    fitted.fit(images, targets, verbose=0)
    weights = fitted.encoder.get_weights()
    fitted.encoder.trainable = False
    model = DAENR(
        fitted.encoder,
        readout=FactorizedReadout(3, seed=1, name="readout"),
        layer=2,
        image_shape=(8, 12, 1),
    )
    model.build()
    model.compile("adam")
    model.fit(images, {"response": np.ones((6, 3), np.float32)}, epochs=2, verbose=0)
    assert model(images)["response"].shape == (6, 3)
    for before, after in zip(weights, model.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_callbacks_see_the_terms_of_the_loss(recording):
    model = model_of("vae_fr", recording)
    seen = {}
    images, targets = data()
    model.fit(
        images,
        targets,
        validation_data=(images, targets),
        epochs=1,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.update(logs))
        ],
    )
    assert {
        "loss",
        "reconstruction",
        "kl",
        "response",
        "readout_l1",
        "activity_l1",
        "val_response",
    } <= seen.keys()
