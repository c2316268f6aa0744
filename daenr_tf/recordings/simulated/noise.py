"""What differs from one presentation of an image to the next: a gain that all neurons share, and events of chance.

Only uniform numbers are drawn, always as many whatever their values, so that no difference in a last bit could spread from one draw to the
next.

Reference: Goris, Movshon & Simoncelli 2014, Nature Neuroscience 17:858-865 (a gain with a gamma distribution that multiplies rates).
"""

import numpy as np

DECIMALS = 4  # of responses, in spikes per presentation
MOST_EVENTS = 96  # per presentation; beyond any rate that occurs here


def shared_gain(
    random: np.random.RandomState, presentations: tuple[int, ...], shape: int
) -> np.ndarray:
    """The population's gain at every presentation: gamma distributed, with the mean 1 and the variance 1/shape.

    A gamma variable whose shape is a whole number is a sum of exponential ones.

    Args:
        random: numpy.random.RandomState.
        presentations: (images,) or (repeats, images).
        shape: int, of the gamma distribution.

    Returns:
        `presentations` in shape, float64, rounded to 1e-6.
    """
    exponential = -np.log1p(-random.random_sample((shape, *presentations)))
    return np.round(exponential.sum(axis=0) / shape, 6)


def respond(random: np.random.RandomState, rates: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """One noisy presentation of each image: the sum of a Poisson number of events with exponential amplitudes.

    Such a response has the mean `rates`, the variance 2 * amplitude * rates and is exactly 0 with the probability
    exp(-rates/amplitude).

    Args:
        random: numpy.random.RandomState.
        rates: (..., neurons), spikes per presentation, gain included.
        amplitude: (neurons,), mean amplitude of an event, spikes.

    Returns:
        (..., neurons) float32, spikes per presentation, rounded to 1e-4.
    """
    events = poisson(random.random_sample(rates.shape), rates / amplitude)
    total = np.zeros(rates.shape)
    for event in range(MOST_EVENTS):
        exponential = -np.log1p(-random.random_sample(rates.shape))
        total += np.where(event < events, exponential, 0.0)
    return np.round(total * amplitude, DECIMALS).astype(np.float32)


def poisson(uniform: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Poisson numbers by inversion of the distribution function, at most MOST_EVENTS; int64, like `uniform` and `mean` in shape."""
    chance = np.exp(-mean)
    below = chance.copy()
    events = np.zeros(mean.shape, np.int64)
    for count in range(1, MOST_EVENTS + 1):
        events += uniform >= below
        chance *= mean / count
        below += chance
    return events
