"""Splits of images that never put identical images on both sides."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHUFFLES = 32


def image_groups(*stacks: np.ndarray) -> list[np.ndarray]:
    """Which images are identical, pixel for pixel.

    Args:
        *stacks: arrays (images, ...) of one type and one shape per image.

    Returns:
        For each stack an int64 array (images,): images share a number if and only if they are identical. Numbers count
        from 0 in order of first appearance.
    """
    numbers = {}
    result = []
    for stack in stacks:
        groups = np.empty(len(stack), np.int64)
        for index, image in enumerate(stack):
            if image.dtype.kind == "f":
                image = image + image.dtype.type(0)  # -0.0 equals 0.0, but not byte for byte
            key = hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).digest()
            groups[index] = numbers.setdefault(key, len(numbers))
        result.append(groups)
    return result


@dataclass(frozen=True, eq=False)
class SharedStimuli:
    """Which images the recordings show that are trained on together, of which this is one.

    Attributes:
        groups: of each recording an int64 array (training images,): images share a number if and only
            if they are identical, in whichever recording.
        number: int, which of the recordings this is.
    """

    groups: tuple
    number: int

    def validation(self, seed: int, fraction: float) -> np.ndarray:
        """Which of the recording's training images are validated on, a boolean array (training images,).

        Every recording is split as it would be alone, but for the images that one before it shows: they
        are on the side that they have there.
        """
        decided = {}
        for groups in self.groups[: self.number + 1]:
            own = choose(renumbered(groups), max(1, round(fraction * len(groups))), seed)
            validation = np.array(
                [decided.get(group, alone) for group, alone in zip(groups, own, strict=True)], bool
            )
            decided.update(zip(groups, validation, strict=True))
        return validation

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of it."""
        sha = hashlib.sha256(str(self.number).encode())
        for groups in self.groups[: self.number + 1]:
            sha.update(np.ascontiguousarray(groups, "<i8").tobytes() + b";")
        return sha.hexdigest()


def renumbered(groups: np.ndarray) -> np.ndarray:
    """Group numbers (images,) as 0, 1, 2 … in order of first appearance, as `image_groups` gives them."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def trials_of_repeats(groups: np.ndarray, responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What stimuli that were shown several times were answered, presentation by presentation.

    Args:
        groups: (images,) group numbers 0..G-1, as `image_groups` gives them; one at least has two
            images.
        responses: (images, neurons) floats.

    Returns:
        first: (stimuli,) the index of the first presentation of each stimulus that was shown several
            times, in their order.
        trials: (most presentations, stimuli, neurons), NaN where a stimulus was shown fewer times.
    """
    counts = np.bincount(groups)
    order = np.argsort(groups, kind="stable")
    presentation = np.empty_like(groups)  # its number among those of its stimulus
    presentation[order] = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    repeated = counts[groups] > 1
    stimulus = np.cumsum(counts > 1) - 1  # by group
    trials = np.full((counts.max(), stimulus[-1] + 1, responses.shape[1]), np.nan, responses.dtype)
    trials[presentation[repeated], stimulus[groups[repeated]]] = responses[repeated]
    return np.flatnonzero(repeated & (presentation == 0)), trials


def choose(
    groups: np.ndarray, count: int, seed: int | Sequence[int], at_least: int = 1, leave: int = 1
) -> np.ndarray:
    """Chooses whole groups that hold `count` images, or as near to it as whole groups come in 32 shuffles.

    The order of the shuffles comes from the bit stream of PCG64, which NumPy keeps between versions.

    Args:
        groups: (images,) group numbers 0..G-1, as `image_groups` gives them; G >= at_least + leave.
        count: images wanted.
        seed: integer >= 0, or a sequence of them.
        at_least: groups that must be chosen.
        leave: groups that must remain.

    Returns:
        Boolean array (images,), true where an image is chosen.
    """
    sizes = np.bincount(groups)
    generator = np.random.PCG64(seed)
    best, best_distance = None, np.inf
    for _ in range(SHUFFLES):
        order = np.argsort(generator.random_raw(len(sizes)), kind="stable")
        chosen = _fill(sizes, order, count, at_least, len(sizes) - leave)
        distance = abs(int(sizes[chosen].sum()) - count)
        if distance < best_distance:
            best, best_distance = chosen, distance
        if best_distance == 0:
            break
    return np.isin(groups, best)


def _fill(sizes, order, count, at_least, at_most):
    """Groups taken in `order` while they fit into `count`, then those that are needed or bring it nearer."""
    chosen, total = [], 0
    for group in order:
        if total == count or len(chosen) == at_most:
            break
        if total + sizes[group] <= count:
            chosen.append(group)
            total += sizes[group]
    spare = sorted(set(order.tolist()).difference(chosen), key=lambda group: sizes[group])
    for group in spare:
        nearer = abs(total + sizes[group] - count) < abs(total - count)
        if len(chosen) < at_least or (nearer and len(chosen) < at_most):
            chosen.append(group)
            total += sizes[group]
    return np.array(chosen, np.int64)
