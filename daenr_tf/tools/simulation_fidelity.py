"""The statistics that the simulated recordings are calibrated to, and the tables that hold them against the real ones.

`python -m daenr_tf.tools.simulation_fidelity` prints them, as Markdown; with `--cnn-fr` it trains a network per region besides, which
takes minutes.
"""

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import dctn

from daenr_tf import paper
from daenr_tf.metrics import fano_factor, noise_ceiling

LOWEST = 10  # DCT components per axis that aren't in the tail
CYCLES = (2, 4, 8, 12)  # per image, of the spectrum


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What a recording's responses and images are like.

    Attributes:
        mean_rate: mean training response, spikes per presentation.
        zeros: share of exact zeros among the training responses.
        fano: mean over test images of the trial variance, divided by the mean response; median over neurons.
        explainable: (V - n) / variance of all test trials, mean over neurons; V and n as in `noise_ceiling`.
        ceiling: mean noise ceiling over neurons.
        noise_correlation: correlation between two neurons' deviations from their trial average, over all test trials; mean over pairs.
        contrast: SD of the grey levels within an image as a share of the full range, mean over images.
        tail: share of the variance within images that is beyond their 10 x 10 lowest DCT components, of images as recorded.
        power_2, power_4, power_8, power_12: power at so many cycles per image, mean over directions and images, as a share of
            that at 1.
    """

    mean_rate: float
    zeros: float
    fano: float
    explainable: float
    ceiling: float
    noise_correlation: float
    contrast: float
    tail: float
    power_2: float
    power_4: float
    power_8: float
    power_12: float


# Measured on the files of Antolík et al. (2016); what is said of images on the test images, of which regions 1 and 2 have the same.
_IMAGES_1_AND_2 = dict(
    contrast=0.220, tail=0.188, power_2=0.216, power_4=0.046, power_8=0.011, power_12=0.003
)
ANTOLIK = {
    1: Statistics(
        mean_rate=0.557,
        zeros=0.509,
        fano=1.502,
        explainable=0.245,
        ceiling=0.808,
        noise_correlation=0.047,
        **_IMAGES_1_AND_2,
    ),
    2: Statistics(
        mean_rate=0.605,
        zeros=0.489,
        fano=1.409,
        explainable=0.186,
        ceiling=0.689,
        noise_correlation=0.072,
        **_IMAGES_1_AND_2,
    ),
    3: Statistics(
        mean_rate=0.688,
        zeros=0.517,
        fano=1.770,
        explainable=0.213,
        ceiling=0.783,
        noise_correlation=0.021,
        contrast=0.260,
        tail=0.241,
        power_2=0.328,
        power_4=0.070,
        power_8=0.018,
        power_12=0.006,
    ),
}

# How near a simulated region must come: (largest difference, whether it is a share of the real figure).
TOLERANCE = {
    "mean_rate": (0.15, True),
    "zeros": (0.08, False),
    "fano": (0.3, False),
    "explainable": (0.05, False),
    "ceiling": (0.05, False),
    "noise_correlation": (0.01, False),
    "contrast": (0.15, True),
    "tail": (0.02, False),
    "power_2": (0.6, True),
    "power_4": (0.6, True),
    "power_8": (0.6, True),
    "power_12": (0.6, True),
}
MODEL_TOLERANCE = 0.05  # of a mean PCC, twice its bootstrap SD over 50 test images


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
        images: (images, height, width) or with an axis of one channel behind it, any of the recording's images.
        pixel_range: (low, high), the full range of grey levels.

    Returns:
        A `Statistics`.
    """
    trials = np.asarray(test_trials, np.float64)
    noise = trials.var(axis=0, ddof=1).mean(axis=0)
    signal = trials.mean(axis=0).var(axis=0, ddof=1) - noise / len(trials)
    images = np.asarray(images, np.float64).reshape(np.shape(images)[:3])
    low, high = pixel_range
    power = _power((images - low) / (high - low))
    return Statistics(
        mean_rate=float(np.mean(responses, dtype=np.float64)),
        zeros=float(np.mean(np.asarray(responses) == 0)),
        fano=float(np.median(fano_factor(trials))),
        explainable=float(np.mean(signal / trials.var(axis=(0, 1)))),
        ceiling=float(np.mean(noise_ceiling(trials))),
        noise_correlation=_noise_correlation(trials),
        contrast=float(images.std(axis=(1, 2)).mean() / (high - low)),
        tail=_tail(images),
        **{f"power_{cycles}": power[cycles] / power[1] for cycles in CYCLES},
    )


def _noise_correlation(trials):
    """Mean over pairs of neurons, of trials (repeats, images, neurons)."""
    deviations = (trials - trials.mean(axis=0)).reshape(-1, trials.shape[2])
    correlation = np.corrcoef(deviations, rowvar=False)
    return float(correlation[np.triu_indices(len(correlation), 1)].mean())


def _tail(images):
    """Share of the variance within images (images, height, width) beyond the lowest DCT components."""
    power = (dctn(images, axes=(1, 2), norm="ortho") ** 2).sum(axis=0)
    power[0, 0] = 0  # an image's mean
    return float(1 - power[:LOWEST, :LOWEST].sum() / power.sum())


def _power(images):
    """Power of images (images, side, side) by whole cycles per image, a dict: the mean over the frequencies that are nearest to it."""
    side = images.shape[1]
    power = (np.abs(np.fft.fft2(images)) ** 2).mean(axis=0)
    cycles = np.fft.fftfreq(side, 1 / side)
    distance = np.hypot(cycles[:, None], cycles)
    return {k: float(power[np.abs(distance - k) < 0.5].mean()) for k in (1, *CYCLES)}


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


def model_table(cnn_fr: bool = False, cache_dir: str | os.PathLike | None = None) -> str:
    """What models reach, as Markdown: mean PCC in each region beside what Klindt et al. 2017 published for the animal.

    Args:
        cnn_fr: whether to train CNN-FR too, which takes minutes.
        cache_dir: path of the folder that simulated recordings are kept in; None for the user's.
    """
    from daenr_tf.recordings.simulated.regions import simulate
    from daenr_tf.tools import simulation_models

    rows = [("ridge on pixels (real: LNP)", "LNP", simulation_models.ridge_pcc)]
    if cnn_fr:
        rows.append(("CNN-FR2", "CNN-FR", simulation_models.cnn_fr_pcc))
    lines = ["| region | model | real | simulated | allowed |", "|---|---|---|---|---|"]
    for title, published, fit in rows:
        for region in ANTOLIK:
            real, found = paper.klindt_2017(region)[published], fit(simulate(region, cache_dir))
            lines.append(
                f"| {region} | {title} | {real:.2f} | {found:.3f} | ± {MODEL_TOLERANCE:.2f} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(
        prog="python -m daenr_tf.tools.simulation_fidelity",
        description="Hold the simulated recordings against the real ones.",
    )
    parser.add_argument(
        "--cnn-fr", action="store_true", help="train CNN-FR in each region too (minutes)"
    )
    options = parser.parse_args(arguments)
    print(table(), model_table(options.cnn_fr), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
