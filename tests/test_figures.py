import inspect
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from drawing import assert_nothing_is_cut_or_covered, texts
from matplotlib.image import imread

from daenr_tf.config import RunConfig
from daenr_tf.errors import MachineError
from daenr_tf.plotting import canvas, learning_curves
from daenr_tf.plotting import images as image_figures
from daenr_tf.plotting import masks as mask_figures
from daenr_tf.plotting import neurons as neuron_figures
from daenr_tf.runs.products import describe

RNG = np.random.default_rng(0)
LABEL = np.array([255, 176, 0]) / 255


def history(rows=8, terms=("loss", "reconstruction", "response", "kl")):
    steps = 50 * np.arange(1, rows + 1)
    table = {"step": steps, "stage": np.where(steps <= 250, 1, 2), "learning_rate": 1e-3}
    for term in terms:
        table[f"train_{term}"] = np.exp(-steps / 100)
        table[f"val_{term}"] = np.exp(-steps / 100) + 0.1
    return pd.DataFrame(table)


def images(count, channels=1, height=16, width=16):
    return RNG.uniform(-1, 1, (count, height, width, channels))


def draw_reconstructions(path, simulated, count=3, channels=1, height=16, width=16):
    original = images(count, channels, height, width)
    image_figures.reconstructions(
        path, original, original * 0.5, "Title, data", simulated=simulated
    )


def draw_learning_curves(path, simulated, **table):
    learning_curves.of_run(
        path, history(**table), "loss", 50, {}, "Title, data", simulated=simulated
    )


def draw_masks(path, simulated, masks=None, **options):
    masks = RNG.normal(size=(7, 8, 8)) if masks is None else masks
    mask_figures.masks(
        path, masks, range(len(masks)), "Title, data", simulated=simulated, **options
    )


def draw_pcc(path, simulated, neurons=30, ceiling=0.8, value=None):
    pcc = RNG.uniform(-0.1, 0.8, neurons) if value is None else np.full(neurons, value)
    ceilings = None if ceiling is None else np.full(neurons, ceiling)
    neuron_figures.pcc(path, pcc, ceilings, pcc > 0.3, "Title, data", simulated=simulated)


def draw_fixed_mask_positions(path, simulated, neurons=20, stimulus=None, planted=False):
    stimulus = images(1, height=31, width=40)[0, ..., 0] if stimulus is None else stimulus
    positions = RNG.uniform(5, 25, (neurons, 2))
    cells = (positions / 4).astype(int)
    options = {"planted": positions + 1} if planted else {}
    mask_figures.fixed_mask_positions(
        path, stimulus, positions, cells, (8, 10), "Title, data", simulated=simulated, **options
    )


ALL = [draw_reconstructions, draw_learning_curves, draw_masks, draw_pcc, draw_fixed_mask_positions]


@pytest.mark.parametrize("draw", ALL)
def test_a_figure_of_simulated_data_says_so_on_its_face_and_any_other_does_not(
    draw, tmp_path, drawn
):
    draw("unused", True)
    draw("unused", False)
    assert "simulated data" in texts(drawn[0]) and "simulated data" not in texts(drawn[1])
    assert all("Title, data" in texts(figure) for figure in drawn)


def test_the_label_of_simulated_data_is_visible_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(canvas, "DPI", 75)
    for draw in ALL:
        pixels = {}
        for simulated in (True, False):
            path = tmp_path / f"{draw.__name__}{simulated}.png"
            draw(path, simulated)
            pixels[simulated] = (np.abs(imread(path)[..., :3] - LABEL) < 0.01).all(axis=-1).sum()
        assert pixels[True] > 500 and pixels[False] < 50


