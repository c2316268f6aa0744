"""What every model must do, over all of them and the lowest and the highest layer that a readout can read."""

import numpy as np
import pytest
import tensorflow as tf
from test_replicas import assert_same_losses, assert_same_weights, one_and_two_replicas

from daenr_tf.config import ModelConfig
from daenr_tf.models.build import build_model
from daenr_tf.models.keras_file import save_model
from daenr_tf.models.saved_model import export
from daenr_tf.paper import RECIPES

LAYERS = (1, 4)
CASES = [
    f"{recipe}-{layer}" for recipe in RECIPES for layer in (LAYERS if "_" in recipe else LAYERS[1:])
] + ["cnn_gr-1", "cae_gr-4"]
HEIGHT, WIDTH, NEURONS, LATENT, CODES, DIM = 8, 12, 5, 4, 6, 7
SETTINGS = {
    "image_size": (HEIGHT, WIDTH),
    "latent_size": LATENT,
    "codebook_size": CODES,
    "code_dim": DIM,
    "readout_l1": 0.1,
    "activity_l1": 0.1,
}


def build(case, recording, **settings):
    recipe, layer = case.split("-")
    return build_model(
        ModelConfig(recipe=recipe, layer=int(layer), **SETTINGS, **settings), recording
    )


def images_and_targets(model):
    generator = np.random.default_rng(3)
    images = generator.uniform(-1, 1, (4, HEIGHT, WIDTH, 1)).astype(np.float32)
    targets = {
        "reconstruction": images,
        "response": generator.gamma(1.0, 1.0, (4, NEURONS)).astype(np.float32),
    }
    return images, {head: targets[head] for head in model.heads}


class Trained:
    """A model, the weights that it started from, and the gradients and the losses of some steps of training."""

    def __init__(self, model, steps=2):
        self.model = model
        self.start = [np.asarray(variable) for variable in model.trainable_variables]
        self.gradients, self.losses = [], []
        apply = model.optimizer.apply_gradients

        def watch(pairs):
            pairs = list(pairs)
            self.gradients.append([gradient for gradient, _ in pairs])
            return apply(pairs)

        model.optimizer.apply_gradients = watch
        for _ in range(steps):
            model.reset_metrics()
            logged = model.train_step(images_and_targets(model))
            self.losses.append({name: float(value) for name, value in logged.items()})
        model.optimizer.apply_gradients = apply


@pytest.fixture(scope="module")
def trained(recording):
    """The models by case, made when they are asked for."""
    made = {}

    def get(case):
        if case not in made:
            made[case] = Trained(build(case, recording))
        return made[case]

    return get


