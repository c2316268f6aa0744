"""What the report says of claims: their verdicts, and the comparisons that these rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daenr_tf import paper
from daenr_tf.experiments.measures import PCC
from daenr_tf.experiments.verdicts import CONTRADICTED, NOT_DECIDABLE, NOT_SUPPORTED, SUPPORTED
from daenr_tf.plotting.effects import between_of, effect_digits
from daenr_tf.readable import number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from daenr_tf.experiments.claims import Claim, Judged

SYMBOLS = {SUPPORTED: "✔", NOT_SUPPORTED: "○", CONTRADICTED: "✘", NOT_DECIDABLE: "?", None: "–"}
NOT_EXAMINED = "not examined"
_CSS = {
    SUPPORTED: "supported",
    NOT_SUPPORTED: "unsupported",
    CONTRADICTED: "contradicted",
    NOT_DECIDABLE: "undecided",
    None: "unexamined",
}
_PAPERS = "the paper’s effect"
NAMES_IN_WORDS = {"mse": "MSE", "psnr": "PSNR", "ssim": "SSIM", PCC: "PCC"}


class ClaimTexts:
    """The texts of a study's claims.

    Args:
        claims: `Judged`s, all of them.
        own: whether the recording is the user's; the paper's effects are left out then.
    """

    def __init__(self, claims: Sequence[Judged], own: bool) -> None:
        self.claims, self.own = claims, own

    def legend(self) -> list[dict[str, str]]:
        """Every verdict: `symbol`, `word`, `css`."""
        return [
            {"symbol": symbol, "word": verdict or NOT_EXAMINED, "css": _CSS[verdict]}
            for verdict, symbol in SYMBOLS.items()
        ]

    def lines(self) -> list[str]:
        """The verdicts for the terminal."""
        lines = []
        for one in self.claims:
            if one.verdict:
                over_all = _over_all(one)
                lines.append(
                    f"{one.name} {one.verdict}: {one.statement}"
                    + (f" ({over_all})" if over_all else "")
                )
        others = [one.name for one in self.claims if not one.verdict]
        if others:
            lines.append(f"{NOT_EXAMINED}: {', '.join(others)} (the report says what they need)")
        return lines

    def of(self, judged: Judged) -> dict[str, str | None]:
        """A claim as the page shows it."""
        claim, total = judged.claim, len(judged.parts)
        counts = [
            f"{judged.count(verdict)} {verdict}"
            for verdict in SYMBOLS
            if verdict and judged.count(verdict)
        ]
        return {
            "name": claim.name,
            "statement": judged.statement,
            "word": judged.verdict or NOT_EXAMINED,
            "symbol": SYMBOLS[judged.verdict],
            "css": _CSS[judged.verdict],
            "counts": f"{total} part{'s' * (total != 1)}: {', '.join(counts)}" if counts else "",
            "cells": _cells(judged.cells),
            "over_all": _over_all(judged),
            "spread": "" if self.own else _spread(judged),
            "scope": _scope(judged),
            "unit": claim.unit,
            "needs": "" if judged.verdict else self._needs(claim),
            "anchor": home(judged),
        }

    def _needs(self, claim: Claim):
        if self.own and claim.regions:
            return "it compares the paper’s regions"
        where = (
            f" in regions {', '.join(map(str, claim.regions[:-1]))} and {claim.regions[-1]}"
            if claim.regions
            else ""
        )
        return f"needs {', '.join(claim.needs)} with {claim.models}{where}"

    def head(self) -> list[str]:
        """The heads of the columns of a table of comparisons."""
        head = [
            "comparison",
            "effect",
            "interval",
            "least that matters",
            _PAPERS,
            "seeds",
            "verdict",
        ]
        return [name for name in head if name != _PAPERS or not self.own]

    def rows(self, judged: Judged, name_units: bool = True) -> list[dict[str, Any]]:
        """A claim's table of comparisons: `css`, `role`, `unit` and `cells` of each row; the cells name units that differ, if they shall."""
        rows, mixed = [], name_units and len({one.unit for one in judged.comparisons}) > 1
        for one in judged.comparisons:
            effect, digits = one.effect, effect_digits(one.unit)
            cells = [f"{one.what} ({one.unit})" if mixed else one.what]
            if effect is None:
                cells += ["not finished", "–"]
            else:
                between = between_of(one, digits)
                cells += [
                    number(effect.value, digits, signed=True),
                    f"{between} (images only)" if effect.one_seed else between,
                ]
            cells.append(number(one.least, digits))
            if not self.own:
                cells.append(number(one.published, digits, signed=True))
            told = f"{SYMBOLS[one.verdict]} {one.verdict}" if one.verdict else f"({one.role})"
            cells += [effect.seeds if effect else 0, told]
            rows.append(
                {"css": _CSS[one.verdict], "role": one.role, "unit": one.unit, "cells": cells}
            )
        return rows


def _cells(cells):
    """What the single cells came to, in words; empty where there are none."""
    effects = [one for one in cells if one.effect is not None]
    if not effects:
        return ""
    above = sum(one.effect.value > 0 for one in effects)
    clear = [sum(one.low > 0 for one in effects), sum(one.high < 0 for one in effects)]
    return (
        f"of {len(effects)} single cells {above} have an effect as claimed; {clear[0]} have their own 95 % interval above 0,"
        f" {clear[1]} below it"
    )


def _spread(judged):
    """How far the paper's own repetitions of a cell are apart, in words; empty where it has none, or prints no effect that they are a yardstick of."""
    metric = judged.claim.metric
    printed = any(one.published is not None for one in judged.comparisons)
    found = paper.spread(metric) if printed and metric in (*paper.IMAGE_METRICS, PCC) else None
    if not found:
        return ""
    mean, cells = found
    return (
        f"The paper prints {cells} cells twice; their {NAMES_IN_WORDS[metric]} differs by"
        f" {number(mean, 3)} on the mean"
    )


def _over_all(judged):
    """Whether a verdict that decides something stands with those on all other claims, in words."""
    if judged.verdict in (None, NOT_DECIDABLE):
        return ""
    stands = "stands" if judged.holds_over_all else "doesn’t stand"
    return f"{stands} over all claims together (p {p_text(judged.p_over_all)})"


def home(judged: Judged) -> str | None:
    """The part that a claim's comparisons are shown in: the last that it needs."""
    return judged.claim.needs[-1] if judged.comparisons else None


def _scope(judged):
    settings = [setting for one in judged.parts for setting in one.question.settings]
    regions, layers = (
        {getattr(setting, name) for setting in settings} - {None} for name in ("region", "layer")
    )
    return "; ".join(
        f"{name}{'s' * (len(found) > 1)} {', '.join(map(str, sorted(found)))}"
        for name, found in (("region", regions), ("layer", layers))
        if found
    )


def p_text(value: float) -> str:
    """A p-value as it is told."""
    return "–" if np.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
