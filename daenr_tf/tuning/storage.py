"""The database that trials are kept in: Optuna's, opened and closed, its failures in one line."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
from typing import TYPE_CHECKING

from daenr_tf.errors import InputError, MachineError, first_line, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import RDBStorage

FILE = "trials.db"
WAIT = 60  # seconds for which SQLite waits while another process writes
RANDOM_TRIALS = 5  # that precede what is learned from: drawn at random, and never pruned
PRUNING_WAITS_FOR = 5  # finished trials


def check_installed() -> None:
    """Raises `InputError` where Optuna is missing."""
    if importlib.util.find_spec("optuna") is None:
        raise refusal("tune", "Optuna (pip install 'daenr_tf[tune]')", "none")


def url_of_file(path: str) -> str:
    """The URL of an SQLite file."""
    from sqlalchemy import URL

    return URL.create("sqlite", database=path).render_as_string(hide_password=False)


def without_password(url: str) -> str:
    """A URL as others may see it."""
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)


@contextlib.contextmanager
def opened(url: str) -> Iterator[RDBStorage]:
    """An Optuna storage.

    Raises:
        InputError: the URL is none, or no database answers there.
        MachineError: the database failed later on.
    """
    import optuna
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options = {}
    try:
        if make_url(url).get_backend_name() == "sqlite":
            options = {"connect_args": {"timeout": WAIT}}
        storage = optuna.storages.RDBStorage(url, engine_kwargs=options)
    except (SQLAlchemyError, ImportError, RuntimeError, ValueError) as error:
        raise InputError(
            "--storage: expected the URL of a database that answers, such as sqlite:////home/me/trials.db"
            f" or postgresql://me@host/trials, found {first_line(error)}"
        ) from None
    try:
        with failures():
            yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Within it, what a database fails with is a `MachineError`."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        raise MachineError(f"the database of trials failed: {first_line(error)}") from None


def sampler(seed: int, number: int) -> BaseSampler:
    """Who suggests trial `number`: a tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe 2023).

    It is drawn from (seed, number) alone and from the trials before it, so a search that was stopped goes on as if it had not been.
    """
    from optuna.samplers import TPESampler

    digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
    return TPESampler(n_startup_trials=RANDOM_TRIALS, seed=int.from_bytes(digest[:4], "little"))


def pruner(warm_up: int) -> BasePruner:
    """Who stops trials: one whose best is worse than the median of the finished ones at the same step, from step `warm_up` on."""
    from optuna.pruners import MedianPruner

    return MedianPruner(n_startup_trials=PRUNING_WAITS_FOR, n_warmup_steps=warm_up)
