import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
import studies

from daenr_tf import metrics, paper
from daenr_tf.experiments.findings import Findings
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.report.entries import entries
from daenr_tf.experiments.report.layout import lay_out, markdown
from daenr_tf.experiments.report.records import records
from daenr_tf.experiments.study import Study
from daenr_tf.paper import printed as source
from daenr_tf.readable import number


@pytest.fixture
def found(tmp_path):
    """The findings of some experiments, and the part of the first."""

    def make(*names, regions=None, layers=None, models=None, seeds=2, own=False, **options):
        chosen = plan(names, regions, layers, models, seeds, own)
        recordings = studies.recordings(
            {region for part in chosen.parts for region in part.regions}
        )
        study = studies.finish(
            str(tmp_path), chosen, recordings, Study("/mine.npz" if own else "simulated"), **options
        )
        return Findings(chosen, studies.finished(tmp_path, study, recordings)), chosen.parts[0]

    return make


def published(layout):
    """The paper's figure in every place of a table; NaN where there is none."""

    def read(lines):
        return next(
            (
                float(line.removeprefix("paper ").replace("−", "-"))
                for line in lines
                if line.startswith("paper ")
            ),
            np.nan,
        )

    return [[read(lines) for lines in row] for row in layout.cells]


def printed(block, width):
    """The numbers of one of the paper's tables as `printed` has them, a row each."""
    rows = [line.split() for line in block.strip().splitlines()]
    assert all(len(row) == width + 1 for row in rows)
    return [row[0] for row in rows], [[float(value) for value in row[1:]] for row in rows]


@pytest.mark.parametrize(
    ("name", "block", "columns"),
    [
        (
            "table2",
            source.TABLE_2,
            [
                (f"region {region}", metric)
                for region in (1, 2, 3)
                for metric in ("MSE ↓", "PSNR (dB) ↑", "SSIM ↑")
            ],
        ),
        (
            "table4",
            source.TABLE_4,
            [(f"h{layer}", model) for layer in (1, 2, 3, 4) for model in ("CNN-FR", "CAE-FR")],
        ),
        (
            "table5",
            source.TABLE_5,
            [
                (f"h{layer}", metric)
                for layer in (1, 2, 3, 4)
                for metric in ("MSE ↓", "PSNR (dB) ↑", "SSIM ↑")
            ],
        ),
        (
            "table6",
            source.TABLE_6,
            [(f"region {region}", f"h{layer}") for region in (1, 2, 3) for layer in (1, 2, 3, 4)],
        ),
    ],
)
def test_a_table_is_laid_out_as_in_the_paper_with_its_numbers_in_their_places(
    found, name, block, columns
):
    layout = lay_out(*found(name, seeds=1))
    rows, numbers = printed(block, len(columns))
    assert list(layout.rows) == [row.replace("Region-", "region ") for row in rows]
    assert list(layout.columns) == columns
    np.testing.assert_array_equal(published(layout), numbers)


def test_table_3_has_the_papers_columns_in_the_papers_order_and_the_held_out_groups_beside_them(
    found,
):
    layout = lay_out(*found("table3", seeds=1))
    groups = [
        "all neurons",
        "significant",
        "insignificant",
        "significant, held-out",
        "insignificant, held-out",
    ]
    assert list(layout.columns) == [
        (metric, group) for metric in ("MSE ↓", "SSIM ↑", "PSNR (dB) ↑") for group in groups
    ]
    assert layout.rows == ("CAE", "CAE-FR1", "CAE-FR2", "CAE-FR3", "CAE-FR4")
    _, numbers = printed(source.TABLE_3, 6)
    theirs = np.array(published(layout))
    np.testing.assert_array_equal(theirs[1:, [1, 2, 6, 7, 11, 12]], numbers)
    assert (
        np.isnan(theirs[0]).all() and np.isnan(theirs[:, [0, 3, 4, 5, 8, 9, 10, 13, 14]]).all()
    )  # the paper chose on the test images only


