"""Large arrays a part at a time, counted in bytes, so that what is made on the way stays small beside them."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

BYTES = 4 << 20
EVALUATION_BATCH = 256  # images
EVALUATION_BYTES = 64 << 20  # of them, so that large images come in smaller batches


class Rows:
    """Some rows of an array, taken out of it as they are asked for, so that no copy of them all stays in memory.

    Args:
        array: (all rows, ...).
        chosen: (rows,) int, their numbers.
        change: what is done to the rows (n, ...) that are taken out, an array or a tensor; it keeps their shape.
    """

    def __init__(
        self,
        array: np.ndarray,
        chosen: np.ndarray,
        change: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
    ) -> None:
        self.array = array
        self.chosen = chosen
        self.change = change
        self.shape = (len(chosen), *array.shape[1:])

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        chosen = self.chosen[index]
        rows = np.asarray(self.change(self.array[chosen if np.ndim(chosen) else [chosen]]))
        return rows if np.ndim(chosen) else rows[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        whole = np.empty(self.shape, dtype or self[:0].dtype)
        for some in slices(len(self), whole[:1].nbytes):
            whole[some] = self[some]
        return whole


def slices(count: int, bytes_each: int) -> list[slice]:
    """Slices that cover range(count) in order and are as long as each other, to within one.

    None has a single item, unless there is but one: NumPy adds up a single column in another order than one among others, and sums
    are not to depend on the slices.

    Args:
        count: int.
        bytes_each: int, bytes of an item.

    Returns:
        A list of slices of at most `BYTES`, or of two or three items where those have more.
    """
    parts = max(1, min(count // 2, math.ceil(count / max(1, BYTES // bytes_each))))
    return [slice(count * part // parts, count * (part + 1) // parts) for part in range(parts)]


def batches(count: int, size: int, bytes_each: int, most: int) -> list[slice]:
    """Slices that cover range(count) in order, each but the last of `size` items, or of as many as `most` bytes hold where those are fewer."""
    size = max(1, min(size, most // max(1, bytes_each)))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
