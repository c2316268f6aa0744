"""The figures of the documentation, each computed from what it shows.

They are written to `docs/images` in the current directory, over the documentation's own files there, unless `--folder` says otherwise.

python -m daenr_tf.tools.doc_figures model --run runs/cae_fr/simulated-r3-l2-ir-s0     # docs/images/model.png
python -m daenr_tf.tools.doc_figures readouts     # docs/images/readouts.png, and the table beside it
python -m daenr_tf.tools.doc_figures tasks        # docs/images/tasks.png
python -m daenr_tf.tools.doc_figures paper        # docs/images/paper_images.png and paper_responses.png
"""

import argparse
import os
import sys
from collections.abc import Sequence

import numpy as np
from matplotlib.lines import Line2D

from daenr_tf import paper
from daenr_tf.errors import InputError, MachineError
from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, ORANGE, RED
from daenr_tf.tools.published_figures import draw_paper, draw_tasks

NEAR, RELIABLE = 2, 0.5  # stimulus pixels; the noise ceiling of the neurons that are counted
MAPS = 4  # feature maps shown of a layer
POINTS, SECOND, MARK = BLUE, ORANGE, RED


def draw_model(folder: str, run: str) -> list[str]:
    """An image on its way through a fitted model, and what some neurons answered: `model.png`.

    Args:
        folder: where the figure goes.
        run: the directory of a finished run, with its `config.json` and `model.keras`.

    Returns:
        The paths of what was written; so do the others.
    """
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf.config import RunConfig, read_config
    from daenr_tf.evaluation import evaluate
    from daenr_tf.models.keras_file import load_model
    from daenr_tf.recordings.load import load_recording
    from daenr_tf.runs.products import describe

    config = RunConfig.from_dict(read_config(os.path.join(run, "config.json")))
    model = load_model(os.path.join(run, "model.keras"))
    recording = load_recording(
        config.dataset, config.region, repeats_as_test=config.repeats_as_test
    )
    evaluation = evaluate(model, recording)
    layers = [np.asarray(layer[0], float) for layer in model.encode(evaluation.images[:1])[0]]
    title = f"A test image through the model, and the responses that it predicts\n{describe(config, recording)}"
    read = config.model.layer if evaluation.neurons is not None else None
    figure = canvas.figure(9.6, 5.5 if read else 2.5, title, recording.simulated)
    above, *below = figure.subfigures(
        2 if read else 1, 1, squeeze=False, height_ratios=(2.3, 2.8) if read else None
    )[:, 0]
    _draw_way(above, evaluation, layers, read)
    if read:
        _draw_responses(figure, below[0], evaluation, recording)
    path = os.path.join(folder, "model.png")
    canvas.write(path, figure)
    return [path]


