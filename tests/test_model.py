import json
import shutil
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from refusal import refused

import daenr_tf
from daenr_tf import systems
from daenr_tf.config import ModelConfig
from daenr_tf.errors import InputError, SettingError
from daenr_tf.layers.encoder import Encoder
from daenr_tf.layers.part import Part
from daenr_tf.layers.readouts import FactorizedReadout
from daenr_tf.models.build import adam, build_model
from daenr_tf.models.daenr import DAENR
from daenr_tf.models.keras_file import load_model, save_model
from daenr_tf.models.optimizer import EPSILON

SMALL = {
    "image_size": (8, 12),
    "latent_size": 5,
    "codebook_size": 6,
    "code_dim": 7,
    "activity_l1": 0.3,
    "readout_l1": 0.2,
    "seed": 1,
}
ALPHA, BETA = 0.7, 1.9


def data(count=6, shape=(8, 12, 1), neurons=5, seed=0):
    """Images (count, *shape) in [-1, 1] and the targets of both heads."""
    generator = np.random.default_rng(seed)
    images = generator.uniform(-1, 1, (count, *shape)).astype(np.float32)
    return images, {
        "reconstruction": images,
        "response": generator.gamma(1.0, 1.0, (count, neurons)).astype(np.float32),
    }


def small(recipe, recording, **settings):
    return build_model(
        ModelConfig(**{**SMALL, "recipe": recipe, **settings}), recording, ALPHA, BETA
    )


@pytest.fixture(scope="module", params=["cae_fr", "vae_fc", "vqvae_fm"])
def model(request, recording):
    """A small model, trained one step away from its start."""
    built = small(request.param, recording)
    built.train_step(data(seed=9))
    return built


def dense(layer, values):
    return values @ np.asarray(layer.kernel, np.float64) + np.asarray(layer.bias)


def by_hand(model, images, targets, outputs, training):
    """The loss's terms by NumPy, from the model's outputs and hidden activities: (value, weight in the total)."""
    hidden = [np.asarray(h, np.float64) for h in model.encoder(images, training=training)[0]]
    image, rate = (
        np.asarray(outputs["reconstruction"], np.float64),
        np.asarray(outputs["response"], np.float64),
    )
    mse = ((image - targets["reconstruction"]) ** 2).mean()
    poisson = (rate - targets["response"] * np.log(rate + 1e-7)).mean()
    terms = {"reconstruction": (mse, ALPHA), "response": (poisson, BETA)}

    if "vae" in model.name.split("_"):
        mean, log_variance = np.split(
            dense(model.bottleneck.compress, hidden[3].reshape(len(images), -1)), 2, axis=1
        )
        kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1).mean()
        terms["kl"] = kl, ALPHA * 2 / (8 * 12)
    if "vqvae" in model.name.split("_"):
        vectors = dense(model.bottleneck.projection, hidden[3])
        codes = np.asarray(model.bottleneck.codebook, np.float64)
        distances = ((vectors[..., None, :] - codes) ** 2).mean(axis=-1)
        terms["commitment"] = distances.min(axis=-1).mean(), ALPHA * 0.25
        shares = (
            np.bincount(distances.argmin(axis=-1).ravel(), minlength=len(codes))
            / distances[..., 0].size
        )
        terms["codebook_perplexity"] = (
            np.exp(-sum(share * np.log(share) for share in shares if share)),
            0.0,
        )

    readout = model.readout
    if model.name.endswith("fr"):
        norms = np.abs(readout.mask).sum(axis=(0, 1)) * np.abs(readout.features).sum(axis=0)
    elif model.name.endswith("fm"):
        norms = np.abs(readout.features).sum(axis=0)
    else:
        norms = np.abs(readout.kernel).sum(axis=0)
        terms["readout_l2"] = (
            (np.asarray(readout.kernel, np.float64) ** 2).sum(axis=0).mean(),
            BETA * 0.01,
        )
    terms["readout_l1"] = norms.mean(), BETA * 0.2
    terms["activity_l1"] = np.abs(hidden[1]).mean(), BETA * 0.3
    return terms


