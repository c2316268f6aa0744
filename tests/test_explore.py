"""What `daenr explore` shows of a model, and what it refuses. Its door is in test_explore_door, its charts in test_explore_charts, the page
itself in test_explore_page."""

import importlib.util
import io
import json
import os
import socket

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from runs import in_this_process

from daenr_tf.commands.main import main
from daenr_tf.config import ModelConfig
from daenr_tf.errors import InputError
from daenr_tf.explore import about, charts, ground, look, neuron, walk
from daenr_tf.explore.kept import Kept
from daenr_tf.explore.session import Session
from daenr_tf.models import saved_model, served
from daenr_tf.models.build import build_model
from daenr_tf.models.keras_file import save_model


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


def test_the_recording_of_an_averaged_run_is_its_first_members(tmp_path, monkeypatch):
    from daenr_tf.runs import opened
    from daenr_tf.twin.origin import recording_of

    class Opened:
        def __init__(self, directory):
            self.recording = directory

    monkeypatch.setattr(opened.Run, "open", lambda directory, data_dir: Opened(directory))
    for name in ("seed-4", "seed-5"):
        (tmp_path / name).mkdir()
        for file in ("config.json", "model.keras"):
            (tmp_path / name / file).write_text("{}")
    (tmp_path / "results.json").write_text('{"members": [{"run": "seed-4"}, {"run": "seed-5"}]}')
    assert recording_of(str(tmp_path)) == str(tmp_path / "seed-4")
    for damaged in ("[]", '{"members": []}', '{"members": [{"run": 3}]}', "{"):
        (tmp_path / "results.json").write_text(damaged)
        with pytest.raises(InputError):
            recording_of(str(tmp_path))


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


@pytest.mark.parametrize(
    ("host", "shown", "local"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "localhost", True),
        ("::1", "[::1]", True),
        ("0.0.0.0", "127.0.0.1", False),
        ("my.machine", "my.machine", False),
    ],
)
def test_the_link_leads_to_the_page_and_a_network_is_known(host, shown, local):
    pytest.importorskip("uvicorn", reason="the explore extra is not installed")
    from types import SimpleNamespace

    from daenr_tf.explore import server

    listening = SimpleNamespace(getsockname=lambda: ("", 81))
    link = server.url_of(SimpleNamespace(token="abc"), listening, host)
    assert link == f"http://{shown}:81/?token=abc" and server.is_local(host) is local


def test_mistakes_import_no_tensorflow_and_no_page(run_python):
    said = run_python(
        "import sys\n"
        "from daenr_tf.commands.main import main\n"
        "try:\n    main(['explore', 'nowhere'])\nexcept SystemExit as left:\n    print(left.code)\n"
        "print({'tensorflow', 'nicegui', 'uvicorn'} & set(sys.modules))"
    )
    assert said.split() == ["2", "set()"]