def parameters(case):
    """(trainable, fixed) numbers in a model's weights, from docs/model.md and docs/readouts.md: 3x3 kernels without bias, 4 numbers per normalised channel."""
    recipe, layer = case.split("-")
    autoencoder, readout = recipe.split("_")[0], recipe.split("_")[-1]
    trainable = fixed = 0
    for block in range(4 if autoencoder != "cnn" else int(layer)):
        trainable += 3 * 3 * (48 if block else 1) * 48 + 2 * 48
        fixed += 2 * 48
    if autoencoder != "cnn":
        grid = (HEIGHT // 4) * (WIDTH // 4)
        code = DIM if autoencoder == "vqvae" else 48
        for block in range(3):
            trainable += 3 * 3 * (48 if block else code) * 48 + 2 * 48
            fixed += 2 * 48
        trainable += 3 * 3 * 48 * 1 + 1
        if autoencoder == "vqvae":
            trainable += 48 * DIM + DIM
            fixed += (
                CODES * DIM + CODES * DIM + CODES + 1
            )  # codes, sums, counts, and the number of updates
        else:
            width = grid * 48
            outputs = {"cae": LATENT, "vae": 2 * LATENT}[autoencoder]
            trainable += width * outputs + outputs + LATENT * width + width
    shrink = 2 if layer == "1" else 4
    places = (HEIGHT // shrink) * (WIDTH // shrink)
    trainable += NEURONS * {
        "fr": places + 48 + 1,
        "fm": 48 + 1,
        "fc": places * 48 + 1,
        "gr": 48 + 7,
    }.get(readout, 0)
    fixed += NEURONS if readout == "fm" else 0
    return trainable, fixed


@pytest.mark.parametrize("case", CASES)
def test_model_has_its_heads_and_shapes(trained, case):
    model = trained(case).model
    images, _ = images_and_targets(model)
    outputs = model(images)
    recipe = case.split("-")[0]
    wanted = {}
    if not recipe.startswith("cnn"):
        wanted["reconstruction"] = (4, HEIGHT, WIDTH, 1)
    if "_" in recipe:
        wanted["response"] = (4, NEURONS)
    assert {head: tuple(output.shape) for head, output in outputs.items()} == wanted
    assert model.heads == list(wanted)
    assert all(
        output.dtype == tf.float32 and np.isfinite(output).all() for output in outputs.values()
    )


@pytest.mark.parametrize("case", CASES)
def test_model_has_as_many_parameters_as_the_closed_form_says(trained, case):
    model = trained(case).model
    count = tuple(
        sum(int(np.prod(v.shape)) for v in variables)
        for variables in (model.trainable_variables, model.non_trainable_variables)
    )
    assert count == parameters(case)
    assert model.count_params() == sum(count)


@pytest.mark.parametrize("case", CASES)
def test_two_steps_have_finite_gradients_and_touch_every_trainable_weight(trained, case):
    run = trained(case)
    for step in run.gradients:
        assert len(step) == len(run.start)
        for variable, gradient in zip(run.model.trainable_variables, step, strict=True):
            assert gradient is not None and np.isfinite(tf.convert_to_tensor(gradient)).all(), (
                variable.path
            )
    for variable, start in zip(run.model.trainable_variables, run.start, strict=True):
        assert np.any(np.asarray(variable) != start), variable.path
    assert all(np.isfinite(list(losses.values())).all() for losses in run.losses)


@pytest.mark.parametrize("case", CASES)
def test_model_runs_in_bfloat16(trained, recording, case):
    mixed = Trained(build(case, recording, precision="mixed_bfloat16"), steps=1)
    assert all(
        output.dtype == tf.float32
        for output in mixed.model(images_and_targets(mixed.model)[0]).values()
    )
    assert all(variable.dtype == "float32" for variable in mixed.model.trainable_variables)
    assert mixed.losses[0].keys() == trained(case).losses[0].keys()
    for name, value in trained(case).losses[0].items():
        np.testing.assert_allclose(mixed.losses[0][name], value, rtol=5e-2, atol=5e-3, err_msg=name)
    assert all(np.isfinite(variable).all() for variable in mixed.model.weights)


LOAD = """
import sys
import numpy as np
import daenr_tf
place, *cases = sys.argv[1:]
for case in cases:
    model = daenr_tf.load_model(f"{place}/{case}.keras")
    outputs = {f"output.{head}": value for head, value in model(np.load(f"{place}/{case}-images.npy")).items()}
    np.savez(f"{place}/{case}.npz", config=repr(model.get_config()), **outputs)
"""


@pytest.fixture(scope="module")
def loaded(trained, run_python, tmp_path_factory):
    """By case, what a fresh process finds in the saved model."""
    place = tmp_path_factory.mktemp("saved")
    for case in CASES:
        model = trained(case).model
        save_model(model, str(place / f"{case}.keras"))
        np.save(place / f"{case}-images.npy", images_and_targets(model)[0])
    run_python(LOAD, place, *CASES)
    return {case: dict(np.load(place / f"{case}.npz")) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_a_saved_model_is_the_same_to_the_bit_in_a_fresh_process(trained, loaded, case):
    model, found = trained(case).model, loaded[case]
    assert str(found.pop("config")) == repr(model.get_config())
    outputs = model(images_and_targets(model)[0])
    assert found.keys() == {f"output.{head}" for head in outputs}
    for head, value in outputs.items():
        np.testing.assert_array_equal(found[f"output.{head}"], value)


CALL = """
import sys
import numpy as np
import tensorflow as tf
place, *cases = sys.argv[1:]
for case in cases:
    images = tf.constant(np.load(f"{place}/{case}-images.npy"))
    outputs = tf.saved_model.load(f"{place}/{case}/1").signatures["serving_default"](images=images)
    np.savez(f"{place}/{case}.npz", **outputs)
assert "daenr_tf" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported(trained, run_python, tmp_path_factory):
    """By the cases that are asked for, what a process without our package gets from the exported models."""
    made = {}

    def get(cases):
        if cases not in made:
            place = tmp_path_factory.mktemp("exported")
            for case in cases:
                model = trained(case).model
                export(model, str(place / case))
                np.save(place / f"{case}-images.npy", images_and_targets(model)[0])
            run_python(CALL, place, *cases)
            made[cases] = {case: dict(np.load(place / f"{case}.npz")) for case in cases}
        return made[cases]

    return get


# Every bottleneck and every readout.
SOME = tuple(f"{recipe}-{LAYERS[1]}" for recipe in ("cae_fr", "vae_fc", "vqvae_fm"))
OTHERS = tuple(case for case in CASES if case not in SOME)


@pytest.mark.parametrize(
    "case", [*SOME, *(pytest.param(case, marks=pytest.mark.slow) for case in OTHERS)]
)
def test_an_exported_model_gives_the_same_without_our_package(trained, exported, case):
    model, found = trained(case).model, exported(SOME if case in SOME else OTHERS)[case]
    outputs = model(images_and_targets(model)[0])
    assert found.keys() - {"indices"} == outputs.keys()
    assert ("indices" in found) == case.startswith("vqvae")
    for head, value in outputs.items():
        np.testing.assert_allclose(found[head], value, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_replicas_train_as_one_at_full_size(run_python, tmp_path, case):
    recipe, layer = case.split("-")
    runs = one_and_two_replicas(
        run_python,
        tmp_path,
        (recipe,),
        (),
        (),
        (),
        ((64, 20),),
        {"layer": int(layer)},
        103,
        1.0,
        1e-2,
        1e-3,
    )
    assert_same_losses(runs, recipe, 20)
    # One replica normalises by TensorFlow's fused float32 kernel, whose means are 4e-6 off those that
    # several sum in float64; Adam passes that on where gradients are small: 1.7e-5 of a way of 0.02. Where a gradient is nothing but
    # rounding its sign is, too, and such a weight may go the way.
    assert_same_weights(runs, recipe, 1e-3, 1e-4, 0.02)
