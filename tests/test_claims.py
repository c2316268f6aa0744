import functools

import numpy as np
import pytest
import studies

from daenr_tf import paper
from daenr_tf.experiments.claims import judge
from daenr_tf.experiments.findings import Findings
from daenr_tf.experiments.intervals import Estimate, holm
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.study import Study
from daenr_tf.experiments.verdicts import (
    CONTRADICTED,
    NOT_DECIDABLE,
    NOT_SUPPORTED,
    SUPPORTED,
    together,
    verdict_on,
)

SMALL = 0.002  # spread over seeds and images


def error(level=0.05, joint=1.0, **of_group):
    """An error for `studies.finish`: the joint models' is a multiple of the others', which may depend on their neurons."""

    def planted(setting, seed):
        if not studies.joint(setting):
            return level
        return level * of_group.get(setting.group.replace("-", "_"), joint)

    return planted


def quality(readout=0.4, joint=0.4):
    return lambda setting, seed: joint if studies.joint(setting) else readout


@pytest.fixture
def judged(tmp_path):
    """The claims of a study with planted effects, by name."""

    def make(
        names,
        regions=(3,),
        layers=(1, 2),
        models=None,
        seeds=4,
        own=False,
        missing=lambda cell: False,
        **planted,
    ):
        chosen = plan(names, None if own else regions, layers, models, seeds, own)
        found = studies.recordings((None,) if own else regions)
        away = {cell.name for cell in chosen.cells if missing(cell)}
        planted = {"spread": SMALL} | planted
        study = studies.finish(
            str(tmp_path),
            chosen,
            found,
            Study("/mine.npz" if own else "simulated"),
            missing=away,
            **planted,
        )
        return {
            claim.name: claim
            for claim in judge(Findings(chosen, studies.finished(tmp_path, study, found)))
        }

    return make


def estimate(value, low, high, seeds=3):
    return Estimate(value, low, high, 0.1, 5.0, 0.01, seeds, 30)


@pytest.mark.parametrize(
    ("effect", "p", "verdict"),
    [
        (estimate(0.5, 0.3, 0.7), 0.01, SUPPORTED),
        (estimate(0.5, 0.3, 0.7), 0.051, NOT_DECIDABLE),
        (estimate(0.09, 0.06, 0.12), 0.01, SUPPORTED),
        (estimate(0.05, 0.01, 0.09), 0.001, NOT_SUPPORTED),
        (estimate(-0.05, -0.09, -0.01), 0.001, NOT_SUPPORTED),
        (estimate(0.02, -0.04, 0.08), 0.5, NOT_SUPPORTED),
        (estimate(0.02, -0.04, 0.11), 0.5, NOT_DECIDABLE),
        (estimate(-0.5, -0.7, -0.3), 0.01, CONTRADICTED),
        (estimate(-0.5, -0.7, -0.3), 0.051, NOT_SUPPORTED),
        (estimate(0.5, 0.3, 0.7, seeds=1), 0.001, NOT_DECIDABLE),
        (estimate(0.0, 0.0, 0.0), 1.0, NOT_SUPPORTED),
        (estimate(np.inf, np.nan, np.nan), np.nan, NOT_DECIDABLE),
        (None, np.nan, NOT_DECIDABLE),
    ],
)
def test_the_rule_of_verdicts_where_the_smallest_effect_that_matters_is_a_tenth(effect, p, verdict):
    assert verdict_on(effect, p, 0.1) == verdict


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ([SUPPORTED, SUPPORTED], SUPPORTED),
        ([SUPPORTED, NOT_DECIDABLE], NOT_DECIDABLE),
        ([SUPPORTED, NOT_DECIDABLE, NOT_SUPPORTED], NOT_SUPPORTED),
        ([SUPPORTED, NOT_SUPPORTED, CONTRADICTED, NOT_DECIDABLE], CONTRADICTED),
    ],
)
def test_a_claim_says_that_all_its_comparisons_hold(verdicts, verdict):
    assert together(verdicts) == verdict


@pytest.mark.parametrize(
    ("joint", "verdict"), [(0.8, SUPPORTED), (1.2, CONTRADICTED), (1.0, NOT_SUPPORTED)]
)
def test_c1_a_joint_model_with_the_lower_error_supports_it(judged, joint, verdict):
    claim = judged(("table2",), error=error(joint=joint))["C1"]
    assert claim.verdict == verdict and len(claim.comparisons) == 2
    for one in claim.comparisons:
        assert one.verdict == verdict
        assert one.effect.value == pytest.approx(0.05 * (1 - joint), abs=2e-4)
        assert one.least == pytest.approx(0.0005, rel=0.05)


def test_a_small_effect_among_large_spread_is_not_decidable(judged):
    assert judged(("table2",), error=error(joint=0.98), spread=0.2)["C1"].verdict == NOT_DECIDABLE


def test_a_single_seed_decides_nothing(judged):
    claim = judged(("table2",), seeds=1, error=error(joint=0.5))["C1"]
    assert claim.verdict == NOT_DECIDABLE and all(
        one.effect.value > 0.02 for one in claim.comparisons
    )


