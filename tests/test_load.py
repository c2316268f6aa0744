"""The one door to recordings: what a name or a file gives, when the published recordings are fetched, and when nothing falls back."""

import contextlib
import errno
import http.server
import io
import os
import pathlib
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import published
import pytest
from mutation import bounded, mutated
from refusal import refused

import daenr_tf
from daenr_tf.errors import InputError
from daenr_tf.machine import messages
from daenr_tf.recordings import antolik, fetch, load
from daenr_tf.recordings.fetch import FetchError
from daenr_tf.recordings.load import load_recording
from daenr_tf.recordings.simulated import regions

CONTENTS = published.files()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Nothing but this machine is spoken to: by default nobody listens where the recordings are fetched from."""
    for name in (
        "DAENR_DATA_DIR",
        "DAENR_OFFLINE",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(fetch, "URL", "http://127.0.0.1:9/supplement")
    monkeypatch.setattr(fetch, "CONNECT_SECONDS", 2)
    monkeypatch.setattr(fetch, "STALL_SECONDS", 0.4)
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 20)
    monkeypatch.setattr(antolik, "PUBLISHED", published.known(CONTENTS))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "daenr_tf" / "antolik"


@pytest.fixture
def stand_in(monkeypatch):
    """What `simulated` gives: quicker to make than a region."""
    generator = np.random.default_rng(0)
    recording = daenr_tf.Recording(
        images=generator.integers(0, 256, (9, 4, 4), np.uint8),
        responses=np.ones((9, 1)),
        simulated=True,
    )
    asked = []
    monkeypatch.setattr(regions, "simulate", lambda region: asked.append(region) or recording)
    recording.__dict__["asked"] = asked
    return recording


@pytest.fixture
def serve(monkeypatch):
    """Starts a server on this machine that answers every request with `answer(handler)`, and fetches from it; its list of requests."""
    servers, over = [], threading.Event()

    def start(answer):
        requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append(self.path)
                with contextlib.suppress(OSError):  # whoever asked has gone
                    answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        servers.append(server)
        monkeypatch.setattr(fetch, "URL", f"http://127.0.0.1:{server.server_port}/supplement")
        return requests

    start.over = over
    yield start
    over.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def all_but(*key):
    return {other: content for other, content in CONTENTS.items() if other != key}


def zipped(contents, top="", extra=(), compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in extra:
            archive.writestr(name, content)
        for (region, name), content in contents.items():
            archive.writestr(f"{top}Data/region{region}/{name}", content)
    return stream.getvalue()


def file(content, length=None):
    """An answer: the whole of `content`."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def everything_under(folder):
    return sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*"))


# Names and files


def test_simulated_is_the_region_asked_for_and_3_by_default(stand_in):
    assert load_recording("simulated", 1) is stand_in and load_recording("simulated") is stand_in
    assert stand_in.asked == [1, 3]


def test_a_path_is_ones_own_recording(tmp_path):
    generator = np.random.default_rng(0)
    np.savez(
        tmp_path / "mine.npz",
        images=generator.integers(0, 256, (9, 4, 4), np.uint8),
        responses=np.ones((9, 1)),
    )
    for path in (
        tmp_path / "mine.npz",
        str(tmp_path / "mine.npz"),
        os.fsencode(tmp_path / "mine.npz"),
    ):
        assert load_recording(path, region=2).name == "mine"


@pytest.mark.parametrize(
    "dataset", ["", "nowhere.npz", "Simulated", "null\0byte", "\ud800", "line\nbreak"]
)
def test_a_dataset_that_is_neither_a_name_nor_a_file_is_refused(dataset):
    with refused("dataset", "auto, antolik, simulated or FILE.npz"):
        load_recording(dataset)


@pytest.mark.parametrize("dataset", ["auto", "antolik", "simulated"])
def test_a_recording_that_has_a_name_has_a_test_set_of_its_own(dataset):
    with refused("--repeats-as-test", "one's own recording", dataset):
        load_recording(dataset, repeats_as_test=True)