def assert_logged(logged, terms):
    assert logged.keys() == {"loss", *terms}
    for name, (value, _) in terms.items():
        np.testing.assert_allclose(logged[name], value, rtol=2e-5, err_msg=name)
    np.testing.assert_allclose(
        logged["loss"], sum(value * weight for value, weight in terms.values()), rtol=2e-5
    )


def test_the_loss_is_that_of_equations_3_to_7(model):
    images, targets = data()
    model.reset_metrics()
    logged = model.test_step((images, targets))
    assert_logged(logged, by_hand(model, images, targets, model(images), training=False))


NEURONS, PIXELS = 5, 8 * 12
FACTORS = {"mean": (1, 1), "sum": (PIXELS, NEURONS), "neurons": (1, NEURONS)}


@pytest.mark.parametrize("loss_scale", FACTORS)
@pytest.mark.parametrize("recipe", ["cae_fr", "vae_fc", "vqvae_fm"])
def test_a_loss_scale_turns_what_alpha_and_beta_weight_into_sums(recording, recipe, loss_scale):
    """The terms are logged as they always are; the total has each bracket, penalties and all, as often as it has pixels or neurons."""
    config = ModelConfig(**{**SMALL, "recipe": recipe})
    scaled = build_model(config, recording, ALPHA, BETA, loss_scale=loss_scale)
    images, targets = data()
    terms = by_hand(scaled, images, targets, scaled(images), training=False)
    of_reconstruction = ("reconstruction", "kl", "commitment", "codebook_perplexity")
    pixels, neurons = FACTORS[loss_scale]
    assert_logged(
        scaled.test_step((images, targets)),
        {
            name: (value, weight * (pixels if name in of_reconstruction else neurons))
            for name, (value, weight) in terms.items()
        },
    )


def test_the_sums_are_those_of_equations_4_and_6_and_twice_the_negative_elbo(recording):
    """Written out: squared errors over pixels, KL over the latent, Poisson and the penalties over neurons; means over images."""
    config = ModelConfig(**{**SMALL, "recipe": "vae_fr", "activity_l1": 0.0})
    model = build_model(config, recording, ALPHA, BETA, loss_scale="sum")
    images, targets = data()
    outputs = {head: np.asarray(value, np.float64) for head, value in model(images).items()}
    squares = ((outputs["reconstruction"] - images) ** 2).sum(axis=(1, 2, 3))
    hidden = np.asarray(model.encoder(images)[0][3], np.float64).reshape(len(images), -1)
    mean, log_variance = np.split(dense(model.bottleneck.compress, hidden), 2, axis=1)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    elbo = -(0.5 * squares + kl)  # up to a constant, of a Gaussian of unit variance
    rate, seen = outputs["response"], targets["response"]
    poisson = (rate - seen * np.log(rate + 1e-7)).sum(axis=1)
    mask, features = (np.abs(np.asarray(w)) for w in (model.readout.mask, model.readout.features))
    sparsity = (mask.sum(axis=(0, 1)) * features.sum(axis=0)).sum()
    total = ALPHA * -2 * elbo.mean() + BETA * (poisson.mean() + 0.2 * sparsity)
    np.testing.assert_allclose(model.test_step((images, targets))["loss"], total, rtol=2e-5)


@pytest.mark.parametrize("recipe, factor", [("cae", PIXELS), ("cnn_fr", NEURONS)])
def test_a_head_that_stands_alone_has_weight_1_and_its_scale(recording, recipe, factor):
    config = ModelConfig(**{**SMALL, "recipe": recipe})
    built = build_model(config, recording, ALPHA, BETA, loss_scale="sum")
    assert list(built.head_weights.values()) == [factor]


def test_the_training_loss_is_that_of_equations_3_to_7(model):
    images, targets = data()
    before, draws = model.get_weights(), np.arange(40, 46)
    outputs = model(images, training=True, draws=draws)
    model.set_weights(before)
    expected = by_hand(model, images, targets, outputs, training=True)
    model.set_weights(before)
    model.reset_metrics()
    assert_logged(model.train_step(({"images": images, "draws": draws}, targets)), expected)


