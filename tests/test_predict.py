"""`daenr predict`: the answers to pictures and arrays are the model's own, and a bad file is
named and nothing written."""

import csv
import io
import json
import math
import os
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image
from refusal import refused

from daenr_tf import pipeline
from daenr_tf.commands.main import main
from daenr_tf.config import ModelConfig
from daenr_tf.machine import progress
from daenr_tf.models import saved_model
from daenr_tf.models.build import build_model
from daenr_tf.models.keras_file import save_model
from daenr_tf.recordings import pictures

SETTINGS = {"image_size": (8, 12), "latent_size": 6}
RANDOM = np.random.default_rng(3)
GREY = RANDOM.integers(0, 256, (6, 10, 14), np.uint8)
COLOUR = RANDOM.integers(0, 256, (9, 11, 3), np.uint8)


@pytest.fixture(autouse=True)
def only_the_last_line(monkeypatch):
    """A machine that stands still for ten seconds would say how far it is before the end too."""
    monkeypatch.setattr(progress, "LINE_EVERY", math.inf)


@pytest.fixture(scope="module")
def fitted(recording, tmp_path_factory):
    """Places of models by name, and the model of the joint one."""
    folder, places = tmp_path_factory.mktemp("fitted"), {}
    for name, recipe in (("joint", "cae_fr"), ("image", "cae")):
        model = build_model(ModelConfig(recipe, **SETTINGS), recording)
        os.makedirs(folder / name)
        save_model(model, str(folder / name / "model.keras"))
        places[name] = str(folder / name)
        if name == "joint":
            joint = model
    places["version"] = saved_model.export(joint, str(folder / "versions"))
    places["versions"] = str(folder / "versions")
    os.makedirs(folder / "exported")
    (folder / "exported" / "results.json").write_text(
        json.dumps({"saved_model": places["version"]})
    )
    places["run with its export only"] = str(folder / "exported")
    return places, joint


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A directory of pictures and files of arrays in the working directory."""
    monkeypatch.chdir(tmp_path)
    os.makedirs("pictures/deeper")
    for number in (2, 0, 1):
        Image.fromarray(GREY[number]).save(f"pictures/{number}.PNG")
    Image.fromarray(COLOUR).save("pictures/9.jpg", quality=95)
    Image.fromarray(COLOUR).save("pictures/deeper/1.png")
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    np.save("stack.npy", GREY[3:])
    np.savez("named.npz", images=GREY, responses=np.ones((6, 2)))
    np.savez("single.npz", whatever=GREY[..., None])


def predict(capsys, *arguments, status=0):
    with pytest.raises(SystemExit) as left:
        main(["predict", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert left.value.code == status, err
    return out, err


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    return head, [row[0] for row in rows], np.array([row[1:] for row in rows], float)


def expected(model, images):
    """The model's answers, one image at a time, by its own door."""
    answers = [
        model(pipeline.preprocess(image[None], model.pixel_range, model.image_shape[:2], 1))
        for image in images
    ]
    return [
        np.concatenate([np.asarray(answer[head]) for answer in answers])
        for head in ("response", "reconstruction")
    ]


@pytest.mark.parametrize("place", ["joint", "version", "versions", "run with its export only"])
def test_answers_are_the_models_own_in_the_order_of_the_arguments(place, fitted, images, capsys):
    places, model = fitted
    out, err = predict(capsys, places[place], "stack.npy", "pictures", "--out", "answers.npz")
    whose = "answers of a model that does not tell whether its data are simulated"
    assert out == f"7 images, {whose}: answers.npz\n" and err == "7 of 7 images\n"
    with Image.open("pictures/9.jpg") as picture:
        jpeg = np.asarray(picture)
    responses, reconstructions = expected(model, [*GREY[3:, ..., None], *GREY[:3, ..., None], jpeg])
    with np.load("answers.npz") as answers:
        assert list(answers["names"]) == [
            "stack.npy[0]",
            "stack.npy[1]",
            "stack.npy[2]",
            *(os.path.join("pictures", name) for name in ("0.PNG", "1.PNG", "2.PNG", "9.jpg")),
        ]
        np.testing.assert_allclose(answers["responses"], responses, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            answers["reconstructions"], reconstructions, rtol=1e-5, atol=1e-6
        )
        assert (
            answers["reconstructions"].shape == (7, 8, 12, 1)
            and answers["reconstructions"].dtype == np.float32
        )


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize("of_export", [False, True])
def test_the_last_line_says_whether_the_models_data_are_simulated(
    of_export, simulated, fitted, images, capsys, tmp_path
):
    told = {"dataset": {"name": "made up", "simulated": simulated}, "saved_model": None}
    if of_export:
        place = saved_model.export(fitted[1], str(tmp_path / "out"), card={"simulated": simulated})
    else:
        place = tmp_path / "run"
        shutil.copytree(fitted[0]["joint"], place)
        (place / "results.json").write_text(json.dumps(told))
    out, _ = predict(capsys, place, "stack.npy", "--out", "answers.csv")
    whose = ", answers of a model of SIMULATED data" if simulated else ""
    assert out == f"3 images{whose}: answers.csv\n"


