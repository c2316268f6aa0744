"""How good a fitted model is on the validation and the test set: the metrics and the noise ceiling of docs/paper.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf

from daenr_tf import metrics, pipeline, systems
from daenr_tf.errors import InputError
from daenr_tf.linear_codes import linear_codes
from daenr_tf.machine import blocks
from daenr_tf.machine.blocks import EVALUATION_BATCH, EVALUATION_BYTES
from daenr_tf.missing import known_counts, mean_over_neurons
from daenr_tf.models.codes import code_spec, vector_size
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.readable import PCC_REPEATED, beside_ceiling
from daenr_tf.recordings import checks
from daenr_tf.recordings.several import Recordings

if TYPE_CHECKING:
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.recordings.recording import Recording


OF_REPEATS = ("single_trial_pcc", "feve")  # what a neuron has besides where there are repeats


@dataclass(frozen=True)
class Evaluation:
    """A fitted model's figures on the validation and the test set.

    Attributes:
        validation: dict of the heads that exist: `mse`, `psnr`, `ssim`, `pcc` as in `test`; the responses are to single presentations mostly, and
            have no ceiling. What models are chosen by.
        test: dict of the heads that exist: `mse`, `psnr`, `ssim` (means over images), `pcc` (mean over neurons),
            `pcc_normalized` (mean PCC / mean noise ceiling; None where nothing was repeated); where there are repeats, `single_trial_pcc` and
            `feve` (means over the neurons that have one). NaN where no neuron can be scored. Where some test images have a single presentation,
            `pcc_repeated`: the PCC over the others, which the ceiling, `pcc_normalized` and `feve` are of.
        linear_codes: what linear codes of as many numbers as the model's reach on the same images, as `linear_codes.linear_codes` gives it; empty
            without a decoder.
        noise_ceiling: float, mean over neurons, of the test images with two presentations or more; None where nothing was repeated.
        neurons: `pandas.DataFrame`, a row per neuron, or None without a readout.
        images: (T, height, width, channels), the test images as the model saw them.
        outputs: dict of head -> array, the model's outputs for them.
        diagnostics: dict of name -> float, what the model's parts tell of how they work on the test images.
        notes: list of sentences that a user must read.
    """

    validation: dict
    test: dict
    linear_codes: dict
    noise_ceiling: float | None
    neurons: pd.DataFrame | None
    images: np.ndarray
    outputs: dict
    diagnostics: dict
    notes: list


def predict(model: DAENR, images: np.ndarray | blocks.Rows) -> dict[str, np.ndarray]:
    """The model's outputs for preprocessed images (N, height, width, channels): dict of head -> array."""
    return _outputs(_forward(model), images)


def _outputs(forward, images):
    outputs = {}
    for some in _batches(images):
        for head, values in forward(tf.constant(images[some])).items():
            if head not in outputs:
                outputs[head] = np.empty((len(images), *values.shape[1:]), np.float32)
            outputs[head][some] = values.numpy()
    return outputs


def _forward(model):
    """The model as a graph, traced here once for batches of any size."""
    batch = tf.TensorSpec((None, *model.image_shape), tf.float32)
    forward = tf.function(lambda images: model(images, training=False), autograph=False)
    return forward.get_concrete_function(batch)


def evaluate(model: DAENR, recording: Recording, sets: pipeline.Sets | None = None) -> Evaluation:
    """Evaluate a model on a recording's validation and test set.

    Args:
        model: `DAENR`.
        recording: `Recording`.
        sets: `pipeline.Sets`, where they are at hand; without them the validation set is that of the split that the model was trained on, else of `model.seed`.

    Returns:
        `Evaluation`.

    Raises:
        InputError: the model has another number of neurons than the recording, or there are several recordings.
    """
    if isinstance(recording, (list, tuple, Recordings)):
        raise InputError(
            f"recording: expected one, found {len(recording)}: models.taken_out.of_recording(model, recording)"
            " is the model of each"
        )
    checks.neurons(recording, model.neurons)
    if sets is None:
        sets = pipeline.prepare(recording, model.image_settings, model.split_seed)
        sets = sets._replace(test=sets.test._replace(images=np.asarray(sets.test.images)))
    forward, images = _forward(model), sets.test.images
    figures = _figures(
        _outputs(forward, sets.validation.images), sets.validation, recording.unrecorded
    )
    outputs = _outputs(forward, images)
    test, ceiling, table = measured(outputs, sets.test, recording)
    codes = {}
    if "reconstruction" in outputs:
        size = vector_size(code_spec(model)) or systems.LATENT_SIZE.default
        codes = linear_codes(sets.train.images, images, sets.validation.images, size)
    diagnostics = model.diagnostics(lambda: (images[some] for some in _batches(images)))
    return Evaluation(figures, test, codes, ceiling, table, images, outputs, *diagnostics)


