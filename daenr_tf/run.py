"""One run, start to end: recording, model, training, evaluation, figures, export, results."""

import dataclasses
import os
import platform
import sys

from daenr_tf import footprint, interruption, paper
from daenr_tf.config import ModelConfig, RunConfig
from daenr_tf.errors import DivergedError, MachineError
from daenr_tf.recordings import checks
from daenr_tf.recordings.load import load_recording
from daenr_tf.run_directory import RunDirectory, check_writable
from daenr_tf.summary import summary

USUAL_MEAN_RESPONSE = (0.1, 10.0)  # per presentation
COLLAPSED = 0.5  # nats of KL per image


@dataclasses.dataclass(frozen=True)
class Products:
    """What a run makes besides `config.json`, `history.csv`, `neurons.csv` and `results.json`.

    Attributes:
        export_dir: where the SavedModel's versions go; None exports nothing.
        model, figures, tensorboard: bool, whether `model.keras`, `figures/` and `tensorboard/` are made.
    """

    export_dir: str | None = None
    model: bool = True
    figures: bool = True
    tensorboard: bool = True


def run(config, data_dir=None, run_dir=None, export_dir=None, overwrite=False):
    """Run a configuration; a run that lies in its directory is gone on with, or reported if it is finished.

    Args:
        config: `RunConfig`.
        data_dir: where the published recording lies, or None.
        run_dir, export_dir: str, or None for the default places.
        overwrite: bool, start afresh where a run lies.

    Returns:
        The results, as in `results.json`.

    Raises:
        InputError, MachineError, DivergedError, KeyboardInterrupt: as the exit statuses say.
    """
    for option, directory in (("--run-dir", run_dir), ("--export-dir", export_dir)):
        if directory:
            check_writable(option, directory)
    recording = load_recording(config.dataset, config.region, data_dir)
    checks.colour(recording, config.model.channels)
    footprint.check(config, recording)
    config = _with_dataset_named(config, recording)
    place = os.path.join(config.model.recipe, tag(config, recording))
    run_dir, export_dir = run_dir or os.path.join("runs", place), export_dir or os.path.join("saved_models", place)
    for option, directory in (("--run-dir", run_dir), ("--export-dir", export_dir)):
        check_writable(option, directory)
    with RunDirectory(run_dir, config, recording.digest).held(overwrite) as directory:
        for note in _notes(config, recording):
            _tell(note)
        results = directory.results()
        if results is None:
            with interruption.watched() as stop:
                try:
                    results = fit(config, recording, directory, stop, Products(export_dir))
                except KeyboardInterrupt as error:
                    raise KeyboardInterrupt(f"{error}; the same command goes on with {run_dir}") from None
        else:
            _tell("this run is finished; --overwrite starts afresh")
    print(summary(results, run_dir))
    return results


def _notes(config, recording):
    """What a user must know of how the recording and the settings were read."""
    notes = list(recording.notes)
    if own_recording(config):
        notes.append("the paper gives no settings for one's own recording: alpha:beta, unless you give them, are those of"
                     f" region {config.region}, which names no part of the recording")
    if config.model.readout:
        mean = float(recording.responses.mean(dtype="float64"))
        if not USUAL_MEAN_RESPONSE[0] <= mean <= USUAL_MEAN_RESPONSE[1]:
            notes.append(f"the mean response is {mean:.3g} per presentation; the penalties' weights suit means between"
                         f" {USUAL_MEAN_RESPONSE[0]} and {USUAL_MEAN_RESPONSE[1]}: rescale the responses, or set --readout-l1 and"
                         " --activity-l1 (docs/recordings.md)")
    return notes


def own_recording(config):
    """Whether the configuration's recording is a file of the user's."""
    return config.dataset not in ("auto", "antolik", "simulated")


def _with_dataset_named(config, recording):
    dataset = config.dataset
    if dataset == "auto":
        dataset = "simulated" if recording.simulated else "antolik"
    if own_recording(config):
        dataset = os.path.abspath(dataset)
    return dataclasses.replace(config, dataset=dataset)


def tag(config, recording):
    """`<dataset>-r<region>-l<layer>-<task>-s<seed>`, parts that don't apply falling away."""
    parts = [recording.name if own_recording(config) else config.dataset]
    if not own_recording(config):
        parts.append(f"r{config.region}")
    if config.model.readout:
        parts.append(f"l{config.model.layer}")
    parts += [config.training.task, f"s{config.training.seed}"]
    return "-".join(parts + (["quick"] if config.quick else []))


def fit(config, recording, directory, stop, products, conclude=lambda sets, model, evaluation: {}):
    """Build, train and evaluate a model in a run directory that is held.

    Args:
        config: `RunConfig`.
        recording: `Recording`.
        directory: `RunDirectory`.
        stop: `Interruption`.
        products: `Products`.
        conclude: called with the sets, the model and the `Evaluation` before the results are written; what it returns joins them.

    Returns:
        The results, as in `results.json`.
    """
    from daenr_tf.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    try:
        return _fit(tf, config, recording, directory, stop, products, conclude)
    except tf.errors.OpError as error:
        raise MachineError(f"TensorFlow failed: {error.message.splitlines()[0]}") from None


