"""Several recordings that one model is trained on together; their splits hold over all of them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.errors import InputError, refusal
from daenr_tf.recordings.folds import pool
from daenr_tf.recordings.splits import SharedStimuli, image_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from daenr_tf.recordings.recording import Recording

LONGEST_NAME = 60  # characters


class Recordings:
    """Several recordings, in their order. Iterating gives each as a `Recording`, `[name]` one by its name.

    Identical images (of one size and type) never stand on both sides of a split, whichever recordings they are in:

    - a recording without a test set of its own tests on an image if the first such recording that shows the image does;
    - a training image that is a test image of another recording is left out;
    - an image is validated on if the first recording that shows it does.

    So a recording that shares no image with another is split as it would be alone. What was moved or left out is told in `notes`.

    Args:
        recordings: `Recording`s, two at least, of different names.

    Attributes:
        notes: sentences that a user should read.

    Raises:
        InputError: two have one name or are the same, or too little is left of one to train or to test on.
    """

    region = None

    def __init__(self, recordings: Sequence[Recording]) -> None:
        members = list(recordings)
        if len(members) < 2:
            raise refusal("recordings", "two at least", len(members))
        for number, one in enumerate(members):
            for other in members[:number]:
                if one.name == other.name:
                    raise InputError(
                        f"{one.source}: expected recordings of different names, found that"
                        f" {other.source} is called {one.name} too"
                    )
                if one.digest == other.digest:
                    raise InputError(
                        f"{one.source}: expected different recordings, found the very images and"
                        f" responses of {other.source}"
                    )
        members, moved = _agreed_test_sets(members)
        members, dropped = _without_test_images(members)
        self._members = _sharing(members)
        self.notes = [*of_each(self, lambda one: one.notes), *moved, *dropped]

    def __iter__(self) -> Iterator[Recording]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, name: str) -> Recording:
        for one in self:
            if one.name == name:
                return one
        raise refusal("recording", f"one of {', '.join(self.neurons_of)}", name)

    def __repr__(self) -> str:
        return f"<{len(self)} recordings: {', '.join(self.neurons_of)}>"

    @property
    def neurons_of(self) -> dict[str, int]:
        """dict of name -> number of neurons."""
        return {one.name: one.neurons for one in self}

    @property
    def neurons(self) -> int:
        """Number of neurons of all recordings together."""
        return sum(self.neurons_of.values())

    @property
    def widest(self) -> int:
        """The largest number of neurons of a recording."""
        return max(self.neurons_of.values())

    @property
    def simulated(self) -> bool:
        """Whether the responses of any come from a model."""
        return any(one.simulated for one in self)

    @property
    def pixel_range(self) -> tuple[float, float]:
        """The grey levels that become -1 and 1 in all of them; (-1, 1) where they differ: what takes raw images takes prepared ones then."""
        ranges = {one.pixel_range for one in self}
        return ranges.pop() if len(ranges) == 1 else (-1.0, 1.0)

    @property
    def source(self) -> str:
        """Where they come from, for messages."""
        return ", ".join(one.source for one in self)

    @property
    def name(self) -> str:
        """A short name, fit for a directory's name."""
        whole = "+".join(self.neurons_of)
        first = next(iter(self.neurons_of))
        return whole if len(whole) <= LONGEST_NAME else f"{first}+{len(self) - 1}-{self.digest[:8]}"

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that a fit depends on, the names included."""
        sha = hashlib.sha256()
        for one in self:
            sha.update(f"{one.name} {one.digest}\n".encode())
        return sha.hexdigest()

    def check_split(self, seed: int) -> None:
        """Raises `InputError` where the split of a seed leaves a recording nothing to train or to validate on."""
        for one in self:
            for what, indices in zip(("train", "validate"), one.split(seed), strict=True):
                if not len(indices):
                    raise InputError(
                        f"--seed: expected a split with images of every recording to train and to"
                        f" validate on, found none of {one.name} to {what} on, for recordings before it"
                        " show its images"
                    )


def _stimuli(members):
    """Of each recording the numbers of its training and of its test images: list of two (images,) int64 arrays; identical images share one."""
    kinds, numbers, count = {}, [[None, None] for _ in members], 0
    for which, one in enumerate(members):
        for part, images in enumerate((one.images, one.test_images)):
            kinds.setdefault((images.shape[1:], images.dtype.str), []).append((which, part, images))
    for stacks in kinds.values():
        groups = image_groups(*(images for _, _, images in stacks))
        for (which, part, _), own in zip(stacks, groups, strict=True):
            numbers[which][part] = own + count
        count += 1 + max(int(own.max()) for own in groups)
    return numbers


def _agreed_test_sets(members):
    """Recordings whose test set was held out of their images, agreed on which: (recordings, notes)."""
    decided, result, notes = {}, [], []
    for one, (training, test) in zip(members, _stimuli(members), strict=True):
        if one.held_out:
            groups = np.concatenate([training, test])
            own = np.arange(len(groups)) >= len(training)
            wanted = np.array(
                [decided.get(group, alone) for group, alone in zip(groups, own, strict=True)], bool
            )
            enough = all(len(np.unique(groups[side])) >= 2 for side in (wanted, ~wanted))
            if enough and (wanted != own).any():
                notes.append(
                    f"{one.name}: {int((wanted != own).sum())} of {len(own)} images changed between the"
                    " training set and the held-out test set, for recordings before it show them on the"
                    " other side."
                )
                one, own = _held_out(one, wanted), wanted
            decided.update(
                (group, alone)
                for group, alone in zip(groups, own, strict=True)
                if group not in decided
            )
        result.append(one)
    return result, notes


def _held_out(recording, test):
    """A recording without repeats with another part of its images as test set: `test` (images,) bool, of training and test images."""
    everything, truth = pool(recording), recording.truth
    if truth is not None and "rates" in truth:
        rates = np.concatenate([truth["rates"], truth["test_rates"]])
        truth = {**truth, "rates": rates[~test], "test_rates": rates[test]}
    return dataclasses.replace(
        recording,
        images=everything.images[~test],
        responses=everything.responses[~test],
        test_images=everything.images[test],
        test_responses=everything.responses[test],
        truth=truth,
    )


def _without_test_images(members):
    """The recordings without the training images that are test images of another: (recordings, notes)."""
    numbers, result, notes = _stimuli(members), [], []
    for which, (one, (training, _)) in enumerate(zip(members, numbers, strict=True)):
        of_others = [test for other, (_, test) in enumerate(numbers) if other != which]
        keep = ~np.isin(training, np.concatenate(of_others))
        if len(np.unique(training[keep])) < 2:
            raise refusal(
                f"{one.source}: images",
                "at least 2 distinct training images that are no test images of another recording",
                len(np.unique(training[keep])),
            )
        if not keep.all():
            notes.append(
                f"{one.name}: {int((~keep).sum())} of {len(keep)} training images are identical to test"
                " images of another recording and are left out of training."
            )
            one = one.with_images(np.flatnonzero(keep))
        result.append(one)
    return result, notes


def _sharing(members):
    """The recordings, those that show images of another with `shared`."""
    groups = tuple(training for training, _ in _stimuli(members))
    seen, result = np.array([], np.int64), []
    for number, one in enumerate(members):
        if np.isin(groups[number], seen).any():
            one = dataclasses.replace(one, shared=SharedStimuli(groups, number))
        seen = np.union1d(seen, groups[number])
        result.append(one)
    return tuple(result)


def together(recording: Recording | Recordings | Sequence[Recording]) -> Recording | Recordings:
    """A recording as it is; a list of them as `Recordings`."""
    return Recordings(recording) if isinstance(recording, (list, tuple)) else recording


def of_each(
    recording: Recording | Recordings, tell: Callable[[Recording], Iterable[str]]
) -> list[str]:
    """The sentences that `tell` gives of a recording; of several each once, after the names of those that it is true of."""
    if not isinstance(recording, Recordings):
        return list(tell(recording))
    told = {}
    for one in recording:
        for sentence in tell(one):
            told.setdefault(sentence, []).append(one.name)
    return [
        f"{'every recording' if len(names) == len(recording) else ', '.join(names)}: {sentence}"
        for sentence, names in told.items()
    ]
