import json
import pathlib

import numpy as np
import pytest
from drawing import texts
from matplotlib.axes import Axes
from matplotlib.image import imread

from daenr_tf import paper
from daenr_tf.plotting import canvas
from daenr_tf.tools import doc_figures

DOCS = pathlib.Path(__file__).parents[1] / "docs"
RINGS = {
    "paper_images.png": 4,
    "paper_responses.png": 4,
}  # cells against the text, as listed in daenr_tf.paper


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn, by file name, instead of files."""
    kept = {}
    monkeypatch.setattr(
        canvas, "write", lambda path, figure: kept.update({pathlib.Path(path).name: figure})
    )
    return kept


@pytest.fixture(scope="module")
def make_run(tmp_path_factory):
    """The directory of a run of 0 steps on the simulated region 3."""

    def make(recipe):
        from daenr_tf.config import ModelConfig, RunConfig, TrainConfig
        from daenr_tf.models.build import build_model
        from daenr_tf.models.keras_file import save_model
        from daenr_tf.recordings.load import load_recording

        place = tmp_path_factory.mktemp(recipe)
        config = RunConfig(
            ModelConfig(recipe, image_size=(16, 16)),
            TrainConfig(task="nrs" if recipe == "cnn_fr" else "ir"),
            dataset="simulated",
        )
        (place / "config.json").write_text(json.dumps(config.to_dict()))
        model = build_model(config.model, load_recording("simulated", 3))
        save_model(model, str(place / "model.keras"))
        return str(place)

    return make


@pytest.mark.parametrize(
    ("recipe", "panels", "task"),
    [
        ("cae_fr", ["stimulus x", "h1", "h2: read out", "h3", "h4", "reconstruction x̂"], "ir"),
        ("cnn_fr", ["stimulus x", "h1", "h2: read out"], "nrs"),
        ("vae", ["stimulus x", "h1", "h2", "h3", "h4", "reconstruction x̂"], "ir"),
    ],
)
def test_the_way_through_a_model_shows_what_the_model_has(recipe, panels, task, make_run, drawn):
    assert doc_figures.main(["model", "--run", make_run(recipe)]) == 0
    said = texts(drawn["model.png"])
    shapes = {
        "s": "16 × 16 × 1",
        "r": "16 × 16 × 1",
        "h1": "8 × 8 × 48",
        "h2": "8 × 8 × 48",
        "h3": "4 × 4 × 48",
        "h4": "4 × 4 × 48",
    }
    assert [text.split("\n") for text in said if " × " in text] == [
        [panel, shapes[panel[:2] if panel[0] == "h" else panel[0]]] for panel in panels
    ]
    readout = [] if recipe == "vae" else ["layer 2"]
    assert (
        "simulated data" in said
        and ", ".join([recipe, *readout, "image size 16x16", task, "seed 0", "simulated region 3"])
        in said
    )
    assert sum("PCC" in text for text in said) == (0 if recipe == "vae" else 4)


def test_the_scatter_of_a_neuron_is_what_was_predicted_and_observed(make_run, drawn, capsys):
    import daenr_tf

    run = make_run("cae_fr")
    doc_figures.main(["model", "--run", run])
    assert f"written: {pathlib.Path('docs/images/model.png')}" in capsys.readouterr().err
    recording = daenr_tf.load_recording("simulated", region=3)
    evaluation = daenr_tf.evaluate(daenr_tf.load_model(f"{run}/model.keras"), recording)
    best = evaluation.neurons["pcc"].to_numpy().argmax()
    (axis,) = (axis for axis in drawn["model.png"].findobj(Axes) if "(best)" in axis.get_title())
    shown = axis.collections[0].get_offsets()
    np.testing.assert_allclose(
        shown,
        np.stack(
            [recording.test_responses[:, best], evaluation.outputs["response"][:, best]], axis=1
        ),
        rtol=1e-4,
    )


def test_the_table_of_fixed_mask_positions_is_the_one_in_the_docs(drawn, capsys):
    assert doc_figures.main(["readouts"]) == 0
    said = capsys.readouterr()
    assert said.out in (DOCS / "readouts.md").read_text(encoding="utf-8")
    assert said.err == f"written: {pathlib.Path('docs/images/readouts.png')}\n"
    assert "simulated data" in texts(drawn["readouts.png"])


def test_weights_are_drawn_for_every_cell_of_their_tables(drawn):
    assert doc_figures.main(["tasks"]) == 0
    figure = drawn["tasks.png"]
    panels = {
        axis.get_title(): axis.get_images()[0].get_array()
        for axis in figure.findobj(Axes)
        if axis.get_title()
    }
    assert [title.split("\n")[0] for title in panels] == [
        "ir, Table 8",
        "nrs, Table 9",
        "ir, Table 10",
        "nrs, Table 11",
        "nrs, Table 12",
        "nrs, Table 13",
    ]
    assert panels["ir, Table 8"][2, 1] == pytest.approx(-3)  # region 3, h2: 1e-0:1e-3
    assert panels["nrs, Table 13\nregion 3"][paper.JOINT.index("vae_fr"), 0] == pytest.approx(-4)
    assert sum(panel.size for panel in panels.values()) == 2 * 12 + 4 * 36
    assert not {"simulated data"} & set(texts(figure))


def test_published_figures_mark_the_cells_that_speak_against_the_text(drawn):
    assert doc_figures.main(["paper"]) == 0
    for name, count in RINGS.items():
        rings = [
            line.get_xydata()
            for axis in drawn[name].axes
            for line in axis.lines
            if line.get_markersize() == 12
        ]
        assert sum(map(len, rings)) == count
        assert any(text.startswith("against the text") for text in texts(drawn[name]))
        assert "simulated data" not in texts(drawn[name])
    points = {
        tuple(point)
        for axis in drawn["paper_images.png"].axes
        for line in axis.lines
        for point in np.round(line.get_xydata(), 3)
    }
    assert {y for _, y in points} >= {19.751, 19.832, 15.168}  # Tables 2, 5 and 3 at h1 in region 3


@pytest.mark.parametrize(("figure", "files"), [("tasks", {"tasks.png"}), ("paper", set(RINGS))])
def test_a_figure_is_written_and_named_and_is_not_blank(
    figure, files, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(canvas, "DPI", 60)
    assert doc_figures.main([figure, "--folder", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == files
    said = capsys.readouterr().err.splitlines()
    assert said == [f"written: {tmp_path / name}" for name in sorted(files)]
    assert all(imread(path)[..., :3].std() > 0.05 for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model", "readouts", "tasks", "paper_images", "paper_responses"])
def test_the_docs_show_every_figure(name):
    page = {"paper_images": "paper", "paper_responses": "paper"}.get(name, name)
    assert f"(images/{name}.png)" in (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert 30_000 < (DOCS / "images" / f"{name}.png").stat().st_size < 250_000


def test_a_run_that_is_none_is_refused_in_one_line(tmp_path, capsys):
    assert doc_figures.main(["model", "--run", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    for wrong in (["model"], ["tasks", "--run", "x"], ["nothing"]):
        with pytest.raises(SystemExit):
            doc_figures.main(wrong)


def test_help_says_that_the_documentations_own_files_are_written(capsys):
    with pytest.raises(SystemExit):
        doc_figures.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "over the tracked files" in said and "docs/images" in said
