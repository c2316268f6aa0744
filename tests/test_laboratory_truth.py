"""The tools that hold a fitted model against the truth."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from refusal import refused

from daenr_tf.laboratory.settings import Settings
from daenr_tf.laboratory.subject import Subject
from daenr_tf.recordings.simulated import regions
from daenr_tf.recordings.simulated.gabors import Gabors
from daenr_tf.tools import laboratory_truth, planted
from daenr_tf.tools.planted import Planted, TrueNeurons

ANGLES = np.array([10.0, 55.0, 100.0, 170.0])


@pytest.fixture(scope="module")
def true():
    return TrueNeurons(3)


def test_the_true_neurons_have_the_rates_that_were_planted(true):
    recording = regions.simulate(3)
    images = recording.test_images.astype(np.float32) / 127.5 - 1
    found, rates = true.respond(tf.constant(images)).numpy(), recording.truth["test_rates"]
    for neuron in range(recording.neurons):
        assert np.corrcoef(found[:, neuron], rates[:, neuron])[0, 1] > 0.99999


def test_gradients_of_the_true_neurons_are_those_of_their_rates(true):
    image = regions.fresh_images(3, 1, 0)
    image = np.clip(image, 10, 245)
    neuron = 5
    with tf.GradientTape() as tape:
        given = tf.constant(image[..., None].astype(np.float32) / 127.5 - 1)
        tape.watch(given)
        response = true.respond(given)[0, neuron]
    gradient = tape.gradient(response, given).numpy()[0, ..., 0]
    tuning, known = regions.true_tuning(3)
    row, column = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    changed = np.repeat(image, 2, axis=0)
    changed[0, row, column] += 3
    changed[1, row, column] -= 3
    up, down = tuning(changed)[:, neuron] / known[:, neuron].mean()
    assert gradient[row, column] == pytest.approx((up - down) / (6 / 127.5), rel=0.02)


class Planar:
    """A twin of four neurons that are Gabors, in TensorFlow."""

    image_shape, pixel_range, resize, neurons = (31, 31, 1), (0.0, 255.0), None, 4

    def __init__(self, cell):
        self.cell = cell
        self.filters = [tf.constant(one.T / 2**16, tf.float32) for one in fields(cell).filters()]

    def respond(self, images):
        first, second = (tf.reshape(images, (-1, 961)) @ one for one in self.filters)
        return tf.sqrt(first**2 + second**2 + 1e-6) if self.cell else tf.nn.softplus(first)


def fields(cell):
    return Gabors(
        center=np.full((4, 2), 15.0),
        orientation=np.deg2rad(ANGLES),
        spatial_frequency=np.full(4, 0.12),
        phase=np.linspace(0, 3, 4),
        size=np.full(4, 3.0),
        complex=np.full(4, cell),
    )


@pytest.mark.parametrize("cell", [False, True])
@pytest.mark.parametrize("name", laboratory_truth.WAYS)
def test_every_way_finds_the_orientation_of_a_gabor(cell, name):
    if cell and "gradient" in name:
        pytest.skip("of a complex cell the mean gradient vanishes")
    found = laboratory_truth.WAYS[name](Subject(Planar(cell)), Settings())
    assert laboratory_truth.orientation_distance(found, ANGLES).max() < 8


def test_orientations_are_as_far_apart_as_lines_are():
    found = laboratory_truth.orientation_distance(
        np.array([0.0, 179.0, 10.0, 90.0]), [170.0, 1, 100, 0]
    )
    np.testing.assert_allclose(found, [10, 2, 90, 90])


@pytest.mark.parametrize("simulated", [True, False])
def test_neurons_count_above_half_of_their_ceiling(tmp_path, monkeypatch, simulated):
    told = {"dataset": {"simulated": simulated}, "config": {"region": 3}}
    monkeypatch.setattr(planted, "read_results", lambda path, run_dir: told)
    monkeypatch.setattr(planted, "recording_of", lambda path: "the recording")
    table = pd.DataFrame({"neuron": range(3), "pcc": [0.5, 0.2, 0.1], "noise_ceiling": 0.3})
    table.to_csv(tmp_path / "neurons.csv", index=False)
    if simulated:
        known = Planted.of(str(tmp_path))
        assert known.region == 3 and known.chosen.tolist() == [0, 1]
    else:
        with refused("expected a run on the simulated recording, found another"):
            Planted.of(str(tmp_path))


def test_the_peak_of_a_mask_is_told_in_pixels():
    masks = np.zeros((2, 16, 16))
    masks[0, 3, 10], masks[1, 8, 2] = -0.7, 0.4
    np.testing.assert_allclose(
        laboratory_truth.of_masks(masks, (32, 32)), [[6.5, 20.5], [16.5, 4.5]], atol=0.51
    )