def _draw_way(figure, evaluation, layers, read):
    """The stimulus, `MAPS` feature maps of each layer (the readout's framed), and the reconstruction."""
    images = {
        "stimulus x": evaluation.images[0],
        **{f"h{i}": layer for i, layer in enumerate(layers, 1)},
    }
    if "reconstruction" in evaluation.outputs:
        images["reconstruction x̂"] = evaluation.outputs["reconstruction"][0]
    for part, (name, values) in zip(figure.subfigures(1, len(images)), images.items(), strict=True):
        color = MARK if name == f"h{read}" else "black"
        heading = f"{name}: read out" if name == f"h{read}" else name
        part.suptitle(
            f"{heading}\n{' × '.join(map(str, values.shape))}", fontsize=STYLE["label"], color=color
        )
        if values.shape[-1] <= 3:
            axis = part.subplots()
            canvas.frame(axis)
            canvas.image(axis, values, -1, 1)
            continue
        chosen = np.argsort(-values.std(axis=(0, 1)), kind="stable")[:MAPS]
        for axis, channel in zip(part.subplots(2, MAPS // 2).flat, chosen, strict=True):
            canvas.frame(axis)
            axis.imshow(values[..., channel], cmap="viridis")
            axis.set_xlabel(f"channel {channel}", fontsize=STYLE["tick"] - 1, labelpad=2)
            axis.spines[:].set(color=color, linewidth=1.8 if color == MARK else 0.8)
    note = f"of each hidden layer the {MAPS} channels that vary most in this image, each on its own scale: low dark, high light"
    figure.supxlabel(note, fontsize=STYLE["tick"])


def _draw_responses(figure, part, evaluation, recording):
    """Predicted against observed responses of the neurons at four places in the order of PCC."""
    order = np.argsort(-evaluation.neurons["pcc"].to_numpy(), kind="stable")
    places = {
        "best": 0,
        "upper quartile": len(order) // 4,
        "median": len(order) // 2,
        "lower quartile": 3 * len(order) // 4,
    }
    axes = part.subplots(1, len(places))
    for axis, (place, rank) in zip(axes, places.items(), strict=True):
        neuron = order[rank]
        predicted, observed = (
            evaluation.outputs["response"][:, neuron],
            recording.test_responses[:, neuron],
        )
        top = 1.06 * max(predicted.max(), observed.max(), 1e-6)
        axis.plot([0, top], [0, top], color="black", lw=0.8, ls=":")
        axis.scatter(observed, predicted, s=13, color=POINTS, ec="white", lw=0.4)
        axis.scatter(observed[0], predicted[0], s=45, fc="none", ec=MARK, lw=1.4)
        row = evaluation.neurons.iloc[neuron]
        ceiling = (
            f", ceiling {row['noise_ceiling']:.2f}" if np.isfinite(row["noise_ceiling"]) else ""
        )
        axis.set(xlim=(0, top), ylim=(0, top), aspect="equal")
        axis.set_title(
            f"neuron {neuron} ({place})\nPCC {row['pcc']:.2f}{ceiling}", fontsize=STYLE["label"]
        )
        axis.set_xlabel(
            "observed (mean over repeats)" if recording.repeats else "observed",
            fontsize=STYLE["tick"],
        )
        canvas.plain(axis)
    axes[0].set_ylabel("predicted ŝ", fontsize=STYLE["tick"])
    handles = [
        Line2D(
            [],
            [],
            color=POINTS,
            marker="o",
            ms=4,
            ls="none",
            label="a test image (responses per presentation)",
        ),
        Line2D([], [], mec=MARK, mfc="none", marker="o", ms=7, ls="none", label="the image above"),
        Line2D([], [], color="black", lw=0.8, ls=":", label="predicted = observed"),
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=STYLE["tick"]
    )


def draw_readouts(folder: str) -> list[str]:
    """How far the positions that fixed masks stand on lie from the planted ones: `readouts.png`, and a Markdown table of the shares."""
    from daenr_tf.metrics import noise_ceiling
    from daenr_tf.receptive_fields import estimate_receptive_fields
    from daenr_tf.recordings.load import load_recording

    title = f"""From the estimated to the planted receptive-field centre
from the training images of split 0; shaded: within {NEAR} pixels; counted: neurons with a noise ceiling above {RELIABLE} (dotted line)"""
    figure = canvas.figure(9.6, 3.1, title, True)
    axes = figure.subplots(1, len(paper.REGIONS), sharey=True)
    farthest = 0
    print(f"| region | simple cells | complex cells | all |\n|{'---|' * 4}")
    for axis, region in zip(axes, paper.REGIONS, strict=True):
        recording = load_recording("simulated", region)
        training, _ = recording.split(0)
        positions = estimate_receptive_fields(
            recording.images[training], recording.responses[training]
        ).positions
        distance = np.hypot(*(positions - recording.truth["center"]).T)
        farthest = max(farthest, distance.max())
        ceiling, complex_cell = (
            noise_ceiling(recording.test_trials),
            recording.truth["complex"].astype(bool),
        )
        shares = []
        for kind in (~complex_cell, complex_cell, np.ones_like(complex_cell)):
            near = distance[kind & (ceiling > RELIABLE)] <= NEAR
            shares.append((near.sum(), len(near)))
        print(
            f"| {region} | {' | '.join(f'{near} of {count} ({near / count:.0%})' for near, count in shares)} |"
        )
        axis.axhspan(0, NEAR, color="#e6e6e6", zorder=0)
        axis.axvline(RELIABLE, color="black", lw=0.8, ls=":")
        for kind, name, marker, color in (
            (~complex_cell, "simple", "o", POINTS),
            (complex_cell, "complex", "^", SECOND),
        ):
            axis.scatter(
                ceiling[kind],
                distance[kind],
                s=18,
                marker=marker,
                color=color,
                ec="black",
                lw=0.4,
                label=f"{name} cells",
            )
        counts = ", ".join(
            f"{kind} {near} of {count}"
            for kind, (near, count) in zip(("simple", "complex"), shares, strict=False)
        )
        axis.set_title(f"region {region}\n{counts}", fontsize=STYLE["label"])
        axis.set_xlabel("noise ceiling", fontsize=STYLE["label"])
        axis.set_xlim(-0.03, 1.03)
        axis.set_yscale("symlog", linthresh=NEAR, linscale=1)
        axis.set_yticks([0, 1, 2, 5, 10, 20], labels=["0", "1", "2", "5", "10", "20"])
        canvas.plain(axis)
    axes[0].set_ylim(0, 6 * farthest)  # room for the legend
    axes[0].set_ylabel("distance (stimulus pixels)", fontsize=STYLE["label"])
    axes[0].legend(frameon=False, fontsize=STYLE["tick"], loc="upper right")
    path = os.path.join(folder, "readouts.png")
    canvas.write(path, figure)
    return [path]


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw what is asked for; status 2 for a run that can't be used."""
    parser = argparse.ArgumentParser(
        prog="python -m daenr_tf.tools.doc_figures",
        description="Draw the figures of the documentation, in a checkout over the tracked files themselves:"
        " docs/images/model.png and so on. --folder writes them elsewhere.",
    )
    parser.add_argument("figure", choices=("model", "readouts", "tasks", "paper"))
    parser.add_argument("--run", help="the directory of a finished run (model)")
    parser.add_argument(
        "--folder",
        default=os.path.join("docs", "images"),
        help="where the figures go (default: %(default)s, where the documentation's own lie)",
    )
    options = parser.parse_args(arguments)
    if (options.figure == "model") != bool(options.run):
        parser.error("--run: expected a run's directory for model, and nothing for the others")
    drawing = {
        "model": lambda folder: draw_model(folder, options.run),
        "readouts": draw_readouts,
        "tasks": draw_tasks,
        "paper": draw_paper,
    }
    try:
        for path in drawing[options.figure](options.folder):
            print(f"written: {path}", file=sys.stderr)  # standard output is for the table
    except (InputError, MachineError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
