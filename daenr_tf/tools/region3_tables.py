"""What `tools.region3` found, as Markdown tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daenr_tf.tools.region3 import FREQUENCIES, NUMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping


def written(found: Mapping[str, Any]) -> str:
    """What `everything` found, as Markdown tables; regions that have the same images share their columns."""
    same = _by_images(found)
    first, last = next(iter(same.values())), list(same.values())[-1]
    codes = [
        (
            way,
            *(cell for one in same.values() for cell in _of_code(one, way)),
            f"{last['codes'][way]['mse'] / first['codes'][way]['mse']:.2f}",
        )
        for way in first["codes"]
    ]
    plain = [
        (name, *(cell for one in same.values() for cell in _three(one["plain"][name])))
        for name in first["plain"]
    ]
    rows = [
        (f"{region}, {row['table']}, {row['model']}", *_three(row, 3), *_without_network(row))
        for region, one in found.items()
        for row in one["paper"]
    ]
    powers = [
        (str(cycles), *(f"{one['power'][cycles - 1]:.4f}" for one in same.values()))
        for cycles in range(1, FREQUENCIES + 1)
    ]
    code_heads = _heads(same, "MSE", "of the variance", "PSNR", "SSIM")
    paper_heads = (
        *("region, table, model", "MSE", "PSNR", "SSIM", "as many cosines"),
        *(f"{NUMBERS} cosines, brighter by: SSIM", "blurred by pixels: SSIM"),
    )
    return "\n\n".join(
        (
            _table((f"{NUMBERS} cosines of images", *code_heads, "ratio of MSE"), codes),
            _table(("without a code", *_heads(same, "MSE", "PSNR", "SSIM")), plain),
            _table(paper_heads, rows),
            _table(("cycles per image", *_heads(same, "variance")), powers),
        )
    )


def _by_images(found):
    """The regions' figures by their heads, "regions 1, 2" where they have the same images."""
    groups = []
    for region, one in found.items():
        group = next((group for group in groups if found[group[0]]["codes"] == one["codes"]), None)
        if group:
            group.append(region)
        else:
            groups.append([region])
    return {
        f"region{'s' * (len(group) > 1)} {', '.join(group)}": found[group[0]] for group in groups
    }


def _heads(same, *names):
    return [f"{regions}: {name}" for regions in same for name in names]


def _three(row, decimals=4):
    return f"{row['mse']:.{decimals}f}", f"{row['psnr']:.2f}", f"{row['ssim']:.3f}"


def _of_code(one, way):
    mse, *others = _three(one["codes"][way])
    return mse, f"{one['codes'][way]['mse'] / one['variance'][way]:.1%}", *others


def _without_network(row):
    """What makes the same MSE: so many cosines, 100 that are brighter, with their SSIM, and a blur with its own."""
    blur, brighter = row["blur"], row["brighter"]
    return (
        str(row["cosines"]),
        f"{brighter['by']:.3f}: {brighter['ssim']:.3f}" if brighter else "–",
        f"{blur['width']:.2f}: {blur['ssim']:.3f}" if blur else "–",
    )


def _table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
