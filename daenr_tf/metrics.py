"""What a joint model is measured by, as plain NumPy functions in float64: one figure per neuron or per image.

Responses are (images, neurons); images are (images, height, width, channels), or without the last axis, in [-1, 1]. Anything that isn't of such a
shape, or doesn't match its partner, raises InputError.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import correlate1d
from scipy.special import betainc

from daenr_tf.errors import InputError
from daenr_tf.machine import blocks
from daenr_tf.missing import LEAST_KNOWN, known_counts

SIGNIFICANCE_LEVEL = 0.05
LOWEST_USABLE_CEILING = 0.1
LOWEST_USABLE_SHARE = 0.15  # explainable variance under which no share of it is told
SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_KERAS_EPSILON = 1e-7
_SSIM_C1, _SSIM_C2 = 0.01**2, 0.03**2


def pearson_per_neuron(predicted: ArrayLike, observed: ArrayLike) -> np.ndarray:
    """Pearson correlation over images, (images, neurons), (images, neurons) -> (neurons,).

    A neuron whose prediction or response is constant, up to the rounding of the array's own type, counts as exactly 0. An observed NaN is a
    missing response: the neuron is judged by its other images, and gives NaN where fewer than three are left. So does one with any other value
    that isn't finite.
    """
    predicted, observed = _pair(predicted, observed, "(images, neurons)", (2,))
    parts = blocks.slices(predicted.shape[1], predicted[:, 0].size * 8)
    return np.concatenate(
        [_pearson_per_neuron(predicted[:, some], observed[:, some]) for some in parts]
    )


def _pearson_per_neuron(predicted, observed):
    missing = np.isnan(observed)
    some = missing.any(axis=0)
    if not some.any():
        return _pearson_of_complete(predicted, observed)
    pcc = np.empty(predicted.shape[1])
    pcc[~some] = _pearson_of_complete(predicted[:, ~some], observed[:, ~some])
    for neuron in np.flatnonzero(some):
        known = ~missing[:, neuron]
        pcc[neuron] = np.nan
        if known.sum() >= LEAST_KNOWN:
            pair = (values[known, neuron, None] for values in (predicted, observed))
            (pcc[neuron],) = _pearson_of_complete(*pair)
    return pcc


def _pearson_of_complete(predicted, observed):
    finite = np.isfinite(predicted).all(axis=0) & np.isfinite(observed).all(axis=0)
    varies = finite & ~_is_constant(predicted, finite) & ~_is_constant(observed, finite)
    pcc = np.where(finite, 0.0, np.nan)
    x, y = (_unit_columns(values[:, varies]) for values in (predicted, observed))
    pcc[varies] = np.clip((x * y).sum(axis=0), -1, 1)
    return pcc


def poisson_per_neuron(predicted: ArrayLike, observed: ArrayLike) -> np.ndarray:
    """Poisson loss over images, mean(predicted - observed log(predicted + 1e-7)) as Keras has it, (images, neurons), (images, neurons) -> (neurons,).

    Predicted rates are >= 0; those below give NaN. An observed NaN is a missing response and is left out; a neuron without any other has NaN.
    """
    predicted, observed = _pair(predicted, observed, "(images, neurons)", (2,))
    found = np.empty(predicted.shape[1])
    with np.errstate(invalid="ignore"):
        for some in blocks.slices(len(found), predicted[:, 0].size * 8):
            rate = np.asarray(predicted[:, some], np.float64)
            loss = rate - observed[:, some] * np.log(rate + _KERAS_EPSILON)
            known = ~np.isnan(observed[:, some])
            if known.all():
                found[some] = loss.mean(axis=0)
            else:
                found[some] = np.where(known, loss, 0).sum(axis=0) / known.sum(axis=0)
    return found


def pearson_p_value(pcc: ArrayLike, images: ArrayLike) -> np.ndarray:
    """Two-sided p-value of correlations (neurons,) over `images` images, one number or (neurons,), under the null of independent normal variables.

    (r + 1) / 2 follows a beta law with both parameters images / 2 - 1. A correlation of 0, which a constant has, gives 1; so does any
    correlation over fewer than three images, which can't speak against the null.
    """
    pcc, images = np.asarray(pcc, np.float64), np.asarray(images)
    shape = np.maximum(images, 3) / 2 - 1
    p_value = np.where(pcc == 0, 1.0, 2 * betainc(shape, shape, (1 - np.abs(pcc)) / 2))
    return np.where((images < 3) & ~np.isnan(pcc), 1.0, p_value)


def significant_neurons(
    predicted: ArrayLike, observed: ArrayLike, level: float = SIGNIFICANCE_LEVEL
) -> np.ndarray:
    """Neurons that are predicted significantly: p <= level and r > 0, (images, neurons), (images, neurons) -> (neurons,) bool.

    The paper's Figures 3, 4 and 8 count these ("the threshold for significance is p <= 0.05").
    """
    pcc = pearson_per_neuron(predicted, observed)
    return (pearson_p_value(pcc, known_counts(np.asarray(observed))) <= level) & (pcc > 0)


def noise_ceiling(trials: ArrayLike) -> np.ndarray:
    """The largest correlation with the trial average that a perfect model could reach, (repeats, images, neurons) -> (neurons,).

    sqrt((V - n) / V) clipped to [0, 1]: V is the variance over images of the trial average (ddof 1), n the mean over images of the variance over
    trials (ddof 1) divided by the number of trials, which is the part of V that is noise. A neuron that answers all images alike has 0.

    A missing trial is NaN and is left out. An image with a single trial tells nothing of its noise and is left out too: the ceiling is that of the
    images with two trials or more, each with as many as it has, and of the correlation over those (`repeated_pearson`). A neuron with fewer than
    two of them has NaN.
    """
    trials = _trials(trials)
    parts = blocks.slices(trials.shape[2], trials[..., 0].size * 8)
    return np.concatenate([_noise_ceiling(trials[..., some]) for some in parts])


def _noise_ceiling(trials):
    tolerance = _tolerance(trials)
    trials = trials.astype(np.float64)
    present = _of_repeated(trials)
    count = present.sum(axis=0)
    repeated = count > 0
    mean = np.where(present, trials, 0).sum(axis=0) / np.maximum(count, 1)
    squares = np.where(present, trials - mean, 0) ** 2
    trial_variance = squares.sum(axis=0) / np.maximum(count - 1, 1)
    images = repeated.sum(axis=0)
    noise = (trial_variance / np.maximum(count, 1)).sum(axis=0) / np.maximum(images, 1)
    center = mean.sum(axis=0) / np.maximum(images, 1)
    total = (np.where(repeated, mean - center, 0) ** 2).sum(axis=0) / np.maximum(images - 1, 1)
    largest = np.abs(mean).max(axis=0)
    answers_vary = total > (tolerance * largest) ** 2
    ceiling = np.sqrt(np.clip((total - noise) / np.where(answers_vary, total, 1), 0, 1))
    return np.where(images > 1, np.where(answers_vary, ceiling, 0), np.nan)


def _of_repeated(trials):
    """(repeats, images, neurons) bool, the trials of images of which a neuron has two or more."""
    present = ~np.isnan(trials)
    return present & (present.sum(axis=0) > 1)


def some_shown_once(trials: ArrayLike) -> bool:
    """Whether trials (repeats, images, neurons) are of images with repeats and of images with a single trial, so that the ceiling is not of all."""
    trials = _trials(trials)
    count = sum((~np.isnan(trial)).astype(np.int32) for trial in trials)
    return bool((count == 1).any() and (count > 1).any())


def repeated_pearson(predicted: ArrayLike, trials: ArrayLike) -> np.ndarray:
    """Pearson correlation with the trial average over the images with two trials or more, those that the noise ceiling is of,
    (images, neurons), (repeats, images, neurons) -> (neurons,).

    Constants and neurons with too few such images as of `pearson_per_neuron`.
    """
    predicted, trials = _beside_trials(predicted, trials)
    parts = blocks.slices(trials.shape[2], trials[..., 0].size * 8)
    return np.concatenate(
        [pearson_per_neuron(predicted[:, some], _averages(trials[..., some])) for some in parts]
    )


def _averages(trials):
    """(repeats, images, neurons) -> (images, neurons), NaN where there are fewer than two trials."""
    present = _of_repeated(trials)
    total = np.where(present, trials, 0).sum(axis=0, dtype=np.float64)
    return np.where(present.any(axis=0), total / np.maximum(present.sum(axis=0), 1), np.nan)


def jackknife_oracle(trials: ArrayLike) -> np.ndarray:
    """Correlation of single trials with the mean of the others, over all trials of all images,
    (repeats, images, neurons) -> (neurons,).

    It says how well an animal's own answers predict one more, and needs no model of the noise; the
    mean of few trials is noisy itself, so it lies below what a perfect model reaches on single
    trials. A missing trial is NaN and is left out, as is an image with fewer than two. A neuron
    that answers alike counts as 0; one without any image of two trials has NaN.
    """
    trials = _trials(trials).astype(np.float64)
    present = ~np.isnan(trials)
    total, count = np.where(present, trials, 0).sum(axis=0), present.sum(axis=0)
    usable = present & (count > 1)
    others = (total - np.where(present, trials, 0)) / np.maximum(count - 1, 1)
    oracle = np.full(trials.shape[2], np.nan)
    for neuron in np.flatnonzero(usable.any(axis=(0, 1))):
        chosen = usable[..., neuron]
        own, rest = (values[..., neuron][chosen][:, None] for values in (trials, others))
        (oracle[neuron],) = pearson_per_neuron(own, rest)
    return oracle


def fano_factor(trials: ArrayLike) -> np.ndarray:
    """Mean over images of the variance over trials (ddof 1), divided by the mean response,
    (repeats, images, neurons) -> (neurons,).

    A missing trial is NaN and is left out; an image with fewer than two trials has no variance.
    NaN for a neuron without any, or that is silent.
    """
    trials = _trials(trials).astype(np.float64)
    present = ~np.isnan(trials)
    count = present.sum(axis=0)
    mean = np.where(present, trials, 0).sum(axis=0) / np.maximum(count, 1)
    variance = (np.where(present, trials - mean, 0) ** 2).sum(axis=0) / np.maximum(count - 1, 1)
    repeated, shown = (count > 1).sum(axis=0), (count > 0).sum(axis=0)
    noise = np.where(count > 1, variance, 0).sum(axis=0) / np.maximum(repeated, 1)
    response = mean.sum(axis=0) / np.maximum(shown, 1)
    known = (repeated > 0) & (response > 0)
    return np.where(known, noise / np.where(known, response, 1), np.nan)


def single_trial_pearson(predicted: ArrayLike, trials: ArrayLike) -> np.ndarray:
    """Pearson correlation with single trials, over all trials of all images, (images, neurons), (repeats, images, neurons) -> (neurons,).

    No averaging takes the noise out, so it lies far below the correlation with the average, and needs no ceiling to tell two recordings of one
    noise apart. A missing trial is NaN and is left out; constants and neurons with too few trials as of `pearson_per_neuron`.

    Reference: Willeke et al., "The Sensorium competition on predicting large-scale mouse primary visual cortex activity", 2022.
    """
    predicted, trials = _beside_trials(predicted, trials)
    repeats, images, neurons = trials.shape
    return np.concatenate(
        [
            pearson_per_neuron(
                np.tile(predicted[:, some], (repeats, 1)),
                trials[..., some].reshape(repeats * images, -1),
            )
            for some in blocks.slices(neurons, trials[..., 0].size * 8)
        ]
    )


def explainable_variance(trials: ArrayLike) -> np.ndarray:
    """FEV, the share of a neuron's variance that images explain, (repeats, images, neurons) -> (neurons,).

    (total - noise) / total: total the variance over all trials of all images (ddof 1), noise the mean over images of the variance over an image's
    trials (ddof 1). A missing trial is NaN and is left out, as is an image with fewer than two, which tells nothing of the noise. NaN for a neuron
    without any image of two trials, or whose trials are all alike.
    """
    trials = _trials(trials)
    parts = blocks.slices(trials.shape[2], trials[..., 0].size * 8)
    return np.concatenate([_variances(trials[..., some])[2] for some in parts])


def explained_variance(predicted: ArrayLike, trials: ArrayLike) -> np.ndarray:
    """FEVE, the share of the explainable variance that is explained, (images, neurons), (repeats, images, neurons) -> (neurons,).

    1 - (error - noise) / (total - noise): error the mean squared difference between prediction and trial over all trials, of the same images as total
    and noise, which are those of `explainable_variance`. 1 is perfect, 0 what the mean response reaches, below 0 worse than that: the prediction's scale counts here, which a
    correlation doesn't see. NaN where the explainable variance is under 0.15 of the total: the ratio is then noise over noise.

    Reference: Cadena et al., "Deep convolutional models improve predictions of macaque V1 responses to natural images", PLoS Comput Biol 15, 2019;
    the threshold is that of Willeke et al. 2022.
    """
    predicted, trials = _beside_trials(predicted, trials)
    parts = blocks.slices(trials.shape[2], trials[..., 0].size * 8)
    return np.concatenate([_explained(predicted[:, some], trials[..., some]) for some in parts])


def _explained(predicted, trials):
    total, noise, share = _variances(trials)
    present = _of_repeated(trials)
    squares = np.where(present, (trials - np.asarray(predicted, np.float64)) ** 2, 0)
    error = squares.sum(axis=(0, 1)) / np.maximum(present.sum(axis=(0, 1)), 1)
    usable = share >= LOWEST_USABLE_SHARE
    return np.where(usable, 1 - (error - noise) / np.where(usable, total - noise, 1), np.nan)


def _variances(trials):
    """(total, noise, (total - noise) / total), each (neurons,), of trials (repeats, images, neurons)."""
    tolerance = _tolerance(trials)
    trials = trials.astype(np.float64)
    present = _of_repeated(trials)
    count, of_image = present.sum(axis=(0, 1)), present.sum(axis=0)
    values = np.where(present, trials, 0)
    center = values.sum(axis=(0, 1)) / np.maximum(count, 1)
    squares = np.where(present, trials - center, 0) ** 2
    total = squares.sum(axis=(0, 1)) / np.maximum(count - 1, 1)
    mean = values.sum(axis=0) / np.maximum(of_image, 1)
    within = (np.where(present, trials - mean, 0) ** 2).sum(axis=0) / np.maximum(of_image - 1, 1)
    repeated = of_image > 0
    noise = within.sum(axis=0) / np.maximum(repeated.sum(axis=0), 1)
    varies = total > (tolerance * np.abs(values).max(axis=(0, 1))) ** 2
    known = repeated.any(axis=0) & varies
    return total, noise, np.where(known, (total - noise) / np.where(varies, total, 1), np.nan)


def _beside_trials(predicted, trials):
    """Both as arrays. Raises `InputError` unless predictions are (images, neurons) of the trials."""
    predicted, trials = np.asarray(predicted), _trials(trials)
    if predicted.shape != trials.shape[1:]:
        raise InputError(
            f"predicted: expected the (images, neurons) of the trials, {trials.shape[1:]}, found"
            f" shape {predicted.shape}"
        )
    return predicted, trials


def _trials(trials: ArrayLike) -> np.ndarray:
    """Trials as an array. Raises `InputError` unless they are (repeats, images, neurons)."""
    trials = np.asarray(trials)
    if trials.ndim != 3 or 0 in trials.shape:
        raise InputError(
            "trials: expected (repeats, images, neurons), none of them 0,"
            f" found shape {trials.shape}"
        )
    return trials


def pcc_normalized(pcc: ArrayLike, ceiling: ArrayLike) -> np.ndarray:
    """Correlation as a share of the noise ceiling, (neurons,), (neurons,) -> (neurons,); NaN where the ceiling is NaN or under 0.1."""
    pcc, ceiling = _pair(pcc, ceiling, "(neurons,)", (1,), ("pcc", "ceiling"))
    usable = ceiling >= LOWEST_USABLE_CEILING
    return np.where(usable, pcc / np.where(usable, ceiling, 1), np.nan)


def population_pcc_normalized(pcc: ArrayLike, ceiling: ArrayLike) -> float:
    """Mean correlation / mean noise ceiling over the neurons that have both; NaN if none has, or if all ceilings are 0."""
    pcc, ceiling = _pair(pcc, ceiling, "(neurons,)", (1,), ("pcc", "ceiling"))
    known = ~np.isnan(ceiling) & ~np.isnan(pcc)
    total = ceiling[known].sum()
    return float(pcc[known].sum() / total) if total > 0 else float("nan")


def mse(original: ArrayLike, reconstruction: ArrayLike) -> np.ndarray:
    """Mean squared error of each image over pixels and channels, (squared grey levels of [-1, 1]), -> (images,)."""
    return _per_image(lambda x, y: np.mean((x - y) ** 2, axis=(1, 2, 3)), original, reconstruction)


def psnr(original: ArrayLike, reconstruction: ArrayLike) -> np.ndarray:
    """Peak signal-to-noise ratio of each image in dB, 10 log10(peak-to-peak² / MSE) with peak-to-peak 2; infinite for equal images, -> (images,)."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(4 / mse(original, reconstruction))


