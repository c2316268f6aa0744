"""Damaged settings, states, results and models: each is read rightly or refused in one line, in bounded time and memory.

(Recordings and the published files have theirs in test_npz.py and test_antolik.py.)
"""

import contextlib
import io
import json
import os
import random
import tempfile
import zipfile

import numpy as np
import pytest
import runs
from assembly import assembled
from hypothesis import given
from hypothesis import strategies as st
from mutation import bounded, mutated

import daenr_tf
from daenr_tf.commands.compare import compare
from daenr_tf.commands.process import Call
from daenr_tf.config import ModelConfig, RunConfig, TrainConfig, field_names, read_config
from daenr_tf.errors import InputError
from daenr_tf.models.keras_file import save_model
from daenr_tf.runs import checkpoint
from daenr_tf.runs.directory import CONFIG, RESULTS, RunDirectory
from daenr_tf.runs.summary import summary

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def read_settings(path):
    RunConfig.from_dict(read_config(path))


def read_state(path):
    checkpoint.load(os.path.dirname(path))


def read_model(path):
    daenr_tf.load_model(path)(np.zeros((1, 8, 8, 1), np.float32))


def read_results(path):
    """As the commands do that find a finished run: one holds the directory, checks it, and shows the table; the other compares it."""
    folder = os.path.dirname(path)
    with contextlib.redirect_stdout(io.StringIO()):
        compare(Call("compare", "daenr compare", [folder]))
    with RunDirectory(folder, RunConfig(), DIGEST).held(overwrite=False) as directory:
        summary(directory.results(), folder)


DIGEST = runs.RESULTS["dataset"]["digest"]
FINISHED = {
    **runs.RESULTS,
    "config": {"recipe": "cae_fr", "seed": 0, "alpha": 0.5, "beta": 1.0},
    "test": {"mse": 0.25, "pcc": 0.5, "ssim": None},
    "paper": {"table": 4, "mse": 0.1, "comparable": False},
    "saved_model": "saved_models/mine/1",
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory, make_recording):
    """name of the kind -> (its reader, name of the file, its bytes)."""
    folder = tmp_path_factory.mktemp("originals")
    recording = make_recording()
    model = daenr_tf.build_model(
        ModelConfig("vqvae_fm", image_size=(8, 8), codebook_size=3, code_dim=4), recording
    )
    save_model(model, str(folder / "model.keras"))
    checkpoint.save(str(folder), {"weights": model.get_weights()}, {"state": {"step": 3}})
    (folder / "config.json").write_text(
        json.dumps(RunConfig(ModelConfig(), TrainConfig()).to_dict(), indent=2)
    )
    (folder / RESULTS).write_text(json.dumps(FINISHED, indent=2))
    kinds = {
        "settings": (read_settings, CONFIG),
        "state": (read_state, checkpoint.LATEST),
        "results": (read_results, RESULTS),
        "model": (read_model, "model.keras"),
    }
    return {
        kind: (reader, name, (folder / name).read_bytes()) for kind, (reader, name) in kinds.items()
    }


@pytest.fixture
def guarded(tmp_path, monkeypatch):
    """A folder to read from, with the places beside it where a file might be left: the directory for temporary files and the current one."""
    for name in ("folder", "temporary", "current"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "current")
    return tmp_path


def repacked(content, dice):
    """A whole zip, its checksums right, in which one member is damaged: most often its first bytes, where it hurts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(stream, "w") as other:
        chosen = dice.choice(archive.namelist())
        for member in archive.namelist():
            data = archive.read(member)
            if member == chosen:
                first = dice.choice((128, 2048, len(data)))
                data = mutated(data[:first], dice) + data[first:]
            other.writestr(member, data)
    return stream.getvalue()


def fuzz(count, kind, originals, guarded, every):
    """Of the zips, one in `every` has whole checksums around what is damaged; they take longest to read."""
    reader, name, content = originals[kind]
    folder = guarded / "folder"
    if kind == "results":
        (folder / CONFIG).write_text(json.dumps(RunConfig().to_dict()))
    beside = set(os.listdir(folder)) | {name}
    path = folder / name
    refused = 0
    for seed in range(count):
        dice = random.Random(seed)
        path.write_bytes(
            repacked(content, dice)
            if content.startswith(b"PK") and seed % every == 1
            else mutated(content, dice)
        )
        try:
            with bounded():
                reader(str(path))
        except InputError as error:
            line = str(error)
            assert line.isprintable() and len(line) < 1500, (seed, line)
            refused += 1
        assert set(os.listdir(folder)) == beside and not os.listdir(
            guarded / "temporary"
        ) + os.listdir(guarded / "current"), seed
    assert refused > count // 10


KINDS = ("settings", "state", "results", "model")


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_mutated_files(kind, originals, guarded):
    fuzz(100, kind, originals, guarded, every=10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_mutated_files(kind, originals, guarded):
    fuzz(1000, kind, originals, guarded, every=2)


PLACES = [(name,) for name in FINISHED] + [
    (name, inner) for name, part in FINISHED.items() if isinstance(part, dict) for inner in part
]
ABSENT = object()


@given(st.sampled_from(PLACES), st.just(ABSENT) | st.just(10**400) | JSON_VALUES)
def test_any_value_in_the_results_is_taken_or_refused_in_one_line(tmp_path_factory, place, value):
    folder = tmp_path_factory.getbasetemp() / "finished"
    folder.mkdir(exist_ok=True)
    results = json.loads(json.dumps(FINISHED))
    part = results if len(place) == 1 else results[place[0]]
    part[place[-1]] = value
    if value is ABSENT:
        del part[place[-1]]
    (folder / CONFIG).write_text(json.dumps(RunConfig().to_dict()))
    (folder / RESULTS).write_text(json.dumps(results))
    try:
        read_results(str(folder / RESULTS))
    except InputError as error:
        assert str(error).isprintable()


@given(
    st.dictionaries(
        st.sampled_from(sorted(field_names())) | st.text(max_size=8), JSON_VALUES, max_size=4
    )
)
def test_any_settings_are_taken_or_refused_in_one_line(settings):
    try:
        config = RunConfig.from_dict(settings)
    except InputError as error:
        assert str(error).isprintable()
    else:
        assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


SETTINGS_OF_A_MODEL = [
    "image_shape",
    "layer",
    "neurons",
    "seed",
    "pixel_range",
    "readout_l1",
    "activity_l1",
    "latent_size",
]


@given(
    st.dictionaries(
        st.sampled_from(SETTINGS_OF_A_MODEL), JSON_VALUES | st.integers(-2, 5), max_size=3
    )
)
def test_any_settings_of_a_model_are_taken_or_refused_in_one_line(settings):
    try:
        assembled(**settings)
    except InputError as error:
        assert str(error).isprintable()


@given(JSON_VALUES | st.dictionaries(st.text(max_size=8), JSON_VALUES))
def test_any_json_text_is_settings_or_refused(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(value))
    try:
        read_config(str(path))
    except InputError as error:
        assert str(error).isprintable()


def test_settings_nested_without_end_are_refused(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="found no JSON text"):
        read_config(str(path))


def test_a_model_file_that_names_a_foreign_class_is_refused_before_it_is_made(originals, tmp_path):
    _, name, content = originals["model"]
    path = tmp_path / name
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["dtype"] = {
        "module": "os",
        "class_name": "system",
        "config": {"name": "true"},
        "registered_name": None,
    }
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    with pytest.raises(InputError, match="only classes of daenr_tf and Keras, found os.system"):
        daenr_tf.load_model(str(path))
