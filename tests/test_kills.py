"""A run that is killed (-9) at any instant and started again comes to the end that it would have come to."""

import subprocess
import time

import numpy as np
import pytest
from runs import command, go, outcome, write_recording

RECIPES = ("cae_fr", "vae_fc", "vqvae_fm", "cnn_fm", "vae_fr")  # every bottleneck and every readout
BUDGET = ("--max-steps", "160", "--patience-steps", "40", "--validate-every", "5")


def killed_and_resumed(recipe, folder, recording, seconds, instants):
    """Start the run, kill it at each of the instants (shares of the whole run's time), then let it end.

    Returns:
        (number of kills, the whole run's time as it is now known: a machine that was busy may be idle by now).
    """
    kills = 0
    for number, instant in enumerate(instants):
        started = time.monotonic()
        process = subprocess.Popen(
            command(recipe, folder, "--dataset", recording, *BUDGET),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            process.wait(timeout=instant * seconds)
            if number == 0:
                seconds = min(seconds, time.monotonic() - started)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        said = process.communicate()[1]
        assert process.returncode in (0, -9) and "Traceback" not in said, said
    go(recipe, folder, "--dataset", recording, *BUDGET)
    return kills, seconds


def whole_run(recipe, folder, recording):
    started = time.monotonic()
    go(recipe, folder, "--dataset", recording, *BUDGET)
    return outcome(folder), time.monotonic() - started


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_forty_kills_at_random_instants(recipe, tmp_path):
    recording = write_recording(tmp_path / "mine.npz")
    expected, seconds = whole_run(recipe, str(tmp_path / "whole"), recording)
    generator = np.random.default_rng(RECIPES.index(recipe))
    kills, attempt = 0, 0
    while kills < 40 // len(RECIPES):
        folder, attempt = str(tmp_path / f"killed-{attempt}"), attempt + 1
        more, seconds = killed_and_resumed(
            recipe, folder, recording, seconds, generator.uniform(0.02, 1.0, 2)
        )
        kills += more
        assert outcome(folder) == expected
