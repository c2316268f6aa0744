"""The report of a study: `report.html`, one page that needs nothing else, and its tables and figures as files.

Tables and figures are a function of the cells' files alone; how long it took stands in the page only.
"""

import importlib.resources
import os
from collections import Counter

import jinja2
import numpy as np

from daenr_tf.errors import MachineError
from daenr_tf.experiments import worker
from daenr_tf.experiments.catalogue import PREDICTION, SIGNIFICANCE
from daenr_tf.experiments.cells import title
from daenr_tf.experiments.claims import (
    CONTRADICTED,
    LEAST_PCC,
    LEAST_SHARE,
    LEVEL,
    NOT_DECIDABLE,
    NOT_SUPPORTED,
    SUPPORTED,
    judge,
)
from daenr_tf.experiments.findings import Findings
from daenr_tf.experiments.report import tables
from daenr_tf.experiments.report.pictures import REHEARSAL, Pictures
from daenr_tf.files import replace_file, write_text
from daenr_tf.plotting import study_figures
from daenr_tf.recordings import checks

REPORT, TEMPLATE = "report.html", "template.html.j2"
SYMBOLS = {SUPPORTED: "✔", NOT_SUPPORTED: "○", CONTRADICTED: "✘", NOT_DECIDABLE: "?", None: "–"}
NOT_EXAMINED = "not examined"
_CSS = {SUPPORTED: "supported", NOT_SUPPORTED: "unsupported", CONTRADICTED: "contradicted", NOT_DECIDABLE: "undecided", None: "unexamined"}


