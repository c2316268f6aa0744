import dataclasses
import json
import re

import pytest

from daenr_tf import paper
from daenr_tf.errors import InputError
from daenr_tf.experiments.catalogue import EXPERIMENTS, WITH_COMMANDS
from daenr_tf.experiments.cells import ALL, GROUPS, PLAIN, SELECTED, Cell, Variant, setting
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.study import Study


def labels(chosen):
    return {(one.setting.region, one.setting.label) for one in chosen.cells}


def test_a_cell_that_several_tables_have_is_trained_once():
    two, five, both = (
        plan(names, seeds=2, regions=(3,))
        for names in (("table2",), ("table5",), ("table2", "table5"))
    )
    shared = set(two.cells) & set(five.cells)
    assert {cell.setting.label for cell in shared} == {
        "CAE",
        "CAE-FR1",
    }  # Tables 8 and 10 agree at layer 1 only
    assert len(both.cells) == len(two.cells) + len(five.cells) - len(shared) == len(set(both.cells))


def test_different_cells_have_different_directories():
    cells = plan(None, seeds=3).cells
    assert len({cell.name for cell in cells}) == len(cells) == len(set(cells))
    assert all(Cell.from_dict(cell.to_dict()) == cell for cell in cells)


def test_the_cells_of_a_table_are_those_that_the_paper_has_figures_of():
    for number in (2, 4, 5, 6):
        task = "ir" if number in (2, 5) else "nrs"
        expected = {(region, model, layer) for model, region, layer in paper.cells(number)}
        found = {
            (one.setting.region, one.setting.model, one.setting.layer)
            for one in plan((f"table{number}",), seeds=1).cells
        }
        assert found == expected
        assert {one.setting.task for one in plan((f"table{number}",), seeds=1).cells} == {task}


def test_a_cell_takes_the_loss_weights_of_the_table_it_stands_in():
    for number in (2, 4, 5, 6):
        for one in plan((f"table{number}",), seeds=1).cells:
            chosen = one.setting
            if chosen.model in paper.JOINT:
                weights = paper.loss_weights(
                    chosen.model, chosen.region, chosen.layer, chosen.task, number
                )
                assert (chosen.alpha, chosen.beta) == (weights.alpha, weights.beta)
            else:
                assert (chosen.alpha, chosen.beta) in ((1.0, 0.0), (0.0, 1.0))


def test_a_cell_whose_neurons_another_chooses_comes_after_that_one():
    cells = plan(("table3",), seeds=2).cells
    assert {cell.setting.group for cell in cells} == {ALL, *SELECTED}
    for place, cell in enumerate(cells):
        assert cell.base is None or cells.index(cell.base) < place
    assert all(cell.base for cell in cells if cell.setting.group in SELECTED)


@pytest.mark.parametrize("group", GROUPS)
def test_only_a_cell_with_chosen_neurons_has_a_base_and_it_has_all(group):
    cell = Cell(setting("cae_fr", 3, 2, "ir", 2, group=group), 1)
    assert (cell.base is not None) == (group in SELECTED)
    assert cell.base is None or (cell.base.setting.group == ALL and cell.base.seed == 1)


def test_the_users_choice_narrows_the_cells():
    chosen = plan(("table2",), regions=(3,), layers=(2, 4), models=("cae_fr",), seeds=1)
    assert labels(chosen) == {(3, "CAE-FR2"), (3, "CAE-FR4")}
    assert chosen.seeds == (0,)


def test_figures_of_images_train_a_single_seed():
    assert {cell.seed for cell in plan(("figure2",), seeds=5).cells} == {0}
    assert {cell.seed for cell in plan(("figure2", "table2"), seeds=5).cells} == set(range(5))


def test_a_table_can_be_made_of_other_regions_than_the_papers_and_a_figure_of_its_own_only():
    assert {cell.setting.region for cell in plan(("table5",), regions=(1,), seeds=1).cells} == {1}
    with pytest.raises(InputError, match=r"--regions: figure2 shows region 3, found 1, 2"):
        plan(("figure2",), regions=(1, 2))
    assert plan(None, regions=(1,), seeds=1).part("figure2") is None


@pytest.mark.parametrize(
    ("names", "models", "message"),
    [
        (("table4",), ("vae",), "--models: expected models of table4 (cnn_fr, cae_fr), found vae"),
        (("table2",), ("cae", "cae_fm"), "of table2 (cae, cae_fr), found cae_fm"),
        (("table2", "table4"), ("cae",), "--models: table4 has"),
        (
            ("tradeoff",),
            ("cae", "cae_fm"),
            "tradeoff compares cae_fm with cae and cnn_fm: expected cnn_fm too, found cae, cae_fm",
        ),
        (("tradeoff", "table2"), ("vae_gr", "cae_fr"), "expected vae and cnn_gr too, found vae_gr"),
    ],
)
def test_an_experiment_that_lacks_what_it_shows_and_a_model_that_stands_in_none_are_refused(
    names, models, message
):
    with pytest.raises(InputError, match=re.escape(message)):
        plan(names, models=models)


def test_nothing_is_trained_for_the_counts_and_the_stimuli():
    chosen = plan(("table7", "figure5"))
    assert chosen.cells == () and len(chosen.parts) == 2


def test_ones_own_recording_has_no_region_and_takes_a_regions_weights():
    chosen = plan(None, regions=(2,), layers=(1,), seeds=1, own=True)
    assert {part.regions for part in chosen.parts} == {(None,)}
    assert {cell.setting.region for cell in chosen.cells} == {None}
    weights = paper.loss_weights("cae_fr", 2, 1, "ir", 2)
    joint = next(one for one in chosen.part("table2").settings if one.model == "cae_fr")
    assert (joint.alpha, joint.beta) == (weights.alpha, weights.beta)
    assert not {"figure6", "figure7", "figure8"} & {
        part.experiment.name for part in chosen.parts
    }  # they would repeat figures 2 and 3
    assert not any("region" in part.title for part in chosen.parts)


