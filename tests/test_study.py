"""Whole experiments from the command line, on a small recording: what they leave, how they are refused and killed, and how they go on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import pytest
from clusters import ended, wait_until
from runs import in_this_process, write_recording

from daenr_tf.commands import reproduce
from daenr_tf.experiments import cluster

SMALL = ("--layers", "1", "--budget", "quick")


def command(name, recording, folder, *options):
    return [
        sys.executable,
        "-m",
        f"recipes.{name}",
        "--dataset",
        str(recording),
        "--results-dir",
        str(folder),
        *SMALL,
        *options,
    ]


def go(name, recording, folder, *options, status=0):
    done = subprocess.run(
        command(name, recording, folder, *options), capture_output=True, text=True, timeout=900
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def refusal(name, recording, folder, *options):
    """The one line that refuses a study."""
    arguments = command(name, recording, folder, *options)[3:]
    done = in_this_process(reproduce.main, name, arguments)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def tables(folder):
    found = {}
    for name in sorted(os.listdir(folder / "tables")):
        found[name] = (folder / "tables" / name).read_bytes()
    return found


def cells(folder):
    """What each cell came to, times aside: dict of name -> (history, results, predictions)."""
    found = {}
    for place in sorted((folder / "cells").iterdir()):
        results = json.loads((place / "results.json").read_text())
        for name in ("seconds", "images_per_second"):
            results.pop(name, None)
        history = (place / "history.csv").read_bytes() if (place / "history.csv").exists() else b""
        arrays = dict(np.load(place / "outputs.npz")) if (place / "outputs.npz").exists() else {}
        found[place.name] = (
            history,
            results,
            {name: array.tobytes() for name, array in arrays.items()},
        )
    return found


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recording") / "mine.npz")


@pytest.fixture(scope="module")
def finished(recording, tmp_path_factory):
    """`table4` of CNN-FR1 with two seeds on one's own recording."""
    folder = tmp_path_factory.mktemp("study")
    return folder, go(
        "table4", recording, folder, "--models", "cnn_fr", "--seeds", "2", "--workers", "2"
    )


def test_a_study_leaves_its_cells_tables_and_report(finished):
    folder, done = finished
    assert set(os.listdir(folder)) >= {
        "cells",
        "logs",
        "tables",
        "report.html",
        "study.json",
    } and "lock" not in os.listdir(folder)
    assert {"table4.csv", "table4.md", "claims.csv"} <= set(os.listdir(folder / "tables"))
    assert len(cells(folder)) == 2
    for name in cells(folder):
        assert set(os.listdir(folder / "cells" / name)) == {
            "config.json",
            "history.csv",
            "neurons.csv",
            "outputs.npz",
            "results.json",
        }
    assert "report.html" in done.stdout and "2/2 cells, 0 failed" in done.stderr


def test_a_finished_study_trains_nothing_and_says_the_same(finished, recording):
    folder, _ = finished
    before = (
        {path: os.stat(path).st_mtime_ns for path in (folder / "cells").rglob("*")},
        tables(folder),
    )
    done = go("table4", recording, folder, "--models", "cnn_fr", "--seeds", "2")
    assert "2 of them finished before" in done.stderr
    assert (
        {path: os.stat(path).st_mtime_ns for path in (folder / "cells").rglob("*")},
        tables(folder),
    ) == before


def test_a_damaged_cell_of_a_finished_study_is_told_and_not_trained_over(
    finished, recording, tmp_path
):
    folder = tmp_path / "study"
    shutil.copytree(finished[0], folder)
    place = next((folder / "cells").iterdir())
    (place / "history.csv").write_text("")
    options = ("--models", "cnn_fr", "--seeds", "2")
    before = (place / "results.json").read_bytes()
    done = go("table4", recording, folder, *options, status=1)
    assert (
        f"damaged: {place.name}: {place}/history.csv: expected a CSV table with at least one row"
        in done.stderr
    )
    assert "1 of 2 cells are finished and damaged" in done.stderr and "report.html" in done.stdout
    assert f"{place.name}</code></th><td>damaged</td>" in (folder / "report.html").read_text()
    assert (place / "results.json").read_bytes() == before and (
        place / "history.csv"
    ).read_bytes() == b""
    assert (
        f"{place.name}  (damaged: " in go("table4", recording, folder, *options, "--dry-run").stdout
    )


