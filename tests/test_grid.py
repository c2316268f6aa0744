"""The grid: which cells run, in what order, what becomes of those that fail, and that nothing is left behind."""

import fcntl
import functools
import io
import json
import os
import signal
import subprocess
import sys
import time

import dask
import psutil
import pytest
from dask.system import CPU_COUNT
from distributed.system import MEMORY_LIMIT
from stub_work import DIES, FAILS, SILENT, SLEEPS

from daenr_tf.errors import InputError
from daenr_tf.experiments import cluster, grid, worker
from daenr_tf.experiments.cells import INSIGNIFICANT, SHUFFLED, SIGNIFICANT, Cell, setting
from daenr_tf.experiments.grid_progress import Show
from daenr_tf.experiments.study import Study

STUDY = Study("simulated", budget="quick")


def cells(*seeds, group="all"):
    return [Cell(setting("cae_fr", 3, 1, "ir", 2, group=group), seed) for seed in seeds]


@pytest.fixture
def stub(monkeypatch):
    """Cells' processes are `stub_work`."""
    monkeypatch.setattr(worker, "_WORK", "stub_work")
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))


@pytest.fixture(scope="module")
def client():
    with cluster.client(workers=2) as client:
        yield client


def read(folder, cell):
    """Stands in for `outputs.Finished.read`, as the stub for the process."""
    try:
        return json.loads((folder / "cells" / cell.name / "results.json").read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        raise InputError("results.json: expected the stub's, found others") from None


def run(client, wanted, folder):
    stream = io.StringIO()
    outcomes = grid.run_grid(
        client, wanted, STUDY, str(folder), Show(stream), functools.partial(read, folder)
    )
    return {outcome.cell: outcome for outcome in outcomes}, stream.getvalue()


def trained(folder):
    with open(folder / "trace", encoding="utf-8") as trace:
        return [line.split()[0] for line in trace]


def test_every_cell_runs_once_and_a_finished_one_never_again(stub, client, tmp_path):
    outcomes, said = run(client, cells(0, 1, 2), tmp_path)
    assert [outcome.status for outcome in outcomes.values()] == ["done"] * 3
    assert "3 cells, 0 of them finished before, 2 at once" in said and "3/3 cells, 0 failed" in said
    outcomes, said = run(client, cells(0, 1, 2, 3), tmp_path)
    assert sorted(outcome.status for outcome in outcomes.values()) == [
        "done",
        "kept",
        "kept",
        "kept",
    ]
    assert sorted(trained(tmp_path)) == sorted(cell.name for cell in cells(0, 1, 2, 3))


def test_a_cell_that_fails_is_told_with_its_log_and_stops_no_other(stub, client, tmp_path):
    outcomes, said = run(client, cells(0, FAILS, DIES, 1), tmp_path)
    by_seed = {cell.seed: outcome for cell, outcome in outcomes.items()}
    assert {seed: outcome.status for seed, outcome in by_seed.items()} == {
        0: "done",
        1: "done",
        FAILS: "failed",
        DIES: "failed",
    }
    assert by_seed[FAILS].message == "NoLuck: expected luck, found none"
    assert "signal 9" in by_seed[DIES].message
    with open(worker.log_file(str(tmp_path), cells(FAILS)[0]), encoding="utf-8") as log:
        assert "something went wrong" in log.read()
    assert f"failed: {cells(FAILS)[0].name}: NoLuck" in said and "2 failed" in said
    outcomes, _ = run(client, cells(0, FAILS), tmp_path)
    assert sorted(outcome.status for outcome in outcomes.values()) == ["failed", "kept"]


def test_a_cell_that_ends_in_silence_is_not_told_by_what_an_earlier_attempt_said(
    stub, client, tmp_path
):
    (cell,) = cells(SILENT)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / f"{cell.name}.txt").write_text("NoLuck: expected luck, found none\n")
    outcomes, _ = run(client, [cell], tmp_path)
    assert outcomes[cell].message == "its process ended with status 1 and said nothing"


