"""The parts of `daenr explore`: who is let in, what is computed, what is refused. The page itself is in test_explore_page."""

import asyncio
import importlib.util
import io
import json
import os
import socket
import threading

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from runs import in_this_process

from daenr_tf.commands.main import main
from daenr_tf.config import ModelConfig
from daenr_tf.errors import InputError
from daenr_tf.explore import about, charts, ground, listing, look, neuron, walk
from daenr_tf.explore.door import Door
from daenr_tf.explore.kept import Kept
from daenr_tf.explore.session import Session
from daenr_tf.models import saved_model, served
from daenr_tf.models.build import build_model
from daenr_tf.models.keras_file import save_model

MOST = 1000  # bytes that the door of these tests lets through


@pytest.fixture(scope="module")
def places(recording, tmp_path_factory):
    """Directories of models by recipe, with what a run tells beside them; of `cae_fr` and `vqvae_fr` an export too."""
    folder, made = tmp_path_factory.mktemp("models"), {}
    for recipe in ("cae_fr", "cnn_fc", "cae", "vqvae_fr"):
        options = {"latent_size": 7} if recipe.startswith("cae") else {}
        model = build_model(ModelConfig(recipe, image_size=(8, 12), **options), recording)
        place = folder / recipe
        place.mkdir()
        save_model(model, str(place / "model.keras"))
        told = {
            "recipe": recipe,
            "dataset": {"name": "made up", "simulated": True},
            "config": {"layer": 2, "seed": 3},
            "steps": 40,
        }
        (place / "results.json").write_text(json.dumps(told))
        made[recipe] = str(place)
    made["export"] = saved_model.export(model, str(folder / "export"))
    return made


@pytest.fixture(scope="module")
def session_of(places, recording):
    """A session of a recipe's model, made once."""
    kept = Kept()
    return lambda name: kept.get(name, lambda: Session([places[name]], recording))