def test_a_directory_is_no_dataset(tmp_path):
    with refused(str(tmp_path), "a file", "a directory"):
        load_recording(tmp_path)


@pytest.mark.parametrize("region", [0, 4, -1, "3", 2.5])
@pytest.mark.parametrize("dataset", ["auto", "antolik", "simulated"])
def test_a_region_that_is_none_is_refused(dataset, region):
    with refused("region", "1, 2 or 3", str(region)):
        load_recording(dataset, region)


# Where the published recordings are looked for


def test_the_folder_named_comes_before_the_environments(tmp_path, monkeypatch):
    published.write(tmp_path / "named", CONTENTS)
    monkeypatch.setenv("DAENR_DATA_DIR", str(tmp_path / "nowhere"))
    for dataset in ("antolik", "auto"):
        assert load_recording(dataset, 2, tmp_path / "named").source == str(
            tmp_path / "named" / "Data" / "region2"
        )
    monkeypatch.setenv("DAENR_DATA_DIR", str(tmp_path / "named"))
    assert load_recording("antolik", 1).name == "antolik-r1"
    assert load_recording("auto").name == "antolik-r3"


@pytest.mark.parametrize("dataset", ["antolik", "auto"])
@pytest.mark.parametrize("way", ["argument", "environment"])
def test_a_folder_that_was_named_and_is_broken_is_an_error_and_never_a_reason_to_fall_back(
    dataset, way, tmp_path, monkeypatch, serve, capsys
):
    requests = serve(file(zipped(CONTENTS)))
    published.write(tmp_path, all_but(3, "training_inputs.npy"))
    broken = {str(tmp_path): "training_inputs.npy", str(tmp_path / "nowhere"): "Data/region3/"}
    for folder, named in broken.items():
        if way == "environment":
            monkeypatch.setenv("DAENR_DATA_DIR", folder)
        with refused(folder, named):
            load_recording(dataset, 3, folder if way == "argument" else None)
    assert not requests and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("dataset", ["antolik", "auto"])
def test_a_folder_without_a_name_is_no_reason_to_fall_back(dataset, serve, capsys):
    requests = serve(file(zipped(CONTENTS)))
    with refused("data_dir", "a path", "''"):
        load_recording(dataset, 3, "")
    assert not requests and capsys.readouterr() == ("", "")


def test_offline_nothing_is_fetched(cache, monkeypatch, serve, stand_in, capsys):
    requests = serve(file(zipped(CONTENTS)))
    monkeypatch.setenv("DAENR_OFFLINE", "1")
    with refused(str(cache), "DAENR_OFFLINE=1 forbids"):
        load_recording("antolik")
    with messages.on_standard_error():
        assert load_recording("auto") is stand_in
    assert "DAENR_OFFLINE=1" in capsys.readouterr().err and not requests and not cache.exists()
    published.write(cache, CONTENTS)
    assert load_recording("auto").name == "antolik-r3"


def test_auto_falls_back_under_a_banner_where_nothing_can_be_fetched(cache, stand_in, capsys):
    with messages.on_standard_error():
        assert load_recording("auto", 2) is stand_in and stand_in.asked == [2]
    out, err = capsys.readouterr()
    assert out == "" and "SIMULATED DATA" in err and "=" * 78 in err and fetch.URL in err
    with refused(fetch.URL, kind=FetchError):
        load_recording("antolik", 2)
    assert not cache.exists()


def test_a_damaged_cache_is_an_error_and_is_neither_fetched_anew_nor_fallen_back_from(
    cache, serve, stand_in
):
    requests = serve(file(zipped(CONTENTS)))
    published.write(
        cache, {**CONTENTS, (3, "training_set.npy"): CONTENTS[3, "training_set.npy"][:-1]}
    )
    for dataset in ("auto", "antolik"):
        with refused(str(cache), "training_set.npy", "cut off or altered"):
            load_recording(dataset)
    assert not requests and not stand_in.asked


# Fetching


