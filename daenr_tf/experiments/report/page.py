"""The report of a study: `report.html`, one page that needs nothing else, and its tables and figures as files.

Tables and figures are a function of the cells' files alone; how long it took stands in the page only.
"""

from __future__ import annotations

import importlib.resources
import os
from typing import TYPE_CHECKING

import jinja2

from daenr_tf.errors import MachineError
from daenr_tf.experiments.cells import counted
from daenr_tf.experiments.claims import judge
from daenr_tf.experiments.findings import Findings
from daenr_tf.experiments.report import captions, gains, happened, records
from daenr_tf.experiments.report.claim_texts import NOT_EXAMINED, ClaimTexts, home
from daenr_tf.experiments.report.layout import lay_out, markdown
from daenr_tf.experiments.report.pictures import REHEARSAL, Pictures
from daenr_tf.experiments.study import as_options
from daenr_tf.experiments.verdicts import (
    DATED,
    LEAST_PCC,
    LEAST_PSNR,
    LEAST_SHARE,
    LEVEL,
    seeds_in_words,
)
from daenr_tf.machine.files import replace_file, write_text
from daenr_tf.schedules import DEFAULT, SCHEDULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daenr_tf.experiments.cell_outputs import Finished
    from daenr_tf.experiments.grid import Outcome
    from daenr_tf.experiments.planning import Plan

SCALES = {
    "sum": "alpha and beta weight sums over pixels and over neurons, not means",
    "neurons": "beta weights a sum over neurons, not a mean",
}  # a loss scale that is not the default, in words
REPORT, TEMPLATE = "report.html", "template.html.j2"


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
    report.pictures.remove_others_of_claims()  # as those tables of claims are gone that this one replaces
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
        self.claim_texts = ClaimTexts(self.claims, self.study.own)
        self.simulated, self.rehearsal = self.findings.simulated, self.study.rehearsal
        self.given = " ".join(as_options(self.study.settings))
        self.pictures = Pictures(self.findings)

    def verdicts(self):
        """Lines for the terminal."""
        lines = []
        if self.simulated:
            lines.append("SIMULATED DATA: says nothing about the brain")
        if self.rehearsal:
            lines.append(f"{REHEARSAL}: says nothing about the models")
        if self.study.schedule:
            lines.append(f"schedule {self.study.schedule}: not the paper's procedure")
        if self.study.loss_scale:
            lines.append(f"loss scale {self.study.loss_scale}: {SCALES[self.study.loss_scale]}")
        if self.given:
            lines.append(f"settings given: {self.given}")
        cut_off = happened.cut_off(self.findings)
        if cut_off and not self.rehearsal:
            lines.append(
                f"{counted(len(cut_off))} cut off at the most steps that they were given, before patience"
                " ended their training; the report marks their figures"
            )
        return lines + self.claim_texts.lines()

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
        self._write_claims()
        finished = list(self.findings.cells.values())
        examined = sum(one.verdict is not None for one in self.claims)
        return environment.from_string(template).render(
            heading=self._heading(),
            simulated=self.simulated,
            rehearsal=self.rehearsal,
            schedule=self.study.schedule,
            how_long=SCHEDULES[self.study.schedule or DEFAULT].help,
            loss_scale=self.study.loss_scale,
            scaled=SCALES.get(self.study.loss_scale),
            own=self.study.own,
            weights_region=self.study.weights_region,
            given=self.given,
            departs=bool(self.study.departures({cell.setting for cell in self.plan.cells})),
            most_steps=self.study.most_steps,
            recordings=[
                captions.recording_facts(self.findings, region, recording)
                for region, recording in self.recordings.items()
            ],
            seeds=len(self.plan.seeds),
            claims=[self.claim_texts.of(one) for one in self.claims],
            symbols=self.claim_texts.legend(),
            dated=DATED,
            seeds_needed=seeds_in_words(),
            examined=examined,
            any_wrong=min(100, round(100 * LEVEL * examined)),
            least_psnr=f"{LEAST_PSNR:g}",
            least_share=f"{100 * LEAST_SHARE:g} %",
            least_part=f"{LEAST_SHARE:g}",
            least_pcc=f"{LEAST_PCC:g}",
            not_examined=NOT_EXAMINED,
            parts=[self._part(part) for part in self.plan.parts],
            curves=self.pictures.learning_curves(),
            comparisons_head=self.claim_texts.head(),
            trouble=happened.trouble(self.plan, self.findings, outcomes),
            skipped=[
                (cell.name, one.skipped)
                for cell, one in self.findings.cells.items()
                if one.skipped is not None
            ],
            cells=len(self.plan.cells),
            finished=len(finished),
            cut_off=happened.cut_off(self.findings),
            unknown_ends=sum(one.skipped is None and one.stopped_by is None for one in finished),
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

    def _write_claims(self):
        self._write_table("claims", records.comparisons(self.claims, self.study, self.simulated))
        self._write_markdown(
            "claims",
            ["claim", "unit of the effect", *self.claim_texts.head()],
            [
                [one.name, row["unit"], *row["cells"]]
                for one in self.claims
                for row in self.claim_texts.rows(one, name_units=False)
            ],
            [],
        )

    def _part(self, part):
        name = part.experiment.name
        table, layout = records.records(self.findings, part), lay_out(self.findings, part)
        caption = captions.caption(self.findings, part)
        if table is not None:
            self._write_table(name, table)
            self._write_markdown(
                name,
                ["", *(" · ".join(column) for column in layout.columns)],
                [[row, *cells] for row, cells in zip(layout.rows, layout.cells, strict=True)],
                caption,
            )
        gained = gains.records(self.findings, part)
        if gained is not None:
            self._write_table(f"{name}_gains", gained)
        return {
            "name": name,
            "title": captions.title(part, self.study.own),
            "layout": layout,
            "caption": caption,
            "claims": [
                {
                    **self.claim_texts.of(one),
                    "rows": self.claim_texts.rows(one),
                    "figures": self.pictures.forests(one),
                }
                for one in self.claims
                if home(one) == name
            ],
            "wide": layout is not None and len(layout.columns) > 8,
            "figures": self.pictures.of_part(part),
        }

    def _write_table(self, name, table):
        content = table.to_csv(index=False, lineterminator="\n")
        replace_file(
            os.path.join(self.results_dir, "tables", f"{name}.csv"),
            lambda file: file.write(content.encode()),
        )

    def _write_markdown(self, name, head, rows, caption):
        states = {"SIMULATED DATA": self.simulated, REHEARSAL: self.rehearsal}
        marks = [mark for mark, holds in states.items() if holds]
        if self.study.schedule:
            marks.append(f"schedule {self.study.schedule}: not the paper's procedure")
        above = []
        if marks:
            above.append(f"**{', '.join(marks)}**")
        if caption:
            above.append(" ".join(caption))
        if self.given:
            above.append(f"Settings given: `{self.given}`.")
        text = "\n\n".join([*above, markdown(head, rows)]) + "\n"
        write_text(os.path.join(self.results_dir, "tables", f"{name}.md"), text)