def png(*shape, form="PNG", **options):
    """The bytes of a picture of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


# The door


class Guarded:
    """A door in front of an application that says "in"."""

    def __init__(self):
        self.door = Door(self.inside, ["my.machine"], 80, MOST)
        self.cookie = ""

    async def inside(self, scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    def ask(self, path="/", query="", method="GET", kind="http", **headers):
        """What is sent in answer, and the text of it."""
        headers = {"host": "127.0.0.1:80", "cookie": self.cookie, **headers}
        scope = {
            "type": kind,
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        }
        sent = []

        async def receive():
            return {"type": f"{kind}.connect"}

        async def send(message):
            sent.append(message)

        asyncio.run(self.door(scope, receive, send))
        return sent

    def status(self, *arguments, **options):
        return self.ask(*arguments, **options)[0]["status"]

    def enter(self):
        """Use the link, and keep its cookie."""
        start = self.ask(query=f"token={self.door.token}")[0]
        headers = dict(start["headers"])
        self.cookie = headers[b"set-cookie"].decode().split(";")[0]
        return start["status"], headers


@pytest.fixture
def guarded():
    return Guarded()


def test_the_link_gives_a_cookie_once_and_the_cookie_lets_in(guarded):
    assert guarded.status() == 403
    assert guarded.status(query="token=wrong") == 403
    assert guarded.status(query=f"token={guarded.door.token}", method="HEAD") == 403  # not spent
    status, headers = guarded.enter()
    assert status == 303 and headers[b"location"] == b"/"
    assert b"HttpOnly" in headers[b"set-cookie"] and b"SameSite=Lax" in headers[b"set-cookie"]
    sent = guarded.ask("/anything")
    assert sent[0]["status"] == 200 and sent[1]["body"] == b"in"
    assert guarded.status(query=f"token={guarded.door.token}") == 303  # reloaded by its owner
    guarded.cookie = ""
    refused = guarded.ask(query=f"token={guarded.door.token}")
    assert refused[0]["status"] == 403 and b"used before" in refused[1]["body"]


def test_the_cookie_is_not_the_token_and_a_wrong_one_is_refused(guarded):
    guarded.enter()
    name, value = guarded.cookie.split("=", 1)
    assert value != guarded.door.token
    for wrong in ("", f"{name}=", f"{name}={guarded.door.token}", f"other={value}", "\x00;=;"):
        guarded.cookie = wrong
        assert guarded.status() == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:80", 200),
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("[::1]:80", 200),
        ("192.168.1.7:80", 200),  # an address can't be made to lead elsewhere
        ("my.machine:80", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:80", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_only_the_pages_own_names_are_answered(guarded, host, status):
    guarded.enter()
    assert guarded.status(host=host) == status


def test_another_pages_script_is_refused(guarded):
    guarded.enter()
    assert guarded.status(origin="http://127.0.0.1:80") == 200
    for origin in ("http://evil.example", "http://127.0.0.1:81", "null"):
        assert guarded.status(origin=origin) == 403
        assert guarded.ask(kind="websocket", origin=origin)[0]["type"] == "websocket.close"


def test_a_websocket_needs_the_cookie(guarded):
    assert guarded.ask(kind="websocket")[0] == {"type": "websocket.close", "code": 1008}
    guarded.enter()
    assert guarded.ask(kind="websocket")[0]["type"] == "websocket.accept"


def test_what_is_sent_is_bounded(guarded):
    guarded.enter()
    assert guarded.status(method="POST", content_length=str(MOST)) == 200
    assert guarded.status(method="POST", content_length=str(MOST + 1)) == 413
    for lacking in ({}, {"content_length": "-1"}, {"content_length": "many"}):
        assert guarded.status(method="POST", **lacking) == 411


def test_every_answer_forbids_the_browser_to_go_elsewhere(guarded):
    for _ in range(2):
        policy = dict(guarded.ask()[0]["headers"])[b"content-security-policy"]
        assert b"default-src 'self'" in policy and b"frame-ancestors 'none'" in policy
        assert b"http:" not in policy and b"*" not in policy
        guarded.enter() if not guarded.cookie else None


# What is kept, listed and drawn


def test_a_thing_is_made_once_whichever_threads_ask():
    kept, made, begin = Kept(), [], threading.Barrier(8)

    def make():
        made.append(1)
        return object()

    found = []

    def ask():
        begin.wait()
        found.append(kept.get("key", make))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(set(map(id, found))) == 1


def test_a_failure_is_not_kept_and_the_longest_unused_is_forgotten():
    kept = Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get(1, lambda: 1 / 0)
    assert 1 not in kept and kept.get(1, lambda: "one") == "one"
    kept.get(2, str), kept.get(1, str), kept.get(3, str)
    assert [key in kept for key in (1, 2, 3)] == [True, False, True]


def test_neurons_without_a_figure_come_last_in_every_order():
    table = pd.DataFrame(
        {"pcc": [0.2, np.nan, 0.6, 0.5], "noise_ceiling": [0.05, 0.5, 0.8, np.nan]}
    )
    rows = listing.rows_of(table, 4)
    assert rows[2] == {"neuron": 2, "pcc": 0.6, "ceiling": 0.8, "share": 0.75}
    assert rows[0]["share"] is None  # of a ceiling under 0.1

    def order(name):
        return [row["neuron"] for row in listing.ordered(rows, name)]

    assert order("number") == [0, 1, 2, 3]
    assert order("PCC, best first") == [2, 3, 0, 1]
    assert order("ceiling, highest first") == [2, 1, 0, 3]
    assert order("share of the ceiling, best first")[0] == 2
    unknown = listing.rows_of(None, 2)
    assert [row["pcc"] for row in listing.ordered(unknown, "PCC, best first")] == [None, None]


def test_bars_are_the_largest_responses_in_their_order():
    responses = np.random.default_rng(0).uniform(0, 5, 50)
    options = charts.bars(responses)
    (series,) = options["series"]
    best = np.sort(responses)[::-1][: charts.MOST_BARS]
    np.testing.assert_allclose(series["data"], best, atol=1e-4)
    named = [int(name) for name in options["xAxis"]["data"]]
    np.testing.assert_allclose(responses[named], best)
    assert options["xAxis"]["name"] == "neuron" and "spikes" in options["yAxis"]["name"]
    assert f"neuron {named[0]}: {best[0]:.2f}" in charts.bars_in_words(responses, "title")
    json.dumps(options, allow_nan=False)


def test_a_curve_has_its_unit_and_says_its_peak():
    values, responses = np.array([0.0, 10, 20]), np.array([1.0, 3.0, 2.0])
    options = charts.curve(values, responses, "orientation (degrees)")
    assert options["series"][0]["data"] == [[0, 1], [10, 3], [20, 2]]
    assert options["xAxis"]["name"] == "orientation (degrees)"
    assert "3.00 spikes per presentation at 10" in charts.curve_in_words(
        values, responses, "a", "b"
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_of_the_page_has_the_pixels_that_the_model_sees(channels):
    import base64

    image = np.random.default_rng(0).uniform(-1.2, 1.2, (8, 12, channels))
    start, content = charts.picture(image).split(",")
    assert start == "data:image/png;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))), float)
    shown = shown.reshape(8, 12, channels)
    np.testing.assert_allclose(shown / 127.5 - 1, np.clip(image, -1, 1), atol=1 / 255 + 1e-9)


# The latent space


def test_the_axes_of_codes_are_those_of_their_covariance():
    generator = np.random.default_rng(0)
    codes = generator.normal(size=(400, 9)) @ generator.normal(size=(9, 9)) + 3
    axes = walk.Axes.of(codes, 4)
    values, vectors = np.linalg.eigh(np.cov(codes.T, ddof=0))
    values, vectors = values[::-1][:4], vectors[:, ::-1][:, :4]
    np.testing.assert_allclose(axes.mean, codes.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(axes.steps, axis=1), np.sqrt(values), rtol=1e-4)
    directions = axes.steps / np.linalg.norm(axes.steps, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(directions @ vectors), np.eye(4), atol=1e-4)
    np.testing.assert_allclose(axes.shares, values / np.trace(np.cov(codes.T, ddof=0)), rtol=1e-4)
    moved = axes.code([0, 2, 0, 0])
    np.testing.assert_allclose(moved - axes.mean, 2 * axes.steps[1], rtol=1e-4, atol=1e-5)


def test_codes_that_hardly_vary_have_as_many_axes_as_they_vary_along():
    line = np.outer(np.linspace(-1, 1, 20), [1.0, 2.0, 0.0])
    assert len(walk.Axes.of(line).steps) == 1
    still = walk.Axes.of(np.ones((5, 3)))
    assert len(still.steps) == len(still.shares) == 0
    np.testing.assert_array_equal(still.code([]), np.ones(3))


def test_at_the_start_one_sees_what_the_model_reconstructs(session_of):
    session = session_of("cae_fr")
    walked, images = walk.Walk(session), session.natural()
    for start in (0, 5):
        wanted = session.answer(images[start])["reconstruction"]
        still = [0.0] * len(walked.axes.steps)
        np.testing.assert_allclose(walked.image(still, start), wanted, atol=1e-4)
    ahead = walked.image([2.0, *still[1:]])
    assert ahead.shape == (8, 12, 1) and np.abs(ahead - walked.image(still)).max() > 1e-4


@pytest.mark.parametrize(
    ("name", "why"), [("cnn_fc", "no decoder"), ("vqvae_fr", "map of code indices")]
)
def test_a_model_without_a_latent_vector_says_so(session_of, name, why):
    assert why in walk.why_not(session_of(name))
    with pytest.raises(InputError, match=why):
        walk.Walk(session_of(name))


# What is known of a model


def test_the_head_says_what_the_model_is_and_that_its_data_are_simulated(session_of):
    session = session_of("cae_fr")
    assert session.title == "cae_fr, layer 2, seed 3, 40 steps"
    assert session.data == "made up (simulated data)" and "simulated" in session.model


def test_figures_of_neurons_are_the_runs_own_else_measured_on_the_recording(
    places, recording, session_of, tmp_path
):
    from daenr_tf.evaluation import evaluate
    from daenr_tf.models.keras_file import load_model

    model = load_model(os.path.join(places["cnn_fc"], "model.keras"))
    table = evaluate(model, recording).neurons
    measured = session_of("cnn_fc").quality
    assert "computed" in measured.source
    for column in ("pcc", "noise_ceiling"):
        np.testing.assert_allclose(measured.neurons[column], table[column], atol=1e-4)
    twin = session_of("cnn_fc").twin
    table.assign(pcc=0.25).to_csv(tmp_path / "neurons.csv", index=False)
    own = about.quality_of([str(tmp_path)], twin, recording)
    assert (own.neurons["pcc"] == 0.25).all() and "neurons.csv" in own.source


def test_without_figures_and_recording_it_says_that_none_are_known(places):
    session = Session([places["export"]], None, "it is elsewhere")
    assert session.quality.neurons is None and "Neither PCC nor ceiling" in session.quality.source
    assert session.twin.simulated is None and "does not tell" in session.data
    assert session.natural().shape[1:] == (8, 12, 1)
    assert "dead leaves" in session.natural_source
    _, lacking = neuron.receptive_fields(session, 0)
    assert "export" in lacking


def test_a_model_without_a_readout_has_images_but_no_neurons(session_of):
    session = session_of("cae")
    assert session.subject is None and "no readout" in session.quality.source
    found = look.at_picture(session, "a.png", png(16, 24))
    assert found.responses is None and found.reconstruction.shape == (8, 12, 1)


def test_several_models_are_averaged(places, recording, session_of):
    both = Session([places["cae_fr"], places["cnn_fc"]], recording)
    image = both.natural()[0]
    one, two = (session_of(name).answer(image)["response"] for name in ("cae_fr", "cnn_fc"))
    np.testing.assert_allclose(both.answer(image)["response"], (one + two) / 2, rtol=1e-4)
    assert "averaged" in both.title and "computed" in both.quality.source


# Pictures


def test_a_picture_is_answered_as_daenr_predict_answers_it(places, session_of):
    content = png(20, 30, 3)
    found = look.at_picture(session_of("cae_fr"), "a.png", content)
    model = served.load(served.locate(places["cae_fr"]))
    wanted = model.answer(np.asarray(Image.open(io.BytesIO(content)))[None])
    np.testing.assert_allclose(found.responses, wanted["response"][0], rtol=1e-4)
    np.testing.assert_allclose(found.reconstruction, wanted["reconstruction"][0], atol=1e-4)
    assert found.notes == ("Colour was turned into grey, which is all that the model sees.",)


def test_a_picture_of_another_shape_or_range_is_told(session_of, places, make_recording):
    (note,) = look.at_picture(session_of("cae_fr"), "a.png", png(40, 20)).notes
    assert "40 × 20" in note and "squeezed" in note
    dim = make_recording(pixel_range=(0.0, 512.0))
    session = Session([places["cae_fr"]], dim)
    session.twin.pixel_range = (0.0, 512.0)
    (note,) = look.at_picture(session, "a.png", png(16, 24)).notes
    assert "0 to 512" in note


HOSTILE = {
    "not a picture": (b"#!/bin/sh\nrm -rf /\n" * 50, "a file of another kind or a damaged one"),
    "empty": (b"", "a file of another kind or a damaged one"),
    "truncated": (png(300, 300)[:5000], "a damaged file"),
    "a truncated JPEG": (png(300, 300, form="JPEG")[:3000], "a damaged file"),
    "another format": (png(30, 30, form="GIF"), "a PNG or JPEG picture"),
    "a page": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "another kind"),
    "huge": (b"\x89PNG\r\n\x1a\n" + bytes(look.MOST_BYTES), "at most 10 MB, found 10.0 MB"),
    "tiny": (png(2, 2), "at least 4 pixels"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_gets_a_sentence(name, session_of):
    content, words = HOSTILE[name]
    with pytest.raises(InputError, match=words) as refused:
        look.at_picture(session_of("cae_fr"), "evil\n.png", content)
    assert str(refused.value).startswith("evil\\n.png: expected")


def test_a_picture_that_unpacks_to_a_huge_one_is_refused_before_it_is_unpacked(session_of):
    bomb = io.BytesIO()
    Image.new("1", (5000, 4000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 10_000
    with pytest.raises(InputError, match="at most 16000000 pixels, found 4000 x 5000"):
        look.at_picture(session_of("cae_fr"), "bomb.png", bomb.getvalue())
    larger = bomb.getvalue().replace(b"\x00\x00\x13\x88\x00\x00\x0f\xa0", b"\x7f\xff\xff\xff" * 2)
    assert larger != bomb.getvalue()
    with pytest.raises(InputError, match="expected"):
        look.at_picture(session_of("cae_fr"), "bomb.png", larger)


@pytest.mark.parametrize("mode", ["CMYK", "I;16", "RGBA"])
def test_a_mode_that_can_not_be_read_rightly_is_refused(mode, session_of):
    file = io.BytesIO()
    form = "JPEG" if mode == "CMYK" else "PNG"
    Image.new(mode, (20, 20)).save(file, form)
    words = {"CMYK": "found CMYK", "I;16": "8 bits a channel", "RGBA": "transparent pixels"}[mode]
    with pytest.raises(InputError, match=words):
        look.at_picture(session_of("cae_fr"), "a.png", file.getvalue())


# Neurons


def test_a_most_exciting_input_drives_its_neuron_as_is_said(session_of):
    session = session_of("cae_fr")
    assert not neuron.has_exciting(session, 1)
    found = neuron.most_exciting(session, 1)
    assert neuron.has_exciting(session, 1) and neuron.most_exciting(session, 1) is found
    for image, response in (
        (found.image, found.response),
        (found.natural, found.natural_response),
    ):
        np.testing.assert_allclose(session.answer(image)["response"][1], response, rtol=1e-3)
        assert np.abs(image).max() <= 1 and abs(image.std() - found.contrast) < 0.02
    assert found.response > found.natural_response


def test_the_maps_of_a_neuron_are_figures_with_a_text(session_of):
    figures, lacking = neuron.receptive_fields(session_of("cae_fr"), 2)
    titles = [one.title for one in figures]
    assert lacking == "" and len(titles) == 4
    assert "mask" in titles[0] and "of the recording" in titles[-1]
    for one in figures:
        assert Image.open(io.BytesIO(one.png)).format == "PNG"
        assert one.title in one.alternative and "neuron 2" in one.alternative
    _, lacking = neuron.receptive_fields(session_of("cnn_fc"), 2)
    assert "Masks are not shown" in lacking


def test_one_neurons_gradient_is_that_of_all(session_of):
    subject = session_of("cae_fr").subject
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 12, 1), np.uint8)
    mean, energy = subject.gradients(images, [0, 3])
    one = subject.gradient(images, 3)
    np.testing.assert_array_equal(one[0], mean[1])
    np.testing.assert_array_equal(one[1], energy[1])


def test_tuning_is_that_of_the_protocol(session_of):
    from daenr_tf.laboratory.catalogue import PROTOCOLS
    from daenr_tf.laboratory.settings import Settings

    session = session_of("cae_fr")
    measured = neuron.tuning(session, "gratings")
    show, measure = PROTOCOLS["gratings"].functions()
    stimuli = show(session.subject, Settings(), None)
    rates = session.subject.rates(stimuli.images)
    wanted = measure(stimuli, rates, session.subject, Settings())
    pd.testing.assert_frame_equal(measured.neurons, wanted.neurons)
    assert set(neuron.TUNINGS) <= set(PROTOCOLS) and not neuron.tuning_maps(session, "gratings", 1)
    said = charts.indices(measured.neurons.iloc[1].to_dict(), "pixel")
    assert "preferred orientation (degrees): " in said and "cycles per pixel" in said
    assert len(neuron.tuning_maps(session, "sparse_noise", 1)) == 2


# The command


def explored(*arguments):
    return in_this_process(main, ["explore", *map(str, arguments)])


def test_a_missing_library_is_named(places, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "nicegui" else find(name)
    )
    done = explored(places["cae_fr"])
    assert done.returncode == 2
    assert "expected NiceGUI (pip install 'daenr_tf[explore]'), found none" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere: expected a run's directory"),
        (["cae_fr", "--port", "70000"], "--port: expected a number from 0 to 65535, found 70000"),
        (["cae_fr", "--host", "no such.name"], "--host: expected a name or an address of this"),
        (["cae_fr", "--host", "203.0.113.9"], "--port: expected a free one on 203.0.113.9"),
        (["several"], "expected the model of one recording, found a run on several: several/rec"),
    ],
)
def test_a_mistake_is_told_in_one_line(places, arguments, words, monkeypatch):
    folder = os.path.dirname(places["cae_fr"])
    monkeypatch.chdir(folder)
    os.makedirs("several/recordings/monday", exist_ok=True)
    done = explored(*arguments)
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_told(places):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = explored(places["cae_fr"], "--port", taken.getsockname()[1])
    assert done.returncode == 2 and "--port: expected a free one on 127.0.0.1" in done.stderr


def test_port_0_takes_any_free_one():
    with ground.listen("127.0.0.1", 0) as one, ground.listen("127.0.0.1", 0) as other:
        assert 0 < one.getsockname()[1] != other.getsockname()[1] > 0


def test_mistakes_import_no_tensorflow_and_no_page(run_python):
    said = run_python(
        "import sys\n"
        "from daenr_tf.commands.main import main\n"
        "try:\n    main(['explore', 'nowhere'])\nexcept SystemExit as left:\n    print(left.code)\n"
        "print({'tensorflow', 'nicegui', 'uvicorn'} & set(sys.modules))"
    )
    assert said.split() == ["2", "set()"]
