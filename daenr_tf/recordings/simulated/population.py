"""A model population of V1: simple and complex cells with subunits, divisive normalisation, a threshold and noisy, sparse, non-negative responses.

Every number that a result hangs on is rounded before it is used in a draw or handed out (filters to integers, whose sums are
exact in any order; rates and responses to 1e-4), so that a last-bit difference in `exp` or in a matrix product vanishes.

References: Rust, Schwartz, Movshon & Simoncelli 2005, Neuron 46:945-956 (a linear filter beside pools of excitatory and suppressive
subunits); `gabors`, `surround` and `noise` name those of their parts.
"""

import dataclasses

import numpy as np

from daenr_tf.recordings.simulated.gabors import Gabors
from daenr_tf.recordings.simulated.noise import DECIMALS, respond
from daenr_tf.recordings.simulated.tuning import Tuning

CLUSTERS = 3
CLUSTER_SPREAD = 2.5  # pixels, SD of the receptive-field centres around their cluster's
CENTER_RANGE = (7.0, 23.0)  # pixels, row and column of the centres
CYCLES_PER_PIXEL = (0.08, 0.17)
CYCLES_PER_SIGMA = (0.2, 0.28)  # spatial frequency times size: one to three subfields
COMPLEX_SHARE = 0.2
SUBUNITS = 7  # beside the receptive field's own filter
SCATTER = 0.9  # pixels, SD of the excitatory subunits' centres around the receptive field's
SUPPRESSIVE_SCATTER = 2.2  # pixels, the same of the suppressive ones, which flank them
SUBUNIT_CYCLES_PER_PIXEL = (0.14, 0.4)
SUBUNIT_COMPLEX_SHARE = 0.5
SUPPRESSIVE_SHARE = 0.45  # of the subunits
SUPPRESSION = (0.5, 2.0)  # weight of the surround's contrast in what divides the drive
SURROUND = (4.0, 6.0)  # pixels, SD of the surround
THRESHOLD = (-1.3, -0.3)  # SDs of the drive over images
GAIN_COUPLING = (0.6, 1.0)  # how far a neuron follows the shared gain
MOST_TUNED = 0.97  # largest tuned share of a mean rate: the rest is untuned
MEAN_SPREAD = 0.1  # SD over neurons of the number of events, as a share of its mean
AMPLITUDE_SPREAD = 0.18  # SD over neurons of the mean amplitude, as a share of its mean


