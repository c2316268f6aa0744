import subprocess
import sys

import numpy as np
import pytest

from daenr_tf import paper
from daenr_tf.errors import InputError

JOINT_FR = ("cae_fr", "vae_fr", "vqvae_fr")


def test_there_are_fifteen_recipes_each_with_the_heads_its_name_says():
    assert len(set(paper.RECIPES)) == 15
    assert [r for r in paper.RECIPES if not paper.has_readout(r)] == ["cae", "vae", "vqvae"]
    assert [r for r in paper.RECIPES if not paper.has_decoder(r)] == ["cnn_fr", "cnn_fc", "cnn_fm"]


@pytest.mark.parametrize(
    ("table", "expected"), [(2, 5 * 3), (4, 8 * 3), (5, 3 + 9 * 4), (6, 12 * 12)]
)
def test_results_tables_hold_every_cell(table, expected):
    assert len(set(paper.cells(table))) == expected


def test_psnr_and_mse_agree_in_every_cell():
    # The mean over images of a PSNR is at least that of the mean MSE (Jensen) and near it; a swapped or misread column would break this.
    from math import log10

    for table in (2, 5):
        for recipe, region, layer in paper.cells(table):
            cell = paper.published(recipe, region, layer, "ir", table)
            assert -0.1 < cell["psnr"] - 10 * log10(4 / cell["mse"]) < 1.2, (
                table,
                recipe,
                region,
                layer,
                cell,
            )
            assert 0.4 <= cell["ssim"] < 0.8
    for layer in paper.LAYERS:
        for group in paper.significance(layer).values():
            assert -0.1 < group["psnr"] - 10 * log10(4 / group["mse"]) < 1.2
            assert 0.3 < group["ssim"] < 0.8


@pytest.mark.parametrize(("region", "best"), [(1, 1), (2, 4), (3, 2)])
def test_best_layer_of_table_2_is_the_one_the_text_names(region, best):
    cells = {layer: paper.published("cae_fr", region, layer, "ir") for layer in paper.LAYERS}
    assert max(cells, key=lambda layer: cells[layer]["psnr"]) == best
    assert cells[best]["ssim"] == max(cell["ssim"] for cell in cells.values())
    assert cells[best]["mse"] == min(cell["mse"] for cell in cells.values())


def test_every_joint_model_of_table_4_beats_its_baseline_as_the_text_says():
    for region in paper.REGIONS:
        for layer in paper.LAYERS:
            joint, alone = (
                paper.published(recipe, region, layer, "nrs", 4)["pcc"]
                for recipe in ("cae_fr", "cnn_fr")
            )
            assert joint > alone


def test_best_joint_models_of_table_6():
    best = [
        max(
            paper.published(r, region, layer, "nrs", 6)["pcc"]
            for r in paper.JOINT
            for layer in paper.LAYERS
        )
        for region in paper.REGIONS
    ]
    assert best == [0.479, 0.396, 0.427]
    assert paper.published("vae_fr", 1, 2, "nrs") == {"table": 6, "pcc": 0.479}
    assert paper.published("vqvae_fc", 3, 4, "nrs") == {"table": 6, "pcc": 0.427}


@pytest.mark.parametrize(
    ("cell", "weights"),
    [
        (("cae_fr", 3, 2, "ir"), (1, 1e-3, 8)),
        (("cae_fr", 1, 3, "ir"), (1, 1e-4, 8)),
        (("cae_fr", 2, 1, "nrs"), (0.7, 1, 9)),
        (("cae_fr", 3, 3, "nrs"), (1, 0.4, 9)),
        (("cae_fr", 3, 2, "ir", 10), (1, 5e-3, 10)),
        (("cae_fr", 3, 2, "ir", 5), (1, 5e-3, 10)),
        (("cae_fr", 3, 2, "ir", 2), (1, 1e-3, 8)),
        (("cae_fr", 2, 3, "nrs", 12), (5e-3, 1, 12)),
        (("cae_fr", 2, 3, "nrs", 6), (5e-3, 1, 12)),
        (("cae_fm", 3, 1, "ir"), (1, 0.2, 10)),
        (("cae_fm", 1, 1, "ir"), (1, 0.2, 10)),
        (("vqvae_fc", 1, 3, "nrs"), (1e-4, 1, 11)),
        (("vae_fc", 2, 3, "nrs"), (1, 0.5, 12)),
        (("vqvae_fm", 3, 4, "nrs"), (1e-3, 1, 13)),
        (("vae", 1, None, "ir"), (1, 0, None)),
        (("cnn_fc", 1, 4, "nrs"), (0, 1, None)),
    ],
)
def test_loss_weights_of_a_cell(cell, weights):
    assert paper.loss_weights(*cell) == weights


