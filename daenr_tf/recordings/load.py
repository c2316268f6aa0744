"""The one door to recordings: `load_recording`."""

import os

from daenr_tf.messages import LOGGER
from daenr_tf.recordings.checks import error

REGIONS = (1, 2, 3)
DATA_DIR, OFFLINE = "DAENR_DATA_DIR", "DAENR_OFFLINE"
BANNER = """
{line}
   SIMULATED DATA. The published recordings are not on this machine and
   could not be fetched. What follows was made from a simulated recording
   and says nothing about any animal.
   ({reason})
{line}
""".strip("\n")


def load_recording(dataset, region=None, data_dir=None):
    """A recording, by name or by file.

    Args:
        dataset: "antolik" (the published recordings), "simulated", "auto" (the published ones where they are found or can be
            fetched, else the simulated one under a banner on standard error), or the path of an .npz file.
        region: 1, 2 or 3, of the published or simulated recordings; 3 by default.
        data_dir: where the folder `Data/region{1,2,3}/` lies; else `$DAENR_DATA_DIR`, else the user's cache, into which the
            published recordings are fetched unless `$DAENR_OFFLINE` is 1.

    Returns:
        `Recording`.

    Raises:
        InputError: no such recording, or one that can't be used.
    """
    region = 3 if region is None else region
    if region not in REGIONS:
        raise error("region", "1, 2 or 3", region)
    if data_dir is not None and not os.fspath(data_dir):
        raise error("data_dir", "a path", "''")
    dataset = os.fsdecode(dataset)
    if dataset == "simulated":
        return _simulated(region)
    if dataset == "antolik":
        from daenr_tf.recordings.fetch import FetchError

        try:
            return _antolik(region, data_dir)
        except FetchError as reason:
            raise FetchError(f"{reason}; --data-dir (or ${DATA_DIR}) takes a folder that has them") from None
    if dataset == "auto":
        return _auto(region, data_dir)
    if not os.path.exists(dataset):
        raise error("dataset", "auto, antolik, simulated or an .npz file", f"{dataset!r}, which is no file")
    from daenr_tf.recordings.npz import load_npz

    return load_npz(dataset)


def _simulated(region):
    from daenr_tf.recordings.simulated.regions import simulate

    return simulate(region)


def _antolik(region, data_dir):
    from daenr_tf.recordings.antolik import load_antolik

    directory = data_dir or os.environ.get(DATA_DIR)
    if not directory:
        from daenr_tf.recordings.fetch import FetchError, fetch

        directory = _cache()
        if not os.path.isdir(os.path.join(directory, "Data")):
            if os.environ.get(OFFLINE) == "1":
                raise FetchError(f"{directory}: expected the published recordings, found none, and {OFFLINE}=1 forbids fetching them")
            fetch(directory)
    return load_antolik(region, directory)


def _auto(region, data_dir):
    from daenr_tf.recordings.fetch import FetchError

    try:
        return _antolik(region, data_dir)
    except FetchError as reason:
        LOGGER.warning(BANNER.format(line="=" * 78, reason=reason))
        return _simulated(region)


def _cache():
    import pooch

    return os.path.join(str(pooch.os_cache("daenr_tf")), "antolik")