def measured(
    outputs: dict[str, np.ndarray], examples: pipeline.Examples, recording: Recording
) -> tuple[dict[str, float | None], float | None, pd.DataFrame | None]:
    """What outputs for a recording's test images come to: `test`, `noise_ceiling` and `neurons` of an `Evaluation`.

    Args:
        outputs: dict of head -> array, of all test images.
        examples: `pipeline.Examples`, the test set.
        recording: `Recording`.
    """
    test, ceiling, table = _figures(outputs, examples, recording.unrecorded), None, None
    if "response" in outputs:
        table = neuron_table(outputs["response"], recording)
        if PCC_REPEATED in table:
            test[PCC_REPEATED] = mean_over_neurons(table[PCC_REPEATED].to_numpy())
        test["pcc_normalized"] = None
        if table["noise_ceiling"].notna().any():
            ceiling = float(table["noise_ceiling"].mean())
            test["pcc_normalized"] = metrics.population_pcc_normalized(
                table[beside_ceiling(table)], table["noise_ceiling"]
            )
        if recording.test_trials is not None:
            for name in OF_REPEATS:
                test[name] = mean_over_neurons(table[name].to_numpy())
    return test, ceiling, table


def _figures(outputs, examples, unrecorded):
    """The metrics of a model's outputs for some examples, means over images and over the neurons that can be scored: not `unrecorded` (neurons,)."""
    figures = {}
    if "reconstruction" in outputs:
        for name in IMAGE_METRICS:
            figures[name] = float(
                getattr(metrics, name)(examples.images, outputs["reconstruction"]).mean()
            )
    if "response" in outputs:
        pcc = metrics.pearson_per_neuron(outputs["response"], np.asarray(examples.responses))
        figures["pcc"] = mean_over_neurons(pcc[~unrecorded])
    return figures


def _batches(images):
    return blocks.batches(len(images), EVALUATION_BATCH, images[:1].nbytes, EVALUATION_BYTES)


def neuron_table(predicted: np.ndarray, recording: Recording) -> pd.DataFrame:
    """One row per neuron: `neuron, pcc, p_value, significant, noise_ceiling, pcc_normalized` on the test set, and where there are repeats
    `single_trial_pcc, fev, feve`. A figure that a neuron has not, for too few of its responses are known, is NaN. Where some images have repeats
    and others a single presentation, `pcc_repeated` comes last, the PCC over the former; `noise_ceiling`, `pcc_normalized`, `fev` and `feve` are
    of those alone.

    Args:
        predicted: (T, neurons), predicted responses to the recording's test images.
        recording: `Recording`.
    """
    predicted = np.where(recording.unrecorded, np.nan, predicted)  # of nothing that was learned
    return pd.DataFrame(neuron_figures(predicted, recording.test_responses, recording.test_trials))


def neuron_figures(
    predicted: np.ndarray, observed: np.ndarray, trials: np.ndarray | None
) -> dict[str, np.ndarray]:
    """The columns of `neuron_table`.

    Args:
        predicted, observed: (images, neurons), the latter averaged over repeats.
        trials: (repeats, images, neurons), or None.
    """
    pcc = metrics.pearson_per_neuron(predicted, observed)
    of_ceiling, ceiling, more = pcc, np.full(len(pcc), np.nan), {}
    if trials is not None:
        ceiling = metrics.noise_ceiling(trials)
        more = {
            "single_trial_pcc": metrics.single_trial_pearson(predicted, trials),
            "fev": metrics.explainable_variance(trials),
            "feve": metrics.explained_variance(predicted, trials),
        }
        if metrics.some_shown_once(trials):
            of_ceiling = more[PCC_REPEATED] = metrics.repeated_pearson(predicted, trials)
    return {
        "neuron": np.arange(len(pcc)),
        "pcc": pcc,
        "p_value": metrics.pearson_p_value(pcc, known_counts(observed)),
        "significant": metrics.significant_neurons(predicted, observed),
        "noise_ceiling": ceiling,
        "pcc_normalized": metrics.pcc_normalized(of_ceiling, ceiling),
        **more,
    }
