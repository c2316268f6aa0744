"""`--ensemble N`: models of N seeds, averaged, evaluated and exported as one."""

from __future__ import annotations

import dataclasses
import os
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from daenr_tf.errors import InputError, one_line
from daenr_tf.experiments.several_runs import SeveralRuns, default_place, settled
from daenr_tf.machine.files import write_json, write_text
from daenr_tf.recordings.load import recording_of
from daenr_tf.runs.directory import check_writable
from daenr_tf.runs.opened import Run
from daenr_tf.runs.results_file import read_results
from daenr_tf.runs.run import run
from daenr_tf.runs.summary import label, summary

if TYPE_CHECKING:
    from daenr_tf.config import RunConfig

NEURONS = "neurons.csv"
NOTE = (
    "the responses (rates) and the reconstructions of {count} models were averaged, image by image. They"
    " were trained from seeds {first} to {last}, which differ in initial weights, order and split; an"
    " image that one is validated on others are trained on, so there are no validation figures of the"
    " average"
)


def average(
    config: RunConfig,
    count: int,
    data_dir: str | None = None,
    run_dir: str | None = None,
    export_dir: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train models of `count` seeds, the first the configuration's, and make one of them.

    Each is an ordinary run in `seed-<seed>`; what is finished is not trained again. `results.json` and `neurons.csv` are the average's.

    Args:
        config, data_dir, run_dir, export_dir, overwrite: as of `runs.run.run`.
        count: int, at least 2.

    Returns:
        The results of the average, as a run's, with `members` beside: of each its `seed`, `run`, `test`, `validation` and `baselines`.

    Raises:
        InputError, MachineError, DivergedError, KeyboardInterrupt: as of `runs.run.run`.
    """
    seeds = list(range(config.training.seed, config.training.seed + count))
    recording = recording_of(config, data_dir)
    config = settled(config, recording)
    usual = default_place(config, recording, f"ensemble{count}")
    run_dir, export_dir = run_dir or usual[0], export_dir or usual[1]
    check_writable("--export-dir", export_dir)
    place = SeveralRuns(run_dir, {"ensemble": count, **config.to_dict()}, (NEURONS,))
    place.take(overwrite)

    def train(name, folder):
        return run(
            of_seed(config, int(name.split("-")[1])), data_dir, folder, None, overwrite, False
        )

    names = [f"seed-{seed}" for seed in seeds]
    singles = place.each(names, train)
    digests = [one["model_digest"] for one in singles]
    results = _made(place, digests, export_dir)
    if results is None:
        results = _average(config, recording, place, names, singles, export_dir)
    print(told(results, run_dir))
    return results


def of_seed(config: RunConfig, seed: int) -> RunConfig:
    """The configuration with another seed."""
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, seed=seed),
        training=dataclasses.replace(config.training, seed=seed),
    )


def _made(place, digests, export_dir):
    """The results of the average of these very models, or None where it is to be made (again)."""
    from daenr_tf.models.served import digest_in

    path = place.file("results.json")
    if not os.path.exists(path):
        return None
    try:
        results = read_results(path, place.path)
        same = [one["model_digest"] for one in results["members"]] == digests
        version = results["saved_model"]
        there = os.path.realpath(os.path.dirname(version)) == os.path.realpath(export_dir)
        there = there and digest_in(version) == results["model_digest"]
    except (InputError, KeyError, TypeError):
        return None
    return results if same and there else None


def _average(config, recording, place, names, singles, export_dir):
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf import pipeline
    from daenr_tf.evaluation import measured, predict
    from daenr_tf.models import model_card, saved_model
    from daenr_tf.models.ensemble import Ensemble
    from daenr_tf.runs.results import versions

    place.forget()
    model = Ensemble([Run.open(place.file(name)).model for name in names])
    test = pipeline.prepare(recording, config.model, config.training.seed).test
    test = test._replace(images=np.asarray(test.images))
    figures, ceiling, neurons = measured(predict(model, test.images), test, recording)
    if neurons is not None:
        write_text(place.file(NEURONS), neurons.to_csv(index=False))
    digest = saved_model.model_digest(model)
    seeds = [one["config"]["seed"] for one in singles]
    keys = ("test", "validation", "model_digest")
    members = [
        {"seed": seed, "run": name, "baselines": one.get("baselines")}
        | {key: one[key] for key in keys}
        for seed, name, one in zip(seeds, names, singles, strict=True)
    ]
    results = {
        "recipe": config.model.recipe,
        "dataset": singles[0]["dataset"],
        "config": {**singles[0]["config"], "ensemble": len(names)},
        "test": figures,
        "validation": {},
        "noise_ceiling": ceiling,
        "paper": None,  # it has single models
        "members": members,
        "steps": sum(one["steps"] for one in singles),
        "best_step": None,
        "parameters": sum(one["parameters"] for one in singles),
        "seconds": sum(one["seconds"] for one in singles),
        "images_per_second": None,
        "versions": versions(),
        "notes": [NOTE.format(count=len(names), first=seeds[0], last=seeds[-1])],
    }
    exported = saved_model.export_of(digest, export_dir)
    if exported is None:
        card = model_card.of_run(results, neurons)
        exported = saved_model.export(model, export_dir, uuid.uuid4().hex, card)
    results |= {"saved_model": exported, "model_digest": digest}
    write_json(place.file("results.json"), results)
    return read_results(place.file("results.json"), place.path)


def told(results: dict[str, Any], run_dir: str) -> str:
    """The table that ends it: the average's figures, and those of the single models and of what was fitted beside them on the same test
    images."""
    rows = []
    for name in results["test"]:
        found = [one["test"].get(name) for one in results["members"]]
        if found and None not in found:
            each = ", ".join(f"{value:.3f}" for value in found)
            rows.append(f"single models, test {label(name)}: mean {np.mean(found):.3f} ({each})")
    rows += _held_against(results)
    return "\n".join([summary(results, run_dir), *rows, *results["notes"]])


def _held_against(results):
    """Sentences: what the members' baselines reach on the test images, each on its member's split, and whether that is no less."""
    pcc, rows = results["test"].get("pcc"), []
    fitted = [one.get("baselines") or {} for one in results["members"]]
    for name, first in fitted[0].items():
        found = [one[name]["test"]["pcc"] for one in fitted if name in one]
        if None in (pcc, *found):
            continue
        title, mean = one_line(first["title"]), np.mean(found)
        rows.append(
            f"without a network, test mean PCC: {title} {mean:.3f}, the mean over {len(found)} splits"
        )
        if pcc <= mean:
            rows.append(
                f"{results['recipe']}, averaged, does not beat {title} (test mean PCC {pcc:.3f} against {mean:.3f})"
            )
    return rows
