"""Several recordings that are trained on together: what is tested, validated and trained on in each."""

import json

import numpy as np
import pytest
from refusal import refused

from daenr_tf.config import RunConfig, resolve
from daenr_tf.errors import SettingError
from daenr_tf.recordings.load import load_recording, recording_of
from daenr_tf.recordings.recording import Recording
from daenr_tf.recordings.several import Recordings, of_each

SEEDS = range(5)


def stimuli(count, seed, size=(6, 8)):
    return np.random.default_rng(seed).integers(0, 256, (count, *size), np.uint8)


def shown(images, name, neurons=3, seed=0, test_images=None):
    """A recording of these images."""
    rng = np.random.default_rng(seed)
    fields = {}
    if test_images is not None:
        fields["test_images"] = test_images
        fields["test_responses"] = rng.gamma(1.0, 1.0, (len(test_images), neurons))
    responses = rng.gamma(1.0, 1.0, (len(images), neurons))
    return Recording(images=images, responses=responses, name=name, **fields)


def keys(images):
    """The images as a set."""
    return {image.tobytes() for image in images}


def sides(recordings, seed):
    """Of each recording the sets of the images that are trained on, validated on and tested on."""
    found = []
    for one in recordings:
        train, validation = one.split(seed)
        stacks = (one.images[train], one.images[validation], one.test_images)
        found.append([keys(stack) for stack in stacks])
    return found


def assert_no_image_on_two_sides(recordings):
    for seed in SEEDS:
        train, validation, test = (
            set().union(*sets) for sets in zip(*sides(recordings, seed), strict=True)
        )
        assert train and validation and test
        assert not (train & validation or train & test or validation & test)


class TestSplits:
    def test_recordings_of_different_images_are_split_as_alone(self):
        alone = [
            shown(stimuli(30, 1), "a", test_images=stimuli(6, 2)),
            shown(stimuli(40, 3), "b", seed=1),
        ]
        together = Recordings(alone)
        assert not [note for note in together.notes if "another recording" in note]
        for one, own in zip(together, alone, strict=True):
            assert one.digest == own.digest
            for seed in SEEDS:
                for mine, its in zip(one.split(seed), own.split(seed), strict=True):
                    assert np.array_equal(mine, its)

    def test_a_test_image_of_one_is_not_trained_on_in_another(self):
        test = stimuli(6, 2)
        others = np.concatenate([stimuli(30, 3), test[:4]])
        together = Recordings(
            [
                shown(stimuli(30, 1), "a", test_images=test),
                shown(others, "b", test_images=stimuli(5, 4)),
            ]
        )
        assert_no_image_on_two_sides(together)
        assert len(together["b"].images) == 30
        assert [note for note in together.notes if note.startswith("b: 4 of 34 training images")]

    def test_the_same_stimuli_in_another_order_are_on_the_same_sides(self):
        images = stimuli(60, 1)
        order = np.random.default_rng(0).permutation(60)
        together = Recordings([shown(images, "a"), shown(images[order], "b", seed=1)])
        assert_no_image_on_two_sides(together)
        for a, b in zip(*sides(together, 0), strict=True):
            assert a == b  # nothing was left out, and every image is used in both
        assert [note for note in together.notes if note.startswith("b:") and "changed" in note]

    def test_responses_move_with_their_images_into_a_test_set_that_is_agreed_on(self):
        images, order = stimuli(60, 1), np.random.default_rng(0).permutation(60)
        a, b = shown(images, "a"), shown(images[order], "b", seed=1)
        own = np.random.default_rng(1).gamma(1.0, 1.0, (60, 3)).astype(np.float32)
        answers = {image.tobytes(): row for image, row in zip(images[order], own, strict=True)}
        b = Recordings([a, b])["b"]
        for stack, responses in ((b.images, b.responses), (b.test_images, b.test_responses)):
            for image, row in zip(stack, responses, strict=True):
                assert np.array_equal(answers[image.tobytes()], row)

    @pytest.mark.parametrize("overlap", [1, 10, 30])
    def test_some_images_in_common(self, overlap):
        first = stimuli(40, 1)
        second = np.concatenate([stimuli(20, 2), first[:overlap]])
        third = np.concatenate([second[10:], stimuli(20, 3), stimuli(3, 4)])
        together = Recordings(
            [
                shown(first, "a", test_images=stimuli(5, 4)),
                shown(second, "b", seed=1),
                shown(third, "c", seed=2),
            ]
        )
        assert_no_image_on_two_sides(together)

    def test_images_of_other_sizes_with_the_same_bytes_are_others(self):
        blank = np.zeros((1, 6, 8), np.uint8)
        a = shown(np.concatenate([stimuli(20, 1), blank]), "a", test_images=stimuli(5, 4))
        test = np.concatenate([blank.reshape(1, 8, 6), stimuli(5, 5, (8, 6))])
        b = shown(stimuli(20, 2, (8, 6)), "b", test_images=test)
        assert len(Recordings([a, b])["a"].images) == 21

    def test_what_others_show_is_a_part_of_the_digest(self):
        images = stimuli(60, 1)
        alone = shown(images[::-1], "b", test_images=stimuli(5, 4), seed=1)
        a = shown(images, "a", test_images=stimuli(5, 5))
        assert Recordings([a, alone])["b"].digest != alone.digest

    def test_a_split_that_leaves_one_without_validation_images_is_refused(self):
        images = stimuli(40, 1)
        a = shown(images, "a", test_images=stimuli(5, 2))
        train, _ = a.split(0)
        b = shown(images[train[:5]], "b", test_images=stimuli(5, 3), seed=1)
        with refused("--seed", "b to validate on"):
            Recordings([a, b]).check_split(0)

    def test_one_whose_images_all_are_test_images_of_another_is_refused(self):
        test = stimuli(20, 2)
        a = shown(stimuli(20, 1), "a", test_images=test)
        with refused("b", "no test images of another recording"):
            Recordings([a, shown(test, "b", test_images=stimuli(5, 3), seed=1)])