@pytest.mark.parametrize("recipe", paper.JOINT)
def test_every_joint_cell_has_weights_with_one_of_them_one_and_figures_of_the_paired_table(recipe):
    for region in paper.REGIONS:
        for layer in paper.LAYERS:
            for task in paper.TASKS:
                weights = paper.loss_weights(recipe, region, layer, task)
                assert (
                    max(weights.alpha, weights.beta) == 1 and min(weights.alpha, weights.beta) > 0
                )
                figures = paper.published(recipe, region, layer, task)
                if task == "ir" and recipe != "cae_fr" and region != 3:
                    assert figures is None
                else:
                    assert set(figures) == (
                        {"table", "mse", "psnr", "ssim"} if task == "ir" else {"table", "pcc"}
                    )
                    assert (
                        figures["table"] == {8: 2, 9: 4, 10: 5, 11: 6, 12: 6, 13: 6}[weights.table]
                    )


@pytest.mark.parametrize(
    ("cell", "figures"),
    [
        (("cae_fr", 3, 2, "nrs"), {"table": 4, "pcc": 0.388}),
        (("cae_fr", 3, 2, "nrs", 6), {"table": 6, "pcc": 0.377}),
        (("cae_fr", 3, 2, "nrs", 13), {"table": 6, "pcc": 0.377}),
        (("cae_fr", 3, 2, "ir"), {"table": 2, "mse": 0.043, "psnr": 19.819, "ssim": 0.764}),
        (("cae_fr", 3, 2, "ir", 10), {"table": 5, "mse": 0.043, "psnr": 19.852, "ssim": 0.767}),
        (("cae_fr", 1, 2, "ir", 10), None),
        (("cae", 3, None, "ir"), {"table": 2, "mse": 0.081, "psnr": 17.039, "ssim": 0.561}),
        (("cae", 3, 4, "ir", 5), {"table": 5, "mse": 0.074, "psnr": 17.289, "ssim": 0.593}),
        (("cae", 1, None, "ir"), {"table": 2, "mse": 0.022, "psnr": 23.709, "ssim": 0.771}),
        (("vqvae", 3, 1, "ir"), {"table": 5, "mse": 0.082, "psnr": 16.959, "ssim": 0.497}),
        (("vae", 2, None, "ir"), None),
        (("cnn_fr", 1, 2, "nrs"), {"table": 4, "pcc": 0.467}),
        (("cnn_fr", 1, 2, "nrs", 6), {"table": 6, "pcc": 0.455}),
        (("cnn_fm", 3, 3, "nrs"), {"table": 6, "pcc": 0.102}),
    ],
)
def test_published_figures_of_a_cell(cell, figures):
    assert paper.published(*cell) == figures


def test_counts_and_significance():
    assert paper.counts(2) == (1260, 1, 50, 8, 55)
    assert [paper.counts(region).neurons for region in paper.REGIONS] == [103, 55, 102]
    assert paper.significance(1)["insignificant"] == {"mse": 0.125, "ssim": 0.332, "psnr": 15.168}
    assert paper.klindt_2017(2)["CNN-FR"] == 0.45