def test_training_descends_the_gradient_of_the_weighted_loss(model):
    """One step of plain gradient descent, against the gradient of the loss put together here."""
    images, targets = data()
    config, before, draws = (
        model.get_compile_config(),
        model.get_weights(),
        tf.range(6, dtype=tf.int64),
    )
    with tf.GradientTape() as tape:
        outputs, terms = model.forward(images, training=True, draws=draws)
        loss = ALPHA * tf.reduce_mean((outputs["reconstruction"] - images) ** 2)
        loss += BETA * tf.reduce_mean(
            outputs["response"] - targets["response"] * tf.math.log(outputs["response"] + 1e-7)
        )
        for head, weight in (("reconstruction", ALPHA), ("response", BETA)):
            loss += weight * tf.add_n(
                [0.0, *(term.weight * tf.reduce_mean(term.value) for term in terms[head].values())]
            )
    variables = model.trainable_variables
    gradients = [
        tf.convert_to_tensor(gradient)
        for gradient in tape.gradient(loss, [v.value for v in variables])
    ]
    model.set_weights(before)
    start = [np.asarray(v) for v in variables]
    model.compile(
        keras.optimizers.SGD(0.1), loss_weights={"reconstruction": ALPHA, "response": BETA}
    )
    model.train_step(({"images": images, "draws": draws}, targets))
    for variable, old, gradient in zip(variables, start, gradients, strict=True):
        scale = np.abs(gradient).max()
        assert scale > 0, variable.path
        np.testing.assert_allclose(
            (old - np.asarray(variable)) / 0.1,
            gradient,
            rtol=1e-3,
            atol=1e-3 * scale + 1e-5,
            err_msg=variable.path,
        )
    model.set_weights(before)
    model.compile_from_config(config)


def test_losses_can_be_named_and_left_out(model):
    images, targets = data()
    outputs = model(images)
    config = model.get_compile_config()
    rate, image = np.asarray(outputs["response"]), np.asarray(outputs["reconstruction"])
    poisson = (rate - targets["response"] * np.log(rate + 1e-7)).mean()
    for loss, expected in (
        (None, ((image - images) ** 2).mean()),
        ({"reconstruction": "mse", "response": "poisson"}, ((image - images) ** 2).mean()),
        ({"reconstruction": keras.losses.MeanAbsoluteError()}, np.abs(image - images).mean()),
        ({"reconstruction": "mae"}, np.abs(image - images).mean()),
    ):
        model.compile("sgd", loss=loss)
        model.reset_metrics()
        logged = model.test_step((images, targets))
        np.testing.assert_allclose(logged["reconstruction"], expected, rtol=1e-5)
        np.testing.assert_allclose(logged["response"], poisson, rtol=1e-5)
    model.compile_from_config(config)


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": "mse"},
        {"loss": {"respons": "poisson"}},
        {"loss_weights": {"respons": 2.0}},
        {"loss_weights": [1.0, 2.0]},
        {"metrics": {"response": "mae"}},
    ],
)
def test_compile_refuses_what_it_would_have_to_ignore(model, arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))}: expected .*, found"):
        model.compile("adam", **arguments)


def test_training_refuses_sample_weights(model):
    images, targets = data()
    with pytest.raises(ValueError, match="sample_weight: expected none"):
        model.train_step((images, targets, np.ones(6, np.float32)))


def test_plain_fit_evaluate_and_predict_work_and_log_every_term(recording):
    model = small("vqvae_fm", recording)
    images, targets = data(20)
    terms = {
        "loss",
        "reconstruction",
        "commitment",
        "codebook_perplexity",
        "response",
        "readout_l1",
        "activity_l1",
    }
    history = model.fit(
        images, targets, epochs=6, batch_size=6, validation_split=0.25, verbose=0, shuffle=False
    ).history
    assert history.keys() == terms | {f"val_{name}" for name in terms}
    assert history["loss"][-1] < history["loss"][0]
    assert all(np.isfinite(values).all() and len(values) == 6 for values in history.values())

    held_out = {name: target[15:] for name, target in targets.items()}
    evaluated = model.evaluate(images[15:], held_out, batch_size=2, verbose=0, return_dict=True)
    for name in terms - {
        "codebook_perplexity"
    }:  # which is a figure of a batch, not a mean over images
        np.testing.assert_allclose(evaluated[name], history[f"val_{name}"][-1], rtol=1e-5)
    outputs = model.predict(images[15:], verbose=0)
    np.testing.assert_allclose(
        ((outputs["reconstruction"] - images[15:]) ** 2).mean(),
        evaluated["reconstruction"],
        rtol=1e-5,
    )


