"""Damaged settings, states and models: each is read rightly or refused in one line, in bounded time and memory.

(Recordings and the published files have theirs in test_npz.py and test_antolik.py.)
"""

import json
import os
import random
import resource
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import daenr_tf
from daenr_tf import checkpoint
from daenr_tf.config import ModelConfig, RunConfig, TrainConfig, field_names, read_config
from daenr_tf.errors import InputError
from daenr_tf.model_file import save_model
from mutation import mutated

SECONDS, BYTES = 10, 4 << 30
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5)


def read_settings(path):
    RunConfig.from_dict(read_config(path))


def read_state(path):
    checkpoint.load(os.path.dirname(path))


def read_model(path):
    daenr_tf.load_model(path)(np.zeros((1, 8, 8, 1), np.float32))


@pytest.fixture(scope="module")
def originals(tmp_path_factory, make_recording):
    """name of the kind -> (its reader, name of the file, its bytes)."""
    folder = tmp_path_factory.mktemp("originals")
    recording = make_recording()
    model = daenr_tf.build_model(ModelConfig("vqvae_fm", image_size=(8, 8), codebook_size=3, code_dim=4), recording)
    save_model(model, str(folder / "model.keras"))
    checkpoint.save(str(folder), {"weights": model.get_weights()}, {"state": {"step": 3}})
    (folder / "config.json").write_text(json.dumps(RunConfig(ModelConfig(), TrainConfig()).to_dict(), indent=2))
    kinds = {"settings": (read_settings, "config.json"), "state": (read_state, checkpoint.LATEST), "model": (read_model, "model.keras")}
    return {kind: (reader, name, (folder / name).read_bytes()) for kind, (reader, name) in kinds.items()}


def fuzz(count, kind, originals, folder):
    reader, name, content = originals[kind]
    path = folder / name
    refused = 0
    for seed in range(count):
        path.write_bytes(mutated(content, random.Random(seed)))
        started = time.monotonic()
        try:
            reader(str(path))
        except InputError as error:
            line = str(error)
            assert line.isprintable() and len(line) < 1500, (seed, line)
            refused += 1
        assert time.monotonic() - started < SECONDS, seed
        assert os.listdir(folder) == [name], seed
    assert refused > count // 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < BYTES


@pytest.mark.parametrize("kind", ["settings", "state", "model"])
def test_a_hundred_mutated_files(kind, originals, tmp_path):
    fuzz(100, kind, originals, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["settings", "state", "model"])
def test_a_thousand_mutated_files(kind, originals, tmp_path):
    fuzz(1000, kind, originals, tmp_path)


@given(st.dictionaries(st.sampled_from(sorted(field_names())) | st.text(max_size=8), JSON_VALUES, max_size=4))
def test_any_settings_are_taken_or_refused_in_one_line(settings):
    try:
        config = RunConfig.from_dict(settings)
    except InputError as error:
        assert str(error).isprintable()
    else:
        assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


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
    import zipfile

    _, name, content = originals["model"]
    path = tmp_path / name
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["dtype"] = {"module": "os", "class_name": "system", "config": {"name": "true"}, "registered_name": None}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    with pytest.raises(InputError, match="only classes of daenr_tf and Keras, found os.system"):
        daenr_tf.load_model(str(path))
