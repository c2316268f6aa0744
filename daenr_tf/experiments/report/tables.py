"""The paper's tables with our figures beside theirs: as records for CSV, and laid out as in the paper for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import pandas as pd

from daenr_tf import paper
from daenr_tf.experiments.cells import GROUPS as NEURON_GROUPS
from daenr_tf.experiments.cells import title
from daenr_tf.experiments.experiment import GROUP, LABEL, LAYER, METRIC, MODEL, REGION
from daenr_tf.experiments.measures import COUNT, PCC
from daenr_tf.experiments.study import as_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from daenr_tf.experiments.claims import Judged
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.intervals import Estimate
    from daenr_tf.experiments.planning import Part
    from daenr_tf.experiments.study import Study

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
}


def number(value: float | None, digits: int, signed: bool = False) -> str:
    """A figure for people: rounded, with a true minus sign; "∞" or "–" where there is none. A signed one that would round to 0 keeps a digit: −4e−08."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    form = ".0e" if signed and 0 < abs(value) < 0.5 * 10**-digits else f".{digits}f"
    return f"{value:{'+' if signed else ''}{form}}".replace("-", "−")


def interval(estimate: Estimate, digits: int, signed: bool = False) -> str:
    """The 95 % interval of an `Estimate` for people."""
    if math.isnan(estimate.low):
        return "no interval"
    return f"[{number(estimate.low, digits, signed)}, {number(estimate.high, digits, signed)}]"


@dataclass(frozen=True)
class Entry:
    """A figure of a table.

    Attributes:
        setting: `Setting`.
        metric: a key of `NAMES`.
        estimate: `Estimate` of ours, or None where no seed of it is finished.
        published: the paper's, or None.
        ceiling: for a PCC, the mean noise ceiling; for a count, the number of neurons; else None.
        note: why there is no figure, or what must stand beside it.
    """

    setting: object
    metric: str
    estimate: object
    published: float | None
    ceiling: float | None = None
    note: str = ""

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
        """Of the ceiling (or of the neurons), or None."""
        return (
            None
            if self.estimate is None or not self.ceiling
            else self.estimate.value / self.ceiling
        )

    def lines(self) -> list[str]:
        """The figure for people, line by line: ours with its interval, its share, what is to be noted, the paper's, the difference."""
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
            lines.append(f"{number(100 * self.share, 0)} % of {of}")
        if self.note:
            lines.append(self.note)
        if self.published is not None:
            lines.append(f"paper {number(self.published, 3)}")
        if self.difference is not None:
            lines.append(f"difference {number(self.difference, digits, signed=True)}")
        return lines


@dataclass(frozen=True)
class Layout:
    """A table for people.

    Attributes:
        rows: tuple of str, their heads.
        columns: tuple of tuples of str, their heads from the outermost one on.
        cells: tuple of rows of tuples of lines; no line where the paper's table has no figure either.
    """

    rows: tuple
    columns: tuple
    cells: tuple

    def heads(self) -> list[list[tuple[str, int]]]:
        """The rows of heads above the columns: for each, a list of (text, number of columns that it spans)."""
        heads = []
        for level in range(len(self.columns[0])):
            spans = groupby(self.columns, lambda column, depth=level + 1: column[:depth])
            heads.append([(column[level], len(list(group))) for column, group in spans])
        return heads


def entries(findings: Findings, part: Part) -> list[Entry]:
    """Every figure of a part: list of `Entry`; empty where the part isn't of figures."""
    found = []
    for setting in part.settings:
        published = part.experiment.published_figures(setting)
        for metric in part.experiment.metrics:
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
                )
            )
    return found


def _note(findings, part, setting, estimate):
    """What must stand beside a figure: too few seeds, and why."""
    if estimate is not None and estimate.seeds == len(part.seeds):
        return ""
    skipped = sum(
        cell.setting == setting and one.skipped is not None for cell, one in findings.cells.items()
    )
    if estimate is None:
        return "no neuron in the group" if skipped else "not finished"
    return f"{estimate.seeds} of {len(part.seeds)} seeds" + " (others: no neuron)" * bool(skipped)


