"""What the report says above tables: titles, captions, and what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daenr_tf.experiments.measures import COUNT, PCC
from daenr_tf.experiments.report.entries import entries
from daenr_tf.experiments.report.pictures import REHEARSAL
from daenr_tf.experiments.study import as_options
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.readable import number
from daenr_tf.recordings import checks

if TYPE_CHECKING:
    from typing import Any

    from daenr_tf.experiments.findings import Findings
    from daenr_tf.experiments.planning import Part
    from daenr_tf.recordings.recording import Recording


def recording_facts(findings: Findings, region: int | None, recording: Recording) -> dict[str, Any]:
    """A recording as the page shows it: `name`, `notes`, `facts`."""
    repeats = (
        f"{recording.repeats_text} times each"
        if recording.repeats_text
        else "averages over repeats only, so no noise ceiling"
    )
    facts = [
        f"{len(recording.images)} training images",
        f"{len(recording.test_images)} test images ({repeats})",
        f"{recording.neurons} neurons",
    ]
    ceiling, study = findings.ceiling(region), findings.study
    if ceiling is not None:
        facts.append(f"mean noise ceiling {number(ceiling, 3)}")
    notes = list(recording.notes)
    recorded = "recorded"
    if study.own:
        changes = checks.changes(recording, study.images.image_size, study.images.channels)
        if any(setting.system.readout for part in findings.plan.parts for setting in part.settings):
            changes += checks.cautions(recording)
        notes += [change[0].upper() + change[1:] for change in changes]
        recorded += ", as far as its file says"
    facts.append("SIMULATED: its responses come from a model" if recording.simulated else recorded)
    return {"name": recording.name, "notes": notes, "facts": facts}


def title(part: Part, own: bool) -> str:
    """A part's title, with what the paper calls it."""
    heading = part.experiment.heading
    if not heading:
        return part.title
    return f"{part.title} (as the paper’s {heading})" if own else f"{heading}: {part.title}"


def caption(findings: Findings, part: Part) -> list[str]:
    """What the figures of a table are, in sentences."""
    metrics, own = part.experiment.metrics, findings.study.own
    if not part.settings:
        return [] if own else ["Beneath each number the paper’s own."]
    several = f"the mean over {len(part.seeds)} seeds" if len(part.seeds) > 1 else "a single seed"
    over = (
        "for other seeds and other test images (docs/statistics.md)"
        if len(part.seeds) > 1
        else "for other test images only: one seed says nothing of another training"
    )
    found = [f"In each cell: {several}; its 95 % interval {over}."]
    if PCC in metrics:
        ceilings = [findings.ceiling(region) for region in part.regions]
        found.append(
            "PCC: mean over neurons of the correlation with the trial average, raw and as a share"
            " of the mean noise ceiling; beneath it the correlation with single trials and FEVE, the"
            " share of the explainable variance that is explained, means over the neurons that have one."
            if None not in ceilings
            else "PCC: mean over neurons; without single trials there is no noise ceiling to"
            " compare it with."
        )
    images = bool(set(metrics) & set(IMAGE_METRICS))
    if images and any(findings.linear_codes(setting) for setting in part.settings):
        found.append(
            "DCT and PCA: what linear codes of as many numbers as the model’s latent make of the same images, the lowest"
            " frequencies and the principal components of the training images (docs/paper.md)."
        )
    if COUNT in metrics:
        found.append(
            "Significant: p ≤ 0.05 and r > 0 on the trial-averaged test images, uncorrected, as in"
            " the paper."
        )
    if any(setting.selected for setting in part.settings):
        found.append(
            "Significant and insignificant: chosen on the test images, as in the paper; “held-out”:"
            " on images that are neither trained on nor tested on."
        )
    weighted = dict.fromkeys(
        setting.label for setting in part.settings if setting.weighted_by_medians
    )
    if weighted:
        found.append(
            f"The paper has no alpha:beta for {', '.join(weighted)}:"
            " they have the medians of its other models (docs/tasks.md)."
        )
    if not own and any(entry.published is not None for entry in entries(findings, part)):
        found.append("Then the paper’s figure, and ours minus the paper’s.")
        reasons = _why_not_comparable(findings, part)
        if reasons:
            found.append(f"They are not comparable: {', and '.join(reasons)}.")
    return found


def _why_not_comparable(findings, part):
    reasons = []
    if findings.simulated:
        reasons.append("these are simulated data")
    if findings.study.rehearsal:
        reasons.append(f"this is a {REHEARSAL}")
    departures = findings.study.departures(part.settings)
    if departures:
        reasons.append(f"the settings are not the paper’s ({', '.join(as_options(departures))})")
    return reasons
