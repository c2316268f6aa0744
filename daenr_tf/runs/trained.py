"""The first half of a run: the model is built and trained in its directory."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from daenr_tf.errors import DivergedError
from daenr_tf.machine.messages import LOGGER
from daenr_tf.runs.directory import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorflow as tf

    from daenr_tf.config import RunConfig
    from daenr_tf.mixed import MixedSets
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.pipeline import Sets
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.recordings.several import Recordings
    from daenr_tf.runs.directory import RunDirectory
    from daenr_tf.runs.interruption import Interruption
    from daenr_tf.runs.run import Products
    from daenr_tf.runs.tensorboard import TensorBoard
    from daenr_tf.training import Training


class Trained(NamedTuple):
    """What a training in a run's directory gave.

    Attributes:
        sets: what it was trained and validated on.
        model: `DAENR`, with the best weights.
        training: `Training`.
        board: `TensorBoard`, or None.
        notes: list of sentences that a user must read.
    """

    sets: Sets | MixedSets
    model: DAENR
    training: Training
    board: TensorBoard | None
    notes: list[str]


def train_in(
    directory: RunDirectory,
    config: RunConfig,
    recording: Recording | Recordings,
    prepare: Callable[[], Sets | MixedSets],
    stop: Interruption,
    products: Products,
    name: str,
) -> Trained:
    """Build a model and train it in a run's directory that is held; its `model.keras` is saved.

    Args:
        directory, config, recording, stop, products: as of `runs.run.fit`.
        prepare: gives what it is trained and validated on.
        name: str, of the run in TensorBoard.

    Raises:
        DivergedError, KeyboardInterrupt, MachineError: as of `runs.run.run`.
    """
    from daenr_tf.models import keras_file
    from daenr_tf.models.build import build_model
    from daenr_tf.runs.determinism import make_deterministic
    from daenr_tf.runs.lengthening import Lengthening
    from daenr_tf.runs.products import write_history
    from daenr_tf.runs.progress import Progress
    from daenr_tf.runs.tensorboard import TensorBoard
    from daenr_tf.runs.threads import threads_notes
    from daenr_tf.training import train

    if config.deterministic:
        make_deterministic(config.training.seed)
    strategy = strategy_of(config.strategy)
    notes = _replica_notes(config, strategy.num_replicas_in_sync)
    for note in notes:
        tell(note)
    sets = prepare()
    with strategy.scope():
        model = build_model(config.model, recording)
    observers, board = [Lengthening(directory), Progress(config.training)], None
    if products.tensorboard:
        board = TensorBoard(
            directory.file("tensorboard"),
            sets.validation.images,
            config.to_dict(),
            name,
            recording.simulated,
        )
        observers.append(board)
    pause(directory, stop)
    try:
        training = train(
            model,
            recording,
            config.training,
            directory.path,
            observers,
            stop,
            sets,
            directory.check_held,
        )
    except DivergedError as error:
        directory.check_held()
        write_history(directory, error.history)
        keras_file.save_model(model, directory.file(MODEL))
        raise
    directory.check_held()
    if products.model:
        keras_file.save_model(model, directory.file(MODEL))
    return Trained(sets, model, training, board, notes + threads_notes(training.threads))


def pause(directory: RunDirectory, stop: Interruption) -> None:
    """Between two stages of a run."""
    stop.raise_if_asked()
    directory.check_held()


def tell(text: str) -> None:
    """Say a sentence on standard error."""
    LOGGER.warning("%s", text)


@functools.cache
def strategy_of(name: str) -> tf.distribute.Strategy:
    """The distribution over devices: "mirrored" puts a replica on every GPU, or on every logical CPU where there is none. One for all runs
    of a process, for TensorFlow's collectives can't have two."""
    import tensorflow as tf

    if name == "none":
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _replica_notes(config, replicas):
    if config.strategy == "mirrored" and replicas == 1:
        return ["--strategy mirrored found one device only: one replica, as without it"]
    return []
