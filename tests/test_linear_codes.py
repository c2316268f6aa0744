"""Linear codes against direct computations."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from daenr_tf import linear_codes, metrics
from daenr_tf.linear_codes import Components, Cosines, order
from daenr_tf.machine.blocks import Rows


def images_of(count, shape=(12, 16, 1), seed=0):
    """Smooth images in [-1, 1], float32."""
    noise = np.random.default_rng(seed).normal(size=(count, *shape))
    smooth = gaussian_filter(noise, (0, 1.5, 1.5, 0))
    return np.clip(0.3 * smooth / smooth.std(), -1, 1).astype(np.float32)


def test_frequencies_are_taken_from_the_lowest_on():
    taken = [np.unravel_index(index, (4, 8, 1))[:2] for index in order((4, 8, 1))]
    # 1 / 8 and 2 / 8 across, then 1 / 4 down, which is as high as 2 / 8 and comes behind it by its larger u.
    assert taken[:5] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    heights = [(u / 4) ** 2 + (v / 8) ** 2 for u, v in taken]
    assert heights == sorted(heights) and len(set(taken)) == 32


@pytest.mark.parametrize("size", [1, 7, 100, 3 * 12 * 16])
def test_channels_share_a_code_to_within_one(size):
    kept = Cosines((12, 16, 3), size).kept.sum(axis=(0, 1))
    assert kept.sum() == size and np.ptp(kept) <= 1


@pytest.mark.parametrize("shape", [(12, 16, 1), (8, 8, 3)])
def test_the_cosines_are_the_sum_that_defines_them(shape):
    """Basis functions put down by hand, on which the images are projected."""
    size, images = 40, images_of(5, shape)
    height, width, _ = shape
    expected = np.zeros(images.shape)
    for index in order(shape)[:size]:
        u, v, channel = np.unravel_index(index, shape)
        down = np.cos(math.pi * u * (2 * np.arange(height) + 1) / (2 * height))
        across = np.cos(math.pi * v * (2 * np.arange(width) + 1) / (2 * width))
        basis = np.outer(down, across)
        basis /= np.sqrt((basis**2).sum())
        weights = (images[..., channel] * basis).sum(axis=(1, 2))
        expected[..., channel] += weights[:, None, None] * basis
    np.testing.assert_allclose(Cosines(shape, size).reconstruct(images), expected, atol=1e-12)


@pytest.mark.parametrize("count", [300, 50], ids=["more images than pixels", "fewer"])
def test_the_components_are_those_of_a_singular_value_decomposition(count):
    train, test = images_of(count), images_of(20, seed=1)
    rows = train.reshape(count, -1).astype(np.float64)
    mean = rows.mean(axis=0)
    _, _, axes = np.linalg.svd(rows - mean, full_matrices=False)
    centred = test.reshape(20, -1) - mean
    expected = (mean + centred @ axes[:30].T @ axes[:30]).reshape(test.shape)
    np.testing.assert_allclose(Components(train, 30).reconstruct(test), expected, atol=1e-9)


@pytest.mark.parametrize("shape", [(12, 16, 1), (4, 4, 3)])
@pytest.mark.parametrize("more", [0, 5])
def test_a_code_of_all_numbers_loses_nothing(shape, more):
    pixels = math.prod(shape)
    train, test = images_of(pixels + 10, shape), images_of(6, shape, seed=1)
    for code in (Cosines(shape, pixels + more), Components(train, pixels + more)):
        assert code.size == pixels
        np.testing.assert_allclose(code.reconstruct(test), test, atol=1e-12)


def test_components_are_no_more_than_the_images_span():
    train = images_of(9)
    code = Components(np.concatenate([train, train]), 100)
    assert code.size == 8  # the mean is given beside them
    np.testing.assert_allclose(code.reconstruct(train), train, atol=1e-12)
    same = Components(np.repeat(train[:1], 5, axis=0), 100)
    assert same.size == 0
    np.testing.assert_allclose(same.reconstruct(train), train[:1].repeat(9, axis=0), atol=1e-7)


def test_components_beat_cosines_on_the_images_that_they_were_fitted_on():
    train = images_of(300)
    for size in (5, 30, 100):
        ours, theirs = (
            ((code.reconstruct(train) - train) ** 2).mean()
            for code in (Components(train, size), Cosines(train.shape[1:], size))
        )
        assert ours < theirs


def test_figures_are_those_of_the_clipped_reconstructions(monkeypatch):
    train, test, validation = images_of(300), images_of(20, seed=1), images_of(30, seed=2)
    test[:, :6] = 1.0  # so that a reconstruction overshoots
    found = linear_codes.linear_codes(train, test, validation, 10)
    assert list(found) == ["dct", "pca"]
    for name, code in (("dct", Cosines((12, 16, 1), 10)), ("pca", Components(train, 10))):
        raw = code.reconstruct(test)
        assert np.abs(raw).max() > 1
        assert found[name]["size"] == 10
        for metric in ("mse", "psnr", "ssim"):
            measure = getattr(metrics, metric)
            expected = measure(test, np.clip(raw, -1, 1)).mean()
            assert found[name][metric] == pytest.approx(expected, abs=1e-9)
            own = measure(validation, np.clip(code.reconstruct(validation), -1, 1)).mean()
            assert found[name]["validation"][metric] == pytest.approx(own, abs=1e-9)
    monkeypatch.setattr(linear_codes, "EVALUATION_BATCH", 7)
    assert linear_codes.linear_codes(train, test, validation, 10) == found


def test_only_some_thousand_images_are_looked_at(monkeypatch):
    """Evenly spaced ones, whether they are at hand or made when they are asked for."""
    monkeypatch.setattr(linear_codes, "MOST_IMAGES", 50)
    train, test = images_of(500), images_of(5, seed=1)
    seen = []

    def change(some):
        seen.append(len(some))
        return some

    ours = Components(Rows(train, np.arange(500), change), 20).reconstruct(test)
    theirs = Components(train[np.linspace(0, 499, 50).astype(int)], 20).reconstruct(test)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert sum(seen) == 50


def test_large_images_are_fewer_but_as_many_as_the_code_needs(monkeypatch):
    monkeypatch.setattr(linear_codes, "MOST_NUMBERS", 40 * 192)
    assert Components(images_of(500), 20).size == 20
    assert Components(images_of(500), 60).size == 60
    chosen = images_of(500)[np.linspace(0, 499, 40).astype(int)].astype(np.float64)
    np.testing.assert_allclose(
        Components(images_of(500), 20).mean, chosen.reshape(40, -1).mean(axis=0), atol=1e-12
    )
