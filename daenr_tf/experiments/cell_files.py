"""The files of a finished cell, each read and checked: what comes out is as a training leaves it, or one line says what isn't.

Files can be cut off, altered, of another cell or no files at all; whatever they are, they are refused in bounded time and memory.
"""

from __future__ import annotations

import math
import reprlib
from typing import TYPE_CHECKING

import numpy as np

from daenr_tf.errors import one_line, refusal
from daenr_tf.experiments.strict_files import (
    LONGEST_SHOWN,
    Entries,
    is_amount,
    is_count,
    is_number,
    is_text,
    named,
    read_csv,
    read_json,
    shown,
)
from daenr_tf.paper import IMAGE_METRICS
from daenr_tf.readable import LINEAR_CODES, PCC_REPEATED
from daenr_tf.recordings.arrays import read_npz

if TYPE_CHECKING:
    from typing import Any

    from daenr_tf.config import ModelConfig
    from daenr_tf.experiments.cells import Cell
    from daenr_tf.recordings.recording import Recording

SHOWN = 10  # test images whose reconstructions are kept
SSIM_SIDE = 11  # pixels; the SSIM of a smaller image is NaN
NEURON_COLUMNS = ("neuron", "pcc", "p_value", "significant", "noise_ceiling", "pcc_normalized")
REPEAT_COLUMNS = ("single_trial_pcc", "fev", "feve")  # after those, where there are repeats
SOME_REPEATED = (PCC_REPEATED,)  # after those, where some test images have none
DTYPES = {
    "neurons": np.int64,
    "originals": np.float32,
    "shown": np.float32,
    "validation_images": np.int64,
    "response": np.float32,
    "validation_pcc": np.float64,
    **dict.fromkeys(IMAGE_METRICS, np.float64),
}
ENDS = ("patience", "max_steps")  # what ends a training
FINITE_COLUMNS = ("step", "stage", "learning_rate", "train_loss", "val_loss")


def read_results(path: str, cell: Cell, recording: Recording) -> dict[str, Any]:
    """What is used of a cell's `results.json`.

    Args:
        path: str.
        cell: `Cell`, whose results they must be.
        recording: `Recording`, the whole one that it must have been trained on.

    Returns:
        dict: `skipped` (why nothing was trained, or None) and, where something was, `digest` (of the cell's own part of the recording), `steps`,
        `best_step`, `seconds`, `versions`, `threads` and `stopped_by` (None where they aren't known), `linear_codes` (None
        likewise, and without a decoder). Texts in it are printable.

    Raises:
        InputError: they are no such results.
    """
    take = Entries(path, read_json(path))
    take("cell", f"this cell, {cell.name}", lambda value: value == cell.to_dict())
    take(
        "recording",
        f"the recording with digest {recording.digest[:12]}…",
        lambda value: value == recording.digest,
    )
    seconds = take("seconds", "a number of seconds", is_amount)
    if "skipped" in take.values:
        why = take(
            "skipped",
            "the reason, of a group of neurons",
            lambda value: is_text(value) and cell.setting.selected,
        )
        return {"skipped": shown(why)}
    dataset = Entries(f"{path}: dataset", take.values.get("dataset"))
    dataset("name", "a text", is_text)
    dataset("simulated", recording.simulated, lambda value: value is recording.simulated)
    digest = dataset("digest", "a digest", is_text)
    take(
        "notes",
        "a list of texts",
        lambda value: isinstance(value, list) and all(map(is_text, value)),
    )
    take(
        "test",
        "figures by name",
        lambda value: (
            isinstance(value, dict) and all(one is None or is_number(one) for one in value.values())
        ),
    )
    steps = take("steps", "a number of steps", is_count)
    best_step = take(
        "best_step", f"a step up to {steps}", lambda value: is_count(value) and value <= steps
    )
    name = "ended_by" if "ended_by" in take.values else "stopped_by"  # as it was called for a while
    stopped_by = take(name, f"one of {', '.join(ENDS)}", lambda value: value in (None, *ENDS))
    versions = take(
        "versions",
        "versions by name",
        lambda value: (
            isinstance(value, dict)
            and value
            and all(one is None or is_text(one) for one in value.values())
        ),
    )
    threads = take(
        "threads",
        "a list of numbers of threads",
        lambda value: (
            value is None
            or (isinstance(value, list) and value and all(is_count(one) and one for one in value))
        ),
    )
    codes = take("linear_codes", "sizes and figures by linear code", _are_linear_codes)
    return {
        "skipped": None,
        "digest": digest,
        "steps": steps,
        "best_step": best_step,
        "stopped_by": stopped_by,
        "seconds": float(seconds),
        "versions": {shown(name): one and shown(one) for name, one in versions.items()},
        "threads": threads and tuple(threads),
        "linear_codes": codes and {name: _linear_code(codes[name]) for name in LINEAR_CODES},
    }


def _are_linear_codes(value):
    """Whether it is none, as of models without a decoder and of earlier versions, or what a run writes."""
    return value is None or (
        isinstance(value, dict) and all(_is_linear_code(value.get(name)) for name in LINEAR_CODES)
    )


def _is_linear_code(value):
    return (
        isinstance(value, dict)
        and is_count(value.get("size"))
        and isinstance(value.get("validation"), dict)
        and _are_figures(value)
        and _are_figures(value["validation"])
    )


def _are_figures(value):
    figures = [value.get(name) for name in IMAGE_METRICS]  # null: infinite, or not a number
    return all(one is None or (is_number(one) and is_amount(abs(one))) for one in figures)