@dataclasses.dataclass(frozen=True)
class Population:
    """Receptive fields and noise of M neurons, each attribute (neurons,) unless said otherwise.

    Attributes:
        fields: `Gabors` (neurons,), the receptive fields' own filters; `complex` tells complex cells.
        subunits: `Gabors` (neurons, subunits); those that aren't `complex` are rectified filters.
        lead: share of the drive's variance that is the receptive field's own filter's, as if subunits were uncorrelated with it.
        weights: (neurons, subunits), weights of the subunits in the drive, of which suppressive ones are negative; each neuron's have
            the sum of squares 1.
        suppression: weight of the surround's contrast in what divides the drive.
        surround: pixels, SD of the surround.
        threshold: in SDs of the drive over the images.
        events: mean number of events per presentation.
        amplitude: mean amplitude of an event, spikes.
        coupling: how far it follows the shared gain g: its own is 1 + coupling (g - 1).
        gain: SD of its own gain over presentations.
        explainable: share of the response variance that the stimulus is meant to explain.
    """

    fields: Gabors
    subunits: Gabors
    lead: np.ndarray
    weights: np.ndarray
    suppression: np.ndarray
    surround: np.ndarray
    threshold: np.ndarray
    events: np.ndarray
    amplitude: np.ndarray
    coupling: np.ndarray
    gain: np.ndarray
    explainable: np.ndarray

    @classmethod
    def draw(
        cls,
        random: np.random.RandomState,
        neurons: int,
        events: float,
        amplitude: float,
        explainable: tuple[float, float],
        gain_shape: int,
        lead: tuple[float, float],
    ) -> "Population":
        """Draws a population.

        Args:
            random: numpy.random.RandomState.
            neurons: int, M.
            events: float, mean number of events per presentation.
            amplitude: float, mean amplitude of an event, spikes.
            explainable: (lowest, highest) explainable share of a neuron; uniform between.
            gain_shape: int, of the shared gain's gamma distribution, whose variance is 1/gain_shape.
            lead: (lowest, highest) share of the drive's variance that is the receptive field's own filter's; uniform between.
        """

        def between(low_high, shape=neurons):
            return low_high[0] + (low_high[1] - low_high[0]) * random.random_sample(shape)

        many = (neurons, SUBUNITS)
        center = _centers(random, neurons)
        frequency = between(CYCLES_PER_PIXEL)
        fields = Gabors(
            center=np.round(center, 6),
            orientation=np.round(between((0.0, np.pi)), 6),
            spatial_frequency=np.round(frequency, 6),
            phase=np.round(between((0.0, 2 * np.pi)), 6),
            size=np.round(between(CYCLES_PER_SIGMA) / frequency, 6),
            complex=random.random_sample(neurons) < COMPLEX_SHARE,
        )
        sign = np.where(random.random_sample(many) < SUPPRESSIVE_SHARE, -1, 1)
        scatter = np.where(sign < 0, SUPPRESSIVE_SCATTER, SCATTER)[..., None]
        frequency = between(SUBUNIT_CYCLES_PER_PIXEL, many)
        subunits = Gabors(
            center=np.round(center[:, None] + scatter * _bell(random, (*many, 2)), 6),
            orientation=np.round(between((0.0, np.pi), many), 6),
            spatial_frequency=np.round(frequency, 6),
            phase=np.round(between((0.0, 2 * np.pi), many), 6),
            size=np.round(between(CYCLES_PER_SIGMA, many) / frequency, 6),
            complex=random.random_sample(many) < SUBUNIT_COMPLEX_SHARE,
        )
        weights = sign * between((0.5, 1.5), many)
        weights /= np.sqrt((weights * weights).sum(axis=1, keepdims=True))
        coupling = between(GAIN_COUPLING)
        # evenly spread instead of drawn independently: the population's mean ceiling depends less on the seed
        rank = (np.argsort(random.random_sample(neurons), kind="stable") + 0.5) / neurons
        own = dict(
            lead=between(lead),
            weights=weights,
            suppression=between(SUPPRESSION),
            surround=between(SURROUND),
            threshold=between(THRESHOLD),
            events=events * (1 + MEAN_SPREAD * _bell(random, neurons)),
            amplitude=amplitude * (1 + AMPLITUDE_SPREAD * _bell(random, neurons)),
            coupling=coupling,
            gain=coupling / np.sqrt(gain_shape),
            explainable=explainable[0] + (explainable[1] - explainable[0]) * rank,
        )
        return cls(
            fields=fields,
            subunits=subunits,
            **{key: np.round(value, 6) for key, value in own.items()},
        )

    def rates(self, images: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Noiseless expected responses, in spikes per presentation.

        rate = mean * (1 - c + c q / <q>), with the tuning q of `Tuning` and <q> its mean over the reference images; c makes the
        variance of the rate over the reference images the neuron's explainable share of (variance of the rate + trial variance),
        or is MOST_TUNED where it would be more.

        Args:
            images: (images, 31, 31) uint8.
            reference: (reference images, 31, 31) uint8, over which drives and rates are normalised.

        Returns:
            (images, neurons) float64, rounded to 1e-4.
        """
        tuning = Tuning(self, reference)
        known = tuning(reference)
        mean = np.round(known.mean(axis=0), 9)
        spread = np.round(known.std(axis=0) / mean, 9)
        rate = self.events * self.amplitude
        # rate^2 c^2 spread^2 = ratio * trial variance, in which the square of the rate has c too
        ratio = self.explainable / (1 - self.explainable)
        squared = ratio * (2 * self.amplitude / rate + self.gain**2) / (1 - ratio * self.gain**2)
        tuned = np.minimum(np.sqrt(squared) / spread, MOST_TUNED)
        return np.round(rate * (1 - tuned + tuned * tuning(images) / mean), DECIMALS)

    def respond(
        self, random: np.random.RandomState, rates: np.ndarray, gain: np.ndarray
    ) -> np.ndarray:
        """One noisy presentation of each image, with the mean `rates` and the variance 2 * amplitude * rates + self.gain^2 * rates^2.

        Args:
            random: numpy.random.RandomState.
            rates: (..., images, neurons), spikes per presentation.
            gain: (..., images), the shared gain at each presentation.

        Returns:
            (..., images, neurons) float32, spikes per presentation, rounded to 1e-4.
        """
        own = 1 + self.coupling * (gain[..., np.newaxis] - 1)
        return respond(random, np.round(rates * own, 6), self.amplitude)

    def trial_variance(self, rates: np.ndarray) -> np.ndarray:
        """The variance of a response over presentations of one image, in the shape of `rates`."""
        return 2 * self.amplitude * rates + (self.gain * rates) ** 2

    def truth(self, rates: np.ndarray, test_rates: np.ndarray) -> dict[str, np.ndarray]:
        """What was planted, as `Recording.truth` takes it: attributes, those of subunits as `subunit_…`, `signal_to_noise` and the noiseless rates."""
        parts = ("fields", "subunits", "weights", "coupling", "explainable")
        return {
            **vars(self.fields),
            **{f"subunit_{key}": value for key, value in vars(self.subunits).items()},
            "subunit_weight": self.weights,
            **{key: value for key, value in vars(self).items() if key not in parts},
            "signal_to_noise": np.round(
                rates.var(axis=0) / self.trial_variance(rates).mean(axis=0), 6
            ),
            "rates": rates,
            "test_rates": test_rates,
        }


def _centers(random, neurons):
    """(neurons, 2), around the middles of a few clusters."""
    low, high = CENTER_RANGE
    clusters = 0.5 * (low + high) + (random.random_sample((CLUSTERS, 2)) - 0.5) * 0.5 * (high - low)
    cluster = np.floor(CLUSTERS * random.random_sample(neurons)).astype(np.int64)
    return np.clip(clusters[cluster] + CLUSTER_SPREAD * _bell(random, (neurons, 2)), low, high)


def _bell(random, shape):
    """Zero mean, unit variance: the sum of four uniform numbers, near to normal without a logarithm or a rejection."""
    a, b, c, d = (random.random_sample(shape) for _ in range(4))
    return (a + b + c + d - 2) * np.sqrt(3)
