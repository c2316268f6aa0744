"""The tables and figures that a run leaves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf import schedules
from daenr_tf.loss_weights import DEFAULT_SCALE
from daenr_tf.machine.files import write_text
from daenr_tf.readable import PCC_REPEATED, QUICK, beside_ceiling, linear_codes
from daenr_tf.recordings import checks
from daenr_tf.runs.directory import HISTORY

if TYPE_CHECKING:
    import pandas as pd

    from daenr_tf.config import RunConfig
    from daenr_tf.evaluation import Evaluation
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.recordings.several import Recordings
    from daenr_tf.runs.directory import RunDirectory
    from daenr_tf.training import Training

SHOWN = 10  # test images and masks in a figure

NEURONS = "neurons.csv"


def write_history(directory: RunDirectory, history: pd.DataFrame) -> None:
    """`history.csv`."""
    write_text(directory.file(HISTORY), history.to_csv(index=False))


def write_neurons(directory: RunDirectory, evaluation: Evaluation) -> None:
    """`neurons.csv`, where there is a readout."""
    if evaluation.neurons is not None:
        write_text(directory.file(NEURONS), evaluation.neurons.to_csv(index=False))


def neurons_of(directory: RunDirectory) -> pd.DataFrame | None:
    """The table that a finished run keeps of its neurons; None without a readout, or where it can't be read."""
    import pandas as pd

    try:
        return pd.read_csv(directory.file(NEURONS))
    except (OSError, ValueError):
        return None


def describe(config: RunConfig, recording: Recording | Recordings) -> str:
    """What a run is, in words: `cae_fr, layer 2, core gabor, ir, seed 0, simulated region 3 (quick run)`."""
    parts = [config.model.recipe]
    if config.model.system.readout:
        parts.append(f"layer {config.model.layer}")
    parts += map(_in_words, config.model.departures.items())
    parts += [config.training.task, f"seed {config.training.seed}"]
    parts.append(
        recording.name if config.own_recording else f"{config.dataset} region {config.region}"
    )
    if config.recording is not None:
        parts.append(f"one of {len(config.dataset)} recordings that share a core")
    if config.training.loss_scale != DEFAULT_SCALE:
        parts.append(f"loss scale {config.training.loss_scale}")
    if config.training.schedule != schedules.DEFAULT:
        parts.append(f"schedule {config.training.schedule}")
    return ", ".join(parts) + (QUICK if config.quick else "")


def _in_words(setting):
    """`(mask_start, sta)` as `mask start sta`."""
    name, value = setting[0].replace("_", " "), setting[1]
    if name == "encoder from":
        return "on the encoder of another run"
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, tuple):
        value = "x".join(map(str, value))
    elif isinstance(value, float):
        value = f"{value:g}"
    return f"{name} {value}"


def write_figures(
    folder: str,
    config: RunConfig,
    recording: Recording,
    model: DAENR,
    training: Training | None,
    evaluation: Evaluation,
) -> None:
    """The figures of a run, as PNG files in `folder`; without a training those of the fitted model."""
    from daenr_tf.plotting import images, neurons

    os.makedirs(folder, exist_ok=True)
    name = describe(config, recording)
    simulated = recording.simulated

    def path(stem):
        return os.path.join(folder, f"{stem}.png")

    codes = evaluation.linear_codes
    if training is not None:
        held_out = {
            name: {"size": code["size"], "mse": code["validation"]["mse"]}
            for name, code in codes.items()
        }
        beside = _beside(held_out, "validation MSE")
        write_learning_curves(folder, config, recording, model, training, beside)
    if "reconstruction" in evaluation.outputs:
        images.reconstructions(
            path("reconstructions"),
            evaluation.images[:SHOWN],
            evaluation.outputs["reconstruction"][:SHOWN],
            f"Test images and reconstructions\n{name}{_beside(codes, 'MSE over all test images')}",
            simulated=simulated,
        )
    if evaluation.neurons is not None:
        table = evaluation.neurons
        ceiling = None if recording.test_trials is None else table["noise_ceiling"].to_numpy()
        neurons.pcc(
            path("pcc"),
            table["pcc"].to_numpy(),
            ceiling,
            table["significant"].to_numpy(),
            f"Predicted and observed responses\n{name}",
            simulated=simulated,
            of_ceiling=table[PCC_REPEATED].to_numpy() if PCC_REPEATED in table else None,
        )
        if model.readout.figure:
            FIGURES[model.readout.figure](path("masks"), name, recording, model, table)


def write_learning_curves(
    folder: str,
    config: RunConfig,
    recording: Recording | Recordings,
    model: DAENR,
    training: Training,
    beside: str = "",
) -> None:
    """`learning_curves.png` in `folder`, with `beside` at the end of its title."""
    from daenr_tf.plotting import learning_curves

    os.makedirs(folder, exist_ok=True)
    learning_curves.of_run(
        os.path.join(folder, "learning_curves.png"),
        training.history,
        config.training.monitor,
        training.best_step,
        model.units,
        f"Learning curves\n{describe(config, recording)}{beside}",
        simulated=recording.simulated,
    )


def _beside(codes, what):
    """The end of a figure's title: what linear codes reach beside the MSE that it shows; empty without any."""
    told = linear_codes(codes, "mse", 4)
    return f"; linear codes, {what}: {told}" if told else ""


def best_predicted(pcc: np.ndarray, recording: Recording) -> np.ndarray:
    """The numbers of the neurons with the largest PCC (neurons,), the best first, `SHOWN` at most; none
    that never varies in training or in the test set, whose PCC of 0 says nothing of its mask."""
    silent = checks.unvarying(recording.responses) | checks.unvarying(recording.test_responses)
    silent |= np.isnan(pcc)
    order = np.argsort(-pcc, kind="stable")
    return order[~silent[order]][:SHOWN]


def _draw_masks(path, name, recording, model, table):
    from daenr_tf.plotting import masks

    pcc, ceilings = table[beside_ceiling(table)].to_numpy(), table["noise_ceiling"].to_numpy()
    alone = "; PCC over test images shown several times" if PCC_REPEATED in table else ""
    best = best_predicted(table["pcc"].to_numpy(), recording)
    if not len(best):
        return
    shape = recording.images.shape[1:3]
    centers = {} if recording.truth is None else {"planted": recording.truth["center"][best]}
    learned = model.readout.field_centers(shape)
    if learned is not None:
        centers["learned"] = learned[best]
    masks.masks(
        path,
        model.readout.masks()[best],
        best,
        f"Spatial masks of the best predicted neurons\n{name}{alone}",
        pccs=pcc[best],
        ceilings=ceilings[best],
        centers=centers,
        stimulus_shape=shape,
        simulated=recording.simulated,
    )


def _draw_fixed_masks(path, name, recording, model, table):
    from daenr_tf.plotting import masks

    training, _ = recording.split(model.seed)
    mean = recording.images[training].mean(axis=(0, 3), dtype="float64")
    masks.fixed_mask_positions(
        path,
        mean,
        model.readout.positions,
        model.readout.cells(),
        (model.readout.height, model.readout.width),
        f"Fixed masks\n{name}",
        planted=None if recording.truth is None else recording.truth["center"],
        simulated=recording.simulated,
    )


FIGURES = {"masks": _draw_masks, "fixed_masks": _draw_fixed_masks}  # of a readout, by its `figure`