@pytest.mark.parametrize(
    ("draw", "options"),
    [
        (draw_reconstructions, {"count": 1}),
        (draw_reconstructions, {"count": 23, "channels": 3, "height": 12, "width": 20}),
        (draw_learning_curves, {"rows": 1, "terms": ("loss",)}),
        (
            draw_learning_curves,
            {
                "terms": (
                    "loss",
                    "reconstruction",
                    "commitment",
                    "codebook",
                    "response",
                    "readout_l1",
                    "something_new",
                )
            },
        ),
        (draw_masks, {"masks": np.zeros((1, 8, 8)), "pccs": [np.nan]}),
        (
            draw_masks,
            {
                "masks": np.ones((3, 8, 10)),
                "centers": {"planted": np.ones((3, 2))},
                "stimulus_shape": (31, 40),
            },
        ),
        (
            draw_masks,
            {
                "background": np.full((31, 31), 0.5),
                "centers": {"planted": np.ones((7, 2)), "estimated": np.zeros((7, 2))},
            },
        ),
        (draw_masks, {"background": images(1)[0, ..., 0], "pccs": np.linspace(-0.1, 0.7, 7)}),
        (draw_pcc, {"neurons": 1}),
        (draw_pcc, {"ceiling": None}),
        (draw_pcc, {"ceiling": np.nan}),
        (draw_pcc, {"ceiling": 0.0}),
        (draw_pcc, {"value": 0.0}),
        (draw_pcc, {"value": 1.0}),
        (draw_pcc, {"value": np.nan}),
        (draw_fixed_mask_positions, {"neurons": 1, "stimulus": np.zeros((31, 40))}),
        (draw_fixed_mask_positions, {"planted": True}),
    ],
)
def test_small_constant_and_missing_data_are_drawn_without_a_warning(
    draw, options, tmp_path, monkeypatch
):
    monkeypatch.setattr(canvas, "DPI", 60)
    draw(tmp_path / "figure.png", True, **options)
    assert (tmp_path / "figure.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert imread(tmp_path / "figure.png")[..., :3].std() > 0.01
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]


def test_learning_curves_of_a_diverged_run_are_drawn(tmp_path):
    table = history()
    table.loc[5:, [column for column in table if column.startswith(("train_", "val_"))]] = (
        np.nan,
        np.inf,
        np.nan,
        np.nan,
        1,
        1,
        1,
        1,
    )
    learning_curves.of_run(
        tmp_path / "figure.png", table, "reconstruction", 250, {}, "Title", simulated=False
    )
    assert (tmp_path / "figure.png").exists()


def test_originals_and_reconstructions_share_the_scale_and_carry_their_errors(drawn):
    original = np.zeros((2, 12, 12, 1))
    reconstruction = np.stack([original[0], original[1] + 0.2])
    image_figures.reconstructions("unused", original, reconstruction, "Title", simulated=False)
    panels = [axis for axis in drawn[0].axes if axis.get_images()]
    assert len(panels) == 4 and {axis.get_images()[0].get_clim() for axis in panels} == {(-1, 1)}
    assert panels[3].get_images()[0].get_array()[0, 0] == pytest.approx(0.2)
    assert {"MSE 0.000\n∞ dB", "MSE 0.040\n20.0 dB"} <= set(texts(drawn[0]))


def test_learning_curves_name_the_best_step_the_second_stage_and_the_monitored_term(drawn):
    learning_curves.of_run("unused", history(), "response", 300, {}, "Title", simulated=False)
    said = texts(drawn[0])
    assert {
        "best: step 300",
        "second stage begins",
        "response (monitored)",
        "reconstruction",
        "training step",
    } <= set(said)
    (panel,) = (axis for axis in drawn[0].axes if axis.get_title() == "response (monitored)")
    curves = {
        line.get_color(): np.asarray(line.get_xydata())
        for line in panel.lines
        if len(line.get_xdata()) == 8
    }
    np.testing.assert_array_equal(curves["#1f5fa8"], history()[["step", "val_response"]])
    verticals = {line.get_xdata()[0] for line in panel.lines if len(line.get_xdata()) == 2}
    assert verticals == {300, 250}


