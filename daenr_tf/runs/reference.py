"""What a run has to beat: ridge regressions on pixels (simple cells) and on Gabor energies (complex cells), fitted to the run's own split."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from daenr_tf.baselines.results_file import Known
from daenr_tf.errors import InputError

if TYPE_CHECKING:
    from daenr_tf.pipeline import Sets
    from daenr_tf.recordings.recording import Recording

MOST_NUMBERS = 20_000_000  # features of all training images: a minute or two on a core

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
    return Known(("", 0), figures).told(
        [(results["recipe"], validation.get("pcc"), test.get("pcc"))]
    )
