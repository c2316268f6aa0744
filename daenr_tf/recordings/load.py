"""The one door to recordings: `load_recording`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from daenr_tf.errors import InputError, refusal
from daenr_tf.machine.messages import LOGGER
from daenr_tf.paper import DEFAULT_REGION, REGIONS
from daenr_tf.recordings import sources

if TYPE_CHECKING:
    from daenr_tf.config import RunConfig
    from daenr_tf.recordings.recording import Recording
    from daenr_tf.recordings.several import Recordings

REQUIRED = ("images", "responses")
# Of one's own recording; `simulated` is a single true or false.
ARRAYS = (*REQUIRED, "test_images", "test_trials", "test_responses", "simulated")
SHOWN = 10  # names of a file that no recording has, each cut to LONGEST characters
LONGEST = 40
DATA_DIR, OFFLINE = "DAENR_DATA_DIR", "DAENR_OFFLINE"
BANNER = """
{line}
   SIMULATED DATA. The published recordings are not on this machine and
   could not be fetched. What follows was made from a simulated recording
   and says nothing about any animal.
   ({reason})
{line}
""".strip("\n")


def load_recording(
    dataset: str | os.PathLike,
    region: int | None = None,
    data_dir: str | os.PathLike | None = None,
    repeats_as_test: bool = False,
) -> Recording:
    """A recording, by name or by file.

    Args:
        dataset: "antolik" (the published recordings), "simulated", "auto" (the published ones where they are found or can be
            fetched, else the simulated one under a banner on standard error), or the path of
            one's own, in a form that `sources.READERS` has.
        region: 1, 2 or 3, of the published or simulated recordings; 3 by default.
        data_dir: where the folder `Data/region{1,2,3}/` lies; else `$DAENR_DATA_DIR`, else the user's cache, into which the
            published recordings are fetched unless `$DAENR_OFFLINE` is 1.
        repeats_as_test: bool, whether the stimuli that one's own recording shows several times
            become its test set.

    Returns:
        `Recording`.

    Raises:
        InputError: no such recording, or one that can't be used.
    """
    region = DEFAULT_REGION if region is None else region
    if region not in REGIONS:
        raise refusal("region", "1, 2 or 3", region)
    if isinstance(dataset, (list, tuple)):
        raise refusal("dataset", "one recording", f"{len(dataset)} of them")
    if data_dir is not None and not os.fspath(data_dir):
        raise refusal("data_dir", "a path", "''")
    dataset = os.fsdecode(dataset)
    source = sources.source_of(dataset)
    if source:
        if repeats_as_test:
            raise refusal("--repeats-as-test", "one's own recording, without a test set", dataset)
        return source.load(region, data_dir)
    return _own(dataset, repeats_as_test)


def recording_of(
    config: RunConfig, data_dir: str | os.PathLike | None = None
) -> Recording | Recordings:
    """The recording of a run, of which a fold may be the test set; `Recordings` of a run on several, or the one of them that the
    configuration names. Raises `InputError` as `load_recording` does."""
    if config.several:
        from daenr_tf.recordings.several import Recordings

        every = Recordings([_own(path, config.repeats_as_test) for path in config.dataset])
        return every if config.recording is None else every[config.recording]
    recording = load_recording(config.dataset, config.region, data_dir, config.repeats_as_test)
    if config.fold is None:
        return recording
    from daenr_tf.recordings.folds import fold_of

    return fold_of(recording, config.fold)


def _own(dataset, repeats_as_test):
    if not os.path.exists(dataset):
        raise refusal("dataset", sources.choices(), f"{dataset!r}, which is no file")
    return load_own(dataset, repeats_as_test)


def load_own(path: str | os.PathLike, repeats_as_test: bool = False) -> Recording:
    """One's own recording.

    Its name is the path's last part, with "_" for what does not belong in a directory's name.

    Raises:
        InputError: the file can't be read, or its arrays make no recording.
    """
    from daenr_tf.recordings.recording import Recording

    path = os.fsdecode(path)
    fields = dict(sources.reader_of(path).read(path))
    names = fields.pop("strange", ())
    strange = [repr(name[:LONGEST]) for name in names[:SHOWN]] + ["…"] * (len(names) > SHOWN)
    for key in REQUIRED:
        if key not in fields:
            found = ", ".join([*fields, *strange]) or "nothing"
            raise refusal(path, f"an array {key}", f"only {found}")
    fields = {"name": _name(path), "source": path, **fields}
    try:
        recording = Recording(**fields, repeats_as_test=repeats_as_test)
    except InputError as error:
        besides = f"; besides, no recording has {', '.join(strange)}" if strange else ""
        raise InputError(f"{error}{besides}") from None
    if strange:
        raise refusal(path, f"arrays among {', '.join(ARRAYS)}", ", ".join(strange))
    return recording


def _name(path):
    stem = os.path.splitext(os.path.basename(path.rstrip(os.sep)))[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("._-") or "recording"


def load_simulated(region: int, data_dir: str | os.PathLike | None = None) -> Recording:
    """The simulated recording of a region."""
    from daenr_tf.recordings.simulated.regions import simulate

    return simulate(region)


def load_published(region: int, data_dir: str | os.PathLike | None = None) -> Recording:
    """The published recording of a region. Raises `InputError` where it can't be had."""
    from daenr_tf.recordings.fetch import FetchError

    try:
        return _published(region, data_dir)
    except FetchError as reason:
        raise FetchError(
            f"{reason}; --data-dir (or ${DATA_DIR}) takes a folder that has them"
        ) from None


def load_auto(region: int, data_dir: str | os.PathLike | None = None) -> Recording:
    """The published recording of a region; where it can't be had the simulated one, under a banner."""
    from daenr_tf.recordings.fetch import FetchError

    try:
        return _published(region, data_dir)
    except FetchError as reason:
        LOGGER.warning(BANNER.format(line="=" * 78, reason=reason))
        return load_simulated(region)


def _published(region, data_dir):
    from daenr_tf.recordings.antolik import load_antolik

    directory = data_dir or os.environ.get(DATA_DIR)
    if not directory:
        from daenr_tf.recordings.fetch import FetchError, fetch

        directory = _cache()
        if not os.path.isdir(os.path.join(directory, "Data")):
            if os.environ.get(OFFLINE) == "1":
                raise FetchError(
                    f"{directory}: expected the published recordings, found none, and {OFFLINE}=1 forbids fetching them"
                )
            fetch(directory)
    return load_antolik(region, directory)


def _cache():
    import pooch

    return os.path.join(str(pooch.os_cache("daenr_tf")), "antolik")
