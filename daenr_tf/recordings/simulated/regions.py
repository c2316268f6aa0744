"""The simulated recording: a stand-in for the three regions of Antolík et al. (2016) that is always at hand.

It has a region's counts of images, neurons and repeats, and statistics near to those measured on the real files (docs/simulated.md,
`daenr_tf.tools.simulation_fidelity`), and it knows what was planted in it. It is no data: whatever is made from it says 'simulated'.
"""

import contextlib
import dataclasses
import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from daenr_tf.errors import InputError, MachineError
from daenr_tf.machine.files import replace_file
from daenr_tf.recordings.recording import Recording
from daenr_tf.recordings.simulated.dead_leaves import dead_leaves
from daenr_tf.recordings.simulated.noise import shared_gain
from daenr_tf.recordings.simulated.population import Population
from daenr_tf.recordings.simulated.tuning import Tuning

TEST_IMAGES = 50
FRESH = 1000  # a stage beyond those of a region's own streams


@dataclasses.dataclass(frozen=True)
class Region:
    """What is simulated for one region.

    Attributes:
        images, neurons, repeats: int, counts of training images, neurons and presentations of the test images.
        seed: int, of the training images, the population and the responses.
        test_seed: int, of the test images; the same in regions 1 and 2, as in the real recordings.
        contrast: float, width of the distribution of grey levels as a share of the full range.
        texture: float, RMS contrast of the textures, as a share of a quarter of that width.
        events: float, mean number of events per presentation.
        amplitude: float, mean amplitude of an event, spikes.
        explainable: (lowest, highest) explainable share of a neuron.
        gain_shape: int, of the gamma distribution of the gain that all neurons share, whose variance is 1/gain_shape.
        lead: (lowest, highest) share of a neuron's drive that is its receptive field's own filter's, the rest being its subunits'.
        sha256: hex, what the arrays must be (see `fingerprint`).
    """

    images: int
    neurons: int
    repeats: int
    seed: int
    test_seed: int
    contrast: float
    texture: float
    events: float
    amplitude: float
    explainable: tuple[float, float]
    gain_shape: int
    lead: tuple[float, float]
    sha256: str


REGIONS = {
    1: Region(
        images=1800,
        neurons=103,
        repeats=10,
        seed=16,
        test_seed=1,
        contrast=0.83,
        texture=0.45,
        events=0.87,
        amplitude=0.66,
        explainable=(0.02, 0.5),
        gain_shape=5,
        lead=(0.15, 0.5),
        sha256="f31398d6404643f34038b08b7554fc6026d8982b6ccb31d3b8d5b8af518ae025",
    ),
    2: Region(
        images=1260,
        neurons=55,
        repeats=8,
        seed=68,
        test_seed=1,
        contrast=0.83,
        texture=0.45,
        events=0.88,
        amplitude=0.7,
        explainable=(0.01, 0.34),
        gain_shape=3,
        lead=(0.25, 0.65),
        sha256="b6fa3a40d2f2815375a128d8b0741da285cae63446efa0ffb760d7355a7d22f6",
    ),
    3: Region(
        images=1800,
        neurons=102,
        repeats=12,
        seed=8,
        test_seed=3,
        contrast=0.96,
        texture=0.66,
        events=0.86,
        amplitude=0.83,
        explainable=(0.02, 0.48),
        gain_shape=10,
        lead=(0.2, 0.6),
        sha256="bd399a5c43696ece3568ac386e04fd81d058fce554db91b2d146b56bb4910677",
    ),
}


def simulate(region: int, cache_dir: str | os.PathLike | None = None) -> Recording:
    """The simulated recording of one region.

    It is made on first use (a few seconds) and kept in the user's cache. A cache that is damaged, of another version or not writable
    is no error: the recording is made anew and goes on in memory.

    Args:
        region: int, 1, 2 or 3.
        cache_dir: path of the folder to keep it in; None takes `simulated` in the user's cache directory for daenr_tf.

    Returns:
        A `Recording` with `simulated` true and the ground truth as `truth`.

    Raises:
        InputError: there is no such region.
    """
    if region not in REGIONS:
        raise InputError(
            f"region: expected one of {', '.join(map(str, REGIONS))}, found {region!r}"
        )
    path = _cache_path(region, cache_dir)
    arrays = _read(path, REGIONS[region].sha256)
    if arrays is None:
        arrays = generate(region)
        if fingerprint(arrays) == REGIONS[region].sha256:
            _write(path, arrays)
        else:
            warnings.warn(
                f"the simulated region {region} made on this machine is not, byte for byte, the published one; results on it "
                "may differ in the last digits",
                stacklevel=2,
            )
    truth = {
        key.removeprefix("truth_"): value
        for key, value in arrays.items()
        if key.startswith("truth_")
    }
    return Recording(
        name=f"simulated-r{region}",
        region=region,
        simulated=True,
        images=arrays["images"],
        responses=arrays["responses"],
        test_images=arrays["test_images"],
        test_trials=arrays["test_trials"],
        pixel_range=(0.0, 255.0),
        truth=truth,
        source=f"simulated region {region}",
    )


