"""One's own recording in an .npz file: read rightly, or refused in one line, in bounded time and memory."""

import io
import os
import random
import re
import signal
import stat
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from mutation import bounded, mutated
from refusal import refused

from daenr_tf.errors import InputError
from daenr_tf.recordings import arrays
from daenr_tf.recordings.load import load_own as load_npz

DOCS = Path(__file__).resolve().parents[1] / "docs" / "recordings.md"
MOST_SECONDS = 10  # for any one file, good or bad
MOST_BYTES = 64 << 20  # for a small file, whatever it claims


@pytest.fixture(autouse=True)
def bounded_time():
    def out_of_time(*_):
        raise TimeoutError(f"more than {MOST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, out_of_time)
    yield lambda: signal.alarm(MOST_SECONDS)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def load(bounded_time):
    """`load_npz` that may take 10 s and 64 MiB."""

    def bounded(path):
        bounded_time()
        tracemalloc.start()
        try:
            return load_npz(path)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            signal.alarm(0)
            assert peak < MOST_BYTES

    return bounded


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "mine.npz")


@pytest.fixture
def fields():
    generator = np.random.default_rng(7)
    return {
        "images": generator.integers(0, 256, (12, 5, 6), np.uint8),
        "responses": generator.gamma(1.0, 1.0, (12, 3)),
        "test_images": generator.integers(0, 256, (4, 5, 6), np.uint8),
        "test_trials": generator.gamma(1.0, 1.0, (2, 4, 3)),
    }


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


def npy(array, version=None):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array), version=version)
    return stream.getvalue()


def npy_claiming(descr="<f8", fortran="False", shape="(12, 3)", data=b"", text=None, version=1):
    header = (
        text or f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"
    ).encode("latin1")
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + struct.pack("<H" if version == 1 else "<I", len(header))
        + header
        + data
    )


