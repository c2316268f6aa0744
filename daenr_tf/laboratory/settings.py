"""What an experiment shows, as settings; lengths are pixels of the model's image, or degrees where it is said how many
pixels one has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daenr_tf.errors import SettingError
from daenr_tf.setting_checks import number, whole

FINEST = 0.5  # cycles per pixel: what an image can hold


@dataclass(frozen=True)
class Settings:
    """The settings of all protocols; each takes those that it has use for.

    Attributes:
        seed: int, of whatever is drawn.
        orientations, phases: int, how many, evenly over 180 and 360 degrees.
        spatial_frequencies: tuple of cycles per pixel (per degree); None takes eight from 1.5 cycles per image to 0.25 per pixel.
        contrast: float in (0, 1], Michelson, of gratings and patches, and of sparse noise.
        contrasts: tuple of those of the protocol `contrast`.
        sizes: tuple of diameters in pixels (degrees); None takes ten from 3 pixels to 1.5 image sides.
        square: side of the squares of sparse noise in pixels (degrees).
        images: int, how many sparse-noise or natural images.
        pixels_per_degree: float, or None: then lengths are pixels.
    """

    seed: int = 0
    orientations: int = 18
    phases: int = 8
    spatial_frequencies: tuple[float, ...] | None = None
    contrast: float = 0.5
    contrasts: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
    sizes: tuple[float, ...] | None = None
    square: float | None = None
    images: int = 2000
    pixels_per_degree: float | None = None

    def __post_init__(self) -> None:
        whole("seed", self.seed, 0)
        whole("orientations", self.orientations, 4)
        whole("phases", self.phases, 4)
        whole("images", self.images, 10)
        if self.pixels_per_degree is not None:
            number("pixels_per_degree", self.pixels_per_degree, positive=True)
        _ascending("contrasts", self.contrasts, 0.0, 1.0, 3)
        _ascending("contrast", (self.contrast,), 1e-3, 1.0)
        if self.spatial_frequencies is not None:
            _ascending("spatial_frequencies", self.spatial_frequencies, 0.0, FINEST * self.scale, 2)
        if self.sizes is not None:
            _ascending("sizes", self.sizes, 1.0 / self.scale, 1e4, 3)
        if self.square is not None:
            _ascending("square", (self.square,), 1.0 / self.scale, 1e4)

    @property
    def scale(self) -> float:
        """Pixels per unit of length."""
        return self.pixels_per_degree or 1.0

    @property
    def unit(self) -> str:
        """The unit of length."""
        return "degree" if self.pixels_per_degree else "pixel"

    def frequencies(self, side: int) -> np.ndarray:
        """Spatial frequencies in cycles per pixel, for images whose shorter side has so many pixels."""
        if self.spatial_frequencies is None:
            return np.round(np.geomspace(1.5 / side, 0.25, 8), 6)
        return np.array(self.spatial_frequencies) / self.scale

    def diameters(self, side: int) -> np.ndarray:
        """Sizes in pixels."""
        if self.sizes is None:
            return np.round(np.geomspace(3.0, 1.5 * side, 10), 3)
        return np.array(self.sizes) * self.scale

    def square_pixels(self, side: int) -> int:
        """The side of a square in whole pixels."""
        pixels = 2 if self.square is None else round(self.square * self.scale)
        if not 1 <= pixels <= side // 2:
            raise SettingError("square", f"1 to {side // 2} of the model's pixels", pixels)
        return pixels


def _ascending(name, values, low, high, count=1):
    """Raises `SettingError` for what are no ascending numbers from low to high, at least `count`."""
    numbers = all(isinstance(value, (int, float)) for value in values)
    if not (
        numbers
        and len(values) >= count
        and all(low <= value <= high for value in values)
        and list(values) == sorted(set(values))
    ):
        many = f"at least {count} ascending numbers" if count > 1 else "a number"
        found = values if count > 1 else values[0]
        raise SettingError(name, f"{many} from {low:g} to {high:g}", found)
