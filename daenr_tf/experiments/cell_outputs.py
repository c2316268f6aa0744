"""What a finished cell is judged by: its predictions and its error on each test image, its learning curve, and how it was trained."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf import metrics
from daenr_tf.errors import InputError
from daenr_tf.experiments import cell_files
from daenr_tf.experiments.cell_files import SHOWN
from daenr_tf.experiments.cells import INSIGNIFICANT, SHUFFLED, SIGNIFICANT, SIGNIFICANT_CV
from daenr_tf.experiments.study import cell_directory
from daenr_tf.machine.files import replace_file
from daenr_tf.missing import known_counts
from daenr_tf.paper import IMAGE_METRICS

if TYPE_CHECKING:
    from daenr_tf.config import RunConfig
    from daenr_tf.evaluation import Evaluation
    from daenr_tf.experiments.cells import Cell
    from daenr_tf.experiments.study import Study
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.pipeline import Sets
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.runs.directory import RunDirectory

FILE, RESULTS, HISTORY, NEURONS = "outputs.npz", "results.json", "history.csv", "neurons.csv"
SHUFFLE_SEED, SHARE_SEED = 4793, 8123  # apart from the draws of training
LEAST_IMAGES = 10


@dataclass(frozen=True)
class Outputs:
    """A finished cell. One whose group has no neuron has `skipped` alone.

    Attributes:
        skipped: str, why nothing was trained; None where something was.
        steps, best_step: int.
        stopped_by: "patience" or "max_steps", what ended its training; None where it isn't known.
        seconds: float, of training.
        versions: dict of text -> text or None, what it was trained with.
        threads: tuple of int, that TensorFlow computed with, one per part of the training; None where it isn't known.
        linear_codes: dict of a linear code's name -> dict of `size`, `mse`, `psnr`, `ssim` on the test images and `validation_mse`, or None.
        curve: (steps (n,), losses (n,)), the monitored validation loss.
        images: dict of "mse", "psnr", "ssim" -> (test images,), where the model has a decoder.
        response: (test images, neurons), predicted responses, or None.
        neurons: (neurons,), the recording's neurons that the model was trained with.
        validation_pcc: (neurons,), correlation with single presentations of the images held out from training, or None.
        validation_images: how many those are.
        shown: (n, height, width, channels) in [-1, 1], reconstructions of the first test images, or None.
        originals: (n, height, width, channels), these images.
    """

    skipped: str | None
    steps: int = 0
    best_step: int = 0
    stopped_by: str | None = None
    seconds: float = 0.0
    versions: dict = dataclasses.field(default_factory=dict)
    threads: tuple | None = None
    linear_codes: dict | None = None
    curve: tuple | None = None
    images: dict = dataclasses.field(default_factory=dict)
    response: np.ndarray | None = None
    neurons: np.ndarray | None = None
    validation_pcc: np.ndarray | None = None
    validation_images: int = 0
    shown: np.ndarray | None = None
    originals: np.ndarray | None = None

    @property
    def cut_off(self) -> bool:
        """Whether `max_steps` ended its training before patience did, as far as that is known."""
        return self.stopped_by == "max_steps"


def write(
    directory: RunDirectory, neurons: np.ndarray, sets: Sets, model: DAENR, evaluation: Evaluation
) -> None:
    """Write a cell's outputs beside its results.

    Args:
        directory: `RunDirectory`.
        neurons: (neurons,), numbers in the whole recording.
        sets: `pipeline.Sets`.
        model: `DAENR`, fitted.
        evaluation: `Evaluation`.
    """
    from daenr_tf.evaluation import predict

    arrays = {
        "neurons": neurons,
        "originals": evaluation.images[:SHOWN],
        "validation_images": len(sets.validation.images),
    }
    if "reconstruction" in evaluation.outputs:
        reconstruction = evaluation.outputs["reconstruction"]
        arrays["shown"] = reconstruction[:SHOWN]
        arrays |= {
            name: getattr(metrics, name)(evaluation.images, reconstruction)
            for name in IMAGE_METRICS
        }
    if "response" in evaluation.outputs:
        arrays["response"] = evaluation.outputs["response"]
        predicted = predict(model, sets.validation.images)["response"]
        arrays["validation_pcc"] = metrics.pearson_per_neuron(predicted, sets.validation.responses)
    arrays = {name: np.asarray(values, cell_files.DTYPES[name]) for name, values in arrays.items()}
    replace_file(directory.file(FILE), lambda file: np.savez(file, **arrays))


def read(directory: str, cell: Cell, config: RunConfig, recording: Recording) -> Outputs | None:
    """A finished cell, every file that it is judged by checked; None where it isn't finished.

    Args:
        directory: str, of the cell.
        cell: `Cell`.
        config: `RunConfig` of the cell.
        recording: `Recording`, the whole one that it must have been trained on.

    Returns:
        `Outputs` or None.

    Raises:
        InputError: a file is damaged, or another cell's or recording's.
    """
    path = os.path.join(directory, RESULTS)
    if not os.path.lexists(path):
        return None
    try:
        results = cell_files.read_results(path, cell, recording)
        if results["skipped"] is not None:
            return Outputs(results["skipped"])
        arrays = cell_files.read_arrays(
            os.path.join(directory, FILE), cell, config.model, recording
        )
        digest = part_of(recording, cell, arrays["neurons"]).digest
        if results.pop("digest") != digest:
            raise InputError(
                f"{path}: dataset: digest: expected {digest[:12]}…, that of the cell's part of the recording, found another"
            )
        curve = cell_files.read_history(
            os.path.join(directory, HISTORY),
            f"val_{config.training.monitor}",
            results["steps"],
            results["best_step"],
        )
        if config.model.system.readout:
            cell_files.check_neurons(os.path.join(directory, NEURONS), len(arrays["neurons"]))
    except InputError as error:
        raise InputError(f"{error}; remove {directory} to train the cell again") from None
    images = {name: arrays.pop(name) for name in IMAGE_METRICS if name in arrays}
    return Outputs(
        **results,
        **arrays | {"validation_images": int(arrays["validation_images"])},
        curve=curve,
        images=images,
    )


class Finished:
    """The finished cells of a study; each is read and checked once.

    Args:
        results_dir: str.
        study: `Study`.
        recordings: dict of region (None: one's own) -> `Recording`.
    """

    def __init__(
        self, results_dir: str, study: Study, recordings: dict[int | None, Recording]
    ) -> None:
        self.results_dir, self.study, self.recordings = results_dir, study, recordings
        self._found = {}

    def read(self, cell: Cell) -> Outputs | None:
        """The `Outputs` of a cell; None where it isn't finished (it may be, the next time). Raises `InputError` where it is damaged."""
        if cell not in self._found:
            place, recording = (
                cell_directory(self.results_dir, cell),
                self.recordings[cell.setting.region],
            )
            try:
                found = read(place, cell, self.study.config(cell), recording)
            except InputError as error:
                found = error
            if found is None:
                return None
            self._found[cell] = found
        if isinstance(self._found[cell], InputError):
            raise self._found[cell]
        return self._found[cell]


def chosen_neurons(group: str, outputs: Outputs, recording: Recording, seed: int = 0) -> np.ndarray:
    """The neurons of a group, by how well a model with all neurons predicts them.

    A neuron is significant where p <= 0.05 and r > 0 (docs/paper.md): on the trial-averaged test images as the paper has it, or for the
    `-cv` groups on single presentations of the images that this seed holds out from training, so that no test image has a say (over
    seeds this is Monte-Carlo cross-validation).

    Args:
        group: one of `cells.SELECTED`.
        outputs: `Outputs` of the cell with all neurons.
        recording: `Recording`.
        seed: int, of the cell.

    Returns:
        (neurons,) bool; a neuron that can't be scored is in no group.
    """
    if group in (SIGNIFICANT, INSIGNIFICANT):
        pcc = metrics.pearson_per_neuron(outputs.response, recording.test_responses)
        images = known_counts(recording.test_responses)
    else:
        pcc, images = outputs.validation_pcc, outputs.validation_images
        if recording.missing:  # a neuron was judged by its own images
            _, validation = recording.split(seed)
            images = known_counts(recording.responses[validation])
    significant = (metrics.pearson_p_value(pcc, images) <= metrics.SIGNIFICANCE_LEVEL) & (pcc > 0)
    if group in (SIGNIFICANT, SIGNIFICANT_CV):
        return significant
    return ~significant & ~np.isnan(pcc)


def prepared(
    recording: Recording, cell: Cell, base: Outputs | None = None
) -> tuple[Recording | None, np.ndarray]:
    """The recording that a cell is trained on, and the numbers of its neurons in the whole one.

    Args:
        recording: `Recording`, whole.
        cell: `Cell`.
        base: `Outputs` of `cell.base`, where it has one.

    Returns:
        (`Recording` or None where no neuron is in the group, (neurons,) int).

    Raises:
        InputError: the cell has a base and it isn't finished.
    """
    if cell.base and base is None:
        raise InputError(
            f"{cell.base.name}: expected to be finished, for it chooses the neurons, found no results of it"
        )
    neurons = np.arange(recording.neurons)
    if cell.setting.selected:
        neurons = np.flatnonzero(chosen_neurons(cell.setting.group, base, recording, cell.seed))
    return (part_of(recording, cell, neurons) if len(neurons) else None), neurons


def part_of(recording: Recording, cell: Cell, neurons: np.ndarray) -> Recording:
    """The recording that a cell is trained on: the whole one or a share of its training images, that of the cell's `neurons` (n,), or one with its
    responses exchanged."""
    if cell.setting.variant.share < 1:
        recording = _some_images(recording, cell)
    if cell.setting.selected:
        return recording.with_neurons(neurons)
    if cell.setting.group == SHUFFLED:
        order = np.random.default_rng([SHUFFLE_SEED, cell.seed]).permutation(
            len(recording.responses)
        )
        return dataclasses.replace(recording, responses=recording.responses[order])
    return recording


def _some_images(recording, cell):
    """The recording with the cell's share of its training images, chosen by the seed; a smaller share is a part of a larger one."""
    total = len(recording.images)
    order = np.random.default_rng([SHARE_SEED, cell.seed]).permutation(total)
    count = max(LEAST_IMAGES, round(cell.setting.variant.share * total))
    return recording.with_images(np.sort(order[:count]))
