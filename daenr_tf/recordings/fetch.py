"""Fetches the published recordings: unpacked aside, verified, and only then moved into place."""

import contextlib
import logging
import os
import shutil
import sys
import threading
import zipfile

from daenr_tf.errors import InputError
from daenr_tf.machine.files import folder_aside
from daenr_tf.recordings import antolik

# What https://doi.org/10.1371/journal.pcbi.1004927.s001 resolves to; pooch's own DOI downloader does not know this publisher.
URL = "https://journals.plos.org/ploscompbiol/article/file?type=supplementary&id=10.1371/journal.pcbi.1004927.s001"
CONNECT_SECONDS = 10
STALL_SECONDS = 30
TOTAL_SECONDS = 600
ASIDE = ".fetch-"
LARGEST_DOWNLOAD = 256 << 20  # bytes
LARGEST_MEMBER = 64 << 20  # bytes; the largest published file has 14 MB


class FetchError(InputError):
    """The published recordings could not be fetched; nothing was left behind."""


def fetch(directory: str) -> None:
    """Fetch all three regions into `directory`, where they are the folder `Data/`, made in one move.

    Raises:
        FetchError: no network, a stall, a broken-off transfer, another file than expected, no room on the disk.
    """
    made = _missing(directory)
    try:
        os.makedirs(directory, exist_ok=True)
        with folder_aside(directory, ASIDE) as aside:
            archive = _download(aside)
            try:
                _unpack(archive, aside)
                _verify(aside)
            except InputError as reason:
                raise InputError(
                    str(reason).replace(aside + os.sep, "").replace(aside, "an archive")
                ) from None
            _move(os.path.join(aside, "Data"), directory)
    except FetchError:
        raise
    except Exception as reason:  # zipfile and zlib raise half a dozen kinds for a damaged archive
        raise FetchError(
            f"{URL}: expected the published recordings, found {str(reason) or type(reason).__name__}"
        ) from None
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # not empty: something came into place
                os.rmdir(folder)


def _missing(directory):
    """`directory` and the folders above it, as far as there are none yet, innermost first."""
    folders = []
    while not os.path.lexists(directory):
        folders.append(directory)
        directory = os.path.dirname(os.path.abspath(directory))
    return folders


def _download(aside):
    """The path of the supplement, in the folder `aside`."""
    outcome = []
    # In a thread of its own: a time-out of requests is one of a single read, and none of them ends
    # a transfer that drips.
    transfer = threading.Thread(target=lambda: outcome.append(_retrieve(aside)), daemon=True)
    transfer.start()
    transfer.join(TOTAL_SECONDS)
    if not outcome:
        raise FetchError(
            f"{URL}: expected the whole file within {TOTAL_SECONDS} s, found that it was still on its way"
        )
    if isinstance(outcome[0], Exception):
        raise FetchError(f"{URL}: could not be fetched ({_reason(outcome[0])})")
    return outcome[0]


def _reason(error):
    if isinstance(error, InputError):
        return str(error)
    if getattr(error, "response", None) is not None:
        return f"{type(error).__name__}, status {error.response.status_code}"
    return getattr(error, "strerror", None) or type(error).__name__


def _retrieve(aside):
    """The path of the supplement, or the exception that ended its transfer."""
    import pooch
    import tqdm

    class Bar(tqdm.tqdm):
        """Shows a transfer on a terminal, and ends one that brings too much.

        One that nobody waits for ends as well: its folder is gone.
        """

        def __bool__(
            self,
        ):  # pooch asks; tqdm has no answer before the length is known, and says no where there is none
            return True

        def update(self, n=1):
            if sum(file.stat().st_size for file in os.scandir(aside)) > LARGEST_DOWNLOAD:
                raise InputError(f"expected at most {LARGEST_DOWNLOAD} bytes, found more")
            super().update(n)

    pooch.get_logger().setLevel(logging.ERROR)
    responses = []
    try:
        with Bar(
            desc="published recordings",
            unit="B",
            unit_scale=True,
            ncols=79,
            disable=not sys.stderr.isatty(),
        ) as bar:
            downloader = pooch.HTTPDownloader(
                progressbar=bar,
                chunk_size=1 << 16,
                timeout=(CONNECT_SECONDS, STALL_SECONDS),
                hooks={"response": lambda response, **_: responses.append(response)},
            )
            return pooch.retrieve(
                URL, known_hash=None, fname="supplement.zip", path=aside, downloader=downloader
            )
    except Exception as reason:  # told by the thread that waits
        return reason
    finally:
        for response in responses:  # pooch leaves them open
            response.close()


def _unpack(archive, aside):
    """Only the published files are taken out of the archive, whatever folder they lie in, each under its own name."""
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            parts = member.filename.split("/")
            for region, files in antolik.PUBLISHED.items():
                if (
                    parts[-3:-1] == ["Data", f"region{region}"]
                    and parts[-1] in files
                    and "__MACOSX" not in parts
                ):
                    if member.file_size > LARGEST_MEMBER:
                        raise InputError(f"{'/'.join(parts[-3:])} of {member.file_size} bytes")
                    path = os.path.join(aside, *parts[-3:])
                    if os.path.exists(path):
                        raise InputError(f"{'/'.join(parts[-3:])} twice")
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with zipped.open(member) as source, open(path, "xb") as target:
                        shutil.copyfileobj(source, target)


def _verify(directory):
    for region in antolik.PUBLISHED:
        antolik.read_region(region, directory)


def _move(source, directory):
    try:
        os.replace(source, os.path.join(directory, "Data"))
    except OSError:
        if not os.path.isdir(os.path.join(directory, "Data")):
            raise
        _verify(directory)  # another process was quicker