def test_masks_keep_their_place_and_signed_ones_a_symmetric_scale(drawn):
    masks = np.zeros((2, 8, 8))
    masks[0, 2, 5], masks[1, 7, 0] = 0.3, -0.01
    mask_figures.masks(
        "unused",
        masks,
        [4, 9],
        "Title",
        simulated=False,
        pccs=[0.51, 0.2],
        centers={"planted": np.array([[9, 21], [30, 1]])},
        stimulus_shape=(31, 31),
    )
    panels = [axis for axis in drawn[0].axes if axis.get_images()]
    shown = [axis.get_images()[0] for axis in panels]
    assert [np.argwhere(image.get_array() != 0).tolist() for image in shown] == [[[2, 5]], [[7, 0]]]
    assert shown[0].get_array()[2, 5] == 1 and shown[1].get_array()[7, 0] == -1
    assert all(
        image.get_clim() == (-1, 1) and tuple(image.get_extent()) == (-0.5, 30.5, 30.5, -0.5)
        for image in shown
    )
    assert panels[0].lines[0].get_xydata().tolist() == [[21, 9]]
    assert {"neuron 4\nPCC 0.51", "neuron 9\nPCC 0.20", "planted centre"} <= set(texts(drawn[0]))


def test_pcc_against_the_ceiling_is_over_the_images_that_the_ceiling_is_of(drawn):
    pcc, repeated = np.full(3, 0.2), np.full(3, 0.4)
    neuron_figures.pcc(
        "unused", pcc, np.full(3, 0.5), pcc > 0, "made up", simulated=True, of_ceiling=repeated
    )
    (figure,) = drawn
    histogram, against = figure.axes
    np.testing.assert_allclose(against.collections[0].get_offsets(), [(0.5, 0.4)] * 3)
    assert against.get_ylabel() == "PCC over test images shown several times"
    assert histogram.get_xlabel() == "PCC over test images"


def test_pcc_states_means_and_the_number_of_significant_neurons(drawn):
    neuron_figures.pcc(
        "unused", [0.1, 0.5, 0.6], [0.5, 0.9, np.nan], [False, True, True], "Title", simulated=False
    )
    said = texts(drawn[0])
    assert {
        "significant: 2",
        "not significant: 1",
        "mean 0.400",
        "means: PCC 0.300, ceiling 0.700",
    } <= set(said)
    assert "noise ceiling (1 without)" in said


def test_fixed_mask_positions_are_drawn_in_stimulus_pixels_with_columns_to_the_right(drawn):
    mask_figures.fixed_mask_positions(
        "unused",
        np.zeros((31, 31)),
        np.array([[3.0, 20.0]]),
        np.array([[0, 5]]),
        (8, 8),
        "Title",
        simulated=False,
    )
    panel = drawn[0].axes[0]
    assert [20.0, 3.0] in [line.get_xydata().tolist()[0] for line in panel.lines]
    counts = panel.collections[0].get_array()
    assert np.argwhere(counts.filled(0)).tolist() == [[0, 5]]


def test_fixed_mask_positions_say_what_lies_behind_them(drawn):
    draw_fixed_mask_positions("unused", True)
    assert "background: the mean of the training images, on its own grey scale" in texts(drawn[0])


@pytest.mark.parametrize("draw", ALL)
def test_every_text_of_a_figure_lies_inside_it_however_long_its_title(draw, drawn, monkeypatch):
    name = "vqvae_fm, layer 4, nrs, seed 2147483647, simulated region 3 (quick run)"
    for module, function in (
        (image_figures, "reconstructions"),
        (learning_curves, "of_run"),
        (mask_figures, "masks"),
        (mask_figures, "fixed_mask_positions"),
        (neuron_figures, "pcc"),
    ):
        titled = with_title(
            getattr(module, function), f"Spatial masks of the best predicted neurons\n{name}"
        )
        monkeypatch.setattr(module, function, titled)
    draw("unused", True)
    (figure,) = drawn
    assert "Spatial masks of the best predicted neurons" in " ".join(
        " ".join(texts(figure)).split()
    )
    assert name in " ".join(" ".join(texts(figure)).split())
    width, height = figure.bbox.size
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text.get_text()


