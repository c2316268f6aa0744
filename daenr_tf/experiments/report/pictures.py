"""Which figures a study's findings are drawn as."""

from __future__ import annotations

import base64
import glob
import itertools
import os
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.experiments.cells import ALL, Cell, title
from daenr_tf.experiments.experiment import (
    RECONSTRUCTIONS,
    SIGNIFICANT_NEURONS,
    STIMULI,
    TRADEOFF,
)
from daenr_tf.experiments.measures import COUNT
from daenr_tf.experiments.report import tradeoffs
from daenr_tf.experiments.report.entries import GROUP_NAMES
from daenr_tf.experiments.verdicts import VERDICTS, level_of_a_part
from daenr_tf.plotting import canvas, effects, images, learning_curves, neurons, tradeoff
from daenr_tf.readable import linear_codes, number

if TYPE_CHECKING:
    from typing import Any

    from daenr_tf.experiments.claims import Judged
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.planning import Part

SHOWN = 10  # training images of a recording in Figure 5
MOST_IN_A_FOREST = 40  # comparisons; more are drawn region by region
REHEARSAL = "rehearsal on a small budget"
_MONITORED = {
    "ir": ("validation MSE (squared units of [−1, 1])", "image reconstruction"),
    "nrs": ("validation Poisson loss (nats per neuron)", "response prediction"),
}


