"""What the finished cells of a plan came to: every figure with its interval, every comparison paired over seeds and images."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf import metrics
from daenr_tf.errors import InputError
from daenr_tf.experiments.cells import Cell
from daenr_tf.experiments.intervals import estimate
from daenr_tf.experiments.measures import COUNT, PCC
from daenr_tf.experiments.scores import Score, image_draws, image_omissions
from daenr_tf.missing import mean_over_neurons
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.readable import PCC_REPEATED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daenr_tf.experiments.cell_outputs import Finished, Outputs
    from daenr_tf.experiments.cells import Setting
    from daenr_tf.experiments.intervals import Estimate
    from daenr_tf.experiments.planning import Plan

OF_TRIALS = {
    "feve": metrics.explained_variance,
    "single_trial_pcc": metrics.single_trial_pearson,
    PCC_REPEATED: metrics.repeated_pearson,
}
DRAWS, DRAW_SEED = 2000, 20160627


class Findings:
    """The finished cells of a plan.

    Args:
        plan: `planning.Plan`.
        finished: `outputs.Finished`.

    Attributes:
        study: `Study`.
        results_dir: str.
        recordings: dict of region (None: one's own) -> `Recording`.
        cells: dict of `Cell` -> `Outputs`, the finished ones.
        damaged: dict of `Cell` -> what is wrong with its files; nothing counts it.
    """

    def __init__(self, plan: Plan, finished: Finished) -> None:
        self.plan, self.study = plan, finished.study
        self.results_dir, self.recordings = finished.results_dir, finished.recordings
        self.cells, self.damaged = {}, {}
        for cell in plan.cells:
            try:
                found = finished.read(cell)
            except InputError as error:
                self.damaged[cell] = str(error)
            else:
                if found is not None:
                    self.cells[cell] = found
        self._draws, self._scores, self._ceilings, self._of_trials = {}, {}, {}, {}

    @property
    def simulated(self) -> bool:
        """Whether any of the data is."""
        return any(recording.simulated for recording in self.recordings.values())

    def seeds(self, *settings: Setting) -> tuple[int, ...]:
        """The seeds that are finished in all of some settings; a seed whose group has no neuron isn't."""

        def finished(cell):
            return cell in self.cells and self.cells[cell].skipped is None

        return tuple(
            seed
            for seed in self.plan.seeds
            if all(finished(Cell(setting, seed)) for setting in settings)
        )

    def outputs(self, setting: Setting) -> list[tuple[int, Outputs]]:
        """The finished cells of a setting, in the order of seeds: list of (seed, `Outputs`)."""
        return [(seed, self.cells[Cell(setting, seed)]) for seed in self.seeds(setting)]

    def score(
        self, setting: Setting, metric: str, seeds: tuple[int, ...], repeats: int | None = None
    ) -> Score:
        """The `Score` of a setting.

        Args:
            setting: `Setting`.
            metric: "mse", "psnr", "ssim", "pcc" or "significant" (the number of significant neurons).
            seeds: those to take, all of them finished.
            repeats: how many repeats of a test image to average the responses over, the first ones;
                None for all.
        """
        key = (setting, metric, seeds, repeats)
        if key not in self._scores:
            recording = self.recordings[setting.region]
            draws = self._draws_of(len(recording.test_images), metric)
            found = [self.cells[Cell(setting, seed)] for seed in seeds]
            if metric in IMAGE_METRICS:
                self._scores[key] = Score.mean_over_images(
                    np.stack([one.images[metric] for one in found]), draws
                )
            else:
                make = Score.pcc if metric == PCC else Score.significant
                self._scores[key] = make(
                    np.stack([one.response for one in found]),
                    np.where(recording.unrecorded, np.nan, recording.averages(repeats)),
                    draws,
                )
        return self._scores[key]

    def estimate(self, setting: Setting, metric: str) -> Estimate | None:
        """The `Estimate` of a setting, or None where no seed of it is finished."""
        seeds = self.seeds(setting)
        if not seeds:
            return None
        found = estimate(self.score(setting, metric, seeds))
        if metric == COUNT:  # a t interval knows nothing of how many neurons there are
            low, high = np.clip([found.low, found.high], 0, self.recordings[setting.region].neurons)
            found = dataclasses.replace(found, low=float(low), high=float(high))
        return found

    def fewest_repeats(self, settings: Iterable[Setting]) -> int | None:
        """The fewest repeats of a test image that any of the settings' recordings has; None where one tells none."""
        trials = [self.recordings[setting.region].test_trials for setting in settings]
        return None if any(one is None for one in trials) else min(len(one) for one in trials)

    def ceiling(self, region: int | None) -> float | None:
        """The mean noise ceiling of a region's neurons, or None where nothing was repeated."""
        if region not in self._ceilings:
            trials = self.recordings[region].test_trials
            ceiling = np.array([math.nan]) if trials is None else metrics.noise_ceiling(trials)
            self._ceilings[region] = (
                float(np.nanmean(ceiling)) if np.isfinite(ceiling).any() else None
            )
        return self._ceilings[region]

    def of_trials(self, setting: Setting) -> dict[str, float]:
        """`feve` and `single_trial_pcc` of a setting, means over neurons and over its finished seeds; empty without repeats, or without a seed. Where
        some test images have a single presentation, `pcc_repeated` too: the PCC over those that `ceiling` is of."""
        recording = self.recordings[setting.region]
        found = [one for _, one in self.outputs(setting)]
        if recording.test_trials is None or not found:
            return {}
        key = (setting, tuple(map(id, found)))
        if key not in self._of_trials:
            mixed, each = metrics.some_shown_once(recording.test_trials), []
            for one in found:
                trials = recording.test_trials[:, :, one.neurons]
                predicted = np.where(recording.unrecorded[one.neurons], np.nan, one.response)
                each.append(
                    {
                        name: mean_over_neurons(measure(predicted, trials))
                        for name, measure in OF_TRIALS.items()
                        if mixed or name != PCC_REPEATED
                    }
                )
            self._of_trials[key] = {
                name: float(np.mean([one[name] for one in each])) for name in each[0]
            }
        return self._of_trials[key]

    def linear_codes(self, *settings: Setting) -> dict[str, dict[str, float]]:
        """What linear codes of as many numbers as the models' reach on the same images, means over the finished cells of some settings.

        Returns:
            As `Outputs.linear_codes`; empty where no cell has any, or where the codes are of different sizes.
        """
        found = [
            one.linear_codes
            for setting in settings
            for _, one in self.outputs(setting)
            if one.linear_codes
        ]
        sizes = {tuple((name, code["size"]) for name, code in codes.items()) for codes in found}
        if len(sizes) != 1:
            return {}
        return {
            name: {
                figure: float(np.mean([codes[name][figure] for codes in found])) for figure in first
            }
            | {"size": first["size"]}
            for name, first in found[0].items()
        }

    def _draws_of(self, images, metric):
        """Of a number, which leaving one image out mostly leaves as it is, bootstrap draws; of all else the jackknife's."""
        key = (images, metric == COUNT)
        if key not in self._draws:
            self._draws[key] = (
                image_draws(images, DRAWS, DRAW_SEED)
                if metric == COUNT
                else image_omissions(images)
            )
        return self._draws[key]
