"""`Recording`: what it refuses, how it normalises, and that identical images never stand on both sides of a split."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from daenr_tf.errors import InputError
from daenr_tf.machine import blocks
from daenr_tf.recordings import checks
from daenr_tf.recordings.load import load_simulated
from daenr_tf.recordings.recording import Recording
from daenr_tf.recordings.splits import choose, image_groups


def arrays(seed=0, images=20, test_images=0, neurons=3, repeats=4, shape=(6, 5), dtype=np.uint8):
    generator = np.random.default_rng(seed)
    fields = {
        "images": generator.integers(0, 200, (images, *shape)).astype(dtype),
        "responses": generator.gamma(2.0, 1.0, (images, neurons)),
    }
    if test_images:
        fields["test_images"] = generator.integers(0, 200, (test_images, *shape)).astype(dtype)
        fields["test_trials"] = generator.gamma(2.0, 1.0, (repeats, test_images, neurons))
    return fields


def changed(array, index, value):
    array = np.array(array)
    array[index] = value
    return array


def keys_of(images):
    return [image.tobytes() for image in images]


# What is normalised


@pytest.mark.parametrize(
    "dtype",
    [
        np.uint8,
        np.int16,
        np.int64,
        np.uint32,
        np.uint64,
        np.float16,
        np.float32,
        np.float64,
        ">f4",
        ">i2",
    ],
)
def test_images_keep_their_values_and_type_and_get_a_channel_axis(dtype):
    fields = arrays(dtype=dtype, test_images=4)
    recording = Recording(**fields)
    assert recording.images.shape == (20, 6, 5, 1)
    assert recording.test_images.shape == (4, 6, 5, 1)
    assert (
        recording.images.dtype == np.dtype(dtype).newbyteorder("=") == recording.test_images.dtype
    )
    np.testing.assert_array_equal(recording.images[..., 0], fields["images"])
    assert (
        recording.responses.dtype
        == recording.test_trials.dtype
        == recording.test_responses.dtype
        == np.float32
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_stay(channels):
    assert Recording(**arrays(shape=(6, 5, channels))).images.shape[1:] == (6, 5, channels)


def test_the_grey_range_is_0_to_255_for_uint8_and_otherwise_that_of_all_images():
    assert Recording(**arrays()).pixel_range == (0.0, 255.0)
    fields = arrays(dtype=np.float64, test_images=4)
    fields["images"] = changed(fields["images"], (3, 2, 1), -7.5)
    fields["test_images"] = changed(fields["test_images"], (1, 0, 0), 900.25)
    assert Recording(**fields).pixel_range == (-7.5, 900.25)
    assert Recording(**fields, pixel_range=(-10, 1000)).pixel_range == (-10.0, 1000.0)
    both = np.random.default_rng(0).random((20, 6, 5)) < 0.5
    assert Recording(**{**arrays(), "images": both}).pixel_range == (0.0, 1.0)


def test_test_responses_are_the_mean_over_the_repeats_that_exist():
    fields = arrays(test_images=4)
    fields["test_trials"][1:, 2, 0] = np.nan
    fields["test_trials"][0, 0, 1] = np.nan
    recording = Recording(**fields)
    np.testing.assert_allclose(
        recording.test_responses, np.nanmean(fields["test_trials"], axis=0), rtol=1e-6
    )
    assert (recording.repeats, recording.neurons) == (4, 3)
    assert (
        Recording(**fields, test_responses=np.nanmean(fields["test_trials"], axis=0)).digest
        == recording.digest
    )


def test_averages_alone_are_a_test_set_without_repeats():
    fields = arrays(test_images=4)
    fields["test_responses"] = fields.pop("test_trials").mean(0)
    recording = Recording(**fields)
    assert recording.repeats is None and recording.test_trials is None and recording.notes == ()
    np.testing.assert_allclose(recording.test_responses, fields["test_responses"], rtol=1e-6)


def test_arrays_are_read_only_and_nothing_follows_the_callers_arrays():
    fields = arrays(test_images=4)
    recording = Recording(**fields)
    digest = recording.digest
    for name in ("images", "responses", "test_images", "test_trials", "test_responses"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(recording, name)[0] = 0
    for array in fields.values():
        array[:] = 1
    assert dataclasses.replace(recording).digest == digest


# What is refused

REFUSED = {
    "a response below 0 among missing ones": (
        lambda f: f.update(
            responses=changed(changed(f["responses"], (7, 2), -1.0), np.s_[:7, 2], np.nan)
        ),
        r"responses.*-1.0 at \[7, 2\]",
    ),
    "an infinite response": (
        lambda f: f.update(responses=changed(f["responses"], (0, 1), np.inf)),
        r"responses.*inf at \[0, 1\]",
    ),
    "a negative response": (
        lambda f: f.update(responses=changed(f["responses"], (5, 0), -0.5)),
        r"responses.*-0.5 at \[5, 0\]",
    ),
    "negative counts": (
        lambda f: f.update(responses=changed(np.ones((20, 3), int), (4, 1), -2)),
        r"responses.*-2 at \[4, 1\]",
    ),
    "a response beyond float32": (
        lambda f: f.update(responses=changed(f["responses"], (1, 1), 1e39)),
        r"responses.*1e\+39 at \[1, 1\]",
    ),
    "a half-precision infinity": (
        lambda f: f.update(responses=changed(f["responses"].astype(np.float16), (1, 1), np.inf)),
        r"responses.*inf at \[1, 1\]",
    ),
    "a pixel that is NaN": (
        lambda f: f.update(images=changed(f["images"].astype(float), (2, 3, 4), np.nan)),
        r": images.*nan at \[2, 3, 4, 0\]",
    ),
    "a half-precision pixel that is infinite": (
        lambda f: f.update(images=changed(f["images"].astype(np.float16), (2, 3, 4), -np.inf)),
        r": images.*-inf at \[2, 3, 4, 0\]",
    ),
    "a pixel beyond float32": (
        lambda f: f.update(images=changed(f["images"].astype(float), (0, 0, 0), 1e300)),
        r": images.*1e\+300",
    ),
    "flat images": (
        lambda f: f.update(images=f["images"].reshape(20, -1)),
        r": images.*\(20, 30\)",
    ),
    "two channels": (
        lambda f: f.update(images=np.stack([f["images"]] * 2, -1)),
        r": images.*\(20, 6, 5, 2\)",
    ),
    "channels first": (
        lambda f: f.update(images=np.stack([f["images"]] * 3, 1)),
        r": images.*\(20, 3, 6, 5\)",
    ),
    "small images": (
        lambda f: f.update(images=f["images"][:, :3]),
        ": images.*at least 4 pixels.*3 x 5",
    ),
    "no images": (
        lambda f: f.update(images=f["images"][:0], responses=f["responses"][:0]),
        ": images",
    ),
    "training images all alike": (
        lambda f: f.update(images=np.full((20, 6, 5), 3, np.uint8)),
        ": images",
    ),
    "complex images": (
        lambda f: f.update(images=f["images"].astype(complex)),
        ": images.*complex128",
    ),
    "text": (lambda f: f.update(images=f["images"].astype(str)), ": images.*<U"),
    "objects": (lambda f: f.update(responses=f["responses"].astype(object)), ": responses.*object"),
    "dates": (
        lambda f: f.update(responses=f["responses"].astype("M8[s]")),
        ": responses.*datetime64",
    ),
    "ragged lists": (lambda f: f.update(responses=[[1.0], [1.0, 2.0]]), ": responses"),
    "masked responses": (
        lambda f: f.update(responses=np.ma.array(f["responses"])),
        ": responses.*masked",
    ),
    "responses transposed": (
        lambda f: f.update(responses=f["responses"].T),
        r": responses.*\(20, any\).*\(3, 20\), which fits with its axes .*: array\.T",
    ),
    "one response short": (
        lambda f: f.update(responses=f["responses"][1:]),
        r": responses.*\(19, 3\)",
    ),
    "responses without a neuron's axis": (
        lambda f: f.update(responses=f["responses"][:, 0]),
        r": responses.*\(20,\)",
    ),
    "no neuron": (lambda f: f.update(responses=f["responses"][:, :0]), ": responses.*at least one"),
    "a wrong pixel range": (lambda f: f.update(pixel_range=(1, 0)), r"pixel_range.*\(1, 0\)"),
    "an endless pixel range": (lambda f: f.update(pixel_range=(0, np.inf)), r"pixel_range.*inf"),
    "three bounds": (lambda f: f.update(pixel_range=(0, 1, 2)), r"pixel_range.*\(0, 1, 2\)"),
    "one bound": (lambda f: f.update(pixel_range=255), "pixel_range.*255"),
    "pixels of 80 bits": (
        lambda f: f.update(images=f["images"].astype(np.longdouble)),
        ": images.*at most 64 bits",
    ),
    "pixels outside of the range": (lambda f: f.update(pixel_range=(0, 100)), "pixel_range"),
    "test images alone": (lambda f: f.pop("test_trials"), "test_images.*neither"),
    "test trials alone": (lambda f: f.pop("test_images"), "test_trials.*no test_images"),
    "test images of another size": (
        lambda f: f.update(test_images=f["test_images"][:, 1:]),
        r"test_images.*\(6, 5, 1\).*\(5, 5, 1\)",
    ),
    "test images of another type": (
        lambda f: f.update(test_images=f["test_images"] / 255),
        "test_images.*uint8.*float64",
    ),
    "one test image": (
        lambda f: f.update(test_images=f["test_images"][[0] * 4]),
        "test_images.*2 distinct.*found 1",
    ),
    "trials of other images": (
        lambda f: f.update(test_trials=f["test_trials"][:, 1:]),
        r"test_trials.*\(4, 3, 3\)",
    ),
    "trials of other neurons": (
        lambda f: f.update(test_trials=f["test_trials"][..., 1:]),
        r"test_trials.*\(4, 4, 2\)",
    ),
    "no trials": (
        lambda f: f.update(test_trials=f["test_trials"][:0]),
        "test_trials.*at least one",
    ),
    "an average of trials that are all missing": (
        lambda f: f.update(
            test_responses=f["test_trials"].mean(0),
            test_trials=changed(f["test_trials"], np.s_[:, 2, 1], np.nan),
        ),
        r"test_responses.*\[2, 1\]",
    ),
    "an infinite trial": (
        lambda f: f.update(test_trials=changed(f["test_trials"], (3, 2, 1), np.inf)),
        r"test_trials.*inf at \[3, 2, 1\]",
    ),
    "a negative trial": (
        lambda f: f.update(test_trials=changed(f["test_trials"], (0, 0, 0), -1)),
        r"test_trials.*\[0, 0, 0\]",
    ),
    "averages that are not the trials'": (
        lambda f: f.update(test_responses=changed(f["test_trials"].mean(0), (1, 2), 9.0)),
        r"test_responses.*9.0 at \[1, 2\]",
    ),
    "averages that are all missing": (
        lambda f: f.update(test_trials=None, test_responses=np.full((4, 3), np.nan)),
        "test_responses.*not all are missing, found NaN alone",
    ),
    "true test rates of other neurons": (
        lambda f: f.update(truth={"test_rates": np.ones((4, 2))}),
        r"truth\['test_rates'\].*\(4, 3\).*\(4, 2\)",
    ),
    "true rates of other images": (
        lambda f: f.update(truth={"rates": np.ones((19, 3))}),
        r"truth\['rates'\].*\(20, 3\).*\(19, 3\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_one_line_that_names_what_was_expected_and_found(case):
    spoil, pattern = REFUSED[case]
    fields = arrays(test_images=4)
    spoil(fields)
    with pytest.raises(InputError, match=pattern) as caught:
        Recording(**fields, source="mine.npz")
    message = str(caught.value)
    assert (
        message.startswith("mine.npz: ")
        and "expected" in message
        and "found" in message
        and message.isprintable()
    )


@pytest.mark.parametrize("scale, offset", [(1e-3, 1e9), (1e-45, 0.0), (2e36, 0.0)])
def test_refuses_grey_levels_that_float32_can_not_tell_apart(scale, offset):
    fields = arrays(test_images=4)
    for key in ("images", "test_images"):
        fields[key] = offset + scale * (fields[key] - 100.0) * 1.7
    with pytest.raises(InputError, match=": images.*float32 can tell apart"):
        Recording(**fields)


def test_a_line_break_in_a_name_does_not_break_the_line():
    with pytest.raises(InputError) as caught:
        Recording(**{**arrays(), "responses": -np.ones((20, 3))}, source="evil\nname \udcff")
    assert (
        str(caught.value).startswith("evil\\nname \\udcff: responses")
        and str(caught.value).isprintable()
    )


@pytest.mark.parametrize("distinct", [1, 2, 3])
def test_refuses_too_few_distinct_images_to_hold_a_test_set_out(distinct):
    fields = arrays()
    with pytest.raises(InputError, match=f"at least 4 distinct.*found {distinct}"):
        Recording(images=fields["images"][np.arange(20) % distinct], responses=fields["responses"])


# The test set


def test_a_fixed_fifth_is_held_out_without_a_test_set():
    fields = arrays(images=50)
    rates = np.arange(150.0).reshape(50, 3)
    recording = Recording(**fields, truth={"rates": rates})
    assert (
        len(recording.test_images) == len(recording.test_responses) == 10
        and len(recording.images) == len(recording.responses) == 40
    )
    assert recording.test_trials is None
    (note,) = recording.notes
    assert "10 of its 50 images" in note
    for images, responses, true in [
        (recording.images, recording.responses, recording.truth["rates"]),
        (recording.test_images, recording.test_responses, recording.truth["test_rates"]),
    ]:
        rows = [keys_of(fields["images"]).index(key) for key in keys_of(images)]
        np.testing.assert_array_equal(responses, fields["responses"][rows].astype(np.float32))
        np.testing.assert_array_equal(true, rates[rows])
    other = Recording(**arrays(seed=1, images=50))
    where = [keys_of(fields["images"]).index(key) for key in keys_of(recording.test_images)]
    np.testing.assert_array_equal(
        other.test_images[..., 0], arrays(seed=1, images=50)["images"][where]
    )


def test_the_held_out_images_are_the_same_on_every_machine_and_numpy():
    images = np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((4, 4), np.uint8)
    recording = Recording(images=images, responses=np.ones((20, 1)))
    assert recording.test_images[:, 0, 0, 0].tolist() == [6, 7, 11, 16]


@pytest.mark.parametrize("images, held_out", [(4, 2), (5, 2), (12, 2), (13, 3), (101, 20)])
def test_the_hold_out_has_a_fifth_and_at_least_two(images, held_out):
    assert len(Recording(**arrays(images=images)).test_images) == held_out


def test_training_images_that_are_also_test_images_are_left_out_and_noted():
    fields = arrays(test_images=4)
    fields["images"][[2, 9, 11]] = fields["test_images"][[0, 0, 3]]
    rates = np.arange(60.0).reshape(20, 3)
    recording = Recording(**fields, truth={"rates": rates})
    kept = np.setdiff1d(np.arange(20), [2, 9, 11])
    np.testing.assert_array_equal(recording.images[..., 0], fields["images"][kept])
    np.testing.assert_array_equal(recording.responses, fields["responses"][kept].astype(np.float32))
    np.testing.assert_array_equal(recording.truth["rates"], rates[kept])
    (note,) = recording.notes
    assert note.startswith("3 of 20 training images")
    assert dataclasses.replace(recording).notes == recording.notes


def test_refuses_where_no_training_images_remain():
    fields = arrays(test_images=4)
    fields["images"] = fields["test_images"][np.arange(20) % 4]
    with pytest.raises(InputError, match="2 distinct training images.*found 0"):
        Recording(**fields)


# Repeats


def shown(presentations):
    """Three neurons' answers to stimuli shown so often, in a random order; with them the number of each one's stimulus."""
    which = np.random.default_rng(3).permutation(
        np.repeat(np.arange(len(presentations)), presentations)
    )
    fields = arrays(images=len(presentations))
    return {
        "images": fields["images"][which],
        "responses": np.random.default_rng(4).gamma(2.0, 1.0, (len(which), 3)),
    }, which


def test_stimuli_shown_several_times_become_the_test_set_if_asked():
    fields, which = shown([1, 3, 1, 2, 1, 1, 5, 1])
    rates = np.arange(3.0 * len(which)).reshape(-1, 3)
    recording = Recording(**fields, truth={"rates": rates}, repeats_as_test=True)
    assert recording.images.shape == (5, 6, 5, 1) and recording.test_trials.shape == (5, 3, 3)
    single = np.isin(which, [0, 2, 4, 5, 7])
    np.testing.assert_array_equal(recording.images[..., 0], fields["images"][single])
    np.testing.assert_array_equal(
        recording.responses, fields["responses"][single].astype(np.float32)
    )
    np.testing.assert_array_equal(recording.truth["rates"], rates[single])
    tested = sorted([1, 3, 6], key=which.tolist().index)
    for number, stimulus in enumerate(tested):
        rows = np.flatnonzero(which == stimulus)
        answers = fields["responses"][rows].astype(np.float32)
        np.testing.assert_array_equal(
            recording.test_images[number, ..., 0], fields["images"][rows[0]]
        )
        np.testing.assert_array_equal(recording.test_trials[: len(rows), number], answers)
        assert np.isnan(recording.test_trials[len(rows) :, number]).all()
        np.testing.assert_allclose(recording.test_responses[number], answers.mean(0), rtol=1e-6)
        np.testing.assert_array_equal(recording.truth["test_rates"][number], rates[rows[0]])
    assert recording.repeats_range == (2, 5) and "2 to 5 repeats" in repr(recording)
    (note,) = recording.notes
    assert (
        note.startswith(
            "The 3 stimuli that were shown several times are the test set, their 2 to 5 presentations"
        )
        and "5 that" in note
    )
    fewer = recording.with_neurons([0])
    np.testing.assert_array_equal(fewer.test_trials, recording.test_trials[..., :1])
    assert (
        fewer.notes == recording.notes
        and dataclasses.replace(recording).digest == recording.digest != Recording(**fields).digest
    )


def test_without_being_asked_repeats_are_no_trials():
    assert Recording(**shown([1, 3, 1, 2, 1, 1, 5, 1])[0]).test_trials is None


@pytest.mark.parametrize(
    "presentations, words",
    [
        ([1, 1, 1, 1, 1], "at least 2 stimuli shown several times.*found 0"),
        ([9, 1, 1, 1], "at least 2 stimuli shown several times.*found 1"),
        ([2, 2, 2, 2], "at least 2 stimuli shown once.*found 0"),
        ([2, 2, 2, 1], "at least 2 stimuli shown once.*found 1"),
    ],
)
def test_repeats_that_make_no_test_set_are_refused(presentations, words):
    with pytest.raises(InputError, match=f"^mine.npz: images: expected {words}"):
        Recording(**shown(presentations)[0], source="mine.npz", repeats_as_test=True)


def test_a_test_set_of_its_own_and_repeats_as_one_are_refused():
    with pytest.raises(
        InputError,
        match="^mine.npz: test_images: expected none with --repeats-as-test, found 4 of them$",
    ):
        Recording(**arrays(test_images=4), source="mine.npz", repeats_as_test=True)


def test_repeats_are_counted_where_they_are_known():
    fields = arrays(test_images=4)
    whole = Recording(**fields)
    assert (whole.repeats, whole.repeats_range, whole.repeats_text) == (4, (4, 4), "4") and repr(
        whole
    ).endswith("4 repeats>")
    fields["test_trials"][1:, 2, 0] = np.nan
    varied = Recording(**fields)
    assert (varied.repeats, varied.repeats_range, varied.repeats_text) == (
        4,
        (1, 4),
        "1 to 4",
    ) and repr(varied).endswith("1 to 4 repeats>")
    fields["test_trials"][3] = np.nan
    assert Recording(**fields).repeats_text == "1 to 3"
    averages = Recording(**arrays())
    assert (averages.repeats, averages.repeats_range, averages.repeats_text) == (
        None,
        None,
        None,
    ) and repr(averages).endswith("no repeats>")


# What a model sees of them


@pytest.mark.parametrize(
    "shape, size, channels, sentences",
    [
        ((6, 8), (6, 8), 1, []),
        ((6, 8, 3), (6, 8), 3, []),
        ((6, 8, 3), (6, 8), 1, ["colour images are turned to grey (--color rgb keeps it)"]),
        (
            (6, 8),
            (12, 16),
            1,
            ["images of 6x8 are resized to 12x16 (--image-size takes another size)"],
        ),
        (
            (8, 8, 3),
            (4, 8),
            1,
            [
                "colour images are turned to grey (--color rgb keeps it)",
                "images of 8x8 are resized to 4x8, which changes their proportions (--image-size takes another size)",
            ],
        ),
    ],
)
def test_what_a_model_does_not_see_of_the_images_is_told(shape, size, channels, sentences):
    assert checks.changes(Recording(**arrays(shape=shape)), size, channels) == sentences


# Splits


def test_a_split_depends_on_the_seed_alone_and_covers_every_image_once():
    recording = Recording(**arrays(images=50, test_images=4))
    train, validation = recording.split(3)
    assert train.dtype == validation.dtype == np.int64
    assert len(validation) == 10 and (np.diff(train) > 0).all() and (np.diff(validation) > 0).all()
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(50))
    again = Recording(**arrays(seed=9, images=50, test_images=4)).split(3)
    np.testing.assert_array_equal(again[1], validation)
    assert len({recording.split(seed)[1].tobytes() for seed in range(20)}) == 20
    assert len(recording.split(0, fraction=0.001)[1]) == 1
    assert len(recording.split(0, fraction=0.999)[0]) == 1


def test_the_validation_images_are_the_same_on_every_machine_and_numpy():
    assert Recording(**arrays(test_images=4)).split(0)[1].tolist() == [2, 3, 11, 13]


def test_two_distinct_images_still_split():
    fields = arrays(test_images=4)
    fields["images"] = fields["images"][np.arange(20) % 2]
    train, validation = Recording(**fields).split(0)
    assert len(train) == len(validation) == 10


@pytest.mark.parametrize("seed", range(25))
def test_identical_images_never_stand_on_both_sides(seed):
    generator = np.random.default_rng(seed)
    distinct = int(generator.integers(4, 40))
    count = int(generator.integers(distinct, 4 * distinct))
    which = np.concatenate([np.arange(distinct), generator.integers(0, distinct, count - distinct)])
    pictures = generator.integers(0, 256, (distinct, 4, 4), np.uint8)
    recording = Recording(images=pictures[which], responses=np.ones((count, 1)))
    assert not set(keys_of(recording.images)) & set(keys_of(recording.test_images))
    train, validation = recording.split(seed)
    assert len(train) and len(validation)
    assert not set(keys_of(recording.images[train])) & set(keys_of(recording.images[validation]))


def test_negative_zero_is_the_same_pixel_as_zero():
    images = np.ones((3, 4, 4))
    images[0, 0, 0], images[1, 0, 0] = 0.0, -0.0
    assert image_groups(images)[0].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "sizes, count, reached",
    [
        ([3, 3, 2, 2], 4, 4),
        ([5, 1, 1], 1, 1),
        ([10] * 10, 20, 20),
        ([10] * 10, 14, 10),
        ([10] * 10, 16, 20),
        ([3, 3], 1, 3),
        ([7, 1], 8, 7),
    ],
)
def test_whole_groups_come_as_near_to_the_count_as_they_can(sizes, count, reached):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    for seed in range(5):
        assert choose(groups, count, seed).sum() == reached


# Neurons and digest


def test_with_neurons_keeps_everything_else():
    truth = {
        "center": np.arange(6.0).reshape(3, 2),
        "complex": np.array([True, False, True]),
        "rates": np.arange(60.0).reshape(20, 3),
        "test_rates": np.arange(12.0).reshape(4, 3),
    }
    recording = Recording(**arrays(test_images=4), truth=truth, name="mine", simulated=True)
    for indices in ([2, 0], np.array([False, True, True])):
        fewer = recording.with_neurons(indices)
        assert (fewer.name, fewer.simulated, fewer.pixel_range, fewer.neurons) == (
            "mine",
            True,
            recording.pixel_range,
            2,
        )
        np.testing.assert_array_equal(fewer.images, recording.images)
        np.testing.assert_array_equal(fewer.responses, recording.responses[:, indices])
        np.testing.assert_array_equal(fewer.test_trials, recording.test_trials[:, :, indices])
        np.testing.assert_allclose(fewer.test_responses, recording.test_responses[:, indices])
        for key in ("center", "complex"):
            np.testing.assert_array_equal(fewer.truth[key], truth[key][indices])
        for key in ("rates", "test_rates"):
            np.testing.assert_array_equal(fewer.truth[key], truth[key][:, indices])
    held_out = Recording(**arrays())
    np.testing.assert_array_equal(
        held_out.with_neurons([1]).test_responses, held_out.test_responses[:, [1]]
    )
    assert held_out.with_neurons([1]).notes == held_out.notes
    with pytest.raises(InputError, match="responses.*at least one"):
        held_out.with_neurons([])


def test_the_digest_changes_with_everything_that_a_fit_depends_on_and_with_nothing_else():
    fields = arrays(test_images=4)
    digest = Recording(**fields).digest
    assert (
        len(digest) == 64
        and Recording(**fields, name="other", source="elsewhere", simulated=True).digest == digest
    )
    others = [
        {"images": changed(fields["images"], (0, 0, 0), 255)},
        {"responses": changed(fields["responses"], (0, 0), 99.0)},
        {"test_images": changed(fields["test_images"], (0, 0, 0), 255)},
        {"test_trials": changed(fields["test_trials"], (0, 0, 0), 99.0)},
        {"pixel_range": (0, 300)},
        {"images": fields["images"].astype(int), "test_images": fields["test_images"].astype(int)},
        {"test_trials": None, "test_responses": fields["test_trials"].mean(0)},
    ]
    assert len({digest, *(Recording(**{**fields, **other}).digest for other in others)}) == 1 + len(
        others
    )


def test_the_digest_does_not_depend_on_byte_order_and_layout():
    fields = arrays(test_images=4, dtype="<i2")
    swapped = {
        key: np.asfortranarray(value.astype(value.dtype.newbyteorder(">")))
        for key, value in fields.items()
    }
    strided = {key: np.repeat(value, 2, axis=-1)[..., ::2] for key, value in fields.items()}
    assert Recording(**swapped).digest == Recording(**strided).digest == Recording(**fields).digest


# Memory


@pytest.mark.parametrize("block", [8, 48, 64, 1000])
def test_checks_find_the_same_place_however_large_the_parts_they_look_at(block, monkeypatch):
    monkeypatch.setattr(blocks, "BYTES", block)
    for case in (
        "a response below 0 among missing ones",
        "negative counts",
        "a pixel that is NaN",
        "an infinite trial",
        "an average of trials that are all missing",
    ):
        spoil, pattern = REFUSED[case]
        fields = arrays(test_images=4)
        spoil(fields)
        with pytest.raises(InputError, match=pattern):
            Recording(**fields)


def test_the_mean_over_repeats_does_not_depend_on_the_parts_it_is_taken_in(monkeypatch):
    fields = arrays(test_images=13, repeats=9, neurons=1)
    fields["test_trials"][1:, 2, 0] = np.nan
    whole = Recording(**fields)
    monkeypatch.setattr(blocks, "BYTES", 3 * 9 * 4)
    assert Recording(**fields).digest == whole.digest
    np.testing.assert_array_equal(Recording(**fields).test_responses, whole.test_responses)


@pytest.mark.parametrize("dtype, most", [(np.float64, 2.2), (np.float32, 1.2)])
def test_a_recording_is_made_without_large_arrays_beside_its_own(dtype, most, monkeypatch):
    monkeypatch.setattr(blocks, "BYTES", 1 << 18)
    images = np.random.default_rng(0).integers(0, 256, (4000, 4, 4), np.uint8)
    responses = np.random.default_rng(1).random((4000, 1000)).astype(dtype)
    responses.setflags(write=False)
    tracemalloc.start()
    try:
        recording = Recording(images=images, responses=responses)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most * (
        recording.responses.nbytes + recording.test_responses.nbytes
    )  # once more where they are not float32 already


def test_read_only_float32_responses_are_not_copied():
    fields = arrays(test_images=4)
    responses = fields["responses"].astype(np.float32)
    assert not np.shares_memory(
        Recording(**{**fields, "responses": responses}).responses, responses
    )
    responses.setflags(write=False)
    assert np.shares_memory(Recording(**{**fields, "responses": responses}).responses, responses)


def test_a_hint_at_other_axes_costs_nothing_where_there_can_be_none():
    """Eleven axes have 39,916,800 orders."""
    with pytest.raises(InputError, match="the shape"):
        checks.rates("responses", np.zeros((1,) * 11), (5, None), "(images, neurons)")


def test_some_training_images_keep_their_responses_and_rates():
    whole = load_simulated(3)
    part = whole.with_images([3, 5, 8])
    np.testing.assert_array_equal(part.images, whole.images[[3, 5, 8]])
    np.testing.assert_array_equal(part.responses, whole.responses[[3, 5, 8]])
    np.testing.assert_array_equal(part.truth["rates"], whole.truth["rates"][[3, 5, 8]])
    np.testing.assert_array_equal(part.test_trials, whole.test_trials)
    assert part.simulated and part.name == whole.name and part.digest != whole.digest
