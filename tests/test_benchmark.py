"""`daenr benchmark`: what it counts is what is computed, what it holds beside ours is the same network."""

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from runs import read_json

from daenr_tf import paper, systems
from daenr_tf.benchmark import (
    counterpart,
    machine,
    made_up,
    operations,
    profile,
    scale,
    session,
    table,
    together,
)
from daenr_tf.benchmark.request import Request
from daenr_tf.commands.main import main
from daenr_tf.config import TrainConfig
from daenr_tf.errors import MachineError, SettingError
from daenr_tf.models.build import build_model
from daenr_tf.recordings.load import load_recording

SMALL = ("--image-size", "8", "--batch-size", "4", "--images", "20", "--neurons", "3")
PAPERS = {*paper.JOINT, *paper.AUTOENCODERS, *(f"cnn_{readout}" for readout in paper.READOUTS)}
QUICK = (*SMALL, "--steps", "3", "--repeats", "1")


def model_of(make_recording, recipe, size=(8, 12), color="grey", neurons=5, layer=2):
    config = Request(recipe, image_size=size, color=color, layer=layer).config
    recording = make_recording(
        height=size[0], width=size[1], channels=config.model.channels, neurons=neurons
    )
    return build_model(config.model, recording, config.training.alpha, config.training.beta), config


def traced(function, *shapes):
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return operations.count(tf.function(function).get_concrete_function(*specs).graph)


@pytest.mark.parametrize("stride, places", [(1, 6 * 8), (2, 3 * 4)])
def test_a_convolution_and_its_gradients_count_a_multiply_add_per_place_channel_and_weight(
    stride, places
):
    def gradients(images, kernel):
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            out = tf.nn.conv2d(images, kernel, stride, "SAME")
        return out, tape.gradient(out, [images, kernel])

    counted = traced(gradients, (5, 6, 8, 2), (3, 3, 2, 7))
    each = 2 * 5 * places * 7 * (3 * 3 * 2)
    assert counted.left_out == ()
    assert counted.kinds == {
        "Conv2D": each,
        "Conv2DBackpropInput": each,
        "Conv2DBackpropFilter": each,
    }


@pytest.mark.parametrize(
    "function, shapes, kind, expected",
    [
        (tf.matmul, ((3, 5), (5, 7)), "MatMul", 2 * 3 * 5 * 7),
        (lambda a, b: tf.matmul(a, b, transpose_a=True), ((5, 3), (5, 7)), "MatMul", 2 * 3 * 5 * 7),
        (tf.matmul, ((4, 3, 5), (4, 5, 7)), "BatchMatMulV2", 4 * 2 * 3 * 5 * 7),
        (
            lambda a, b: tf.matmul(a, b, adjoint_a=True),
            ((4, 5, 3), (4, 5, 7)),
            "BatchMatMulV2",
            4 * 2 * 3 * 5 * 7,
        ),
        (
            lambda a, b: tf.einsum("bnc,cn->bn", a, b),
            ((4, 3, 5), (5, 3)),
            "Einsum",
            2 * 4 * 3 * 5,
        ),
        (
            lambda a, b: tf.einsum("bn,cn->bnc", a, b),
            ((4, 3), (5, 3)),
            "Einsum",
            4 * 3 * 5,
        ),
        (lambda a, b: tf.einsum("...d,kd->...k", a, b), ((2, 6, 5), (3, 5)), "Einsum", 2 * 12 * 15),
    ],
)
def test_a_product_counts_what_its_closed_form_has(function, shapes, kind, expected):
    assert traced(function, *shapes).kinds == {kind: expected}


def test_what_can_not_be_counted_is_named():
    counted = traced(tf.matmul, (None, 5), (5, 7))
    assert counted.total == 0 and counted.left_out == ("MatMul",)

    def looped(a, b):
        for _ in tf.range(3):
            a = tf.matmul(a, b)
        return a

    assert traced(looped, (5, 5), (5, 5)).left_out == ("MatMul",)