class TestMembers:
    def test_counts_and_names(self):
        together = Recordings([shown(stimuli(20, 1), "a", 3), shown(stimuli(20, 2), "b", 5)])
        assert together.neurons_of == {"a": 3, "b": 5}
        assert (together.neurons, together.widest, len(together)) == (8, 5, 2)
        assert (together.name, together.pixel_range) == ("a+b", (0.0, 255.0))
        with refused("recording", "a, b", "c"):
            together["c"]

    def test_a_long_list_has_a_short_name(self):
        many = [shown(stimuli(20, seed), f"recording-{seed}", seed=seed) for seed in range(9)]
        assert len(Recordings(many).name) < 60 and Recordings(many).name.startswith("recording-0+8")

    def test_one_name_twice_is_refused(self):
        with refused("different names", "a"):
            Recordings([shown(stimuli(20, 1), "a"), shown(stimuli(20, 2), "a")])

    def test_the_same_data_under_another_name_is_refused(self):
        with refused("the very images and responses"):
            Recordings([shown(stimuli(20, 1), "a"), shown(stimuli(20, 1), "b")])

    def test_one_alone_is_refused(self):
        with refused("two at least"):
            Recordings([shown(stimuli(20, 1), "a")])

    def test_a_sentence_is_told_once_with_the_names_it_is_true_of(self):
        three = Recordings([shown(stimuli(20, n), name, seed=n) for n, name in enumerate("abc")])
        told = {"a": ["x", "y"], "b": ["x"], "c": ["x", "y"]}
        assert of_each(three, lambda one: told[one.name]) == ["every recording: x", "a, c: y"]


class TestConfig:
    def test_goes_to_json_and_back(self, tmp_path):
        config = RunConfig(dataset=("a.npz", "b.npz"))
        settings = json.loads(json.dumps(config.to_dict()))
        assert settings["dataset"] == ["a.npz", "b.npz"] and RunConfig.from_dict(settings) == config
        (tmp_path / "config.json").write_text(json.dumps(settings))
        assert resolve("cae_fr", {}, str(tmp_path / "config.json")) == config

    def test_a_list_of_one_is_one_recording(self):
        assert RunConfig(dataset=["a.npz"]) == RunConfig(dataset="a.npz")
        assert "recording" not in RunConfig(dataset="a.npz").to_dict()

    @pytest.mark.parametrize(
        ("settings", "words"),
        {
            "a source among them": ({"dataset": ["a.npz", "simulated"]}, ("dataset", "simulated")),
            "a file twice": ({"dataset": ["a.npz", "./a.npz"]}, ("dataset", "twice")),
            "no name": ({"dataset": ["a.npz", ""]}, ("dataset",)),
            "none": ({"dataset": []}, ("dataset",)),
            "a fold": ({"dataset": ["a.npz", "b.npz"], "fold": "1/5"}, ("fold", "several")),
            "one of one": ({"dataset": "a.npz", "recording": "a"}, ("recording",)),
        }.values(),
    )
    def test_what_can_not_be_used_is_refused(self, settings, words):
        with refused(*words, kind=SettingError):
            RunConfig(**settings)


class TestLoading:
    def test_one_of_several_by_name(self, tmp_path):
        for name, seed in (("a", 1), ("b", 2)):
            responses = np.random.default_rng(seed).gamma(1.0, 1.0, (20, 3))
            np.savez(tmp_path / f"{name}.npz", images=stimuli(20, seed), responses=responses)
        paths = (str(tmp_path / "a.npz"), str(tmp_path / "b.npz"))
        every = recording_of(RunConfig(dataset=paths))
        one = recording_of(RunConfig(dataset=paths, recording="b"))
        assert [two.name for two in every] == ["a", "b"] and one.digest == every["b"].digest
        with refused("one recording", "2 of them"):
            load_recording(paths)
        with refused("nowhere.npz"):
            recording_of(RunConfig(dataset=(paths[0], "nowhere.npz")))
