"""The trade-off's figure and the forests of claims: that what is written in them can be read, however narrow a range is."""

from itertools import combinations
from types import SimpleNamespace

import pytest

from daenr_tf.experiments.intervals import Estimate
from daenr_tf.plotting import canvas, effects, tradeoff

WHAT = "region 3: CAE-FR2, alpha:beta × 100 against alpha:beta × 0.01"
LONG = f"region 3: CAE-FR, VAE-FR, VQ-VAE-FR (layers 1, 2, 3, 4){WHAT[17:]}"


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn, instead of files."""
    kept = []
    monkeypatch.setattr(canvas, "write", lambda path, figure: kept.append(figure))
    return kept


def estimate(value, half):
    return Estimate(value, value - half, value + half, half / 2, 8.0, 0.5, 3, 30)


def assert_apart(written):
    """None of some texts lies on another."""
    boxes = [one.get_window_extent() for one in written]
    assert all(box.width for box in boxes)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def ticks(axis):
    """The labels of the ticks along the horizontal axis that are seen."""
    axis.figure.draw_without_rendering()
    low, high = axis.get_xlim()
    found = [*axis.xaxis.get_major_ticks(), *axis.xaxis.get_minor_ticks()]
    return [one.label1 for one in found if low <= one.get_loc() <= high and one.label1.get_text()]


@pytest.mark.parametrize("what", ["CAE-FR2", WHAT, LONG])
@pytest.mark.parametrize("reach", [1e-5, 3e-5, 1.2e-4, 4e-4, 9e-3, 0.4, 7.0])
def test_the_ticks_of_a_forest_can_be_read_however_small_its_effects(what, reach, drawn):
    one = SimpleNamespace(
        what=what, unit="MSE", effect=estimate(0.3 * reach, 0.1 * reach), least=reach
    )
    one.low, one.high, one.published, one.verdict = one.effect.low, one.effect.high, None, None
    effects.forest("", [one], "Title", simulated=True)
    axis = drawn[0].axes[0]
    shown = ticks(axis)
    assert len(shown) >= 2
    assert_apart(shown)
    values = [float(one.get_text().replace("\N{MINUS SIGN}", "-")) for one in shown]
    assert values == sorted(set(values)) and not axis.xaxis.get_offset_text().get_text()


def points(spread, error):
    """Joint models over alpha:beta at both tasks whose figures are `spread` apart, and what learns one alone."""
    found = []
    for task, table in (("ir", 1000.0), ("nrs", 0.4)):
        for step, ratio in enumerate((0.01, 0.1, 1, 10, 100)):
            mse, pcc = estimate(error * (1 + spread * step), error * spread), estimate(0.5, 0.02)
            gains = estimate(-error * spread * step, error * spread), estimate(0, 0.02)
            found.append(
                tradeoff.Point(
                    "CAE-FR2", True, task, table * ratio, ratio, 1800, True, mse, pcc, *gains
                )
            )
    alone = estimate(error, error * spread)
    return [*found, tradeoff.Point("CAE", False, "ir", None, 1, 1800, True, alone, None)]


@pytest.mark.parametrize("spread", [1e-4, 1e-3, 0.02, 0.3, 0.9])
@pytest.mark.parametrize("error", [0.0391, 0.2])
def test_the_ticks_of_a_tradeoffs_errors_can_be_read_however_near_they_are(spread, error, drawn):
    tradeoff.draw("", points(spread, error), 0.8, {}, "Title", simulated=True)
    for axis in (drawn[0].axes[0], drawn[0].axes[3]):
        shown = ticks(axis)
        assert len(shown) >= 2
        assert_apart(shown)
        assert not any("times" in one.get_text() or "^" in one.get_text() for one in shown)


@pytest.mark.parametrize("spread", [1e-9, 1e-3, 0.3])
def test_what_stands_at_the_ends_of_a_tradeoffs_curves_covers_none_of_the_others(spread, drawn):
    """At the least spread all points of both curves lie on one another."""
    tradeoff.draw("", points(spread, 0.04), 0.8, {}, "Title", simulated=True)
    drawn[0].draw_without_rendering()
    for axis in (drawn[0].axes[0], drawn[0].axes[3]):
        ends = [one for one in axis.texts if one.get_text()]
        assert sorted(one.get_text() for one in ends) == ["0.004", "10", "100000", "40"]
        assert_apart(ends)
