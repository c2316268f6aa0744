"""Runs and grids that are killed, stopped, started twice at once and gone on with, at random: nothing is lost, nothing foreign is touched."""

import signal
import subprocess
import time

import numpy as np
import pytest
import test_study
from runs import command, outcome, write_recording

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
RUN = ("--max-steps", "120", "--patience-steps", "40", "--validate-every", "5")
STUDY = ("--models", "cae,cae_fr", "--seeds", "2", "--workers", "2")
EVENTS = 50
LONGEST = 15.0  # seconds until a command is disturbed


class Work:
    """Something that a command brings to an end, however often it is disturbed.

    Args:
        arguments: list of str, the command.
        come_to: called without arguments, gives what it came to.
        files: paths that are none of ours, in its directory; they are made after it was begun.
        begun: the path that says that it was: a directory without it is nobody's yet, and refused with what is none of ours in it.
    """

    def __init__(self, arguments, come_to, files, begun):
        self.arguments, self.come_to, self.files, self.begun = arguments, come_to, files, begun
        self.running = []

    def start(self):
        self.running.append(
            subprocess.Popen(
                self.arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        )

    def disturb(self, number, seconds):
        """Let it work, send every process of it a signal, and see how each ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and any(process.poll() is None for process in self.running):
            time.sleep(0.05)
        for process in self.running:
            process.send_signal(number)
        self.end((0, 1, 130, -number), seconds=120)
        for path in self.files:
            if self.begun.exists() and path.parent.is_dir() and not path.exists():
                path.write_text("mine")

    def end(self, allowed, seconds=600):
        for process in self.running:
            _, said = process.communicate(timeout=seconds)
            assert process.returncode in allowed and "Traceback" not in said, (
                process.returncode,
                said,
            )
            if process.returncode == 1:  # of two that were started at once one is turned away
                assert (
                    "is at work here" in said
                    or "removed or taken" in said
                    or "cells failed" in said
                ), said
        self.running = []


@pytest.mark.slow
def test_fifty_random_disturbances_lose_nothing_and_touch_nothing_foreign(tmp_path):
    generator = np.random.default_rng(10)
    recording = write_recording(tmp_path / "mine.npz")

    def run_in(folder):
        place = tmp_path / folder / "run"
        files = [
            place / "thesis.txt",
            place / "checkpoint" / "w.bin",
            place / "figures" / "drawn_by_hand.png",
        ]
        return Work(
            command("vae_fc", str(tmp_path / folder), "--dataset", recording, *RUN),
            lambda: outcome(str(tmp_path / folder)),
            files,
            place / "config.json",
        )

    def study_in(folder):
        place = tmp_path / folder
        files = [place / name for name in ("thesis.txt", "logs/mine.txt", "figures/mine.png")]
        arguments = test_study.command("table2", recording, place, *STUDY)
        return Work(
            arguments,
            lambda: (test_study.cells(place), test_study.tables(place)),
            files,
            place / "study.json",
        )

    whole = {}
    for kind, make in (("run", run_in), ("study", study_in)):
        work = make(f"whole-{kind}")
        work.start()
        work.end((0,))
        whole[kind] = work.come_to()

    events, round_ = 0, 0
    while events < EVENTS:
        kind, make = (("run", run_in), ("study", study_in))[round_ % 2]
        work = make(f"{kind}-{round_}")
        for _ in range(generator.integers(2, 5)):
            for _ in range(1 + (generator.random() < 0.3)):  # now and then two commands at once
                work.start()
            work.disturb(SIGNALS[generator.integers(len(SIGNALS))], generator.uniform(0.2, LONGEST))
            events += 1
        work.start()
        work.end((0,))
        assert work.come_to() == whole[kind], f"{kind} {round_}"
        made = [path for path in work.files if path.parent.is_dir() and path.exists()]
        assert all(path.read_text() == "mine" for path in made)
        round_ += 1