def write_zip(path, members, compression=zipfile.ZIP_STORED):
    """Members are (name, bytes) pairs, so that a name can stand there twice."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)


def write_with(path, fields, **members):
    """The recording `fields` with the raw .npy bytes `members` in the place of those arrays."""
    write_zip(
        path, [(f"{key}.npy", members.get(key) or npy(value)) for key, value in fields.items()]
    )


# What is read rightly.


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_holds_the_recording_that_was_saved(save, load, path, fields):
    save(path, **fields)
    recording = load(path)
    np.testing.assert_array_equal(recording.images[..., 0], fields["images"])
    np.testing.assert_array_equal(recording.responses, fields["responses"].astype(np.float32))
    np.testing.assert_array_equal(recording.test_images[..., 0], fields["test_images"])
    np.testing.assert_array_equal(recording.test_trials, fields["test_trials"].astype(np.float32))
    assert recording.name == "mine" and recording.source == path and not recording.simulated


def test_a_file_without_a_test_set_has_a_fifth_held_out(load, path, fields):
    np.savez(path, images=fields["images"], responses=fields["responses"])
    recording = load(path)
    assert len(recording.test_images) == 2 and "held out" in recording.notes[0]


def test_colour_images_stay_in_colour(load, path, fields):
    images, test_images = (
        np.stack([fields[key]] * 3, axis=-1) for key in ("images", "test_images")
    )
    images[..., 1] //= 2
    np.savez(path, **{**fields, "images": images, "test_images": test_images})
    np.testing.assert_array_equal(load(path).images, images)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_npy_format_is_read(version, load, path, fields):
    np.savez(path, **fields)
    plain = load(path).digest
    write_zip(path, [(f"{key}.npy", npy(value, version)) for key, value in fields.items()])
    assert load(path).digest == plain


def test_a_header_that_python_2_wrote_is_read_rightly(load, path, fields):
    np.savez(path, **fields)
    plain = load(path).digest
    write_with(
        path, fields, responses=npy_claiming(shape="(12L, 3L)", data=fields["responses"].tobytes())
    )
    assert load(path).digest == plain


def test_fortran_order_and_big_endian_are_read_rightly(load, path, fields):
    np.savez(path, **fields)
    plain = load(path).digest
    np.savez(
        path,
        images=np.asfortranarray(fields["images"]),
        responses=np.asfortranarray(fields["responses"].astype(">f8")),
        test_images=fields["test_images"],
        test_trials=fields["test_trials"].astype(">f8"),
    )
    assert load(path).digest == plain


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", ">u2", "i4", ">i8", "f2", "f4", ">f4"])
def test_every_stored_pixel_type_is_read_rightly(dtype, load, path, fields):
    pixels = {key: (fields[key] // 64).astype(dtype) for key in ("images", "test_images")}
    np.savez(path, **{**fields, **pixels})
    recording = load(path)
    assert recording.images.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(
        recording.images[..., 0].astype(float), pixels["images"].astype(float)
    )


def test_booleans_are_true_whatever_byte_stands_for_it(load, path, fields):
    data = (fields["images"] // 64).tobytes()
    np.savez(path, **{key: fields[key] > 63 if "images" in key else fields[key] for key in fields})
    plain = load(path).digest
    write_with(
        path,
        {**fields, "test_images": fields["test_images"] > 63},
        images=npy_claiming("|b1", shape="(12, 5, 6)", data=data),
    )
    assert load(path).digest == plain


def test_a_link_to_a_file_is_followed(load, path, tmp_path, fields):
    np.savez(tmp_path / "real.npz", **fields)
    os.symlink("real.npz", path)
    assert load(path).neurons == 3


@pytest.mark.parametrize(
    "name, expected",
    [
        (b"monkey 3 (V4).npz", "monkey_3_V4"),
        (b"\xff\xfe.npz", "recording"),
        ("Affe-ö.npz".encode(), "Affe"),
        (b"a\nb.npz", "a_b"),
        (b"-.npz", "recording"),
    ],
)
def test_a_file_of_any_name_is_read_and_gets_a_name_fit_for_a_directory(
    name, expected, load, tmp_path, fields
):
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as file:
        np.savez(file, **fields)
    assert load(os.fsdecode(path)).name == expected
    with open(path, "wb") as file:
        file.write(b"nothing good")
    with refused():  # one line that can be printed
        load(os.fsdecode(path))


# What is refused: (changes to the arrays, words of the line).

BAD = {
    "no responses": (
        {"responses": None},
        ("an array responses", "only images, test_images, test_trials"),
    ),
    "no images": ({"images": None}, ("an array images",)),
    "9 responses for 12 images": (
        {"responses": lambda a: a[:9]},
        ("responses:", "(12, any)", "(9, 3)"),
    ),
    "a response that is infinite": (
        {"responses": lambda a: changed(a, (1, 2), np.inf)},
        ("responses:", "finite", "inf at [1, 2]"),
    ),
    "infinity": (
        {"responses": lambda a: changed(a, (1, 2), np.inf)},
        ("responses:", "finite", "inf at [1, 2]"),
    ),
    "negative": (
        {"responses": lambda a: changed(a, (1, 2), -1)},
        ("responses:", ">= 0", "-1.0 at [1, 2]"),
    ),
    "objects": (
        {"responses": lambda a: a.astype(object)},
        ("responses:", "plain numbers", "pickled objects"),
    ),
    "text": (
        {"images": lambda a: a.astype(str)},
        ("images:", "booleans, integers or floats", "U3"),
    ),
    "complex": ({"images": lambda a: a.astype(complex)}, ("images:", "c16")),
    "80 bits": ({"images": lambda a: a.astype(np.longdouble)}, ("images:", "64 bits", "f16")),
    "dates": ({"images": lambda a: a.astype("datetime64[s]")}, ("images:", "M8")),
    "records": ({"images": lambda a: a.astype([("x", "f4"), ("y", "f4")])}, ("images:",)),
    "no neuron": ({"responses": lambda a: a[:, :0]}, ("responses:", "at least one", "(12, 0)")),
    "one image": (
        {
            "images": lambda a: a[:1],
            "responses": lambda a: a[:1],
            "test_images": None,
            "test_trials": None,
        },
        ("images:", "at least 4 distinct images", "found 1"),
    ),
    "one image beside a test set": (
        {"images": lambda a: a[:1], "responses": lambda a: a[:1]},
        ("images:", "at least 2 distinct", "1"),
    ),
    "a single number": ({"images": lambda a: a[0, 0, 0]}, ("images:", "(images, height, width)")),
    "trials without images": ({"test_images": None}, ("test_trials:", "test_images beside it")),
    "an unknown array": (
        {"spikes": np.ones(3)},
        (
            "arrays among images, responses, test_images, test_trials, test_responses",
            "found 'spikes'",
        ),
    ),
    "an unknown array beside an infinite response": (
        {"meta": np.array([{}]), "responses": lambda a: changed(a, (1, 2), np.inf)},
        ("responses:", "inf at [1, 2]; besides, no recording has 'meta'"),
    ),
    "a misspelt array": (
        {"test_trials": None, "test_trails": np.ones((3, 4, 5))},
        ("test_images: ", "beside it, found neither; besides, no recording has 'test_trails'"),
    ),
    "a misspelt array that is needed": (
        {"responses": None, "response": np.ones((12, 5))},
        ("an array responses", "only images, test_images, test_trials, 'response'"),
    ),
    "many unknown arrays": (
        {f"{'x' * 50}{number}": np.ones(1) for number in range(30)},
        ("arrays among", "'" + "x" * 40 + "', …"),
    ),
    "responses transposed": (
        {"responses": lambda a: a.T},
        ("responses:", "(12, any)", "fits with its axes in another order: array.T"),
    ),
    "trials last": (
        {"test_trials": lambda a: np.moveaxis(a, 0, -1)},
        ("test_trials:", "fits with its axes in another order: array.transpose(2, 0, 1)"),
    ),
    "a single image": (
        {"images": lambda a: np.stack([a[0]] * 3, -1)},
        ("images:", "as of a single image: give it its axis, array[None]"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_recording_that_can_not_be_is_refused_by_file_and_array(case, load, path, fields):
    changes, words = BAD[case]
    for key, change in changes.items():
        if change is None:
            del fields[key]
        else:
            fields[key] = change(fields[key]) if callable(change) else change
    np.savez(path, **fields)
    with refused(path, *words):
        load(path)


def test_a_pickle_is_never_opened(load, path, fields, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    objects = np.array([Trap()] * 36, object).reshape(12, 3)
    np.savez(path, **{**fields, "responses": objects})
    with refused("responses", "pickled objects, which are never opened"):
        load(path)
    disguised = npy(objects).replace(b"'|O'", b"'<f8'", 1)
    write_with(path, fields, responses=disguised)
    with refused("responses"):
        load(path)
    assert not (tmp_path / "sprung").exists()


BAD_HEADERS = {
    "terabytes": npy_claiming(shape="(1000000000000, 3)", data=b"\0" * 288),
    "more bytes than 64 bits count": npy_claiming(
        shape="(999999999999999999, 999999999999999999, 999999999999999999)"
    ),
    "a length that is none": npy_claiming(shape=f"(0, {10**30})"),
    "a hundred axes": npy_claiming(shape="(" + "1, " * 100 + ")", data=b"\0" * 8),
    "a negative length": npy_claiming(shape="(-12, -3)", data=b"\0" * 288),
    "a truth value for a length": npy_claiming(shape="(True, 36)", data=b"\0" * 288),
    "a fraction for a length": npy_claiming(shape="(12.0, 3)", data=b"\0" * 288),
    "a call for a length": npy_claiming(
        shape="(__import__('os').mkdir('sprung'),)", data=b"\0" * 288
    ),
    "a number for an order": npy_claiming(fortran="1", data=b"\0" * 288),
    "more than a length can be": npy_claiming(
        shape="(0, 9223372036854775807, 9223372036854775807)"
    ),
    "rows of a shape of their own": npy_claiming("(2,)<f8", data=b"\0" * 576),
    "an unknown type": npy_claiming("<f3", data=b"\0" * 288),
    "an empty type": npy_claiming("", data=b"\0" * 288),
    "a short file": npy_claiming(data=b"\0" * 287),
    "a long file": npy_claiming(data=b"\0" * 289),
    "no dictionary": npy_claiming(text="[1, 2, 3]"),
    "a tower of brackets": npy_claiming(text="[" * 3000 + "]" * 3000),
    "a tower of signs": npy_claiming(text="-" * 3000 + "1"),
    "a tower of functions": npy_claiming(text="(lambda:" * 500),
    "a tower of calls": npy_claiming(text="a" + "()" * 2000),
    "a header longer than any": npy_claiming(text=" " * 60000),
    "a header that claims gigabytes": b"\x93NUMPY\x02\0\xff\xff\xff\xff" + b" " * 1000,
    "another version": b"\x93NUMPY\x09\0" + npy(np.ones((12, 3)))[8:],
    "no magic": b"\0" * 500,
    "a bare magic": b"\x93NUMPY",
    "nothing": b"",
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_an_array_that_is_not_what_its_header_says_is_refused(
    case, load, path, fields, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    members = [
        (f"{key}.npy", BAD_HEADERS[case] if key == "responses" else npy(value))
        for key, value in fields.items()
    ]
    write_zip(path, members)
    with refused(f"{path}: responses: expected"):
        load(path)
    write_zip(path, members, zipfile.ZIP_DEFLATED)
    with refused(f"{path}: responses: expected"):
        load(path)
    assert os.listdir(tmp_path) == ["mine.npz"]


def test_a_bomb_is_refused_before_it_goes_off(load, path, fields, monkeypatch):
    monkeypatch.setattr(arrays, "LARGEST_UNASKED", 1 << 20)
    zeros = npy(np.zeros((12, 30_000)))
    assert len(zlib.compress(zeros)) * arrays.LARGEST_RATIO < len(zeros)
    write_zip(
        path,
        [("images.npy", npy(fields["images"])), ("responses.npy", zeros)],
        zipfile.ZIP_DEFLATED,
    )
    with refused("responses", "at most 1048576 bytes", str(len(zeros))):
        load(path)


def test_a_header_that_unpacks_to_more_than_any_header_is_refused_unread(load, path):
    header = b"\x93NUMPY\x02\0" + struct.pack("<I", 80 << 20) + b" " * (80 << 20)
    write_zip(path, [("images.npy", header)], zipfile.ZIP_DEFLATED)
    with refused("images", "header of at most", str(80 << 20)):
        load(path)


def test_a_member_that_claims_more_than_it_has_is_refused(load, path, fields):
    for claimed in (200 << 20, 1 << 31):
        header = npy_claiming("|u1", shape=f"({claimed - 128},)").ljust(128)
        write_zip(path, [("images.npy", header)], zipfile.ZIP_DEFLATED)
        content = Path(path).read_bytes()
        Path(path).write_bytes(content.replace(struct.pack("<I", 128), struct.pack("<I", claimed)))
        with refused("images"):
            load(path)


def test_much_that_packs_well_is_no_bomb(path, fields):
    fields["responses"] = np.zeros((12, 30_000))
    np.savez_compressed(path, images=fields["images"], responses=fields["responses"])
    assert load_npz(path).neurons == 30_000


@pytest.mark.parametrize(
    "name",
    [
        "../images.npy",
        "/images.npy",
        "..\\images.npy",
        "images",
        "images.npy/",
        "images.npy.npy",
        ".npy",
        "x" * 60000 + ".npy",
    ],
)
def test_a_member_of_another_name_is_refused_and_written_nowhere(
    name, load, path, fields, tmp_path
):
    write_zip(path, [(name, npy(fields["images"])), ("responses.npy", npy(fields["responses"]))])
    words = "an array images, found only responses" if name.endswith(".npy") else "arrays among"
    with refused(path, words):
        load(path)
    assert os.listdir(tmp_path) == ["mine.npz"] and not (tmp_path.parent / "images.npy").exists()


def test_a_member_that_is_a_symbolic_link_is_not_followed(load, path, fields, tmp_path):
    """What a link holds is the name of its target: no array."""
    target = tmp_path / "target.npy"
    target.write_bytes(npy(fields["responses"]))
    link = zipfile.ZipInfo("responses.npy")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", npy(fields["images"]))
        archive.writestr(link, str(target))
    with refused(path, "responses", "an array in NumPy's .npy format"):
        load(path)
    assert sorted(os.listdir(tmp_path)) == ["mine.npz", "target.npy"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_there_twice_is_refused(load, path, fields):
    write_zip(
        path,
        [
            ("images.npy", npy(fields["images"])),
            ("responses.npy", npy(fields["responses"])),
            ("images.npy", npy(fields["images"])),
        ],
    )
    with refused(path, "one array images", "two"):
        load(path)


def test_an_encrypted_member_is_refused(load, path, fields):
    np.savez(path, **fields)
    content = bytearray(Path(path).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    Path(path).write_bytes(content)
    with refused("images", "not encrypted"):
        load(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_write_is_refused(compression, load, path, fields):
    write_zip(
        path,
        [("images.npy", npy(fields["images"])), ("responses.npy", npy(fields["responses"]))],
        compression,
    )
    with refused("images", "stored or deflated"):
        load(path)


def directory_of(entries, name=b"x.npy"):
    """A zip of nothing but a directory that lists `entries` empty members, as bytes."""
    entry = (
        struct.pack(
            "<4s4B4HL2L5H2L",
            b"PK\x01\x02",
            20,
            3,
            20,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            len(name),
            0,
            0,
            0,
            0,
            0,
            0,
        )
        + name
    )
    directory = entry * entries
    wide = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, len(directory), 0
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    if entries < 0xFFFF:
        return directory + struct.pack(
            "<4s4H2LH", b"PK\x05\x06", 0, 0, entries, entries, len(directory), 0, 0
        )
    return directory + wide + locator + end


@pytest.mark.parametrize("entries", [30_000, 3_000_000])
def test_a_zip_of_a_great_many_entries_is_refused_before_they_are_read(entries, path):
    Path(path).write_bytes(directory_of(entries))
    started = time.perf_counter()
    tracemalloc.start()
    try:
        with refused(path, "a directory of arrays of at most 1048576 bytes"):
            load_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - started < 1


def test_a_directory_whose_record_counts_few_entries_is_bounded_alike(path):
    """zipfile goes by the directory's length, whatever number of entries the record gives."""
    content = directory_of(60_000)
    Path(path).write_bytes(content[:-14] + struct.pack("<2H", 2, 2) + content[-10:])
    with refused(path, "a directory of arrays of at most"):
        load_npz(path)


