"""Runs of recipes from the command line on a small recording, for the tests."""

import contextlib
import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from daenr_tf.commands import fit

SMALL = ("--image-size", "8", "--max-steps", "20", "--validate-every", "5", "--batch-size", "16")


# What `results.json` of a finished run has in it; `config` is whole in a real one.
RESULTS = {
    "recipe": "cae_fr",
    "dataset": {
        "name": "simulated-r3",
        "simulated": True,
        "counts": {"train": 1440, "validation": 360, "test": 50, "neurons": 102, "repeats": 12},
        "digest": "0123456789abcdef" * 4,
    },
    "config": {
        "recipe": "cae_fr",
        "layer": 2,
        "seed": 0,
        "task": "nrs",
        "alpha": 0.5,
        "beta": 1.0,
        "image_size": [32, 32],
        "dataset": "simulated",
    },
    "test": {"mse": 0.04, "psnr": 20.0, "ssim": 0.75, "pcc": 0.5},
    "validation": {"pcc": 0.41, "mse": 0.05, "monitored_loss": 0.9},
    "noise_ceiling": 0.798,
    "paper": None,
    "steps": 900,
    "best_step": 850,
    "parameters": 1000,
    "seconds": 61.4,
    "images_per_second": 800.0,
    "saved_model": None,
}


def write_recording(path, seed=0):
    """80 images of 10x12 pixels, 4 neurons, 9 test images shown 3 times, in an NPZ file."""
    generator = np.random.default_rng(seed)
    np.savez(
        path,
        images=generator.integers(0, 256, (80, 10, 12), dtype=np.uint8),
        responses=generator.gamma(1.0, 1.0, (80, 4)),
        test_images=generator.integers(0, 256, (9, 10, 12), dtype=np.uint8),
        test_trials=generator.gamma(1.0, 1.0, (3, 9, 4)),
    )
    return str(path)


def command(recipe, folder, *options):
    """The command of a small run whose files go to `folder`."""
    return [
        sys.executable,
        "-m",
        f"recipes.{recipe}",
        "--run-dir",
        os.path.join(folder, "run"),
        "--export-dir",
        os.path.join(folder, "export"),
        *SMALL,
        *options,
    ]


def go(recipe, folder, *options, status=0):
    """Run it and see that it ends with `status`."""
    done = subprocess.run(
        command(recipe, folder, *options), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def in_this_process(main, *arguments):
    """A command line where the process is not the point: what `subprocess.run` would have given."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        with pytest.raises(SystemExit) as left:
            main(*arguments)
    return subprocess.CompletedProcess(
        arguments, left.value.code or 0, out.getvalue(), err.getvalue()
    )


def go_here(recipe, folder, *options, status=0):
    """As `go`, in this process."""
    done = in_this_process(fit.main, recipe, command(recipe, folder, *options)[3:])
    assert done.returncode == status, done.stderr
    return done


def read_json(*parts):
    """A strict JSON file."""
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return json.load(
            file, parse_constant=lambda name: pytest.fail(f"{name} is not strict JSON")
        )


def outcome(folder):
    """What a run came to, times and places aside: (bytes of history.csv, results, weights by name)."""
    import h5py

    with open(os.path.join(folder, "run", "history.csv"), "rb") as file:
        history = file.read()
    results = read_json(folder, "run", "results.json")
    for name in ("seconds", "images_per_second"):
        results.pop(name)
    results["saved_model"] = os.path.basename(results["saved_model"])
    weights = {}
    with zipfile.ZipFile(os.path.join(folder, "run", "model.keras")) as archive:
        content = archive.read("model.weights.h5")

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            weights[name] = item[()].tobytes()

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(keep)
    return history, results, weights
