"""Tables for people: laid out as in the paper, and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from daenr_tf.experiments.cells import GROUPS as NEURON_GROUPS
from daenr_tf.experiments.cells import title
from daenr_tf.experiments.experiment import (
    GROUP,
    LABEL,
    LAYER,
    METRIC,
    MODEL,
    REGION,
    TASK,
    VARIANT,
)
from daenr_tf.experiments.report import counts
from daenr_tf.experiments.report.entries import GROUP_NAMES, NAMES, TASK_NAMES, entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.planning import Part


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


def lay_out(findings: Findings, part: Part) -> Layout | None:
    """A part's figures as in the paper: `Layout`, or None where the part isn't of figures."""
    if part.experiment.counts:
        return Layout(*counts.places(findings, part))
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
        TASK: (setting.task != "ir", TASK_NAMES[setting.task]),
        VARIANT: (_rank(setting.variant), setting.variant.text or "as the paper has it"),
        GROUP: (NEURON_GROUPS.index(setting.group), GROUP_NAMES.get(setting.group, setting.group)),
    }
    row = heads[experiment.row][1]
    if len(part.regions) > 1 and REGION not in (experiment.row, *experiment.columns):
        row = f"{heads[REGION][1]} · {row}"
    return row, tuple(heads[name] for name in experiment.columns)


def _rank(variant):
    """Where a variant stands among an experiment's: ratios by size, then shares."""
    return (variant.share, variant.ratio, str(variant.options))


def _region(region):
    return "recording" if region is None else f"region {region}"


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