class Pictures:
    """Draws into the study's `figures/`. Every method gives a list of dictionaries: `source` (a data URI), `text` (for who can't see it),
    `file`, `width` (in CSS pixels, at which its letters have the size that they were drawn for).

    Args:
        findings: `Findings`.
    """

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.simulated, self.rehearsal = findings.simulated, findings.study.rehearsal
        self._folder, self._drawn = os.path.join(findings.results_dir, "figures"), set()

    def remove_others_of_claims(self) -> None:
        """Remove what an earlier report drew of claims that this one doesn't examine."""
        for path in glob.glob(os.path.join(glob.escape(self._folder), "claim_*.png")):
            if path not in self._drawn:
                os.remove(path)

    def of_part(self, part: Part) -> list[dict[str, Any]]:
        """The figures of an experiment that is shown as figures; none of one that is a table."""
        drawn = {
            RECONSTRUCTIONS: self._reconstructions,
            STIMULI: self._stimuli,
            SIGNIFICANT_NEURONS: self._significance,
            TRADEOFF: self._tradeoff,
        }
        return drawn[part.experiment.picture](part) if part.experiment.picture else []

    def _reconstructions(self, part):
        found = []
        for region in part.regions:
            rows, originals = {}, None
            for setting in (setting for setting in part.settings if setting.region == region):
                cell = self.findings.cells.get(Cell(setting, part.seeds[0]))
                rows[setting.label] = None if cell is None else cell.shown
                originals = originals if cell is None else cell.originals
            if originals is not None:
                shown = f"{self._data([region])}, seed {part.seeds[0]}"
                shown += self._linear_codes(
                    [one for one in part.settings if one.region == region],
                    "mse",
                    "MSE over all test images",
                )
                text = f"{len(originals)} test images in the first row; below, what {', '.join(rows)} made of them. {shown}."
                found.append(
                    self._figure(
                        part.experiment.name,
                        images.reconstructions_by_model,
                        originals,
                        rows,
                        f"Test images and their reconstructions\n{shown}",
                        text=text,
                    )
                )
        return found

    def _stimuli(self, part):
        rows = {}
        for region in part.regions:
            recording = self.findings.recordings[region]
            shown = np.linspace(
                0, len(recording.images) - 1, min(SHOWN, len(recording.images))
            ).astype(int)
            rows[recording.name] = (recording.images[shown], recording.pixel_range)
        data = self._data(part.regions)
        return [
            self._figure(
                part.experiment.name,
                images.stimuli,
                rows,
                f"Training stimuli\n{data}",
                text=f"Examples of training images of {data}, a row each.",
            )
        ]

    def _significance(self, part):
        panels = {self._data([region]): [] for region in part.regions}
        for setting in sorted(
            part.settings, key=lambda setting: setting.layer
        ):  # models of one layer stand side by side
            bar = neurons.Bar(
                setting.label
                if setting.task == part.experiment.task
                else f"{setting.label} ({setting.task})",
                self.findings.estimate(setting, COUNT),
                self.findings.recordings[setting.region].neurons,
            )
            panels[self._data([setting.region])].append(bar)
        counts = [
            f"{bar.name} {number(bar.estimate.value, 1)} of {bar.neurons}"
            for bars in panels.values()
            for bar in bars
            if bar.estimate
        ]
        over = f"mean over {len(part.seeds)} seeds" if len(part.seeds) > 1 else _ONE_SEED
        return [
            self._figure(
                part.experiment.name,
                neurons.significance,
                panels,
                f"{part.title}\n{over}",
                text=f"Significantly predicted neurons: {', '.join(counts) or 'nothing finished'}.",
            )
        ]

    def _tradeoff(self, part):
        return [
            self._figure(
                one.stem,
                tradeoff.draw,
                one.points,
                self.findings.ceiling(one.region),
                one.codes,
                f"{part.experiment.subject}\n{self._data([one.region])}; {one.told}, {_over_seeds(part)}",
                text="Reconstruction error against mean PCC as alpha:beta grows, and both against the number of"
                " training images, joint and alone, as in the table above.",
            )
            for one in tradeoffs.shown(self.findings, part)
        ]

    def forests(self, judged: Judged) -> list[dict[str, Any]]:
        """The comparisons of a `Judged` claim."""
        claim, groups = judged.claim, {}
        first = judged.comparisons[0].unit if judged.comparisons else ""
        for one in judged.comparisons:
            end = "" if one.unit == first else f"_{one.unit.lower()}"
            if len(judged.comparisons) > MOST_IN_A_FOREST and one in judged.cells:
                region = one.question.settings[0].region
                end += f"_cells_region{region}" if region else "_cells"
            groups.setdefault(end, []).append(one)
        level = 100 * level_of_a_part(len(judged.parts))
        found = []
        for end, comparisons in groups.items():
            parts = [one for one in comparisons if one.verdict]
            if any(one.effect and one.effect.one_seed for one in comparisons):
                told = f"{_ONE_SEED}, so nothing is decided"
            elif parts:
                told = (
                    f"intervals of parts {level:.4g} % each, so that all hold together at 95 %"
                    if len(judged.parts) > 1
                    else f"the part’s interval: {level:.4g} %"
                )
            else:
                told = "single cells with 95 % intervals of their own; they decide nothing"
            text = f"Effects of {claim.name} with their intervals, as in the table above: "
            text += ", ".join(
                f"{sum(one.verdict == verdict for one in parts)} {verdict}" for verdict in VERDICTS
            )
            regions = [
                region
                for region in self.findings.recordings
                if any(
                    setting.region == region
                    for one in comparisons
                    for setting in one.question.settings
                )
            ]
            found.append(
                self._figure(
                    f"claim_{claim.name}{end}",
                    effects.forest,
                    comparisons,
                    f"{claim.name}: {judged.statement}\n{self._data(regions)}; {told}",
                    text=f"{text}.",
                )
            )
        return found

    def learning_curves(self) -> list[dict[str, Any]]:
        """The monitored loss of every finished cell, a figure per region and task."""
        panels = {}
        for cell, one in self.findings.cells.items():
            if one.skipped is None:
                setting = cell.setting
                panels.setdefault((setting.region, setting.task), {}).setdefault(
                    _panel(setting), []
                ).append((cell, one))
        found = []
        for (region, task), cells in panels.items():
            unit, what = _MONITORED[task]
            data = self._data([region])
            below, beside = self._codes_of_panels(cells) if task == "ir" else ({}, "")
            curves = {
                name + below.get(name, ""): [
                    learning_curves.Curve(cell.setting.layer, *one.curve) for cell, one in some
                ]
                for name, some in cells.items()
            }
            text = f"Validation loss against the training step on {data}: {', '.join(name.replace(chr(10), ', ') for name in cells)}."
            found.append(
                self._figure(
                    f"learning_curves_{task}" + (f"_region{region}" if region else ""),
                    learning_curves.of_study,
                    curves,
                    unit,
                    f"Learning curves, {what}\n{data}; a line per cell{beside}",
                    text=text,
                )
            )
        return found

    def _data(self, regions):
        """What data a figure is of, in words, and by what schedule and loss scale its models were trained where these are not the usual ones."""
        names = [self.findings.recordings[region].name for region in regions]
        study = self.findings.study
        named = {"schedule": study.schedule, "loss scale": study.loss_scale}
        return ", ".join(names + [f"{what} {name}" for what, name in named.items() if name])

    def _codes_of_panels(self, panels):
        """What linear codes reach beside learning curves: (dict of a panel's name -> the end of its head, the end of the title). The title tells it
        where they reach the same with every model of a seed, which saw the same images, as many of them and resized alike; else each head does."""
        settings, reached = {}, {}
        for name, cells in panels.items():
            settings[name] = dict.fromkeys(cell.setting for cell, _ in cells)
            for cell, one in cells:
                told = linear_codes(one.linear_codes or {}, "validation_mse", 4)
                reached.setdefault(cell.seed, set()).add(told)
        if all(len(different) == 1 for different in reached.values()):
            every = dict.fromkeys(itertools.chain.from_iterable(settings.values()))
            return {}, self._linear_codes(every, "validation_mse", "validation MSE")
        below = {
            name: linear_codes(self.findings.linear_codes(*some), "validation_mse", 4, "\n")
            for name, some in settings.items()
        }
        return {name: f"\n{told}" for name, told in below.items() if told}, (
            "; below a model the validation MSE of linear codes of its images"
        )

    def _linear_codes(self, settings, figure, what):
        """The end of a figure's title: what linear codes reach beside the MSE that it shows; empty without any."""
        told = linear_codes(self.findings.linear_codes(*settings), figure, 4)
        return f"; linear codes, {what}: {told}" if told else ""

    def _figure(self, stem, draw, *arguments, text):
        path = os.path.join(self._folder, f"{stem}.png")
        self._drawn.add(path)
        draw(path, *arguments, simulated=self.simulated, rehearsal=self.rehearsal)
        with open(path, "rb") as file:
            content = file.read()
        return {
            "source": "data:image/png;base64," + base64.b64encode(content).decode(),
            "file": f"figures/{stem}.png",
            "text": "Simulated data. " * self.simulated + "Rehearsal. " * self.rehearsal + text,
            "width": int.from_bytes(content[16:20], "big") * 96 // canvas.DPI,
        }


_ONE_SEED = "one seed: intervals over images only"


def _over_seeds(part):
    """What a part's intervals are over, in words."""
    if len(part.seeds) == 1:
        return _ONE_SEED
    return f"mean and 95 % interval over {len(part.seeds)} seeds and the test images"


def _panel(setting):
    name = title(setting.model)
    more = [] if setting.group == ALL else [GROUP_NAMES.get(setting.group, setting.group)]
    return "\n".join([name, *more, *filter(None, [setting.variant.text])])
