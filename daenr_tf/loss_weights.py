"""Which alpha:beta a model is trained with where none are given (docs/tasks.md), and what they weight."""

from collections.abc import Sequence

from daenr_tf import paper
from daenr_tf.paper import LossWeights

# The medians of alpha / beta over the paper's 108 cells of a task, for systems and layers that the paper lacks.
MEDIANS = {"ir": LossWeights(1.0, 1e-3, None), "nrs": LossWeights(0.2, 1.0, None)}


def default_weights(
    recipe: str, heads: Sequence[str], region: int, layer: int, task: str
) -> LossWeights:
    """alpha and beta of a cell: the paper's where it has the cell, (1, 0) or (0, 1) for a model with one head, else the paper's medians.

    Args:
        recipe: str, the name of the system.
        heads: of "reconstruction" and "response", those that it has.
        region: 1..3.
        layer: int, the hidden layer that is read.
        task: "ir" or "nrs", one that the system has a head for.

    Returns:
        `LossWeights`, whose `table` is None where the weights are none of the paper's.
    """
    if len(heads) == 1:
        return LossWeights(float("reconstruction" in heads), float("response" in heads), None)
    if recipe in paper.JOINT and layer in paper.LAYERS:
        return paper.loss_weights(recipe, region, layer, task)
    return MEDIANS[task]


# What alpha and beta weight, means or sums: dict of a loss scale's name -> the heads whose losses are sums over what they have one figure for,
# pixels and channels or neurons. Of all scales the mean over images is taken.
LOSS_SCALES = {
    "mean": (),
    "sum": ("reconstruction", "response"),
    "neurons": ("response",),
}
DEFAULT_SCALE = next(iter(LOSS_SCALES))


def scale_factors(loss_scale: str, pixels: int, neurons: float) -> dict[str, float]:
    """What the mean loss of a head, with all that stands in its bracket, is multiplied by.

    Args:
        loss_scale: one of `LOSS_SCALES`.
        pixels: int, height * width * channels of the image.
        neurons: how many answer an image; of several recordings their mean number.

    Returns:
        dict of head -> float.
    """
    counts = {"reconstruction": pixels, "response": neurons}
    return {
        head: float(count) if head in LOSS_SCALES[loss_scale] else 1.0
        for head, count in counts.items()
    }
