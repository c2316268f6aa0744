"""What a run takes of the memory, as it is estimated, and that what can't fit is refused before TensorFlow is there."""

import pytest
from refusal import refused
from runs import go, write_recording

from daenr_tf import systems
from daenr_tf.config import ModelConfig, RunConfig, TrainConfig
from daenr_tf.errors import InputError
from daenr_tf.machine import memory
from daenr_tf.paper import RECIPES
from daenr_tf.runs import footprint


def run_config(recipe="cae_fr", batch_size=64, **settings):
    task = "nrs" if recipe.startswith("cnn") else "ir"
    return RunConfig(ModelConfig(recipe, **settings), TrainConfig(task=task, batch_size=batch_size))


# The estimate


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"image_size": (12, 20), "color": "rgb", "layer": 4},
        {"layer": 1, "latent_size": 7, "codebook_size": 5, "code_dim": 9},
        {"layer": 3, "codebook_update": "loss"},
    ],
    ids=str,
)
def test_a_models_parameters_are_counted_without_building_it(recipe, settings, make_recording):
    from daenr_tf.models.build import build_model

    config = ModelConfig(recipe, **settings)
    recording = make_recording(channels=config.channels)
    assert (
        footprint.parameters(config, recording.neurons)
        == build_model(config, recording).count_params()
    )


@pytest.mark.parametrize(
    "recipe, layer, expected",
    [
        ("cnn_fr", 6, 5 * (2 * 3 + 16 + 1)),
        ("cnn_fc", 5, 5 * (4 * 6 * 8 + 1)),
        ("cnn_fm", 6, 5 * (1 + 16 + 1)),
    ],
)
def test_what_reads_a_layer_is_counted_by_the_cores_row(recipe, layer, expected, monkeypatch):
    deep = systems.Core("deep", "deep", "nowhere:Deep", hidden=(*[(4, 8)] * 5, (8, 16)))
    monkeypatch.setitem(systems.CORES, "deep", deep)
    assert (
        footprint.parameters(ModelConfig(recipe, core="deep", layer=layer, image_size=(16, 24)), 5)
        == expected
    )


MEASURED = """
import os, sys, threading, time
import numpy as np
import psutil
from daenr_tf.runs.quiet import import_tensorflow
import_tensorflow()
import tensorflow as tf
from daenr_tf.runs import footprint
from daenr_tf.config import ModelConfig, TrainConfig
from daenr_tf.models.build import build_model
from daenr_tf.recordings.recording import Recording
from daenr_tf.training import train

recipe, size, batch, neurons = sys.argv[1], *map(int, sys.argv[2:])
generator = np.random.default_rng(0)
recording = Recording(images=generator.integers(0, 256, (300, size, size), dtype=np.uint8), responses=generator.gamma(1.0, 1.0, (300, neurons)))
config = ModelConfig(recipe, image_size=(size, size))
tf.zeros(1) + 1.0
process, peak, ended = psutil.Process(), 0, threading.Event()
before = process.memory_info().rss

def watch():
    global peak
    while not ended.wait(0.002):
        peak = max(peak, process.memory_info().rss)

watching = threading.Thread(target=watch)
watching.start()
training = TrainConfig(task="nrs" if recipe.startswith("cnn") else "ir", batch_size=batch, max_steps=2, validate_every=2)
train(build_model(config, recording), recording, training, os.getcwd())
ended.set()
watching.join()
print((peak - before) / footprint.run_bytes(config, recording, batch))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe, size, batch, neurons",
    [
        ("cae_fr", 64, 64, 2000),
        ("cae_fr", 64, 512, 50),
        ("vae_fc", 64, 256, 50),
        ("cnn_fr", 32, 512, 2000),
        ("vqvae_fm", 64, 256, 100),
    ],
)
def test_the_estimate_lies_within_a_third_of_what_training_takes(
    recipe, size, batch, neurons, run_python
):
    assert 2 / 3 < float(run_python(MEASURED, recipe, size, batch, neurons).split()[-1]) < 4 / 3


RUN = """
import resource, subprocess, sys
import numpy as np