def test_plain_fit_draws_other_numbers_in_every_step(recording):
    """With nothing else to move, only the posterior's noise makes two steps on one image differ."""
    model = small("vae", recording)
    model.compile(keras.optimizers.SGD(0.0), loss_weights={"reconstruction": 1.0})
    images = data(1)[0]
    losses = []
    for _ in range(3):
        model.reset_metrics()
        losses.append(
            float(model.train_step((images, {"reconstruction": images}))["reconstruction"])
        )
    assert len(set(losses)) == 3


@pytest.mark.parametrize("recipe, head", [("cae", "reconstruction"), ("cnn_fm", "response")])
def test_a_baseline_has_one_head(recording, recipe, head):
    model = small(recipe, recording)
    assert model.heads == [head] and list(model(data()[0])) == [head]


def test_a_baseline_can_be_fitted(recording):
    model = small("cnn_fm", recording)
    images, targets = data(8)
    losses = model.fit(
        images, {"response": targets["response"]}, batch_size=8, epochs=3, verbose=0
    ).history["response"]
    assert losses[2] < losses[1] < losses[0]


@pytest.mark.parametrize("recipe", ["cnn_fr", "cnn_fc", "cnn_fm"])
@pytest.mark.parametrize("layer", [1, 3])
def test_a_model_without_a_decoder_has_no_layer_above_its_readout(recording, recipe, layer):
    model = small(recipe, recording, layer=layer)
    assert len(model.encoder.blocks) == layer
    assert model.decoder is None and model.bottleneck is None


@pytest.mark.parametrize("recipe", ["cae_fr", "vae_fm", "vqvae_fc"])
@pytest.mark.parametrize("size, color", [((8, 8), "grey"), ((4, 16), "rgb")])
def test_models_take_any_size_and_colour(make_recording, recipe, size, color):
    channels = 3 if color == "rgb" else 1
    model = small(
        recipe, make_recording(channels=channels, neurons=3), image_size=size, color=color
    )
    outputs = model(data(4, (*size, channels))[0])
    assert outputs["reconstruction"].shape == (4, *size, channels) and outputs[
        "response"
    ].shape == (4, 3)
    assert outputs["reconstruction"].dtype == outputs["response"].dtype == tf.float32
    assert np.abs(outputs["reconstruction"]).max() <= 1 and np.min(outputs["response"]) > 0


@pytest.mark.parametrize("layer", [1, 2, 3, 4])
def test_the_readout_reads_the_layer_that_was_asked_for(recording, layer):
    model = small("cae_fr", recording, layer=layer)
    images = data()[0]
    hidden = model.encode(images)[0][layer - 1]
    np.testing.assert_array_equal(model(images)["response"], model.readout(hidden)[0])


def test_a_readout_starts_at_the_mean_response_of_the_training_part(recording):
    model = small("cnn_fr", recording)
    train, _ = recording.split(SMALL["seed"])
    mean = recording.responses[train].mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(
        np.logaddexp(0, np.asarray(model.readout.bias, np.float64)), mean, rtol=1e-5
    )


def test_the_initial_weights_come_from_the_seed(recording):
    first, same, other = (
        small("vqvae_fr", recording, seed=seed).get_weights() for seed in (1, 1, 2)
    )
    for a, b in zip(first, same, strict=True):
        np.testing.assert_array_equal(a, b)
    kernels = [(a, b) for a, b in zip(first, other, strict=True) if np.ndim(a) > 1 and np.any(a)]
    assert len(kernels) == 12 and not any(np.any(a == b) for a, b in kernels)