def _fit(tf, config, recording, directory, stop, products, conclude):
    from daenr_tf import model_file, pipeline, serving
    from daenr_tf.evaluation import evaluate
    from daenr_tf.model import build_model
    from daenr_tf.progress import Progress
    from daenr_tf.report import write_figures, write_history, write_neurons
    from daenr_tf.tensorboard import TensorBoard
    from daenr_tf.training import train

    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = _strategy(tf, config.strategy)
    for note in _replica_notes(config, strategy.num_replicas_in_sync):
        _tell(note)
    sets = pipeline.prepare(recording, config.model, config.training.seed)
    with strategy.scope():
        model = build_model(config.model, recording)
    observers, board = [Progress(config.training)], None
    if products.tensorboard:
        board = TensorBoard(directory.file("tensorboard"), sets.validation.images, config.to_dict(),
                            f"{config.model.recipe} {tag(config, recording)}", recording.simulated)
        observers.append(board)

    def pause():
        """Between two stages of a run."""
        stop.raise_if_asked()
        directory.check_held()

    pause()
    try:
        training = train(model, recording, config.training, directory.path, observers, stop, sets, directory.check_held)
    except DivergedError as error:
        directory.check_held()
        write_history(directory, error.history)
        model_file.save_model(model, directory.file("model.keras"))
        raise
    directory.check_held()
    if products.model:
        model_file.save_model(model, directory.file("model.keras"))
    evaluation = evaluate(model, recording, sets)
    pause()
    if board:
        board.conclude(model, training.steps, _figures_of(evaluation))
    write_history(directory, training.history)
    write_neurons(directory, evaluation)
    if products.figures:
        write_figures(directory.file("figures"), config, recording, model, training, evaluation)
    pause()
    exported = products.export_dir and serving.export(model, products.export_dir, directory.mark())
    results = _results(config, recording, sets, model, training, evaluation)
    directory.check_held()
    directory.write_results({**results, "saved_model": exported, **conclude(sets, model, evaluation)})
    directory.clear_checkpoint()
    return directory.results()


def _strategy(tf, name):
    """The distribution over devices: "mirrored" puts a replica on every GPU, or on every logical CPU where there is none."""
    if name == "none":
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _replica_notes(config, replicas):
    if config.strategy == "mirrored" and replicas == 1:
        return ["--strategy mirrored found one device only: one replica, as without it"]
    return []


def _figures_of(evaluation):
    figures = {**evaluation.test, "noise_ceiling": evaluation.noise_ceiling}
    return {name: value for name, value in figures.items() if value is not None}


def _results(config, recording, sets, model, training, evaluation):
    from daenr_tf.training import threads_notes

    counts = {"train": len(sets.train.images), "validation": len(sets.validation.images),
              "test": len(sets.test.images), "neurons": recording.neurons, "repeats": recording.repeats}
    replicas = model.distribute_strategy.num_replicas_in_sync
    results = {
        "recipe": config.model.recipe,
        "dataset": {"name": recording.name, "simulated": recording.simulated, "counts": counts, "digest": recording.digest},
        "config": config.to_dict(),
        "test": evaluation.test,
        "noise_ceiling": evaluation.noise_ceiling,
        "paper": published(config),
        "steps": training.steps,
        "best_step": training.best_step,
        "parameters": model.count_params(),
        "replicas": replicas,
        "seconds": training.seconds,
        "images_per_second": training.images_per_second,
        "threads": list(training.threads),
        "versions": versions(),
        "notes": _notes(config, recording) + _replica_notes(config, replicas) + threads_notes(training.threads),
    }
    if evaluation.kl is not None and evaluation.kl < COLLAPSED:
        results["notes"].append(f"the posterior has collapsed onto the prior: KL {evaluation.kl:.2g} nats, the latent says nothing of the image")
        _tell(results["notes"][-1])
    extra = {"codebook_perplexity": evaluation.codebook_perplexity, "kl": evaluation.kl}
    return {**results, **{name: value for name, value in extra.items() if value is not None}}


def published(config):
    """The paper's figures for the very cell and alpha:beta of a configuration, or None."""
    if own_recording(config):
        return None
    cell = (config.model.recipe, config.region, config.model.layer, config.training.task)
    weights = paper.loss_weights(*cell)
    if (config.training.alpha, config.training.beta) != (weights.alpha, weights.beta):
        return None
    figures = paper.published(*cell)
    return figures and {**figures, "comparable": config.dataset == "antolik" and not _departures(config)}


def _departures(config):
    """The settings that are not the paper's, apart from the cell's own and the seed."""
    asked = config.to_dict()
    usual = RunConfig(ModelConfig(config.model.recipe)).to_dict()
    own = {"recipe", "layer", "task", "alpha", "beta", "seed", "dataset", "region", "strategy", "deterministic"}
    return sorted(name for name in asked if name not in own and asked[name] != usual[name])


def versions():
    """The versions of what a run's figures depend on."""
    import importlib.metadata

    def version(name):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout, or TensorFlow under another name
            return getattr(sys.modules.get(name), "__version__", None)

    names = ("daenr_tf", "tensorflow", "keras", "tensorflow-probability", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _tell(text):
    print(text, file=sys.stderr, flush=True)
