"""Where in the stimulus each neuron looks, estimated from images and responses alone; what the fixed mask (FM) readout stands on.

The position is the peak of a smoothed sum of two maps over stimulus pixels. With r a neuron's z-scored response and z the z-scored pixels, each over
N images, and <.> the mean over images:

    map = smooth( mean over channels of  <r z>^2 N / sqrt(2)  +  <r (z^2 - 1) / sd(z^2)> sqrt(N) )

The first term is the squared spike-triggered average (Klindt et al. 2017; its median over pixels is taken off before squaring), which shows simple
cells; the second the response-weighted average of squared pixels, which shows complex cells, whose spike-triggered average vanishes. The
factors express each in units of its standard deviation for a neuron that answers at random, so that neither drowns the other, and a neuron's
map doesn't depend on which neurons were recorded beside it.

Neighbouring pixels of natural images are alike, which spreads both maps over the whole image. Pixels are therefore decorrelated before they are
z-scored: the amplitude of each cosine component of an image is divided by sqrt(its own mean power over images + a floor). The floor, the power
that each component would have were it shared out over the components of a 32 x 32 image, keeps fine detail, of which images hold little, from being
blown up, and does so alike whatever the images' resolution.

References: Klindt, Ecker, Euler and Bethge, "Neural system identification for large populations separating 'what' and 'where'", NIPS 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter, map_coordinates

from daenr_tf.machine import blocks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from daenr_tf.recordings.recording import Recording

# As a share of the image's shorter side: 3.1 pixels of 31. Wide enough to join the subfields of a Gabor into one peak at its centre.
SMOOTHING = 0.1
COMPONENTS = 32 * 32
_NEURONS_AT_ONCE = 256


class ReceptiveFields(NamedTuple):
    """What `estimate_receptive_fields` returns.

    Attributes:
        positions: (neurons, 2) float64, row and column of the centre in stimulus pixels; the centre of the first pixel is 0, so its edges are
            -0.5 and 0.5.
        maps: (neurons, height, width) float32, the smoothed map whose peak it is, in standard deviations of an untuned neuron's map before
            smoothing.
    """

    positions: np.ndarray
    maps: np.ndarray


def estimate_receptive_fields(
    images: ArrayLike, responses: ArrayLike, chosen: slice | np.ndarray = slice(None)
) -> ReceptiveFields:
    """Estimates the position of every neuron's receptive field.

    A neuron that never changes its response, or has none, has a map of zeros, and the image's centre for a position.

    Args:
        images: (images, height, width, channels), in any grey levels; the training images.
        responses: (images, neurons), one presentation or the average of several; NaN where one is missing.
        chosen: index of the images to estimate from, where not all of them count.
    """
    images, responses = np.asarray(images), np.asarray(responses)
    _, height, width, channels = images.shape
    maps = np.zeros((responses.shape[1], height, width), np.float32)
    neurons = [
        slice(start, start + _NEURONS_AT_ONCE) for start in range(0, len(maps), _NEURONS_AT_ONCE)
    ]
    for channel in range(channels):
        pixels = _decorrelated(images[..., channel][chosen])
        squared = np.empty((len(maps), height * width), np.float32)
        for some in neurons:
            triggered = _weights(responses, chosen, some) @ pixels
            triggered -= np.median(triggered, axis=1, keepdims=True)
            squared[some] = triggered**2 / np.sqrt(2, dtype=np.float32)
        energy = np.square(pixels, out=pixels)
        _z_score(energy)
        for some in neurons:
            summed = squared[some] + _weights(responses, chosen, some) @ energy
            maps[some] += (summed / channels).reshape(-1, height, width)
    # Zeros beyond the edges: an average over fewer pixels there would be noisier and would draw weak neurons' peaks into the corners.
    for some in maps:
        gaussian_filter(some, SMOOTHING * min(height, width), mode="constant", output=some)
    return ReceptiveFields(_peaks(maps), maps)


def spike_triggered_averages(
    images: ArrayLike, responses: ArrayLike, chosen: slice | np.ndarray = slice(None)
) -> np.ndarray:
    """(neurons, height, width) float32: the spike-triggered averages <r z> sqrt(N) of decorrelated pixels, averaged over channels, in
    standard deviations of an untuned neuron's.

    Args:
        images, responses, chosen: as of `estimate_receptive_fields`.
    """
    images, responses = np.asarray(images), np.asarray(responses)
    _, height, width, channels = images.shape
    maps = np.zeros((responses.shape[1], height, width), np.float32)
    for channel in range(channels):
        pixels = _decorrelated(images[..., channel][chosen])
        for start in range(0, len(maps), _NEURONS_AT_ONCE):
            some = slice(start, min(start + _NEURONS_AT_ONCE, len(maps)))
            found = _weights(responses, chosen, some) @ pixels
            maps[some] += (found / channels).reshape(-1, height, width)
    return maps


def map_centers(maps: ArrayLike) -> np.ndarray:
    """(neurons, 2) float64, row and column of the peaks of maps (neurons, height, width) >= 0, smoothed as those of
    `estimate_receptive_fields`."""
    maps = np.array(maps, np.float32)
    for some in maps:
        gaussian_filter(some, SMOOTHING * min(maps.shape[1:]), mode="constant", output=some)
    return _peaks(maps)


def envelopes(
    images: ArrayLike,
    responses: ArrayLike,
    chosen: slice | np.ndarray,
    grid_shape: tuple[int, int],
) -> np.ndarray:
    """How far every cell of a hidden layer's grid lies in each neuron's receptive field, as a share of its peak.

    Args:
        images, responses, chosen: as of `estimate_receptive_fields`.
        grid_shape: (height, width) of the hidden layer in cells.

    Returns:
        (neurons, height, width) float32 in 0..1, 1 at the cell that has the peak; 0 for a neuron whose map is flat.
    """
    maps = estimate_receptive_fields(images, responses, chosen).maps
    rows, columns = (
        np.clip((np.arange(cells) + 0.5) * pixels / cells - 0.5, 0, pixels - 1)
        for cells, pixels in zip(grid_shape, maps.shape[1:], strict=True)
    )
    places = np.meshgrid(rows, columns, indexing="ij")
    at_cells = np.stack([map_coordinates(one, places, order=1) for one in maps])
    at_cells -= np.median(at_cells, axis=(1, 2), keepdims=True)
    at_cells = np.maximum(at_cells, 0.0)
    peaks = at_cells.max(axis=(1, 2), keepdims=True)
    return np.divide(at_cells, peaks, out=np.zeros_like(at_cells), where=peaks > 0)


def fixed_cells(
    recording: Recording, training: np.ndarray, grid_shape: tuple[int, int]
) -> np.ndarray:
    """The cell of a hidden layer's grid that each neuron's fixed mask opens.

    Args:
        recording: `Recording`.
        training: indices of the images to estimate from, those that are trained on.
        grid_shape: (height, width) of the hidden layer in cells.

    Returns:
        (neurons, 2) int64, row and column.
    """
    fields = estimate_receptive_fields(recording.images, recording.responses, training)
    return grid_cell(fields.positions, recording.images.shape[1:3], grid_shape)


def grid_cell(
    position: ArrayLike, stimulus_shape: tuple[int, int], grid_shape: tuple[int, int]
) -> np.ndarray:
    """The cell of a hidden layer's grid that contains a position in the stimulus.

    Resizing maps the stimulus' edges onto the network input's, and each strided layer halves the grid; cells are taken to tile the
    stimulus, so cell k of n covers the share k / n to (k + 1) / n of a side. (TensorFlow's 'same' padding of a strided convolution is
    one-sided: the centre of what a cell sees lies half an input pixel, in h3 and h4 one and a half, beyond the middle of its tile.)

    Args:
        position: (..., 2), row and column in stimulus pixels, pixel centres at whole numbers. Beyond the edge counts as the cell at the edge.
        stimulus_shape: (height, width) of the stimulus in pixels.
        grid_shape: (height, width) of the grid in cells.

    Returns:
        (..., 2) int64, row and column of the cell.
    """
    share = (np.asarray(position, np.float64) + 0.5) / stimulus_shape
    return np.clip(np.floor(share * grid_shape), 0, np.subtract(grid_shape, 1)).astype(np.int64)


def _weights(responses: np.ndarray, chosen, some: slice) -> np.ndarray:
    """The z-scored responses of some neurons over sqrt(images), (neurons, images) float32."""
    first = max(
        some.start - 1, 0
    )  # one more, so that a last neuron that is left alone is added up as the others are: see `blocks.slices`
    values = responses[:, first : some.stop][chosen].astype(np.float64)
    if np.isnan(values).any():
        return _weights_of_known(values)[:, some.start - first :].astype(np.float32).T
    _z_score(values)
    return values[:, some.start - first :].astype(np.float32).T / np.sqrt(
        len(values), dtype=np.float32
    )


def _weights_of_known(values: np.ndarray) -> np.ndarray:
    """(images, neurons) with NaN where one is missing -> z-scored over the images that a neuron was recorded on, over the root of their number; 0
    on the others."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    varies = np.fmin.reduce(values, axis=0) < np.fmax.reduce(values, axis=0)
    centred = np.where(known, values, 0)
    centred = np.where(known & varies, centred - centred.sum(axis=0) / count, 0)
    deviation = np.sqrt((centred**2).sum(axis=0) / count)
    return centred / np.where(varies, deviation, 1) / np.sqrt(count)


