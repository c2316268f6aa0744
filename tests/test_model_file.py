"""A `.keras` that was altered by hand, its checksums right: its own weights come back, all of them, or it is refused in one line."""

import io
import json
import zipfile
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from assembly import assembled
from refusal import refused

from daenr_tf.config import ModelConfig
from daenr_tf.layers.encoder import Encoder
from daenr_tf.models.build import build_model
from daenr_tf.models.daenr import DAENR
from daenr_tf.models.keras_file import load_model, save_model

SETTINGS = {"image_size": (8, 12), "latent_size": 5, "codebook_size": 6, "code_dim": 7, "seed": 1}
BLOCK = "encoder/blocks/convolution_block_1"
KERNEL = f"{BLOCK}/convolution/vars/0"


@pytest.fixture(scope="module", params=["cae_fr", "vae_fc", "vqvae_fm"])
def saved(request, recording, tmp_path_factory):
    """A model one training step away from its start: its file, and what is to come back."""
    generator = np.random.default_rng(0)
    images = generator.uniform(-1, 1, (6, 8, 12, 1)).astype(np.float32)
    targets = {
        "reconstruction": images,
        "response": generator.gamma(1.0, 1.0, (6, 5)).astype(np.float32),
    }
    model = build_model(ModelConfig(request.param, **SETTINGS), recording)
    model.train_step((images, targets))
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    save_model(model, str(path))
    return SimpleNamespace(path=path, images=images, **state(model, images))


def state(model, images):
    return {
        "outputs": {head: np.asarray(value) for head, value in model(images).items()},
        "weights": model.get_weights(),
        "optimizer": [variable.numpy() for variable in model.optimizer.variables],
    }


def assert_same(model, images, outputs, weights, optimizer):
    found = state(model, images)
    assert found["outputs"].keys() == outputs.keys()
    for own, expected in (
        (found["outputs"].values(), outputs.values()),
        (found["weights"], weights),
        (found["optimizer"], optimizer),
    ):
        for value, wanted in zip(own, expected, strict=True):
            np.testing.assert_array_equal(value, wanted)


def altered(path, folder, config=None, weights=None):
    """A copy of a model file in `folder`, after `config` was at its configuration, a dict, and `weights` at its HDF5 file."""
    copy = folder / "altered.keras"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json" and config:
                settings = json.loads(content)
                config(settings)
                content = json.dumps(settings)
            if name == "model.weights.h5" and weights:
                stream = io.BytesIO(content)
                with h5py.File(stream, "r+") as file:
                    weights(file)
                content = stream.getvalue()
            target.writestr(name, content)
    return copy


def without_build_configs(config):
    if isinstance(config, dict):
        config.pop("build_config", None)
    for value in (
        config.values() if isinstance(config, dict) else config if isinstance(config, list) else ()
    ):
        without_build_configs(value)


BUILD_CONFIGS = {
    "none": without_build_configs,
    "of another class": lambda config: config.update(
        build_config={"shapes_dict": {"images_shape": [None, 8, 12, 1]}}
    ),
    "with another shape": lambda config: config.update(
        build_config={"input_shape": [None, 4, 4, 3]}
    ),
}


@pytest.mark.parametrize("name", BUILD_CONFIGS)
def test_a_model_file_gives_its_own_weights_whatever_its_build_config(saved, tmp_path, name):
    model = load_model(altered(saved.path, tmp_path, BUILD_CONFIGS[name]))
    assert_same(model, saved.images, saved.outputs, saved.weights, saved.optimizer)


def test_a_model_file_from_before_the_optimizers_weights_were_listed_is_loaded(saved, tmp_path):
    model = load_model(
        altered(saved.path, tmp_path, lambda config: config["compile_config"].pop("optimized"))
    )
    assert_same(model, saved.images, saved.outputs, saved.weights, saved.optimizer)


@pytest.mark.parametrize("value", [-1, 0.5])
def test_a_split_that_cant_be_is_named_with_the_file(saved, tmp_path, value):
    path = altered(saved.path, tmp_path, setting(split_seed=value))
    with refused(str(path), "split_seed: expected a whole number from 0", f"found {value}"):
        load_model(path)


def test_a_model_file_from_before_the_split_was_kept_takes_that_of_its_seed(saved, tmp_path):
    model = load_model(
        altered(saved.path, tmp_path, lambda config: config["config"].pop("split_seed"))
    )
    assert model.split_seed == model.seed == 1