def generate(region: int) -> dict[str, np.ndarray]:
    """Makes the arrays of one region from its seeds, without the cache.

    The stream of numpy.random.RandomState is frozen by NumPy's compatibility policy (NEP 19).

    Returns:
        A dict of `images` (N, 31, 31, 1) uint8, `responses` (N, M) float32, `test_images` (50, 31, 31, 1) uint8, `test_trials` (repeats, 50, M)
        float32, and, each under its name with `truth_` before it, the arrays of `Population.truth`.
    """
    spec = REGIONS[region]
    grey = (spec.contrast, spec.texture)
    images = _images(spec)
    test_images = dead_leaves(_random(spec.test_seed, "test images"), TEST_IMAGES, *grey)
    population = _population(spec)
    rates = population.rates(images, reference=images)
    test_rates = population.rates(test_images, reference=images)
    shown = (spec.images,), (spec.repeats, TEST_IMAGES)
    gain, test_gain = (
        shared_gain(_random(spec.seed, stage), presentations, spec.gain_shape)
        for stage, presentations in zip(("gain", "test gain"), shown, strict=True)
    )
    responses = population.respond(_random(spec.seed, "responses"), rates, gain)
    repeated = np.broadcast_to(test_rates, (spec.repeats, *test_rates.shape))
    trials = population.respond(_random(spec.seed, "test trials"), repeated, test_gain)
    truth = population.truth(rates, test_rates)
    return {
        "images": images[..., np.newaxis],
        "responses": responses,
        "test_images": test_images[..., np.newaxis],
        "test_trials": trials,
        **{f"truth_{key}": value for key, value in truth.items()},
    }


def true_rates(region: int) -> Callable[[np.ndarray], np.ndarray]:
    """What the neurons of a region answer to any image: (images, 31, 31) uint8 -> noiseless rates (images, neurons), spikes per presentation."""
    spec = REGIONS[region]
    population, reference = _population(spec), _images(spec)
    return lambda images: population.rates(images, reference=reference)


def true_tuning(region: int) -> tuple[Tuning, np.ndarray]:
    """The `Tuning` of a region's neurons, and what it gives to the training images, (images, neurons)."""
    spec = REGIONS[region]
    images = _images(spec)
    tuning = Tuning(_population(spec), images)
    return tuning, tuning(images)


def fresh_images(region: int, count: int, seed: int) -> np.ndarray:
    """Images (count, 31, 31) uint8 of a region's kind that it doesn't hold."""
    spec = REGIONS[region]
    return dead_leaves(np.random.RandomState([seed, FRESH]), count, spec.contrast, spec.texture)


def _images(spec):
    """The training images of a region."""
    return dead_leaves(_random(spec.seed, "images"), spec.images, spec.contrast, spec.texture)


def _population(spec):
    return Population.draw(
        _random(spec.seed, "population"),
        spec.neurons,
        spec.events,
        spec.amplitude,
        spec.explainable,
        spec.gain_shape,
        spec.lead,
    )


def fingerprint(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 (hex) over the names, types, shapes and little-endian bytes of a dict of arrays, in the order of the names."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype=arrays[name].dtype.newbyteorder("<"))
        sha.update(f"{name} {array.dtype.kind}{array.dtype.itemsize} {array.shape}\n".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def _random(seed, stage):
    """A stream of its own for every stage, so that a change in one leaves the others as they are."""
    stages = (
        "images",
        "test images",
        "population",
        "responses",
        "test trials",
        "gain",
        "test gain",
    )
    return np.random.RandomState([seed, stages.index(stage)])


def _cache_path(region, cache_dir):
    if cache_dir is None:
        import pooch  # takes longer to import than a cached region takes to read

        cache_dir = Path(pooch.os_cache("daenr_tf")) / "simulated"
    return Path(cache_dir) / f"region{region}-{REGIONS[region].sha256[:12]}.npz"


def _read(path, sha256):
    """The arrays in the file, or None unless they are there and are what they must be."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
        return arrays if fingerprint(arrays) == sha256 else None
    except (
        Exception
    ):  # a file can be damaged in any way; whatever it is, the recording is made anew
        return None


def _write(path, arrays):
    """Writes the arrays beside `path` and moves them into place; where that isn't possible, leaves nothing behind."""
    with contextlib.suppress(OSError, MachineError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(str(path), lambda file: np.savez(file, **arrays))
