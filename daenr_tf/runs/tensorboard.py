"""What TensorBoard is shown of a run: losses, metrics, images, masks and hyper-parameters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from daenr_tf.errors import first_line, one_line
from daenr_tf.machine.messages import LOGGER
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.training import Observer

if TYPE_CHECKING:
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.runs.state import State

IMAGES = 8
MASKS = 16
PICTURES_EVERY = 10  # validations
METRICS = {
    "validation": (
        "monitored_loss",
        "pcc",
        *IMAGE_METRICS,
    ),  # columns of HParams, beside the settings
    "test": (
        "pcc",
        "pcc_normalized",
        "noise_ceiling",
        "single_trial_pcc",
        "feve",
        *IMAGE_METRICS,
    ),
}


class TensorBoard(Observer):
    """Writes `tensorboard/train`, `tensorboard/validation` and, with all settings and the final figures, `tensorboard`.

    Args:
        directory: the run's `tensorboard/`.
        images: (N, height, width, channels) in [-1, 1], validation images of which some are shown.
        settings: flat dict of the run's configuration.
        name: str, of the run in the table of hyper-parameters.
        simulated: bool, whether pictures are to say that their data is simulated.
    """

    def __init__(
        self,
        directory: str,
        images: np.ndarray,
        settings: dict[str, Any],
        name: str,
        simulated: bool,
    ) -> None:
        self.mark = " (simulated data)" if simulated else ""
        self.images = images[:IMAGES]
        self.settings = settings
        self.name = name
        self.directory = directory
        self.writers = {}

    def started(self, state: State) -> None:
        """Open the files."""
        places = {"train": "train", "validation": "validation", "root": ""}
        self.writers = {
            name: tf.summary.create_file_writer(os.path.join(self.directory, place))
            for name, place in places.items()
        }

    def validated(self, state: State, row: dict[str, float], model: DAENR) -> None:
        """Write the terms of the loss, and from time to time pictures."""
        self._write(self._validation, state, row, model)

    def conclude(
        self, model: DAENR, step: int, test: dict[str, float], validation: dict[str, float]
    ) -> None:
        """The final pictures, the figures on both sets, dicts of name -> float, and the hyper-parameters that they were reached with."""
        self._write(self._conclusion, model, step, {"validation": validation, "test": test})
        self._write(self._close)

    def _write(self, what, *arguments):
        """Write for TensorBoard; where that fails (a full disk, say) the run goes on without."""
        if self.writers:
            try:
                what(*arguments)
            except tf.errors.OpError as error:
                self.writers = {}
                LOGGER.warning(
                    "TensorBoard's files can't be written any more: %s",
                    first_line(error),
                )

    def _validation(self, state, row, model):
        for part, prefix in (("train", "train_"), ("validation", "val_")):
            with self.writers[part].as_default(step=state.step):
                for column, value in row.items():
                    if column.startswith(prefix):
                        tf.summary.scalar(f"terms/{column.removeprefix(prefix)}", value)
                if part == "train":
                    tf.summary.scalar("learning_rate", row["learning_rate"])
        if len(state.history) % PICTURES_EVERY == 1:
            self._pictures(model, state.step)

    def _pictures(self, model, step):
        """Originals beside their reconstructions, and the spatial masks of some neurons."""
        with self.writers["validation"].as_default(step=step):
            if model.decoder:
                reconstructions = np.asarray(model(self.images, training=False)["reconstruction"])
                pairs = np.concatenate([self.images, reconstructions], axis=2) / 2 + 0.5
                tf.summary.image(
                    f"pictures/original beside reconstruction{self.mark}",
                    np.clip(pairs, 0, 1),
                    max_outputs=IMAGES,
                )
            if model.readout and hasattr(model.readout, "masks"):
                masks = model.readout.masks()[:MASKS]
                scale = np.abs(masks).max(axis=(1, 2), keepdims=True)
                masks = 0.5 + 0.5 * masks / np.where(scale > 0, scale, 1)
                tf.summary.image(
                    f"pictures/spatial mask, grey is 0{self.mark}",
                    np.kron(masks, np.ones((1, 8, 8)))[..., None],
                    max_outputs=MASKS,
                )

    def _conclusion(self, model, step, figures):
        self._pictures(model, step)
        with self.writers["root"].as_default(step=step):
            for which, found in figures.items():
                for name, value in found.items():
                    tf.summary.scalar(f"{which}/{name}", value)
            hparams.hparams_config(
                hparams=[hparams.HParam(name) for name in self.settings],
                metrics=[
                    hparams.Metric(f"{which}/{name}")
                    for which, names in METRICS.items()
                    for name in names
                ],
            )
            hparams.hparams(
                {
                    name: value if isinstance(value, (bool, int, float)) else one_line(value)
                    for name, value in self.settings.items()
                },
                trial_id=self.name,
            )

    def _close(self):
        for writer in self.writers.values():
            writer.close()