def test_table_7_counts_what_is_there_beside_what_the_paper_counts(found):
    findings, part = found("table7")
    layout = lay_out(findings, part)
    assert layout.rows == ("simulated-r1", "simulated-r2", "simulated-r3")
    for region, row in zip((1, 2, 3), layout.cells, strict=True):
        counts = paper.counts(region)
        theirs = (counts.train, counts.test, counts.test_repeats, counts.neurons)
        ours = (40, studies.IMAGES, studies.REPEATS, studies.NEURONS)
        assert [tuple(cell) for cell in row] == [
            (str(a), f"paper {b}") for a, b in zip(ours, theirs, strict=True)
        ] + [("SIMULATED",)]


def test_the_heads_of_columns_span_what_belongs_together(found):
    assert lay_out(*found("table4", seeds=1, layers=(2, 4), regions=(3,))).heads() == [
        [("h2", 2), ("h4", 2)],
        [("CNN-FR", 1), ("CAE-FR", 1), ("CNN-FR", 1), ("CAE-FR", 1)],
    ]


def test_an_autoencoder_alone_stands_under_every_layer_that_was_asked_for(found):
    layout = lay_out(*found("table5", layers=(2, 4), models=("vae", "vae_fc"), seeds=2))
    assert [column[0] for column in layout.columns] == ["h2"] * 3 + ["h4"] * 3
    assert layout.cells[0][:3] == layout.cells[0][3:]
    alone = lay_out(*found("table5", models=("vae",), seeds=1))
    assert [column[0] for column in alone.columns] == ["any layer"] * 3


def test_another_region_than_the_papers_has_no_published_figure_and_says_its_region(found):
    layout = lay_out(
        *found("table5", regions=(1, 3), layers=(1,), models=("cae", "cae_fr"), seeds=1)
    )
    assert layout.rows == (
        "region 1 · CAE",
        "region 1 · CAE-FR",
        "region 3 · CAE",
        "region 3 · CAE-FR",
    )
    theirs = np.isnan(published(layout))
    assert theirs[:2].all() and not theirs[2:].any()


def test_a_cell_shows_ours_with_its_interval_then_the_papers_and_the_difference(found):
    findings, part = found("table2", regions=(3,), layers=(1,))
    entry = next(
        one
        for one in entries(findings, part)
        if one.setting.label == "CAE-FR1" and one.metric == "mse"
    )
    ours = entry.estimate
    assert entry.lines() == [
        f"{ours.value:.4f}",
        f"[{ours.low:.4f}, {ours.high:.4f}]",
        "paper 0.044",
        f"difference {ours.value - 0.044:+.4f}".replace("-", "−"),
    ]


def test_a_correlation_stands_beside_the_noise_ceiling_and_as_a_share_of_it(found):
    findings, part = found("table4", regions=(3,), layers=(1,))
    entry = entries(findings, part)[0]
    ceiling = findings.ceiling(3)
    assert 0 < ceiling <= 1 and entry.share == pytest.approx(entry.estimate.value / ceiling)
    assert entry.lines()[2] == f"{100 * entry.share:.0f} % of ceiling {ceiling:.3f}"


def test_a_correlation_stands_beside_feve_and_the_correlation_with_single_trials(found):
    findings, part = found("table4", regions=(3,), layers=(1,))
    entry = entries(findings, part)[0]
    trials = findings.recordings[3].test_trials
    predicted = [one.response for _, one in findings.outputs(entry.setting)]
    single = np.mean([metrics.single_trial_pearson(one, trials).mean() for one in predicted])
    feve = np.mean([np.nanmean(metrics.explained_variance(one, trials)) for one in predicted])
    assert len(predicted) > 1
    assert entry.lines()[3] == f"single trials {single:.3f}, FEVE {feve:.3f}".replace("-", "−")
    row = records(findings, part).iloc[0]
    assert (row["single_trial_pcc"], row["feve"]) == pytest.approx((single, feve))


