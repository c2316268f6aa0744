"""What a finished cell is judged by, in one file: its predictions and its error on each test image."""

import dataclasses
import json
import os
from dataclasses import dataclass

import numpy as np

from daenr_tf import metrics
from daenr_tf.errors import InputError
from daenr_tf.experiments.cells import (
    INSIGNIFICANT,
    SHUFFLED,
    SIGNIFICANT,
    SIGNIFICANT_CV,
)
from daenr_tf.files import replace_file
from daenr_tf.recordings.arrays import read_npz

FILE, RESULTS = "outputs.npz", "results.json"
SHOWN = 10  # test images whose reconstructions are kept
IMAGE_METRICS = ("mse", "psnr", "ssim")
SHUFFLE_SEED = 4793  # apart from the draws of training


@dataclass(frozen=True)
class Outputs:
    """A finished cell.

    Attributes:
        results: dict, as in its `results.json`.
        images: dict of "mse", "psnr", "ssim" -> (test images,), where the model has a decoder.
        response: (test images, neurons), predicted responses, or None.
        neurons: (neurons,), the recording's neurons that the model was trained with.
        validation_pcc: (neurons,), correlation with single presentations of the images held out from training, or None.
        validation_images: how many those are.
        shown: (n, height, width, channels) in [-1, 1], reconstructions of the first test images, or None.
        originals: (n, height, width, channels), these images.
    """

    results: dict
    images: dict
    response: np.ndarray | None
    neurons: np.ndarray
    validation_pcc: np.ndarray | None
    validation_images: int
    shown: np.ndarray | None
    originals: np.ndarray


def write(directory, neurons, sets, model, evaluation):
    """Write a cell's outputs beside its results.

    Args:
        directory: `RunDirectory`.
        neurons: (neurons,), numbers in the whole recording.
        sets: `pipeline.Sets`.
        model: `DAENR`, fitted.
        evaluation: `Evaluation`.
    """
    from daenr_tf.evaluation import predict

    arrays = {"neurons": np.asarray(neurons), "originals": evaluation.images[:SHOWN], "validation_images": np.asarray(len(sets.validation.images))}
    if "reconstruction" in evaluation.outputs:
        reconstruction = evaluation.outputs["reconstruction"]
        arrays["shown"] = reconstruction[:SHOWN]
        arrays |= {name: getattr(metrics, name)(evaluation.images, reconstruction) for name in IMAGE_METRICS}
    if "response" in evaluation.outputs:
        arrays["response"] = evaluation.outputs["response"]
        predicted = predict(model, sets.validation.images)["response"]
        arrays["validation_pcc"] = metrics.pearson_per_neuron(predicted, sets.validation.responses)
    replace_file(directory.file(FILE), lambda file: np.savez(file, **arrays))


def read(directory):
    """The outputs in a cell's directory; None where it isn't finished.

    Raises:
        InputError: the files are there and can't be read.
    """
    path = os.path.join(directory, RESULTS)
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            results = json.load(file)
        arrays = {} if results.get("skipped") else read_npz(os.path.join(directory, FILE))
        return Outputs(
            results, {name: arrays[name] for name in IMAGE_METRICS if name in arrays}, arrays.get("response"),
            arrays.get("neurons", np.arange(0)), arrays.get("validation_pcc"), int(arrays.get("validation_images", 0)), arrays.get("shown"),
            arrays.get("originals", np.empty(0)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{directory}: expected a finished cell's files, found {error}; remove the directory to train it again") from None


def chosen_neurons(group, outputs, recording):
    """The neurons of a group, by how well a model with all neurons predicts them.

    A neuron is significant where p <= 0.05 and r > 0 (DESIGN 6.9): on the trial-averaged test images as the paper has it, or for the
    `-cv` groups on single presentations of the images that this seed holds out from training, so that no test image has a say (over
    seeds this is Monte-Carlo cross-validation).

    Args:
        group: one of `cells.SELECTED`.
        outputs: `Outputs` of the cell with all neurons.
        recording: `Recording`.

    Returns:
        (neurons,) bool.
    """
    if group in (SIGNIFICANT, INSIGNIFICANT):
        significant = metrics.significant_neurons(outputs.response, recording.test_responses)
    else:
        p_value = metrics.pearson_p_value(outputs.validation_pcc, outputs.validation_images)
        significant = (p_value <= metrics.SIGNIFICANCE_LEVEL) & (outputs.validation_pcc > 0)
    return significant if group in (SIGNIFICANT, SIGNIFICANT_CV) else ~significant


def prepared(recording, cell, base=None):
    """The recording that a cell is trained on, and the numbers of its neurons in the whole one.

    Args:
        recording: `Recording`, whole.
        cell: `Cell`.
        base: `Outputs` of `cell.base`, where it has one.

    Returns:
        (`Recording` or None where no neuron is in the group, (neurons,) int).
    """
    neurons = np.arange(recording.neurons)
    if cell.setting.selected:
        neurons = np.flatnonzero(chosen_neurons(cell.setting.group, base, recording))
        return (recording.with_neurons(neurons) if len(neurons) else None), neurons
    if cell.setting.group == SHUFFLED:
        order = np.random.default_rng([SHUFFLE_SEED, cell.seed]).permutation(len(recording.responses))
        return dataclasses.replace(recording, responses=recording.responses[order]), neurons
    return recording, neurons