def test_listed_inconsistencies_are_what_the_tables_say():
    said = {i.where: i.finding for i in paper.INCONSISTENCIES}
    assert len(said) == len(paper.INCONSISTENCIES)

    worse = set()
    for table in (2, 5, 6):
        for recipe, region, layer in paper.cells(table):
            if recipe in paper.JOINT:
                task, baseline = (
                    ("nrs", "cnn_" + recipe[-2:]) if table == 6 else ("ir", recipe[:-3])
                )
                joint, alone = (
                    paper.published(r, region, layer, task, table) for r in (recipe, baseline)
                )
                for metric, value in joint.items():
                    if (
                        (value < alone[metric])
                        if metric in ("psnr", "ssim", "pcc")
                        else metric == "mse" and value > alone[metric]
                    ):
                        worse.add((table, recipe, region, layer, metric))
    assert worse == {
        (2, "cae_fr", 2, 1, "ssim"),
        (2, "cae_fr", 2, 3, "psnr"),
        (5, "vqvae_fm", 3, 3, "mse"),
        (5, "vqvae_fm", 3, 3, "psnr"),
        (6, "vae_fc", 1, 1, "pcc"),
        (6, "vae_fm", 1, 1, "pcc"),
        (6, "vqvae_fc", 1, 4, "pcc"),
    }
    for name in ("VAE-FC1", "VAE-FM1", "VQ-VAE-FC4"):
        assert name in said["Section 4.4 and Table 6"]
    assert (
        paper.published("vqvae_fm", 2, 4, "nrs")["pcc"]
        == paper.published("cnn_fm", 2, 4, "nrs")["pcc"]
    )

    against = paper.significance(4)
    assert against["insignificant"]["mse"] < against["significant"]["mse"]
    assert all(against["insignificant"][m] > against["significant"][m] for m in ("psnr", "ssim"))
    assert all(
        paper.published("cae", 3, 1, "ir", 2)[m] != paper.published("cae", 3, 1, "ir", 5)[m]
        for m in ("mse", "psnr", "ssim")
    )
    assert (
        paper.loss_weights("cae_fr", 3, 1, "ir", 8)[:2]
        == paper.loss_weights("cae_fr", 3, 1, "ir", 10)[:2]
    )
    assert all(
        paper.loss_weights("cae_fr", 3, i, "ir", 8)[:2]
        != paper.loss_weights("cae_fr", 3, i, "ir", 10)[:2]
        for i in (2, 3, 4)
    )


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (("caefr", 3, 2, "ir"), "recipe: expected cae, vae.*found 'caefr'"),
        (("cae_fr", 4, 2, "ir"), "region: expected 1, 2, 3, found 4"),
        (("cae_fr", 3, 0, "ir"), "layer: expected 1, 2, 3, 4, found 0"),
        (("cnn_fr", 3, None, "nrs"), "layer: .*found None"),
        (("cae_fr", 3, 2, "both"), "task: expected ir, nrs, found 'both'"),
        (("cae", 3, 2, "nrs"), "task of cae: expected ir, found 'nrs'"),
        (("cnn_fm", 3, 2, "ir"), "task of cnn_fm: expected nrs, found 'ir'"),
        (("vae_fr", 3, 2, "ir", 8), "table for vae_fr .*: expected 10, 5, found 8"),
        (("cae_fr", 3, 2, "nrs", 12), "table for cae_fr .*found 12"),
    ],
)
def test_unknown_cells_are_refused_in_one_line(cell, message):
    for ask in (paper.loss_weights, paper.published):
        with pytest.raises(InputError, match=message) as error:
            ask(*cell)
        assert "\n" not in str(error.value)


def test_a_baseline_is_not_given_figures_of_a_table_it_is_not_in():
    with pytest.raises(InputError, match="table for cnn_fc .*expected 6, found 4"):
        paper.published("cnn_fc", 1, 2, "nrs", 4)


def test_import_brings_in_nothing_heavy():
    code = "import sys, daenr_tf.paper; print([m for m in ('numpy', 'pandas', 'keras', 'tensorflow') if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_cells_that_are_printed_twice_tell_how_far_the_papers_repetitions_are_apart():
    twice = paper.printed_twice("pcc")
    assert set(twice) == {
        ("cnn_fr", region, layer) for region in (1, 2, 3) for layer in (1, 2, 3, 4)
    }
    assert twice["cnn_fr", 3, 4] == (0.385, 0.359)
    mean, cells = paper.spread("pcc")
    assert cells == 12 and mean == pytest.approx(np.mean([abs(a - b) for a, b in twice.values()]))
    # Of the joint models in both tables only CAE-FR1 has the same weights in both.
    assert paper.printed_twice("mse") == {
        ("cae", 3, None): (0.081, 0.074),
        ("cae_fr", 3, 1): (0.044, 0.043),
    }
