"""One run, start to end: recording, model, training, evaluation, figures, export, results."""

from __future__ import annotations

import dataclasses
import math
import os
import uuid
from typing import TYPE_CHECKING

from daenr_tf import paper, schedules
from daenr_tf.errors import InputError, MachineError, first_line
from daenr_tf.loss_weights import DEFAULT_SCALE, default_weights
from daenr_tf.models import transfer
from daenr_tf.recordings import checks, sources
from daenr_tf.recordings.load import recording_of
from daenr_tf.recordings.several import of_each
from daenr_tf.runs import footprint, interruption, reference
from daenr_tf.runs.directory import MODEL, RunDirectory, check_writable
from daenr_tf.runs.results import make_results
from daenr_tf.runs.summary import stopped_by, summary
from daenr_tf.runs.trained import pause, tell, train_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from daenr_tf.config import RunConfig
    from daenr_tf.evaluation import Evaluation
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.pipeline import Sets
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.recordings.several import Recordings


@dataclasses.dataclass(frozen=True)
class Products:
    """What a run makes besides `config.json`, `history.csv`, `neurons.csv` and `results.json`.

    Attributes:
        export_dir: where the SavedModel's versions go; None exports nothing.
        model, figures, tensorboard: bool, whether `model.keras`, `figures/` and `tensorboard/` are made.
        state: bool, whether the state that a longer run could go on from is kept.
        reference: bool, whether what is known without a network is fitted beside a model that predicts responses.
    """

    export_dir: str | None = None
    model: bool = True
    figures: bool = True
    tensorboard: bool = True
    state: bool = False
    reference: bool = False


def run(
    config: RunConfig,
    data_dir: str | os.PathLike | None = None,
    run_dir: str | None = None,
    export_dir: str | None = None,
    overwrite: bool = False,
    export: bool = True,
) -> dict[str, Any]:
    """Run a configuration; a run that lies in its directory goes on, or is reported if it is finished.

    Args:
        config: `RunConfig`.
        data_dir: where the published recording lies, or None.
        run_dir, export_dir: str, or None for the default places.
        overwrite: bool, start afresh where a run lies.
        export: bool, whether the model is exported as a SavedModel.

    Returns:
        The results, as in `results.json`.

    Raises:
        InputError, MachineError, DivergedError, KeyboardInterrupt: as the exit statuses say.
    """
    if config.recording is not None:
        raise InputError(
            "--config: expected the settings of a run, found those of one recording of a run on several:"
            " the config.json of the whole lies two directories above"
        )
    for option, directory in (("--run-dir", run_dir), ("--export-dir", export_dir)):
        if directory:
            check_writable(option, directory)
    if config.model.encoder_from:
        transfer.locate(config.model.encoder_from)
    recording = recording_of(config, data_dir)
    for one in recording if config.several else [recording]:
        checks.colour(one, config.model.channels)
    if config.several:
        recording.check_split(config.training.seed)
    footprint.check(config, recording)
    config = dataclasses.replace(config, dataset=sources.settled(config.dataset, recording))
    place = os.path.join(config.model.recipe, tag(config, recording))
    asked = export_dir
    run_dir = run_dir or os.path.join("runs", place)
    check_writable("--run-dir", run_dir)
    if export:
        export_dir = export_dir or os.path.join("saved_models", place)
        check_writable("--export-dir", export_dir)
    with RunDirectory(run_dir, config, recording.digest).held(overwrite) as directory:
        for note in notes_of(config, recording):
            tell(note)
        results = directory.results()
        if results is None or directory.can_be_lengthened:
            with interruption.watched() as stop:
                try:
                    products = Products(export_dir, state=True, reference=not config.quick)
                    results = fit(config, recording, directory, stop, products)
                except KeyboardInterrupt as error:
                    raise KeyboardInterrupt(
                        f"{error}; the same command goes on with {run_dir}"
                    ) from None
        else:
            tell(_finished(results, directory.shorter))
            if asked and not _is_exported_to(results, asked):
                results = _export_too(directory, results, asked)
    print(summary(results, run_dir))
    return results


def _finished(results, shorter):
    """What is said of a finished run that is asked for once more, with a larger `max_steps` (`shorter`) or as it was."""
    if not shorter:
        return "this run is finished; --overwrite starts afresh"
    why = (
        f"patience ended it at step {results['steps']}"
        if stopped_by(results) == "patience"
        else "its state was not kept"
    )
    return f"this run is finished, and a larger --max-steps has nothing to go on with: {why}; --overwrite starts afresh"


def _is_exported_to(results, export_dir):
    """Whether the export that a finished run's results name lies in a directory and still holds its model."""
    from daenr_tf.models.served import digest_in

    version, digest = results["saved_model"], results.get("model_digest")
    return bool(
        version
        and digest
        and os.path.realpath(export_dir) == os.path.realpath(os.path.dirname(version))
        and digest_in(version) == digest
    )


def _export_too(directory, results, export_dir):
    """Export the model of a finished run to another directory, once; its results, which name the new place."""
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf.models import keras_file, model_card, saved_model
    from daenr_tf.runs.products import neurons_of

    model = keras_file.load_model(directory.file(MODEL))
    digest = saved_model.model_digest(model)
    exported = saved_model.export_of(digest, export_dir)
    if not exported:
        card = model_card.of_run(results, neurons_of(directory))
        exported = saved_model.export(model, export_dir, uuid.uuid4().hex, card)
    more = {}
    if results.get("recordings"):
        from daenr_tf.runs.many import export_too

        more["recordings"] = export_too(directory, results, export_dir)
    directory.check_held()
    directory.write_results({**results, "saved_model": exported, "model_digest": digest, **more})
    return directory.results()


