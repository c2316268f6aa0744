"""The statistics that the simulated recordings are calibrated to, and the table that holds them against the real ones.

`python -m daenr_tf.tools.simulation_fidelity` prints it, as Markdown.
"""

import dataclasses
import os

import numpy as np
from numpy.typing import ArrayLike

from daenr_tf.metrics import fano_factor, noise_ceiling


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What a recording's responses and images are like.

    Attributes:
        mean_rate: mean training response, spikes per presentation.
        zeros: share of exact zeros among the training responses.
        fano: mean over test images of the trial variance, divided by the mean response; median over neurons.
        explainable: (V - n) / variance of all test trials, mean over neurons; V and n as in `noise_ceiling`.
        ceiling: mean noise ceiling over neurons.
        contrast: SD of the grey levels within an image as a share of the full range, mean over images.
    """

    mean_rate: float
    zeros: float
    fano: float
    explainable: float
    ceiling: float
    contrast: float


# Measured on the files of Antolík et al. (2016); contrast on the test images.
ANTOLIK = {
    1: Statistics(
        mean_rate=0.557, zeros=0.509, fano=1.502, explainable=0.245, ceiling=0.808, contrast=0.220
    ),
    2: Statistics(
        mean_rate=0.605, zeros=0.489, fano=1.409, explainable=0.186, ceiling=0.689, contrast=0.220
    ),
    3: Statistics(
        mean_rate=0.688, zeros=0.517, fano=1.770, explainable=0.213, ceiling=0.783, contrast=0.260
    ),
}

# How near a simulated region must come: (largest difference, whether it is a share of the real figure).
TOLERANCE = {
    "mean_rate": (0.15, True),
    "zeros": (0.08, False),
    "fano": (0.3, False),
    "explainable": (0.05, False),
    "ceiling": (0.05, False),
    "contrast": (0.15, True),
}


def statistics(
    responses: ArrayLike,
    test_trials: ArrayLike,
    images: ArrayLike,
    pixel_range: tuple[float, float],
) -> Statistics:
    """The statistics of a recording without missing trials.

    Args:
        responses: (images, neurons), spikes per presentation.
        test_trials: (repeats, test images, neurons), spikes per presentation.
        images: (images, height, width, ...), any of the recording's images.
        pixel_range: (low, high), the full range of grey levels.

    Returns:
        A `Statistics`.
    """
    trials = np.asarray(test_trials, np.float64)
    noise = trials.var(axis=0, ddof=1).mean(axis=0)
    signal = trials.mean(axis=0).var(axis=0, ddof=1) - noise / len(trials)
    grey = np.asarray(images, np.float64).reshape(len(images), -1)
    return Statistics(
        mean_rate=float(np.mean(responses, dtype=np.float64)),
        zeros=float(np.mean(np.asarray(responses) == 0)),
        fano=float(np.median(fano_factor(trials))),
        explainable=float(np.mean(signal / trials.var(axis=(0, 1)))),
        ceiling=float(np.mean(noise_ceiling(trials))),
        contrast=float(grey.std(axis=1).mean() / (pixel_range[1] - pixel_range[0])),
    )


def table(cache_dir: str | os.PathLike | None = None) -> str:
    """The calibration table as Markdown: each statistic of each region, real, simulated and the difference allowed.

    Args:
        cache_dir: path of the folder that simulated recordings are kept in; None for the user's.
    """
    from daenr_tf.recordings.simulated.regions import simulate

    lines = ["| region | statistic | real | simulated | allowed |", "|---|---|---|---|---|"]
    for region, real in ANTOLIK.items():
        made = simulate(region, cache_dir)
        found = statistics(made.responses, made.test_trials, made.images, made.pixel_range)
        for name, (most, relative) in TOLERANCE.items():
            allowed = most * getattr(real, name) if relative else most
            lines.append(
                f"| {region} | {name} | {getattr(real, name):.3f} | {getattr(found, name):.3f} | ± {allowed:.3f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
