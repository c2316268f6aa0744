"""What is measured: a model, a batch and a recording, as one process tells another."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from daenr_tf.config import ModelConfig, RunConfig, TrainConfig
from daenr_tf.setting_checks import whole

if TYPE_CHECKING:
    import numpy as np

REGION = 3  # whose simulated recording is taken where no counts are given
REGION_IMAGES, REGION_NEURONS = 1800, 102
TEST_IMAGES = 16  # of a made-up recording
LEAST_IMAGES = 10


@dataclass(frozen=True)
class Request:
    """A model and the steps that are measured of it.

    Attributes:
        recipe, core, layer, image_size, color: as in `ModelConfig`.
        batch_size: int, images per step of training.
        images, neurons: int, counts of a made-up recording; both None for the simulated region 3.
        steps: int, measured in each repeat.
        threads: int that an operation is computed with, or None for TensorFlow's own choice.
        recording_file: str, where the made-up recording lies.

    Raises:
        SettingError: a value can't be used.
    """

    recipe: str
    core: str = ModelConfig.core
    layer: int = ModelConfig.layer
    image_size: tuple = ModelConfig.image_size
    color: str = ModelConfig.color
    batch_size: int = TrainConfig().batch_size
    images: int | None = None
    neurons: int | None = None
    steps: int = 200
    threads: int | None = None
    recording_file: str | None = None

    def __post_init__(self) -> None:
        size = self.config.model.image_size
        object.__setattr__(self, "image_size", size)
        whole("steps", self.steps, 1)
        if self.threads is not None:
            whole("threads", self.threads, 1, _cores())
        if (self.images, self.neurons) != (None, None):
            counts = {"images": self.images, "neurons": self.neurons}
            usual = {"images": REGION_IMAGES, "neurons": REGION_NEURONS}
            for name, least in (("images", LEAST_IMAGES), ("neurons", 1)):
                value = usual[name] if counts[name] is None else counts[name]
                whole(name, value, least)
                object.__setattr__(self, name, value)

    @property
    def config(self) -> RunConfig:
        """The settings of a run with this model and batch."""
        return RunConfig(
            ModelConfig(
                self.recipe,
                core=self.core,
                layer=self.layer,
                image_size=self.image_size,
                color=self.color,
            ),
            TrainConfig(batch_size=self.batch_size),
            dataset="simulated",
            region=REGION,
        )

    @property
    def made_up(self) -> bool:
        """Whether its recording is a made-up one."""
        return self.images is not None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of what the model sees."""
        return (*self.image_size, self.config.model.channels)

    @property
    def title(self) -> str:
        """Such as "CAE-FR2"."""
        system = self.config.model.system
        return f"{system.title}{self.layer}" if system.readout else system.title

    def outline(self) -> SimpleNamespace:
        """The shapes of a made-up recording without its values, for the estimate of memory."""
        import numpy as np

        def empty(count: int) -> np.ndarray:
            return np.broadcast_to(np.uint8(0), (count, *self.image_shape))

        return SimpleNamespace(
            images=empty(self.images),
            test_images=empty(TEST_IMAGES),
            neurons=self.neurons,
            source="--images",
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON's plain values."""
        return {**dataclasses.asdict(self), "image_size": list(self.image_size)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Request:
        """The reverse of `to_dict`."""
        return cls(**fields)


def _cores() -> int:
    from daenr_tf.benchmark.machine import cores

    return cores()