def test_where_some_test_images_were_shown_once_the_share_is_that_of_the_others(found):
    findings, part = found("table4", regions=(3,), layers=(1,))
    recording = findings.recordings[3]
    trials = np.array(recording.test_trials)
    trials[1:, 20:] = np.nan
    findings.recordings = {
        3: dataclasses.replace(recording, test_trials=trials, test_responses=None)
    }
    entry = entries(findings, part)[0]
    predicted = [one.response for _, one in findings.outputs(entry.setting)]
    average = trials[:, :20].mean(axis=0)
    pcc = np.mean([metrics.pearson_per_neuron(one[:20], average).mean() for one in predicted])
    ceiling = metrics.noise_ceiling(trials[:, :20]).mean()
    assert entry.share == pytest.approx(pcc / ceiling, rel=1e-5)
    assert abs(pcc - entry.estimate.value) > 1e-3
    share = f"{100 * entry.share:.0f} % of ceiling {ceiling:.3f} (images shown several times)"
    assert entry.lines()[2] == f"{pcc:.3f}, {share}".replace("-", "−")


def test_linear_codes_stand_beside_every_figure_of_a_reconstruction(found):
    findings, part = found("table2", regions=(3,), layers=(1,), linear_codes=studies.codes_of_100)
    told = {(one.setting.label, one.metric): one.lines()[-1] for one in entries(findings, part)}
    for label in ("CAE", "CAE-FR1"):
        assert told[label, "mse"] == "DCT of 100: 0.0300, PCA of 100: 0.0210"  # mean over seeds
        assert told[label, "psnr"] == "DCT of 100: 21.25, PCA of 100: 22.00"
        assert told[label, "ssim"] == "DCT of 100: 0.700, PCA of 100: –"
    rows = records(findings, part).set_index(["model", "metric"])
    assert (rows["dct"]["cae", "mse"], rows["dct_size"]["cae", "mse"]) == (0.03, 100)
    assert rows["pca"]["cae_fr", "mse"] == pytest.approx(0.021)
    assert np.isnan(rows["pca"]["cae_fr", "ssim"])


def test_linear_codes_of_different_sizes_are_not_averaged_and_predictions_have_none(found):
    def grown(setting, seed):
        codes = studies.codes_of_100(setting, seed)
        return codes | {"pca": {**codes["pca"], "size": 100 - seed}}

    for name, codes in (("table2", grown), ("table4", studies.codes_of_100)):
        findings, part = found(name, regions=(3,), layers=(1,), linear_codes=codes)
        assert not any("DCT" in line for one in entries(findings, part) for line in one.lines())
        assert records(findings, part)[["dct", "pca", "dct_size"]].isna().all(axis=None)


def test_what_is_missing_says_why(found):
    chosen = plan(("table3",), (3,), (1, 2), None, 2)
    unfinished = {
        cell.name
        for cell in chosen.cells
        if cell.setting.group == "significant" and cell.setting.layer == 1
    }
    one_seed = {
        cell.name
        for cell in chosen.cells
        if cell.setting.group == "significant" and cell.setting.layer == 2 and cell.seed == 1
    }
    empty = {
        cell.name
        for cell in chosen.cells
        if cell.setting.group == "insignificant" and cell.setting.layer == 1
    }
    some = {
        cell.name
        for cell in chosen.cells
        if cell.setting.group == "insignificant" and cell.setting.layer == 2 and cell.seed == 0
    }
    findings, part = found(
        "table3", regions=(3,), layers=(1, 2), missing=unfinished | one_seed, skipped=empty | some
    )
    notes = {(one.setting.group, one.setting.layer): one.note for one in entries(findings, part)}
    assert (
        notes["significant", 1] == "not finished"
        and notes["insignificant", 1] == "no neuron in the group"
    )
    assert (
        notes["significant", 2] == "1 of 2 seeds"
        and notes["insignificant", 2] == "1 of 2 seeds (others: no neuron)"
    )
    assert notes["all", 1] == ""
    rows = records(findings, part)
    assert rows[rows["note"] == "not finished"]["ours"].isna().all()
    assert (
        "one seed"
        in rows[(rows["neurons"] == "significant") & (rows["layer"] == 2)]["note"].iloc[0]
    )