def write_report(finished, plan, outcomes, command, seconds):
    """Write the report of the cells that are finished.

    Args:
        finished: `outputs.Finished`.
        plan: `catalogue.Plan`.
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
        self.results_dir, self.plan, self.study, self.recordings = finished.results_dir, plan, finished.study, finished.recordings
        self.findings = Findings(plan, finished)
        self.claims = judge(self.findings)
        self.simulated, self.rehearsal = self.findings.simulated, self.study.rehearsal
        self.pictures = Pictures(self.findings)

    def verdicts(self):
        """A line per claim for the terminal."""
        lines = ["SIMULATED DATA: says nothing about the brain"] * self.simulated + [f"{REHEARSAL}: says nothing about the models"] * self.rehearsal
        lines += [f"{claim.name} {claim.verdict}: {claim.statement}" for claim in self.claims if claim.verdict]
        others = [claim.name for claim in self.claims if not claim.verdict]
        return lines + ([f"{NOT_EXAMINED}: {', '.join(others)} (the report says what they need)"] if others else [])

    def page(self, outcomes, command, seconds):
        """Write tables and figures; the page's HTML."""
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        template = importlib.resources.files("daenr_tf.experiments.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
        self._write_table("claims", tables.comparisons(self.claims, self.study.own, self.simulated, self.study.budget))
        self._write_markdown("claims", ["claim", "unit of the effect", *self._comparisons_head()],
                             [[claim.name, claim.unit, *row["cells"]] for claim in self.claims for row in self._comparisons(claim)], [])
        finished = list(self.findings.cells.values())
        return environment.from_string(template).render(
            heading=self._heading(), simulated=self.simulated, rehearsal=self.rehearsal, own=self.study.own, weights_region=self.study.weights_region,
            recordings=[self._recording(region, recording) for region, recording in self.recordings.items()],
            seeds=len(self.plan.seeds), claims=[self._claim(claim) for claim in self.claims], symbols=self._legend(),
            level=f"{LEVEL:g}", least_share=f"{100 * LEAST_SHARE:g} %", least_part=f"{LEAST_SHARE:g}", least_pcc=f"{LEAST_PCC:g}", not_examined=NOT_EXAMINED,
            parts=[self._part(part) for part in self.plan.parts], curves=self.pictures.learning_curves(), comparisons_head=self._comparisons_head(),
            trouble=self._trouble(outcomes), skipped=[(cell.name, one.skipped) for cell, one in self.findings.cells.items()
                                                      if one.skipped is not None],
            cells=len(self.plan.cells), finished=len(finished), times=self._times(), wall=_duration(seconds),
            trained=_duration(sum(outcome.seconds for outcome in outcomes)),
            ended={status: sum(outcome.status == status for outcome in outcomes) for status in ("kept", "done", "failed", "stopped", "damaged")},
            versions=_versions(finished), threads=_threads(finished), command=command, results_dir=self.results_dir)

    def _heading(self):
        names = ", ".join(recording.name for recording in self.recordings.values())
        return f"DAE-NR on {names}" if self.study.own else "DAE-NR: the paper’s experiments, repeated"

    def _recording(self, region, recording):
        repeats = f"{recording.repeats_text} times each" if recording.repeats_text else "averages over repeats only, so no noise ceiling"
        ceiling = self.findings.ceiling(region)
        notes = list(recording.notes)
        if self.study.own:
            model = self.study.config(self.plan.cells[0]).model
            changes = checks.changes(recording, model.image_size, model.channels)
            notes += [change[0].upper() + change[1:] for change in changes]
        return {"name": recording.name, "notes": notes, "facts": [
            f"{len(recording.images)} training images", f"{len(recording.test_images)} test images ({repeats})", f"{recording.neurons} neurons",
            *([f"mean noise ceiling {tables.number(ceiling, 3)}"] if ceiling is not None else []),
            "SIMULATED: its responses come from a model" if recording.simulated else "recorded" + ", as far as its file says" * self.study.own]}

    # Claims

    def _legend(self):
        return [{"symbol": symbol, "word": verdict or NOT_EXAMINED, "css": _CSS[verdict]} for verdict, symbol in SYMBOLS.items()]

    def _needs(self, claim):
        if self.study.own and claim.regions:
            return "it compares the paper’s regions"
        where = f" in regions {', '.join(map(str, claim.regions[:-1]))} and {claim.regions[-1]}" if claim.regions else ""
        return f"needs {', '.join(claim.needs)} with {claim.models}{where}"

    def _claim(self, claim):
        word = claim.verdict or NOT_EXAMINED
        counts = [f"{claim.count(verdict)} {verdict}" for verdict in SYMBOLS if verdict and claim.count(verdict)]
        rests = [f"{name} is {next(one.verdict for one in self.claims if one.name == name)}" for name in claim.parts] if claim.verdict else []
        total = len(claim.comparisons)
        return {
            "name": claim.name, "statement": claim.statement, "word": word, "symbol": SYMBOLS[claim.verdict], "css": _CSS[claim.verdict],
            "counts": f"{total} comparison{'s' * (total != 1)}: {', '.join(counts)}" + "".join(f"; {rest}" for rest in rests) if counts else "",
            "scope": self._scope(claim), "unit": claim.unit, "needs": "" if claim.verdict else self._needs(claim), "anchor": self._home(claim)}

    def _scope(self, claim):
        settings = [one.setting for one in claim.comparisons if one.setting]
        regions, layers = ({getattr(setting, name) for setting in settings} - {None} for name in ("region", "layer"))
        return "; ".join(f"{name}{'s' * (len(found) > 1)} {', '.join(map(str, sorted(found)))}"
                         for name, found in (("region", regions), ("layer", layers)) if found)

    def _home(self, claim):
        """The part that a claim's comparisons are shown in: the last that it needs."""
        return claim.needs[-1] if claim.comparisons else None

    def _comparisons_head(self):
        head = ["comparison", "effect", "95 % interval", "p (Holm)", "least that matters", "the paper’s effect", "seeds", "verdict"]
        return [name for name in head if name != "the paper’s effect" or not self.study.own]

    def _comparisons(self, claim):
        """The rows of a claim's table of comparisons."""
        rows = []
        for one in claim.comparisons:
            effect, digits = one.effect, study_figures.effect_digits(one.unit)
            cells = [one.what]
            if effect is None:
                cells += ["not finished", "–", "–"]
            else:
                between = tables.interval(effect, digits, signed=True)
                cells += [tables.number(effect.value, digits, signed=True),
                          *((f"{between} (images only)", "–") if effect.one_seed else (between, _p(one.p_adjusted)))]
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
            self._write_markdown(name, ["", *(" · ".join(column) for column in layout.columns)],
                                 [[row, *cells] for row, cells in zip(layout.rows, layout.cells, strict=True)], caption)
        claims = []
        for claim in self.claims:
            if self._home(claim) == name:
                claims.append({**self._claim(claim), "rows": self._comparisons(claim), "figures": self.pictures.forests(claim)})
        return {"name": name, "title": self._title(part), "layout": layout, "caption": caption, "claims": claims,
                "wide": layout is not None and len(layout.columns) > 8, "figures": self.pictures.of_part(part)}

    def _title(self, part):
        if part.experiment.name == "control":
            return part.title
        kind, number = part.experiment.name[:-1].capitalize(), part.experiment.name[-1]
        return f"{part.title} (as the paper’s {kind} {number})" if self.study.own else f"{kind} {number}: {part.title}"

    def _caption(self, part):
        """What the figures of a table are, in sentences."""
        kind = part.experiment.kind
        if not part.settings:
            return [] if self.study.own else ["Beneath each number the paper’s own."]
        several = f"the mean over {len(part.seeds)} seeds" if len(part.seeds) > 1 else "a single seed"
        over = ("for other seeds and other test images (docs/statistics.md)" if len(part.seeds) > 1
                else "for other test images only: one seed says nothing of another training")
        found = [f"In each cell: {several}; its 95 % interval {over}."]
        if kind == PREDICTION:
            ceilings = [self.findings.ceiling(region) for region in part.regions]
            found.append("PCC: mean over neurons of the correlation with the trial average, raw and as a share of the mean noise ceiling."
                         if None not in ceilings else "PCC: mean over neurons; without single trials there is no noise ceiling to compare it with.")
        if kind == SIGNIFICANCE:
            found.append("Significant: p ≤ 0.05 and r > 0 on the trial-averaged test images, uncorrected, as in the paper.")
        if any(setting.selected for setting in part.settings):
            found.append("Significant and insignificant: chosen on the test images, as in the paper; “held-out”: on images that are neither trained on"
                         " nor tested on.")
        if not self.study.own and any(entry.published is not None for entry in tables.entries(self.findings, part)):
            found.append("Then the paper’s figure, and ours minus the paper’s.")
            reasons = ["these are simulated data"] * self.simulated + [f"this is a {REHEARSAL}"] * self.rehearsal
            if reasons:
                found.append(f"They are not comparable: {', and '.join(reasons)}.")
        return found

    # Files

    def _write_table(self, name, table):
        content = table.to_csv(index=False, lineterminator="\n")
        replace_file(os.path.join(self.results_dir, "tables", f"{name}.csv"), lambda file: file.write(content.encode()))

    def _write_markdown(self, name, head, rows, caption):
        marks = [mark for mark, holds in (("SIMULATED DATA", self.simulated), (REHEARSAL, self.rehearsal)) if holds]
        above = [f"**{', '.join(marks)}**"] * bool(marks) + [" ".join(caption)] * bool(caption)
        text = "\n\n".join([*above, tables.markdown(head, rows)]) + "\n"
        write_text(os.path.join(self.results_dir, "tables", f"{name}.md"), text)

    # What happened

    def _trouble(self, outcomes):
        ended = {outcome.cell: outcome for outcome in outcomes}
        told = []
        for cell in self.plan.cells:
            outcome, log = ended.get(cell), ""
            if outcome is not None and outcome.status not in ("kept", "done"):
                status, message = outcome.status, outcome.message
                log = os.path.relpath(worker.log_file(self.results_dir, cell), self.results_dir)
            elif cell in self.findings.damaged:
                status, message = "damaged", self.findings.damaged[cell]
            elif cell not in self.findings.cells:
                status, message = "not finished", ""
            else:
                continue
            told.append({"name": cell.name, "status": status, "message": message, "log": log})
        return told

    def _times(self):
        """Cells, steps and seconds of training by model, and of all of them."""
        rows = {}
        for cell, one in self.findings.cells.items():
            if one.skipped is None:
                rows.setdefault(title(cell.setting.model), []).append((one.steps, one.seconds))
        if not rows:
            return []
        rows["all"] = [pair for pairs in rows.values() for pair in pairs]
        return [(name, len(pairs), f"{sum(steps for steps, _ in pairs):,}".replace(",", " "),
                 f"{sum(steps for steps, _ in pairs) / len(pairs):.0f}", _duration(sum(time for _, time in pairs)),
                 _duration(sum(time for _, time in pairs) / len(pairs))) for name, pairs in rows.items()]


def _versions(finished):
    """Every set of versions that cells were trained with: list of (number of cells, dict)."""
    found = Counter(tuple(one.versions.items()) for one in finished if one.versions)
    return [(count, dict(key)) for key, count in found.items()]


def _threads(finished):
    """The cells by their threads, in words, where they are not all the same; else empty."""
    trained = [one.threads for one in finished if one.skipped is None]
    found = Counter("?" if threads is None else ", then ".join(map(str, threads)) for threads in trained)
    if len({number for threads in trained for number in threads or (None,)}) < 2:
        return ""
    return "; ".join(f"{threads}: {count} cell{'s' * (count != 1)}" for threads, count in sorted(found.items()))


def _p(value):
    return "–" if np.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"
