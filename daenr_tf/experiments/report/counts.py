"""The table of what was recorded: how many images and neurons, and how often images were shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from daenr_tf import paper

if TYPE_CHECKING:
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.planning import Part


def records(findings: Findings, part: Part) -> pd.DataFrame:
    """A row per recording, with the paper's counts beside ours; on one's own recording without."""
    own = part.regions == (None,)
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


def places(findings: Findings, part: Part) -> tuple[tuple, tuple, tuple]:
    """The table for people: rows, columns and cells as `Layout` has them."""
    cells, heads = [], [head for head, _ in part.experiment.counts]
    for row in records(findings, part).to_dict("records"):
        line = []
        for head in heads:
            ours = "averages only" if pd.isna(row[head]) else str(row[head])
            line.append([ours] + [f"paper {row[key]}" for key in (f"paper: {head}",) if key in row])
        cells.append((*line, ["SIMULATED" if row["simulated"] else "recorded"]))
    names = tuple(findings.recordings[region].name for region in part.regions)
    return names, tuple((head,) for head in (*heads, "responses")), tuple(cells)
