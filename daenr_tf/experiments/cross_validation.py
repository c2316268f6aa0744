"""`--folds K`: a model for each of K folds, so that every image of a recording is predicted by one that never saw it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from daenr_tf import metrics
from daenr_tf.errors import InputError
from daenr_tf.experiments.intervals import estimate
from daenr_tf.experiments.scores import Score, image_draws, image_omissions
from daenr_tf.experiments.several_runs import SeveralRuns, default_place, settled
from daenr_tf.machine.files import replace_file, write_json, write_text
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.readable import aligned, between
from daenr_tf.recordings.folds import assigned, pool
from daenr_tf.recordings.load import recording_of
from daenr_tf.runs.opened import Run
from daenr_tf.runs.run import run
from daenr_tf.runs.summary import CEILING, label

if TYPE_CHECKING:
    from daenr_tf.config import RunConfig

OF_REPEATED = (
    "ceiling, PCC / ceiling and FEVE are of the {count} images that were shown several times, over"
    " which the PCC has a row of its own: nothing is known of the noise in the others"
)
PREDICTIONS, NEURONS = "predictions.npz", "neurons.csv"
MOST_OMITTED = 4000  # images of which each is left out once; of more, bootstrap draws are taken
DRAWS = 1000
NOTE = (
    "every image was predicted by the one model that was neither trained nor validated on it; the figures"
    " over all images are of these predictions, pooled over the {count} models. Their intervals are over"
    " images: how another training would have ended is not in them"
)


def cross_validate(
    config: RunConfig,
    count: int,
    data_dir: str | None = None,
    run_dir: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train a model for each fold and put their predictions of the fold's images together.

    Each is an ordinary run in `fold-<k>`, whose test set is the fold; what is finished is not trained again. Beside them stand
    `predictions.npz` (of every image, the training images first, then the test images, as a `Recording` has them: `fold`, and of the heads
    that the model has `response` and `observed`, (images, neurons), and `mse`, `psnr`, `ssim`, (images,)), `neurons.csv` and `results.json`.

    Args:
        config, data_dir, run_dir, overwrite: as of `runs.run.run`.
        count: int, at least 2.

    Returns:
        The results: `folds`, of each its `test`, and `overall`, of each metric its `value` over all images and `low` and `high` of its 95 %
        interval (None where there is none).

    Raises:
        InputError, MachineError, DivergedError, KeyboardInterrupt: as of `runs.run.run`.
    """
    if config.fold is not None:
        raise InputError("--fold: expected none beside --folds, found one in --config")
    recording = recording_of(config, data_dir)
    config = settled(config, recording)
    everything = pool(recording)
    fold = assigned(everything.images, count)
    run_dir = run_dir or default_place(config, recording, f"folds{count}")[0]
    what = {"folds": count, **{k: v for k, v in config.to_dict().items() if k != "fold"}}
    place = SeveralRuns(run_dir, what, (PREDICTIONS, NEURONS))
    place.take(overwrite)

    def train(name, folder):
        one = dataclasses.replace(config, fold=f"{name.split('-')[1]}/{count}")
        return run(one, data_dir, folder, None, overwrite, export=False)

    names = [f"fold-{number}" for number in range(1, count + 1)]
    singles = place.each(names, train)
    place.forget()
    found = _predictions(config, place, names, everything, fold, recording)
    overall, neurons = _overall(found, everything)
    arrays = {"fold": fold, **found}
    if neurons is not None:
        write_text(place.file(NEURONS), neurons.to_csv(index=False))
        arrays["observed"] = everything.responses
    replace_file(place.file(PREDICTIONS), lambda file: np.savez(file, **arrays))
    keys = ("test", "validation", "noise_ceiling", "model_digest", "steps")
    results = {
        "recipe": config.model.recipe,
        "dataset": {
            "name": recording.name,
            "simulated": recording.simulated,
            "digest": recording.digest,
            "counts": {"images": len(fold), "neurons": recording.neurons},
        },
        "config": what,
        "folds": [
            {"run": name, "images": int((fold == number).sum()), **{key: one[key] for key in keys}}
            for number, (name, one) in enumerate(zip(names, singles, strict=True), 1)
        ],
        "overall": overall,
        "seconds": sum(one["seconds"] for one in singles),
        "versions": singles[0]["versions"],
        "notes": [NOTE.format(count=count), *_of_repeated(everything)],
    }
    write_json(place.file("results.json"), results)
    print(table(results, run_dir))
    return results


