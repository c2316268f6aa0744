"""A model population of V1: Gabor simple and complex cells with a threshold and noisy, sparse, non-negative responses.

Every number that a result hangs on is rounded before it is used in a draw or handed out (filters to integers, whose sums are
exact in any order; rates and responses to 1e-4), so that a last-bit difference in `exp` or in a matrix product vanishes. Only
uniform numbers are drawn, always as many whatever their values, so that no difference could spread from one draw to the next.

References: Jones & Palmer 1987, J. Neurophysiology 58:1233-1258 (Gabor receptive fields); Adelson & Bergen 1985, J. Optical Society of
America A 2:284-299 (the energy model of complex cells).
"""

import dataclasses

import numpy as np

from daenr_tf.recordings.simulated.dead_leaves import SIDE

CLUSTERS = 3
CLUSTER_SPREAD = 2.5  # pixels, SD of the receptive-field centres around their cluster's
CENTER_RANGE = (7.0, 23.0)  # pixels, row and column of the centres
CYCLES_PER_PIXEL = (0.09, 0.18)
CYCLES_PER_SIGMA = (0.2, 0.28)  # spatial frequency times size: one to three subfields
PHASE_SPREAD = np.pi / 6  # radians around 0 (bright centre) or pi (dark centre)
COMPLEX_SHARE = 0.2
MEAN_REMOVED = (
    0.5  # share of a Gabor's sum that is taken out of it, so that luminance drives it less
)
THRESHOLD = (-0.5, 0.3)  # SDs of the drive over images
MOST_TUNED = 0.97  # largest tuned share of a mean rate: the rest is untuned
MEAN_SPREAD = 0.1  # SD over neurons of the number of events, as a share of its mean
AMPLITUDE_SPREAD = 0.18  # SD over neurons of the mean amplitude, as a share of its mean
DECIMALS = 4  # of rates and responses, in spikes per presentation
SCALE = 2**16  # filters are integers in units of 1/SCALE of their norm
MOST_EVENTS = 64  # per presentation; beyond any rate that occurs here


