"""Grids on a cluster that a scheduler's address names: what is stopped, what is waited for, and who is let in."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from clusters import cluster, ended, family, wait_until
from refusal import refused
from runs import write_recording

from daenr_tf.experiments.cluster import client

GUIDE = Path(__file__).parents[1] / "docs" / "experiments.md"
# Two cells that sleep until they are asked to save.
COMMAND = """
import sys
from daenr_tf.commands import fit
from daenr_tf.experiments import cluster, grid
from daenr_tf.experiments.cells import Cell, setting
from daenr_tf.experiments.grid_progress import Show
from daenr_tf.experiments.study import Study
from stub_work import SLEEPS
_, address, results_dir, regions, grid.GRACE, grid.ANSWER = sys.argv
grid.GRACE, grid.ANSWER = int(grid.GRACE), int(grid.ANSWER)
wanted = [Cell(setting("cae_fr", int(region), 1, "ir", 2), SLEEPS) for region in regions]
def work():
    with cluster.client(scheduler=address) as client:
        grid.run_grid(client, wanted, Study("simulated", budget="quick"), results_dir, Show())
fit.leave("sleeper", work)
"""


def sleeper(address, folder, regions, grace=60, answer=10):
    """A command with a sleeping cell per region, all of them at work."""
    folder.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((os.path.dirname(__file__), os.getcwd())),
    }
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, address, str(folder), regions, str(grace), str(answer)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(
        lambda: (
            command.poll() is not None
            or len(list(folder.glob("cells/*/saved.ready"))) == len(regions)
        ),
        "cells at work",
    )
    assert command.poll() is None, command.stderr.read()
    return command


def stopped(command, number=signal.SIGINT):
    """Stop a command; what it says."""
    command.send_signal(number)
    said = command.communicate(timeout=60)[1]
    assert command.returncode == 130 and "Traceback" not in said, said
    return said


def saved(folder):
    return len(list(folder.glob("cells/*/saved")))


def at_work(folder):
    return [
        pid
        for pid in (int(line.split()[1]) for line in (folder / "trace").read_text().splitlines())
        if psutil.pid_exists(pid)
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_stop_reaches_this_studys_cells_on_every_worker_and_no_others(tmp_path, number):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with cluster(tmp_path, workers=2, threads=2, stub=True) as (address, _):
        first, second = sleeper(address, theirs, "3"), sleeper(address, ours, "123")
        with ended([first, second]):
            said = stopped(second, number)
            assert f"stopped by {number.name}; cells at work: 3 saved" in said
            assert saved(ours) == 3 and not at_work(ours)
            assert saved(theirs) == 0 and len(at_work(theirs)) == 1 and first.poll() is None
            assert "cells at work: 1 saved" in stopped(first)


def test_a_worker_that_does_not_answer_is_named_and_the_others_cells_are_saved(tmp_path):
    with cluster(tmp_path, workers=2, stub=True) as (address, workers):
        command = sleeper(address, tmp_path / "study", "12", grace=2, answer=2)
        with ended([command]):
            workers[0].send_signal(signal.SIGSTOP)
            said = stopped(command)
        assert re.search(
            r"cells at work: 1 saved; the worker at tcp://127.0.0.1:\d+ could not be asked to stop cells \(TimeoutError\)",
            said,
        ), said
        assert saved(tmp_path / "study") == 1


def study(recording, folder, address):
    return [
        sys.executable,
        "-m",
        "recipes.table4",
        "--dataset",
        recording,
        "--results-dir",
        str(folder),
        "--models",
        "cnn_fr",
        "--layers",
        "1",
        "--seeds",
        "1",
        "--budget",
        "quick",
        "--scheduler",
        address,
    ]


# One task before a pause and one after it.
PAUSED = """
import sys
from daenr_tf.experiments import cluster
with cluster.client(1) as client:
    for number in (1, 2):
        print(client.submit(pow, number, 1, pure=False).result(timeout=20), flush=True)
        sys.stdin.readline()
