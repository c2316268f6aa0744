"""How well models predict a recording, where it is asked how hard the recording is: one linear model, one network."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.metrics import pearson_per_neuron

if TYPE_CHECKING:
    from daenr_tf.recordings.recording import Recording

PENALTIES = 10.0 ** np.arange(1, 6.5, 0.5)  # of z-scored pixels and responses in their own units


def ridge_pcc(recording: Recording) -> float:
    """Mean PCC over neurons of ridge regression from z-scored pixels, to the averages of the test images' trials.

    One penalty for all neurons, the one of PENALTIES with the highest mean PCC on the validation set of split 0.
    """
    training, validation = recording.split(0)
    pixels = recording.images.reshape(len(recording.images), -1).astype(np.float64)
    mean, deviation = pixels[training].mean(axis=0), pixels[training].std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)
    left, singular, right = np.linalg.svd(
        (pixels[training] - mean) / deviation, full_matrices=False
    )
    responses = recording.responses.astype(np.float64)
    average = responses[training].mean(axis=0)
    rotated = left.T @ (responses[training] - average)

    def components(images):
        return (images.reshape(len(images), -1) - mean) / deviation @ right.T

    held_out, best = components(recording.images[validation]), (-np.inf, None)
    for penalty in PENALTIES:
        weights = (singular / (singular**2 + penalty))[:, None] * rotated
        pcc = pearson_per_neuron(held_out @ weights + average, responses[validation]).mean()
        if pcc > best[0]:
            best = (pcc, weights)
    predicted = components(recording.test_images) @ best[1] + average
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
