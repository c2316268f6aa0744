"""What a report shows of a trade-off."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import studies

from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.report import page
from daenr_tf.experiments.study import Study
from daenr_tf.plotting import canvas, tradeoff


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


def test_with_one_seed_nothing_is_said_of_others(gains, drawn):
    assert set(gains(seeds=1)["note"]) == {"one seed: interval over images only"}
    title = drawn["tradeoff_region3_layer2"][-1]
    assert "one seed: intervals over images only" in title and "95 %" not in title
