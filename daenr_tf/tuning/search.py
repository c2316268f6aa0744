"""The trials of several recipes on a dask cluster, as many at once as it has room for."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from daenr_tf.experiments import grid, worker
from daenr_tf.machine.progress import Meter
from daenr_tf.runs import interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TextIO

    from distributed import Client

    from daenr_tf.tuning.tuning import Tuning

WORK = "daenr_tf.commands.trial"
LOOK_EVERY = 0.1  # seconds
STOPPING = "stopping: the trials at work are asked to save their states"


def search(
    client: Client,
    tunings: Sequence[Tuning],
    out: str,
    order: Callable[[Tuning, int], dict[str, Any]],
    concluded: Callable[[Tuning], object],
    stream: TextIO | None = None,
) -> None:
    """Run the trials that are missing.

    The recipe with the fewest trials is next, so that each one's next trial is suggested late, when most is known.

    Args:
        client: a dask `Client`.
        tunings: `Tuning`s, one per recipe.
        out: str, the directory of all; every worker must see it under this path.
        order: function of (tuning, number) -> what the process of a trial is to read.
        concluded: called with a tuning after each of its trials.
        stream: where progress is shown; standard error by default.

    Raises:
        KeyboardInterrupt: a signal asked for a stop, and the trials at work were asked to save their states; the message
            says what came of it.
    """
    from distributed import as_completed

    command, at_work, ended, saved = uuid.uuid4().hex, {}, as_completed(), []
    if any(tuning.has_next() for tuning in tunings):
        grid.see_that_workers_share(client, out, "--out")
    show = _Show(tunings, stream)
    with interruption.watched(STOPPING) as stop:
        try:
            while True:
                stop.raise_if_asked()
                room = sum(client.nthreads().values()) or 1
                while len(at_work) < room and (tuning := _next(tunings)):
                    number = tuning.next()
                    name = f"{tuning.recipe}-{number:03d}"
                    future = client.submit(
                        worker.run_order,
                        command,
                        out,
                        name,
                        WORK,
                        {"name": name, **order(tuning, number)},
                        f"{out}/logs/{name}.txt",
                        key=f"{name}-{command}",
                        pure=False,
                    )
                    at_work[future] = tuning, number
                    ended.add(future)
                if not at_work:
                    break
                while not ended.has_ready():
                    stop.raise_if_asked()
                    time.sleep(LOOK_EVERY)
                future = next(ended)
                tuning, number = at_work.pop(future)
                status, message = _outcome(future)
                if status == "stopped":
                    saved.append(f"{tuning.recipe}-{number:03d}")
                tuning.conclude(number, message if status == "failed" else _stop(status))
                concluded(tuning)
                show.ended(tuning, number, len(at_work))
        except KeyboardInterrupt as error:
            told = grid.stopped(client, command, list(at_work), out, saved)
            for tuning in tunings:
                tuning.settle()
                concluded(tuning)
            told = told.replace("cells", "trials")
            raise KeyboardInterrupt("; ".join(filter(None, (str(error), told)))) from None
        finally:
            show.close()


def _next(tunings):
    """The tuning whose turn it is, or None."""
    left = [tuning for tuning in tunings if tuning.has_next()]
    return min(left, key=lambda tuning: tuning.begun - len(tuning.left_open()), default=None)


def _outcome(future):
    """(status, message) of a trial's process."""
    if future.status == "finished":
        status, _, message = future.result()
        return status, message
    reason = future.exception() if future.status == "error" else future.status
    return "failed", f"the worker was lost ({reason})"


def _stop(status):
    return "its process was stopped" if status == "stopped" else ""


class _Show:
    """How far the trials are, on standard error."""

    def __init__(self, tunings, stream):
        self.meter, self.tunings = Meter(stream), tunings
        self.began = time.monotonic()
        self.before = self._done()
        self.total = sum(max(tuning.wanted, tuning.begun) for tuning in tunings)
        self.meter.begin(self.total, "trial", self.before)
        told = f", {self.before} of them ended before" if self.before else ""
        self.meter.say(f"{self.total} trials{told}")

    def ended(self, tuning, number, running):
        """After each trial."""
        done = self._done()
        self.meter.to(done)
        one = next(one for one in tuning.tries() if one.number == number)
        how = tuning.failed.get(number) or f"{one.ended} at {_figure(one.value)}"
        best = tuning.best()
        text = f"{tuning.recipe} trial {number}: {how}"
        if best:
            text += f"; best {_figure(best.value)} (trial {best.number})"
        if done > self.before and done < self.total:
            rest = (time.monotonic() - self.began) / (done - self.before) * (self.total - done)
            text += f"; {done}/{self.total}, about {max(1, round(rest / 60))} min left"
        self.meter.say(text)
        self.meter.beside(f"{running} running")

    def _done(self):
        return sum(one.ended != "open" for tuning in self.tunings for one in tuning.tries())

    def close(self):
        """After the last trial."""
        self.meter.close()


def _figure(value):
    return "no loss" if value is None else f"{value:.5f}"
