"""What a run has to beat: ridge regressions on pixels (simple cells) and on Gabor energies (complex cells), fitted to the run's own split, and linear
codes of the size of its own."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from daenr_tf.baselines.results_file import Known
from daenr_tf.errors import InputError, one_line
from daenr_tf.readable import LINEAR_CODES

if TYPE_CHECKING:
    from daenr_tf.pipeline import Sets
    from daenr_tf.recordings.recording import Recording

MOST_NUMBERS = 20_000_000  # features of all training images: a minute or two on a core

OTHERS = (
    "only these are fitted beside a model; daenr baselines fits other ones that need no network"
)
DECIMALS = 10  # of a figure: the last bits of a matrix product depend on the number of threads


def begin(recording: Recording, sets: Sets) -> Future[tuple[dict[str, Any], list[str]]]:
    """`fitted` in a thread of its own, for it needs nothing of the model: evaluation and figures, which keep but one core busy, are made
    meanwhile. The process doesn't wait for it where it ends without the result."""
    begun = Future()

    def work():
        try:
            begun.set_result(fitted(recording, sets))
        except BaseException as error:
            begun.set_exception(error)

    threading.Thread(target=work, name="reference", daemon=True).start()
    return begun


def fitted(recording: Recording, sets: Sets) -> tuple[dict[str, Any], list[str]]:
    """The baselines' figures on a run's split, as in `baselines.json`.

    Args:
        recording: `Recording`.
        sets: `pipeline.Sets` of the run.

    Returns:
        (dict of a baseline's name -> `title`, `validation`, `test`, `strength` and `features`, without those that were not fitted;
        list of sentences that a user must read).
    """
    from daenr_tf.baselines import gabor, pixels
    from daenr_tf.baselines.measure import BASELINES, measure

    shape, count = sets.train.images.shape[1:], len(sets.train.images)
    known, notes = {}, []
    for name, count_features in (
        ("pixels", pixels.count_features),
        ("gabor", gabor.count_features),
    ):
        title, features = BASELINES[name].title, count_features(shape)
        if count * features > MOST_NUMBERS:
            notes.append(
                f"{title}, was not fitted beside the model: {count} images of {features} features take"
                " minutes; daenr baselines fits it"
            )
            continue
        try:
            # Where another process or thread is at work too, threads of OpenBLAS wait for each other: for a second of eigenvectors, ten.
            with threadpool_limits(1, "blas"):
                (found,) = measure(recording, sets, [BASELINES[name]])
        except InputError as reason:
            notes.append(f"{title}, could not be fitted beside the model ({reason})")
            continue
        known[name] = _facts(found.facts)
        notes += found.notes
    return known, notes


def _facts(facts):
    rounded = {
        part: {key: round(value, DECIMALS) for key, value in facts[part].items()}
        for part in ("validation", "test")
    }
    return {key: facts[key] for key in ("title", "strength", "features")} | rounded


def told(results: dict[str, Any]) -> list[str]:
    """What a run's results say of it: its figures, and where the model is not better on the validation images, a sentence; empty without any."""
    figures = {
        one["title"]: (one["validation"]["pcc"], one["test"]["pcc"])
        for one in (results.get("baselines") or {}).values()
    }
    figures = {title: pair for title, pair in figures.items() if None not in pair}
    validation, test = results.get("validation") or {}, results["test"]
    if not figures:
        return []
    head, *behind = Known(("", 0), figures).told(
        [(results["recipe"], validation.get("pcc"), test.get("pcc"))]
    )
    return [f"{head} ({OTHERS})", *behind]


def told_of_codes(results: dict[str, Any]) -> list[str]:
    """Where a run's reconstructions are not better than the best linear code of its size, a sentence. They are held against each other by MSE on the
    validation images; on the test images, and that is said, where results have no figures of those."""
    own = {part: (results.get(part) or {}).get("mse") for part in ("validation", "test")}
    codes = {}
    for name, code in (results.get("linear_codes") or {}).items():
        held = {"validation": (code.get("validation") or {}).get("mse"), "test": code.get("mse")}
        codes[f"{LINEAR_CODES.get(name, name)} of {code['size']:d}"] = held
    for part in ("validation", "test"):
        known = {title: held for title, held in codes.items() if held[part] is not None}
        if own[part] is not None and known:
            best = min(known, key=lambda title: known[title][part])
            break
    else:
        return []
    if own[part] < known[best][part]:
        return []
    pairs = [
        f"{name} {own[name]:.3f} against {known[best][name]:.3f}"
        for name in dict.fromkeys((part, "test"))
        if None not in (own[name], known[best][name])
    ]
    pairs[0] = pairs[0].replace(part, f"{part} MSE", 1)
    return [
        one_line(
            f"{results['recipe']} does not reconstruct better than a linear code of its size, {best}"
            f" ({'; '.join(pairs)})"
        )
    ]


def behind(results: dict[str, Any]) -> list[str]:
    """The sentences on what a run does not beat, for its `notes`."""
    return told_of_codes(results) + told(results)[1:]