"""


def test_a_study_goes_on_after_its_machine_has_slept():
    environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "1s"}  # 300 s otherwise
    command = subprocess.Popen(
        [sys.executable, "-c", PAUSED],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with ended([command]):
        assert command.stdout.readline() == "1\n"
        command.send_signal(signal.SIGSTOP)
        time.sleep(7)  # dask waits for five seconds at the least
        command.send_signal(signal.SIGCONT)
        time.sleep(2)  # in which it looks again
        said, why = command.communicate("\n\n", timeout=60)
        assert said == "2\n" and command.returncode == 0, why


@pytest.mark.slow
def test_a_cell_that_a_killed_command_has_left_at_work_is_waited_for(tmp_path):
    recording, folder = write_recording(tmp_path / "mine.npz"), tmp_path / "study"
    with cluster(tmp_path, threads=2) as (address, (worker,)):
        command = subprocess.Popen(study(recording, folder, address), stderr=subprocess.DEVNULL)
        with ended([command]):
            wait_until(lambda: list(folder.glob("cells/*/lock")), "cell at work")
            (left,) = (
                process
                for process in family(worker.pid)
                if "daenr_tf.commands.cell" in process.cmdline()
            )
            left.suspend()
            command.kill()
        again = subprocess.Popen(
            study(recording, folder, address),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        with ended([again]):
            (log,) = folder.glob("logs/*.txt")
            wait_until(
                lambda: again.poll() is not None or "waiting for it" in log.read_text(),
                "cell that waits",
            )
            left.resume()
            said = again.communicate(timeout=120)[1]
        assert again.returncode == 0, said
        assert f"another run is at work here (process {left.pid} on" in log.read_text()


def documented(words, port):
    """The documented commands that start a cluster, on a free port."""
    blocks = [
        block
        for block in re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
        if words in block
    ]
    assert len(blocks) == 1
    lines = blocks[0].replace("8786", str(port)).splitlines()
    assert lines.pop().startswith("python -m recipes.reproduce --scheduler")
    return "set -e\n" + "\n".join(lines) + "\nwait\n"


@pytest.fixture(params=["dask worker tcp://", "dask worker tls://"], scope="module")
def guide_cluster(request, tmp_path_factory):
    """A cluster that the documented commands have started: (address, directory with the certificates, the commands' process)."""
    folder = tmp_path_factory.mktemp("cluster")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environment = {
        **os.environ,
        "TMPDIR": str(folder),
        "PATH": os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"])),
        "PYTHONPATH": os.getcwd(),
    }
    if "tls" in request.param and not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    shell = subprocess.Popen(
        ["bash", "-c", documented(request.param, port)],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = request.param.split()[-1] + f"127.0.0.1:{port}"
    with ended([shell]):
        wait_until(
            lambda: len({place.port for place in listening(shell)}) >= 5, "cluster"
        )  # scheduler 2, nanny 1, worker 2
        yield address, folder, shell


def listening(shell):
    found = set()
    for process in family(shell.pid):
        with contextlib.suppress(psutil.NoSuchProcess):  # one that has ended since
            found |= {
                connection.laddr
                for connection in process.net_connections()
                if connection.status == psutil.CONN_LISTEN
            }
    return found


def certificates(folder):
    names = {
        "REQUIRE_ENCRYPTION": "True",
        "TLS__CA_FILE": folder / "cert.pem",
        "TLS__CLIENT__CERT": folder / "cert.pem",
        "TLS__CLIENT__KEY": folder / "key.pem",
    }
    return {f"DASK_DISTRIBUTED__COMM__{name}": str(value) for name, value in names.items()}


def test_the_documented_clusters_listen_to_this_machine_alone(guide_cluster):
    _, _, shell = guide_cluster
    assert {address.ip for address in listening(shell)} == {"127.0.0.1"}


@pytest.mark.slow
@pytest.mark.parametrize("guide_cluster", ["dask worker tls://"], indirect=True)
def test_a_study_runs_on_the_documented_cluster_with_certificates(guide_cluster, tmp_path):
    address, folder, _ = guide_cluster
    done = subprocess.run(
        study(write_recording(tmp_path / "mine.npz"), tmp_path / "study", address),
        env={**os.environ, **certificates(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "1/1 cells, 0 failed" in done.stderr, done.stderr


@pytest.mark.parametrize("guide_cluster", ["dask worker tls://"], indirect=True)
@pytest.mark.parametrize(
    "changed, words",
    [
        (None, "found no distributed.comm.tls.ca-file"),
        (
            {"TLS__CLIENT__KEY": "nowhere.pem"},
            "nowhere.pem (distributed.comm.tls.client.key) is no file",
        ),
        (
            {"TLS__CLIENT__CERT": "other.pem", "TLS__CLIENT__KEY": "other-key.pem"},
            "TLS",
        ),  # in words of dask's
    ],
)
def test_who_has_not_the_certificate_is_turned_away_in_one_line(
    guide_cluster, tmp_path, changed, words
):
    address, folder, _ = guide_cluster
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=other",
            "-keyout",
            "other-key.pem",
            "-out",
            "other.pem",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    given = (
        {}
        if changed is None
        else certificates(folder)
        | {
            f"DASK_DISTRIBUTED__COMM__{name}": str(tmp_path / file)
            for name, file in changed.items()
        }
    )
    done = subprocess.run(
        study(write_recording(tmp_path / "mine.npz"), tmp_path / "study", address),
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (
        done.returncode == 2
        and done.stderr.count("\n") == 1
        and address in done.stderr
        and words in done.stderr
    ), done.stderr


@pytest.mark.parametrize("guide_cluster", ["dask worker tls://"], indirect=True)
def test_a_cluster_with_certificates_does_not_talk_without(guide_cluster):
    address, _, _ = guide_cluster
    with (
        refused("--scheduler: expected the address of a dask scheduler"),
        client(scheduler=address.replace("tls://", "tcp://")),
    ):
        pass