def test_a_comparison_without_its_cells_is_not_decidable_and_the_others_are_judged(judged):
    claim = judged(
        ("table2",), error=error(joint=0.8), missing=lambda cell: cell.setting.layer == 1
    )["C1"]
    assert [one.verdict for one in claim.comparisons] == [NOT_DECIDABLE, SUPPORTED]
    assert claim.comparisons[0].effect is None and claim.verdict == NOT_DECIDABLE


def test_a_comparison_takes_the_seeds_that_both_models_have(judged):
    claim = judged(
        ("table2",),
        layers=(1,),
        error=error(joint=0.8),
        missing=lambda cell: cell.seed == 2 and cell.setting.layer == 1,
    )["C1"]
    assert claim.comparisons[0].effect.seeds == 3


def test_the_p_values_are_corrected_over_the_comparisons_of_each_claim_alone(judged):
    claims = judged(
        ("table2", "table5"),
        layers=(1, 2, 3),
        models=("cae", "cae_fr", "cae_fc"),
        error=error(joint=0.99),
        spread=0.05,
    )
    assert [len(claims[name].comparisons) for name in ("C1", "C7")] == [3, 6]
    for name in ("C1", "C7"):
        raw = [one.effect.p_value for one in claims[name].comparisons]
        assert [one.p_adjusted for one in claims[name].comparisons] == pytest.approx(
            list(holm(raw))
        )


@pytest.mark.parametrize(("joint", "verdict"), [(0.6, SUPPORTED), (0.2, CONTRADICTED)])
def test_c4_and_c8_a_joint_model_with_the_higher_correlation_supports_them(judged, joint, verdict):
    claims = judged(
        ("table4", "table6"),
        layers=(2,),
        models=("cnn_fr", "cae_fr", "vae_fr"),
        quality=quality(joint=joint),
    )
    assert claims["C4"].verdict == claims["C8"].verdict == verdict
    assert [one.effect.value for one in claims["C4"].comparisons] == pytest.approx(
        [joint - 0.4], abs=0.03
    )
    assert [one.what for one in claims["C8"].comparisons] == [
        "region 3: CAE-FR2 against CNN-FR2",
        "region 3: VAE-FR2 against CNN-FR2",
    ]


@pytest.mark.parametrize(
    ("third", "first", "verdict"), [(0.7, 0.9, SUPPORTED), (0.9, 0.7, CONTRADICTED)]
)
def test_c2_compares_the_regions_shares_of_error(judged, third, first, verdict):
    def planted(setting, seed):
        level = 0.05 * setting.region
        return (
            level * (third if setting.region == 3 else first) if studies.joint(setting) else level
        )

    claim = judged(("table2",), regions=(1, 2, 3), layers=(1,), error=planted)["C2"]
    assert claim.verdict == verdict
    assert [one.effect.value for one in claim.comparisons] == pytest.approx(
        [first - third] * 2, abs=0.01
    )


def test_c2_is_not_examined_without_all_regions_or_without_a_model_it_needs(judged):
    assert judged(("table2",), regions=(1, 3))["C2"].verdict is None
    assert judged(("table2",), regions=(1, 2, 3), models=("cae_fr",))["C2"].verdict is None


GOOD_AND_BAD = {
    "significant": 0.8,
    "significant_cv": 0.8,
    "insignificant": 1.2,
    "insignificant_cv": 1.2,
}


def test_c3_is_supported_where_significant_neurons_help_and_insignificant_ones_harm(judged):
    claim = judged(("table3",), layers=(1,), error=error(**GOOD_AND_BAD))["C3"]
    assert claim.verdict == SUPPORTED and len(claim.comparisons) == 4
    assert all(one.effect.value == pytest.approx(0.01, abs=3e-4) for one in claim.comparisons)


@pytest.mark.parametrize(
    "change",
    [
        {"significant": 1.2},
        {"significant_cv": 1.2},
        {"insignificant": 0.8},
        {"insignificant_cv": 0.8},
    ],
)
def test_c3_is_contradicted_by_either_group_whichever_way_it_was_chosen(judged, change):
    claim = judged(("table3",), layers=(1,), error=error(**{**GOOD_AND_BAD, **change}))["C3"]
    assert claim.verdict == CONTRADICTED and claim.count(CONTRADICTED) == 1


def test_c3_is_not_supported_where_insignificant_neurons_do_nothing(judged):
    assert (
        judged(("table3",), layers=(1,), error=error(**GOOD_AND_BAD | {"insignificant": 1.0}))[
            "C3"
        ].verdict
        == NOT_SUPPORTED
    )


@pytest.mark.parametrize(("joint", "verdict"), [(0.65, SUPPORTED), (0.15, CONTRADICTED)])
def test_c5_counts_significant_neurons(judged, joint, verdict):
    claim = judged(("figure4",), layers=(2,), quality=quality(joint=joint))["C5"]
    assert claim.verdict == verdict and claim.comparisons[0].least == pytest.approx(
        0.01 * studies.NEURONS
    )


