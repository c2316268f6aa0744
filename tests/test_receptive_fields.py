import functools
import tracemalloc

import numpy as np
import pytest

from daenr_tf.machine import blocks
from daenr_tf.metrics import noise_ceiling
from daenr_tf.receptive_fields import estimate_receptive_fields, fixed_cells, grid_cell
from daenr_tf.recordings.load import load_recording
from daenr_tf.recordings.recording import Recording


@functools.cache
def natural_noise(count, height, width, seed=0):
    """Images with the 1/f amplitude spectrum of natural scenes, (count, height, width), cut out of twice their size so that edges don't wrap."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(2 * height)[:, None], np.fft.fftfreq(2 * width))
    frequency[0, 0] = frequency[frequency > 0].min()
    noise = np.fft.fft2(rng.normal(size=(count, 2 * height, 2 * width)))
    images = np.fft.ifft2(noise / frequency).real[:, :height, :width]
    images.flags.writeable = False
    return images


def gabor_cells(images, neurons=60, seed=1, repeats=10):
    """Half of them simple (any phase, half-squared), half complex (energy); pixel size 1/31 of the shorter side.

    Returns centres (neurons, 2), single-trial responses (images, neurons) and noise ceilings (neurons,).
    """
    rng = np.random.default_rng(seed)
    height, width = images.shape[1:]
    unit = min(height, width) / 31
    center = rng.uniform(0.2, 0.8, (neurons, 2)) * (height - 1, width - 1)
    frequency = rng.uniform(0.07, 0.16, neurons) / unit
    size = rng.uniform(0.2, 0.3, neurons) / frequency
    angle, phase = rng.uniform(0, np.pi, neurons), rng.uniform(0, 2 * np.pi, neurons)
    row, column = np.mgrid[:height, :width]
    y, x = row[..., None] - center[:, 0], column[..., None] - center[:, 1]
    envelope = np.exp(-(x**2 + y**2) / (2 * size**2))
    drives = []
    for shift in (0, np.pi / 2):
        gabor = envelope * np.cos(
            2 * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)) + phase + shift
        )
        gabor -= envelope * gabor.sum(axis=(0, 1)) / envelope.sum(axis=(0, 1))
        drive = np.tensordot(images, gabor, 2)
        drives.append(drive / drive.std(axis=0))
    simple = np.maximum(drives[0], 0) ** 2
    rates = np.where(np.arange(neurons) % 2 == 0, simple, (drives[0] ** 2 + drives[1] ** 2) / 2)
    trials = rates + rng.normal(size=(repeats, *rates.shape)) * rates.std(axis=0) * rng.uniform(
        0.7, 2, neurons
    )
    trials = np.maximum(trials, 0)
    return center, trials[0], noise_ceiling(trials)


def distance(positions, center):
    return np.hypot(*(positions - center).T)


@pytest.mark.parametrize(("height", "width"), [(31, 31), (32, 48), (56, 56)])
def test_planted_centres_are_found_for_simple_and_for_complex_cells(height, width):
    images = natural_noise(1200, height, width)
    center, responses, ceiling = gabor_cells(images)
    fields = estimate_receptive_fields(images[..., None], responses)
    assert fields.positions.shape == (60, 2) and fields.maps.shape == (60, height, width)
    unit = min(height, width) / 31
    for kind in (0, 1):
        usable = (np.arange(60) % 2 == kind) & (ceiling > 0.5)
        assert usable.sum() > 15
        near = distance(fields.positions, center)[usable] <= 2 * unit
        assert near.mean() >= 0.75


def test_planted_centres_are_found_when_neurons_read_one_channel_of_colour_images():
    grey = natural_noise(1200, 31, 31)
    center, responses, ceiling = gabor_cells(grey)
    tint = natural_noise(1200, 31, 31, seed=5)
    colour = np.stack([grey + 0.5 * tint, grey, grey - 0.5 * tint], axis=-1)
    near = (
        distance(estimate_receptive_fields(colour, responses).positions, center)[ceiling > 0.5] <= 2
    )
    assert near.mean() >= 0.75


@pytest.mark.parametrize("region", [1, 2, 3])
def test_three_quarters_of_the_well_driven_cells_of_a_simulated_region_are_found_within_two_pixels(
    region,
):
    recording = load_recording("simulated", region)
    training, _ = recording.split(0)
    positions = estimate_receptive_fields(
        recording.images[training], recording.responses[training]
    ).positions
    usable = noise_ceiling(recording.test_trials) > 0.5
    near = distance(positions, recording.truth["center"]) <= 2
    for kind in (recording.truth["complex"], ~recording.truth["complex"]):
        assert (usable & kind).sum() >= 10
        assert near[usable & kind].mean() >= 0.75


@pytest.mark.parametrize("scale", [1e-6, 1e6, 1e-30])
def test_grey_levels_and_response_units_do_not_matter(scale):
    images = natural_noise(300, 16, 20)
    _, responses, _ = gabor_cells(images, neurons=6)
    expected = estimate_receptive_fields(images[..., None], responses)
    scaled = estimate_receptive_fields(images[..., None] * scale + 3 * scale, responses * scale)
    np.testing.assert_allclose(scaled.positions, expected.positions, atol=1e-2)
    np.testing.assert_allclose(scaled.maps, expected.maps, atol=1e-2)


def test_a_neurons_map_does_not_depend_on_the_neurons_beside_it():
    images = natural_noise(200, 12, 12)[..., None]
    responses = np.random.default_rng(0).random((200, 600))
    together = estimate_receptive_fields(images, responses)
    for neuron in (0, 255, 256, 599):
        alone = estimate_receptive_fields(images, responses[:, [neuron]])
        np.testing.assert_allclose(together.maps[neuron], alone.maps[0], atol=1e-3)


def test_the_map_of_a_neuron_that_reads_one_pixel_peaks_there():
    images = np.random.default_rng(0).normal(size=(2000, 21, 27, 1))
    planted = np.array([[10, 5], [4, 20], [16, 13]])
    linear = images[:, planted[:, 0], planted[:, 1], 0]
    for responses in (linear, linear**2):
        assert (
            distance(estimate_receptive_fields(images, responses).positions, planted) < 0.5
        ).all()


def test_a_silent_neuron_has_the_centre_and_a_map_of_zeros():
    images = natural_noise(100, 12, 17)[..., None]
    responses = np.random.default_rng(0).random((100, 3))
    responses[:, 1] = 0.1
    fields = estimate_receptive_fields(images, responses)
    assert fields.positions[1].tolist() == [5.5, 8.0]
    assert not fields.maps[1].any() and fields.maps[[0, 2]].any()
    assert (
        estimate_receptive_fields(np.full((9, 4, 4, 1), 7, np.uint8), np.eye(9)).positions.tolist()
        == [[1.5, 1.5]] * 9
    )


def test_pixels_that_never_change_carry_no_receptive_field():
    images = natural_noise(1200, 31, 31).copy()
    images[:, :, :12] = 0.3
    _, responses, _ = gabor_cells(images, neurons=30)
    noise = np.random.default_rng(3).random(responses.shape)
    assert (estimate_receptive_fields(images[..., None], noise).positions[:, 1] > 9).all()


def test_fixed_cells_look_at_the_training_images_only():
    images = np.random.default_rng(0).normal(size=(1000, 12, 16, 1))
    planted = np.array([[2, 3], [9, 13]])
    responses = images[:, planted[:, 0], planted[:, 1], 0] ** 2
    responses[800:] = images[800:, 6, 6] ** 2 * 100
    recording = Recording(
        images=images, responses=responses, test_images=images[:2] + 1, test_responses=responses[:2]
    )
    assert fixed_cells(recording, np.arange(800), (6, 8)).tolist() == [[1, 1], [4, 6]]
    assert fixed_cells(recording, np.arange(1000), (6, 8)).tolist() == [[3, 3], [3, 3]]


@pytest.mark.parametrize(
    ("position", "stimulus", "grid", "cell"),
    [
        ((0, 0), (31, 31), (16, 16), (0, 0)),
        ((30, 30), (31, 31), (16, 16), (15, 15)),
        (
            (15, 15),
            (31, 31),
            (16, 16),
            (8, 8),
        ),  # 15.5/31 is the middle edge: the cell that begins there
        ((14.9, 15.1), (31, 31), (8, 8), (3, 4)),
        ((1.4, 1.5), (32, 32), (16, 16), (0, 1)),  # the edge between pixels 1 and 2 is at 1.5
        ((3.49, 3.51), (32, 32), (8, 8), (0, 1)),
        ((-0.5, 31.5), (32, 32), (8, 8), (0, 7)),
        ((-3, 40), (32, 32), (8, 8), (0, 7)),
        ((20, 20), (24, 40), (12, 20), (10, 10)),
        ((55.6, 55.4), (112, 112), (8, 8), (4, 3)),
    ],
)
def test_grid_cell_contains_the_position(position, stimulus, grid, cell):
    assert tuple(grid_cell(position, stimulus, grid)) == cell


def test_grid_cell_takes_many_positions_and_fills_the_grid_evenly():
    row, column = np.mgrid[:32, :64]
    cells = grid_cell(np.stack([row, column], axis=-1), (32, 64), (8, 16))
    assert cells.shape == (32, 64, 2)
    counts = np.zeros((8, 16), int)
    np.add.at(counts, (cells[..., 0], cells[..., 1]), 1)
    assert (counts == 16).all()


def test_the_estimate_does_not_depend_on_the_parts_it_is_made_in_nor_on_where_the_images_lie(
    monkeypatch,
):
    images = natural_noise(300, 12, 14)[..., None]
    responses = np.random.default_rng(3).gamma(1.0, 1.0, (300, 257)).astype(np.float32)
    chosen = np.flatnonzero(np.arange(300) % 5)
    whole = estimate_receptive_fields(images[chosen], responses[chosen])
    monkeypatch.setattr(blocks, "BYTES", 5 * 4 * len(chosen))
    parts = estimate_receptive_fields(images, responses, chosen)
    np.testing.assert_array_equal(parts.maps, whole.maps)
    np.testing.assert_array_equal(parts.positions, whole.positions)


def test_the_estimate_takes_the_images_once_as_floats_and_little_more():
    images = np.random.default_rng(0).integers(0, 256, (1200, 64, 64, 1), np.uint8)
    responses = np.random.default_rng(1).gamma(1.0, 1.0, (1200, 20)).astype(np.float32)
    tracemalloc.start()
    try:
        estimate_receptive_fields(images, responses, np.arange(1000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    as_floats = 4 * 1000 * 64 * 64
    assert peak < 1.5 * as_floats + 4 * blocks.BYTES