@pytest.mark.parametrize(
    "top, extra",
    [
        ("", ()),
        ("S1 Dataset/", ()),
        (
            "a/b/",
            [
                ("__MACOSX/a/b/Data/region1/._training_set.npy", b"junk"),
                ("__MACOSX/Data/region1/training_set.npy", b"junk"),
                ("a/readme.txt", b"hello"),
                ("a/b/Data/", b""),
                ("a/b/Data/region1/notes.txt", b"hello"),
            ],
        ),
    ],
)
def test_what_is_fetched_lands_in_the_cache_and_is_fetched_once(top, extra, cache, serve):
    requests = serve(file(zipped(CONTENTS, top, extra)))
    for region in (1, 2, 3):
        assert load_recording("auto", region).source == str(cache / "Data" / f"region{region}")
    assert requests == ["/supplement"]
    assert everything_under(cache) == sorted(
        [
            "Data",
            *(f"Data/region{r}" for r in (1, 2, 3)),
            *(f"Data/region{r}/{name}" for r, name in CONTENTS),
        ]
    )


def without_length(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(zipped(CONTENTS))


def test_a_server_that_does_not_tell_the_length_will_do(cache, serve):
    serve(without_length)
    assert load_recording("antolik").name == "antolik-r3"


def stall_at_once(serve):
    return lambda handler: serve.over.wait(60)


def stall_midway(serve):
    def answer(handler):
        file(zipped(CONTENTS)[:1000], 10**6)(handler)
        handler.wfile.flush()
        serve.over.wait(60)

    return answer


def drip(start):
    """An answer that never stalls and never ends, a byte every 50 ms."""

    def make(serve):
        def answer(handler):
            start(handler)
            while not serve.over.wait(0.05):
                handler.wfile.write(b"x")

        return answer

    return make


def dripping_header(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")


def dripping_body(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000000")
    handler.end_headers()


def endless(serve):
    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        while not serve.over.is_set():
            handler.wfile.write(b"x" * 65536)

    return answer


def break_off(_):
    def answer(handler):
        file(zipped(CONTENTS)[:1000], 10**6)(handler)

    return answer


def status(code, *headers):
    def answer(handler):
        handler.send_response(code)
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()

    return lambda _: answer


def content(make):
    return lambda _: file(make())


def altered():
    changed = bytearray(CONTENTS[2, "validation_set.npy"])
    changed[-1] ^= 1
    return zipped({**CONTENTS, (2, "validation_set.npy"): bytes(changed)})


def broken_stream():
    whole = bytearray(zipped(CONTENTS))
    whole[2000:2100] = b"\xff" * 100
    return bytes(whole)


def climbing():
    names = [
        ("../../climbed", b"x"),
        ("/climbed", b"x"),
        ("../Data/region1/climbed", b"x"),
        ("Data/region1/../../climbed", b"x"),
    ]
    return zipped({key: value for key, value in CONTENTS.items() if key[0] != 2}, extra=names)


def linked():
    """An archive in which a published file is a symbolic link to one that lies on the machine."""
    link = zipfile.ZipInfo("Data/region1/training_set.npy")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return zipped(all_but(1, "training_set.npy"), extra=[(link, "/etc/passwd")])


BAD_SERVERS = {
    "stalls at once": (stall_at_once, ("could not be fetched", "Timeout")),
    "stalls midway": (stall_midway, ("could not be fetched",)),
    "drips its header": (drip(dripping_header), ("within 0.5 s",)),
    "drips its body": (drip(dripping_body), ("within 0.5 s",)),
    "never ends": (endless, ("at most 1000000 bytes",)),
    "breaks off": (break_off, ("could not be fetched",)),
    "hangs up": (lambda _: lambda handler: None, ("could not be fetched", "ConnectionError")),
    "does not have it": (status(404), ("could not be fetched", "404")),
    "is broken": (status(500), ("could not be fetched", "500")),
    "turns in circles": (
        status(302, ("Location", "/supplement")),
        ("could not be fetched", "TooManyRedirects"),
    ),
    "sends one elsewhere": (
        status(302, ("Location", "file:///etc/passwd")),
        ("could not be fetched", "InvalidSchema"),
    ),
    "tells a length that is none": (
        status(200, ("Content-Length", "many")),
        ("could not be fetched",),
    ),
    "packs what is not packed": (
        status(200, ("Content-Encoding", "gzip"), ("Content-Length", "9")),
        ("could not be fetched",),
    ),
    "has nothing": (content(lambda: b""), ("expected the published recordings", "zip")),
    "has a page": (
        content(lambda: b"<html>sign in</html>"),
        ("expected the published recordings", "zip"),
    ),
    "has another zip": (
        content(lambda: zipped({}, extra=[("paper.pdf", b"%PDF")])),
        ("Data/region1/",),
    ),
    "lacks a file": (
        content(lambda: zipped(all_but(3, "training_set.npy"))),
        ("Data/region3/training_set.npy", "no such file"),
    ),
    "altered a file": (content(altered), ("Data/region2/validation_set.npy", "altered")),
    "damaged its zip": (content(broken_stream), ("expected the published recordings",)),
    "cut its zip short": (
        content(lambda: zipped(CONTENTS)[:-30]),
        ("expected the published recordings",),
    ),
    "climbs out": (content(climbing), ("Data/region2/",)),
    "links out": (content(linked), ("Data/region1/training_set.npy", ".npy format")),
    "has a file twice": (
        content(lambda: zipped(CONTENTS, extra=[("x/Data/region1/training_set.npy", b"x")])),
        ("Data/region1/training_set.npy twice",),
    ),
    "has a bomb": (
        content(lambda: zipped({**CONTENTS, (1, "training_set.npy"): bytes(3_000_000)})),
        ("training_set.npy", "3000000 bytes"),
    ),
}


@pytest.mark.parametrize("case", BAD_SERVERS)
def test_a_server_that_fails_is_refused_in_one_line_and_nothing_is_left(
    case, tmp_path, serve, monkeypatch
):
    make, words = BAD_SERVERS[case]
    serve(make(serve))
    monkeypatch.setattr(fetch, "LARGEST_MEMBER", 1_000_000)
    monkeypatch.setattr(fetch, "LARGEST_DOWNLOAD", 1_000_000)
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 0.5 if "drips" in case else 10)
    (tmp_path / "mine.txt").write_text("left alone")
    start = time.monotonic()
    for directory in (tmp_path, tmp_path / "made" / "anew"):
        with refused(fetch.URL, *words, kind=FetchError):
            fetch.fetch(str(directory))
    assert time.monotonic() - start < 8
    assert everything_under(tmp_path) == ["mine.txt"] and not (tmp_path.parent / "climbed").exists()


def test_a_transfer_that_was_given_up_does_not_go_on(tmp_path, serve, monkeypatch):
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 0.5)
    hung_up = threading.Event()

    def answer(handler):
        dripping_body(handler)
        with contextlib.suppress(OSError):
            while not serve.over.wait(0.02):
                handler.wfile.write(b"x" * 65536)
        hung_up.set()

    serve(answer)
    with refused("within 0.5 s", kind=FetchError):
        fetch.fetch(str(tmp_path))
    assert hung_up.wait(5)


def fuzz(count, directory, monkeypatch):
    """Damaged archives, as if they had been transferred: refused, or what they hold is whole."""
    packed, stored = (
        zipped(CONTENTS, compression=kind) for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)
    )
    refusals = 0
    for seed in range(count):
        dice = random.Random(seed)
        content = mutated(dice.choice((packed, stored)), dice)
        if dice.random() < 0.5:  # the archive's directory, at its end, is where it hurts
            content = packed[:-2000] + mutated(packed[-2000:], dice)

        def transfer(aside, content=content):
            (pathlib.Path(aside) / "supplement.zip").write_bytes(content)
            return os.path.join(aside, "supplement.zip")

        monkeypatch.setattr(fetch, "_download", transfer)
        target = directory / str(seed)
        try:
            with bounded():
                fetch.fetch(str(target))
        except FetchError as error:
            assert str(error).isprintable() and not target.exists(), (seed, error)
            refusals += 1
        else:
            assert (
                os.listdir(target) == ["Data"]
                and antolik.load_antolik(seed % 3 + 1, str(target)).neurons == 4
            )
    assert refusals > count // 2
    assert all(name.isdigit() for name in os.listdir(directory))