def records(findings: Findings, part: Part) -> pd.DataFrame | None:
    """A part's figures as `pandas.DataFrame`, a row each, nothing rounded; None if it has none.

    Where settings were given they stand in a column, and beside a figure of the paper's why it can't
    be compared.
    """
    own, given = part.regions == (None,), findings.study.settings
    unlike = not_comparable(findings, part)
    if part.experiment.counts:
        return _counts(findings, part, own)
    rows = []
    for entry in entries(findings, part):
        setting, one = entry.setting, entry.estimate
        rows.append(
            {
                "region": setting.region,
                "model": setting.model,
                "layer": setting.layer,
                "task": setting.task,
                "alpha": setting.alpha,
                "beta": setting.beta,
                "neurons": setting.group,
                "metric": entry.metric,
                "ours": one and one.value,
                "low": one and one.low,
                "high": one and one.high,
                "seeds": one.seeds if one else 0,
                "images": one.images if one else 0,
                "paper": entry.published,
                "difference": entry.difference,
                "ceiling": entry.ceiling,
                "share": entry.share,
                "threads": _threads(findings, setting),
                "simulated": findings.recordings[setting.region].simulated,
                "budget": findings.study.budget,
                **_settings_column(given),
                "note": "; ".join(
                    filter(
                        None,
                        (
                            entry.note,
                            one.note if one else "",
                            unlike if entry.published is not None else "",
                        ),
                    )
                ),
            }
        )
    if not rows:
        return None
    table = pd.DataFrame(rows).astype({"region": "Int64", "layer": "Int64"})
    return table.drop(columns=["region", "paper", "difference"]) if own else table


def not_comparable(findings: Findings, part: Part) -> str:
    """Why the settings given leave a part's figures not comparable with the paper's; empty where they
    don't."""
    departures = ", ".join(as_options(findings.study.departures(part.settings)))
    return f"not comparable with the paper’s: {departures}" if departures else ""


def _settings_column(given):
    return {"settings": " ".join(as_options(given))} if given else {}


def _threads(findings, setting):
    """The numbers of threads that a figure's cells were trained with: "2", "1, 2", "?" where one isn't known; empty without a finished cell."""
    found = [one.threads for _, one in findings.outputs(setting)]
    numbers = sorted({number for threads in found if threads for number in threads})
    return ", ".join([*map(str, numbers), *["?"] * (None in found)])


def layout(findings: Findings, part: Part) -> Layout | None:
    """A part's figures as in the paper: `Layout`, or None where the part isn't of figures."""
    if part.experiment.counts:
        return _counts_layout(findings, part)
    found = entries(findings, part)
    layers = tuple(dict.fromkeys(entry.setting.layer for entry in found if entry.setting.layer))
    cells = {}
    for entry in found:
        # An autoencoder alone has no layer; where layers are columns it stands under each.
        repeated = entry.setting.layer is None and LAYER in part.experiment.columns and layers
        for layer in layers if repeated else (entry.setting.layer,):
            row, column = _place(part, entry.setting, entry.metric, layer)
            cells[row, column] = entry.lines()
    if not cells:
        return None
    rows = tuple(dict.fromkeys(row for row, _ in cells))
    columns = sorted({column for _, column in cells})
    return Layout(
        rows,
        tuple(tuple(text for _, text in column) for column in columns),
        tuple(tuple(cells.get((row, column), []) for column in columns) for row in rows),
    )


def _place(part, setting, metric, layer):
    """Where a table has a figure: the head of its row, and those of its column, each behind its rank
    among the others."""
    experiment = part.experiment
    heads = {
        LABEL: (0, setting.label),
        MODEL: (experiment.systems.index(setting.model), title(setting.model)),
        REGION: (setting.region or 0, _region(setting.region)),
        LAYER: (layer or 0, f"h{layer}" if layer else "any layer"),
        METRIC: (experiment.metrics.index(metric), NAMES[metric]),
        GROUP: (NEURON_GROUPS.index(setting.group), GROUP_NAMES.get(setting.group, setting.group)),
    }
    row = heads[experiment.row][1]
    if len(part.regions) > 1 and REGION not in (experiment.row, *experiment.columns):
        row = f"{heads[REGION][1]} · {row}"
    return row, tuple(heads[name] for name in experiment.columns)


