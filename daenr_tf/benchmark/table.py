"""What was measured, as text of fixed width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

LABEL, COLUMN = 44, 28  # characters
BUSY = 0.5  # processes per core that wanted to run before anything was measured


def plain(value: float) -> str:
    """Three significant digits, or all before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _scaled(factor: float) -> Callable[[float], str]:
    return lambda value: plain(factor * value)


# A row: label, name of the figure, how it is written.
ROWS = (
    ("training, images/s", "training_images_per_second", plain),
    ("  several at once, images/s in all", "at_once_images_per_second", plain),
    ("  one step, median (ms)", "step_median_ms", plain),
    ("  one step, 5th percentile (ms)", "step_p5_ms", plain),
    ("  share of the matrix rate (%)", "matrix_share", _scaled(100)),
    ("serving all heads, batch 256, images/s", "serving_default_images_per_second", plain),
    ("  one image, median (ms)", "serving_default_latency_median_ms", plain),
    ("  one image, 5th percentile (ms)", "serving_default_latency_p5_ms", plain),
    ("serving responses only, batch 256, images/s", "respond_images_per_second", plain),
    ("  one image, median (ms)", "respond_latency_median_ms", plain),
    ("  one image, 5th percentile (ms)", "respond_latency_p5_ms", plain),
    ("  by LiteRT, batch 256, images/s", "lite_images_per_second", plain),
    ("  by LiteRT, one image, median (ms)", "lite_latency_median_ms", plain),
    ("  by LiteRT, one image, 5th percentile (ms)", "lite_latency_p5_ms", plain),
    ("loading the SavedModel (s)", "load_seconds", plain),
    ("start-up: import (s)", "startup_import_seconds", plain),
    ("  data (s)", "startup_data_seconds", plain),
    ("  build (s)", "startup_build_seconds", plain),
    ("  first step (s)", "startup_first_step_seconds", plain),
    ("peak memory of training (MB)", "peak_memory_bytes", _scaled(1e-6)),
    ("matrix product (GFLOP/s)", "matrix_rate", _scaled(1e-9)),
)


def written(found: dict[str, Any]) -> str:
    """The whole table of what `session.run` found."""
    blocks = [head(found), *(_model(model) for model in found["models"])]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def head(found: dict[str, Any]) -> list[str]:
    """The machine and the versions, in lines."""
    machine = found["machine"]
    before, after = machine["load_average_before"], machine["load_average_after"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores; load average {before} before, {after} after",
        ", ".join(f"{name} {version}" for name, version in found["versions"].items()),
    ]
    if before is not None and before > BUSY * machine["cores"]:
        lines.append(
            "The machine was at other work before this began: repeat it on an idle one before you"
            " believe a figure."
        )
    return lines


def columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    """A line: the first cell to the left, the others to the right."""
    first, *others = cells
    padded = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
    return "".join([first.ljust(widths[0]), *padded]).rstrip()


def threads(count: int) -> str:
    """Such as "2 threads"."""
    return f"{count} thread{'s' * (count > 1)}"


def spread(figure: dict[str, float] | None, write: Callable[[float], str]) -> str:
    """Such as "43.1 [42, 45]", median [least, greatest]; "-" where there is none, one number where
    all are the same."""
    if figure is None:
        return "-"
    if figure["least"] == figure["greatest"]:
        return write(figure["median"])
    median, least, greatest = (write(figure[key]) for key in ("median", "least", "greatest"))
    return f"{median} [{least}, {greatest}]"


def _model(model: dict[str, Any]) -> Iterable[str]:
    request, ours, torch = model["request"], model["daenr_tf"], model["torch"]
    size = "x".join(map(str, request["image_size"]))
    source = "a made-up recording" if request["images"] else "the simulated region 3"
    count = len(ours["repeats"])
    yield (
        f"{model['title']}, {size} {request['color']} images, batch {request['batch_size']},"
        f" {threads(model['threads'])}, {model['parameters']} trainable parameters"
    )
    yield (
        f"{source}: {model['train_images']} images to train on, {model['neurons']} neurons;"
        f" median [least, greatest] of {count} repeat{'s' * (count > 1)} of"
        f" {request['steps']} steps"
    )
    shown = [("daenr_tf", ours)] + ([("PyTorch", torch)] if torch["repeats"] else [])
    widths = (LABEL, *[COLUMN] * len(shown))
    yield columns(("", *(name for name, _ in shown)), widths)
    for label, name, write in ROWS:
        cells = [spread(side["summary"].get(name), write) for _, side in shown]
        if any(cell != "-" for cell in cells):
            yield columns((label, *cells), widths)
    if model["training_ratio"]:
        ratio = spread(model["training_ratio"], lambda value: f"{value:.2f}")
        yield columns(("training, daenr_tf / PyTorch", ratio), (LABEL, COLUMN))
    if model["at_once_ratio"]:
        ratio = spread(model["at_once_ratio"], lambda value: f"{value:.2f}")
        yield columns(("several at once / PyTorch one by one", ratio), (LABEL, COLUMN))
    at_once = ours["repeats"][0].get("at_once")
    if at_once:
        each = threads(at_once["threads"])
        yield f"several at once: {at_once['processes']} processes with {each} each, as the experiments train"
    yield from _operations(model["operations"])
    if torch["absent"]:
        yield f"PyTorch: {torch['absent']}."


def _operations(operations: dict[str, Any]) -> Iterable[str]:
    kinds = sorted(operations["training_step_kinds"].items(), key=lambda item: -item[1])
    yield (
        f"operations: {operations['forward_per_image'] / 1e6:.4g} MFLOP an image forward,"
        f" {operations['training_step'] / 1e9:.4g} GFLOP a step of training"
    )
    yield f"  ({', '.join(f'{name} {count / 1e9:.3g}' for name, count in kinds)} GFLOP)"
    yield "  convolutions, their gradients and matrix products alone; a multiply-add counts as 2"
    if operations["left_out"]:
        yield f"  not counted, for their shapes are not known: {', '.join(operations['left_out'])}"