CONVOLUTIONS = 2 * 9 * 48 * (256 + 48 * (256 + 64 + 64) + 48 * (64 + 64 + 256) + 256)
DENSE = 2 * 2 * 3072 * 100


def test_the_operations_of_the_cae_are_those_of_the_papers_layers(make_recording):
    """48C2_3-48C1_3-48C2_3-48C1_3, 3072-100-3072, 48DC1_3-48DC2_3-48DC1_3-1DC2_3 on 32x32."""
    model, _ = model_of(make_recording, "cae", (32, 32))
    forward = CONVOLUTIONS + DENSE
    assert operations.of_forward(model).total == operations.BATCH * forward
    # Backward is twice that, but for the gradient of the images, which nobody asks for.
    first = 2 * 9 * 48 * 256
    counted = operations.of_training_step(model, 16)
    assert counted.total == 16 * (3 * forward - first) and counted.left_out == ()


def test_the_factorized_readout_adds_its_product_of_places_and_masks(make_recording):
    alone, _ = model_of(make_recording, "cae", (32, 32))
    joint, _ = model_of(make_recording, "cae_fr", (32, 32), neurons=7)
    more, less = operations.of_training_step(joint, 4), operations.of_training_step(alone, 4)
    assert more.total - less.total == 4 * 3 * 2 * (48 * 256 * 7)


def mirrored(values, grid):
    """(height * width * channels, ...) or (height * width, ...), its grid turned by half a turn."""
    return values.reshape(*grid, -1)[::-1, ::-1].reshape(values.shape)


NAMES = (
    (".gamma", ".weight"),
    ("normalization.beta", "normalization.bias"),
    (".moving_mean", ".running_mean"),
    (".moving_variance", ".running_var"),
)


def copied(model, network):
    """The PyTorch network with a Keras model's weights, for images that are turned by half a turn."""
    import torch

    hidden = [
        shape[1:3] for shape in model.encoder.compute_output_shape((None, *model.image_shape))
    ]
    read, last = hidden[model.layer - 1], hidden[-1]
    values = {}
    for weight in model.weights:
        value, name = np.asarray(weight), model.path_of(weight).replace("/", ".")
        for ours, theirs in NAMES:
            name = name.replace(ours, theirs)
        if value.ndim == 4:  # (height, width, in, out), or (height, width, out, in) if transposed
            value = value[::-1, ::-1].transpose(3, 2, 0, 1)
        elif name == "readout.mask":
            value = mirrored(value, read).reshape(-1, value.shape[-1])
        elif name == "readout.cell":
            value = read[0] * read[1] - 1 - value.astype(np.int64)
        elif name == "readout.kernel":
            value = mirrored(value, read)
        elif name == "bottleneck.compress.kernel":
            value = mirrored(value, last).T
        elif name.startswith("bottleneck.expand"):
            value = mirrored(value.T, last)
        elif name.endswith("projection.kernel"):
            value = value.T
        if not name.startswith("readout"):
            name = name.replace("kernel", "weight")
        values[name] = torch.tensor(np.ascontiguousarray(value))
    values.pop("bottleneck.updates", None)
    own = network.state_dict()
    assert values.keys() == {name for name in own if not name.endswith("num_batches_tracked")}
    network.load_state_dict({**own, **values})
    return network


@pytest.fixture
def torch():
    """PyTorch on one thread: on busy cores several wait for each other without end."""
    found = pytest.importorskip("torch", reason="PyTorch, which is no dependency, is not installed")
    found.set_num_threads(1)
    return found


def images_of(config, count):
    shape = (count, *config.model.image_size, config.model.channels)
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


def in_torch(torch, images):
    turned = np.ascontiguousarray(images[:, ::-1, ::-1].transpose(0, 3, 1, 2))
    return torch.tensor(turned).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("recipe", systems.SYSTEMS)