@pytest.mark.parametrize("name", ["table2", "table3", "table4", "table7", "figure4", "control"])
def test_records_read_back_from_csv_to_the_bit(found, name):
    findings, part = found(name, layers=(2,))
    rows = records(findings, part)
    read = pd.read_csv(io.StringIO(rows.to_csv(index=False)), keep_default_na=True)
    assert list(read.columns) == list(rows.columns) and len(read) == len(rows)
    for column in rows.select_dtypes("number"):
        np.testing.assert_array_equal(
            read[column].to_numpy(float), rows[column].astype(float).to_numpy()
        )
    if name != "table7":
        assert len(rows) == len(entries(findings, part))
        for row, entry in zip(read.itertuples(), entries(findings, part), strict=True):
            assert (row.ours, row.low, row.high) == (
                entry.estimate.value,
                entry.estimate.low,
                entry.estimate.high,
            )
            assert (row.model, row.neurons, row.metric) == (
                entry.setting.model,
                entry.setting.group,
                entry.metric,
            )


def test_a_figure_says_with_how_many_threads_its_cells_were_trained(found):
    def threads(setting, seed):
        if setting.label == "CAE-FR1":
            return [1, 2] if seed else [4]
        return {"CAE": [2], "CAE-FR2": None, "CAE-FR3": [2] if seed else None}.get(
            setting.label, [16]
        )

    away = {
        cell.name
        for cell in plan(("table2",), (3,), None, None, 2).cells
        if cell.setting.layer == 4
    }
    findings, part = found("table2", regions=(3,), missing=away, threads=threads)
    rows = records(findings, part)
    assert dict(
        zip(zip(rows["model"], rows["layer"].fillna(0), strict=True), rows["threads"], strict=True)
    ) == {
        ("cae", 0): "2",
        ("cae_fr", 1): "1, 2, 4",
        ("cae_fr", 2): "?",
        ("cae_fr", 3): "2, ?",
        ("cae_fr", 4): "",
    }


def test_tables_of_ones_own_recording_have_neither_the_paper_nor_a_region(found):
    for name in ("table2", "table7", "figure3"):
        findings, part = found(name, layers=(1,), own=True)
        rows, layout = records(findings, part), lay_out(findings, part)
        texts = [
            *rows.columns,
            *layout.rows,
            *(text for column in layout.columns for text in column),
            *(line for row in layout.cells for lines in row for line in lines),
        ]
        assert not any(
            "region" in text or "paper" in text or "difference" in text for text in texts
        )


def test_figures_of_images_and_stimuli_have_no_table(found):
    for name in ("figure2", "figure5"):
        findings, part = found(name, layers=(1,))
        assert records(findings, part) is None and lay_out(findings, part) is None


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (-0.12345, 3, False, "−0.123"),
        (0.5, 2, True, "+0.50"),
        (float("inf"), 2, False, "∞"),
        (float("nan"), 2, False, "–"),
        (None, 2, True, "–"),
        (-4.4e-8, 5, True, "−4e−08"),
        (0.00049, 3, True, "+5e−04"),
        (0.0005, 3, True, "+0.001"),
        (0.0, 3, True, "+0.000"),
        (0.0004, 3, False, "0.000"),
    ],
)
def test_numbers_for_people(value, digits, signed, text):
    assert number(value, digits, signed) == text


def test_markdown_shows_every_cell_and_takes_no_text_for_markup():
    text = markdown(["", "a|b"], [["<script>", ["1", "[0, 2]"]], ["x\ny", []]])
    assert text.splitlines() == [
        "|  | a\\|b |",
        "| --- | --- |",
        "| &lt;script> | 1<br>[0, 2] |",
        "| x y | – |",
    ]
