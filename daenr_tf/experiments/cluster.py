"""The dask cluster that cells run on: this machine's cores, or the one whose scheduler is named."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from typing import TYPE_CHECKING

from daenr_tf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

CONNECT_SECONDS = 10  # that a scheduler has to answer in
_PRIVATE = "127.0.0.1:0"
_SETTINGS = {
    "distributed.scheduler.work-stealing": False,
    "distributed.comm.timeouts.connect": "10s",
    "distributed.worker.profile.enabled": False,  # this and the next would take 5 % of a core from the cells
    "distributed.admin.tick.interval": "1s",
}
_LOCAL_SETTINGS = {
    # A worker that has been silent for so long is dropped for ever. Ours is silent where the whole machine slept.
    "distributed.scheduler.worker-ttl": None,
}


@contextlib.contextmanager
def client(workers: int | None = None, scheduler: str | None = None) -> Iterator[Client]:
    """A dask client: of a cluster on this machine that runs `workers` cells at once, or of the one whose scheduler is at `scheduler`.

    Raises:
        InputError: no scheduler answers at the address.
    """
    import dask
    from distributed import Client, LocalCluster, Security

    if scheduler:
        with dask.config.set(_SETTINGS):
            try:
                found = Client(scheduler, timeout=CONNECT_SECONDS)
            except (OSError, ValueError, TypeError) as error:
                _refuse_certificates(scheduler, Security())
                raise InputError(
                    f"--scheduler: expected the address of a dask scheduler, found {scheduler!r} ({error})"
                ) from None
            with found:
                yield found
        return
    # Dask's own place for scratch files is one that all users of the machine share.
    with (
        tempfile.TemporaryDirectory(prefix="daenr-", ignore_cleanup_errors=True) as private,
        dask.config.set({**_SETTINGS, **_LOCAL_SETTINGS, "temporary-directory": private}),
    ):
        # Cells are processes already, so the worker is a thread of ours and starts at once; its own memory limit would only see this process.
        # Dask's own pages can't be turned off: they get any free port, and no other machine sees them.
        # Nothing of it leaves the process, so certificates that are configured for another cluster have no say.
        with (
            LocalCluster(
                n_workers=1,
                threads_per_worker=workers,
                processes=False,
                memory_limit=0,
                dashboard_address=None,
                worker_dashboard_address=_PRIVATE,
                scheduler_kwargs={"dashboard_address": _PRIVATE},
                security=Security(require_encryption=False),
                silence_logs=logging.CRITICAL,
            ) as local,
            Client(local) as found,
        ):
            yield found


def _refuse_certificates(scheduler, security):
    """Raises `InputError` where certificates are wanted that dask's configuration doesn't name, or that are not there."""
    import dask

    if not scheduler.startswith("tls://") or dask.config.get(
        "distributed.client.security-loader", None
    ):
        return
    for name, path in (
        ("ca-file", security.tls_ca_file),
        ("client.cert", security.tls_client_cert),
        ("client.key", security.tls_client_key),
    ):
        if not path:
            found = f"no distributed.comm.tls.{name}"
        elif "\n" not in path and not os.path.isfile(path):  # it may be the certificate itself
            found = f"that {path} (distributed.comm.tls.{name}) is no file"
        else:
            continue
        raise InputError(
            f"--scheduler: expected the certificates for {scheduler} in dask's configuration, found {found}"
        )
