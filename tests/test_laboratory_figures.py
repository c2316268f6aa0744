"""Figures of virtual experiments: what their panels show, and that nothing touches a panel's edge."""

import numpy as np
import pandas as pd
import pytest
from drawing import texts

from daenr_tf.plotting import canvas, laboratory

ANGLES = np.arange(18) * 10.0


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn, instead of files."""
    kept = []
    monkeypatch.setattr(canvas, "write", lambda path, figure: kept.append(figure))
    return kept


def panels(figure):
    figure.draw_without_rendering()
    return [axis for axis in figure.axes if axis.axison]


@pytest.mark.parametrize("low", [0.0, 0.5, 0.99, 1.0])
def test_a_tuning_curve_stays_clear_of_its_panels_top(low, drawn):
    """However flat it is; the lowest response of the first neuron is `low` of its highest, the second never answers."""
    curve = 2 * (low + (1 - low) * np.sin(np.deg2rad(ANGLES)) ** 2)
    responses = np.stack([curve, 0 * curve], axis=1)
    laboratory.curves("", ANGLES, responses, "orientation", 180, [0, 1], "Title", simulated=True)
    for axis in panels(drawn[0]):
        (line,) = axis.lines
        (bottom, top), highest = axis.get_ylim(), line.get_ydata().max()
        assert bottom == 0 and top > 0 and highest < 0.95 * top


def test_only_what_is_circular_has_its_ticks_once_around(drawn):
    for period in (180, None):
        laboratory.curves(
            "", ANGLES / 10, np.ones((18, 1)), "x", period, [0], "Title", simulated=True
        )
    around, along = ([*panels(figure)[0].get_xticks()] for figure in drawn)
    assert around == [0, 90, 180]
    assert panels(drawn[0])[0].get_xlim()[1] > 180 > panels(drawn[1])[0].get_xlim()[1]
    assert along != around


def test_the_line_in_a_distribution_is_its_median_is_named_and_not_drawn_of_a_circular_index(drawn):
    values = np.array([0.1, 0.2, 0.3, 0.9, np.nan])
    table = pd.DataFrame({"preferred_orientation": 200 * values, "global_osi": values})
    laboratory.indices("", table, "pixel", "Title", simulated=True)
    orientation, selectivity = panels(drawn[0])
    assert not orientation.lines and [*orientation.get_xticks()] == [0, 90, 180]
    (line,) = selectivity.lines
    np.testing.assert_allclose(line.get_xdata(), np.nanmedian(values))
    said = texts(drawn[0])
    assert "median over neurons" in said and "global_osi (1 − circular variance)" in said
    laboratory.indices("", table[["preferred_orientation"]], "pixel", "Title", simulated=True)
    assert "median over neurons" not in texts(drawn[1])
