import numpy as np
import pytest
import tensorflow as tf

from daenr_tf import pipeline
from daenr_tf.config import ModelConfig
from daenr_tf.errors import InputError
from daenr_tf.machine import blocks
from daenr_tf.recordings.recording import Recording
from daenr_tf.resizing import RESIZES

LUMA = np.array([0.2989, 0.5870, 0.1140])


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def triangle(x):
    return np.maximum(0.0, 1.0 - np.abs(x))


def keys(x):
    """Keys' cubic with a = -1/2."""
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def lanczos(x):
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def around_centres(kernel, antialias=True):
    """Weights (new, old) of a kernel around each new pixel's centre, widened when shrinking if antialiased."""

    def weights(new, old):
        centres = (np.arange(new) + 0.5) * old / new
        width = max(old / new, 1.0) if antialias else 1.0
        return kernel((np.arange(old)[None] + 0.5 - centres[:, None]) / width)

    return weights


def overlaps(new, old):
    """How much of each old pixel a new one covers."""
    low = np.arange(new)[:, None] * old / new
    pixels = np.arange(old)[None]
    return np.clip(np.minimum(pixels + 1, low + old / new) - np.maximum(pixels, low), 0, 1)


def covering(new, old):
    """The old pixel in which the new one's centre lies."""
    return np.eye(old)[((np.arange(new) + 0.5) * old / new).astype(int)]


WEIGHTS = {
    "bilinear": around_centres(triangle),
    "bilinear-aliased": around_centres(triangle, False),
    "bicubic": around_centres(keys),
    "bicubic-aliased": around_centres(keys, False),
    "lanczos3": around_centres(lanczos),
    "area": overlaps,
    "nearest": covering,
}


def resized(images, size, weights=WEIGHTS["bilinear"]):
    """Resized by its definition: of each axis the new pixels are weighted means of the old ones."""
    for axis, new in zip((1, 2), size, strict=True):
        found = weights(new, images.shape[axis])
        found = found / found.sum(axis=1, keepdims=True)
        images = np.moveaxis(np.tensordot(found, images, (1, axis)), 0, axis)
    return images


# Preprocessing


@pytest.mark.parametrize("size", [(10, 12), (5, 4), (16, 8), (24, 32)])
def test_grey_images_are_scaled_to_the_pixel_range_and_resized(size):
    images = noise(3, 10, 12, 1)
    expected = resized(images / 127.5 - 1.0, size)
    found = pipeline.preprocess(images, (0.0, 255.0), size, 1)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(5, 4), (16, 8), (24, 32), (12, 16)])
@pytest.mark.parametrize("resize", RESIZES)
def test_images_are_resized_as_their_name_says_and_tensorflow_does(resize, size):
    images = noise(3, 10, 12, 1)
    scaled = images / 127.5 - 1.0
    found = pipeline.preprocess(images, (0.0, 255.0), size, 1, resize)
    theirs = tf.image.resize(
        tf.constant(scaled, tf.float32),
        size,
        method=resize.removesuffix("-aliased"),
        antialias=not resize.endswith("-aliased"),
    )
    assert found.dtype == tf.float32 and tuple(found.shape) == (3, *size, 1)
    np.testing.assert_allclose(found, np.clip(theirs, -1, 1), atol=1e-6)
    expected = np.clip(resized(scaled, size, WEIGHTS[resize]), -1, 1)
    # TensorFlow's aliased cubic reads its weights off a table of 1024 places.
    np.testing.assert_allclose(found, expected, atol=5e-3 if resize == "bicubic-aliased" else 1e-5)


def test_an_overshoot_is_clipped_to_the_grey_levels():
    edge = np.zeros((1, 10, 12, 1), np.uint8)
    edge[:, :, 6:] = 255
    for resize, row in RESIZES.items():
        unclipped = resized(edge / 127.5 - 1.0, (16, 20), WEIGHTS[resize])
        found = pipeline.preprocess(edge, (0, 255), (16, 20), 1, resize)
        assert (np.abs(unclipped).max() > 1.01) == row.overshoots
        assert np.abs(found).max() <= (1.0 if row.overshoots else 1.0 + 1e-5)


def test_what_is_resized_without_a_word_is_resized_as_it_always_was():
    images = noise(3, 10, 12, 1)
    for size in ((5, 4), (16, 20)):
        scaled = (tf.cast(images, tf.float32) - 0.0) * (2.0 / 255.0) - 1.0
        before = tf.image.resize(scaled, size, method="bilinear", antialias=True)
        np.testing.assert_array_equal(pipeline.preprocess(images, (0.0, 255.0), size, 1), before)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("resize", RESIZES)
