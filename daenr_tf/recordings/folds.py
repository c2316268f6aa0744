"""Folds: every image of a recording, the held-out ones too, is a test image once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.errors import SettingError
from daenr_tf.recordings.splits import image_groups
from daenr_tf.setting_checks import fold as check_fold

if TYPE_CHECKING:
    from daenr_tf.recordings.recording import Recording

FOLD_SEED = 41  # of the folds, whatever the seed of a run


@dataclasses.dataclass(frozen=True)
class Pool:
    """Every image of a recording: the training images, then the test images.

    Attributes:
        images: (images, height, width, channels).
        responses: (images, neurons), of a test image the average over repeats.
        trials: (repeats, images, neurons), of a training image one; None where the recording has averages only.
    """

    images: np.ndarray
    responses: np.ndarray
    trials: np.ndarray | None


def pool(recording: Recording) -> Pool:
    """The `Pool` of a recording."""
    trials = recording.test_trials
    if trials is not None:
        single = np.full((len(trials), *recording.responses.shape), np.nan, np.float32)
        single[0] = recording.responses
        trials = np.concatenate([single, trials], axis=1)
    return Pool(
        np.concatenate([recording.images, recording.test_images]),
        np.concatenate([recording.responses, recording.test_responses]),
        trials,
    )


def assigned(images: np.ndarray, count: int) -> np.ndarray:
    """The fold of every image, (images,) int from 1 to `count`; identical images share one.

    Distinct images are taken in an order that depends on nothing but their number, each into the fold that has the fewest images by then.

    Raises:
        SettingError: a fold would have fewer than 2 distinct images, or leave fewer than 2 to train on.
    """
    (groups,) = image_groups(images)
    sizes = np.bincount(groups)
    if len(sizes) < 2 * count:
        raise SettingError(
            "fold", f"at least 2 distinct images a fold, {2 * count} in all", len(sizes)
        )
    order = np.argsort(np.random.PCG64(FOLD_SEED).random_raw(len(sizes)), kind="stable")
    of_group, filled = np.empty(len(sizes), np.int64), np.zeros(count, np.int64)
    distinct = np.zeros(count, np.int64)
    for group in order:
        fold = np.lexsort((distinct, filled))[0]
        of_group[group] = fold + 1
        filled[fold] += sizes[group]
        distinct[fold] += 1
    if distinct.min() < 2:
        raise SettingError("fold", "at least 2 distinct images in every fold", int(distinct.min()))
    return of_group[groups]


def fold_of(recording: Recording, fold: str) -> Recording:
    """The recording whose test set is a fold, and whose training images are all others.

    Args:
        recording: `Recording`.
        fold: "k/K".

    Raises:
        SettingError: there is no such fold.
    """
    number, count = check_fold("fold", fold)
    everything = pool(recording)
    test = assigned(everything.images, count) == number
    truth = recording.truth
    if truth is not None:
        rates = [truth.get(key) for key in ("rates", "test_rates")]
        truth = {key: truth[key] for key in truth if key not in ("rates", "test_rates")}
        if not any(rate is None for rate in rates):
            rates = np.concatenate(rates)
            truth |= {"rates": rates[~test], "test_rates": rates[test]}
    notes = [
        f"Fold {number} of {count}: {test.sum()} of the {len(test)} images of the recording are tested"
        " on, the others trained on"
        + (
            "; of those that were shown several times the average is learned."
            if everything.trials is not None
            else "."
        )
    ]
    return dataclasses.replace(
        recording,
        images=everything.images[~test],
        responses=everything.responses[~test],
        test_images=everything.images[test],
        test_trials=None if everything.trials is None else everything.trials[:, test],
        test_responses=everything.responses[test],
        truth=truth,
        notes=(*recording.notes, *notes),
    )
