"""What `--dry-run` says: the cells of a plan and, from steps measured on this machine, about how long they take."""

from __future__ import annotations

import collections
import os
import statistics
from typing import TYPE_CHECKING

from daenr_tf.experiments.cells import counted
from daenr_tf.experiments.findings import Findings
from daenr_tf.machine.cores import threads_each
from daenr_tf.schedules import SCHEDULES

if TYPE_CHECKING:
    from daenr_tf.experiments.cell_outputs import Finished
    from daenr_tf.experiments.planning import Plan

START = 10.0  # seconds: TensorFlow's import, tracing and the evaluation
MEASURED = 20  # steps


def describe(plan: Plan, finished: Finished, workers: int) -> str:
    """The cells, one a line, and the estimate.

    Args:
        plan: `planning.Plan`.
        finished: `outputs.Finished`.
        workers: cells at once.
    """
    findings, study = Findings(plan, finished), finished.study
    left = [
        cell for cell in plan.cells if cell not in findings.cells and cell not in findings.damaged
    ]
    lines = [cell.name + _state(findings, cell) for cell in plan.cells]
    damaged = f", {len(findings.damaged)} damaged" if findings.damaged else ""
    simulated = " on SIMULATED data" if findings.simulated else ""
    lines.append(
        f"{counted(len(plan.cells))}{simulated}, {len(findings.cells)} of them finished{damaged}"
    )
    if not left:
        return "\n".join(lines)
    seconds = _seconds_per_step(
        left, study, finished.recordings, threads_each(len(os.sched_getaffinity(0)), workers)
    )
    known = _steps_of_finished(findings)
    titles = {cell.setting.system.encoder: cell.setting.system.encoder_title for cell in left}
    usual, longest = [], []
    for cell in left:
        kind, training = cell.setting.system.encoder, study.config(cell).training
        most = training.max_steps
        expected = cell.setting.system.usual_steps * SCHEDULES[training.schedule].usual_share
        steps = min(most, known.get(kind, expected))
        usual.append(START + seconds[kind] * steps)
        longest.append(START + seconds[kind] * most)
    lines.append(
        "a step: "
        + ", ".join(f"{1000 * value:.0f} ms ({titles[kind]})" for kind, value in seconds.items())
    )
    about, at_most = (_time(max(max(times), sum(times) / workers)) for times in (usual, longest))
    lines.append(
        f"about {about} with {counted(workers)} at once on this machine, {at_most} if none stops early"
    )
    return "\n".join(lines)


def _time(seconds):
    return f"{max(1, round(seconds / 60))} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"


def _state(findings, cell):
    if cell in findings.damaged:
        return f"  (damaged: {findings.damaged[cell]})"
    return "  (finished)" if cell in findings.cells else ""


def _steps_of_finished(findings):
    """Mean steps of the finished cells by kind of model."""
    found = collections.defaultdict(list)
    for cell, one in findings.cells.items():
        if one.skipped is None:
            found[cell.setting.system.encoder].append(one.steps)
    return {kind: statistics.mean(steps) for kind, steps in found.items()}


def _seconds_per_step(cells, study, recordings, threads):
    """Measured seconds per training step by kind of model, each on one of its cells."""
    os.environ.update(
        TF_NUM_INTRAOP_THREADS=str(threads),
        TF_NUM_INTEROP_THREADS="1",
        OMP_NUM_THREADS=str(threads),
    )
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    found = {}
    for cell in cells:
        if cell.setting.system.encoder not in found:
            found[cell.setting.system.encoder] = _measured(
                study.config(cell), recordings[cell.setting.region]
            )
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
    config = dataclasses.replace(
        config,
        training=dataclasses.replace(
            config.training, max_steps=2 * MEASURED, validate_every=MEASURED
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        train(build_model(config.model, recording), recording, config.training, folder, (times,))
    return (
        times.seconds[1] - times.seconds[0]
    ) / MEASURED  # TensorFlow traced the graph in the first half