def test_layers_of_a_model_start_differently(recording):
    blocks = small("cae", recording).encoder.blocks
    assert not np.any(
        np.asarray(blocks[1].convolution.kernel) == np.asarray(blocks[2].convolution.kernel)
    )


# Saving and loading


LOAD = """
import sys
import numpy as np
import daenr_tf
place = sys.argv[1]
for recipe in sys.argv[2:]:
    model, data = daenr_tf.load_model(f"{place}/{recipe}.keras"), np.load(f"{place}/data.npz")
    images, targets = data["images"], {head: data[head] for head in model.heads}
    results = {f"output.{head}": value for head, value in model(images).items()}
    results |= {f"weight.{i}": value for i, value in enumerate(model.get_weights())}
    results |= {f"optimizer.{i}": np.asarray(value) for i, value in enumerate(model.optimizer.variables)}
    results |= {f"logged.{name}": value for name, value in model.train_step((images, targets)).items()}
    results |= {f"next.{i}": value for i, value in enumerate(model.get_weights())}
    np.savez(f"{place}/{recipe}.npz", settings=repr((model.get_config(), model.head_weights)), **results)
"""


def test_a_saved_model_goes_on_in_a_fresh_process_as_if_it_had_never_stopped(
    recording, tmp_path, run_python
):
    """Settings, outputs, weights, optimizer, loss weights and the next training step, all to the bit."""
    images, targets = data()
    np.savez(tmp_path / "data.npz", images=images, **targets)
    recipes = ["cae_fr", "vae_fc", "vqvae_fm"]
    expected = {}
    for recipe in recipes:
        model = small(recipe, recording)
        model.train_step((images, targets))
        save_model(model, str(tmp_path / f"{recipe}.keras"))
        results = {
            "settings": repr((model.get_config(), {"reconstruction": ALPHA, "response": BETA}))
        }
        results |= {f"output.{head}": value for head, value in model(images).items()}
        results |= {f"weight.{i}": value for i, value in enumerate(model.get_weights())}
        results |= {
            f"optimizer.{i}": np.asarray(value) for i, value in enumerate(model.optimizer.variables)
        }
        model.reset_metrics()
        results |= {
            f"logged.{name}": value for name, value in model.train_step((images, targets)).items()
        }
        results |= {f"next.{i}": value for i, value in enumerate(model.get_weights())}
        expected[recipe] = results

    run_python(LOAD, tmp_path, *recipes)
    for recipe in recipes:
        with np.load(tmp_path / f"{recipe}.npz") as results:
            assert results.files == list(expected[recipe])
            for name, value in expected[recipe].items():
                np.testing.assert_array_equal(results[name], value, err_msg=f"{recipe}: {name}")


@pytest.fixture(scope="module")
def saved(recording, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    save_model(small("cnn_fr", recording), str(path))
    return path


def test_saving_leaves_one_file(saved):
    assert [file.name for file in saved.parent.iterdir()] == ["model.keras"]


def with_config(path, change):
    """A copy of a saved model whose config.json was changed."""
    copy = path.with_name("changed.keras")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config)
            target.writestr(name, content)
    return copy


def truncated(path):
    path.write_bytes(path.read_bytes()[:2000])
    return path


def stranger(path):
    other = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    other.save(path.with_name("stranger.keras"))
    return path.with_name("stranger.keras")


def program(path):
    other = keras.Sequential([keras.layers.Input((3,)), keras.layers.Lambda(lambda x: x + 1)])
    other.save(path.with_name("program.keras"))
    return path.with_name("program.keras")


def text(path):
    path.write_text("no model")
    return path