def test_many_arrays_in_one_file_are_read(path):
    many = {f"a{i}": np.arange(i % 5) for i in range(2000)}
    np.savez(path, **many)
    found = arrays.read_npz(path)
    assert found.keys() == many.keys() and all(
        np.array_equal(found[key], many[key]) for key in many
    )


def test_what_is_no_npz_file_is_refused(load, path, tmp_path, fields):
    cases = {
        b"": "empty",
        npy(fields["images"]): "a single array in .npy format",
        b"hello" * 99: ".npz",
        b"PK\x05\x06" + b"\0" * 18: "images",
    }
    for content, words in cases.items():
        Path(path).write_bytes(content)
        with refused(path, words):
            load(path)


def test_what_is_no_file_is_refused(load, path, tmp_path):
    with refused(path, "no such file"):
        load(path)
    with refused("a file", "a directory"):
        load(str(tmp_path))
    os.mkfifo(path)
    with refused(path, "no regular file"):
        load(path)
    with refused("/dev/zero", "no regular file"):
        load("/dev/zero")
    loop = str(tmp_path / "loop.npz")
    os.symlink("loop.npz", loop)
    with refused(loop, "a file that can be read"):
        load(loop)
    for impossible in ("null\0byte.npz", "\ud800.npz", "x" * 500):
        with refused("a file that can be read"):
            load(impossible)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_truncated_file_is_refused_wherever_it_is_cut(save, path, fields):
    save(path, **fields)
    content = Path(path).read_bytes()
    for length in range(0, len(content), 1 + len(content) // 60):
        Path(path).write_bytes(content[:length])
        with refused(path):
            load_npz(path)


# Fuzz.


def zip_around(member, content, fields):
    """A whole zip, its check sums right, in which one array's bytes are `content`."""
    stream = io.BytesIO()
    write_zip(
        stream,
        [(f"{key}.npy", content if key == member else npy(value)) for key, value in fields.items()],
    )
    return stream.getvalue()


def fuzz(count, path, fields):
    """Half of the files are damaged as they lie there; in the others an array is, and the zip around it is whole."""
    stored, packed = io.BytesIO(), io.BytesIO()
    np.savez(stored, **fields)
    np.savez_compressed(packed, **fields)
    Path(path).write_bytes(stored.getvalue())
    whole = load_npz(path).digest
    read = refusals = 0
    for seed in range(count):
        dice = random.Random(seed)
        damaged_zip = seed % 2 == 0
        if damaged_zip:
            content = mutated(dice.choice((stored, packed)).getvalue(), dice)
        else:
            member = dice.choice(list(fields))
            array = npy(fields[member])
            # The header's 128 bytes are where it hurts.
            content = zip_around(
                member,
                mutated(array[:128], dice) + array[128:]
                if dice.random() < 0.7
                else mutated(array, dice),
                fields,
            )
        Path(path).write_bytes(content)
        try:
            with bounded():
                recording = load_npz(path)
        except InputError as error:
            assert str(error).isprintable() and str(error).startswith(path), (seed, error)
            refusals += 1
        else:
            assert not damaged_zip or recording.digest == whole, (
                seed
            )  # a check sum vouches for every array
            known = recording.responses[~np.isnan(recording.responses)]  # NaN is a missing one
            assert np.isfinite(known).all() and known.min() >= 0, seed
            read += 1
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
    assert refusals > count // 2 and read


def test_200_mutated_files_are_read_rightly_or_refused_in_one_line(path, fields):
    fuzz(200, path, fields)


@pytest.mark.slow
def test_3000_mutated_files_are_read_rightly_or_refused_in_one_line(path, fields):
    fuzz(3000, path, fields)


# The user's page.


def test_the_example_of_the_docs_makes_a_file_that_loads(tmp_path, monkeypatch):
    (example,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        if "savez" in block
    )
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(DOCS), "exec"), {})
    (name,) = os.listdir(tmp_path)
    assert load_npz(name).repeats
