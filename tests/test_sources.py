"""Where recordings come from: a new source or form of file is a function and a row."""

import os
import sys

import numpy as np
import pytest
import tensorflow as tf
import toy_form
from refusal import refused
from runs import go_here, read_json

import daenr_tf
from daenr_tf.commands import study_options
from daenr_tf.config import ModelConfig, RunConfig
from daenr_tf.experiments.study import Study
from daenr_tf.recordings import sources
from daenr_tf.recordings.load import load_recording
from daenr_tf.runs.results import published

HELP = """
import sys
sys.path.insert(0, sys.argv[1])
import toy_form
from daenr_tf.recordings import sources
sources.READERS += (toy_form.ROW,)
from daenr_tf.commands import fit
try:
    fit.main("cae_fr", ["--help"])
except SystemExit as left:
    assert not left.code, left
"""


@pytest.fixture
def toy_reader(monkeypatch):
    monkeypatch.setattr(sources, "READERS", (*sources.READERS, toy_form.ROW))


def test_a_new_form_is_read_by_its_ending(toy_reader, tmp_path):
    path = toy_form.write(tmp_path / "Area 4.TOY")
    for given in (path, path + "/", tmp_path / "Area 4.TOY", os.fsencode(path)):
        recording = load_recording(given)
        assert recording.images.shape == (32, 6, 8, 1) and recording.neurons == 3
        assert recording.name == "Area_4"
        assert recording.source == os.fsdecode(given)


def test_a_new_form_is_named_wherever_forms_are(toy_reader):
    assert sources.choices() == "auto, antolik, simulated, FILE.npz or FILE.toy"
    with refused("auto, antolik, simulated, FILE.npz or FILE.toy", "nowhere.toy"):
        load_recording("nowhere.toy")
    with refused("dataset", "FILE.toy"):
        RunConfig(dataset="")
    assert "FILE.toy" in study_options.parser_of("reproduce", "daenr reproduce").format_help()


def test_a_reader_that_lacks_an_array_is_told_so(toy_reader, tmp_path, monkeypatch):
    path = toy_form.write(tmp_path / "a.toy")
    monkeypatch.setattr(toy_form, "read", lambda path: {"images": np.zeros((9, 4, 4))})
    with refused(path, "an array responses", "only images"):
        load_recording(path)


def test_what_ends_like_no_form_is_read_as_the_first(toy_reader, tmp_path):
    (tmp_path / "mine.dat").write_text("no zip")
    with refused("mine.dat", ".npz file"):
        load_recording(tmp_path / "mine.dat")


def test_a_new_form_is_in_the_help_of_a_recipe(run_python):
    """Which is made when the command line is imported."""
    said = run_python(HELP, os.path.dirname(__file__))
    assert "FILE.npz or FILE.toy" in " ".join(said.split())


def test_a_new_form_goes_through_a_run_and_its_export(toy_reader, tmp_path):
    path = toy_form.write(tmp_path / "mine.toy")
    go_here("cae_fr", str(tmp_path), "--dataset", path)
    results = read_json(tmp_path, "run", "results.json")
    assert results["dataset"]["name"] == "mine"
    assert results["dataset"]["digest"] == load_toy(path).digest
    assert results["config"]["dataset"] == path and results["paper"] is None
    serve = tf.saved_model.load(results["saved_model"]).signatures["serve_raw"]
    assert serve(images=tf.zeros((2, 6, 8, 1)))["response"].shape == (2, 3)


def load_toy(path):
    return daenr_tf.Recording(**toy_form.read(path))


# Named sources

TOY = sources.Source("toy", "test_sources:load_toy_source", simulated=True)


def load_toy_source(region, data_dir):
    """A source's function."""
    generator = np.random.default_rng(region)
    return daenr_tf.Recording(
        images=generator.integers(0, 256, (9, 4, 4), np.uint8),
        responses=np.ones((9, 1)),
        simulated=True,
        name=f"toy-r{region}",
        source=str(data_dir),
    )


def test_a_new_source_is_known_everywhere(monkeypatch):
    monkeypatch.setitem(sys.modules, "test_sources", sys.modules[__name__])
    monkeypatch.setattr(sources, "SOURCES", (*sources.SOURCES, TOY))
    recording = load_recording("toy", 2, "here")
    assert (recording.name, recording.source) == ("toy-r2", "here")
    assert not RunConfig(dataset="toy").own_recording and not Study("toy").own
    assert sources.settled("toy", recording) == "toy"
    assert sources.choices() == "auto, antolik, simulated, toy or FILE.npz"


def test_a_choosing_source_is_settled_by_what_it_took(make_recording, tmp_path, monkeypatch):
    assert sources.settled("auto", make_recording()) == "antolik"
    assert sources.settled("auto", make_recording(simulated=True)) == "simulated"
    assert sources.settled("simulated", make_recording(simulated=True)) == "simulated"
    monkeypatch.chdir(tmp_path)
    assert sources.settled("mine.npz", make_recording()) == str(tmp_path / "mine.npz")


@pytest.mark.parametrize("dataset, comparable", [("antolik", True), ("simulated", False)])
def test_the_papers_figures_are_comparable_where_the_source_says_so(dataset, comparable):
    assert published(RunConfig(ModelConfig("cae_fr"), dataset=dataset))["comparable"] is comparable
    assert published(RunConfig(ModelConfig("cae_fr"), dataset="antolik.npz")) is None