def test_every_experiment_but_the_controls_is_a_table_or_a_figure_of_the_paper_or_has_a_command():
    assert set(EXPERIMENTS) - set(WITH_COMMANDS) == {
        *("control", "control_images", "sparsity", "region3")
    }
    assert set(WITH_COMMANDS) == {f"table{i}" for i in range(2, 8)} | {
        f"figure{i}" for i in range(2, 9)
    } | {"tradeoff"}


def test_variants_of_a_cell_have_names_of_their_own_and_survive_json():
    chosen = plan(("tradeoff", "sparsity"), seeds=1)
    names = [cell.name for cell in chosen.cells]
    assert len(set(names)) == len(names) == 31
    assert {"cae-r3-ir-a1.0-b0.0-n0.125-s0", "cae_fr-r3-l2-ir-a100.0-b0.001-s0"} < set(names)
    assert "cae_fr-r3-l4-nrs-a1.0-b0.9-activity_l1=0.0-s0" in names
    for cell in chosen.cells:
        assert Cell.from_dict(json.loads(json.dumps(cell.to_dict()))) == cell
        assert json.loads(json.dumps(cell.to_dict())) == cell.to_dict()


def test_a_cell_without_a_variant_is_written_as_it_always_was():
    (cell, *_) = plan(("table2",), seeds=1).cells
    assert set(cell.to_dict()) == {
        *("model", "region", "layer", "task", "alpha", "beta", "group", "seed")
    }


def test_a_variant_changes_only_what_it_can_change():
    ratio, option = Variant(ratio=10.0), Variant(options=(("activity_l1", 0.0),))
    joint = setting("cae_fr", 3, 2, "ir", 2)
    assert setting("cae_fr", 3, 2, "ir", 2, variant=ratio).alpha == 10 * joint.alpha
    assert setting("cae", 3, 2, "ir", 2, variant=ratio) == setting("cae", 3, 2, "ir", 2)
    assert setting("cae", 3, 2, "ir", 2, variant=option) == setting("cae", 3, 2, "ir", 2)
    study = Study("simulated")
    cell = Cell(setting("cnn_fr", 3, 2, "nrs", 4, variant=option), 0)
    assert study.config(cell).model.activity_l1 == 0.0
    given = dataclasses.replace(study, settings={"activity_l1": 0.5})
    assert given.config(cell).model.activity_l1 == 0.0  # it is what the cell is about


def test_the_trade_off_is_not_trained_unless_it_is_asked_for():
    assert plan(None, seeds=1).part("tradeoff") is None
    layers = {one.layer for one in plan(("tradeoff",), seeds=1).part("tradeoff").settings}
    assert layers == {None, 2}
    asked = plan(("tradeoff",), layers=(1, 3), seeds=1).part("tradeoff").settings
    assert {one.layer for one in asked} == {None, 1, 3}


def test_the_trade_off_takes_the_models_that_are_asked_for():
    whole = plan(("tradeoff",), seeds=1).part("tradeoff").settings
    assert {one.model for one in whole} == {"cae", "cnn_fr", "cae_fr"}
    others = ("vae", "cnn_fm", "vae_fm")
    asked = plan(("tradeoff",), models=others, seeds=1).part("tradeoff").settings
    assert {one.model for one in asked} == set(others) and len(asked) == len(whole)
    alone = plan(("tradeoff",), models=("cae",), seeds=1).part("tradeoff").settings
    assert {one.model for one in alone} == {"cae"}  # over the number of images


def test_region_3s_baseline_is_trained_with_each_momentum_resizing_and_sums():
    chosen = plan(("region3",))
    assert plan(None, seeds=1).part("region3") is None  # unless it is asked for
    assert {cell.seed for cell in chosen.cells} == set(range(20))  # a rare failure shows
    assert {cell.seed for cell in plan(("table2",)).cells} == set(range(5))
    assert labels(chosen) == {(3, "CAE")} | {(3, f"CAE-FR{layer}") for layer in paper.LAYERS}
    options = [
        {},
        *({"batch_norm_momentum": value} for value in (0.99, 0.999)),
        *({"resize": way} for way in ("area", "bicubic", "nearest")),
        *({"loss_scale": scale} for scale in ("sum", "neurons")),
    ]
    study = Study("simulated")
    for label in ("CAE", "CAE-FR1", "CAE-FR2", "CAE-FR3", "CAE-FR4"):
        cells = [one for one in chosen.cells if (one.setting.label, one.seed) == (label, 0)]
        asked = options if label != "CAE" else options[:-2]  # one loss has no scale
        assert [dict(one.setting.variant.options) for one in cells] == asked
        plain = study.config(cells[0]).to_dict()
        for cell, changed in zip(cells, asked, strict=True):
            assert study.config(cell).to_dict() == {**plain, **changed}
    joint = next(one.setting for one in chosen.cells if one.setting.label == "CAE-FR3")
    assert (joint.alpha, joint.beta) == (1.0, 1e-5)  # Table 8
    table2 = plan(("table2",), regions=(3,), seeds=20)
    assert set(table2.cells) <= set(chosen.cells)  # trained once for both


def test_the_papers_figures_stand_beside_what_it_trained_and_nothing_else():
    (part,) = plan(("region3",), seeds=1).parts
    for one in part.settings:
        figures = part.experiment.published_figures(one)
        assert bool(figures) is (one.variant == PLAIN)
    plain = next(one for one in part.settings if one.variant == PLAIN)
    assert part.experiment.published_figures(plain) == {"mse": 0.081, "psnr": 17.039, "ssim": 0.561}
