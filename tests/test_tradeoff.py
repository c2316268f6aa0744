"""What a report shows of a trade-off."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import studies

from daenr_tf.experiments.intervals import Estimate
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.report import page
from daenr_tf.experiments.study import Study
from daenr_tf.plotting import canvas, learning_curves, tradeoff


@pytest.fixture
def drawn(monkeypatch):
    """With what trade-offs were drawn: dict of the stem of a file -> (points, ceiling, codes, title)."""
    found, draw = {}, tradeoff.draw

    def watched(path, *arguments, **named):
        found[Path(path).stem] = arguments
        draw(path, *arguments, **named)

    monkeypatch.setattr(tradeoff, "draw", watched)
    monkeypatch.setattr(canvas, "DPI", 20)
    return found


@pytest.fixture
def gains(tmp_path, drawn):
    """The table of the gains in a report of simulated region 3."""

    def make(models=None, seeds=2, **options):
        chosen = plan(("tradeoff",), (3,), None, models, seeds)
        recordings, study = studies.recordings((3,)), Study("simulated")
        studies.finish(str(tmp_path), chosen, recordings, study, **options)
        page.write_report(studies.finished(tmp_path, study, recordings), chosen, [], "command", 1.0)
        return pd.read_csv(tmp_path / "tables" / "tradeoff_gains.csv", keep_default_na=False)

    return make


def test_what_joint_models_gain_is_paired_with_those_of_as_many_images(gains):
    def error(one, seed):
        return (0.04 if one.system.joint else 0.05) / one.variant.share + 0.001 * seed

    table = gains(seeds=3, error=error, spread=0)
    assert len(table) == 2 * 2 * 8 and (table["simulated"] & (table["seeds"] == 3)).all()
    error = table[table["metric"] == "mse"].set_index(["task", "variant"])["gain"]
    for task in ("ir", "nrs"):
        np.testing.assert_allclose(error[task, "alpha:beta × 10"], 0.01, rtol=0.02)
        np.testing.assert_allclose(error[task, "0.25 of the images"], 0.04, rtol=0.02)


def test_linear_codes_are_drawn_as_fitted_to_as_many_images(gains, drawn):
    def codes(one, seed):
        found = studies.codes_of_100(one, seed)
        return found | {"pca": found["pca"] | {"mse": 0.03 / one.variant.share}}

    gains(linear_codes=codes)
    _, _, codes, title = drawn["tradeoff_region3_layer2"]
    assert codes["pca"] == pytest.approx({5: 0.24, 10: 0.12, 20: 0.06, 40: 0.03})
    assert codes["dct"] == pytest.approx(dict.fromkeys((5, 10, 20, 40), 0.03))
    assert "CAE-FR, layer 2, mean and 95 % interval over 2 seeds" in title


def test_each_joint_model_has_a_trade_off_beside_what_it_is_compared_with(gains, drawn):
    table = gains(("cae", "cnn_fr", "cae_fr", "cnn_fm", "cae_fm"))
    assert set(table["model"]) == {"cae_fr", "cae_fm"}
    assert set(drawn) == {"tradeoff_region3_layer2_cae_fr", "tradeoff_region3_layer2_cae_fm"}
    points = drawn["tradeoff_region3_layer2_cae_fm"][0]
    assert {point.name for point in points} == {"CAE", "CNN-FM", "CAE-FM"}


def test_the_papers_spread_is_no_yardstick_where_it_prints_no_effect(gains, tmp_path):
    gains()
    report = (tmp_path / "report.html").read_text("utf-8")
    assert "C12" in report and "cells twice" not in report


def test_with_one_seed_nothing_is_said_of_others(gains, drawn):
    assert set(gains(seeds=1)["note"]) == {"one seed: interval over images only"}
    title = drawn["tradeoff_region3_layer2"][-1]
    assert "one seed: intervals over images only" in title and "95 %" not in title


def test_learning_curves_stand_beside_linear_codes_of_as_many_images(gains, monkeypatch):
    found, draw = {}, learning_curves.of_study

    def watched(path, panels, unit, title, **named):
        found[Path(path).stem] = (list(panels), title)
        draw(path, panels, unit, title, **named)

    def codes(one, seed):
        found = studies.codes_of_100(one, seed)
        of_validation = found["pca"]["validation"] | {"mse": 0.02 / one.variant.share}
        return found | {"pca": found["pca"] | {"validation": of_validation}}

    monkeypatch.setattr(learning_curves, "of_study", watched)
    gains(linear_codes=codes)
    panels, title = found["learning_curves_ir_region3"]
    assert "CAE\n0.125 of the images\nDCT of 100: 0.0200\nPCA of 100: 0.1600" in panels
    assert "CAE\nDCT of 100: 0.0200\nPCA of 100: 0.0200" in panels
    assert "0.02" not in title and title.endswith("linear codes of its images")
    assert all("PCA" not in panel for panel in found["learning_curves_nrs_region3"][0])
    gains(linear_codes=studies.codes_of_100)  # all models saw the same images
    panels, title = found["learning_curves_ir_region3"]
    assert "PCA of 100: 0.0200" in title and all("PCA" not in panel for panel in panels)


def test_the_ends_of_a_curve_are_named_within_the_axes(tmp_path, monkeypatch):
    """A curve whose ends lie in the corners of the axes."""
    estimate = {at: Estimate(at, at, at, 0.0, 9.0, 1.0, 2, 50) for at in (0.1, 0.9)}
    points = [
        tradeoff.Point("CAE-FR", True, "ir", 10.0**n, 1, 40, True, one, one, one, one)
        for n, one in ((-5, estimate[0.1]), (5, estimate[0.9]))
    ]
    figures = []
    monkeypatch.setattr(canvas, "write", lambda path, figure: figures.append(figure))
    tradeoff.draw("", points, None, {}, "Title", simulated=True)
    (figure,) = figures
    figure.canvas.draw()
    for axis in (figure.axes[0], figure.axes[3]):
        named = [text for text in axis.texts if text.get_text() in ("1e-05", "100000")]
        assert len(named) == 2
        for text in named:
            box, inside = text.get_window_extent(), axis.get_window_extent()
            assert inside.x0 <= box.x0 and box.x1 <= inside.x1, text.get_text()
            assert inside.y0 <= box.y0 and box.y1 <= inside.y1, text.get_text()
