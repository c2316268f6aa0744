"""The paper's CAE trained on scikit-image's photographs and tried on the published test images: what
an autoencoder that has never seen images of the recording makes of them (docs/region3.md).
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from daenr_tf import metrics
from daenr_tf.errors import InputError
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.recordings.antolik import GREY_RANGE, SIDE
from daenr_tf.resizing import DEFAULT_RESIZE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daenr_tf.models.daenr import DAENR
    from daenr_tf.runs.state import State

PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "cat",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "rocket",
)
COUNT = 1800  # as many as region 3 has for training
LEAST_CONTRAST = 0.05  # SD of a patch, of the full range
MOMENTA = (0.9, 0.99, 0.999)


def patches(count: int, seed: int = 0) -> np.ndarray:
    """Square patches of the photographs that scikit-image brings along, in grey: (count, 31, 31, 1) uint8.

    Their sides are log-uniform from 31 pixels to the whole photograph's; every other one is turned left to right; flat ones are left out.

    Raises:
        InputError: scikit-image is not installed.
    """
    try:
        from skimage import color, data, transform
    except ImportError:
        raise InputError(
            "--photographs: expected scikit-image (pip install '.[dev]'), found none"
        ) from None
    photographs = []
    for name in PHOTOGRAPHS:
        pixels = getattr(data, name)()
        photographs.append(color.rgb2gray(pixels) if pixels.ndim == 3 else pixels / 255.0)
    generator, made = np.random.default_rng(seed), []
    while len(made) < count:
        photograph = photographs[generator.integers(len(photographs))]
        side = round(np.exp(generator.uniform(np.log(SIDE), np.log(min(photograph.shape)))))
        top, left = (generator.integers(size - side + 1) for size in photograph.shape)
        patch = transform.resize(
            photograph[top : top + side, left : left + side], (SIDE, SIDE), anti_aliasing=True
        )
        if patch.std() >= LEAST_CONTRAST:
            made.append(patch[:, :: 1 - 2 * (len(made) % 2)])
    return np.rint(255 * np.clip(made, 0, 1)).astype(np.uint8)[..., None]


def train(
    images: Mapping[int, np.ndarray], steps: int, momenta: Sequence[float] = MOMENTA
) -> list[dict[str, Any]]:
    """Train the CAE on photographs, once for each momentum of batch normalisation, with seed 0.

    Args:
        images: dict of region -> (images, 31, 31, 1) grey levels as published, of which nothing is learned.
        steps: int, at most.
        momenta: of float.

    Returns:
        list of dicts: `momentum`, `steps`, `validation` (the MSE that the weights were chosen by), `test` (region as text -> `mse`, `psnr`, `ssim`
        of those weights), `region3` (its MSE at every validation).
    """
    from daenr_tf import pipeline
    from daenr_tf.config import ModelConfig, TrainConfig
    from daenr_tf.models.build import build_model
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.training import Observer
    from daenr_tf.training import train as fit

    class Watch(Observer):
        """Notes a model's error on region 3's test images at each validation."""

        def __init__(self) -> None:
            self.errors = []

        def validated(self, state: State, row: dict[str, float], model: DAENR) -> None:
            made = model(test[3], training=False)["reconstruction"].numpy()
            self.errors.append(float(metrics.mse(test[3], made).mean()))

    test = {
        region: pipeline.preprocess(some, GREY_RANGE, (32, 32), 1, DEFAULT_RESIZE).numpy()
        for region, some in images.items()
    }
    made = patches(COUNT)
    nothing = np.ones((COUNT, 1)) + np.arange(COUNT)[:, None] % 2  # no readout looks at it
    recording = Recording(images=made, responses=nothing, name="photographs")
    found = []
    for momentum in momenta:
        model = build_model(ModelConfig("cae", batch_norm_momentum=momentum), recording)
        watch = Watch()
        with tempfile.TemporaryDirectory(prefix="daenr-photographs-") as folder:
            training = fit(model, recording, TrainConfig(max_steps=steps), folder, [watch])
        results = {}
        for region, some in test.items():
            reconstructed = model(some, training=False)["reconstruction"].numpy()
            results[str(region)] = {
                name: float(getattr(metrics, name)(some, reconstructed).mean())
                for name in IMAGE_METRICS
            }
        found.append(
            {
                "momentum": momentum,
                "steps": training.steps,
                "validation": float(training.best),
                "test": results,
                "region3": watch.errors,
            }
        )
    return found


def written(found: Sequence[Mapping[str, Any]]) -> str:
    """What `train` found, as a Markdown table."""
    regions = list(found[0]["test"])
    heads = [
        "momentum",
        "steps",
        "validation MSE",
        *(f"MSE, region {region}" for region in regions),
        "region 3 over the second half of the validations: least, median, most",
    ]
    lines = [heads, ["---"] * len(heads)]
    for row in found:
        later = row["region3"][len(row["region3"]) // 2 :]
        spread = ", ".join(f"{value:.4f}" for value in (min(later), np.median(later), max(later)))
        errors = (f"{row['test'][region]['mse']:.4f}" for region in regions)
        lines.append(
            [f"{row['momentum']:g}", str(row["steps"]), f"{row['validation']:.4f}", *errors, spread]
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