def test_images_of_the_models_size_are_left_as_they_are(resize, known):
    images = noise(3, 10, 12, 1).astype(np.float32)
    images[0, 0, 0] = 300.0  # beyond the range, which no resizing has clipped
    spec = tf.TensorSpec((None, 10, 12, 1) if known else (None,) * 4, tf.float32)
    graph = tf.function(
        lambda images: pipeline.preprocess(images, (0, 255), (10, 12), 1, resize),
        input_signature=[spec],
    )
    np.testing.assert_array_equal(
        graph(images), tf.constant(images) * np.float32(2 / 255) - np.float32(1)
    )
    assert graph.get_concrete_function().output_shapes[1:] == (10, 12, 1)


def test_colour_turns_into_luma_where_grey_is_wanted():
    images = noise(3, 10, 12, 3)
    expected = (images @ LUMA)[..., None] / 127.5 - 1.0
    np.testing.assert_allclose(
        pipeline.preprocess(images, (0, 255), (10, 12), 1), expected, atol=1e-5
    )


def test_colour_is_kept_where_colour_is_wanted():
    images = noise(3, 10, 12, 3)
    expected = resized(images / 127.5 - 1.0, (4, 8))
    np.testing.assert_allclose(
        pipeline.preprocess(images, (0, 255), (4, 8), 3), expected, atol=1e-5
    )


def test_grey_is_repeated_where_colour_is_wanted():
    images = noise(3, 10, 12, 1)
    found = pipeline.preprocess(images, (0, 255), (4, 8), 3)
    for channel in range(3):
        np.testing.assert_allclose(
            found[..., channel : channel + 1], resized(images / 127.5 - 1.0, (4, 8)), atol=1e-5
        )


def test_grey_images_stored_as_colour_look_the_same():
    images = noise(3, 10, 12, 1)
    grey = pipeline.preprocess(images, (0, 255), (4, 8), 1)
    colour = pipeline.preprocess(np.repeat(images, 3, axis=-1), (0, 255), (4, 8), 1)
    np.testing.assert_allclose(colour, grey, atol=3e-4)  # the weights of luma sum to 0.9999


@pytest.mark.parametrize("level, expected", [(2.0, -1.0), (3.0, -0.5), (4.0, 0.0), (6.0, 1.0)])
@pytest.mark.parametrize("size", [(4, 4), (10, 12), (32, 40)])
def test_a_constant_image_stays_constant(level, expected, size):
    images = np.full((2, 10, 12, 1), level, np.float32)
    np.testing.assert_allclose(
        pipeline.preprocess(images, (2.0, 6.0), size, 1),
        np.full((2, *size, 1), expected),
        atol=1e-6,
    )


def test_a_pixel_range_of_tiny_grey_levels_keeps_its_precision():
    images = noise(3, 10, 12, 1)
    stored = images.astype(np.float64) * 1e-6
    found = pipeline.preprocess(stored, (0.0, 255e-6), (10, 12), 1)
    np.testing.assert_allclose(found, images / 127.5 - 1.0, atol=1e-6)


