"""The Gabor that follows a neuron's answers to natural images."""

import numpy as np
import pytest

from daenr_tf.laboratory import gabor_fit, stimuli
from daenr_tf.recordings.simulated.gabors import Gabors

ANGLES = np.array([3.0, 52.0, 94.0, 171.0])


@pytest.fixture(scope="module")
def images():
    return stimuli.natural((31, 31), 400, seed=1)[..., None]


@pytest.mark.parametrize("kind", gabor_fit.KINDS)
@pytest.mark.parametrize("width", [0.22, 0.45])
def test_the_orientation_frequency_and_kind_of_a_planted_gabor_are_found(images, kind, width):
    frequencies = np.array([0.08, 0.1, 0.15, 0.2])
    fields = Gabors(
        center=np.full((4, 2), (14.0, 16.0)),
        orientation=np.deg2rad(ANGLES),
        spatial_frequency=frequencies,
        phase=np.linspace(0, 3, 4),
        size=width / frequencies,
        complex=np.full(4, kind == "complex"),
    )
    first, second = (one / 2**16 for one in fields.drives(images[..., 0]))
    drive = np.hypot(first, second) if kind == "complex" else first - first.min(axis=0)
    # A center that is half a pixel off, as a measured one is; an expansive output.
    table = gabor_fit.fit(images, drive**2, fields.center + 0.5, [3, 5, 6, 9])
    assert table["neuron"].tolist() == [3, 5, 6, 9]
    apart = np.abs((table["gabor_orientation"] - ANGLES + 90) % 180 - 90)
    assert apart.max() < 6
    octaves = np.abs(np.log2(table["gabor_spatial_frequency"] / frequencies))
    assert octaves.max() < (0.4 if width > 0.3 else 0.8)  # of a narrow one frequency means little
    assert set(table["gabor_kind"]) == {kind}
    least = (
        0.7 if width > 0.3 else 0.2
    )  # half a pixel is much to a narrow one, and luminance drives it
    assert table["gabor_r2"].between(least, 1.000001).all()


def test_a_neuron_that_answers_at_random_is_explained_by_no_gabor(images):
    rates = np.random.default_rng(0).gamma(1.0, 1.0, (400, 3))
    table = gabor_fit.fit(images, rates, np.full((3, 2), 15.0), range(3))
    assert table["gabor_r2"].max() < 0.1


def test_a_neuron_that_never_changes_has_no_gabor(images):
    (row,) = gabor_fit.fit(images, np.full((400, 1), 2.5), [(15.0, 15.0)], [7]).itertuples()
    assert row.gabor_r2 == 0 and row.gabor_kind is None and np.isnan(row.gabor_orientation)


def test_what_is_explained_is_what_a_regression_explains():
    generator = np.random.default_rng(0)
    even, odd = generator.normal(size=(2, 50, 252)) + 0.3
    values = generator.normal(size=50)
    found = gabor_fit._explained(values, even, odd).reshape(2, -1)
    for number in (0, 100, 251):
        for kind, columns in enumerate(
            ((even[:, number], odd[:, number]), (np.hypot(even[:, number], odd[:, number]),))
        ):
            design = np.stack([np.ones(50), *columns], axis=1)
            _, (left,), *_ = np.linalg.lstsq(design, values, rcond=None)
            assert found[kind, number] == pytest.approx(1 - left / (50 * values.var()), abs=1e-9)