RUBBISH = {
    "no file": (lambda path: path.with_name("none.keras"), "no such file"),
    "another name": (lambda path: path.rename(path.with_name("model.h5")), "another kind of file"),
    "a directory": (lambda path: path.parent, "another kind of file"),
    "text": (text, "can't be read"),
    "cut off": (truncated, "can't be read"),
    "another model": (stranger, "found Sequential"),
    "a program": (program, "found Sequential"),
    "an unknown setting": (
        lambda path: with_config(path, lambda c: c["config"].update(colour="blue")),
        "can't be read",
    ),
    "a smaller readout": (
        lambda path: with_config(
            path, lambda c: c["config"]["readout"]["config"].update(neurons=3)
        ),
        r"the weight cnn_fr/readout/mask .*, found \(4, 6, 5\)",
    ),
}


@pytest.mark.parametrize("name", RUBBISH)
def test_what_is_no_saved_model_of_ours_is_named_in_one_line(saved, tmp_path, name):
    spoil, found = RUBBISH[name]
    path = spoil(shutil.copy(saved, tmp_path / "model.keras"))
    with pytest.raises(InputError, match=found) as caught:
        daenr_tf.load_model(path)
    assert (
        str(path) in str(caught.value)
        and "expected" in str(caught.value)
        and "\n" not in str(caught.value)
    )


class HalfCore(Encoder):
    """The first two blocks: it halves the image once."""

    downsampling = 2


class HalfDecoder(Part):
    """Doubles height and width."""

    def __init__(self, channels, seed, **kwargs):
        super().__init__(**kwargs)
        self.last = keras.layers.Conv2DTranspose(
            channels, 3, strides=2, padding="same", dtype=self.dtype_policy
        )

    def build(self, input_shape):
        self.last.build(input_shape)
        self.built = True

    def call(self, code, draws=None, training=False):
        return keras.ops.tanh(self.last(code)), {}

    def compute_output_shape(self, input_shape):
        return self.last.compute_output_shape(input_shape)


def test_a_core_names_the_decoder_that_fits_it(recording, monkeypatch):
    core = systems.Core(
        "half", "half", f"{__name__}:HalfCore", hidden=((2, 48), (2, 48)), decoder="half"
    )
    monkeypatch.setitem(systems.CORES, "half", core)
    monkeypatch.setitem(
        systems.DECODERS, "half", systems.Part("half", "half", f"{__name__}:HalfDecoder")
    )
    model = build_model(ModelConfig("cae_fr", core="half", layer=2, image_size=(10, 14)), recording)
    assert isinstance(model.encoder, HalfCore) and isinstance(model.decoder, HalfDecoder)
    assert model(np.zeros((3, 10, 14, 1), np.float32))["reconstruction"].shape == (3, 10, 14, 1)
    with pytest.raises(SettingError, match="multiples of 2"):
        ModelConfig("cae_fr", core="half", image_size=(11, 14))


def test_a_decoder_that_does_not_fit_the_core_is_refused():
    """Two blocks of the encoder halve the image once, and the decoder doubles it twice."""
    from daenr_tf.layers.bottlenecks import DenseBottleneck
    from daenr_tf.layers.decoder import Decoder

    model = DAENR(Encoder(depth=2), DenseBottleneck(), Decoder(), image_shape=(32, 32, 1))
    with refused("DAENR", "images of (32, 32)", "(16, 16, 48)", "found one of (64, 64)"):
        model.build()


def test_an_unknown_setting_of_a_model_is_refused():
    with pytest.raises(ValueError, match="depht"):
        DAENR(Encoder(), readout=FactorizedReadout(5), depht=3)


def test_the_optimizer_is_the_pinned_adam():
    optimizer = adam(3e-4)
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert (optimizer.beta_1, optimizer.beta_2, optimizer.amsgrad) == (0.9, 0.999, False)
    assert optimizer.epsilon == EPSILON and float(optimizer.learning_rate) == pytest.approx(3e-4)


def test_a_model_that_was_never_trained_is_saved_and_loaded_without_a_warning(recording, tmp_path):
    model = build_model(ModelConfig("cnn_fr", layer=1, image_size=(8, 12)), recording)
    path = str(tmp_path / "model.keras")
    save_model(model, path)
    images = np.zeros((2, 8, 12, 1), np.float32)
    np.testing.assert_array_equal(load_model(path)(images)["response"], model(images)["response"])
