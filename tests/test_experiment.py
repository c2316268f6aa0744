"""`daenr experiment` and `daenr fields` on a small fitted model."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from drawing import texts
from runs import go_here, in_this_process, read_json, write_recording

from daenr_tf.commands.catalogue import COMMANDS
from daenr_tf.laboratory import protocols
from daenr_tf.laboratory.catalogue import PROTOCOLS
from daenr_tf.recordings.load import load_own

FEW = {
    "gratings": ("--orientations", "4", "--phases", "4", "--spatial-frequencies", "0.1,0.2"),
    "sparse_noise": ("--images", "60"),
    "natural": ("--images", "30"),
    "contrast": (
        *("--orientations", "4", "--phases", "4", "--spatial-frequencies", "0.1,0.2"),
        *("--contrasts", "0,0.5,1"),
    ),
    "size": (
        *("--orientations", "4", "--phases", "4", "--spatial-frequencies", "0.1,0.2"),
        *("--sizes", "2,4,8"),
    ),
}
INDEX = {
    "gratings": "preferred_orientation",
    "sparse_noise": "center_row",
    "natural": "sparseness",
    "contrast": "c50",
    "size": "suppression_index",
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with a small fitted model in `run` and its `export`, and its recording."""
    folder = tmp_path_factory.mktemp("fitted")
    go_here("cnn_fr", str(folder), "--dataset", write_recording(folder / "mine.npz"))
    return folder


def ask(command, *arguments, status=0):
    def main(*words):
        COMMANDS[command].leave(f"daenr {command}", list(words))

    done = in_this_process(main, *map(str, arguments))
    assert done.returncode == status, done.stderr
    return done