def ssim(original: ArrayLike, reconstruction: ArrayLike) -> np.ndarray:
    """Structural similarity of each image, -> (images,); NaN for images under 11 pixels high or wide, which its window doesn't fit.

    On images mapped to [0, 1] with range 1: an 11 × 11 Gaussian window with a standard deviation of 1.5 pixels, population covariance, K1 = 0.01,
    K2 = 0.03, the mean over the positions where the window lies inside the image and over channels.

    Reference: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 13, 2004.
    """
    return _per_image(_ssim, original, reconstruction)


def _ssim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if min(x.shape[1:3]) < SSIM_WINDOW:
        return np.full(len(x), np.nan)
    x, y = (x + 1) / 2, (y + 1) / 2
    x_mean, y_mean = _window_mean(x), _window_mean(y)
    x_variance = _window_mean(x * x) - x_mean**2
    y_variance = _window_mean(y * y) - y_mean**2
    covariance = _window_mean(x * y) - x_mean * y_mean
    luminance = (2 * x_mean * y_mean + _SSIM_C1) / (x_mean**2 + y_mean**2 + _SSIM_C1)
    structure = (2 * covariance + _SSIM_C2) / (x_variance + y_variance + _SSIM_C2)
    return np.mean(luminance * structure, axis=(1, 2, 3))


