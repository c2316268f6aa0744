"""Fetches the published recordings: unpacked aside, verified, and only then moved into place."""

import logging
import os
import shutil
import sys
import tempfile
import zipfile

from daenr_tf.errors import InputError
from daenr_tf.recordings import antolik
from daenr_tf.recordings.checks import one_line

# What https://doi.org/10.1371/journal.pcbi.1004927.s001 resolves to; pooch's own DOI downloader does not know this publisher.
URL = "https://journals.plos.org/ploscompbiol/article/file?type=supplementary&id=10.1371/journal.pcbi.1004927.s001"
CONNECT_SECONDS = 10
STALL_SECONDS = 30
LARGEST_MEMBER = 64 << 20  # bytes; the largest published file has 14 MB


class FetchError(InputError):
    """The published recordings could not be fetched; nothing was left behind."""


def fetch(directory):
    """Fetch all three regions into `directory` (its `Data/` folder is made, or replaced, in one move).

    Raises:
        FetchError: no network, a stall, a broken-off transfer, another file than expected, no room on the disk.
    """
    try:
        os.makedirs(directory, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".fetch-") as aside:
            archive = _download(aside)
            _unpack(archive, aside)
            for region in antolik.PUBLISHED:
                antolik.read_region(region, aside)
            target = os.path.join(directory, "Data")
            if os.path.isdir(target):
                shutil.rmtree(target)
            os.replace(os.path.join(aside, "Data"), target)
    except FetchError:
        raise
    except (InputError, OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as reason:
        raise FetchError(one_line(f"{URL}: expected the published recordings, found {str(reason) or type(reason).__name__}")) from None


def _download(aside):
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.ERROR)
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=(CONNECT_SECONDS, STALL_SECONDS))
    try:
        return pooch.retrieve(URL, known_hash=None, fname="supplement.zip", path=aside, downloader=downloader)
    except requests.RequestException as reason:
        raise FetchError(one_line(f"{URL}: could not be fetched ({type(reason).__name__})")) from None


def _unpack(archive, aside):
    """Only the published files are taken out of the archive, whatever folder they lie in, each under its own name."""
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            parts = member.filename.split("/")
            for region, files in antolik.PUBLISHED.items():
                if parts[-3:-1] == ["Data", f"region{region}"] and parts[-1] in files and "__MACOSX" not in parts:
                    if member.file_size > LARGEST_MEMBER:
                        raise FetchError(f"{URL}: expected members of at most {LARGEST_MEMBER} bytes, found {member.file_size}")
                    folder = os.path.join(aside, *parts[-3:-1])
                    os.makedirs(folder, exist_ok=True)
                    with zipped.open(member) as source, open(os.path.join(folder, parts[-1]), "wb") as target:
                        shutil.copyfileobj(source, target)