@pytest.mark.parametrize("neurons", [1, 3, 100])
def test_nothing_is_cut_or_covered_with_few_neurons_and_with_many(neurons, drawn):
    some = min(neurons, 10)
    centers = {"planted": np.ones((some, 2)), "estimated": np.zeros((some, 2))}
    quality = {"pccs": np.full(some, 0.5), "ceilings": np.full(some, 0.8)}
    signed = RNG.normal(size=(some, 8, 8))
    draw_masks("unused", True, signed, **quality)
    draw_masks("unused", True, np.abs(signed), centers=centers, stimulus_shape=(8, 8))
    draw_pcc("unused", True, neurons)
    draw_pcc("unused", True, neurons, ceiling=None, value=-0.1)
    for figure in drawn:
        assert_nothing_is_cut_or_covered(figure)


def with_title(function, title):
    names = list(inspect.signature(function).parameters)

    def drawing(*arguments, **options):
        arguments = list(arguments)
        arguments[names.index("title")] = title
        return function(*arguments, **options)

    return drawing


def test_a_title_may_hold_dollar_signs(drawn):
    neuron_figures.pcc(
        "unused", [0.1, 0.5], None, [False, True], "Title\nmy$\\nothing$recording", simulated=False
    )
    assert "my$\\nothing$recording" in texts(drawn[0])


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        (
            {"recipe": "cae_fr", "quick": True},
            "simulated-r3",
            "cae_fr, layer 2, ir, seed 0, simulated region 3 (quick run)",
        ),
        (
            {
                "recipe": "cnn_fm",
                "layer": 4,
                "task": "nrs",
                "seed": 7,
                "dataset": "antolik",
                "region": 1,
            },
            "antolik-r1",
            "cnn_fm, layer 4, nrs, seed 7, antolik region 1",
        ),
        ({"recipe": "vae", "dataset": "/data/mine.npz"}, "mine", "vae, ir, seed 0, mine"),
        (
            {"loss_scale": "sum"},
            "simulated-r3",
            "cae_fr, layer 2, ir, seed 0, simulated region 3, loss scale sum",
        ),
        (
            {
                **{"core": "gabor", "mask_start": "sta", "positive": True, "color": "rgb"},
                **{"image_size": [40, 48], "kernel_sparsity": 0.02, "encoder_from": "runs/x"},
            },
            "simulated-r3",
            "cae_fr, layer 2, core gabor, image size 40x48, color rgb, on the encoder of another run, kernel sparsity 0.02,"
            " positive, mask start sta, ir, seed 0, simulated region 3",
        ),
    ],
)
def test_a_run_is_described_by_its_cell_its_seed_its_data_and_its_budget(
    settings, name, words, make_recording
):
    config = RunConfig.from_dict({"dataset": "simulated", **settings})
    assert describe(config, make_recording(name=name)) == words


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path):
    with pytest.raises(MachineError, match="missing"):
        draw_pcc(tmp_path / "missing" / "pcc.png", False)
    assert not list(tmp_path.iterdir())


def test_drawing_keeps_no_pyplot_state():
    code = (
        "import sys; from daenr_tf.plotting import"
        " effects, images, learning_curves, masks, neurons, recording_figures;"
        " print('matplotlib.pyplot' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "False"
    )


def test_learning_curves_of_a_study_tell_any_number_of_layers_apart(tmp_path):
    steps = np.arange(1, 4)
    curves = [learning_curves.Curve(layer, steps, steps / layer) for layer in range(1, 10)]
    lines = [learning_curves._line(layer) for layer in (None, *range(1, 10))]
    assert len(set(lines)) == len(lines)
    learning_curves.of_study(
        str(tmp_path / "curves.png"), {"CNN-FR": curves}, "loss", "Title", simulated=True
    )
    assert (tmp_path / "curves.png").stat().st_size > 1000
