"""Recordings of random numbers, of any size: what they cost does not depend on what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.benchmark.request import TEST_IMAGES

if TYPE_CHECKING:
    from collections.abc import Sequence


def write(path: str, images: int, image_shape: Sequence[int], neurons: int, seed: int = 0) -> None:
    """Write a recording of noise images and gamma-distributed responses, an NPZ file that is not
    compressed.

    Args:
        path: str, ends in .npz.
        images: int, training and validation images together.
        image_shape: (height, width, channels).
        neurons: int.
        seed: int.
    """
    generator = np.random.default_rng(seed)

    def arrays(count: int) -> tuple[np.ndarray, np.ndarray]:
        stimuli = generator.integers(0, 256, (count, *image_shape), np.uint8)
        return stimuli, generator.standard_gamma(1.0, (count, neurons), np.float32)

    shown, responses = arrays(images)
    test_images, test_responses = arrays(TEST_IMAGES)
    np.savez(
        path,
        images=shown,
        responses=responses,
        test_images=test_images,
        test_responses=test_responses,
    )
