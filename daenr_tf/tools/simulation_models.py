"""How well models predict a recording, where it is asked how hard the recording is: one linear model, one network."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.baselines.axes import Axes, ridge
from daenr_tf.baselines.pixels import Pixels
from daenr_tf.metrics import pearson_per_neuron

if TYPE_CHECKING:
    from daenr_tf.recordings.recording import Recording

PENALTIES = 10.0 ** np.arange(
    1, 6.5, 0.5
)  # of z-scored pixels and responses in their own units, on the sum of squared errors


def ridge_pcc(recording: Recording) -> float:
    """Mean PCC over neurons of ridge regression from z-scored pixels, to the averages of the test images' trials.

    One penalty for all neurons, the one of PENALTIES with the highest mean PCC on the validation set of split 0.
    """
    training, validation = recording.split(0)
    images, responses = recording.images, recording.responses
    axes = Axes(Pixels(images.shape[1:]), images[training])
    found = ridge(
        axes,
        images[training],
        responses[training],
        images[validation],
        responses[validation],
        PENALTIES / len(training),
    )
    predicted = found.predict(recording.test_images)
    return float(pearson_per_neuron(predicted, recording.test_responses).mean())


def cnn_fr_pcc(recording: Recording) -> float:
    """Mean PCC over neurons of what `daenr fit cnn_fr --layer 2 --schedule fast` trains on a simulated region."""
    from daenr_tf.config import resolve
    from daenr_tf.evaluation import evaluate
    from daenr_tf.models.build import build_model
    from daenr_tf.training import train

    settings = dict(layer=2, schedule="fast", dataset="simulated", region=recording.region)
    config = resolve("cnn_fr", settings)
    with tempfile.TemporaryDirectory() as folder:
        model = build_model(config.model, recording)
        train(model, recording, config.training, folder)
    return float(evaluate(model, recording).test["pcc"])