def _window_mean(images: np.ndarray) -> np.ndarray:
    reach = SSIM_WINDOW // 2
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SSIM_SIGMA) ** 2)
    window /= window.sum()
    return correlate1d(correlate1d(images, window, axis=1), window, axis=2)[
        :, reach:-reach, reach:-reach
    ]


def _tolerance(values: np.ndarray) -> float:
    """The relative differences that rounding alone can make in an array of this type."""
    return 16 * float(
        np.finfo(values.dtype if np.issubdtype(values.dtype, np.floating) else np.float64).eps
    )


def _is_constant(values: np.ndarray, finite: np.ndarray) -> np.ndarray:
    values = np.where(finite, values, 0)
    return np.ptp(values, axis=0) <= _tolerance(values) * np.abs(values).max(axis=0)


def _unit_columns(values: np.ndarray) -> np.ndarray:
    """Columns centred and scaled to length 1; twice centred, so that a large offset leaves no rounding behind."""
    values = values.astype(np.float64)
    for _ in range(2):
        values = values - values.mean(axis=0)
    values /= np.abs(values).max(axis=0)
    return values / np.sqrt((values**2).sum(axis=0))


def _pair(
    first, second, layout: str, dimensions: tuple[int, ...], names=("predicted", "observed")
) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim not in dimensions or 0 in first.shape:
        raise InputError(
            f"{names[0]}: expected {layout}, none of them 0, found shape {first.shape}"
        )
    if second.shape != first.shape:
        raise InputError(
            f"{names[1]}: expected the shape {first.shape} of {names[0]}, found {second.shape}"
        )
    return first, second


def _per_image(measure, original, reconstruction) -> np.ndarray:
    """`measure` of (images, height, width, channels) float64 pairs, a part of the images at a time, -> (images,)."""
    layout = "(images, height, width, channels) or (images, height, width)"
    pair = _pair(original, reconstruction, layout, (3, 4), ("original", "reconstruction"))
    pair = [a if a.ndim == 4 else a[..., None] for a in pair]
    parts = blocks.slices(len(pair[0]), pair[0][0].size * 8)
    return np.concatenate(
        [measure(*(np.asarray(a[some], np.float64) for a in pair)) for some in parts]
    )