def test_no_cell_is_trained_on_a_recording_that_was_replaced_while_the_study_runs(tmp_path):
    own, folder = tmp_path / "mine.npz", tmp_path / "study"
    write_recording(own)
    write_recording(tmp_path / "other.npz", seed=1)
    process = subprocess.Popen(
        command("table4", own, folder, "--models", "cnn_fr", "--seeds", "2", "--workers", "1"),
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(folder.glob("cells/*/config.json")):  # the first cell has its recording
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    os.replace(tmp_path / "other.npz", own)
    said = process.communicate(timeout=600)[1]
    assert process.returncode == 1 and "Traceback" not in said and "1 of 2 cells failed" in said
    assert (
        said.count("mine.npz: expected the recording with digest") == 2
    )  # when it happens, and in the end
    assert (
        len(cells(folder)) == 1 and "1 of 2 cells finished" in (folder / "report.html").read_text()
    )


def test_another_dataset_or_budget_is_refused_by_the_first_difference(
    finished, recording, tmp_path
):
    folder, _ = finished
    other = write_recording(tmp_path / "mine.npz", seed=1)
    said = refusal("table4", other, folder)
    assert "--results-dir: expected a study with the recording " in said
    said = refusal("table4", recording, folder, "--budget", "paper")
    assert "expected a study with budget paper" in said
    said = refusal("table4", recording, folder, "--regions", "1")
    assert "expected a study with alpha:beta of region 1" in said
    said = refusal("table4", other, folder, "--dry-run")
    assert "--results-dir: expected a study with the recording " in said


def test_settings_given_reach_the_cells_that_have_them_and_the_report_and_belong_to_the_study(
    finished, recording, tmp_path
):
    folder = tmp_path / "study"
    options = ("--models", "cnn_fr", "--seeds", "1")
    given = ("--max-steps", "20", "--image-size", "8", "--readout-l1", "0.5", "--latent-size", "7")
    given += ("--resize", "area", "--batch-norm-momentum", "0.99")
    done = go("table4", recording, folder, *options, *given)
    told = (
        "--max-steps 20 --image-size 8x8 --resize area --batch-norm-momentum 0.99 --latent-size 7"
        " --readout-l1 0.5"
    )
    assert f"settings given: {told}" in done.stdout
    config = json.loads(next(folder.glob("cells/*/config.json")).read_text())
    assert (config["max_steps"], config["image_size"], config["readout_l1"]) == (20, [8, 8], 0.5)
    assert (config["resize"], config["batch_norm_momentum"]) == ("area", 0.99)
    assert (
        config["latent_size"] == 100 and config["quick"]
    )  # it has no latent variables; the budget is as it was asked for
    assert json.loads((folder / "study.json").read_text())["settings"] == {
        "max_steps": 20,
        "image_size": [8, 8],
        "resize": "area",
        "batch_norm_momentum": 0.99,
        "readout_l1": 0.5,
        "latent_size": 7,
    }
    report = (folder / "report.html").read_text()
    assert told in report and "trained for at most 20 steps" in report
    assert "Images of 10x12 are resized to 8x8" in report
    assert (pd.read_csv(folder / "tables" / "table4.csv")["settings"] == told).all()
    assert f"Settings given: `{told}`." in (folder / "tables" / "table4.md").read_text()
    said = refusal("table4", recording, folder, *options, *given, "--max-steps", "30")
    assert f"expected a study with --max-steps 30, found {folder} with --max-steps 20;" in said
    said = refusal("table4", recording, folder, *options, *given[2:])
    assert "expected a study with no --max-steps, found" in said
    said = refusal("table4", recording, finished[0], *options, *given)
    assert "expected a study with --max-steps 20, found" in said and "with no --max-steps;" in said


def test_a_setting_that_says_the_default_and_a_study_of_before_settings_were_noted_are_the_same_study(
    finished, recording, tmp_path
):
    folder = tmp_path / "study"
    shutil.copytree(finished[0], folder)
    noted = json.loads((folder / "study.json").read_text())
    del noted["settings"]
    (folder / "study.json").write_text(json.dumps(noted))
    done = go(
        "table4",
        recording,
        folder,
        "--models",
        "cnn_fr",
        "--seeds",
        "2",
        "--batch-size",
        "64",
        "--color",
        "grey",
    )
    assert "2 of them finished before" in done.stderr and tables(folder) == tables(finished[0])
    assert json.loads((folder / "study.json").read_text())["settings"] == {}


def test_repeats_become_the_test_set_of_every_cell_and_belong_to_the_study(tmp_path):
    path, folder = tmp_path / "mine.npz", tmp_path / "study"
    images = np.random.default_rng(0).integers(0, 256, (46, 10, 12), np.uint8)
    images = np.concatenate([images, images[:6], images[:4]])
    np.savez(path, images=images, responses=np.random.default_rng(1).gamma(1.0, 1.0, (56, 4)))
    options = ("--models", "cnn_fr", "--seeds", "1", "--max-steps", "20", "--repeats-as-test")
    done = go("table4", path, folder, *options)
    assert "settings given: --repeats-as-test --max-steps 20" in done.stdout
    (place,) = (folder / "cells").iterdir()
    assert json.loads((place / "config.json").read_text())["repeats_as_test"] is True
    assert np.load(place / "outputs.npz")["response"].shape == (6, 4)
    report = (folder / "report.html").read_text()
    assert "6 test images (2 to 3 times each)" in report and "--repeats-as-test" in report
    assert "The 6 stimuli that were shown several times are the test set" in report
    assert "1 of them finished before" in go("table4", path, folder, *options).stderr
    for asked in (options[:-1], (*options, "--no-repeats-as-test")):
        said = go("table4", path, folder, *asked, status=2).stderr
        assert "expected a study with no --repeats-as-test, found" in said
        assert "with --repeats-as-test;" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        "rubbish",
        '{"recordings": {}, "settings": 3}',
        '{"recordings": 3}',
        '{"recordings": ["mine"]}',
    ],
)
def test_a_damaged_study_file_is_refused_in_one_line(content, recording, tmp_path):
    (tmp_path / "study.json").write_text(content)
    assert "which is not what a study writes" in refusal("table4", recording, tmp_path)


