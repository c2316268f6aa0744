"""A run on several recordings: one training, and for each recording a directory that is a finished run's."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from daenr_tf import metrics
from daenr_tf.machine.files import write_json, write_text
from daenr_tf.readable import PCC_REPEATED, beside_ceiling
from daenr_tf.runs import reference
from daenr_tf.runs.directory import CONFIG, MODEL, RESULTS
from daenr_tf.runs.own_files import RECORDINGS
from daenr_tf.runs.results import make_results, of_training
from daenr_tf.runs.trained import pause, tell, train_in

if TYPE_CHECKING:
    from daenr_tf.config import RunConfig
    from daenr_tf.mixed import MixedSets
    from daenr_tf.models.daenr import DAENR
    from daenr_tf.recordings.several import Recordings
    from daenr_tf.runs.directory import RunDirectory
    from daenr_tf.runs.interruption import Interruption
    from daenr_tf.runs.run import Products
    from daenr_tf.training import Training

NO_RANGE = (
    "the recordings have different pixel ranges: the model of all of them takes images that were brought to"
    " -1..1 by their own recording's range; that of each recording takes its grey levels"
)


class Folder:
    """A directory in which files are named as in a run's.

    Args:
        path: str; made where it is missing.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        os.makedirs(path, exist_ok=True)

    def file(self, *names: str) -> str:
        """The path of something in the directory."""
        return os.path.join(self.path, *names)


def fit(
    config: RunConfig,
    recordings: Recordings,
    directory: RunDirectory,
    stop: Interruption,
    products: Products,
) -> dict[str, Any]:
    """Build and train a model of several recordings, and evaluate it on each, in a run directory that is held.

    The directory has what is of all of them; `recordings/<name>` has of each what a run on it alone leaves, `config.json` and `results.json`
    included, its model being the shared parts with its own readout.

    Args:
        config, directory, stop, products: as of `runs.run.fit`.
        recordings: `Recordings`.

    Returns:
        The results, as in `results.json`: figures are means over recordings, those of each stand in `recordings`.
    """
    from daenr_tf import mixed
    from daenr_tf.models import model_card, saved_model
    from daenr_tf.runs.products import write_history, write_learning_curves
    from daenr_tf.runs.run import figures_of, notes_of, tag

    sets, model, training, board, notes = train_in(
        directory,
        config,
        recordings,
        lambda: mixed.prepare(recordings, config.model, config.training.seed),
        stop,
        products,
        f"{config.model.recipe} {tag(config, recordings)}",
    )
    found = {}
    for one in recordings:
        pause(directory, stop)
        found[one.name] = _of_one(config, one, sets, model, training, directory, products, notes)
    results = _together(config, recordings, sets, model, training, found)
    results["notes"] = notes_of(config, recordings) + notes
    if model.pixel_range not in {one.pixel_range for one in recordings}:
        tell(NO_RANGE)
        results["notes"].append(NO_RANGE)
    if board:
        ceiling = results["noise_ceiling"]
        board.conclude(
            model,
            training.steps,
            figures_of(results["test"], ceiling),
            figures_of(results["validation"], None),
        )
    write_history(directory, training.history)
    if products.figures:
        write_learning_curves(directory.file("figures"), config, recordings, model, training)
    pause(directory, stop)
    exported = None
    if products.export_dir:
        card = model_card.of_run(results, None)
        exported = saved_model.export(model, products.export_dir, directory.mark(), card)
    directory.check_held()
    digest = saved_model.model_digest(model)
    directory.write_results({**results, "saved_model": exported, "model_digest": digest})
    directory.clear_checkpoint(keep_state=products.state and training.stopped_by == "max_steps")
    return directory.results()


