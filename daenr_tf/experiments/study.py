"""What all cells of a study share: the recording, the budget, and what is kept of each."""

import dataclasses
import os
from dataclasses import dataclass

from daenr_tf.errors import InputError
from daenr_tf.recordings import sources
from daenr_tf.recordings.load import load_recording

BUDGETS = ("paper", "quick")


@dataclass(frozen=True)
class Study:
    """What all cells share.

    Attributes:
        dataset: a name in `recordings.sources` that stands for itself, or the absolute path of one's
            own recording.
        data_dir: where the published recordings lie, or None.
        budget: "paper" (two stages of patience 1000, at most 10,000 steps) or "quick" (at most 200 steps: a rehearsal).
        weights_region: for one's own recording, the region whose loss weights are taken.
        complete: whether figures, TensorBoard's files, `model.keras` and the SavedModel of every cell are made as well.
        digests: dict of a region's name ("1" ... "3"; "None" for one's own recording) -> digest of its whole recording. A recording that is
            replaced while the study runs is another.
    """

    dataset: str
    data_dir: str | None = None
    budget: str = "paper"
    weights_region: int = 3
    complete: bool = False
    digests: dict = dataclasses.field(default_factory=dict)

    @property
    def own(self):
        """Whether the recording is the user's."""
        return not sources.is_source(self.dataset)

    @property
    def rehearsal(self):
        """Whether the models are trained on the small budget, after which nothing can be said of them."""
        return self.budget == "quick"

    def recording(self, region):
        """The recording of a region (None for one's own). Raises `InputError` where it is no more the one that the study began with."""
        found = load_recording(self.dataset, region, self.data_dir)
        expected = self.digests.get(str(region), found.digest)
        if found.digest != expected:
            raise InputError(f"{found.source}: expected the recording with digest {expected[:12]}… that the study began with,"
                             f" found {found.digest[:12]}…")
        return found

    def config(self, cell):
        """The `RunConfig` of a cell."""
        from daenr_tf.config import resolve

        setting = cell.setting
        given = {"region": setting.region or self.weights_region, "task": setting.task, "alpha": setting.alpha, "beta": setting.beta,
                 "seed": cell.seed, "dataset": self.dataset}
        if setting.layer is not None:
            given["layer"] = setting.layer
        if self.rehearsal:
            given["quick"] = True
        return resolve(setting.model, given)

    def to_dict(self):
        """The study as a dictionary that JSON can hold."""
        return dataclasses.asdict(self)


def cell_directory(results_dir, cell):
    """Where a cell's files lie."""
    return os.path.join(results_dir, "cells", cell.name)