def _region(region):
    return "recording" if region is None else f"region {region}"


def _counts(findings, part, own):
    rows, heads = [], dict(part.experiment.counts)
    for region in part.regions:
        recording = findings.recordings[region]
        repeats = (
            recording.repeats
            if recording.repeats_text == str(recording.repeats)
            else recording.repeats_text
        )
        ours = {
            "train": len(recording.images),
            "test": len(recording.test_images),
            "test_repeats": repeats,
            "neurons": recording.neurons,
        }
        row = {
            "region": region,
            "recording": recording.name,
            **{head: ours[field] for head, field in heads.items()},
            "simulated": recording.simulated,
            "budget": findings.study.budget,
        }
        if not own:
            row |= {
                f"paper: {head}": getattr(paper.counts(region), field)
                for head, field in heads.items()
            }
        rows.append(row)
    table = pd.DataFrame(rows)
    table = table.astype(
        {
            head: "Int64"
            for head in heads
            if not any(isinstance(value, str) for value in table[head])
        }
    )
    return table.drop(columns="region") if own else table


def _counts_layout(findings, part):
    cells, heads = [], [head for head, _ in part.experiment.counts]
    for row in _counts(findings, part, part.regions == (None,)).to_dict("records"):
        line = []
        for head in heads:
            ours = "averages only" if pd.isna(row[head]) else str(row[head])
            line.append([ours] + [f"paper {row[key]}" for key in (f"paper: {head}",) if key in row])
        cells.append((*line, ["SIMULATED" if row["simulated"] else "recorded"]))
    names = tuple(findings.recordings[region].name for region in part.regions)
    return Layout(names, tuple((head,) for head in (*heads, "responses")), tuple(cells))


def comparisons(claims: Iterable[Judged], study: Study, simulated: bool) -> pd.DataFrame:
    """The comparisons of `Judged` claims as `pandas.DataFrame`, with nothing rounded; for one's own
    recording without the paper's effect."""
    rows, given = [], _settings_column(study.settings)
    for claim in claims:
        for one in claim.comparisons:
            effect = one.effect
            rows.append(
                {
                    "claim": claim.name,
                    "comparison": one.what,
                    "unit": one.unit,
                    "effect": effect and effect.value,
                    "low": effect and effect.low,
                    "high": effect and effect.high,
                    "p_value": effect and effect.p_value,
                    "p_holm": one.p_adjusted,
                    "least": one.least,
                    "paper": one.published,
                    "seeds": effect.seeds if effect else 0,
                    "verdict": one.verdict,
                    "verdict_of_claim": claim.verdict,
                    "simulated": simulated,
                    "budget": study.budget,
                    **given,
                }
            )
    names = (
        "claim",
        "comparison",
        "unit",
        "effect",
        "low",
        "high",
        "p_value",
        "p_holm",
        "least",
        "paper",
        "seeds",
        "verdict",
        "verdict_of_claim",
        "simulated",
        "budget",
        *given,
    )
    table = pd.DataFrame(rows, columns=names)
    return table.drop(columns="paper") if study.own else table


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown: heads of the columns, and rows of cells, each a text or a list of lines."""

    def text(cell):
        lines = (cell or ["–"]) if isinstance(cell, (list, tuple)) else [cell]
        return "<br>".join(_plain(line) for line in lines)

    lines = [" | ".join(text(cell) for cell in row) for row in (head, *rows)]
    return "\n".join(
        f"| {line} |" for line in (lines[0], " | ".join(["---"] * len(head)), *lines[1:])
    )


def _plain(line):
    """A text that Markdown takes for nothing but a text."""
    for char, escaped in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("\n", " ")):
        line = str(line).replace(char, escaped)
    return line