def test_100_damaged_archives_are_refused_in_one_line_or_whole(tmp_path, monkeypatch):
    fuzz(100, tmp_path, monkeypatch)


@pytest.mark.slow
def test_1000_damaged_archives_are_refused_in_one_line_or_whole(tmp_path, monkeypatch):
    fuzz(1000, tmp_path, monkeypatch)


def test_a_failed_fetch_leaves_a_cache_as_it_was(cache, serve, stand_in):
    cache.mkdir(parents=True)
    (cache / "mine.txt").write_text("left alone")
    serve(content(altered)(serve))
    assert load_recording("auto") is stand_in
    assert everything_under(cache) == ["mine.txt"]


def test_a_directory_that_can_not_be_made_is_refused(tmp_path, serve):
    serve(file(zipped(CONTENTS)))
    (tmp_path / "file").write_text("no directory")
    with refused("directory", kind=FetchError):
        fetch.fetch(str(tmp_path / "file" / "cache"))
    assert everything_under(tmp_path) == ["file"]


def test_of_two_that_fetch_at_once_the_second_keeps_what_the_first_put_there(tmp_path, serve):
    def answer(handler):
        published.write(tmp_path, CONTENTS)  # another process is done first
        file(zipped(CONTENTS))(handler)

    serve(answer)
    fetch.fetch(str(tmp_path))
    assert antolik.load_antolik(1, str(tmp_path)).neurons == 4
    assert os.listdir(tmp_path) == ["Data"]


