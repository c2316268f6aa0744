"""A new experiment, claim, system or setting costs a row, and goes through plan, report and CSV."""

import dataclasses
import json
import types

import numpy as np
import pandas as pd
import pytest
import studies

from daenr_tf import paper, systems
from daenr_tf.commands import options, study_options
from daenr_tf.errors import InputError, SettingError
from daenr_tf.experiments import claims, study_file
from daenr_tf.experiments.catalogue import EXPERIMENTS
from daenr_tf.experiments.cells import Cell, setting
from daenr_tf.experiments.claims import Claim, judge
from daenr_tf.experiments.comparisons import against_autoencoder
from daenr_tf.experiments.experiment import LAYER, METRIC, MODEL, Experiment
from daenr_tf.experiments.findings import Findings
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.questions import Question
from daenr_tf.experiments.report import page
from daenr_tf.experiments.study import Study, effective
from daenr_tf.experiments.verdicts import CONTRADICTED, SUPPORTED
from daenr_tf.plotting import canvas

TOY = systems.System(
    systems.Part("toy", "TOY", "daenr_tf.layers.bottlenecks:DenseBottleneck"),
    systems.READOUTS["fc"],
)


@pytest.fixture
def toy(monkeypatch):
    """A joint system that the paper lacks, and its autoencoder alone."""
    for system in (TOY.autoencoder, TOY):
        monkeypatch.setitem(systems.SYSTEMS, system.name, system)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The report of some experiments: (page, terminal, directory)."""
    monkeypatch.setattr(canvas, "DPI", 20)

    def make(names, models=None, regions=(3,), study=None, found=None, own=False, **options):
        chosen = plan(names, regions, (2,), models, 3, own)
        found = found or studies.recordings(regions, simulated=False)
        study = study or Study("antolik")
        studies.finish(str(tmp_path), chosen, found, study, **options)
        terminal = page.write_report(
            studies.finished(tmp_path, study, found), chosen, [], "command", 1.0
        )
        return " ".join((tmp_path / "report.html").read_text().split()), terminal, tmp_path

    return make


def lower_ssim(claim, part):
    """A made-up claim that the paper has a figure for: a joint model has the lower SSIM."""
    found = []
    for joint in (one for one in part.settings if one.system.joint):
        base = next(one for one in part.settings if one.model == joint.system.autoencoder.name)
        pairs = ((base, joint),)
        found.append(
            Question(joint.label, claim.metric, claim.unit, claim.least, pairs, published=-0.25)
        )
    return found


def test_the_report_of_region_3_has_a_row_for_each_variant_and_the_papers_figures_beside_the_first(
    written,
):
    _, _, folder = written(("region3",))
    lines = (folder / "tables" / "region3.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ")][1:]
    heads = [line.split(" | ")[0].removeprefix("| ") for line in rows if "---" not in line]
    assert heads == [
        *("as the paper has it", "batch norm momentum 0.99", "batch norm momentum 0.999"),
        *("resize area", "resize bicubic", "resize nearest"),
        *("loss scale sum", "loss scale neurons"),
    ]
    table = pd.read_csv(folder / "tables" / "region3.csv", keep_default_na=False)
    assert (table["paper"] != "").equals(table["variant"] == "")


def test_a_made_up_experiment_and_a_claim_about_it_cost_a_row_each(written, monkeypatch):
    row = Experiment(
        "extra",
        "Something of ours",
        models=("vae", "vae_fm"),
        regions=(3,),
        weights=5,
        metrics=("ssim", "mse"),
        row=MODEL,
        columns=(LAYER, METRIC),
        published=lambda one: {"ssim": 0.125} if one.model == "vae" else {},
    )
    claim = Claim(
        "X1",
        "Ours is less structured",
        ("extra",),
        "vae and vae_fm",
        lower_ssim,
        "ssim",
        "SSIM",
        0.001,
    )
    monkeypatch.setitem(EXPERIMENTS, "extra", row)
    monkeypatch.setattr(claims, "CLAIMS", (*claims.CLAIMS, claim))
    text, terminal, folder = written(
        ("table5", "extra"),
        ("vae", "vae_fm"),
        spread=0.002,
        error=lambda one, seed: 0.06 if studies.joint(one) else 0.05,
    )
    assert "X1 supported: Ours is less structured" in terminal and "C7 contradicted" in terminal
    assert (
        '<h2 id="extra-title">Something of ours</h2>' in text
        and "tables/extra.csv" in text
        and "figures/claim_X1.png" in text
    )
    rows = pd.read_csv(folder / "tables" / "extra.csv")
    assert list(zip(rows["model"], rows["metric"], strict=True)) == [
        ("vae", "ssim"),
        ("vae", "mse"),
        ("vae_fm", "ssim"),
        ("vae_fm", "mse"),
    ]
    np.testing.assert_array_equal(rows["paper"], [0.125, np.nan, np.nan, np.nan])
    markdown = (folder / "tables" / "extra.md").read_text().splitlines()
    assert "|  | h2 · SSIM ↑ | h2 · MSE ↓ |" in markdown
    judged = pd.read_csv(folder / "tables" / "claims.csv").set_index("claim")
    assert judged.loc["X1", "verdict"] == SUPPORTED and judged.loc["X1", "paper"] == -0.25
    assert judged.loc["C7", "verdict"] == CONTRADICTED


def test_a_claim_can_rest_on_another_and_be_about_other_models_with_the_same_comparisons(
    tmp_path, monkeypatch
):
    first = Claim(
        "X1", "Joint is better", ("table5",), "vae", against_autoencoder, "mse", "MSE", 0.01
    )
    second = Claim(
        "X2",
        "And so it is",
        ("table5",),
        "vae",
        lower_ssim,
        "ssim",
        "SSIM",
        0.001,
        rests_on=("X1",),
    )
    monkeypatch.setattr(claims, "CLAIMS", (first, second))
    chosen, found = plan(("table5",), (3,), (2,), ("vae", "vae_fc"), 3), studies.recordings((3,))
    study = studies.finish(
        str(tmp_path),
        chosen,
        found,
        spread=0.002,
        error=lambda one, seed: 0.06 if studies.joint(one) else 0.05,
    )
    judged = judge(Findings(chosen, studies.finished(tmp_path, study, found)))
    assert [(one.name, one.verdict) for one in judged] == [
        ("X1", CONTRADICTED),
        ("X2", CONTRADICTED),
    ]
    assert judged[1].count(SUPPORTED) == 1


def test_the_plan_of_all_variants_is_the_papers_until_another_system_is_asked_for(toy):
    assert {cell.setting.model for cell in plan(("table5", "table6"), seeds=1).cells} == set(
        paper.RECIPES
    )
    chosen = plan(("table5", "table6"), (3,), (2,), ("toy", "toy_fc", "cnn_fc"), 1)
    assert [(one.model, one.task) for part in chosen.parts for one in part.settings] == [
        ("toy", "ir"),
        ("toy_fc", "ir"),
        ("cnn_fc", "nrs"),
        ("toy_fc", "nrs"),
    ]
    with pytest.raises(InputError, match="expected models of table4 .*, found toy_fc"):
        plan(("table4",), models=("toy_fc",))


def test_a_system_that_the_paper_lacks_is_shown_and_judged_without_a_published_figure(toy, written):
    text, terminal, folder = written(
        ("table5",),
        ("cae", "cae_fr", "toy", "toy_fc"),
        spread=0.002,
        error=lambda one, seed: 0.04 if studies.joint(one) else 0.05,
    )
    assert "C7 supported" in terminal
    rows = pd.read_csv(folder / "tables" / "table5.csv")
    assert (
        rows[rows["model"].str.startswith("toy")]["paper"].isna().all()
        and rows[rows["model"] == "cae_fr"]["paper"].notna().all()
    )
    assert (rows[rows["model"] == "toy_fc"][["alpha", "beta"]] == [1.0, 1e-3]).all(axis=None)
    assert (
        "The paper has no alpha:beta for TOY-FC2: they have the medians of its other models" in text
    )
    layout = (folder / "tables" / "table5.md").read_text()
    assert [line.split(" | ")[0] for line in layout.splitlines() if line.startswith("|")][2:] == [
        "| CAE",
        "| CAE-FR",
        "| TOY",
        "| TOY-FC",
    ]
    judged = pd.read_csv(folder / "tables" / "claims.csv")
    assert list(judged["comparison"]) == [
        "region 3: CAE-FR2 against CAE",
        "region 3: TOY-FC2 against TOY",
    ]
    assert list(judged["paper"].isna()) == [False, True]


# Settings given for all cells


def test_settings_win_over_the_budget_and_leave_cells_alone_that_lack_them():
    study = Study(
        "simulated",
        budget="quick",
        settings={"max_steps": 77, "latent_size": 7, "code_dim": 5, "readout_l1": 0.5},
    )
    cae, cnn = (
        study.config(Cell(setting(model, 3, 2, task, table), 0))
        for model, task, table in (("cae", "ir", 2), ("cnn_fr", "nrs", 4))
    )
    assert cae.training.max_steps == cnn.training.max_steps == 77
    assert (
        cae.training.patience_steps
        == Study("simulated", budget="quick")
        .config(Cell(setting("cae", 3, 2, "ir", 2), 0))
        .training.patience_steps
    )
    assert (cae.model.latent_size, cnn.model.latent_size, cnn.model.readout_l1) == (7, 100, 0.5)
    assert cae.model.code_dim == cnn.model.code_dim == 256


def test_the_fast_budget_trains_every_cell_by_the_fast_schedule_which_is_not_the_papers():
    study = Study("antolik", budget="fast", settings={"readout_l1": 0.5})
    alone, joint = setting("cae", 3, 2, "ir", 2), setting("cae_fr", 3, 2, "ir", 2)
    assert study.config(Cell(joint, 0)).training.schedule == "fast"
    assert study.config(Cell(joint, 0)).training.patience_steps == 150 and not study.rehearsal
    assert study.departures([alone]) == {"schedule": "fast"}
    assert study.departures([alone, joint]) == {"readout_l1": 0.5, "schedule": "fast"}
    assert Study("antolik").departures([alone, joint]) == {}


def test_the_papers_budget_lets_patience_end_every_training_which_is_the_papers_procedure():
    study, cell = Study("antolik"), Cell(setting("cae", 3, 2, "ir", 2), 0)
    assert study.config(cell).training.max_steps == 40000 == study.most_steps
    assert (
        dataclasses.replace(study, settings={"max_steps": 9}).config(cell).training.max_steps == 9
    )
    assert study.departures([cell.setting]) == {}
    assert Study("antolik", budget="fast").config(cell).training.max_steps == 10000


def test_a_loss_scale_is_that_of_every_cell_that_weighs_two_losses_and_departs_there():
    study = Study("antolik", settings={"loss_scale": "sum"})
    alone, joint = setting("cae", 3, 2, "ir", 2), setting("cae_fr", 3, 2, "ir", 2)
    assert study.config(Cell(alone, 0)).training.loss_scale == "mean"
    assert study.config(Cell(joint, 0)).training.loss_scale == "sum" == study.loss_scale
    assert study.departures([alone]) == {}
    assert study.departures([alone, joint]) == {"loss_scale": "sum"}
    assert effective({"loss_scale": "mean"}, "paper") == {} and Study("antolik").loss_scale is None


def test_studies_of_two_loss_scales_share_no_directory(tmp_path):
    plain, sums = Study("antolik"), Study("antolik", settings={"loss_scale": "sum"})
    (tmp_path / "study.json").write_text(json.dumps(study_file.known(str(tmp_path), sums)))
    assert study_file.known(str(tmp_path), sums)["settings"] == {"loss_scale": "sum"}
    for other, said in (
        (plain, "a study with no --loss-scale, found .* with --loss-scale sum;"),
        (
            dataclasses.replace(plain, settings={"loss_scale": "neurons"}),
            "a study with --loss-scale neurons, found .* with --loss-scale sum;",
        ),
    ):
        with pytest.raises(InputError, match=said):
            study_file.known(str(tmp_path), other)


@pytest.mark.parametrize(
    "scale, words",
    [
        ("sum", "alpha and beta weight sums over pixels and over neurons, not means"),
        ("neurons", "beta weights a sum over neurons, not a mean"),
    ],
)
def test_the_report_says_on_which_loss_scale_its_models_were_trained(written, scale, words):
    study = Study("antolik", settings={"loss_scale": scale})
    text, terminal, folder = written(("table2",), study=study)
    assert f"Loss scale {scale}: {words}<span>" in text
    assert f"loss scale {scale}: {words}" in terminal.splitlines()
    assert f"the settings are not the paper’s (--loss-scale {scale})." in text
    table = pd.read_csv(folder / "tables" / "table2.csv")
    assert (table["settings"] == f"--loss-scale {scale}").all()
    assert f"loss scale {scale}" in text.split('alt="Validation loss')[1].split('"')[0]
    plain, terminal, _ = written(("table2",), study=Study("antolik"))
    assert "oss scale" not in plain + terminal


def test_settings_that_every_model_has_anyway_are_none_and_bad_ones_are_refused():
    given = {"max_steps": 40000, "readout_l1": 0.02, "image_size": [32, 32], "learning_rate": 0.002}
    assert effective(given, "paper") == {
        "readout_l1": 0.02,
        "learning_rate": 0.002,
    }  # FC has another penalty than FR
    assert effective({"max_steps": 10000}, "quick") == {"max_steps": 10000}
    with pytest.raises(SettingError, match="code_dim: expected a whole number"):
        effective({"code_dim": 0}, "paper")


def test_settings_depart_from_the_paper_where_a_model_is_trained_otherwise():
    fr, fc = (setting(f"cnn_{readout}", 3, 2, "nrs", 6) for readout in ("fr", "fc"))
    study = Study(
        "antolik",
        settings={
            "readout_l1": 0.02,
            "latent_size": 7,
            "deterministic": True,
            "strategy": "mirrored",
        },
    )
    assert study.departures([fr]) == {}
    assert study.departures([fr, fc]) == {"readout_l1": 0.02}
    assert Study("antolik").departures([fr, fc]) == {}


def test_the_papers_figures_are_not_comparable_where_settings_depart_and_the_report_says_why(
    written,
):
    study = Study("antolik", settings={"max_steps": 50, "code_dim": 5})
    text, terminal, folder = written(("table2", "table4"), study=study)
    told = "--max-steps 50 --code-dim 5"
    assert f"settings given: {told}" in terminal
    assert (
        f"<code>{told}</code>; they are not the paper’s, so its figures, where they stand below,"
        " are not comparable with ours" in text
    )
    assert (
        text.count("They are not comparable: the settings are not the paper’s (--max-steps 50).")
        == 2
    )
    rows = pd.read_csv(folder / "tables" / "table2.csv")
    assert (rows["settings"] == told).all() and (
        rows["note"] == "not comparable with the paper’s: --max-steps 50"
    ).all()
    assert (pd.read_csv(folder / "tables" / "claims.csv")["settings"] == told).all()


def test_settings_that_change_nothing_of_a_part_leave_it_comparable(written):
    text, _, folder = written(("table2",), study=Study("antolik", settings={"code_dim": 5}))
    assert (
        "not comparable" not in text
        and pd.read_csv(folder / "tables" / "table2.csv")["note"].isna().all()
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, ["Colour images are turned to grey", "Images of 40x24 are resized to 32x32"]),
        ({"color": "rgb", "image_size": [40, 24]}, []),
        ({"image_size": [48, 48]}, ["Colour images are turned to grey"]),
    ],
)
def test_the_report_says_what_of_the_images_no_model_sees(written, settings, told):
    found = studies.recordings((None,), simulated=False)
    images = {
        name: np.zeros((len(getattr(found[None], name)), 40, 24, 3), np.uint8)
        + np.arange(40, dtype=np.uint8)[:, None, None]
        + np.arange(len(getattr(found[None], name)), dtype=np.uint8)[:, None, None, None]
        for name in ("images", "test_images")
    }
    images["images"] = images["images"] + np.uint8(100)
    colour = type(found[None])(
        **images,
        responses=found[None].responses,
        test_trials=found[None].test_trials,
        name="colourful",
    )
    text, _, _ = written(
        ("table4",), study=Study("/mine.npz", settings=settings), found={None: colour}, own=True
    )
    assert [
        words
        for words in ("Colour images are turned to grey", "Images of 40x24 are resized to 32x32")
        if words in text
    ] == told


def test_the_help_says_what_image_sizes_are_multiples_of(monkeypatch):
    rows = {name: meaning for name, _, meaning, _ in options.OF_EVERY_MODEL}
    core = systems.CORES[systems.DEFAULT_CORE]
    assert f"multiples of {core.downsampling} (default: 32)" in rows["image-size"]
    deeper = types.SimpleNamespace(name="deeper", downsampling=8)
    monkeypatch.setitem(systems.CORES, "deeper", deeper)
    of_four = [one.name for one in systems.CORES.values() if one.downsampling == 4]
    assert options._downsampling() == f"4 ({', '.join(of_four)}), 8 (deeper)"


def test_layers_are_those_of_the_core_that_was_asked_for(monkeypatch):
    monkeypatch.setitem(systems.CORES, "shallow", types.SimpleNamespace(name="shallow", layers=2))
    assert (
        study_options.layers_of(None, {"core": "shallow"}) == (1, 2)
        and study_options.layers_of(None, {}) is None  # each experiment has its own
    )
    with pytest.raises(
        InputError, match="--layers: expected layers out of 1, 2 of the core shallow, found 3"
    ):
        study_options.layers_of((1, 3), {"core": "shallow"})
