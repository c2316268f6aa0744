"""Every part of a model is asked what the protocol of parts has, whichever parts there are."""

import dataclasses
import inspect

import numpy as np
import pytest
import tensorflow as tf

import daenr_tf
from daenr_tf import systems
from daenr_tf.config import ModelConfig
from daenr_tf.layers.bottlenecks import DenseBottleneck
from daenr_tf.layers.decoder import Decoder
from daenr_tf.layers.encoder import Encoder
from daenr_tf.layers.readouts import FactorizedReadout

RECIPES = ("cae", "cnn_fr", "cae_fr")


class Telling:
    """Tells what it was given: the mean of its inputs, and how many images it was started on."""

    started_on = None

    def initialize(self, training):
        super().initialize(training)
        self.started_on = len(training.images)

    def outputs(self, inputs):
        return {f"seen_by_{self.name}": tf.reduce_mean(inputs, axis=(1, 2, 3))}

    def diagnostics(self, batches):
        seen = np.concatenate([self.outputs(batch)[f"seen_by_{self.name}"] for batch in batches])
        return {f"mean_of_{self.name}": float(seen.mean())}, [f"{self.name} was asked"]


class TellingCore(Telling, Encoder):
    pass


class TellingBottleneck(Telling, DenseBottleneck):
    pass


class TellingDecoder(Telling, Decoder):
    pass


class TellingReadout(Telling, FactorizedReadout):
    pass


@pytest.fixture(params=RECIPES)
def model(request, recording, monkeypatch):
    """A model all of whose parts tell."""

    def telling(part, name):
        return part and dataclasses.replace(part, home=f"{__name__}:{name}")

    system = systems.SYSTEMS[request.param]
    monkeypatch.setitem(systems.CORES, "daenr", telling(systems.CORES["daenr"], "TellingCore"))
    monkeypatch.setitem(
        systems.DECODERS, "daenr", telling(systems.DECODERS["daenr"], "TellingDecoder")
    )
    monkeypatch.setitem(
        systems.SYSTEMS,
        request.param,
        systems.System(
            telling(system.bottleneck, "TellingBottleneck"),
            telling(system.readout, "TellingReadout"),
        ),
    )
    config = ModelConfig(request.param, image_size=(8, 12), latent_size=5, layer=2, seed=3)
    return daenr_tf.build_model(config, recording)


def inputs(model, images):
    """What each part of a model is called on: dict of its name -> tensor."""
    hidden = model.encoder(images)[0]
    found = {"encoder": images}
    if model.decoder:
        found |= {"bottleneck": hidden[-1], "decoder": model.bottleneck(hidden[-1])[0]}
    if model.readout:
        found |= {"readout": hidden[1]}
    return {name: np.asarray(value, np.float64) for name, value in found.items()}


def test_what_is_not_a_readout_has_the_defaults_of_the_command_line_in_python_too():
    compared = 0
    for part in [
        *systems.CORES.values(),
        *systems.BOTTLENECKS.values(),
        *systems.DECODERS.values(),
    ]:
        taken = inspect.signature(part.load().__init__).parameters
        for option in part.options:
            assert taken[option.name].default == option.default, (part.name, option.name)
            compared += 1
    assert compared > 10


def test_every_part_starts_from_the_images_that_are_trained_on(model, recording):
    training, _ = recording.split(3)
    assert {part.name: part.started_on for part in model.parts()} == dict.fromkeys(
        inputs(model, np.zeros((1, 8, 12, 1), np.float32)), len(training)
    )


def test_an_exported_model_gives_what_every_part_gives(model, tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (3, 8, 12, 1)).astype(np.float32)
    path = daenr_tf.export(model, str(tmp_path))
    served = tf.saved_model.load(path).signatures["serving_default"](images=tf.constant(images))
    expected = inputs(model, images)
    assert served.keys() == {*model.heads, *(f"seen_by_{name}" for name in expected)}
    for name, value in expected.items():
        np.testing.assert_allclose(
            served[f"seen_by_{name}"], value.mean(axis=(1, 2, 3)), rtol=1e-4, atol=1e-6
        )


def test_every_part_tells_how_it_works_on_the_test_images(model, recording):
    evaluation = daenr_tf.evaluate(model, recording)
    expected = inputs(model, evaluation.images)
    assert evaluation.notes == [f"{name} was asked" for name in expected]
    assert evaluation.diagnostics == pytest.approx(
        {f"mean_of_{name}": value.mean() for name, value in expected.items()}, rel=1e-4, abs=1e-6
    )
