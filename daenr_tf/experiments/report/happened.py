"""What was run and how it went, as the report's last section tells it."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from daenr_tf.experiments import worker
from daenr_tf.experiments.cells import counted, title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daenr_tf.experiments.cell_outputs import Outputs
    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.grid import Outcome
    from daenr_tf.experiments.planning import Plan


def trouble(plan: Plan, findings: Findings, outcomes: Iterable[Outcome]) -> list[dict[str, str]]:
    """The cells that did not end well: list of dict of `name`, `status`, `message`, `log` (may be empty).

    Args:
        plan: `planning.Plan`.
        findings: `Findings`.
        outcomes: list of `grid.Outcome`, of this call's grid.
    """
    ended = {outcome.cell: outcome for outcome in outcomes}
    told = []
    for cell in plan.cells:
        outcome, log = ended.get(cell), ""
        if outcome is not None and outcome.status not in ("kept", "done"):
            status, message = outcome.status, outcome.message
            log = os.path.relpath(worker.log_file(findings.results_dir, cell), findings.results_dir)
        elif cell in findings.damaged:
            status, message = "damaged", findings.damaged[cell]
        elif cell not in findings.cells:
            status, message = "not finished", ""
        else:
            continue
        told.append({"name": cell.name, "status": status, "message": message, "log": log})
    return told


def times(findings: Findings) -> list[tuple[str, int, str, str, str, str]]:
    """Cells, steps and seconds of training by model, and of all of them."""
    rows = {}
    for cell, one in findings.cells.items():
        if one.skipped is None:
            rows.setdefault(title(cell.setting.model), []).append((one.steps, one.seconds))
    if not rows:
        return []
    rows["all"] = [pair for pairs in rows.values() for pair in pairs]
    return [
        (
            name,
            len(pairs),
            f"{sum(steps for steps, _ in pairs):,}".replace(",", " "),
            f"{sum(steps for steps, _ in pairs) / len(pairs):.0f}",
            duration(sum(time for _, time in pairs)),
            duration(sum(time for _, time in pairs) / len(pairs)),
        )
        for name, pairs in rows.items()
    ]


def cut_off(findings: Findings) -> list[tuple[str, int]]:
    """The cells that `max_steps` ended before patience did: list of (name, steps)."""
    return [(cell.name, one.steps) for cell, one in findings.cells.items() if one.cut_off]


def versions(finished: Iterable[Outputs]) -> list[tuple[int, dict[str, str | None]]]:
    """Every set of versions that cells were trained with: list of (number of cells, dict)."""
    found = Counter(tuple(one.versions.items()) for one in finished if one.versions)
    return [(count, dict(key)) for key, count in found.items()]


def threads(finished: Iterable[Outputs]) -> str:
    """The cells by their threads, in words, where they are not all the same; else empty."""
    trained = [one.threads for one in finished if one.skipped is None]
    found = Counter(
        "?" if numbers is None else ", then ".join(map(str, numbers)) for numbers in trained
    )
    if len({number for numbers in trained for number in numbers or (None,)}) < 2:
        return ""
    return "; ".join(f"{words}: {counted(count)}" for words, count in sorted(found.items()))


def duration(seconds: float) -> str:
    """Seconds in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"