@pytest.mark.parametrize("full", ["transfer", "unpacking"])
def test_a_full_disk_ends_a_fetch_in_one_line_and_leaves_nothing(
    full, tmp_path, serve, monkeypatch
):
    def no_room(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    serve(file(zipped(CONTENTS)))
    monkeypatch.setattr(
        *(("shutil.copyfileobj", no_room) if full == "unpacking" else ("pooch.retrieve", no_room))
    )
    with refused(fetch.URL, "No space left on device", kind=FetchError):
        fetch.fetch(str(tmp_path / "cache"))
    assert os.listdir(tmp_path) == []


FETCH = """
import sys
from daenr_tf.recordings import fetch
fetch.URL, directory = sys.argv[1:]
fetch.fetch(directory)
"""


def test_what_a_killed_fetch_left_is_removed_and_what_a_living_one_needs_is_not(tmp_path, serve):
    serve(stall_midway(serve))
    living = subprocess.Popen(
        [sys.executable, "-c", FETCH, fetch.URL, str(tmp_path)], stderr=subprocess.DEVNULL
    )
    try:
        while not list(tmp_path.glob(".fetch-*/*")):  # it has made its folder and begun to fill it
            assert living.poll() is None
            time.sleep(0.02)
        (aside,) = os.listdir(tmp_path)
        (tmp_path / ".fetch-notes").mkdir()  # not of ours
        serve(file(zipped(CONTENTS)))
        fetch.fetch(str(tmp_path))
        assert sorted(os.listdir(tmp_path)) == sorted(
            [aside, ".fetch-notes", "Data"]
        ) and os.listdir(tmp_path / aside)
    finally:
        living.kill()
    assert living.wait() == -signal.SIGKILL
    shutil.rmtree(tmp_path / "Data")
    fetch.fetch(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == [".fetch-notes", "Data"]


def test_a_file_system_without_locks_is_fetched_into_all_the_same(tmp_path, serve, monkeypatch):
    """There, nothing says which folders are alive: they stay."""

    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    (tmp_path / ".fetch-abcd_123").mkdir()
    serve(file(zipped(CONTENTS)))
    monkeypatch.setattr("fcntl.flock", no_locks)
    fetch.fetch(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == [".fetch-abcd_123", "Data"]


def test_a_fetch_error_is_an_input_error():
    assert issubclass(FetchError, InputError) and load.REGIONS == (1, 2, 3)
