"""Dead-leaves images: opaque discs that fall on each other, the simplest images with edges, occlusion and a natural spectrum.

Radii have the density r^-3, which makes the statistics the same at every scale between the smallest and the largest disc
(Lee, Mumford & Huang 2001, Int. J. Computer Vision 41:35-59). A disc is flat, or has the grain of a texture (`textures`), which
stands for the fine detail of surfaces. Everything is done in integers of a quarter of a subpixel, so that images are the same bytes
on every machine.
"""

import numpy as np

from daenr_tf.recordings.simulated.textures import ONE, textures

SIDE = 31  # pixels, as in the recordings of Antolík et al. (2016)
SUBPIXELS = 2  # per pixel and axis: a pixel is the mean of 2 x 2 subpixels, which softens the edges
QUARTERS = 4  # units of radius per subpixel
RADII = (3.0, 31.0)  # smallest and largest radius, pixels
RADIUS_STEPS = 24  # radii on a geometric grid between them
LEAVES = 120  # per image; a pixel lies under 9 of them on average, so what is behind them all hardly shows
_EDGE = SIDE * SUBPIXELS


def dead_leaves(
    random: np.random.RandomState, count: int, contrast: float = 1.0, texture: float = 0.0
) -> np.ndarray:
    """Draws dead-leaves images.

    Args:
        random: numpy.random.RandomState; a fixed number of its uniform numbers is used per image.
        count: int, number of images.
        contrast: float in 0..1, width of the uniform distribution of the discs' grey levels as a share of 0..255. Pixels beyond it,
            where a texture is, are cut off.
        texture: float >= 0, RMS contrast of the discs' textures, on average over discs, as a share of a quarter of that width.

    Returns:
        (count, 31, 31) uint8.
    """
    discs = [_disc(quarters) for quarters in _radii()]
    reach = np.array([disc.shape[0] // 2 for disc in discs])
    chance = _cumulative_chance()
    grain = textures()
    rows, columns = np.mgrid[:_EDGE, :_EDGE]
    darkest, brightest = (np.ceil(128 - 128 * contrast), np.floor(127 + 128 * contrast))
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for image in images:
        size, row, column, level, which, down, across, depth = random.random_sample((8, LEAVES))
        size = np.searchsorted(chance, size, side="right")
        # a centre anywhere from where the disc is about to touch the image; the paint below clips it
        top = np.floor(row * (_EDGE + 2 * reach[size])).astype(np.int64) - 2 * reach[size]
        left = np.floor(column * (_EDGE + 2 * reach[size])).astype(np.int64) - 2 * reach[size]
        seen = _uppermost(discs, size, top, left)
        # one more for where no disc lies: mid grey, without a texture
        grey = np.append(_floor(127.5 + contrast * 256 * (level - 0.5) + 0.5), 128)[seen]
        depth = np.append(_floor(2 * depth * contrast * texture * ONE), 0)[seen]
        which = np.append(_floor(len(grain) * which), 0)[seen]
        down, across = (
            np.append(_floor((grain.shape[1] - _EDGE) * shift), 0)[seen] for shift in (down, across)
        )
        subpixels = grey + depth * grain[which, rows + down, columns + across] // ONE
        total = subpixels.reshape(SIDE, SUBPIXELS, SIDE, SUBPIXELS).sum(axis=(1, 3))
        mean = (2 * total + SUBPIXELS**2) // (2 * SUBPIXELS**2)
        image[:] = np.clip(mean, max(0, darkest), min(255, brightest))
    return images


def _uppermost(discs, size, top, left):
    """(subpixels, subpixels) uint8: which leaf is seen at each subpixel, LEAVES where none is."""
    canvas = np.full((_EDGE, _EDGE), LEAVES, np.uint8)
    for leaf, (which, y, x) in enumerate(
        zip(size.tolist(), top.tolist(), left.tolist(), strict=True)
    ):
        disc = discs[which]
        covered = disc[max(0, -y) : _EDGE - y, max(0, -x) : _EDGE - x]
        canvas[max(0, y) : y + disc.shape[0], max(0, x) : x + disc.shape[0]][covered] = leaf
    return canvas


def _floor(values):
    return np.floor(values).astype(np.int64)


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