@pytest.mark.parametrize("channels_in, channels_out", [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_preprocessing_is_the_same_in_a_graph_that_knows_no_shapes(channels_in, channels_out):
    graph = tf.function(
        lambda images: pipeline.preprocess(images, (0, 255), (4, 8), channels_out),
        input_signature=[tf.TensorSpec((None, None, None, None), tf.float32)],
    )
    images = noise(3, 10, 12, channels_in).astype(np.float32)
    np.testing.assert_allclose(
        graph(images), pipeline.preprocess(images, (0, 255), (4, 8), channels_out), atol=1e-6
    )


@pytest.mark.parametrize("size", [(8, 8), (24, 32)])
def test_preprocessing_doesnt_depend_on_the_parts_which_are_counted_in_bytes(
    size, recording, monkeypatch
):
    config = ModelConfig(image_size=size)
    whole = pipeline.prepare_images(recording.images, recording, config)
    sets = pipeline.prepare(recording, config, 0)
    sizes = []

    def counted(images, *arguments):
        sizes.append(len(images))
        return preprocess(images, *arguments)

    preprocess = pipeline.preprocess
    monkeypatch.setattr(pipeline, "preprocess", counted)
    monkeypatch.setattr(
        blocks, "BYTES", 7 * 4 * max(10 * 12, size[0] * size[1])
    )  # bytes of 7 images as float32, before or after, whichever is larger
    np.testing.assert_array_equal(
        pipeline.prepare_images(recording.images, recording, config), whole
    )
    assert whole.shape == (60, *size, 1) and whole.dtype == np.float32
    assert sum(sizes) >= 60 and 4 <= max(sizes) <= 7
    for part, parts in zip(sets, pipeline.prepare(recording, config, 0), strict=True):
        np.testing.assert_array_equal(part.images, parts.images)


@pytest.mark.parametrize("channels, color", [(1, "grey"), (3, "rgb")])
def test_images_that_keep_their_size_are_those_that_preprocessing_makes(
    channels, color, make_recording
):
    recording = make_recording(channels=channels)
    images = pipeline.prepare(
        recording, ModelConfig(image_size=(12, 12), color=color), 0
    ).train.images
    assert isinstance(images, np.ndarray)
    recording = make_recording(channels=channels, width=12, height=12)
    images = pipeline.prepare(
        recording, ModelConfig(image_size=(12, 12), color=color), 0
    ).train.images
    train, _ = recording.split(0)
    expected = pipeline.preprocess(
        recording.images[train], recording.pixel_range, (12, 12), channels
    ).numpy()
    assert images.shape == expected.shape and len(images) == len(expected)
    for index in (3, slice(5, 9), np.array([7, 2, 2]), -1):
        np.testing.assert_array_equal(images[index], expected[index])
    np.testing.assert_array_equal(np.asarray(images), expected)
    np.testing.assert_array_equal(list(images), expected)


LARGE_IMAGES = """
import resource
import numpy as np
from daenr_tf.runs.quiet import import_tensorflow
import_tensorflow()
from daenr_tf import pipeline
from daenr_tf.config import ModelConfig
from daenr_tf.recordings.recording import Recording

generator = np.random.default_rng(0)
images = generator.integers(0, 256, (40, 2000, 2000), np.uint8)
images.setflags(write=False)
recording = Recording(images=images, responses=np.ones((40, 1)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert pipeline.prepare(recording, ModelConfig(image_size=(8, 8)), 0).train.images.shape == (26, 8, 8, 1)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


def test_large_images_are_resized_a_few_at_a_time(run_python):
    assert (
        int(run_python(LARGE_IMAGES)) < 300e6
    )  # 32 of them would be 512 MB as floats, and preprocessing makes more than one copy


def test_colour_is_refused_for_a_grey_recording(recording):
    with pytest.raises(
        InputError, match="--color: expected a recording in colour for rgb, found .* with 1 channel"
    ):
        pipeline.prepare_images(recording.images, recording, ModelConfig(color="rgb"))


# The three sets


def test_the_sets_hold_the_recordings_own_images_and_responses(recording):
    config = ModelConfig(image_size=(12, 12))
    sets = pipeline.prepare(recording, config, seed=3)
    train, validation = recording.split(3)
    assert len(validation) == 12 and sorted([*train, *validation]) == list(range(60))
    for part, images, responses in (
        (sets.train, recording.images[train], recording.responses[train]),
        (sets.validation, recording.images[validation], recording.responses[validation]),
        (sets.test, recording.test_images, recording.test_trials.mean(axis=0)),
    ):
        np.testing.assert_allclose(part.images, resized(images / 127.5 - 1.0, (12, 12)), atol=1e-5)
        np.testing.assert_allclose(part.responses, responses, rtol=1e-6)


def test_the_test_set_doesnt_depend_on_the_seed(recording):
    first, second = (
        pipeline.prepare(recording, ModelConfig(image_size=(8, 8)), seed) for seed in (0, 1)
    )
    np.testing.assert_array_equal(first.test.images, second.test.images)
    assert not np.array_equal(first.validation.images, second.validation.images)


@pytest.mark.parametrize("seed", range(5))
def test_no_image_stands_in_two_sets(seed):
    generator = np.random.default_rng(seed)
    distinct = noise(20, 8, 8, 1, seed=seed)
    images = distinct[np.concatenate([np.arange(20), generator.integers(0, 20, 40)])]
    repeated = Recording(images=images, responses=generator.gamma(1.0, 1.0, (60, 3)))
    sets = pipeline.prepare(repeated, ModelConfig(image_size=(8, 8)), seed)
    parts = [{image.tobytes() for image in part.images} for part in sets]
    assert all(parts)
    assert len(set.union(*parts)) == sum(map(len, parts)) == 20


# The order of training


def examples(count):
    """Each image's pixels and responses are its number."""
    numbers = np.arange(count, dtype=np.float32)
    return pipeline.Examples(
        np.tile(numbers[:, None, None, None], (1, 2, 2, 1)), np.tile(numbers[:, None], (1, 3))
    )


def take(batches, count):
    """The first batches as a list of (draws, the images' numbers)."""
    taken = []
    for inputs, targets in batches.take(count):
        numbers = inputs["images"].numpy()[:, 0, 0, 0]
        np.testing.assert_array_equal(
            inputs["images"], np.tile(numbers[:, None, None, None], (1, 2, 2, 1))
        )
        for head, target in targets.items():
            expected = (
                inputs["images"] if head == "reconstruction" else np.tile(numbers[:, None], (1, 3))
            )
            np.testing.assert_array_equal(target, expected)
        taken.append((inputs["draws"].numpy(), numbers.astype(int)))
    return taken


def test_every_epoch_is_a_permutation_of_its_own():
    batches = take(pipeline.training_batches(examples(10), ["response"], 4, seed=1), 10)
    assert all(len(numbers) == 4 for _, numbers in batches)
    epochs = np.concatenate([numbers for _, numbers in batches]).reshape(4, 10)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(10), (4, 1)))
    assert len(np.unique(epochs, axis=0)) == 4


