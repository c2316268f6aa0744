"""Models that version 0.1 saved load, and give what they gave then."""

import os

import numpy as np
import pytest

import daenr_tf

FOLDER = os.path.join(os.path.dirname(__file__), "data", "version_0_1")
NAMES = ("cnn_fm", "cnn_fr_bfloat16", "cnn_fc_frozen", "cae_fr", "vae_fc", "vqvae_fm")


def saved(name):
    """(the loaded model, dict of what was stored beside its file)."""
    with np.load(os.path.join(FOLDER, f"{name}.npz")) as stored:
        return daenr_tf.load_model(os.path.join(FOLDER, f"{name}.keras")), dict(stored)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_version_0_1_gives_what_it_gave(name):
    model, stored = saved(name)
    outputs = model(stored["images"])
    assert outputs.keys() == {"reconstruction", "response"} & stored.keys()
    digits = 2**-8 if "bfloat16" in name else 1e-5  # what a number of that precision can tell
    for head, output in outputs.items():
        np.testing.assert_allclose(output, stored[head], rtol=digits, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_come_with_it(name):
    model, _ = saved(name)
    assert (model.image_shape, model.neurons, model.seed, model.pixel_range) == (
        (8, 8, 1),
        4,
        3,
        (0.0, 255.0),
    )
    assert model.readout.activity_l1 == 0.3
    policy = "mixed_bfloat16" if "bfloat16" in name else "float32"
    assert {model.dtype_policy.name, *(part.dtype_policy.name for part in model.parts())} == {
        policy
    }
    joint = len(model.heads) == 2
    assert model.head_weights == (
        {"reconstruction": 0.5, "response": 2.0} if joint else {"response": 1.0}
    )
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 2e-3, rtol=1e-6)


@pytest.mark.parametrize("name", ["cnn_fm", "cnn_fr_bfloat16"])
def test_its_optimizer_goes_on_where_it_was(name):
    model, stored = saved(name)
    assert int(model.optimizer.iterations) == 2
    for index, variable in enumerate(model.optimizer.variables):
        np.testing.assert_array_equal(variable, stored[f"optimizer.{index}"])


def test_a_frozen_one_is_frozen_wholly():
    """Its moving statistics too."""
    model, stored = saved("cnn_fc_frozen")
    before = model.get_weights()
    assert not model.trainable_variables
    model(stored["images"], training=True)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
