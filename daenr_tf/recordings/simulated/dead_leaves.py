"""Dead-leaves images: opaque discs that fall on each other, the simplest images with edges, occlusion and a natural spectrum.

Radii have the density r^-3, which makes the statistics the same at every scale between the smallest and the largest disc
(Lee, Mumford & Huang 2001, Int. J. Computer Vision 41:35-59). Everything is done in integers of a quarter of a subpixel, so
that images are the same bytes on every machine.
"""

import numpy as np

SIDE = 31  # pixels, as in the recordings of Antolík et al. (2016)
SUBPIXELS = 2  # per pixel and axis: a pixel is the mean of 2 x 2 subpixels, which softens the edges
QUARTERS = 4  # units of radius per subpixel
RADII = (3.0, 31.0)  # smallest and largest radius, pixels
RADIUS_STEPS = 24  # radii on a geometric grid between them
LEAVES = 120  # per image; a pixel lies under 9 of them on average, so what is behind them all hardly shows


def dead_leaves(random: np.random.RandomState, count: int, contrast: float = 1.0) -> np.ndarray:
    """Draws dead-leaves images.

    Args:
        random: numpy.random.RandomState; a fixed number of its uniform numbers is used per image.
        count: int, number of images.
        contrast: float in 0..1, width of the uniform distribution of the discs' grey levels as a share of 0..255.

    Returns:
        (count, 31, 31) uint8.
    """
    discs = [_disc(quarters) for quarters in _radii()]
    reach = np.array([disc.shape[0] // 2 for disc in discs])
    chance = _cumulative_chance()
    edge = SIDE * SUBPIXELS
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for image in images:
        size, row, column, level = random.random_sample((4, LEAVES))
        size = np.searchsorted(chance, size, side="right")
        grey = np.floor(127.5 + contrast * 256 * (level - 0.5) + 0.5).astype(np.int64)
        # a centre anywhere from where the disc is about to touch the image; the paint below clips it
        top = np.floor(row * (edge + 2 * reach[size])).astype(np.int64) - 2 * reach[size]
        left = np.floor(column * (edge + 2 * reach[size])).astype(np.int64) - 2 * reach[size]
        canvas = np.full((edge, edge), 128, np.int64)
        for which, y, x, value in zip(
            size.tolist(), top.tolist(), left.tolist(), grey.tolist(), strict=True
        ):
            disc = discs[which]
            seen = disc[max(0, -y) : edge - y, max(0, -x) : edge - x]
            canvas[max(0, y) : y + disc.shape[0], max(0, x) : x + disc.shape[0]][seen] = value
        total = canvas.reshape(SIDE, SUBPIXELS, SIDE, SUBPIXELS).sum(axis=(1, 3))
        image[:] = np.clip((2 * total + SUBPIXELS**2) // (2 * SUBPIXELS**2), 0, 255)
    return images


def _radii():
    """(radii,) int64, in quarters of a subpixel."""
    low, high = RADII
    radii = low * (high / low) ** ((np.arange(RADIUS_STEPS) + 0.5) / RADIUS_STEPS)
    return np.round(radii * SUBPIXELS * QUARTERS).astype(np.int64)


def _disc(quarters):
    """(2 reach + 1, 2 reach + 1) bool, the subpixels whose centres lie within `quarters` of the middle one."""
    reach = int(quarters) // QUARTERS
    offset = QUARTERS * np.arange(-reach, reach + 1)
    return offset[:, None] ** 2 + offset**2 <= quarters**2


def _cumulative_chance():
    """(radii,) share of the discs up to each radius among those that touch an image.

    On a geometric grid the density r^-3 is a share of r^-2, and a disc touches when its centre lies within the image widened by
    the radius on every side.
    """
    radii = _radii()
    reach = radii // QUARTERS
    share = np.cumsum((SIDE * SUBPIXELS + 2 * reach) ** 2 / radii**2)
    return np.round(share / share[-1], 9)