@pytest.mark.filterwarnings("ignore:Model .* had a build config")
@pytest.mark.filterwarnings("ignore:Skipping variable loading")
def test_a_model_that_fails_to_be_built_is_refused(saved, monkeypatch):
    """Once is enough: Keras' own `build_from_config` goes on with what was built up to there."""
    failures = iter([RuntimeError("out of memory")])
    build = Encoder.build

    def fail_once(self, shape):
        for failure in failures:
            raise failure
        build(self, shape)

    monkeypatch.setattr(Encoder, "build", fail_once)
    with refused(str(saved.path), "out of memory"):
        load_model(saved.path)


def replaced(place, change):
    """Put in the place of a dataset what `change` makes of its values."""

    def alter(file):
        values = file[place][()]
        del file[place]
        file[place] = change(values)

    return alter


def removed(*places):
    def alter(file):
        for place in places:
            file.pop(place, None)

    return alter


def swapped(file):
    """The second and the fourth block of the encoder, whose weights have the same shapes."""
    for source, target in (
        (BLOCK, "aside"),
        ("encoder/blocks/convolution_block_3", BLOCK),
        ("aside", "encoder/blocks/convolution_block_3"),
    ):
        file.move(source, target)


READOUT = tuple(
    f"layers/{name}_readout" for name in ("factorized", "fully_connected", "fixed_mask")
)
OTHER_WEIGHTS = {
    "one missing": (
        removed(KERNEL),
        ["encoder/encoder_2/convolution/kernel (3, 3, 48, 48) float32, found none"],
    ),
    "a layer's missing": (removed(BLOCK), ["encoder/encoder_2/convolution/kernel", "found none"]),
    "the readout's missing": (removed(*READOUT), ["/readout/", "found none"]),
    "of the optimizer missing": (removed("optimizer/vars/4"), ["the weight adam", "found none"]),
    "the optimizer's missing": (removed("optimizer"), ["the weight adam", "found none"]),
    "another shape": (
        replaced(KERNEL, lambda values: values[..., 1:]),
        ["encoder_2/convolution/kernel", "found (3, 3, 48, 47) float32"],
    ),
    "transposed": (
        replaced("decoder/last/vars/0", lambda values: values.T),
        ["decoder/image/kernel (3, 3, 1, 48)", "found (48, 1, 3, 3)"],
    ),
    "another type": (
        replaced(KERNEL, lambda values: values.astype(np.float16)),
        ["encoder_2/convolution/kernel", "found (3, 3, 48, 48) float16"],
    ),
    "of the optimizer another shape": (
        replaced("optimizer/vars/2", np.ravel),
        ["the weight adam", "found (432,)"],
    ),
    "one more in a layer": (
        lambda file: file.create_dataset(f"{BLOCK}/convolution/vars/1", data=[1.0]),
        ["found encoder/encoder_2/convolution/1"],
    ),
    "a layer more": (
        lambda file: file.create_dataset(f"{BLOCK}7/vars/0", data=[1.0]),
        [f"found {BLOCK}7/vars/0"],
    ),
    "one more outside": (lambda file: file.create_dataset("notes", data=[1.0]), ["found notes"]),
    "swapped": (swapped, ["encoder/encoder_2/convolution/kernel", "found another"]),
}


@pytest.mark.parametrize("name", OTHER_WEIGHTS)
def test_other_weights_than_the_models_are_refused_by_name(saved, tmp_path, name):
    alter, words = OTHER_WEIGHTS[name]
    path = altered(saved.path, tmp_path, weights=alter)
    with refused(str(path), *words):
        load_model(path)


PART_OF = {
    "neurons": "readout",
    "readout_l1": "readout",
    "activity_l1": "readout",
    "latent_size": "bottleneck",
    "codebook_size": "bottleneck",
    "code_dim": "bottleneck",
    "codebook_update": "bottleneck",
}  # the other settings are the model's own


def setting(**values):
    """What gives these settings to a model's configuration, or to that of its part that has them."""

    def update(config):
        for name, value in values.items():
            part = PART_OF.get(name)
            settings = config["config"][part]["config"] if part else config["config"]
            if part != "bottleneck" or name in settings:
                settings[name] = value

    return update


OTHER_SETTINGS = {
    "layer 99": (setting(layer=99), ["layer: expected one of 1, 2, 3, 4, found 99"]),
    "neurons -1": (setting(neurons=-1), ["neurons: expected a whole number from 1", "found -1"]),
    "fewer neurons": (setting(neurons=3), ["the weight", "/readout/", "found", "5) float32"]),
    "other bottlenecks": (
        setting(latent_size=4, code_dim=4),
        ["the weight", "/bottleneck/", "float32, found"],
    ),
    "colour": (
        setting(image_shape=[8, 12, 3]),
        ["encoder/encoder_1/convolution/kernel (3, 3, 3, 48) float32, found (3, 3, 1, 48)"],
    ),
    "smaller images": (setting(image_shape=[4, 4, 1]), ["expected", "found"]),
}


