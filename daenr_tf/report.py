"""The tables and figures that a run leaves."""

import os

import numpy as np

from daenr_tf.checkpoint import write_text

SHOWN = 10  # test images and masks in a figure


def write_tables(directory, training, evaluation):
    """`history.csv` and, with a readout, `neurons.csv`."""
    write_text(directory.file("history.csv"), training.history.to_csv(index=False))
    if evaluation.neurons is not None:
        write_text(directory.file("neurons.csv"), evaluation.neurons.to_csv(index=False))


def write_figures(folder, config, recording, model, training, evaluation):
    """The figures of a run, as PNG files in `folder`."""
    from daenr_tf import figures

    os.makedirs(folder, exist_ok=True)
    name = f"{config.model.recipe}, {recording.name}"
    simulated = recording.simulated

    def path(stem):
        return os.path.join(folder, f"{stem}.png")

    figures.learning_curves(path("learning_curves"), training.history, config.training.monitor, training.best_step,
                            f"Learning curves: {name}", simulated=simulated)
    if "reconstruction" in evaluation.outputs:
        figures.reconstructions(path("reconstructions"), evaluation.images[:SHOWN], evaluation.outputs["reconstruction"][:SHOWN],
                                f"Test images and reconstructions: {name}", simulated=simulated)
    if evaluation.neurons is not None:
        table = evaluation.neurons
        ceiling = None if recording.test_trials is None else table["noise_ceiling"].to_numpy()
        figures.pcc(path("pcc"), table["pcc"].to_numpy(), ceiling, table["significant"].to_numpy(),
                    f"Predicted and recorded responses: {name}", simulated=simulated)
        if hasattr(model.readout, "masks"):
            best = np.argsort(-table["pcc"].to_numpy(), kind="stable")[:SHOWN]
            figures.masks(path("masks"), model.readout.masks()[best], best,
                          f"Spatial masks of the best predicted neurons: {name}, h{config.model.layer}",
                          pccs=table["pcc"].to_numpy()[best], simulated=simulated)