def _predictions(config, place, names, everything, fold, recording):
    """What the model of each fold answers to its images: dict of name -> array over all images."""
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf import pipeline
    from daenr_tf.evaluation import predict

    found = {}
    for number, name in enumerate(names, 1):
        chosen = np.flatnonzero(fold == number)
        model = Run.open(place.file(name)).model
        images = pipeline.prepare_images(everything.images[chosen], recording, config.model)
        outputs = predict(model, images)
        values = {"response": outputs["response"]} if "response" in outputs else {}
        if "reconstruction" in outputs:
            values |= {
                metric: getattr(metrics, metric)(images, outputs["reconstruction"])
                for metric in IMAGE_METRICS
            }
        for key, part in values.items():
            if key not in found:
                found[key] = np.empty((len(fold), *part.shape[1:]), part.dtype)
            found[key][chosen] = part
    return found


def _overall(found, everything):
    """(dict of metric -> value and interval over all images, `pandas.DataFrame` of the neurons or None)."""
    import pandas as pd

    count = len(everything.images)
    draws = image_omissions(count) if count <= MOST_OMITTED else image_draws(count, DRAWS)
    overall, neurons = {}, None
    for metric in IMAGE_METRICS:
        if metric in found:
            overall[metric] = _told(Score.mean_over_images(found[metric][None], draws))
    if "response" in found:
        from daenr_tf.evaluation import neuron_figures

        predicted, observed = found["response"], everything.responses
        overall["pcc"] = _told(Score.pcc(predicted[None], observed, draws))
        neurons = pd.DataFrame(neuron_figures(predicted, observed, everything.trials))
    return overall, neurons


def _of_repeated(everything):
    """A sentence where some images were shown several times and others once."""
    if everything.trials is None or not metrics.some_shown_once(everything.trials):
        return []
    shown = (~np.isnan(everything.trials)).sum(axis=0)
    return [OF_REPEATED.format(count=int((shown > 1).any(axis=1).sum()))]


def _told(score):
    found = estimate(score)
    return {"value": found.value, "low": found.low, "high": found.high}


def table(results: dict[str, Any], run_dir: str) -> str:
    """The table that ends it: of each metric its figure in each fold, their mean and standard deviation, and over all images with its interval."""
    folds, overall = results["folds"], results["overall"]
    head = ["", *(one["run"] for one in folds), "mean", "SD", "all images", "95 % interval"]
    rows = [head]
    found = [{**one["test"], CEILING: one.get(CEILING)} for one in folds]
    for name in dict.fromkeys([key for one in found for key in one]):
        values = [one.get(name) for one in found]
        if name == CEILING and not any(values):
            continue
        known = np.array([value for value in values if value is not None])
        over = overall.get(name)
        rows.append(
            [
                label(name),
                *(_figure(value) for value in values),
                _figure(known.mean() if len(known) else None),
                _figure(known.std(ddof=1) if len(known) > 1 else None),
                _figure(over and over["value"]),
                between(over["low"], over["high"], 3) if over else "–",
            ]
        )
    data = results["dataset"]
    name = f"{data['name']}{' (SIMULATED data)' if data['simulated'] else ''}"
    count = data["counts"]["images"]
    title = f"{results['recipe']} on {name}, {len(folds)} folds of {count} images"
    return "\n".join([title, *aligned(rows), *results["notes"], f"runs: {run_dir}"])


def _figure(value):
    return "–" if value is None or not np.isfinite(value) else f"{value:.3f}"