@pytest.mark.parametrize("name", OTHER_SETTINGS)
def test_settings_that_dont_go_with_the_weights_are_refused_by_name(saved, tmp_path, name):
    alter, words = OTHER_SETTINGS[name]
    path = altered(saved.path, tmp_path, alter)
    with refused(str(path), *words):
        load_model(path)


def test_masks_fixed_on_cells_that_the_layer_lacks_are_refused(recording, tmp_path):
    """The weights have the same shapes at every layer, and on some devices a cell out of range reads as 0."""
    model = build_model(ModelConfig("cnn_fm", layer=2, image_size=(8, 12)), recording)
    model.readout.cell.assign([0, 1, 23, 3, 4])
    save_model(model, str(tmp_path / "model.keras"))
    load_model(tmp_path / "model.keras")
    model.readout.cell.assign([0, 1, 24, 3, 4])
    save_model(model, str(tmp_path / "model.keras"))
    with refused(str(tmp_path / "model.keras"), "cell: expected numbers from 0 to 23, found 24"):
        load_model(tmp_path / "model.keras")


BAD = {
    "image_shape": (
        [8, 10, 1],
        [8, 0, 1],
        [8, 12, 2],
        [8, 12],
        [8.0, 12, 1],
        [8, 12, True],
        "8x12",
        None,
    ),
    "layer": (0, 5, 2.0, None),
    "neurons": (0, -1, 2.5, "5"),
    "readout_l1": (-0.1, float("nan"), None),
    "activity_l1": (float("inf"), "0.1"),
    "latent_size": (0, 2.5),
    "codebook_size": (0, True),
    "code_dim": (-7, "7"),
    "codebook_update": ("sgd", None),
    "seed": (-1, 0.5),
    "pixel_range": (
        [5.0, 5.0],
        [1.0, 0.0],
        [0.0, float("inf")],
        [float("nan"), 1.0],
        [0.0],
        255,
        [0.0, 10**400],
        [0.0, 1e-60],
    ),
}
BAD_CODES = {"codebook_size", "code_dim", "codebook_update"}


@pytest.mark.parametrize(
    "name, value",
    [(name, value) for name, values in BAD.items() for value in values],
    ids=lambda value: str(value)[:20],
)
def test_a_setting_of_a_model_that_cant_be_used_is_named(name, value):
    with refused(f"{name}: expected "):
        assembled("vqvae_fr" if name in BAD_CODES else "cae_fr", **{name: value})


def test_a_model_without_a_head_is_refused():
    with refused("DAENR: expected a bottleneck with a decoder, a readout, or all three"):
        DAENR(Encoder())


def test_a_model_without_a_readout_needs_no_neurons():
    assert assembled("cae", neurons=0).heads == ["reconstruction"]


@pytest.fixture(scope="module")
def small(recording, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "model.keras"
    save_model(
        build_model(ModelConfig("cnn_fr", layer=1, image_size=(8, 12)), recording), str(path)
    )
    return path


@pytest.mark.parametrize("name", sorted(BAD.keys() - BAD_CODES - {"latent_size"}))
def test_a_setting_in_a_model_file_that_cant_be_used_is_named_with_the_file(small, tmp_path, name):
    path = altered(small, tmp_path, setting(**{name: BAD[name][0]}))
    with refused(str(path), f"{name}: expected "):
        load_model(path)


def test_an_optimizer_keeps_the_state_it_had_for_the_parts_that_were_trained(recording, tmp_path):
    model = build_model(ModelConfig("cae_fr", **SETTINGS), recording)
    model.encoder.trainable = False
    images = np.random.default_rng(0).uniform(-1, 1, (6, 8, 12, 1)).astype(np.float32)
    model.train_step((images, {"reconstruction": images, "response": np.ones((6, 5), np.float32)}))
    save_model(model, str(tmp_path / "model.keras"))
    assert_same(load_model(tmp_path / "model.keras"), images, **state(model, images))


def test_keras_own_save_of_a_model_that_was_never_trained_is_loaded(recording, tmp_path):
    model = build_model(ModelConfig("cnn_fr", layer=1, image_size=(8, 12)), recording)
    model.save(tmp_path / "model.keras")
    images = np.zeros((2, 8, 12, 1), np.float32)
    assert_same(load_model(tmp_path / "model.keras"), images, **state(model, images))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "bfloat16"])
def test_a_model_in_bfloat16_is_loaded(tmp_path, precision):
    model = assembled("vae_fr", (8, 8, 1), neurons=3, latent_size=4, dtype=precision)
    model.build()
    model.compile("adam")
    save_model(model, str(tmp_path / "model.keras"))
    loaded = load_model(tmp_path / "model.keras")
    for value, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)
