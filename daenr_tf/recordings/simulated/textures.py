"""The grain of surfaces: stationary noise of a few scales, in integers.

Noise that is averaged over squares of w subpixels holds detail down to about w: a mixture of several w has a spectrum that falls
with frequency, as that of natural textures does. Sums of integers are exact in any order, so the textures are the same on every machine.
"""

import functools

import numpy as np

WIDTHS = (2, 3, 5, 8)  # subpixels: 1 to 4 stimulus pixels
SIDE = 256  # subpixels of a texture, of which a leaf takes a part at random
ONE = 64  # grey levels: the RMS of a texture
_SEED = 64
_LEVELS_RMS = 74  # of uniform integers from -128 to 127


@functools.cache
def textures() -> np.ndarray:
    """(textures, 256, 256) int64, one for each of WIDTHS, with a mean near 0 and an RMS near ONE."""
    random = np.random.RandomState(_SEED)
    made = []
    for width in WIDTHS:
        noise = np.floor(256 * random.random_sample((SIDE + width, SIDE + width))) - 128
        summed = np.pad(noise.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        boxes = (
            summed[width:, width:]
            - summed[:-width, width:]
            - summed[width:, :-width]
            + summed[:-width, :-width]
        )
        made.append(boxes[:SIDE, :SIDE] * ONE // (_LEVELS_RMS * width))
    made = np.stack(made)
    made.flags.writeable = False
    return made
