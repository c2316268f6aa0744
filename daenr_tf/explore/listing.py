"""The page's list of neurons: its rows, and the orders that it can have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from daenr_tf.readable import beside_ceiling

LEAST_CEILING = 0.1  # that a PCC is held against, as in `pcc_normalized`


def rows_of(table: Any, neurons: int) -> list[dict[str, Any]]:
    """The rows of the page's table of neurons.

    Args:
        table: `pandas.DataFrame` of `about.Quality`, or None.
        neurons: int, how many there are.

    Returns:
        list of dicts of `neuron`, `pcc`, `ceiling`, `share` of the ceiling, and `compared`, the PCC over the images that the ceiling is of: `pcc` where
        all were shown several times.
    """

    def known(name, neuron):
        if table is None or name not in table:
            return None
        value = table[name].iloc[neuron]
        return None if value is None or not np.isfinite(value) else round(float(value), 3)

    rows = []
    for neuron in range(neurons):
        pcc, ceiling = known("pcc", neuron), known("noise_ceiling", neuron)
        compared = None if table is None else known(beside_ceiling(table), neuron)
        share = (
            None
            if compared is None or not ceiling or ceiling < LEAST_CEILING
            else round(compared / ceiling, 3)
        )
        rows.append(
            {"neuron": neuron, "pcc": pcc, "ceiling": ceiling, "share": share, "compared": compared}
        )
    return rows


ORDERS = {  # of the table: what it is called -> (its column, whether the largest come first)
    "number": ("neuron", False),
    "PCC, best first": ("pcc", True),
    "share of the ceiling, best first": ("share", True),
    "ceiling, highest first": ("ceiling", True),
}


def ordered(rows: Sequence[dict[str, Any]], order: str) -> list[dict[str, Any]]:
    """Rows in one of `ORDERS`; those that lack the figure come last."""
    column, largest = ORDERS[order]
    known = [row for row in rows if row[column] is not None]
    known.sort(key=lambda row: row[column], reverse=largest)
    return known + [row for row in rows if row[column] is None]
