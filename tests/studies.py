"""A finished study without any training: cells' files of the form that `experiments.outputs` reads, with effects planted in them."""

import json
import os

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from daenr_tf.experiments import cell_outputs
from daenr_tf.experiments.cell_files import DTYPES
from daenr_tf.experiments.study import Study, cell_directory
from daenr_tf.recordings.recording import Recording

SIDE, IMAGES, NEURONS, REPEATS = 16, 30, 12, 4
TRAINED_SIDE = 32  # pixels of what a model sees
CHOSEN = 7  # significant neurons
VERSIONS = {"python": "3.11.0", "daenr_tf": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.0"}


def recordings(regions=(1, 2, 3), simulated=True, name=None):
    """Small recordings by region (None: the user's own): noise images, and neurons whose first ones answer reliably."""
    found = {}
    for region in regions:
        generator = np.random.default_rng(region or 7)
        rates = generator.gamma(1.0, 1.0, (IMAGES, NEURONS))
        noise = generator.normal(0, np.linspace(0.2, 1.5, NEURONS), (REPEATS, IMAGES, NEURONS))
        blobs = gaussian_filter(generator.normal(size=(40 + IMAGES, SIDE, SIDE, 1)), (0, 2, 2, 0))
        stimuli = np.clip(127 + 100 * blobs / blobs.std(), 0, 255).astype(np.uint8)
        label = name or (
            f"{'simulated' if simulated else 'antolik'}-r{region}" if region else "mine"
        )
        found[region] = Recording(
            images=stimuli[:40],
            test_images=stimuli[40:],
            responses=generator.gamma(1.0, 1.0, (40, NEURONS)),
            test_trials=np.maximum(rates + noise, 0),
            name=label,
            simulated=simulated,
        )
    return found


def same_error(setting, seed):
    """No model reconstructs better than any other."""
    return 0.05


def same_quality(setting, seed):
    """No model predicts better than any other."""
    return 0.5


def two_threads(setting, seed):
    """Every cell is trained with two threads."""
    return [2]


def patience(setting, seed):
    """Every training is ended by patience."""
    return "patience"


def none(setting, seed):
    """No cell has it."""


def codes_of_100(setting, seed):
    """What linear codes of 100 numbers reach; the components depend on the seed's split."""
    held_out = {"mse": 0.02, "psnr": 23.0, "ssim": 0.8}
    return {
        "dct": {"size": 100, "mse": 0.03, "psnr": 21.25, "ssim": 0.7, "validation": held_out},
        "pca": {
            "size": 100,
            "mse": 0.02 + 0.002 * seed,
            "psnr": 22.0,
            "ssim": None,
            "validation": held_out,
        },
    }


def finish(
    results_dir,
    plan,
    found,
    study=None,
    error=same_error,
    quality=same_quality,
    missing=(),
    skipped=(),
    spread=0.02,
    threads=two_threads,
    stopped_by=patience,
    linear_codes=none,
):
    """Write the files of a plan's cells.

    Args:
        results_dir: path.
        plan: `planning.Plan`.
        found: dict of region -> `Recording`.
        study: `Study`; the simulated one by default.
        error: function of (setting, seed) -> mean squared error.
        quality: function of (setting, seed) -> the predictions' correlation with the trial average, mean over neurons, in [0, 0.7].
        missing: names of cells that have no results.
        skipped: names of cells whose group of neurons is empty.
        spread: standard deviation over seeds and images, as a share.
        threads: function of (setting, seed) -> list of the numbers of threads that the cell was trained with, or None for one of before they were noted.
        stopped_by: function of (setting, seed) -> what ended the training, or None likewise.
        linear_codes: function of (setting, seed) -> what linear codes reach, of a model with a decoder, or None likewise.

    Returns:
        `Study`.
    """
    for cell in plan.cells:
        if cell.name in missing:
            continue
        place = cell_directory(results_dir, cell)
        os.makedirs(place, exist_ok=True)
        if cell.name in skipped:
            results = {
                "skipped": f"no neuron is {cell.setting.group}",
                "cell": cell.to_dict(),
                "recording": found[cell.setting.region].digest,
                "seconds": 0.0,
            }
        else:
            results = _write_cell(place, cell, found[cell.setting.region], error, quality, spread)
            results |= (
                {"threads": threads(cell.setting, cell.seed)}
                if threads(cell.setting, cell.seed)
                else {}
            )
            end = stopped_by(cell.setting, cell.seed)
            results |= {"stopped_by": end} if end else {}
            codes = linear_codes(cell.setting, cell.seed)
            if codes and cell.setting.system.reconstructs:
                results["linear_codes"] = codes
        with open(os.path.join(place, cell_outputs.RESULTS), "w", encoding="utf-8") as file:
            json.dump(results, file)
    return study or Study("simulated", budget="paper")


def finished(results_dir, study, found):
    """The `cell_outputs.Finished` of a study whose data is never loaded."""
    return cell_outputs.Finished(str(results_dir), study, found)


def _write_cell(place, cell, recording, error, quality, spread):
    setting = cell.setting
    own = np.random.default_rng([*map(ord, cell.name)])  # what differs from cell to cell
    hard, unpredictable = (
        np.random.default_rng([setting.region or 7, part]) for part in (0, 1)
    )  # what an image does to every model
    images = len(recording.test_images)
    originals = (
        (recording.test_images[: cell_outputs.SHOWN] / 127.5 - 1)
        .repeat(TRAINED_SIDE // SIDE, axis=1)
        .repeat(TRAINED_SIDE // SIDE, axis=2)
    )
    neurons = np.arange(recording.neurons)
    if setting.selected:
        neurons = neurons[:CHOSEN] if setting.group.startswith("significant") else neurons[CHOSEN:]
    arrays = {"neurons": neurons, "originals": originals, "validation_images": 8}
    if not setting.model.startswith("cnn"):
        mse = (
            error(setting, cell.seed)
            * hard.gamma(20, 1 / 20, images)
            * (1 + spread * own.normal(size=images))
            * (1 + spread * own.normal() / 2)
        )
        arrays |= {"mse": mse, "psnr": 10 * np.log10(4 / mse), "ssim": 1 - 4 * mse}
        arrays["shown"] = np.clip(
            originals + own.normal(0, np.sqrt(error(setting, cell.seed)), originals.shape), -1, 1
        )
    if setting.layer is not None:
        arrays["response"] = _predictions(
            recording.test_responses, quality(setting, cell.seed), unpredictable, own, spread
        )[:, neurons]
        arrays["validation_pcc"] = own.uniform(-0.2, 0.9, len(neurons))
    np.savez(
        os.path.join(place, cell_outputs.FILE),
        **{name: np.asarray(values, DTYPES[name]) for name, values in arrays.items()},
    )
    steps = 50 * np.arange(1, 13)
    _write_tables(place, setting, arrays, steps, own)
    return {
        "cell": cell.to_dict(),
        "recording": recording.digest,
        "seconds": 12.5,
        "steps": int(steps[-1]),
        "best_step": 400,
        "versions": VERSIONS,
        "dataset": {
            "name": recording.name,
            "simulated": recording.simulated,
            "digest": cell_outputs.part_of(recording, cell, neurons).digest,
        },
        "test": {"mse": 0.05, "pcc_normalized": None},
        "notes": ["a note"],
    }


def _predictions(observed, quality, shared, own, spread):
    """Predictions whose correlation with the responses falls from neuron to neuron, with mean `quality`, up to what differs between cells."""
    quality = quality * np.linspace(1.4, 0.6, observed.shape[1])
    signal = (observed - observed.mean(axis=0)) / observed.std(axis=0)
    noise = shared.normal(size=observed.shape) + 3 * spread * own.normal(size=observed.shape)
    noise -= noise.mean(axis=0)
    noise -= signal * (noise * signal).mean(axis=0)
    return quality * signal + np.sqrt(1 - quality**2) * noise / noise.std(axis=0) + 2


def _write_tables(place, setting, arrays, steps, own):
    terms = (
        ["loss"] + ["reconstruction"] * ("mse" in arrays) + ["response"] * ("response" in arrays)
    )
    table = {"step": steps, "stage": 1, "learning_rate": 1e-3}
    for name in terms:
        curve = 0.05 + np.exp(-steps / 150) * own.uniform(0.8, 1.2)
        table |= {f"train_{name}": curve, f"val_{name}": curve + 0.02}
    pd.DataFrame(table).to_csv(os.path.join(place, "history.csv"), index=False)
    if "response" in arrays:
        pcc = arrays["validation_pcc"]
        pd.DataFrame(
            {
                "neuron": np.arange(len(pcc)),
                "pcc": pcc,
                "p_value": 0.01,
                "significant": pcc > 0,
                "noise_ceiling": 0.8,
                "pcc_normalized": np.where(pcc > 0, pcc / 0.8, np.nan),
            }
        ).to_csv(os.path.join(place, "neurons.csv"), index=False)


def joint(setting):
    """Whether a setting learns both."""
    return setting.layer is not None and not setting.model.startswith("cnn")
