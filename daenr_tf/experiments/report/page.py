"""The report of a study: `report.html`, one page that needs nothing else, and its tables and figures as files.

Tables and figures are a function of the cells' files alone; how long it took stands in the page only.
"""

from __future__ import annotations

import importlib.resources
import os
from typing import TYPE_CHECKING

import jinja2
import numpy as np

from daenr_tf.errors import MachineError
from daenr_tf.experiments.claims import judge
from daenr_tf.experiments.findings import Findings
from daenr_tf.experiments.measures import COUNT, PCC
from daenr_tf.experiments.report import happened, tables
from daenr_tf.experiments.report.pictures import REHEARSAL, Pictures
from daenr_tf.experiments.study import as_options
from daenr_tf.experiments.verdicts import (
    CONTRADICTED,
    LEAST_PCC,
    LEAST_SHARE,
    LEVEL,
    NOT_DECIDABLE,
    NOT_SUPPORTED,
    SUPPORTED,
)
from daenr_tf.machine.files import replace_file, write_text
from daenr_tf.plotting import effects
from daenr_tf.recordings import checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daenr_tf.experiments.cell_outputs import Finished
    from daenr_tf.experiments.grid import Outcome
    from daenr_tf.experiments.planning import Plan

REPORT, TEMPLATE = "report.html", "template.html.j2"
SYMBOLS = {SUPPORTED: "✔", NOT_SUPPORTED: "○", CONTRADICTED: "✘", NOT_DECIDABLE: "?", None: "–"}
NOT_EXAMINED = "not examined"
_CSS = {
    SUPPORTED: "supported",
    NOT_SUPPORTED: "unsupported",
    CONTRADICTED: "contradicted",
    NOT_DECIDABLE: "undecided",
    None: "unexamined",
}


def write_report(
    finished: Finished, plan: Plan, outcomes: Sequence[Outcome], command: str, seconds: float
) -> str:
    """Write the report of the cells that are finished.

    Args:
        finished: `outputs.Finished`.
        plan: `planning.Plan`.
        outcomes: list of `grid.Outcome`, of this call's grid.
        command: str, what was called.
        seconds: float, how long the grid took.

    Returns:
        str, for the terminal: the verdict on each claim, and where the report lies.

    Raises:
        MachineError: the disk refused.
    """
    for folder in ("tables", "figures"):
        place = os.path.join(finished.results_dir, folder)
        try:
            os.makedirs(place, exist_ok=True)
        except OSError as error:
            raise MachineError(f"{place}: could not be made ({error.strerror})") from None
    report = _Report(finished, plan)
    page = report.page(outcomes, command, seconds)
    path = os.path.join(finished.results_dir, REPORT)
    write_text(path, page)
    return "\n".join([*report.verdicts(), f"report: {path}"])


