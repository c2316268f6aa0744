"""Gabor filters: what simple and complex cells and the subunits of either see an image through.

Filters are integers, so that what they answer to images of integers is exact whatever the order of the sum.

References: Jones & Palmer 1987, J. Neurophysiology 58:1233-1258 (Gabor receptive fields); Adelson & Bergen 1985, J. Optical Society of
America A 2:284-299 (the energy model of complex cells).
"""

import dataclasses

import numpy as np

from daenr_tf.recordings.simulated.dead_leaves import SIDE

MEAN_REMOVED = (
    0.25  # share of a Gabor's sum that is taken out of it, so that luminance drives it less
)
SCALE = 2**16  # filters are integers in units of 1/SCALE of their norm


@dataclasses.dataclass(frozen=True)
class Gabors:
    """Gabor filters, each attribute of any one shape (...,) unless said otherwise.

    Attributes:
        center: (..., 2) float, row and column in stimulus pixels; the centre of the first pixel is 0.
        orientation: radians in 0..pi, the direction in which the grating varies, from the columns' axis towards the rows'.
        spatial_frequency: cycles per pixel.
        phase: radians in 0..2 pi; 0 has a bright, pi a dark centre, pi/2 and 3 pi/2 an edge. Of an energy that of the first filter.
        size: pixels, SD of the Gaussian envelope.
        complex: bool, whether it is the energy of two filters a quarter of a cycle apart.
    """

    center: np.ndarray
    orientation: np.ndarray
    spatial_frequency: np.ndarray
    phase: np.ndarray
    size: np.ndarray
    complex: np.ndarray

    def filters(self) -> tuple[np.ndarray, np.ndarray]:
        """Filters of unit norm and those a quarter of a cycle on, in integers of 1/SCALE; two (..., pixels) float64.

        w(x) = g(x) - MEAN_REMOVED * e(x) * sum(g)/sum(e), with e the Gaussian envelope and
        g(x) = e(x) cos(2 pi f u + phase), u the distance from the centre along the orientation.
        """
        rows, columns = np.mgrid[:SIDE, :SIDE]
        y = rows - self.center[..., 0, None, None]
        x = columns - self.center[..., 1, None, None]
        frequency, phase, size, angle = (
            value[..., None, None]
            for value in (self.spatial_frequency, self.phase, self.size, self.orientation)
        )
        along = x * np.cos(angle) + y * np.sin(angle)
        envelope = np.exp(-(x * x + y * y) / (2 * size * size))

        def one(shift):
            gabor = envelope * np.cos(2 * np.pi * frequency * along + phase + shift)
            excess = gabor.sum(axis=(-2, -1), keepdims=True) / envelope.sum(
                axis=(-2, -1), keepdims=True
            )
            gabor = gabor - MEAN_REMOVED * excess * envelope
            norm = np.sqrt((gabor * gabor).sum(axis=(-2, -1), keepdims=True))
            return np.round(SCALE * gabor / norm).reshape(*self.phase.shape, SIDE * SIDE)

        return one(0.0), one(np.pi / 2)

    def drives(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the filters and those a quarter of a cycle on give, w . (image - 128).

        Args:
            images: (images, 31, 31) uint8.

        Returns:
            Two (images, ...) float64, integers: grey levels times SCALE.
        """
        pixels = images.reshape(len(images), -1).astype(np.float64) - 128
        return tuple(
            (pixels @ filters.reshape(-1, SIDE * SIDE).T).reshape(len(images), *self.phase.shape)
            for filters in self.filters()
        )