def _decorrelated(images: np.ndarray) -> np.ndarray:
    """(images, height, width) -> (images, pixels) float32, decorrelated and z-scored per pixel; a pixel that never changes is 0.

    The images are worked on in place: as floats they take four times what they took as bytes.
    """
    count, height, width = images.shape
    changes = np.ptp(images, axis=0) > 0
    images = np.array(images, np.float32, order="C")
    pixels = images.reshape(count, -1)
    images -= images.mean(axis=0)
    if not changes.any():
        return np.zeros_like(pixels)
    images /= max(images.max(), -images.min())
    components = dctn(images, axes=(1, 2), norm="ortho", overwrite_x=True)
    power = np.empty((height, width), np.float32)
    flat = components.reshape(count, -1)
    for some in blocks.slices(height * width, flat[:, 0].size * flat.itemsize):
        power.reshape(-1)[some] = np.mean(flat[:, some] ** 2, axis=0)
    components /= np.sqrt(power + power.sum() / COMPONENTS)
    pixels = idctn(components, axes=(1, 2), norm="ortho", overwrite_x=True).reshape(count, -1)
    _z_score(pixels)
    pixels *= changes.reshape(-1)
    return pixels


def _z_score(values: np.ndarray) -> None:
    """(samples, variables) to zero mean and unit standard deviation over samples, in place; what is constant becomes 0."""
    for some in blocks.slices(values.shape[1], values[:, 0].size * values.itemsize):
        part = values[:, some]
        constant = np.ptp(part, axis=0) == 0
        part = part - part.mean(axis=0)
        values[:, some] = np.where(constant, 0, part / np.where(constant, 1, part.std(axis=0)))


def _peaks(maps: np.ndarray) -> np.ndarray:
    """Row and column of the maps' maxima, between pixels by the parabola through the maximum and its two neighbours along each axis."""
    count, *shape = maps.shape
    peaks = np.stack(np.unravel_index(maps.reshape(count, -1).argmax(axis=1), shape), axis=1)
    positions = peaks.astype(np.float64)
    for axis, length in enumerate(shape):
        step = np.eye(2, dtype=np.int64)[axis]
        inside = np.flatnonzero((peaks[:, axis] > 0) & (peaks[:, axis] < length - 1))
        before, at, after = (
            maps[inside, *(peaks[inside] + shift * step).T].astype(np.float64)
            for shift in (-1, 0, 1)
        )
        curvature = 2 * at - before - after
        positions[inside, axis] += np.where(
            curvature > 0, 0.5 * (after - before) / np.where(curvature > 0, curvature, 1), 0
        )
    flat = np.ptp(maps.reshape(count, -1), axis=1) == 0
    positions[flat] = np.subtract(shape, 1) / 2
    return positions