def bits(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_protocol_is_a_row(fitted, tmp_path, monkeypatch):
    """A toy one: its images and its index come out."""
    from daenr_tf.laboratory.catalogue import Protocol
    from daenr_tf.laboratory.stimuli import Stimuli

    def show(subject, settings, images):
        ramp = np.arange(12, dtype=np.uint8)[:, None, None, None] * 20
        images = np.broadcast_to(ramp, (12, *subject.shape, 1)).copy()
        return Stimuli(images, pd.DataFrame({"level": np.arange(12)}))

    def measure(stimuli, responses, subject, settings):
        return protocols.Measured(pd.DataFrame({"neuron": range(4), "span": np.ptp(responses, 0)}))

    monkeypatch.setattr(protocols, "show_levels", show, raising=False)
    monkeypatch.setattr(protocols, "measure_levels", measure, raising=False)
    home = "daenr_tf.laboratory.protocols"
    row = Protocol("levels", "grey levels", f"{home}:show_levels", f"{home}:measure_levels")
    monkeypatch.setitem(PROTOCOLS, "levels", row)
    out = tmp_path / "out"
    ask("experiment", fitted / "run", "--protocol", "levels", "--out", out, "--quiet")
    assert list(pd.read_csv(out / "neurons.csv")) == ["neuron", "span"]
    assert set(pd.read_csv(out / "responses.csv")["level"]) == set(range(12))
    assert "levels: grey levels" in " ".join(ask("experiment", "--help").stdout.split())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_leaves_a_recording_tables_and_figures(fitted, tmp_path, protocol):
    out = tmp_path / "out"
    done = ask(
        "experiment",
        fitted / "run",
        "--protocol",
        protocol,
        "--out",
        out,
        *FEW[protocol],
        "--quiet",
    )
    about = read_json(out, "experiment.json")
    assert sorted(os.listdir(out)) == about["files"] and about["simulated"] is True
    assert about["fitted_to"] == {"name": "mine", "simulated": False}
    recording = load_own(str(out / "recording.npz"))
    assert recording.simulated and recording.neurons == 4
    assert recording.images.shape[1:] == (8, 8, 1) and recording.repeats is None
    tidy = pd.read_csv(out / "responses.csv")
    assert len(tidy) == 4 * about["stimuli"] and (tidy["response"] == tidy["rate"]).all()
    indices = pd.read_csv(out / "neurons.csv")
    assert len(indices) == 4 and INDEX[protocol] in indices
    assert any(name.endswith(".png") for name in about["files"])
    assert f"{about['stimuli']} stimuli, 4 neurons" in done.stdout


def test_what_is_recorded_are_the_models_own_answers(fitted, tmp_path):
    import daenr_tf

    ask(
        *("experiment", fitted / "export", "--protocol", "natural", "--images", 20),
        *("--out", tmp_path / "out", "--quiet"),
    )
    recording = load_own(str(tmp_path / "out" / "recording.npz"))
    model = daenr_tf.load_served(fitted / "run")
    seen = recording.images.astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(model.respond(seen), recording.responses, rtol=1e-5)


def test_the_same_seed_gives_the_same_bits_and_what_is_ones_own_is_replaced(fitted, tmp_path):
    arguments = (
        *("experiment", fitted / "run", "--protocol", "natural", "--images", 20),
        *("--response", "fitted", "--repeats", 3, "--quiet", "--out"),
    )
    for name in ("one", "two", "one"):
        ask(*arguments, tmp_path / name)
    assert bits(tmp_path / "one") == bits(tmp_path / "two")
    ask(*arguments, tmp_path / "two", "--seed", 1)
    assert bits(tmp_path / "one")["recording.npz"] != bits(tmp_path / "two")["recording.npz"]
    recording = load_own(str(tmp_path / "one" / "recording.npz"))
    assert recording.repeats == 3
    (tmp_path / "one" / "mine.txt").write_text("")
    done = ask(*arguments, tmp_path / "one", status=2)
    assert "--out: expected a new directory" in done.stderr and "mine.txt" in done.stderr
    done = ask("fields", fitted / "run", "--out", tmp_path / "two", status=2)
    assert "only what daenr fields made" in done.stderr


def test_a_recording_of_an_experiment_can_be_fitted_and_its_fit_says_simulated(fitted, tmp_path):
    ask(
        *("experiment", fitted / "run", "--protocol", "natural", "--images", 60),
        *("--response", "poisson", "--out", tmp_path / "out", "--quiet"),
    )
    go_here("cnn_fr", str(tmp_path), "--dataset", str(tmp_path / "out" / "recording.npz"))
    assert read_json(tmp_path, "run", "results.json")["dataset"]["simulated"] is True


def test_ones_own_images_are_shown_as_the_model_sees_them(fitted, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (15, 10, 12), np.uint8)
    np.save(tmp_path / "stimuli.npy", images)
    ask(
        *("experiment", fitted / "run", "--protocol", "natural", "--out", tmp_path / "out"),
        *("--stimuli", tmp_path / "stimuli.npy", "--quiet"),
    )
    import daenr_tf

    model = daenr_tf.load_model(fitted / "run" / "model.keras")
    seen = daenr_tf.preprocess(images, model)
    recording = load_own(str(tmp_path / "out" / "recording.npz"))
    shown = np.concatenate([recording.images, recording.test_images]).astype(np.float32)
    near = np.abs(seen[:, None] - (shown / 127.5 - 1)[None]).max(axis=(2, 3, 4)).min(axis=1)
    assert len(shown) == 15 and near.max() < 1 / 127


def test_figures_say_how_many_models_were_asked(fitted, tmp_path, drawn):
    for models, said in ((["run"], "a model"), (["run", "export"], "2 models")):
        out = tmp_path / str(len(models))
        places = [fitted / name for name in models]
        ask("experiment", *places, "--protocol", "gratings", *FEW["gratings"], "--out", out)
        titles = " ".join(" ".join(texts(figure)) for figure in drawn)
        assert f"{said} fitted to" in titles
        drawn.clear()


def test_gratings_in_degrees_are_those_in_pixels(fitted, tmp_path):
    common = ("experiment", fitted / "run", "--protocol", "gratings", "--quiet", *FEW["gratings"])
    ask(*common, "--out", tmp_path / "pixels")
    ask(
        *common,
        *("--spatial-frequencies", "0.4,0.8", "--pixels-per-degree", 4),
        *("--out", tmp_path / "degrees"),
    )
    one, other = (
        load_own(str(tmp_path / kind / "recording.npz")) for kind in ("pixels", "degrees")
    )
    assert one.digest == other.digest
    tables = [pd.read_csv(tmp_path / kind / "neurons.csv") for kind in ("pixels", "degrees")]
    np.testing.assert_allclose(
        *(
            table["preferred_spatial_frequency"] * by
            for table, by in zip(tables, (4, 1), strict=True)
        )
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--contrast", "2"), "--contrast: expected a number from 0.001 to 1, found 2"),
        (("--spatial-frequencies", "0.1,x"), "expected a number, found 'x'"),
        (("--protocol", "movies"), "--protocol: invalid choice"),
        (("--repeats", "1"), "--repeats: expected a whole number from 2 to 1000, found 1"),
        (("--stimuli", "x.png"), "--stimuli: expected none with this protocol"),
        (("--square", "50", "--protocol", "sparse_noise"), "--square: expected 1 to 4 of"),
    ],
)
def test_what_cant_be_used_is_refused_in_one_line(fitted, tmp_path, arguments, said):
    done = ask(
        *("experiment", fitted / "run", "--protocol", "gratings", "--out", tmp_path / "out"),
        *arguments,
        status=2,
    )
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["run", "export"])
def test_fields_are_the_masks_gradients_and_averages(fitted, tmp_path, place):
    out = tmp_path / "out"
    ask("fields", fitted / place, "--out", out, "--neurons", "1-2", "--quiet")
    arrays = np.load(out / "fields.npz")
    assert arrays["neurons"].tolist() == [1, 2]
    for name, shape in (
        ("gradient_mean", (2, 8, 8)),
        ("gradient_rms", (2, 8, 8)),
        ("spike_triggered_average", (2, 10, 12)),
        ("centers", (2, 2)),
    ):
        assert arrays[name].shape == shape and np.isfinite(arrays[name]).all()
    assert (arrays["gradient_rms"] + 1e-6 >= np.abs(arrays["gradient_mean"])).all()
    assert ("masks" in arrays) == (place == "run")
    assert sorted(os.listdir(out)) == read_json(out, "experiment.json")["files"]
    table = pd.read_csv(out / "neurons.csv")
    assert table["neuron"].tolist() == [1, 2]
    assert table["gabor_orientation"].between(0, 180).all()
    assert set(table["gabor_kind"]) <= {"simple", "complex"}
    done = ask("fields", fitted / place, "--out", out, "--neurons", "2-9", status=2)
    assert "--neurons: expected numbers from 0 to 3, found 9" in done.stderr