def test_csv_has_a_row_per_image_and_no_reconstructions(fitted, images, capsys):
    places, model = fitted
    predict(capsys, places["joint"], "named.npz", "--out", "answers.csv")
    head, names, responses = read_csv("answers.csv")
    assert head == ["name", *(f"response_{neuron}" for neuron in range(5))]
    assert names == [f"named.npz[{number}]" for number in range(6)]
    np.testing.assert_allclose(responses, expected(model, GREY[..., None])[0], rtol=1e-5)


def test_the_only_array_is_taken_whatever_its_name(fitted, images, capsys):
    predict(capsys, fitted[0]["joint"], "single.npz", "--out", "one.csv")
    predict(capsys, fitted[0]["joint"], "named.npz", "--out", "other.csv")
    np.testing.assert_array_equal(read_csv("one.csv")[2], read_csv("other.csv")[2])


def test_a_model_without_a_readout_gives_reconstructions_and_no_csv(fitted, images, capsys):
    predict(capsys, fitted[0]["image"], "stack.npy", "--out", "answers.npz")
    with np.load("answers.npz") as answers:
        assert sorted(answers) == ["names", "reconstructions"] and answers[
            "reconstructions"
        ].shape == (3, 8, 12, 1)
    _, err = predict(capsys, fitted[0]["image"], "stack.npy", "--out", "answers.csv", status=2)
    assert (
        "--out: expected an .npz file for a model that predicts no responses" in err
        and not os.path.exists("answers.csv")
    )


def test_batches_are_bounded_in_number_and_in_bytes(monkeypatch):
    from daenr_tf.commands.predict import batches

    values = np.zeros((150, 8, 8, 1), np.uint8)
    sources = [pictures.Stack("a", values), pictures.Stack("b", values[:3, :4])]
    assert [batch.shape[:2] for batch in batches(sources)] == [(64, 8), (64, 8), (22, 8), (3, 4)]
    monkeypatch.setattr("daenr_tf.commands.predict.MOST_BYTES", 4 * 64 * 10)
    assert [len(batch) for batch in batches(sources[:1])] == [10] * 15


def test_images_outside_the_recordings_own_range_are_told(
    make_recording, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    grey = make_recording()
    floats = type(grey)(
        images=grey.images / 255.0,
        responses=grey.responses,
        test_images=grey.test_images / 255.0,
        test_trials=grey.test_trials,
    )
    model = build_model(ModelConfig("cnn_fr", **SETTINGS), floats)
    version = saved_model.export(model, "versions")
    save_model(model, "model.keras")
    np.save("inside.npy", np.clip(GREY[:2] / 255.0, *floats.pixel_range))
    np.save("outside.npy", GREY[:3])
    for place in (version, "model.keras"):
        assert "grey levels" not in predict(capsys, place, "inside.npy", "--out", "a.csv")[1]
        _, err = predict(capsys, place, "inside.npy", "outside.npy", "--out", "a.csv")
        assert (
            "3 images leave the grey levels 0 to 1 of the recording" in err
            and f"to {GREY[:3].max()}" in err
        )


def test_images_that_were_probably_scaled_are_told(make_recording, tmp_path, monkeypatch, capsys):
    """Grey levels in 0..1 for a model of 0..255: within its range, and next to black."""
    monkeypatch.chdir(tmp_path)
    save_model(build_model(ModelConfig("cnn_fr", **SETTINGS), make_recording()), "model.keras")
    np.save("scaled.npy", GREY[:2] / np.float32(255))
    np.save("recorded.npy", GREY[:2])
    _, err = predict(capsys, "model.keras", "scaled.npy", "--out", "a.csv")
    assert "where the model was fitted to 0 to 255: if they were scaled" in err
    assert "scaled" not in predict(capsys, "model.keras", "recorded.npy", "--out", "a.csv")[1]


def png(image, **options):
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def sixteen_bit_colour():
    """A PNG of 16 bits a channel in colour, which Pillow reads and can't write."""
    import struct
    import zlib

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + bytes(8 * 6) for _ in range(8))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


