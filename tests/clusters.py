"""Dask clusters in processes of their own, which see this machine alone, for the tests."""

import contextlib
import json
import os
import subprocess
import sys
import time

import psutil

PATIENCE = 60  # seconds
# A worker whose cells' processes are `stub_work`.
STUB_WORKER = """
import sys
from distributed.cli.dask_worker import main
from daenr_tf.experiments import worker
worker._WORK = "stub_work"
main(sys.argv[1:])
"""


def wait_until(true, what):
    """Look until something is true; what it then is."""
    until = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < until, f"no {what} in {PATIENCE} s"
        time.sleep(0.05)
    return found


def family(pid):
    """A process and all that it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


@contextlib.contextmanager
def ended(processes):
    """When it is left, the processes and all that they started have been ended."""
    try:
        yield
    finally:
        members = [member for process in processes for member in family(process.pid)]
        for member in members:  # dask takes long to end by itself once its scheduler is gone
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        assert not psutil.wait_procs(members, timeout=10)[1], "a process is left behind"
        for process in processes:
            process.wait(timeout=10)


@contextlib.contextmanager
def cluster(folder, workers=1, threads=1, stub=False):
    """A scheduler and workers. Gives (address, the workers' processes)."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((os.path.dirname(__file__), os.getcwd())),
        "DASK_TEMPORARY_DIRECTORY": str(folder),
    }
    file, private = (
        folder / "scheduler.json",
        ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"),
    )
    ours = []

    def start(*arguments):
        ours.append(
            subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    with ended(ours):
        start(
            "-m",
            "distributed.cli.dask_scheduler",
            "--port",
            "0",
            "--scheduler-file",
            file,
            *private,
        )
        address = wait_until(
            lambda: file.exists() and json.loads(file.read_text() or "{}").get("address"),
            "scheduler",
        )
        module = ("-c", STUB_WORKER) if stub else ("-m", "distributed.cli.dask_worker")
        for _ in range(workers):
            start(*module, address, "--no-nanny", "--nthreads", threads, *private)
        yield address, ours[1:]