def test_the_order_comes_from_the_seed():
    orders = [
        np.concatenate(
            [
                numbers
                for _, numbers in take(
                    pipeline.training_batches(examples(10), ["response"], 5, seed), 4
                )
            ]
        )
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


@pytest.mark.parametrize("count, batch_size", [(10, 4), (10, 5), (3, 8), (1, 2), (7, 7)])
def test_batches_from_a_later_step_are_those_that_would_have_come(count, batch_size):
    whole = take(pipeline.training_batches(examples(count), ["response"], batch_size, seed=5), 9)
    for first_step in (1, 3, 5):
        late = take(
            pipeline.training_batches(examples(count), ["response"], batch_size, 5, first_step),
            9 - first_step,
        )
        for (draws, numbers), (expected_draws, expected_numbers) in zip(
            late, whole[first_step:], strict=True
        ):
            np.testing.assert_array_equal(draws, expected_draws)
            np.testing.assert_array_equal(numbers, expected_numbers)


def test_examples_are_numbered_in_the_order_of_training():
    draws = np.concatenate(
        [
            draws
            for draws, _ in take(pipeline.training_batches(examples(6), ["response"], 4, 0, 2), 3)
        ]
    )
    np.testing.assert_array_equal(draws, np.arange(8, 20))


@pytest.mark.parametrize(
    "heads", [["reconstruction"], ["response"], ["reconstruction", "response"]]
)
def test_targets_are_those_of_the_heads(heads):
    ((_, targets),) = pipeline.training_batches(examples(6), heads, 4, 0).take(1)
    assert list(targets) == heads
    assert len(take(pipeline.training_batches(examples(6), heads, 4, 0), 2)) == 2


# The control that exchanges what the decoder learns to give


@pytest.mark.parametrize("size", [(8, 8), (4, 4)])
def test_exchanged_targets_are_other_training_images_and_nothing_else_changes(size, make_recording):
    recording = make_recording(height=8, width=8, images=40)
    config = ModelConfig("cae_fr", image_size=size)
    sets = pipeline.prepare(recording, config, 3)
    other = pipeline.exchange_targets(sets, 3)
    seen, responses = np.asarray(sets.train.images[:]), np.asarray(sets.train.responses[:])
    (inputs, targets), *_ = pipeline.training_batches(
        other.train, ("reconstruction", "response"), len(seen), 5
    ).take(1)
    (plain, ours), *_ = pipeline.training_batches(
        sets.train, ("reconstruction", "response"), len(seen), 5
    ).take(1)
    np.testing.assert_array_equal(inputs["images"], plain["images"])
    np.testing.assert_array_equal(targets["response"], ours["response"])
    given = targets["reconstruction"].numpy()
    assert (given != inputs["images"].numpy()).any(axis=(1, 2, 3)).mean() > 0.8

    def ordered(images):
        return np.sort(images.reshape(len(images), -1), axis=0)

    np.testing.assert_allclose(ordered(given), ordered(seen), atol=1e-6)  # each of them once
    assert other.validation is sets.validation and other.test is sets.test
    again = pipeline.exchange_targets(sets, 3).train.targets[:]
    np.testing.assert_array_equal(again, other.train.targets[:])
    assert (np.asarray(pipeline.exchange_targets(sets, 4).train.targets[:]) != again).any()
    assert len(responses) == len(seen)