def test_a_fifo_for_a_study_file_is_refused_and_not_waited_for(recording, tmp_path):
    os.mkfifo(tmp_path / "study.json")
    assert "study.json" in refusal("table4", recording, tmp_path)


def test_a_data_directory_without_a_name_is_refused(recording, tmp_path):
    assert "--data-dir: expected a path" in refusal("table4", recording, tmp_path, "--data-dir", "")


def test_what_a_kill_within_a_save_left_is_removed_and_nothing_else(finished, recording):
    folder, _ = finished
    left = [
        folder / name
        for name in (
            "study.json.7.part",
            "tables/table4.csv.8.part",
            "figures/claim_C4.png.9.part",
            ".seen-10",
        )
    ]
    mine = [folder / name for name in ("thesis.7.part", "tables/mine.part")]
    for path in (*left, *mine):
        path.write_text("half")
    go("table4", recording, folder, "--models", "cnn_fr", "--seeds", "2")
    assert not any(path.exists() for path in left) and all(path.exists() for path in mine)
    for path in mine:
        path.unlink()


def test_a_directory_that_is_no_study_is_refused(recording, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    assert "thesis.tex" in go("table4", recording, tmp_path, status=2).stderr
    assert os.listdir(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize(
    "options, words",
    [
        (("--models", "vae"), "--models: expected models of table4 (cnn_fr, cae_fr), found vae"),
        (("--layers", "5"), "--layers: expected layers out of 1, 2, 3, 4, found '5'"),
        (("--regions", "1,2"), "--regions: expected the one region whose alpha:beta are taken"),
        (("--seeds", "0"), "--seeds: expected a whole number from 1 to 1000, found '0'"),
        (
            ("--workers", "2", "--scheduler", "tcp://127.0.0.1:1"),
            "--workers: expected no number beside --scheduler",
        ),
        (
            ("--scheduler", "tcp://127.0.0.1:1"),
            "--scheduler: expected the address of a dask scheduler",
        ),
        (("--results-dir", ""), "--results-dir: expected a path, found ''"),
        (("--max-steps", "0"), "--max-steps: expected a whole number from 1 to"),
        (
            ("--image-size", "30"),
            "--image-size: expected height and width in pixels, multiples of 4",
        ),
        (("--readout-l1", "-1"), "--readout-l1: expected a number of at least 0"),
        (
            ("--codebook-size", "0", "--models", "cnn_fr"),
            "--codebook-size: expected a whole number from 1 to",
        ),
        (("--color", "rgb"), "--color: expected a recording in colour for rgb"),
        (("--repeats-as-test",), "mine.npz: test_images: expected none with --repeats-as-test"),
        (("--alpha", "1"), "--alpha: expected an option (see --help), found an unknown argument"),
        (
            ("--only", "table2"),
            "--only: expected an option (see --help), found an unknown argument",
        ),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_line(
    recording, tmp_path, monkeypatch, options, words
):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    assert words in refusal("table4", recording, tmp_path / "study", *options)


def test_a_dry_run_prints_the_cells_and_a_time_and_leaves_nothing(recording, tmp_path):
    done = go(
        "table4", recording, tmp_path / "study", "--models", "cnn_fr", "--seeds", "2", "--dry-run"
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["cnn_fr-l1-nrs-a0.0-b1.0-s0", "cnn_fr-l1-nrs-a0.0-b1.0-s1"]
    assert "2 cells, 0 of them finished" in done.stdout and "min with" in lines[-1]
    assert not (tmp_path / "study").exists()


@pytest.mark.slow
def test_the_same_cells_on_a_cluster_end_in_the_same_bits(finished, recording, tmp_path):
    """On a scheduler and a worker in processes of their own, reached by address."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        go(
            "table4",
            recording,
            tmp_path,
            "--models",
            "cnn_fr",
            "--seeds",
            "2",
            "--scheduler",
            cluster.scheduler_address,
        )
    assert cells(tmp_path) == cells(finished[0]) and tables(tmp_path) == tables(finished[0])


def test_a_study_whose_terminal_is_lost_saves_the_cells_at_work_and_says_how_to_go_on(
    recording, tmp_path
):
    study = subprocess.Popen(
        command("table4", recording, tmp_path / "study", "--models", "cae_fr", "--seeds", "1"),
        stderr=subprocess.PIPE,
        text=True,
    )
    with ended([study]):
        wait_until(lambda: list(tmp_path.glob("study/cells/*/checkpoint/state.npz")), "saved state")
        study.send_signal(signal.SIGHUP)
        said = study.communicate(timeout=120)[1]
    assert study.returncode == 130 and "Traceback" not in said, said
    assert said.endswith(
        "recipes.table4: stopped by SIGHUP; cells at work: 1 saved; 0 of 1 cells are finished;"
        f" the same command goes on with {tmp_path / 'study'}\n"
    ), said
    assert "lock" not in os.listdir(tmp_path / "study") and not list(
        tmp_path.glob("study/cells/*/lock")
    )


@pytest.mark.slow
def test_ten_kills_of_the_whole_command(recording, tmp_path):
    """Killed (-9) at random instants: no finished cell is trained again, nothing is left behind, and the end is the same to the bit."""
    options = ("--seeds", "2", "--workers", "2")
    started = time.monotonic()
    go("table3", recording, tmp_path / "whole", *options)
    seconds = time.monotonic() - started
    generator, kills = np.random.default_rng(0), 0
    for attempt in range(100):
        folder, kept = tmp_path / f"killed-{attempt}", {}
        for instant in generator.uniform(0.02, 0.6, 5):
            process = subprocess.Popen(
                command("table3", recording, folder, *options),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                process.wait(timeout=instant * seconds)
            except subprocess.TimeoutExpired:
                with psutil.Process(process.pid).oneshot():
                    children = psutil.Process(process.pid).children(recursive=True)
                process.kill()
                kills += 1
                assert not psutil.wait_procs(children, timeout=10)[1], "a process is left behind"
            process.wait()
            now = {path: os.stat(path).st_mtime_ns for path in folder.glob("cells/*/results.json")}
            assert {path: now.get(path) for path in kept} == kept, (
                "a finished cell was lost or trained again"
            )
            kept = now
        go("table3", recording, folder, *options)
        assert {path: os.stat(path).st_mtime_ns for path in kept} == kept
        assert cells(folder) == cells(tmp_path / "whole") and tables(folder) == tables(
            tmp_path / "whole"
        )
        if kills >= 10:
            return
    pytest.fail(f"only {kills} kills")