def test_a_finished_cell_whose_files_were_damaged_is_told_and_not_trained_over(
    stub, client, tmp_path
):
    run(client, cells(0, 1), tmp_path)
    path = tmp_path / "cells" / cells(0)[0].name / "results.json"
    path.write_text("rubbish")
    outcomes, said = run(client, cells(0, 1), tmp_path)
    assert [outcome.status for outcome in outcomes.values()] == ["damaged", "kept"]
    assert f"damaged: {cells(0)[0].name}: results.json: expected the stub's" in said
    assert path.read_text() == "rubbish" and len(trained(tmp_path)) == 2


def test_a_cell_whose_neurons_another_chooses_waits_for_it(stub, client, tmp_path):
    wanted = [
        *cells(0, 1, FAILS),
        *cells(0, 1, FAILS, group=SIGNIFICANT),
        *cells(0, 1, group=INSIGNIFICANT),
        *cells(0, group=SHUFFLED),
    ]
    outcomes, _ = run(client, wanted, tmp_path)  # the stub sees that the first is finished
    failed = {cell for cell, outcome in outcomes.items() if outcome.status != "done"}
    assert failed == {*cells(FAILS), *cells(FAILS, group=SIGNIFICANT)}
    assert "chooses its neurons" in outcomes[cells(FAILS, group=SIGNIFICANT)[0]].message