def _linear_code(code):
    figures = {name: code.get(name) for name in IMAGE_METRICS}
    figures["validation_mse"] = code["validation"].get("mse")
    return {"size": code["size"]} | {
        name: math.nan if value is None else float(value) for name, value in figures.items()
    }


def read_history(
    path: str, column: str, steps: int, best_step: int
) -> tuple[np.ndarray, np.ndarray]:
    """The learning curve in a cell's `history.csv`.

    Args:
        path: str.
        column: the monitored loss.
        steps, best_step: int, as the results have them.

    Returns:
        (steps (n,), losses (n,)), n >= 1.

    Raises:
        InputError: it is no history of such a training.
    """
    head, rows = read_csv(path)
    needed = (*FINITE_COLUMNS, column)
    if not set(needed) <= set(head):
        raise refusal(path, f"the columns {', '.join(needed)}", named(head))
    try:
        values = np.array([[float(text) if text else math.nan for text in row] for row in rows])
    except ValueError as reason:
        raise refusal(path, "numbers", one_line(reason)[:LONGEST_SHOWN]) from None
    found = dict(zip(head, values.T, strict=True))
    for name in needed:
        if not np.isfinite(found[name]).all():
            raise refusal(f"{path}: {name}", "finite numbers", "others")
    at = found["step"]
    if not (at[0] > 0 and (np.diff(at) > 0).all() and at[-1] == steps and best_step in at):
        raise refusal(
            f"{path}: step",
            f"steps that rise to {steps}, {best_step} among them",
            f"{len(at)} from {at[0]:g} to {at[-1]:g}",
        )
    return at.astype(np.int64), found[column]


def check_neurons(path: str, count: int) -> None:
    """Raises `InputError` where a cell's `neurons.csv` is no table of `count` neurons."""
    head, rows = read_csv(path)
    repeated = NEURON_COLUMNS + REPEAT_COLUMNS
    if tuple(head) not in (NEURON_COLUMNS, repeated, repeated + SOME_REPEATED):
        raise refusal(path, f"the columns {', '.join(NEURON_COLUMNS)}", named(head))
    if len(rows) != count:
        raise refusal(path, f"{count} neurons", len(rows))
    for number, (neuron, pcc, p_value, significant, *others) in enumerate(rows):
        try:
            good = (
                int(neuron) == number
                and (not pcc or abs(float(pcc)) <= 1)  # empty of a neuron that can't be scored
                and (not p_value or 0 <= float(p_value) <= 1)
                and significant in ("True", "False")
            )
            good = good and all(not text or not math.isinf(float(text)) for text in others)
        except ValueError:
            good = False
        if not good:
            raise refusal(path, f"the figures of neuron {number}", reprlib.repr(rows[number]))


def shapes(model: ModelConfig, recording: Recording, neurons: int) -> dict[str, tuple[int, ...]]:
    """What `outputs.npz` holds: dict of name -> shape; the types are `DTYPES`.

    Args:
        model: `ModelConfig` of the cell.
        recording: `Recording`, whole.
        neurons: how many the cell is trained with.
    """
    images = len(recording.test_images)
    shown = (min(SHOWN, images), *model.image_size, model.channels)
    found = {"neurons": (neurons,), "originals": shown, "validation_images": ()}
    if model.system.reconstructs:
        found |= {"shown": shown, **dict.fromkeys(IMAGE_METRICS, (images,))}
    if model.system.readout:
        found |= {"response": (images, neurons), "validation_pcc": (neurons,)}
    return found


def read_arrays(
    path: str, cell: Cell, model: ModelConfig, recording: Recording
) -> dict[str, np.ndarray]:
    """The arrays of a cell's `outputs.npz`, those and no other ones that `shapes` names.

    Args:
        path: str.
        cell: `Cell`.
        model: `ModelConfig` of the cell.
        recording: `Recording`, whole.

    Raises:
        InputError: they are no outputs of such a cell.
    """
    arrays = read_npz(path, tuple(shapes(model, recording, 0)))
    count = len(arrays["neurons"]) if np.ndim(arrays.get("neurons")) == 1 else recording.neurons
    for name, shape in shapes(model, recording, count).items():
        array, what, dtype = arrays.get(name), f"{path}: {name}", np.dtype(DTYPES[name])
        if array is None:
            raise refusal(what, "an array", "none")
        if (array.dtype, array.shape) != (dtype, shape):
            raise refusal(
                what, f"{dtype} of shape {shape}", f"{array.dtype} of shape {array.shape}"
            )
        if name == "psnr":
            good = array > -np.inf  # infinite for a perfect image
        elif (name == "ssim" and min(model.image_size) < SSIM_SIDE) or (
            name == "validation_pcc" and recording.missing
        ):
            good = np.isnan(array) | np.isfinite(array)
        else:
            good = np.isfinite(array)
        if not np.all(good):
            raise refusal(what, "finite numbers", "others")
    _check_neuron_numbers(f"{path}: neurons", arrays["neurons"], cell, recording.neurons)
    if not 1 <= arrays["validation_images"] < len(recording.images):
        raise refusal(
            f"{path}: validation_images",
            f"some of {len(recording.images)} training images",
            arrays["validation_images"],
        )
    return arrays


def _check_neuron_numbers(what, found, cell, total):
    if not cell.setting.selected:
        if not np.array_equal(found, np.arange(total)):
            raise refusal(what, f"all {total} neurons", f"{len(found)}, or in another order")
    elif not (len(found) and found[0] >= 0 and found[-1] < total and (np.diff(found) > 0).all()):
        raise refusal(
            what, f"rising numbers of some of {total} neurons", reprlib.repr(found.tolist())
        )