@pytest.mark.parametrize(
    ("third", "others", "verdict"), [(0.68, 0.1, SUPPORTED), (0.1, 0.68, CONTRADICTED)]
)
def test_c6_compares_shares_of_significant_neurons_between_regions(judged, third, others, verdict):
    claim = judged(
        ("figure3", "figure8"),
        (1, 2, 3),
        layers=(1,),
        quality=lambda setting, seed: third if setting.region == 3 else others,
    )["C6"]
    assert claim.verdict == verdict and len(claim.comparisons) == 2


@pytest.mark.parametrize(
    ("exchanged", "verdict"), [(1.0, SUPPORTED), (0.5, CONTRADICTED), (0.8, NOT_SUPPORTED)]
)
def test_c9_asks_whether_the_gain_needs_the_true_responses(judged, exchanged, verdict):
    claims = judged(
        ("table2", "table4", "control"),
        layers=(1,),
        error=error(joint=0.8, shuffled=exchanged),
        quality=quality(joint=0.6),
    )
    assert (claims["C1"].verdict, claims["C4"].verdict, claims["C9"].verdict) == (
        SUPPORTED,
        SUPPORTED,
        verdict,
    )


def test_c9_falls_with_c4(judged):
    claims = judged(
        ("table2", "table4", "control"),
        layers=(1,),
        error=error(joint=0.8, shuffled=1.0),
        quality=quality(joint=0.2),
    )
    assert claims["C9"].verdict == claims["C4"].verdict == CONTRADICTED
    assert claims["C9"].count(SUPPORTED) == 1


def test_c9_is_not_examined_where_c1_is_not(judged):
    claims = judged(
        ("table2", "table4", "control"),
        layers=(1,),
        models=("cnn_fr", "cae_fr"),
        error=error(joint=0.8, shuffled=1.0),
        quality=quality(joint=0.6),
    )
    assert (claims["C1"].verdict, claims["C4"].verdict, claims["C9"].verdict) == (
        None,
        SUPPORTED,
        None,
    )


def test_a_claim_whose_experiments_were_not_asked_for_is_not_examined(judged):
    claims = judged(("table2",), layers=(1,))
    assert {name for name, claim in claims.items() if claim.verdict} == {"C1"}
    assert list(claims) == [f"C{i}" for i in range(1, 10)]


def test_the_papers_own_effects_stand_beside_ours_with_the_sign_of_the_claim(judged):
    claims = judged(
        ("table2", "table3", "table4", "table5", "table6"),
        layers=(4,),
        models=("cae", "cae_fr", "cae_fm", "cnn_fr", "cnn_fm"),
        seeds=2,
    )
    published = functools.partial(paper.published, region=3, layer=4)
    alone = published("cae", task="ir", table=2)["mse"]
    groups = paper.significance(4)
    expected = {
        ("C1", "CAE-FR4"): alone - published("cae_fr", task="ir", table=2)["mse"],
        ("C3", "CAE-FR4, significant"): alone - groups["significant"]["mse"],
        ("C3", "CAE-FR4, insignificant"): groups["insignificant"]["mse"] - alone,
        ("C4", "CAE-FR4"): published("cae_fr", task="nrs", table=4)["pcc"]
        - published("cnn_fr", task="nrs", table=4)["pcc"],
        ("C7", "CAE-FM4"): published("cae", task="ir", table=5)["mse"]
        - published("cae_fm", task="ir", table=5)["mse"],
        ("C8", "CAE-FR4"): published("cae_fr", task="nrs", table=6)["pcc"]
        - published("cnn_fr", task="nrs", table=6)["pcc"],
        ("C8", "CAE-FM4"): published("cae_fm", task="nrs", table=6)["pcc"]
        - published("cnn_fm", task="nrs", table=6)["pcc"],
    }
    for (name, start), effect in expected.items():
        found = [
            one.published
            for one in claims[name].comparisons
            if one.what.startswith(f"region 3: {start}") and "held-out" not in one.what
        ]
        assert found and found == pytest.approx([effect] * len(found)), (name, start)
    assert all(one.published is None for one in claims["C3"].comparisons if "held-out" in one.what)
    assert expected["C1", "CAE-FR4"] == pytest.approx(0.022) and expected[
        "C4", "CAE-FR4"
    ] == pytest.approx(0.008)


def test_c2s_published_effect_is_the_difference_of_mean_gains(judged):
    claim = judged(("table2",), regions=(1, 2, 3), layers=(1, 2), seeds=2)["C2"]
    gains = {1: 1 - 0.021 / 0.022, 2: 1 - 0.023 / 0.024, 3: 1 - (0.044 + 0.043) / 2 / 0.081}
    assert [one.published for one in claim.comparisons] == pytest.approx(
        [gains[3] - gains[1], gains[3] - gains[2]]
    )


def test_ones_own_recording_has_no_published_effect_and_no_claim_about_regions(judged):
    claims = judged(None, layers=(2,), models=("cae", "cae_fr", "cnn_fr"), seeds=2, own=True)
    assert {name for name, claim in claims.items() if claim.verdict is None} == {"C2", "C6"}
    comparisons = [one for claim in claims.values() for one in claim.comparisons]
    assert comparisons and all(
        one.published is None and "region" not in one.what for one in comparisons
    )