def _of_one(config, recording, sets, model, training, directory, products, notes):
    """Take the model of a recording out, evaluate it, and write what a run on it alone leaves; its results."""
    from daenr_tf.evaluation import evaluate
    from daenr_tf.models import keras_file, model_card, saved_model
    from daenr_tf.models.taken_out import of_recording
    from daenr_tf.runs.products import write_figures, write_history, write_neurons
    from daenr_tf.training import term_on

    name, own = recording.name, sets.of_each[recording.name]
    folder = Folder(directory.file(RECORDINGS, name))
    if os.path.exists(folder.file(RESULTS)):  # of what is made anew
        os.remove(folder.file(RESULTS))
    config = dataclasses.replace(config, recording=name)
    write_text(folder.file(CONFIG), json.dumps(config.to_dict(), indent=2) + "\n")
    one = of_recording(model, recording)
    if products.model:
        keras_file.save_model(one, folder.file(MODEL))
    evaluation = evaluate(one, recording, own)
    said = [*evaluation.notes]
    write_history(folder, training.history)
    write_neurons(folder, evaluation)
    if products.figures:
        write_figures(folder.file("figures"), config, recording, one, None, evaluation)
    known = {}
    if products.reference and one.neurons:
        tell(f"{name}: fitting ridge regressions to the same split, to compare with")
        known, of_known = reference.fitted(recording, own)
        said += of_known
    for note in said:
        tell(f"{name}: {note}")
    results = make_results(
        config, recording, own, one, training, evaluation, [*recording.notes, *notes, *said]
    )
    # On its own images: the weights were picked by the loss over those of all recordings.
    monitored = term_on(one, own.validation, config.training.monitor)
    results["validation"]["monitored_loss"] = monitored
    if known:
        results["baselines"] = known
    behind = reference.behind(results)
    results["notes"] += behind
    for sentence in behind:
        tell(f"{name}: {sentence}")
    place = products.export_dir and export_place(products.export_dir, name)
    card = model_card.of_run(results, evaluation.neurons)
    results["saved_model"] = place and saved_model.export(one, place, directory.mark(), card)
    results["model_digest"] = saved_model.model_digest(one)
    directory.check_held()
    write_json(folder.file(RESULTS), results)
    return results


def export_place(export_dir: str, name: str) -> str:
    """Where the versions of a recording's model go; not beside the versions of the whole, for a recording's name may be a number."""
    return os.path.join(export_dir, RECORDINGS, name)


def _together(
    config: RunConfig,
    recordings: Recordings,
    sets: MixedSets,
    model: DAENR,
    training: Training,
    found: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """What the recordings come to together, `notes` apart; `found` has the results of each."""
    test = _mean([one["test"] for one in found.values()])
    scored = [
        {"pcc": one["test"][beside_ceiling(one["test"])], "ceiling": one["noise_ceiling"]}
        for one in found.values()
        if one["noise_ceiling"] is not None
    ]
    ceiling = _mean(scored).get("ceiling")
    if scored and (PCC_REPEATED in test or len(scored) < len(found)):
        test[PCC_REPEATED] = _mean(scored)["pcc"]  # of the recordings that the ceiling is of
    if scored:  # not a mean of ratios, which a recording with a ceiling near 0 would make its own
        test["pcc_normalized"] = metrics.population_pcc_normalized(
            np.array([one["pcc"] for one in scored]), np.array([one["ceiling"] for one in scored])
        )
    counts = [one["dataset"]["counts"] for one in found.values()]
    keys = ("train", "validation", "test", "neurons")
    of_each = ("dataset", "validation", "test", "noise_ceiling", "saved_model", "model_digest")
    return {
        "recipe": config.model.recipe,
        "dataset": {
            "name": recordings.name,
            "simulated": recordings.simulated,
            "counts": {key: sum(count[key] for count in counts) for key in keys},
            "digest": recordings.digest,
        },
        "config": config.to_dict(),
        "test": test,
        "validation": {
            **_mean([one["validation"] for one in found.values()]),
            "monitored_loss": training.best,
        },
        "noise_ceiling": ceiling,
        "paper": None,
        "recordings": {
            name: {
                "run": f"{RECORDINGS}/{name}",
                **{key: one[key] for key in of_each},
                **({"baselines": one["baselines"]} if "baselines" in one else {}),
            }
            for name, one in found.items()
        },
        **of_training(model, training),
    }


def _mean(figures: list[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean over recordings of every figure, over those that have it; None where none has."""
    result = {}
    for name in dict.fromkeys(key for one in figures for key in one):
        known = [one[name] for one in figures if one.get(name) is not None]
        known = [value for value in known if np.isfinite(value)]
        result[name] = float(np.mean(known)) if known else None
    return result


def export_too(directory: RunDirectory, results: dict[str, Any], export_dir: str) -> dict[str, Any]:
    """Export each recording's model of a finished run to another directory, once; what `recordings` of its results are then."""
    from daenr_tf.models import keras_file, model_card, saved_model
    from daenr_tf.runs.products import neurons_of

    told = {}
    for name, one in results["recordings"].items():
        folder = Folder(directory.file(RECORDINGS, name))
        place = export_place(export_dir, name)
        model = keras_file.load_model(folder.file(MODEL))
        digest = saved_model.model_digest(model)
        exported = saved_model.export_of(digest, place)
        if not exported:
            card = model_card.of_run(_results_of(folder), neurons_of(folder))
            exported = saved_model.export(model, place, uuid.uuid4().hex, card)
        told[name] = {**one, "saved_model": exported, "model_digest": digest}
    return told


def _results_of(folder):
    with open(folder.file(RESULTS), encoding="utf-8") as file:
        return json.load(file)