TRANSPARENT = np.dstack([COLOUR, np.full(COLOUR.shape[:2], 255, np.uint8)])
TRANSPARENT[3, 4, 3] = 0
BAD = {
    "cut_off.png": (
        png(Image.fromarray(GREY[0]))[:-40],
        "expected a PNG or JPEG picture, found a damaged file",
    ),
    "text.png": (b"no picture", "expected a PNG or JPEG picture, found a file of another kind"),
    "empty.png": (b"", "expected a PNG or JPEG picture"),
    "grey16.png": (
        png(Image.fromarray(GREY[0].astype(np.uint16) * 257)),
        "expected a picture of 8 bits a channel, found 16",
    ),
    "colour16.png": (sixteen_bit_colour(), "expected a picture of 8 bits a channel, found 16"),
    "transparent.png": (png(Image.fromarray(TRANSPARENT)), "found transparent pixels"),
    "tiny.png": (png(Image.fromarray(GREY[0, :3])), "at least 4 pixels"),
    "nan.npy": (np.full((2, 8, 8), np.nan), "finite pixels"),
    "single.npy": (COLOUR, "the shape (9, 11, 3), as of a single image: give it its axis"),
    "flat.npy": (GREY[0], "the shape (images, height, width)"),
    "two.npz": ({"a": GREY, "b": GREY}, "expected an array images, or one array only, found a, b"),
    "film.gif": (b"GIF89a", "found another ending"),
    "nowhere.png": (None, "found no such file"),
}


def put(name, content):
    if isinstance(content, bytes):
        with open(name, "wb") as file:
            file.write(content)
    elif isinstance(content, dict):
        np.savez(name, **content)
    elif content is not None:
        np.save(name, content)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_in_one_line_and_nothing_is_written(name, fitted, images, capsys):
    content, words = BAD[name]
    put(name, content)
    before = sorted(os.listdir("."))
    pathlib.Path("kept.csv").write_text("what was there")
    out, err = predict(capsys, fitted[0]["joint"], "pictures", name, "--out", "kept.csv", status=2)
    assert (
        out == ""
        and err.count("\n") == 1
        and err.startswith(f"daenr predict: {name}: ")
        and words in err
    )
    assert (
        sorted(os.listdir(".")) == sorted([*before, "kept.csv"])
        and pathlib.Path("kept.csv").read_text() == "what was there"
    )


def test_an_empty_directory_and_a_place_without_a_model_are_refused(fitted, images, capsys):
    os.makedirs("empty")
    assert (
        "a directory with pictures"
        in predict(capsys, fitted[0]["joint"], "empty", "--out", "a.csv", status=2)[1]
    )
    assert (
        "a run's directory" in predict(capsys, "empty", "pictures", "--out", "a.csv", status=2)[1]
    )
    os.makedirs("damaged")
    put("damaged/saved_model.pb", b"none")
    assert (
        "damaged: expected a SavedModel"
        in predict(capsys, "damaged", "pictures", "--out", "a.csv", status=2)[1]
    )


def save(path, image, **options):
    image.save(path, **options)
    return str(path)


def test_pictures_keep_their_grey_levels_whatever_form_they_have(tmp_path):
    grey, colour = Image.fromarray(GREY[0]), Image.fromarray(COLOUR)
    opaque = np.full(COLOUR.shape[:2], 255, np.uint8)
    few = Image.fromarray(COLOUR // 64 * 85).quantize(64, dither=Image.Dither.NONE)
    for name, image, wanted in (
        ("grey", grey, GREY[0][..., None]),
        ("colour", colour, COLOUR),
        ("opaque", Image.fromarray(np.dstack([COLOUR, opaque])), COLOUR),
        ("palette of greys", grey.convert("P"), GREY[0][..., None]),
        ("palette", few, np.asarray(few.convert("RGB"))),
        ("bits", Image.fromarray(GREY[0] > 99), np.where(GREY[0] > 99, 255, 0)[..., None]),
    ):
        found = pictures.read_picture(save(tmp_path / f"{name}.png", image))
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, wanted, err_msg=name)


def test_the_way_up_is_that_of_the_exif_data(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    path = save(tmp_path / "turned.png", Image.fromarray(GREY[0]), exif=exif)
    np.testing.assert_array_equal(pictures.read_picture(path)[..., 0], np.rot90(GREY[0], -1))


def test_a_picture_that_unpacks_to_a_huge_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with refused("large.png", "at most 50 pixels"):
        pictures.find([save(tmp_path / "large.png", Image.fromarray(GREY[0][:6, :10]))])


def test_the_images_own_file_is_never_written_over(fitted, images, capsys):
    before = pathlib.Path("single.npz").read_bytes()
    _, err = predict(capsys, fitted[0]["joint"], "single.npz", "--out", "single.npz", status=2)
    assert "--out: expected another file than the images', found single.npz" in err
    assert pathlib.Path("single.npz").read_bytes() == before
