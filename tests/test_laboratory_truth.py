"""The tools that hold a fitted model against the truth."""

import numpy as np
import pytest

from daenr_tf.laboratory.settings import Settings
from daenr_tf.recordings.simulated.gabors import Gabors
from daenr_tf.recordings.simulated.regions import simulate
from daenr_tf.tools import laboratory_truth


def test_neurons_that_are_made_again_of_the_truth_have_the_rates_that_were_planted():
    recording = simulate(3)
    tuned = laboratory_truth.true_tuning(recording)(recording.test_images[..., 0])
    rates = recording.truth["test_rates"]
    for neuron in range(recording.neurons):
        assert np.corrcoef(tuned[:, neuron], rates[:, neuron])[0, 1] > 0.999999


@pytest.mark.parametrize("cell", [False, True])
def test_the_orientation_of_a_gabor_is_found_with_gratings(cell):
    angles = np.deg2rad([10.0, 55.0, 100.0, 170.0])
    fields = Gabors(
        center=np.full((4, 2), 15.0),
        orientation=angles,
        spatial_frequency=np.full(4, 0.12),
        phase=np.linspace(0, 3, 4),
        size=np.full(4, 3.0),
        complex=np.full(4, cell),
    )

    def respond(images):
        first, second = fields.drives(images[..., 0])
        return np.hypot(first, second) if cell else np.maximum(first, 0)

    table = laboratory_truth.of_gratings(respond, (31, 31), Settings())
    apart = laboratory_truth.orientation_distance(
        table["preferred_orientation"], np.rad2deg(angles)
    )
    assert apart.max() < 4
    assert np.all((table["f1_f0"] > 1) != cell)


def test_orientations_are_as_far_apart_as_lines_are():
    found = laboratory_truth.orientation_distance(
        np.array([0.0, 179.0, 10.0, 90.0]), [170.0, 1, 100, 0]
    )
    np.testing.assert_allclose(found, [10, 2, 90, 90])
