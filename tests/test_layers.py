import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from scipy.spatial.distance import cdist
from scipy.stats import entropy

from daenr_tf import systems
from daenr_tf.layers import readouts
from daenr_tf.layers.bottlenecks import DenseBottleneck, GaussianBottleneck
from daenr_tf.layers.convolution import ConvolutionBlock
from daenr_tf.layers.decoder import Decoder
from daenr_tf.layers.encoder import Encoder
from daenr_tf.layers.normalization import GlobalBatchNormalization
from daenr_tf.layers.penalties import absolute
from daenr_tf.layers.quantizer import QuantizedBottleneck, perplexity
from daenr_tf.layers.seeds import derive_seed, per_example
from daenr_tf.layers.terms import Term


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def softplus(values):
    return np.logaddexp(0.0, values)


def tensors(outputs):
    return [part for part in tf.nest.flatten(outputs) if tf.is_tensor(part)]


def per_image(outputs):
    """The tensors with a batch axis: terms that depend on weights alone have none."""
    return [part for part in tensors(outputs) if part.shape.rank]


def built(layer, *shape):
    if not layer.built:
        layer.build((None, *shape))
    return layer


def check_layer(
    kind, settings, input_shape, output_shapes, trainable, fixed, output_dtype="float32"
):
    """Build, shapes, dtypes, counts of weights, round trips of configuration, training and mixed precision of one layer.

    input_shape and output_shapes are without the batch axis; output_dtype is that under mixed precision.
    """
    layer = built(kind(**settings), *input_shape)
    assert len(layer.trainable_variables) == trainable
    assert len(layer.non_trainable_variables) == fixed
    inputs = random(3, *input_shape)
    outputs = per_image(layer(inputs))
    assert [tuple(part.shape) for part in outputs] == [(3, *shape) for shape in output_shapes]
    assert all(part.dtype == tf.float32 for part in outputs)
    assert [part.shape[0] for part in per_image(layer(inputs[:1]))] == [1] * len(outputs)

    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is kind and copy.get_config() == layer.get_config()
    built(copy, *input_shape)
    for ours, theirs in zip(layer.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(
            ours, theirs, err_msg=f"{ours.path} doesn't come from the seed in the configuration"
        )
    copy.set_weights(layer.get_weights())
    for ours, theirs in zip(outputs, per_image(copy(inputs)), strict=True):
        np.testing.assert_array_equal(ours, theirs)

    takes_draws = "draws" in layer._call_signature.parameters
    training = {"training": True, **({"draws": tf.range(3, dtype=tf.int64)} if takes_draws else {})}
    with tf.GradientTape() as tape:
        parts = tensors(layer(inputs, **training))
        # Squares, for the sum of a normalised batch has no gradient.
        loss = tf.add_n([tf.reduce_sum(tf.cast(part, tf.float32) ** 2) for part in parts])
    assert [tuple(part.shape) for part in parts if part.shape.rank] == [
        (3, *shape) for shape in output_shapes
    ]
    for variable, gradient in zip(
        layer.trainable_variables, tape.gradient(loss, layer.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.path
        gradient = tf.convert_to_tensor(gradient)
        assert np.isfinite(gradient).all() and np.any(gradient), variable.path

    mixed = built(kind(**settings, dtype="mixed_bfloat16"), *input_shape)
    mixed.set_weights(copy.get_weights())
    assert all(variable.dtype in ("float32", "int32") for variable in mixed.weights)
    for ours, theirs in zip(outputs, per_image(mixed(inputs)), strict=True):
        assert theirs.dtype in (output_dtype, "float32")
        np.testing.assert_allclose(
            np.asarray(theirs, np.float32), ours, atol=0.05 * np.abs(ours).max()
        )
    assert tensors(mixed(inputs))[0].dtype == output_dtype
    assert all(
        np.isfinite(np.asarray(part, np.float32)).all()
        for part in tensors(mixed(inputs, **training))
    )


@pytest.mark.parametrize(
    "kind, settings, input_shape, output_shapes, trainable, fixed, output_dtype",
    [
        (GlobalBatchNormalization, {}, (4, 3, 5), [(4, 3, 5)], 2, 2, "bfloat16"),
        (
            ConvolutionBlock,
            {"filters": 5, "strides": 2, "seed": 3},
            (8, 6, 2),
            [(4, 3, 5)],
            3,
            2,
            "bfloat16",
        ),
        (
            ConvolutionBlock,
            {"filters": 5, "strides": 2, "transposed": True, "batch_norm_momentum": 0.99},
            (4, 3, 2),
            [(8, 6, 5)],
            3,
            2,
            "bfloat16",
        ),
        (
            Encoder,
            {"seed": 1},
            (8, 12, 3),
            [(4, 6, 48), (4, 6, 48), (2, 3, 48), (2, 3, 48)],
            12,
            8,
            "bfloat16",
        ),
        (Encoder, {"depth": 1}, (8, 12, 1), [(4, 6, 48)], 3, 2, "bfloat16"),
        (Decoder, {"channels": 3, "seed": 1}, (2, 3, 48), [(8, 12, 3)], 11, 6, "float32"),
        (DenseBottleneck, {"latent_size": 7, "seed": 1}, (2, 3, 4), [(2, 3, 4)], 4, 0, "bfloat16"),
        (
            GaussianBottleneck,
            {"latent_size": 7, "pixels": 96, "seed": 1},
            (2, 3, 4),
            [(2, 3, 4), ()],
            4,
            0,
            "bfloat16",
        ),
        (
            QuantizedBottleneck,
            {"codebook_size": 6, "code_dim": 5, "seed": 1},
            (2, 3, 4),
            [(2, 3, 5), (), ()],
            2,
            4,
            "float32",
        ),
        (
            QuantizedBottleneck,
            {"codebook_size": 6, "code_dim": 5, "codebook_update": "loss"},
            (2, 3, 4),
            [(2, 3, 5), (), (), ()],
            3,
            0,
            "float32",
        ),
        (
            readouts.FactorizedReadout,
            {"neurons": 7, "readout_l1": 0.1, "seed": 1},
            (2, 3, 4),
            [(7,)],
            3,
            0,
            "float32",
        ),
        (
            readouts.FixedMaskReadout,
            {"neurons": 7, "readout_l1": 0.1, "seed": 1},
            (2, 3, 4),
            [(7,)],
            2,
            1,
            "float32",
        ),
        (
            readouts.FullyConnectedReadout,
            {"neurons": 7, "readout_l1": 0.1, "seed": 1},
            (2, 3, 4),
            [(7,)],
            2,
            0,
            "float32",
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_layer_keeps_its_contract(
    kind, settings, input_shape, output_shapes, trainable, fixed, output_dtype
):
    check_layer(kind, settings, input_shape, output_shapes, trainable, fixed, output_dtype)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_kernel_starts_from_its_seed_and_not_from_a_name_that_keras_gave(transposed):
    """Such a name counts the layers that were made before."""
    first, second, other = (
        built(ConvolutionBlock(5, transposed=transposed, seed=seed), 8, 6, 2) for seed in (3, 3, 4)
    )
    assert first.name != second.name
    np.testing.assert_array_equal(first.convolution.kernel, second.convolution.kernel)
    assert np.any(np.asarray(first.convolution.kernel) != np.asarray(other.convolution.kernel))


def test_encoder_and_decoder_have_the_papers_shapes():
    encoder, decoder = built(Encoder(), 32, 32, 1), built(Decoder(), 8, 8, 48)
    hidden, _ = encoder(random(2, 32, 32, 1))
    assert [tuple(h.shape) for h in hidden] == [
        (2, 16, 16, 48),
        (2, 16, 16, 48),
        (2, 8, 8, 48),
        (2, 8, 8, 48),
    ]
    assert [tuple(shape) for shape in encoder.compute_output_shape((None, 32, 32, 1))] == [
        (None, *h.shape[1:]) for h in hidden
    ]
    images, _ = decoder(100 * random(2, 8, 8, 48))
    assert tuple(images.shape) == (2, 32, 32, 1)
    assert tuple(decoder.compute_output_shape((None, 8, 8, 48))) == (None, 32, 32, 1)
    assert np.abs(images).max() <= 1.0


def test_encoder_is_convolution_normalisation_and_elu():
    encoder = built(Encoder(depth=2, seed=4), 8, 6, 1)
    images = random(2, 8, 6, 1)
    expected = tf.constant(images)
    for hidden, block, strides in zip(encoder(images)[0], encoder.blocks, (2, 1), strict=True):
        expected = tf.nn.conv2d(
            expected, np.asarray(block.convolution.kernel), strides, "SAME"
        ).numpy()
        expected = expected / np.sqrt(
            1.0 + 1e-3
        )  # the moving mean starts at 0, the moving variance at 1
        expected = np.where(expected > 0, expected, np.expm1(expected))
        np.testing.assert_allclose(hidden, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 4, 3, 5), (1, 2, 1, 3)])
def test_batch_normalisation_equals_keras_own_in_output_gradients_and_moving_averages(shape):
    ours = built(GlobalBatchNormalization(), *shape[1:])
    theirs = built(keras.layers.BatchNormalization(momentum=0.9, synchronized=False), *shape[1:])
    start = [
        1 + 0.5 * random(shape[-1], seed=1),
        random(shape[-1], seed=2),
        random(shape[-1], seed=3),
        1 + random(shape[-1], seed=4) ** 2,
    ]
    results = []
    for layer in (ours, theirs):
        layer.set_weights(start)
        outputs, gradients = [], []
        for step in range(3):
            inputs = tf.constant(3 * random(*shape, seed=10 + step) + 2)
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                output = layer(inputs, training=True)
                loss = tf.reduce_sum(output * random(*shape, seed=20 + step))
            outputs.append(output)
            gradients += tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        outputs.append(layer(inputs, training=False))
        results.append([*outputs, *gradients, *layer.get_weights()])
    for mine, reference in zip(*results, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-5, atol=1e-5)
    assert not np.allclose(ours.get_weights()[2], start[2])


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.999])
def test_moving_statistics_keep_their_momentum_a_step(momentum):
    """From 0 and 1, after n steps on one batch: m (1 - p^n) and v + (1 - v) p^n, of its mean m and variance v."""
    block = built(ConvolutionBlock(5, seed=2, batch_norm_momentum=momentum), 6, 4, 2)
    images = random(7, 6, 4, 2)
    seen = np.asarray(block.convolution(images), np.float64)
    mean, variance = seen.mean(axis=(0, 1, 2)), seen.var(axis=(0, 1, 2))
    for step in range(1, 4):
        block(images, training=True)
        left = momentum**step
        found = block.normalization
        np.testing.assert_allclose(found.moving_mean, mean * (1 - left), rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(
            found.moving_variance, variance + (1 - variance) * left, rtol=1e-5
        )


def test_seeds_derived_for_two_places_or_from_two_seeds_differ():
    derived = {
        derive_seed(seed, place)
        for seed in range(20)
        for place in ("encoder_1", "encoder_2", "kernel")
    }
    assert len(derived) == 60
    assert derive_seed(3, "kernel") == derive_seed(3, "kernel")
    assert all(0 <= seed < 2**31 for seed in derived)


@pytest.mark.parametrize("sampler", [tf.random.stateless_normal, tf.random.stateless_uniform])
def test_an_examples_random_numbers_dont_depend_on_the_batch(sampler):
    draws = np.array([5, 2**40, 0, 7])
    rows = per_example(sampler, 6, draws, 11).numpy()
    for place, draw in enumerate(draws):
        np.testing.assert_array_equal(per_example(sampler, 6, [draw], 11)[0], rows[place])
    np.testing.assert_array_equal(per_example(sampler, 6, draws[::-1], 11), rows[::-1])
    graph = tf.function(lambda numbers: per_example(sampler, 6, numbers, 11))
    np.testing.assert_array_equal(graph(draws), rows)
    assert len(np.unique(rows)) == rows.size
    assert not np.any(per_example(sampler, 6, draws, 12).numpy() == rows)


def test_random_numbers_of_no_example_are_an_empty_batch():
    assert tuple(per_example(tf.random.stateless_normal, 6, np.zeros(0, np.int64), 1).shape) == (
        0,
        6,
    )


def test_random_numbers_have_the_samplers_distribution():
    draws = np.arange(200)
    assert (
        stats.kstest(
            per_example(tf.random.stateless_normal, 50, draws, 1).numpy().ravel(), "norm"
        ).pvalue
        > 1e-3
    )
    assert (
        stats.kstest(
            per_example(tf.random.stateless_uniform, 50, draws, 1).numpy().ravel(), "uniform"
        ).pvalue
        > 1e-3
    )


# Readouts


def test_inverse_softplus_inverts_softplus():
    rates = np.array([1e-3, 0.01, 0.5, 1.0, 30.0, 800.0])
    np.testing.assert_allclose(softplus(readouts.inverse_softplus(rates)), rates, rtol=1e-12)
    np.testing.assert_allclose(
        readouts.inverse_softplus([np.log(2.0), 1000.0]), [0.0, 1000.0], atol=1e-12
    )


def test_inverse_softplus_floors_a_silent_neuron():
    np.testing.assert_allclose(readouts.inverse_softplus([0.0, 1e-9]), np.log(np.expm1(1e-3)))


def readout(name, height=2, width=3, channels=4, neurons=5, **settings):
    layer = built(
        systems.READOUTS[name].load()(neurons=neurons, seed=2, **settings), height, width, channels
    )
    layer.bias.assign(random(neurons, seed=8))
    if name == "fm":
        layer.start(np.ones(neurons), [[1, 0], [0, 2], [1, 2], [0, 0], [1, 1]])
    return layer


def test_factorized_readout_is_equation_5():
    layer, hidden = readout("fr"), random(6, 2, 3, 4)
    mask, features, bias = (
        np.asarray(w, np.float64) for w in (layer.mask, layer.features, layer.bias)
    )
    expected = np.zeros((6, 5))
    for image in range(6):
        for neuron in range(5):
            pooled = sum(
                mask[y, x, neuron] * hidden[image, y, x] for y in range(2) for x in range(3)
            )
            expected[image, neuron] = softplus(pooled @ features[:, neuron] + bias[neuron])
    np.testing.assert_allclose(layer(hidden)[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(layer.masks(), np.moveaxis(mask.astype(np.float32), -1, 0))


def test_fixed_mask_readout_sees_its_own_cell_and_no_other():
    layer, hidden = readout("fm"), random(6, 2, 3, 4)
    features, bias = np.asarray(layer.features, np.float64), np.asarray(layer.bias, np.float64)
    for neuron, (row, column) in enumerate([(1, 0), (0, 2), (1, 2), (0, 0), (1, 1)]):
        expected = softplus(hidden[:, row, column] @ features[:, neuron] + bias[neuron])
        np.testing.assert_allclose(layer(hidden)[0][:, neuron], expected, rtol=1e-5)
        assert np.argwhere(layer.masks()[neuron]).tolist() == [[row, column]]
        assert layer.masks()[neuron].sum() == 1.0


def test_fully_connected_readout_is_one_dense_map_outside_training():
    layer, hidden = readout("fc"), random(6, 2, 3, 4)
    expected = softplus(
        hidden.reshape(6, -1).astype(np.float64) @ np.asarray(layer.kernel) + np.asarray(layer.bias)
    )
    np.testing.assert_allclose(layer(hidden)[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(
        layer(hidden, draws=np.arange(6))[0], layer(hidden, draws=np.arange(6) + 9)[0]
    )


def test_penalties_are_those_of_the_papers_sparsity():
    fr, fm, fc = (
        readout("fr", readout_l1=0.3),
        readout("fm", readout_l1=0.3),
        readout("fc", readout_l1=0.3),
    )
    norms = [np.abs(fr.mask[:, :, n]).sum() * np.abs(fr.features[:, n]).sum() for n in range(5)]
    expected = {
        fr: {"readout_l1": (np.mean(norms), 0.3)},
        fm: {"readout_l1": (np.abs(fm.features).sum(axis=0).mean(), 0.3)},
        fc: {
            "readout_l2": ((np.asarray(fc.kernel) ** 2).sum(axis=0).mean(), 0.01),
            "readout_l1": (np.abs(fc.kernel).sum(axis=0).mean(), 0.3),
        },
    }
    for layer, terms in expected.items():
        assert layer.penalties().keys() == terms.keys() == set(layer.term_names)
        for name, (value, weight) in terms.items():
            np.testing.assert_allclose(layer.penalties()[name].value, value, rtol=1e-5)
            assert layer.penalties()[name].weight == weight


@pytest.mark.parametrize("name", systems.READOUTS)
def test_an_initialised_readout_answers_no_drive_with_the_mean_response(name):
    mean_response = np.array([0.02, 0.5, 1.0, 3.0, 40.0])
    layer = readout(name)
    layer.start(mean_response, *([np.zeros((5, 2), int)] if name == "fm" else []))
    np.testing.assert_allclose(
        layer(np.zeros((2, 2, 3, 4), np.float32))[0], [mean_response] * 2, rtol=1e-5
    )


def test_initial_masks_and_features_have_the_pinned_deviations():
    layer = built(readouts.FactorizedReadout(neurons=100, seed=5), 10, 10, 48)
    for weights, deviation in ((layer.mask, 0.02), (layer.features, 0.05)):
        assert stats.kstest(np.asarray(weights).ravel() / deviation, "norm").pvalue > 1e-3


def test_dropout_is_a_function_of_the_draw():
    layer, hidden = readout("fc"), random(3, 2, 3, 4)
    draws = np.array([7, 3, 20])
    first = layer(hidden, draws=draws, training=True)[0].numpy()
    np.testing.assert_array_equal(layer(hidden, draws=draws, training=True)[0], first)
    np.testing.assert_allclose(
        layer(hidden[::-1], draws=draws[::-1], training=True)[0], first[::-1], rtol=1e-6
    )
    np.testing.assert_allclose(
        layer(hidden[1:2], draws=draws[1:2], training=True)[0], first[1:2], rtol=1e-6
    )
    assert not np.isclose(layer(hidden, draws=draws + 1, training=True)[0], first).any()


def test_dropout_keeps_half_of_the_inputs_at_twice_their_value():
    layer = built(readouts.FullyConnectedReadout(neurons=400), 10, 10, 4)
    layer.kernel.assign(np.eye(400))
    outputs = layer(np.ones((20, 10, 10, 4), np.float32), draws=np.arange(20), training=True)[
        0
    ].numpy()
    kept = np.isclose(outputs, softplus(2.0))
    assert (kept | np.isclose(outputs, softplus(0.0))).all()
    assert stats.binomtest(int(kept.sum()), kept.size, 0.5).pvalue > 1e-3
    assert np.ptp(kept.mean(axis=1)) > 0  # each example has draws of its own


def test_absolute_is_the_modulus_with_a_slope_that_is_0_at_0():
    values = tf.constant([-2.0, -5e-4, 0.0, 2e-4, 5.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(absolute(values) * [1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_array_equal(absolute(values), np.abs(values))
    x = np.asarray(values, np.float64)
    np.testing.assert_allclose(
        tape.gradient(total, values), np.arange(1, 6) * np.clip(1000 * x, -1, 1), rtol=1e-6
    )


# Bottlenecks


def test_dense_bottleneck_is_two_dense_maps():
    layer, hidden = built(DenseBottleneck(latent_size=5, seed=1), 2, 3, 4), random(6, 2, 3, 4)
    for dense in (layer.compress, layer.expand):
        dense.bias.assign(random(*dense.bias.shape))
    code, terms = layer(hidden)
    latent = hidden.reshape(6, 24) @ np.asarray(layer.compress.kernel) + np.asarray(
        layer.compress.bias
    )
    expected = latent @ np.asarray(layer.expand.kernel) + np.asarray(layer.expand.bias)
    np.testing.assert_allclose(code, expected.reshape(6, 2, 3, 4), atol=1e-5)
    assert terms == {}


@pytest.fixture(scope="module")
def gaussian():
    """A VAE's bottleneck with biases, and its posterior by NumPy for hidden activity (6, 2, 3, 4)."""
    layer, hidden = (
        built(GaussianBottleneck(latent_size=5, pixels=96, seed=1), 2, 3, 4),
        random(6, 2, 3, 4),
    )
    for dense in (layer.compress, layer.expand):
        dense.bias.assign(random(*dense.bias.shape))
    both = hidden.reshape(6, 24).astype(np.float64) @ np.asarray(
        layer.compress.kernel
    ) + np.asarray(layer.compress.bias)
    return layer, hidden, both[:, :5], both[:, 5:]


def test_kl_is_that_of_two_gaussians(gaussian):
    layer, hidden, mean, log_variance = gaussian
    expected = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)
    for training in (False, True):
        term = layer(hidden, draws=np.arange(6), training=training)[1]["kl"]
        np.testing.assert_allclose(term.value, expected, rtol=1e-5)
        assert term.weight == 2.0 / 96


def test_the_posterior_mean_is_served(gaussian):
    layer, hidden, mean, _ = gaussian
    expected = mean @ np.asarray(layer.expand.kernel) + np.asarray(layer.expand.bias)
    np.testing.assert_allclose(layer(hidden)[0], expected.reshape(6, 2, 3, 4), atol=1e-5)


def test_training_samples_the_posterior_once_per_example():
    layer = built(GaussianBottleneck(latent_size=3, pixels=96), 1, 1, 3)
    layer.compress.kernel.assign(np.zeros((3, 6)))
    mean, deviation = np.array([1.0, -2.0, 0.0]), np.array([0.1, 1.0, 3.0])
    layer.compress.bias.assign(np.concatenate([mean, 2 * np.log(deviation)]))
    layer.expand.kernel.assign(np.eye(3))
    draws = np.arange(2000)
    latent = layer(np.zeros((2000, 1, 1, 3), np.float32), draws=draws, training=True)[0].numpy()[
        :, 0, 0
    ]
    for place in range(3):
        assert (
            stats.kstest((latent[:, place] - mean[place]) / deviation[place], "norm").pvalue > 1e-3
        )
    assert np.abs(np.corrcoef(latent.T) - np.eye(3)).max() < 0.1
    again = layer(np.zeros((2, 1, 1, 3), np.float32), draws=draws[[5, 90]], training=True)[0]
    np.testing.assert_array_equal(again[:, 0, 0], latent[[5, 90]])


# The quantised bottleneck


def quantizer(codes=6, dim=5, **settings):
    layer = built(
        QuantizedBottleneck(codebook_size=codes, code_dim=dim, seed=3, **settings), 2, 3, 4
    )
    layer.projection.bias.assign(0.1 * random(dim, seed=7))
    return layer


def projected(layer, hidden):
    return hidden.astype(np.float64) @ np.asarray(layer.projection.kernel) + np.asarray(
        layer.projection.bias
    )


def nearest(vectors, codebook):
    return (
        cdist(vectors.reshape(-1, vectors.shape[-1]), codebook)
        .argmin(axis=1)
        .reshape(vectors.shape[:-1])
    )


def test_quantizer_gives_every_cell_its_nearest_code():
    layer, hidden = quantizer(), random(7, 2, 3, 4)
    codebook = np.asarray(layer.codebook)
    indices = nearest(projected(layer, hidden), codebook)
    assert len(np.unique(indices)) > 2
    np.testing.assert_array_equal(layer.indices(layer.project(hidden)), indices)
    code, terms = layer(hidden)
    np.testing.assert_allclose(code, codebook[indices], atol=1e-6)
    distance = ((projected(layer, hidden) - codebook[indices]) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(terms["commitment"].value, distance, rtol=1e-5)
    shares = np.bincount(indices.ravel(), minlength=len(codebook)) / indices.size
    np.testing.assert_allclose(
        terms["codebook_perplexity"].value, [np.exp(entropy(shares))] * len(hidden), rtol=1e-5
    )
    assert terms["commitment"].weight == 0.25 and terms["codebook_perplexity"].weight == 0
    assert terms.keys() == {"commitment", "codebook_perplexity"}


def test_the_decoders_gradient_passes_straight_through_to_the_projection():
    layer, hidden, upstream = quantizer(), random(7, 2, 3, 4), random(7, 2, 3, 5, seed=1)
    inputs = tf.constant(hidden)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(layer(inputs)[0] * upstream)
    to_inputs, to_kernel = tape.gradient(loss, [inputs, layer.projection.kernel.value])
    np.testing.assert_allclose(
        to_inputs, upstream @ np.asarray(layer.projection.kernel).T, atol=1e-5
    )
    np.testing.assert_allclose(to_kernel, np.einsum("bhwi,bhwo->io", hidden, upstream), atol=1e-4)


def test_commitment_pulls_the_projection_towards_its_code():
    layer, hidden = quantizer(), random(7, 2, 3, 4)
    codebook, vectors = np.asarray(layer.codebook), projected(layer, hidden)
    inputs = tf.constant(hidden)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(layer(inputs)[1]["commitment"].value)
    expected = (
        2
        * (vectors - codebook[nearest(vectors, codebook)])
        / (2 * 3 * 5)
        @ np.asarray(layer.projection.kernel).T
    )
    np.testing.assert_allclose(tape.gradient(loss, inputs), expected, atol=1e-5)


def test_averages_move_in_training_and_only_there():
    layer, hidden = quantizer(), random(7, 2, 3, 4)
    before = layer.get_weights()
    layer(hidden)
    for ours, theirs in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    layer(hidden, draws=np.arange(7), training=True)
    assert not np.allclose(np.asarray(layer.codebook), before[2])


def test_the_codebook_follows_exponential_moving_averages_and_dead_codes_are_revived():
    """Against a NumPy version of appendix A.1; a dead code must become a vector of the batch."""
    layer = quantizer(codes=8)
    layer.codebook.assign(
        np.concatenate([np.asarray(layer.codebook)[:5], 50 + np.ones((3, 5))])
    )  # three that none chooses
    counts, sums = np.zeros(8), np.zeros((8, 5))
    revived = 0
    for step in range(4):
        hidden = random(7, 2, 3, 4, seed=step)
        vectors = projected(layer, hidden).reshape(-1, 5)
        chosen = nearest(vectors, np.asarray(layer.codebook))
        keep = 0.99 if step else 0.0
        counts = keep * counts + (1 - keep) * np.bincount(chosen, minlength=8)
        sums = keep * sums + (1 - keep) * np.stack(
            [vectors[chosen == k].sum(axis=0) for k in range(8)]
        )
        layer(hidden, draws=np.arange(7 * step, 7 * step + 7), training=True)
        dead = counts < 1
        revived += dead.sum()
        fresh = np.asarray(layer.sums)[dead]
        assert (cdist(fresh, vectors).min(axis=1, initial=np.inf) < 1e-5).all()
        counts[dead], sums[dead] = 1.0, fresh
        smoothed = (counts + 1e-5) / (counts.sum() + 8e-5) * counts.sum()
        np.testing.assert_allclose(layer.counts, counts, rtol=1e-5)
        np.testing.assert_allclose(layer.sums, sums, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.codebook, sums / smoothed[:, None], rtol=1e-4, atol=1e-5)
    assert revived >= 3 and not dead.all()


def test_codes_revived_together_come_from_various_places():
    layer = quantizer(codes=30)
    layer.codebook.assign(50 + random(30, 5))
    layer(random(7, 2, 3, 4), draws=np.arange(7), training=True)
    assert len(np.unique(np.asarray(layer.sums)[:, 0])) > 10


def test_codebook_loss_pulls_the_codes_and_nothing_else():
    layer, hidden = quantizer(codebook_update="loss"), random(7, 2, 3, 4)
    codebook, vectors = np.asarray(layer.codebook), projected(layer, hidden)
    indices = nearest(vectors, codebook)
    with tf.GradientTape() as tape:
        terms = layer(hidden, draws=np.arange(7), training=True)[1]
        loss = tf.reduce_sum(terms["codebook"].value)
    to_codes, to_kernel = tape.gradient(loss, [layer.codebook.value, layer.projection.kernel.value])
    pulls = 2 * (codebook[indices] - vectors) / (2 * 3 * 5)
    expected = np.stack([pulls[indices == k].sum(axis=0) for k in range(6)])
    np.testing.assert_allclose(tf.convert_to_tensor(to_codes), expected, atol=1e-5)
    assert to_kernel is None
    assert terms["codebook"].weight == 1.0
    np.testing.assert_array_equal(layer.codebook, codebook)


def test_perplexity_counts_the_codes_in_use():
    assert perplexity(np.full((3, 2, 2), 4), 6) == 1.0
    assert perplexity(np.arange(6).repeat(5), 6) == pytest.approx(6.0)
    skewed = np.repeat([0, 1, 5], [1, 2, 5])
    assert perplexity(skewed, 6) == pytest.approx(np.exp(special.entr([1 / 8, 2 / 8, 5 / 8]).sum()))


def test_a_term_counts_fully_unless_said_otherwise():
    assert Term(3.0).weight == 1.0


@pytest.mark.parametrize("strides, transposed", [(1, False), (2, False), (1, True), (2, True)])
def test_a_block_with_fixed_statistics_is_its_convolution_normalisation_and_elu(
    strides, transposed
):
    block = ConvolutionBlock(5, strides, transposed=transposed, seed=1)
    block.build((None, 8, 12, 3))
    generator = np.random.default_rng(0)
    for weight in block.weights:
        weight.assign(generator.uniform(0.3, 2.0, weight.shape))
    block.convolution.kernel.assign(generator.normal(size=block.convolution.kernel.shape))
    images = tf.constant(random(4, 8, 12, 3))
    kernel = block.convolution.kernel.value
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        at_once = block(images)
        apart = tf.nn.elu(block.normalization(block.convolution(images), training=False))
    assert at_once.shape == block.compute_output_shape(images.shape)
    np.testing.assert_allclose(at_once, apart, rtol=1e-4, atol=1e-5)
    for source in (images, kernel):
        np.testing.assert_allclose(
            tape.gradient(at_once, source), tape.gradient(apart, source), rtol=1e-3, atol=1e-4
        )