@dataclasses.dataclass(frozen=True)
class Population:
    """Receptive fields and noise of M neurons, each attribute (neurons,) unless said otherwise.

    Attributes:
        center: (neurons, 2) float, row and column in stimulus pixels; the centre of the first pixel is 0.
        orientation: radians in 0..pi, the direction in which the grating varies, from the columns' axis towards the rows'.
        spatial_frequency: cycles per pixel.
        phase: radians; 0 has a bright, pi a dark centre. For a complex cell that of its first filter.
        size: pixels, SD of the Gaussian envelope.
        complex: bool, whether it is a complex cell.
        threshold: in SDs of the drive over the images.
        events: mean number of events per presentation.
        amplitude: mean amplitude of an event, spikes.
        explainable: share of the response variance that the stimulus is meant to explain.
    """

    center: np.ndarray
    orientation: np.ndarray
    spatial_frequency: np.ndarray
    phase: np.ndarray
    size: np.ndarray
    complex: np.ndarray
    threshold: np.ndarray
    events: np.ndarray
    amplitude: np.ndarray
    explainable: np.ndarray

    @classmethod
    def draw(
        cls,
        random: np.random.RandomState,
        neurons: int,
        events: float,
        amplitude: float,
        explainable: tuple[float, float],
    ) -> "Population":
        """Draws a population.

        Args:
            random: numpy.random.RandomState.
            neurons: int, M.
            events: float, mean number of events per presentation.
            amplitude: float, mean amplitude of an event, spikes.
            explainable: (lowest, highest) explainable share of a neuron; uniform between.
        """

        def between(low_high):
            return low_high[0] + (low_high[1] - low_high[0]) * random.random_sample(neurons)

        middle = 0.5 * sum(CENTER_RANGE)
        clusters = middle + (random.random_sample((CLUSTERS, 2)) - 0.5) * 0.5 * (
            CENTER_RANGE[1] - CENTER_RANGE[0]
        )
        cluster = np.floor(CLUSTERS * random.random_sample(neurons)).astype(np.int64)
        center = np.clip(
            clusters[cluster] + CLUSTER_SPREAD * _bell(random, (neurons, 2)), *CENTER_RANGE
        )
        frequency = between(CYCLES_PER_PIXEL)
        size = between(CYCLES_PER_SIGMA) / frequency
        sign = np.floor(2 * random.random_sample(neurons))
        phase = np.pi * sign + between((-PHASE_SPREAD, PHASE_SPREAD))
        orientation = between((0.0, np.pi))
        complex_cell = random.random_sample(neurons) < COMPLEX_SHARE
        threshold = between(THRESHOLD)
        # evenly spread instead of drawn independently: the population's mean ceiling depends less on the seed
        rank = (np.argsort(random.random_sample(neurons), kind="stable") + 0.5) / neurons
        fields = dict(
            center=center,
            orientation=orientation,
            spatial_frequency=frequency,
            phase=phase,
            size=size,
            threshold=threshold,
            events=events * (1 + MEAN_SPREAD * _bell(random, neurons)),
            amplitude=amplitude * (1 + AMPLITUDE_SPREAD * _bell(random, neurons)),
            explainable=explainable[0] + (explainable[1] - explainable[0]) * rank,
        )
        return cls(
            complex=complex_cell, **{key: np.round(value, 6) for key, value in fields.items()}
        )

    def filters(self) -> tuple[np.ndarray, np.ndarray]:
        """Gabor filters of unit norm and those a quarter of a cycle on, in integers of 1/SCALE; two (neurons, pixels) float64.

        w(x) = g(x) - MEAN_REMOVED * e(x) * sum(g)/sum(e), with e the Gaussian envelope and
        g(x) = e(x) cos(2 pi f u + phase), u the distance from the centre along the orientation.
        """
        rows, columns = np.mgrid[:SIDE, :SIDE]
        y = rows - self.center[:, 0, None, None]
        x = columns - self.center[:, 1, None, None]
        frequency, phase, size, angle = (
            value[:, None, None]
            for value in (self.spatial_frequency, self.phase, self.size, self.orientation)
        )
        along = x * np.cos(angle) + y * np.sin(angle)
        envelope = np.exp(-(x * x + y * y) / (2 * size * size))

        def one(shift):
            gabor = envelope * np.cos(2 * np.pi * frequency * along + phase + shift)
            excess = gabor.sum(axis=(1, 2), keepdims=True) / envelope.sum(
                axis=(1, 2), keepdims=True
            )
            gabor = gabor - MEAN_REMOVED * excess * envelope
            norm = np.sqrt((gabor * gabor).sum(axis=(1, 2), keepdims=True))
            return np.round(SCALE * gabor / norm).reshape(len(phase), -1)

        return one(0.0), one(np.pi / 2)

    def rates(self, images: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Noiseless expected responses, in spikes per presentation.

        drive d = w . (image - 128) for a simple, sqrt((w . image)^2 + (w' . image)^2) for a complex cell, in units of the RMS
        of w . image over the reference images; tuning q = max(0, d - threshold)^2, in units of its mean over them;
        rate = mean * (1 - c + c q), where c makes the variance of the rate over the reference images the neuron's
        explainable share of (variance of the rate + trial variance), or MOST_TUNED where that would be more.

        Args:
            images: (images, 31, 31) uint8.
            reference: (reference images, 31, 31) uint8, over which drives and rates are normalised.

        Returns:
            (images, neurons) float64, rounded to 1e-4.
        """
        unit = np.round(self._drive(reference)[1] / SCALE, 6)
        tuning = self._tuning(reference, unit)
        mean = np.round(tuning.mean(axis=0), 9)
        spread = np.round(tuning.std(axis=0) / mean, 9)
        rate = self.events * self.amplitude
        wanted = np.sqrt(self.explainable / (1 - self.explainable) * 2 * self.amplitude / rate)
        tuned = np.minimum(wanted / spread, MOST_TUNED)
        return np.round(rate * (1 - tuned + tuned * self._tuning(images, unit) / mean), DECIMALS)

    def _drive(self, images):
        """The drive (images, neurons) and the RMS (neurons,) of the first filter's, in grey levels times SCALE."""
        pixels = images.reshape(len(images), -1).astype(np.float64) - 128
        first, second = (pixels @ filters.T for filters in self.filters())
        rms = np.sqrt((first * first).mean(axis=0))
        return np.where(self.complex, np.sqrt(first * first + second * second), first), rms

    def _tuning(self, images, unit):
        """max(0, drive - threshold)^2, (images, neurons)."""
        above = np.maximum(self._drive(images)[0] / (SCALE * unit) - self.threshold, 0)
        return above * above

    def respond(self, random: np.random.RandomState, rates: np.ndarray) -> np.ndarray:
        """One noisy presentation of each image: the sum of a Poisson number of events with exponential amplitudes.

        Such a response has the mean `rates`, the variance 2 * amplitude * rates (a Fano factor of twice the mean amplitude) and is
        exactly 0 with the probability exp(-rates/amplitude).

        Args:
            random: numpy.random.RandomState.
            rates: (images, neurons), spikes per presentation.

        Returns:
            (images, neurons) float32, spikes per presentation, rounded to 1e-4.
        """
        events = _poisson(random.random_sample(rates.shape), rates / self.amplitude)
        total = np.zeros(rates.shape)
        for event in range(MOST_EVENTS):
            amplitude = -np.log1p(-random.random_sample(rates.shape))
            total += np.where(event < events, amplitude, 0.0)
        return np.round(total * self.amplitude, DECIMALS).astype(np.float32)

    def truth(self, rates: np.ndarray, test_rates: np.ndarray) -> dict[str, np.ndarray]:
        """What was planted, as `Recording.truth` takes it: the attributes, `signal_to_noise` and the noiseless rates."""
        noise = 2 * self.amplitude * rates.mean(axis=0)
        return {
            **{
                field.name: getattr(self, field.name)
                for field in dataclasses.fields(self)
                if field.name != "explainable"
            },
            "signal_to_noise": np.round(rates.var(axis=0) / noise, 6),
            "rates": rates,
            "test_rates": test_rates,
        }


def _bell(random, shape):
    """Zero mean, unit variance: the sum of four uniform numbers, near to normal without a logarithm or a rejection."""
    a, b, c, d = (random.random_sample(shape) for _ in range(4))
    return (a + b + c + d - 2) * np.sqrt(3)


def _poisson(uniform, mean):
    """Poisson numbers by inversion of the distribution function, at most MOST_EVENTS; like `uniform` and `mean` in shape."""
    chance = np.exp(-mean)
    below = chance.copy()
    events = np.zeros(mean.shape, np.int64)
    for count in range(1, MOST_EVENTS + 1):
        events += uniform >= below
        chance *= mean / count
        below += chance
    return events