def test_gradients_are_those_of_finite_differences(fitted):
    from daenr_tf.laboratory.subject import Subject
    from daenr_tf.twin.twin import Twin

    subject = Subject(Twin.open(str(fitted / "run")))
    image = np.random.default_rng(0).integers(60, 190, (1, 8, 8, 1), np.uint8)
    mean, rms = subject.gradients(image, [3])
    np.testing.assert_allclose(rms, np.abs(mean), rtol=1e-5, atol=1e-7)
    for row, column in ((2, 3), (5, 5)):
        up, down = image.copy(), image.copy()
        up[0, row, column] += 2
        down[0, row, column] -= 2
        change = (subject.rates(up) - subject.rates(down))[0, 3] / (4 / 127.5)
        np.testing.assert_allclose(mean[0, row, column], change, rtol=0.05, atol=2e-3)


@pytest.mark.parametrize(
    ("told", "whose"),
    [
        (True, " of a model of SIMULATED data"),
        (False, ""),
        (None, " of a model that does not tell whether its data are simulated"),
    ],
)
def test_the_last_line_says_whether_the_data_are_simulated(fitted, tmp_path, told, whose):
    place = tmp_path / "run"
    shutil.copytree(fitted / "run", place)
    results = read_json(place, "results.json")
    if told is None:
        os.remove(place / "results.json")
    else:
        results["dataset"]["simulated"] = told
        (place / "results.json").write_text(json.dumps(results))
    out = tmp_path / "fields"
    assert ask("fields", place, "--out", out).stdout == f"4 neurons{whose}: {out}\n"
    out = tmp_path / "shown"
    done = ask("experiment", place, "--protocol", "natural", "--images", "12", "--out", out)
    last = f"12 stimuli, 4 neurons{whose}; responses of a fitted model, not of an animal: {out}"
    assert done.stdout.split("\n")[-2] == last


def test_without_its_recording_the_average_is_the_models_own(fitted, tmp_path):
    shutil.copytree(fitted / "export", tmp_path / "export")
    os.remove(tmp_path / "export" / "1" / "assets.extra" / "model_card.json")
    done = ask("fields", tmp_path / "export", "--out", tmp_path / "out")
    assert "spike-triggered averages are the model's own" in done.stderr
    about = read_json(tmp_path, "out", "experiment.json")
    assert about["spike_triggered_average_of"] == "the model"
    done = ask(
        *("experiment", tmp_path / "export", "--protocol", "natural", "--response", "fitted"),
        *("--out", tmp_path / "other"),
        status=2,
    )
    assert "expected a model that tells its recording" in done.stderr


def test_the_rate_of_an_export_is_measured_beside_the_model(fitted):
    from daenr_tf.tools.serving_rate import measure

    found = measure(str(fitted / "run"), rounds=3)
    assert len(found) == 5 and all(value > 0 for value in found.values())
