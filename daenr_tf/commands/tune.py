"""`daenr tune`: settings found on the validation set, with the same number of tries for every recipe."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

from daenr_tf.commands.tune_options import read
from daenr_tf.errors import MachineError, one_line
from daenr_tf.machine.messages import LOGGER
from daenr_tf.readable import aligned
from daenr_tf.recordings import checks, sources
from daenr_tf.tuning import space, storage

if TYPE_CHECKING:
    from daenr_tf.commands.process import Call
    from daenr_tf.config import RunConfig
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.tuning.tuning import Tuning


def tune(call: Call) -> None:
    """The command."""
    spaces, data_dir, own = read(call)
    storage.check_installed()
    from daenr_tf.runs.directory import check_writable

    out = os.path.abspath(own.out)
    check_writable("--out", out)
    recording = _recording(spaces, data_dir)
    spaces = [
        dataclasses.replace(
            one,
            start=dataclasses.replace(
                one.start, dataset=sources.settled(one.start.dataset, recording)
            ),
        )
        for one in spaces
    ]
    if len({one.start.training.monitor for one in spaces}) > 1:
        LOGGER.warning(
            "the recipes are judged by different losses, as their tasks differ (--task gives them one): their losses can't be compared"
        )
    _tune(spaces, recording, data_dir, out, own)


def _recording(spaces, data_dir):
    """The recording, found fit for all of the models."""
    from daenr_tf.recordings.load import load_recording
    from daenr_tf.runs import footprint

    start = spaces[0].start
    recording = load_recording(start.dataset, start.region, data_dir, start.repeats_as_test)
    for one in spaces:
        checks.colour(recording, one.start.model.channels)
        footprint.check(one.start, recording)
    for note in recording.notes:
        LOGGER.warning("%s", note)
    return recording


def _tune(spaces, recording, data_dir, out, own):
    from daenr_tf.experiments import cluster
    from daenr_tf.runs import lock
    from daenr_tf.runs.directory import make_directory
    from daenr_tf.tuning import record
    from daenr_tf.tuning.search import search
    from daenr_tf.tuning.tuning import Tuning

    make_directory("--out", out)
    with lock.held(os.path.join(out, "lock"), "another search", "--out") as held:
        url = own.storage or storage.url_of_file(os.path.join(out, storage.FILE))
        shown = own.storage and _without_password(own.storage)
        with storage.opened(url) as kept:
            tunings = []
            for one in spaces:
                known, begun = record.opened(_record(one, recording, out, own.prune, shown))
                tuning = Tuning(kept, known, own.trials, begun)
                make_directory("--out", known.place)
                tuning.settle()
                record.write(tuning)
                tunings.append(tuning)

            def order(tuning, number):
                return _order(tuning, number, url, data_dir, recording.digest)

            def concluded(tuning):
                held.check()
                record.write(tuning)

            try:
                with cluster.client(
                    own.workers or len(os.sched_getaffinity(0)), own.scheduler
                ) as client:
                    search(client, tunings, out, order, concluded)
            except KeyboardInterrupt as error:
                raise KeyboardInterrupt(
                    f"{str(error) or 'stopped'}; {_ended(tunings)} of {_all(tunings)} trials have ended; the same command goes on with"
                    f" {own.out}"
                ) from None
            for tuning in tunings:
                held.check()
                record.draw(tuning)
            print(table(tunings))
            _refuse_failures(tunings)


def _without_password(url):
    """The URL as others may see it. What is none is refused where it is opened."""
    try:
        return storage.without_password(url)
    except Exception:  # SQLAlchemy has many kinds
        return "unreadable"


def _record(
    one: space.Space, recording: Recording, out: str, prunes: bool, shown: str | None
) -> Any:
    from daenr_tf.tuning.record import Record, name_of_study

    train, validation = recording.split(one.start.training.seed)
    recipe = one.start.model.recipe
    facts = {
        "name": recording.name,
        "simulated": recording.simulated,
        "digest": recording.digest,
        "counts": {
            "train": len(train),
            "validation": len(validation),
            "neurons": recording.neurons,
        },
    }
    return Record(one, os.path.join(out, recipe), name_of_study(recipe), facts, prunes, shown)


def _order(tuning, number, url, data_dir, digest):
    """What the process of a trial is to read: paths that lead anywhere from everywhere."""
    config: RunConfig = tuning.config(number)
    dataset = os.path.abspath(config.dataset) if config.own_recording else config.dataset
    core = config.model.encoder_from
    return {
        "config": space.moved(config, dataset, core and os.path.abspath(core)).to_dict(),
        "data_dir": data_dir,
        "digest": digest,
        "place": tuning.place(number),
        "report": {
            "storage": url,
            "study": tuning.record.study,
            "number": number,
            "warm_up": config.training.patience_steps,
            "prune": tuning.record.prunes and not tuning.is_default(number),
        },
    }


def _ended(tunings):
    return sum(one.ended != "open" for tuning in tunings for one in tuning.tries())


def _all(tunings):
    return sum(max(tuning.wanted, tuning.begun) for tuning in tunings)


def table(tunings: list[Tuning]) -> str:
    """What the searches came to, as text: on what data, a row per recipe, and where the files are."""
    from daenr_tf.tuning import record

    rows = [
        (
            "recipe",
            "judged by",
            "defaults",
            "best",
            "gain",
            "trial",
            "finished",
            "pruned",
            "diverged",
            "failed",
            "best settings",
        )
    ]
    for tuning in tunings:
        best, counts = tuning.best(), record.counts(tuning)
        default = next(
            (one.value for one in tuning.tries() if one.default and one.ended == "finished"), None
        )
        gain = default - best.value if best and default is not None else None
        changed = space.differing(tuning.config(best.number), tuning.space.start) if best else {}
        told = ", ".join(f"{name} {value:.4g}" for name, value in changed.items()) or "the defaults"
        rows.append(
            (
                tuning.recipe,
                f"validation {tuning.record.loss}",
                *map(_figure, (default, best and best.value, gain)),
                str(best.number) if best else "–",
                *(str(counts[how]) for how in ("finished", "pruned", "diverged", "failed")),
                told if best else "–",
            )
        )
    ends = [
        f"daenr fit {one.recipe} --config {one.record.file(record.BEST)}"
        for one in tunings
        if one.best()
    ]
    return "\n".join(map(one_line, [tunings[0].record.data, *aligned(rows), *ends]))


def _figure(value):
    return "–" if value is None else f"{value:.5f}"


def _refuse_failures(tunings):
    """Raises `MachineError` where processes of trials failed."""
    failed = [
        (tuning, number, text)
        for tuning in tunings
        for number, text in sorted(tuning.failed.items())
    ]
    if failed:
        tuning, number, text = failed[0]
        raise MachineError(
            f"{len(failed)} of {_all(tunings)} trials failed, the first of them {tuning.recipe} {number} ({text});"
            f" the same command tries them again"
        )
