"""What `--dry-run` says: the cells of a plan and, from steps measured on this machine, about how long they take."""

import collections
import json
import os
import statistics

from daenr_tf.experiments.cell_outputs import RESULTS
from daenr_tf.experiments.cells import title
from daenr_tf.experiments.grid import is_finished
from daenr_tf.experiments.study import cell_directory

# Steps until early stopping on the simulated recordings (docs/results.md), where no cell of a study is finished yet.
USUAL_STEPS = {"cae": 3300, "vae": 4300, "vqvae": 10000, "cnn": 2800}
START = 10.0  # seconds: TensorFlow's import, tracing and the evaluation
MEASURED = 20  # steps


def describe(plan, study, results_dir, workers, recordings):
    """The cells, one a line, and the estimate.

    Args:
        plan: `catalogue.Plan`.
        study: `Study`.
        results_dir: str.
        workers: cells at once.
        recordings: dict of region -> `Recording`.
    """
    left = [cell for cell in plan.cells if not is_finished(results_dir, cell)]
    lines = [f"{cell.name}{'' if cell in left else '  (finished)'}" for cell in plan.cells]
    lines.append(f"{len(plan.cells)} cells, {len(plan.cells) - len(left)} of them finished")
    if not left:
        return "\n".join(lines)
    seconds = _seconds_per_step(left, study, recordings, max(1, len(os.sched_getaffinity(0)) // workers))
    known = _steps_of_finished(plan, results_dir)
    usual, longest = [], []
    for cell in left:
        kind, most = cell.setting.encoder, study.config(cell).training.max_steps
        usual.append(START + seconds[kind] * min(most, known.get(kind, USUAL_STEPS[kind])))
        longest.append(START + seconds[kind] * most)
    lines.append("a step: " + ", ".join(f"{1000 * value:.0f} ms ({title(kind)})" for kind, value in seconds.items()))
    about, at_most = (_time(max(max(times), sum(times) / workers)) for times in (usual, longest))
    lines.append(f"about {about} with {workers} cells at once on this machine, {at_most} if none stops early")
    return "\n".join(lines)


def _time(seconds):
    return f"{max(1, round(seconds / 60))} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"


def _steps_of_finished(plan, results_dir):
    """Mean steps of the finished cells by kind of model."""
    found = collections.defaultdict(list)
    for cell in plan.cells:
        if is_finished(results_dir, cell):
            with open(os.path.join(cell_directory(results_dir, cell), RESULTS), encoding="utf-8") as file:
                results = json.load(file)
            if not results.get("skipped"):
                found[cell.setting.encoder].append(results["steps"])
    return {kind: statistics.mean(steps) for kind, steps in found.items()}


def _seconds_per_step(cells, study, recordings, threads):
    """Measured seconds per training step by kind of model, each on one of its cells."""
    os.environ.update(TF_NUM_INTRAOP_THREADS=str(threads), TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS=str(threads))
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    found = {}
    for cell in cells:
        if cell.setting.encoder not in found:
            found[cell.setting.encoder] = _measured(study.config(cell), recordings[cell.setting.region])
    return found


def _measured(config, recording):
    import dataclasses
    import tempfile

    from daenr_tf.models.build import build_model
    from daenr_tf.training import Observer, train

    class Times(Observer):
        seconds = ()

        def validated(self, state, row, model):
            self.seconds += (state.seconds,)

    times = Times()
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, max_steps=2 * MEASURED, validate_every=MEASURED))
    with tempfile.TemporaryDirectory() as folder:
        train(build_model(config.model, recording), recording, config.training, folder, (times,))
    return (times.seconds[1] - times.seconds[0]) / MEASURED  # TensorFlow traced the graph in the first half
