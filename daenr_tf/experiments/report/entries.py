"""The figures of the paper's tables, ours beside theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daenr_tf.experiments.measures import COUNT, PCC
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.readable import PCC_REPEATED, interval, linear_codes, number

if TYPE_CHECKING:
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.planning import Part

NAMES = {
    "mse": "MSE ↓",
    "psnr": "PSNR (dB) ↑",
    "ssim": "SSIM ↑",
    PCC: "PCC ↑",
    COUNT: "significant neurons",
}
DIGITS = {"mse": 4, "psnr": 2, "ssim": 3, PCC: 3, COUNT: 1}
GROUP_NAMES = {
    "all": "all neurons",
    "significant-cv": "significant, held-out",
    "insignificant-cv": "insignificant, held-out",
    "shuffled": "responses exchanged",
    "other-images": "images to reconstruct exchanged",
}
TASK_NAMES = {"ir": "chosen for reconstruction", "nrs": "chosen for prediction"}


@dataclass(frozen=True)
class Entry:
    """A figure of a table.

    Attributes:
        setting: `Setting`.
        metric: a key of `NAMES`.
        estimate: `Estimate` of ours, or None where no seed of it is finished.
        published: the paper's, or None.
        ceiling: for a PCC, the mean noise ceiling; for a count, the number of neurons; else None.
        linear: dict of a linear code's name -> dict with its `size` and its figure of this metric; empty where there is none.
        note: why there is no figure, or what must stand beside it.
        trials: of a PCC, dict of `feve`, `single_trial_pcc` and, where some test images have no repeats, `pcc_repeated` -> float; empty where
            nothing was repeated.
    """

    setting: object
    metric: str
    estimate: object
    published: float | None
    ceiling: float | None = None
    note: str = ""
    linear: dict = field(default_factory=dict)
    trials: dict = field(default_factory=dict)

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's, or None."""
        return (
            None
            if self.estimate is None or self.published is None
            else self.estimate.value - self.published
        )

    @property
    def share(self) -> float | None:
        """Of the ceiling (or of the neurons), or None. Of a PCC it is that over the images that the ceiling is of."""
        if self.estimate is None or not self.ceiling:
            return None
        return self.trials.get(PCC_REPEATED, self.estimate.value) / self.ceiling

    def lines(self) -> list[str]:
        """The figure for people, line by line: ours with its interval, its share, what is to be noted, the paper's, the difference, linear codes."""
        digits, one = DIGITS[self.metric], self.estimate
        lines = []
        if one is not None:
            lines += [number(one.value, digits), interval(one, digits)]
        if self.share is not None:
            of = (
                f"{self.ceiling:.0f} neurons"
                if self.metric == COUNT
                else f"ceiling {number(self.ceiling, digits)}"
            )
            alone = (
                number(self.trials[PCC_REPEATED], digits) + ", "
                if PCC_REPEATED in self.trials
                else ""
            )
            of += " (images shown several times)" if alone else ""
            lines.append(f"{alone}{number(100 * self.share, 0)} % of {of}")
        if self.trials:
            lines.append(
                f"single trials {number(self.trials['single_trial_pcc'], digits)},"
                f" FEVE {number(self.trials['feve'], digits)}"
            )
        if self.note:
            lines.append(self.note)
        if self.published is not None:
            lines.append(f"paper {number(self.published, 3)}")
        if self.difference is not None:
            lines.append(f"difference {number(self.difference, digits, signed=True)}")
        if self.linear:
            lines.append(linear_codes(self.linear, self.metric, digits))
        return lines


def entries(findings: Findings, part: Part) -> list[Entry]:
    """Every figure of a part: list of `Entry`; empty where the part isn't of figures."""
    found = []
    for setting in part.settings:
        published = part.experiment.published_figures(setting)
        for metric in part.experiment.metrics:
            if not _has(setting.system, metric):
                continue
            estimate = findings.estimate(setting, metric)
            ceiling = None
            if metric == PCC:
                ceiling = findings.ceiling(setting.region)
            if metric == COUNT:
                ceiling = findings.recordings[setting.region].neurons
            found.append(
                Entry(
                    setting,
                    metric,
                    estimate,
                    published.get(metric),
                    ceiling,
                    _note(findings, part, setting, estimate),
                    findings.linear_codes(setting) if metric in IMAGE_METRICS else {},
                    findings.of_trials(setting) if metric == PCC else {},
                )
            )
    return found


def _has(system, metric):
    """Whether models of a system have a figure of a metric."""
    return bool(system.reconstructs if metric in IMAGE_METRICS else system.readout)


def _note(findings, part, setting, estimate):
    """What must stand beside a figure: too few seeds, and why; trainings that were cut off."""
    return "; ".join(
        filter(None, (_seeds(findings, part, setting, estimate), _cut_off(findings, setting)))
    )


def _cut_off(findings, setting):
    """How many of a figure's trainings `max_steps` ended; a rehearsal says of all of them that they were short."""
    found = [one for _, one in findings.outputs(setting)]
    cut_off = [one.steps for one in found if one.cut_off]
    if not cut_off or findings.study.rehearsal:
        return ""
    return f"✂ {len(cut_off)} of {len(found)} cut off at {max(cut_off):,} steps".replace(",", " ")


def _seeds(findings, part, setting, estimate):
    if estimate is not None and estimate.seeds == len(part.seeds):
        return ""
    skipped = sum(
        cell.setting == setting and one.skipped is not None for cell, one in findings.cells.items()
    )
    if estimate is None:
        return "no neuron in the group" if skipped else "not finished"
    return f"{estimate.seeds} of {len(part.seeds)} seeds" + " (others: no neuron)" * bool(skipped)
