"""One replica and two give the same training, each in a process of its own on logical CPU devices."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

RECIPES = ("cae_fr", "vae_fc", "vqvae_fm", "cnn_fr")
PLAIN = ("vqvae_fm",)  # fed as `fit` feeds it: without the examples' numbers
LACKING = ("vae_fc",)  # whose responses are missing here and there
SEVERAL = ("cnn_fr",)  # of two recordings, the second with fewer neurons
# (batch size, steps), one after the other: uneven (first, for the first step revives codes), even, and fewer images than replicas.
PLAN = ((3, 2), (6, 5), (1, 2), (6, 1))

TRAIN = """
import ast, sys
import numpy as np
from scipy.ndimage import gaussian_filter
from daenr_tf.runs.quiet import import_tensorflow
import_tensorflow()
import tensorflow as tf

file, replicas, recipes, plain, lacking, several, plan, settings, neurons, alpha, beta, learning_rate = sys.argv[1], *map(ast.literal_eval, sys.argv[2:])
device, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * replicas)

from daenr_tf import pipeline, systems
from daenr_tf.config import ModelConfig
from daenr_tf.models.build import adam, assemble

strategy = tf.distribute.get_strategy()
if replicas > 1:
    strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])
assert strategy.num_replicas_in_sync == replicas
generator = np.random.default_rng(1)
results = {}
for recipe in recipes:
    config = ModelConfig(recipe=recipe, **settings)
    shape = (*config.image_size, config.channels)
    images = gaussian_filter(generator.normal(0, 1, (100, *shape)), (0, 1, 1, 0))
    examples = pipeline.Examples(np.clip(images / images.std() / 2, -1, 1).astype(np.float32),
                                 generator.gamma(1.0, 1.0, (100, neurons)).astype(np.float32))
    if recipe in lacking:
        examples.responses[generator.random((100, neurons)) < 0.4] = np.nan
        examples.responses[::3] = np.nan  # whole images: replicas then lack unlike shares
    counts = neurons
    if recipe in several:
        counts = {"first": neurons, "second": neurons - 2}
        examples = examples._replace(whose=generator.integers(0, 2, 100).astype(np.int32))
        examples.responses[examples.whose == 1, neurons - 2:] = np.nan
    with strategy.scope():
        options = {name: getattr(config, name) for name in systems.options()}
        model = assemble(config.system, systems.CORES[config.core], options, config.layer, shape, counts, 0, (0.0, 255.0), recipe, "float32")
        model.build()
        if recipe.endswith("fm"):
            model.readout.start(np.ones(neurons), generator.integers(0, 2, (neurons, 2)))
        weights = {"reconstruction": alpha, "response": beta}
        model.compile(adam(learning_rate), loss_weights={head: weights[head] for head in model.heads})
        model.optimizer.build(model.trainable_variables)

    @tf.function
    def run_step(batches):
        strategy.run(tf.autograph.experimental.do_not_convert(model.train_step), args=(next(batches),))

    for weight, value in zip(model.weights, model.get_weights()):
        results[f"{recipe}/start/{weight.path}"] = value
    done = 0
    for batch_size, steps in plan:
        model.reset_metrics()
        # The number of images is left open, so that one trace serves every batch size.
        batches = pipeline.training_batches(examples, model.heads, batch_size, 0, done)
        if recipe in plain:
            batches = batches.map(lambda inputs, targets: (inputs["images"], targets))
        batches = iter(strategy.experimental_distribute_dataset(batches.unbatch().batch(batch_size)))
        for _ in range(steps):
            run_step(batches)
        done += steps
        for metric in model.metrics:
            results[f"{recipe}/after {done}/{metric.name}"] = metric.result()
    for weight, value in zip(model.weights, model.get_weights()):
        results[f"{recipe}/weight/{weight.path}"] = value
np.savez(file, **results)
"""


def one_and_two_replicas(run_python, place, *arguments, **environment):
    """What one and what two replicas come to: dicts of name -> array."""
    with ThreadPoolExecutor() as pool:
        list(
            pool.map(
                lambda n: run_python(
                    TRAIN, place / f"{n}.npz", n, *map(repr, arguments), **environment
                ),
                (1, 2),
            )
        )
    runs = []
    for n in (1, 2):
        with np.load(place / f"{n}.npz") as results:
            runs.append(dict(results))
    return runs


def assert_same_losses(runs, recipe, done):
    one, two = (
        {name: value for name, value in run.items() if name.startswith(f"{recipe}/after {done}/")}
        for run in runs
    )
    assert one.keys() == two.keys() and f"{recipe}/after {done}/loss" in one
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-5, err_msg=name)


def assert_same_weights(runs, recipe, share=1e-4, few=0.0, way=0.0):
    """All weights but a share of `few` of each tensor are within `share` of its largest, and those within `way`."""
    one, two = (
        {name: value for name, value in run.items() if name.startswith(f"{recipe}/weight/")}
        for run in runs
    )
    assert one.keys() == two.keys() and one
    for name, value in one.items():
        apart = np.abs(two[name] - value)
        beyond = apart > share * np.abs(value).max()
        assert beyond.mean() <= few, (name, apart.max(), beyond.sum())
        assert not beyond.any() or apart.max() <= way, (name, apart.max())
        moved = np.any(value != runs[0][name.replace("/weight/", "/start/")])
        assert moved or name.endswith("/cell"), name


@pytest.fixture(scope="module")
def runs(run_python, tmp_path_factory):
    settings = {
        "layer": 2,
        "image_size": (8, 8),
        "latent_size": 4,
        "codebook_size": 20,
        "code_dim": 5,
        "activity_l1": 0.3,
    }
    # A small rate: with so few pixels some gradients are no larger than rounding errors, which Adam makes whole steps of.
    # Without oneDNN, the default on CPUs: its convolution gives an empty batch a wrong shape, with which no training with
    # fewer images than replicas gets any further. GPUs don't have it.
    return one_and_two_replicas(
        run_python,
        tmp_path_factory.mktemp("replicas"),
        RECIPES,
        PLAIN,
        LACKING,
        SEVERAL,
        PLAN,
        settings,
        5,
        0.7,
        0.4,
        1e-4,
        TF_ENABLE_ONEDNN_OPTS="0",
    )


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    "done",
    [2, 7, 9, 10],
    ids=["batches of 3", "batches of 6", "batches of 1", "batches of 6 again"],
)
def test_two_replicas_log_the_losses_of_one(runs, recipe, done):
    assert_same_losses(runs, recipe, done)


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_replicas_reach_the_weights_of_one(runs, recipe):
    assert_same_weights(runs, recipe)