def notes_of(config: RunConfig, recording: Recording | Recordings) -> list[str]:
    """What a user must know of how the recording and the settings were read."""
    notes = list(recording.notes)
    if config.own_recording:
        seen = (config.model.image_size, config.model.channels)
        notes += of_each(recording, lambda one: checks.changes(one, *seen))
    if config.own_recording and config.model.system.joint:
        notes.append(
            "the paper gives no settings for one's own recording: alpha:beta, unless you give them, are those of"
            f" region {config.region}, which names no part of the recording"
        )
    model, training = config.model, config.training
    if model.encoder_from:
        kept = "and stays as it is" if model.freeze_encoder else "and is trained on"
        notes.append(f"the encoder is that of {model.encoder_from}, {kept}")
    usual = default_weights(
        model.recipe, model.system.heads, config.region, model.layer, training.task
    )
    if model.system.joint and usual.table is None:
        name = (
            model.recipe
            if model.recipe not in paper.JOINT
            else f"{model.recipe} of layer {model.layer}"
        )
        notes.append(
            f"the paper has no {name}: alpha:beta, unless you give them, are {usual.alpha:g}:{usual.beta:g},"
            " the medians of its other models (docs/tasks.md)"
        )
    if config.model.system.readout:
        notes += of_each(recording, checks.cautions)
    return notes


def tag(config: RunConfig, recording: Recording) -> str:
    """`<dataset>-r<region>-l<layer>-<task>-s<seed>`, parts that don't apply falling away."""
    parts = [recording.name if config.own_recording else config.dataset]
    if not config.own_recording:
        parts.append(f"r{config.region}")
    if config.model.system.readout:
        parts.append(f"l{config.model.layer}")
    parts += [config.training.task, f"s{config.training.seed}"]
    if config.fold is not None:
        parts.append(f"fold{config.fold.replace('/', 'of')}")
    if config.training.loss_scale != DEFAULT_SCALE:
        parts.append(config.training.loss_scale)
    if config.training.schedule != schedules.DEFAULT:
        parts.append(config.training.schedule)
    return "-".join(parts + (["quick"] if config.quick else []))


def fit(
    config: RunConfig,
    recording: Recording,
    directory: RunDirectory,
    stop: interruption.Interruption,
    products: Products,
    conclude: Callable[
        [Sets, DAENR, Evaluation], dict[str, Any]
    ] = lambda sets, model, evaluation: {},
    change: Callable[[Sets], Sets] = lambda sets: sets,
) -> dict[str, Any]:
    """Build, train and evaluate a model in a run directory that is held.

    Args:
        config: `RunConfig`.
        recording: `Recording`; `Recordings` of a configuration of several.
        directory: `RunDirectory`.
        stop: `Interruption`.
        products: `Products`.
        conclude: of one recording, called with the sets, the model and the `Evaluation` before the results are written; what it returns joins them.
        change: of one recording, what is done to the sets before anything is trained; a control of an experiment exchanges something in them.

    Returns:
        The results, as in `results.json`.
    """
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    try:
        if config.several:
            from daenr_tf.runs import many

            return many.fit(config, recording, directory, stop, products)
        return _fit(config, recording, directory, stop, products, conclude, change)
    except tf.errors.OpError as error:
        raise MachineError(f"TensorFlow failed: {first_line(error)}") from None


def _fit(config, recording, directory, stop, products, conclude, change):
    from daenr_tf import pipeline
    from daenr_tf.evaluation import evaluate
    from daenr_tf.models import model_card, saved_model
    from daenr_tf.runs.products import write_figures, write_history, write_neurons

    sets, model, training, board, notes = train_in(
        directory,
        config,
        recording,
        lambda: change(pipeline.prepare(recording, config.model, config.training.seed)),
        stop,
        products,
        f"{config.model.recipe} {tag(config, recording)}",
    )
    beside = None
    if products.reference and model.neurons:
        tell("fitting ridge regressions to the same split, to compare with")
        beside = reference.begin(recording, sets)
    evaluation = evaluate(model, recording, sets)
    for note in evaluation.notes:
        tell(note)
    pause(directory, stop)
    if board:
        board.conclude(
            model,
            training.steps,
            figures_of(evaluation.test, evaluation.noise_ceiling),
            {**evaluation.validation, "monitored_loss": training.best},
        )
    write_history(directory, training.history)
    write_neurons(directory, evaluation)
    if products.figures:
        write_figures(directory.file("figures"), config, recording, model, training, evaluation)
    known, of_known = beside.result() if beside else ({}, [])
    for note in of_known:
        tell(note)
    pause(directory, stop)
    notes = notes_of(config, recording) + notes + evaluation.notes + of_known
    results = make_results(config, recording, sets, model, training, evaluation, notes)
    if known:
        results["baselines"] = known
    results["notes"] = notes + reference.behind(results)
    exported = None
    if products.export_dir:
        card = model_card.of_run(results, evaluation.neurons)
        exported = saved_model.export(model, products.export_dir, directory.mark(), card)
    directory.check_held()
    directory.write_results(
        {
            **results,
            "saved_model": exported,
            "model_digest": saved_model.model_digest(model),
            **conclude(sets, model, evaluation),
        }
    )
    directory.clear_checkpoint(keep_state=products.state and training.stopped_by == "max_steps")
    return directory.results()


def figures_of(test: dict[str, float | None], noise_ceiling: float | None) -> dict[str, float]:
    """The figures of a test set, and the noise ceiling, that there are."""
    figures = {**test, "noise_ceiling": noise_ceiling}
    return {
        name: value for name, value in figures.items() if value is not None and math.isfinite(value)
    }