def test_the_counterpart_with_our_weights_gives_our_outputs(recipe, torch, make_recording):
    from daenr_tf.benchmark.torch_network import Network

    layer = 3 if recipe.endswith("fc") else 2
    color = "rgb" if recipe.startswith("vae") else "grey"
    model, config = model_of(make_recording, recipe, (8, 12), color, layer=layer)
    generator = np.random.default_rng(0)
    for weight in model.weights:  # so that normalisation, too, has something to do
        if "moving" in weight.path or "gamma" in weight.path or weight.path.endswith("beta"):
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    network = copied(model, Network(config, model.neurons))
    images = images_of(config, 3)
    ours = model(images)
    network.eval()
    with torch.inference_mode():
        theirs = {name: value.numpy() for name, value in network(in_torch(torch, images)).items()}
        assert theirs.keys() == ours.keys()
        if "reconstruction" in theirs:
            back = theirs["reconstruction"].transpose(0, 2, 3, 1)[:, ::-1, ::-1]
            np.testing.assert_allclose(back, ours["reconstruction"], atol=2e-5)
        if "response" in theirs:
            np.testing.assert_allclose(theirs["response"], ours["response"], rtol=1e-4, atol=1e-6)
            alone = network.respond(in_torch(torch, images)).numpy()
            np.testing.assert_allclose(alone, theirs["response"], rtol=1e-5)


@pytest.mark.parametrize("recipe", ["cae", "cae_fr", "cae_fm", "cnn_fr", "cnn_fm"])
def test_the_counterparts_loss_is_ours(recipe, torch, make_recording):
    """Of the systems that draw nothing in training."""
    from daenr_tf.benchmark.torch_network import Network

    model, config = model_of(make_recording, recipe)
    network = copied(model, Network(config, model.neurons))
    images = images_of(config, 6)
    responses = np.random.default_rng(2).gamma(1.0, 1.0, (6, max(model.neurons, 1)))
    targets = {"reconstruction": images, "response": responses.astype(np.float32)}
    values, weights = model.loss_terms(
        images, {head: targets[head] for head in model.heads}, training=True
    )
    ours = sum(weights[name] * float(np.mean(value)) for name, value in values.items())
    theirs = network.loss(in_torch(torch, images), torch.tensor(targets["response"]))
    assert float(theirs.detach()) == pytest.approx(ours, rel=1e-5)


@pytest.mark.parametrize("recipe", ["vae_fc", "vqvae_fr"])
def test_a_counterpart_that_draws_learns(recipe, torch, make_recording):
    from daenr_tf.benchmark.torch_network import Network

    torch.manual_seed(0)
    _, config = model_of(make_recording, recipe)
    network = Network(config, 5)
    images = in_torch(torch, images_of(config, 16))
    responses = torch.ones(16, 5)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = network.loss(images, responses)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_systems_and_parts_without_a_counterpart_are_told_so(monkeypatch):
    lacking = {recipe: counterpart.lacking(Request(recipe)) for recipe in systems.SYSTEMS}
    assert {recipe for recipe, said in lacking.items() if said is None} == PAPERS
    assert "readout GR" in lacking["cae_gr"]
    monkeypatch.delitem(counterpart.READOUTS, "fm")
    said = counterpart.lacking(Request("cae_fm"))
    assert said.startswith("no counterpart in PyTorch") and "readout FM" in said
    assert counterpart.lacking(Request("cae_fr")) is None


def test_a_counterpart_with_other_parameters_is_refused_in_a_sentence(torch):
    from daenr_tf.benchmark import torch_training

    order = {"request": Request("cnn_fr").to_dict(), "began": time.monotonic()}
    facts = {"threads": torch.get_num_threads(), "parameters": 12, "train_images": 8, "neurons": 3}
    said = torch_training.measure({**order, **facts})["refused"]
    assert "expected 12 trainable parameters" in said and "CNN-FR2" in said


def test_the_network_in_pytorch_is_fed_each_image_once_an_epoch(torch):
    from daenr_tf.benchmark import torch_training

    images = torch.arange(10.0).reshape(10, 1, 1, 1)
    batches = torch_training._batches(images, images[:, 0, 0], 4)
    seen = np.concatenate([next(batches)[0].numpy().ravel() for _ in range(5)])
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))