class _Report:
    """What the page and its files are made of."""

    def __init__(self, finished, plan):
        self.results_dir, self.plan, self.study, self.recordings = (
            finished.results_dir,
            plan,
            finished.study,
            finished.recordings,
        )
        self.findings = Findings(plan, finished)
        self.claims = judge(self.findings)
        self.simulated, self.rehearsal = self.findings.simulated, self.study.rehearsal
        self.given = " ".join(as_options(self.study.settings))
        self.pictures = Pictures(self.findings)

    def verdicts(self):
        """A line per claim for the terminal."""
        lines = ["SIMULATED DATA: says nothing about the brain"] * self.simulated + [
            f"{REHEARSAL}: says nothing about the models"
        ] * self.rehearsal
        lines += [f"settings given: {self.given}"] if self.given else []
        lines += [
            f"{one.name} {one.verdict}: {one.claim.statement}" for one in self.claims if one.verdict
        ]
        others = [one.name for one in self.claims if not one.verdict]
        return lines + (
            [f"{NOT_EXAMINED}: {', '.join(others)} (the report says what they need)"]
            if others
            else []
        )

    def page(self, outcomes, command, seconds):
        """Write tables and figures; the page's HTML."""
        environment = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        template = (
            importlib.resources.files("daenr_tf.experiments.report")
            .joinpath(TEMPLATE)
            .read_text(encoding="utf-8")
        )
        self._write_table("claims", tables.comparisons(self.claims, self.study, self.simulated))
        self._write_markdown(
            "claims",
            ["claim", "unit of the effect", *self._comparisons_head()],
            [
                [one.name, one.claim.unit, *row["cells"]]
                for one in self.claims
                for row in self._comparisons(one)
            ],
            [],
        )
        finished = list(self.findings.cells.values())
        return environment.from_string(template).render(
            heading=self._heading(),
            simulated=self.simulated,
            rehearsal=self.rehearsal,
            own=self.study.own,
            weights_region=self.study.weights_region,
            given=self.given,
            departs=bool(self.study.departures({cell.setting for cell in self.plan.cells})),
            most_steps=self.study.most_steps,
            recordings=[
                self._recording(region, recording) for region, recording in self.recordings.items()
            ],
            seeds=len(self.plan.seeds),
            claims=[self._claim(one) for one in self.claims],
            symbols=self._legend(),
            level=f"{LEVEL:g}",
            least_share=f"{100 * LEAST_SHARE:g} %",
            least_part=f"{LEAST_SHARE:g}",
            least_pcc=f"{LEAST_PCC:g}",
            not_examined=NOT_EXAMINED,
            parts=[self._part(part) for part in self.plan.parts],
            curves=self.pictures.learning_curves(),
            comparisons_head=self._comparisons_head(),
            trouble=happened.trouble(self.plan, self.findings, outcomes),
            skipped=[
                (cell.name, one.skipped)
                for cell, one in self.findings.cells.items()
                if one.skipped is not None
            ],
            cells=len(self.plan.cells),
            finished=len(finished),
            times=happened.times(self.findings),
            wall=happened.duration(seconds),
            trained=happened.duration(sum(outcome.seconds for outcome in outcomes)),
            ended={
                status: sum(outcome.status == status for outcome in outcomes)
                for status in ("kept", "done", "failed", "stopped", "damaged")
            },
            versions=happened.versions(finished),
            threads=happened.threads(finished),
            command=command,
            results_dir=self.results_dir,
        )

    def _heading(self):
        names = ", ".join(recording.name for recording in self.recordings.values())
        return (
            f"DAE-NR on {names}" if self.study.own else "DAE-NR: the paper’s experiments, repeated"
        )

    def _recording(self, region, recording):
        repeats = (
            f"{recording.repeats_text} times each"
            if recording.repeats_text
            else "averages over repeats only, so no noise ceiling"
        )
        ceiling = self.findings.ceiling(region)
        images, notes = self.study.images, list(recording.notes)
        if self.study.own:
            changes = checks.changes(recording, images.image_size, images.channels)
            if any(setting.system.readout for part in self.plan.parts for setting in part.settings):
                changes += checks.cautions(recording)
            notes += [change[0].upper() + change[1:] for change in changes]
        return {
            "name": recording.name,
            "notes": notes,
            "facts": [
                f"{len(recording.images)} training images",
                f"{len(recording.test_images)} test images ({repeats})",
                f"{recording.neurons} neurons",
                *(
                    [f"mean noise ceiling {tables.number(ceiling, 3)}"]
                    if ceiling is not None
                    else []
                ),
                "SIMULATED: its responses come from a model"
                if recording.simulated
                else "recorded" + ", as far as its file says" * self.study.own,
            ],
        }

    # Claims

    def _legend(self):
        return [
            {"symbol": symbol, "word": verdict or NOT_EXAMINED, "css": _CSS[verdict]}
            for verdict, symbol in SYMBOLS.items()
        ]

    def _needs(self, claim):
        if self.study.own and claim.regions:
            return "it compares the paper’s regions"
        where = (
            f" in regions {', '.join(map(str, claim.regions[:-1]))} and {claim.regions[-1]}"
            if claim.regions
            else ""
        )
        return f"needs {', '.join(claim.needs)} with {claim.models}{where}"

    def _claim(self, judged):
        claim, total = judged.claim, len(judged.comparisons)
        word = judged.verdict or NOT_EXAMINED
        counts = [
            f"{judged.count(verdict)} {verdict}"
            for verdict in SYMBOLS
            if verdict and judged.count(verdict)
        ]
        verdicts = {one.name: one.verdict for one in self.claims}
        rests = [f"{name} is {verdicts[name]}" for name in claim.rests_on] if judged.verdict else []
        return {
            "name": claim.name,
            "statement": claim.statement,
            "word": word,
            "symbol": SYMBOLS[judged.verdict],
            "css": _CSS[judged.verdict],
            "counts": f"{total} comparison{'s' * (total != 1)}: {', '.join(counts)}"
            + "".join(f"; {rest}" for rest in rests)
            if counts
            else "",
            "scope": self._scope(judged),
            "unit": claim.unit,
            "needs": "" if judged.verdict else self._needs(claim),
            "anchor": self._home(judged),
        }

    def _scope(self, judged):
        settings = [one.setting for one in judged.comparisons if one.setting]
        regions, layers = (
            {getattr(setting, name) for setting in settings} - {None}
            for name in ("region", "layer")
        )
        return "; ".join(
            f"{name}{'s' * (len(found) > 1)} {', '.join(map(str, sorted(found)))}"
            for name, found in (("region", regions), ("layer", layers))
            if found
        )

    def _home(self, judged):
        """The part that a claim's comparisons are shown in: the last that it needs."""
        return judged.claim.needs[-1] if judged.comparisons else None

    def _comparisons_head(self):
        head = [
            "comparison",
            "effect",
            "95 % interval",
            "p (Holm)",
            "least that matters",
            "the paper’s effect",
            "seeds",
            "verdict",
        ]
        return [name for name in head if name != "the paper’s effect" or not self.study.own]

    def _comparisons(self, judged):
        """The rows of a claim's table of comparisons."""
        rows = []
        for one in judged.comparisons:
            effect, digits = one.effect, effects.effect_digits(one.unit)
            cells = [one.what]
            if effect is None:
                cells += ["not finished", "–", "–"]
            else:
                between = tables.interval(effect, digits, signed=True)
                cells += [
                    tables.number(effect.value, digits, signed=True),
                    *(
                        (f"{between} (images only)", "–")
                        if effect.one_seed
                        else (between, _p(one.p_adjusted))
                    ),
                ]
            cells.append(tables.number(one.least, digits))
            if not self.study.own:
                cells.append(tables.number(one.published, digits, signed=True))
            cells += [effect.seeds if effect else 0, f"{SYMBOLS[one.verdict]} {one.verdict}"]
            rows.append({"css": _CSS[one.verdict], "cells": cells})
        return rows

    # Parts

    def _part(self, part):
        name = part.experiment.name
        table, layout = tables.records(self.findings, part), tables.layout(self.findings, part)
        caption = self._caption(part)
        if table is not None:
            self._write_table(name, table)
            self._write_markdown(
                name,
                ["", *(" · ".join(column) for column in layout.columns)],
                [[row, *cells] for row, cells in zip(layout.rows, layout.cells, strict=True)],
                caption,
            )
        claims = []
        for one in self.claims:
            if self._home(one) == name:
                claims.append(
                    {
                        **self._claim(one),
                        "rows": self._comparisons(one),
                        "figures": self.pictures.forests(one),
                    }
                )
        return {
            "name": name,
            "title": self._title(part),
            "layout": layout,
            "caption": caption,
            "claims": claims,
            "wide": layout is not None and len(layout.columns) > 8,
            "figures": self.pictures.of_part(part),
        }

    def _title(self, part):
        heading = part.experiment.heading
        if not heading:
            return part.title
        return (
            f"{part.title} (as the paper’s {heading})"
            if self.study.own
            else f"{heading}: {part.title}"
        )

    def _caption(self, part):
        """What the figures of a table are, in sentences."""
        metrics = part.experiment.metrics
        if not part.settings:
            return [] if self.study.own else ["Beneath each number the paper’s own."]
        several = (
            f"the mean over {len(part.seeds)} seeds" if len(part.seeds) > 1 else "a single seed"
        )
        over = (
            "for other seeds and other test images (docs/statistics.md)"
            if len(part.seeds) > 1
            else "for other test images only: one seed says nothing of another training"
        )
        found = [f"In each cell: {several}; its 95 % interval {over}."]
        if PCC in metrics:
            ceilings = [self.findings.ceiling(region) for region in part.regions]
            found.append(
                "PCC: mean over neurons of the correlation with the trial average, raw and as a share of the mean noise ceiling."
                if None not in ceilings
                else "PCC: mean over neurons; without single trials there is no noise ceiling to compare it with."
            )
        if COUNT in metrics:
            found.append(
                "Significant: p ≤ 0.05 and r > 0 on the trial-averaged test images, uncorrected, as in the paper."
            )
        if any(setting.selected for setting in part.settings):
            found.append(
                "Significant and insignificant: chosen on the test images, as in the paper; “held-out”: on images that are neither trained on"
                " nor tested on."
            )
        weighted = dict.fromkeys(
            setting.label for setting in part.settings if setting.weighted_by_medians
        )
        if weighted:
            found.append(
                f"The paper has no alpha:beta for {', '.join(weighted)}:"
                " they have the medians of its other models (docs/tasks.md)."
            )
        if not self.study.own and any(
            entry.published is not None for entry in tables.entries(self.findings, part)
        ):
            found.append("Then the paper’s figure, and ours minus the paper’s.")
            departures = self.study.departures(part.settings)
            reasons = ["these are simulated data"] * self.simulated + [
                f"this is a {REHEARSAL}"
            ] * self.rehearsal
            reasons += (
                [f"the settings are not the paper’s ({', '.join(as_options(departures))})"]
                if departures
                else []
            )
            if reasons:
                found.append(f"They are not comparable: {', and '.join(reasons)}.")
        return found

    # Files

    def _write_table(self, name, table):
        content = table.to_csv(index=False, lineterminator="\n")
        replace_file(
            os.path.join(self.results_dir, "tables", f"{name}.csv"),
            lambda file: file.write(content.encode()),
        )

    def _write_markdown(self, name, head, rows, caption):
        marks = [
            mark
            for mark, holds in (("SIMULATED DATA", self.simulated), (REHEARSAL, self.rehearsal))
            if holds
        ]
        above = [f"**{', '.join(marks)}**"] * bool(marks) + [" ".join(caption)] * bool(caption)
        above += [f"Settings given: `{self.given}`."] if self.given else []
        text = "\n\n".join([*above, tables.markdown(head, rows)]) + "\n"
        write_text(os.path.join(self.results_dir, "tables", f"{name}.md"), text)


def _p(value):
    return "–" if np.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