def test_as_many_threads_are_taken_as_the_environment_asks_for(stub, client, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    run(client, cells(0), tmp_path)
    assert (tmp_path / "trace").read_text().split()[2] == "7"


def test_threads_and_memory_are_shared_out(stub, client, tmp_path, monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    run(client, cells(0), tmp_path)
    _, _, threads, memory = (tmp_path / "trace").read_text().split()
    assert int(threads) == max(1, CPU_COUNT // 2)
    assert int(memory) == pytest.approx(worker.MEMORY_SHARE * MEMORY_LIMIT / 2, rel=1e-6)


def test_the_memory_shared_out_is_what_a_container_may_have(stub, client, tmp_path, monkeypatch):
    monkeypatch.setattr("distributed.system.MEMORY_LIMIT", 4_000_000_000)
    run(client, cells(0), tmp_path)
    assert int((tmp_path / "trace").read_text().split()[3]) == pytest.approx(
        worker.MEMORY_SHARE * 2_000_000_000, rel=1e-6
    )


def listening():
    return {
        connection.laddr
        for connection in psutil.Process().net_connections()
        if connection.status == psutil.CONN_LISTEN
    }


def test_two_clusters_run_on_one_machine_and_none_listens_to_another():
    """That a port is taken already would be a warning, and with it an error here."""
    before = listening()
    with cluster.client(workers=2) as first, cluster.client(workers=1) as second:
        assert sum(first.nthreads().values()) == 2 and sum(second.nthreads().values()) == 1
        assert {address.ip for address in listening() - before} == {"127.0.0.1"}


def test_a_cluster_of_this_machine_needs_no_certificate_that_is_configured_for_another():
    with (
        dask.config.set({"distributed.comm.require-encryption": True}),
        cluster.client(workers=1) as client,
    ):
        assert all(address.startswith("inproc://") for address in client.nthreads())


def test_a_scheduler_that_does_not_answer_is_refused_by_its_address():
    with (
        pytest.raises(
            InputError,
            match="--scheduler: expected the address of a dask scheduler, found 'nowhere'",
        ),
        cluster.client(scheduler="nowhere"),
    ):
        pass


PLANTED = """
import sys
from daenr_tf.experiments import cluster
with cluster.client(workers=1) as client:
    print(sum(client.nthreads().values()))
"""


def test_what_another_user_left_in_the_shared_scratch_directory_is_neither_touched_nor_waited_for(
    tmp_path,
):
    """A link to one's own file where dask has its lock, and that lock held."""
    precious, scratch = tmp_path / "thesis.tex", tmp_path / "tmp" / "dask-scratch-space"
    precious.write_text("precious")
    scratch.mkdir(parents=True)
    for name in ("global.lock", "purge.lock"):
        (scratch / name).symlink_to(precious)
    with open(precious, encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-c", PLANTED],
            env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.stdout == "1\n", done.stderr
    assert precious.read_text() == "precious"
    assert os.listdir(tmp_path / "tmp") == ["dask-scratch-space"] and sorted(
        os.listdir(scratch)
    ) == ["global.lock", "purge.lock"]


SLEEPER = """
import sys
from daenr_tf.commands import fit
from daenr_tf.experiments import cluster, grid, worker
from daenr_tf.experiments.cells import Cell, setting
from daenr_tf.experiments.grid_progress import Show
from daenr_tf.experiments.study import Study
worker._WORK = "stub_work"
wanted = [Cell(setting("cae_fr", 3, 1, "ir", 2), seed) for seed in (0, 1, 103, 2)]
def work():
    with cluster.client(workers=1) as client:
        grid.run_grid(client, wanted, Study("simulated", budget="quick"), sys.argv[1], Show())
fit.leave("sleeper", work)
"""


@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGINT", "SIGTERM", "SIGHUP"])
def test_a_command_that_is_stopped_leaves_no_process_and_no_cell_is_trained_again(
    stub, client, tmp_path, signal_name
):
    command, asleep = asleep_in(tmp_path)
    try:
        _see_it_stopped(command, tmp_path, asleep, getattr(signal, signal_name))
    finally:
        command.kill()
        command.wait()
    run(client, cells(0, 1, 2), tmp_path)
    assert len(trained(tmp_path)) == 4 and sorted(set(trained(tmp_path)) - {asleep.name}) == sorted(
        cell.name for cell in cells(0, 1, 2)
    )


def test_a_hangup_that_nohup_ignores_stops_nothing(stub, tmp_path):
    command, asleep = asleep_in(tmp_path, "nohup")
    try:
        command.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert command.poll() is None and not (tmp_path / "cells" / asleep.name / "saved").exists()
        _see_it_stopped(command, tmp_path, asleep, signal.SIGTERM)
    finally:
        command.kill()
        command.wait()


def test_a_second_hangup_does_not_keep_cells_from_saving(stub, tmp_path):
    """A terminal that closes sends one from its shell and one from the system."""
    command, asleep = asleep_in(tmp_path)
    try:
        command.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        _see_it_stopped(command, tmp_path, asleep, signal.SIGHUP)
    finally:
        command.kill()
        command.wait()


def asleep_in(tmp_path, *before):
    """A command with cells, one of which sleeps by now: (process, that cell)."""
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    command = subprocess.Popen(
        [*before, sys.executable, "-c", SLEEPER, str(tmp_path)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    (asleep,) = cells(SLEEPS)
    while not (tmp_path / "cells" / asleep.name / "saved.ready").exists():
        assert command.poll() is None, command.stderr.read()
        time.sleep(0.05)
    return command, asleep


def _see_it_stopped(command, tmp_path, asleep, number):
    command.send_signal(number)
    _, said = command.communicate(timeout=120)
    assert "Traceback" not in said, said
    assert command.returncode == (-9 if number == signal.SIGKILL else 130), said
    if number != signal.SIGKILL:
        assert f"sleeper: stopped by {signal.Signals(number).name}; cells at work: 1 saved" in said
        assert (tmp_path / "cells" / asleep.name / "saved").exists()
    pids = [int(line.split()[1]) for line in (tmp_path / "trace").read_text().splitlines()]
    until = time.monotonic() + 60
    while any(map(psutil.pid_exists, pids)):
        assert time.monotonic() < until, "a cell's process is left behind"
        time.sleep(0.05)