def test_a_made_up_recording_is_a_recording_of_the_counts_that_were_asked_for(tmp_path):
    made_up.write(str(tmp_path / "made.npz"), 30, (8, 12, 3), 4)
    recording = load_recording(tmp_path / "made.npz")
    assert recording.images.shape == (30, 8, 12, 3) and recording.neurons == 4


def test_a_request_is_checked_and_goes_to_json_and_back():
    request = Request("cae_fr", images=50, image_size=(16, 8))
    assert (request.images, request.neurons, request.title) == (50, 102, "CAE-FR2")
    assert Request("vqvae").title == "VQ-VAE" and not Request("vqvae").made_up
    assert Request.from_dict(json.loads(json.dumps(request.to_dict()))) == request
    for fields in ({"images": 3}, {"neurons": 0}, {"threads": 0}, {"steps": 0}, {"layer": 7}):
        with pytest.raises(SettingError):
            Request("cae_fr", **fields)


def daenr(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "daenr_tf", "benchmark", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """(process, JSON) of a benchmark of two small models."""
    folder = tmp_path_factory.mktemp("benchmark")
    done = daenr("cnn_fr", "cae", *QUICK, "--threads", "1", "--out", folder)
    assert done.returncode == 0, done.stderr
    return done, read_json(folder, "benchmark.json")


def test_every_figure_of_a_benchmark_is_there_and_adds_up(measured):
    done, found = measured
    assert [model["title"] for model in found["models"]] == ["CNN-FR2", "CAE"]
    assert found["versions"]["tensorflow"] == tf.__version__
    for model in found["models"]:
        (repeat,), summary = model["daenr_tf"]["repeats"], model["daenr_tf"]["summary"]
        alone = {"at_once_images_per_second"} if machine.cores() < 2 else set()
        wanted = {
            name for name in session.FIGURES if not name.startswith(("respond", "lite"))
        } - alone
        assert summary.keys() >= wanted
        assert all(figure["median"] > 0 for figure in summary.values())
        assert model["threads"] == 1 and model["train_images"] == 16
        step, training = model["operations"]["training_step"], repeat["training"]
        steps_per_second = training["images_per_second"] / 4
        assert repeat["matrix_share"] == pytest.approx(
            step * steps_per_second / repeat["matrix_rate"]["mean"]
        )
        assert training["step"]["p5_ms"] <= training["step"]["median_ms"]
        assert 1e8 < repeat["peak_memory_bytes"] < 1e10
        assert f"{model['title']}, 8x8 grey images, batch 4, 1 thread," in done.stdout
    assert "training, images/s" in done.stdout and "load average" in done.stdout
    assert machine.cpu_name() in done.stdout and "CNN-FR2: repeat 1 of 1" in done.stderr


def test_pytorch_is_measured_beside_ours_where_it_is_installed(measured, torch):
    done, found = measured
    for model in found["models"]:
        assert model["torch"]["absent"] is None
        (theirs,) = model["torch"]["repeats"]
        assert theirs["parameters"] == model["parameters"] and theirs["threads"] == 1
        assert model["training_ratio"]["median"] > 0
    assert ["respond" in model["torch"]["repeats"][0]["serving"] for model in found["models"]] == [
        True,
        False,
    ]
    assert "PyTorch" in done.stdout


def figure_of(images_per_second):
    return {"training": {"images_per_second": images_per_second}}


def test_a_ratio_is_taken_within_a_repeat():
    ratio = session._ratio([figure_of(10.0), figure_of(40.0)], [figure_of(5.0), figure_of(10.0)])
    assert ratio == {"median": 3.0, "least": 2.0, "greatest": 4.0}
    assert session._ratio([figure_of(10.0)], []) is None


def test_several_trainings_at_once_are_timed_from_when_all_began_until_the_last_ended(monkeypatch):
    request, peak = Request("cae", image_size=(8, 8), batch_size=4, steps=5), 10
    asked = {}

    def answers(kind, places, **order):
        asked.update(order, kind=kind, places=len(places))
        return [{"began": 10.0, "ended": 12.0}, {"began": 10.5, "ended": 14.0}]

    monkeypatch.setattr(together.processes, "ask_together", answers)
    monkeypatch.setattr(together.machine, "cores", lambda: 2)
    found = together.run(request, peak)
    assert found == {"processes": 2, "threads": 1, "images_per_second": 2 * 5 * 4 / 4.0}
    assert (asked["kind"], asked["places"], asked["expected"]) == ("together", 2, 2)
    assert asked["request"]["threads"] == 1
    # No room for two, by cores or by memory.
    assert together.run(dataclasses.replace(request, threads=2), peak) is None
    assert together.run(request, together.memory.half()) is None
    ratio = session._ratio(
        [{**figure_of(1.0), "at_once": {"images_per_second": 30.0}}], [figure_of(10.0)], "at_once"
    )
    assert (
        ratio["median"] == 3.0
        and session._ratio([figure_of(1.0)], [figure_of(1.0)], "at_once") is None
    )


def test_who_waits_for_one_that_never_comes_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(together, "PATIENCE", 0.05)
    with pytest.raises(MachineError, match="expected 2 processes to be ready"):
        together._meet(str(tmp_path), 2)


def test_a_busy_machine_is_told():
    facts = {"cpu": "CPU", "cores": 2, "load_average_before": 1.5, "load_average_after": 0.1}
    busy = table.head({"machine": facts, "versions": {}})
    idle = table.head({"machine": {**facts, "load_average_before": 0.2}, "versions": {}})
    assert "repeat it on an idle one" in busy[-1] and "idle" not in " ".join(idle)


def test_a_profile_tells_where_a_step_goes(tmp_path):
    done = daenr("cnn_fm", *QUICK, "--profile", tmp_path / "p", "--out", tmp_path / "p.json")
    assert done.returncode == 0, done.stderr
    (model,) = read_json(tmp_path, "p.json")["models"]
    calls = {kind.removeprefix("_MklNative"): row["calls"] for kind, row in model["kinds"].items()}
    assert calls["Conv2D"] == calls["Conv2DBackpropFilter"] == 2 and calls["ResourceApplyAdam"] == 8
    times = [row["ms"] for row in model["kinds"].values()]
    assert times == sorted(times, reverse=True)
    assert len(list((tmp_path / "p" / "cnn_fm").glob("plugins/profile/*/*.xplane.pb"))) == 1
    rows = [line for line in done.stdout.splitlines() if "%" in line]
    assert len(rows) == profile.SHOWN + 1 and "tensorboard --logdir" in done.stdout


BAD = {
    "a recipe": (["cae_fx"], "RECIPE: expected one of cae"),
    "a layer": (["--layer", "9"], "--layer: expected one of 1, 2, 3, 4, found 9"),
    "a core": (["--core", "x"], "--core: expected one of daenr"),
    "a batch": (["--batch-size", "0"], "--batch-size: expected a whole number"),
    "a batch that is too large": (["--batch-size", "9999999"], "--batch-size: expected at most"),
    "a size": (["--image-size", "33"], "--image-size: expected height and width"),
    "a colour": (["--color", "red"], "--color: expected one of grey, rgb"),
    "images": (["--images", "2"], "--images: expected a whole number from 10"),
    "too many images": (["--images", "2000000000"], "--images: expected a recording that fits"),
    "neurons": (["--neurons", "0"], "--neurons: expected a whole number from 1"),
    "steps": (["--steps", "0"], "--steps: expected a whole number from 1"),
    "repeats": (["--repeats", "0"], "--repeats: expected a whole number from 1"),
    "threads": (["--threads", "0"], "--threads: expected a whole number from 1"),
    "scale beside a profile": (["--scale", "--profile", "p"], "--profile: expected not beside"),
    "scale beside images": (["--scale", "--images", "50"], "--images: expected not beside"),
    "a word": (["--steps", "few"], "--steps: expected a whole number, found 'few'"),
    "no path": (["--out", ""], "--out: expected a path"),
    "a place that is a file": (["--profile", __file__], "--profile: expected a directory"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_argument_is_told_in_a_line_and_nothing_is_measured(case, capsys, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", never)
    arguments, words = BAD[case]
    with pytest.raises(SystemExit) as left:
        main(["benchmark", *arguments])
    out, err = capsys.readouterr()
    assert left.value.code == 2 and out == "" and err.count("\n") == 1
    assert err.startswith(f"daenr benchmark: {words}")


@pytest.mark.parametrize("arguments", [["--help"], ["--layer", "9"], ["cae_fx"]])
def test_help_and_mistakes_answer_at_once(arguments):
    """The processor's time and not the clock's, which other processes on the machine draw out."""

    def taken():
        started = resource.getrusage(resource.RUSAGE_CHILDREN)
        daenr(*arguments)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime - started.ru_utime + ended.ru_stime - started.ru_stime

    assert min(taken() for _ in range(5)) < 0.5


def test_a_benchmark_that_is_stopped_leaves_with_130_and_no_process(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "daenr_tf", "benchmark", *SMALL, "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children, until = (
        Path(f"/proc/{process.pid}/task/{process.pid}/children"),
        time.monotonic() + 60,
    )
    while not children.read_text() and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == "" and "Traceback" not in err
    assert not (tmp_path / "out").exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def point_of(value, **measures):
    spread = {name: session.spread([figure]) for name, figure in measures.items()}
    return {"value": value, **spread}


def scaled(titles=("CAE-FR2",)):
    """What `scale.run` would give, with a point that was left out."""
    points = [
        point_of(10, step_ms=1.0, startup_seconds=2.0, peak_memory_mb=3.0),
        point_of(100, step_ms=10.0, startup_seconds=2.5, peak_memory_mb=30.0),
        {"value": 1000, "left_out": "no place"},
    ]
    sweeps = [
        {"title": sweep.title, "field": sweep.field, "fixed": {"images": 7}, "points": points}
        for sweep in scale.SWEEPS
    ]
    request = Request("cae_fr", steps=4).to_dict()
    facts = {"cpu": "CPU", "cores": 2, "load_average_before": 0.0, "load_average_after": 0.0}
    models = [
        {"title": title, "request": request, "repeats": 1, "sweeps": sweeps} for title in titles
    ]
    return {"machine": facts, "versions": {}, "models": models}


def test_the_figure_of_scale_is_log_log_with_labels_and_units(drawn):
    from daenr_tf.plotting import benchmark_figures

    benchmark_figures.scale("scale.png", scaled(("CAE-FR2", "CNN-FR2")))
    (figure,) = drawn
    assert len(figure.axes) == 9
    assert {axis.get_xscale() for axis in figure.axes} == {"log"}
    assert {axis.get_yscale() for axis in figure.axes} == {"log"}
    assert [figure.axes[i].get_ylabel() for i in (0, 3, 6)] == [
        title for _, title, _ in scale.MEASURES
    ]
    assert [axis.get_xlabel() for axis in figure.axes[6:]] == [
        sweep.title for sweep in scale.SWEEPS
    ]
    lines = figure.axes[0].containers
    assert [len(line[0].get_xdata()) for line in lines] == [2, 2]
    assert list(lines[0][0].get_ydata()) == [1.0, 10.0]
    texts = " ".join(text.get_text() for text in figure.texts)
    assert "simulated recordings" in texts and "simulated data" in texts


def test_the_table_of_scale_says_what_was_left_out():
    said = scale.written(scaled())
    assert "1000: left out: no place" in said and "start-up (s)" in said


def test_a_sweep_measures_every_point_that_fits():
    request = Request("cnn_fr", batch_size=4, steps=2)
    fixed = {"images": 12, "neurons": 3}
    sweep = scale.Sweep("image size (pixels a side)", "image_size", (8, 40_000), fixed)
    (model,) = scale.run([request], 1, (sweep,))["models"]
    small, large = model["sweeps"][0]["points"]
    assert all(small[name]["median"] > 0 for name, _, _ in scale.MEASURES)
    assert "half of this machine's memory" in large["left_out"]


def test_a_request_has_the_defaults_of_a_run():
    assert Request("cae_fr").batch_size == TrainConfig().batch_size == 64