count = int(sys.argv[1])
generator = np.random.default_rng(0)
np.savez("mine.npz", images=generator.integers(0, 256, (count, 64, 64), np.uint8), responses=generator.standard_exponential((count, 2000), np.float32))
options = "--dataset mine.npz --image-size 64 --layer 2 --max-steps 20 --validate-every 10 --run-dir run --export-dir export".split()
subprocess.run([sys.executable, "-m", "daenr_tf", "fit", "cae_fr", *options], check=True, stdout=subprocess.DEVNULL)
print(1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("count, most", [(20_000, 2.4e9), (50_000, 3.4e9)])
def test_a_run_on_many_images_of_many_neurons_keeps_within_its_bounds(count, most, run_python):
    assert int(run_python(RUN, count)) < most


# What is refused


@pytest.mark.parametrize(
    "settings, option",
    [
        ({"batch_size": 2**31 - 1}, "--batch-size"),
        ({"image_size": (4096, 4096)}, "--image-size"),
        ({"latent_size": 2**31 - 1}, "--latent-size"),
        ({"recipe": "vqvae", "codebook_size": 2**31 - 1}, "--codebook-size"),
        ({"recipe": "vqvae", "code_dim": 2**31 - 1}, "--code-dim"),
    ],
)
def test_what_can_not_fit_is_refused_by_its_option(settings, option, recording, monkeypatch):
    monkeypatch.setattr(memory, "half", lambda: 8 << 30)
    with refused(f"{option}: expected", "half of this machine's memory"):
        footprint.check(run_config(**settings), recording)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_defaults_fit_into_two_gigabytes(recipe, make_recording, monkeypatch):
    monkeypatch.setattr(memory, "half", lambda: 1 << 30)
    footprint.check(run_config(recipe), make_recording(neurons=103))


def test_the_largest_batch_that_the_line_names_is_taken_and_one_more_is_not(recording, monkeypatch):
    monkeypatch.setattr(memory, "half", lambda: 1 << 30)
    with pytest.raises(InputError) as caught:
        footprint.check(run_config(batch_size=10**9), recording)
    most = int(str(caught.value).split("at most ")[1].split()[0])
    assert most > len(recording.images)  # batches run on over an epoch's end
    footprint.check(run_config(batch_size=most), recording)
    with refused("--batch-size", f"at most {most} ", "images of 32x32", f"found {most + 1}"):
        footprint.check(run_config(batch_size=most + 1), recording)


def test_neurons_and_images_that_can_not_fit_are_refused_by_the_recordings_name(
    make_recording, monkeypatch
):
    monkeypatch.setattr(memory, "half", lambda: 300 << 20)
    with refused("mine.npz: images and responses: expected a run that fits"):
        footprint.check(
            run_config("cae_fc"), make_recording(neurons=5000, images=10, source="mine.npz")
        )


@pytest.mark.parametrize(
    "options, named",
    [
        (["--batch-size", "2147483647"], "--batch-size"),
        (["--latent-size", "2147483647"], "--latent-size"),
        (["--image-size", "99996"], "--image-size"),
    ],
)
def test_a_run_that_can_not_fit_ends_with_status_2_and_leaves_nothing(options, named, tmp_path):
    dataset = write_recording(tmp_path / "mine.npz")
    done = go("cae_fr", str(tmp_path), "--dataset", dataset, *options, status=2)
    (line,) = done.stderr.splitlines()
    assert (
        line.startswith(f"recipes.cae_fr: {named}: expected")
        and "half of this machine's memory" in line
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.npz"]


def test_refusing_needs_no_tensorflow(run_python):
    assert (
        run_python(
            "import sys; from daenr_tf.runs import footprint; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
        ).split()
        == ["False"] * 2
    )


# The machine's memory


def groups_file(tmp_path, text):
    path = tmp_path / "groups"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    "lines, files, expected",
    [
        (
            "0::/a/b\n",
            {"a/b/memory.max": "max\n", "a/memory.max": "3000000\n", "memory.max": "5000000\n"},
            {3000000, 5000000},
        ),
        (
            "0::/../other\n",
            {"memory.max": "7000000\n"},
            {7000000},
        ),  # in a container the group's own directory is the root
        (
            "5:cpu:/x\n4:memory:/a\n",
            {
                "memory/memory.limit_in_bytes": f"{2**63 - 4096}\n",
                "memory/a/memory.limit_in_bytes": "4000000\n",
            },
            {4000000},
        ),
        ("3:cpu:/a\n", {"memory/memory.limit_in_bytes": "1\n"}, set()),
        ("nonsense\n", {}, set()),
    ],
)
def test_the_limits_of_control_groups_are_read(lines, files, expected, tmp_path):
    root = tmp_path / "cgroup"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    assert set(memory._limits(groups_file(tmp_path, lines), str(root))) == expected


def test_a_machine_without_control_groups_has_the_memory_that_it_has(tmp_path):
    import psutil

    assert memory._limits(str(tmp_path / "none"), str(tmp_path)) == []
    assert 0 < memory.half() * 2 <= psutil.virtual_memory().total
