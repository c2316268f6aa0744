import dataclasses
import json
import math

import pytest

from daenr_tf import schedules
from daenr_tf.commands.fit import parse
from daenr_tf.config import ModelConfig, RunConfig, TrainConfig, field_names, read_config, resolve
from daenr_tf.errors import InputError, SettingError
from daenr_tf.paper import RECIPES
from daenr_tf.systems import SYSTEMS


def test_recipes_are_the_fifteen_of_the_papers_table_and_those_with_the_gaussian_readout():
    papers = {"cae", "vae", "vqvae"} | {
        f"{encoder}_{readout}"
        for encoder in ("cnn", "cae", "vae", "vqvae")
        for readout in ("fr", "fc", "fm")
    }
    assert set(RECIPES) == papers
    assert set(SYSTEMS) == papers | {"cnn_gr", "cae_gr", "vae_gr", "vqvae_gr"}


@pytest.mark.parametrize(
    "recipe, autoencoder, readout",
    [
        ("cnn_fm", None, "fm"),
        ("cae", "cae", None),
        ("vae_fc", "vae", "fc"),
        ("vqvae_fr", "vqvae", "fr"),
    ],
)
def test_a_recipes_name_says_what_it_is_made_of(recipe, autoencoder, readout):
    system = ModelConfig(recipe=recipe).system
    assert system.name == recipe
    for part, name in ((system.bottleneck, autoencoder), (system.readout, readout)):
        assert (part and part.name) == name


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_runs_settings_survive_json(recipe):
    config = RunConfig(
        ModelConfig(
            recipe=recipe,
            layer=3,
            image_size=(16, 24),
            resize="area",
            color="rgb",
            batch_norm_momentum=0.99,
            latent_size=7,
            codebook_size=9,
            code_dim=11,
            codebook_update="loss",
            readout_l1=0.3,
            activity_l1=0.25,
            precision="mixed_bfloat16",
            seed=4,
        ),
        TrainConfig(
            task=SYSTEMS[recipe].tasks[-1],
            alpha=0.5,
            beta=2.0,
            loss_scale="neurons",
            batch_size=8,
            learning_rate=1e-4,
            max_steps=70,
            patience_steps=20,
            validate_every=5,
            seed=4,
        ),
        dataset="own.npz",
        region=2,
        repeats_as_test=True,
        fold="2/5",
        strategy="mirrored",
        quick=True,
    )
    settings = json.loads(json.dumps(config.to_dict(), allow_nan=False))
    assert RunConfig.from_dict(settings) == config
    assert settings.keys() == field_names() - {"recording"}  # of one among several
    assert (
        settings["recipe"] == recipe
        and settings["image_size"] == [16, 24]
        and settings["region"] == 2
    )


@pytest.mark.parametrize("recipe", RECIPES)
def test_default_settings_survive_json(recipe):
    config = RunConfig(ModelConfig(recipe=recipe))
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_defaults_are_those_of_the_contract():
    model, training, run = ModelConfig(), TrainConfig(), RunConfig()
    assert (
        model.image_size,
        model.channels,
        model.latent_size,
        model.codebook_size,
        model.code_dim,
    ) == ((32, 32), 1, 100, 32, 256)
    assert (model.readout_l1, model.codebook_update, model.precision) == (0.02, "ema", "float32")
    assert (model.resize, model.batch_norm_momentum) == ("bilinear", 0.9)
    assert (training.batch_size, training.learning_rate, training.max_steps) == (64, 1e-3, 10000)
    assert (training.patience_steps, training.validate_every) == (1000, 50)
    assert training.loss_scale == "mean"
    assert (run.dataset, run.region, run.strategy, run.quick) == ("auto", 3, "none", False)


def test_settings_left_out_take_their_defaults():
    assert RunConfig.from_dict({}) == RunConfig()
    assert RunConfig.from_dict({"layer": 4, "beta": 0.5}) == RunConfig(
        ModelConfig(layer=4), TrainConfig(beta=0.5)
    )


def test_one_seed_goes_to_model_and_training():
    config = RunConfig.from_dict({"seed": 7})
    assert config.model.seed == config.training.seed == 7


def test_unequal_seeds_of_model_and_training_are_refused():
    """A flat file of settings has one seed."""
    with pytest.raises(
        SettingError, match="^seed: expected the same for model and training, 3, found 4$"
    ):
        RunConfig(ModelConfig(seed=3), TrainConfig(seed=4))


@pytest.fixture
def write_settings(tmp_path):
    """Write a run's settings; the path of its config.json."""

    def write(recipe="cae_fr", **given):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(resolve(recipe, given).to_dict()), encoding="utf-8")
        return str(path)

    return write


def test_a_quick_run_of_another_schedule_has_that_ones_quick_budget(write_settings):
    path = write_settings(**resolve("cae_fr", {"quick": True, "schedule": "fast"}).to_dict())
    ours = resolve("cae_fr", {"schedule": "two-stage"}, path)
    assert ours == resolve("cae_fr", {"quick": True})
    assert ours.training.patience_steps == 100


def test_a_quick_runs_settings_are_made_full(write_settings):
    path = write_settings(quick=True, learning_rate=0.01)
    assert resolve("cae_fr", {}, path).training.max_steps == 200
    full = resolve("cae_fr", {"quick": False}, path)
    assert full == resolve("cae_fr", {"learning_rate": 0.01}) and full.training.max_steps == 10000
    assert resolve("cae_fr", {"quick": False, "max_steps": 30}, path).training.max_steps == 30


def test_what_a_quick_run_was_given_besides_stays(write_settings):
    full = resolve("cae_fr", {"quick": False}, write_settings(quick=True, max_steps=300)).training
    assert (full.max_steps, full.patience_steps, full.validate_every) == (300, 1000, 50)


def test_a_full_run_that_is_not_to_be_quick_keeps_its_budget(write_settings):
    assert (
        resolve("cae_fr", {"quick": False}, write_settings(max_steps=200)).training.max_steps == 200
    )


@pytest.mark.parametrize("name", ["quick", "deterministic", "repeats_as_test"])
def test_the_command_line_takes_a_switch_back(write_settings, name):
    path, option = write_settings(**{name: True}), name.replace("_", "-")
    for argument, value in ((f"--no-{option}", False), (f"--{option}", True)):
        given, places = parse("cae_fr", [argument, "--config", path], "test")
        assert (
            given == {name: value}
            and getattr(resolve("cae_fr", given, places["config"]), name) is value
        )


def test_the_task_names_the_monitored_term():
    assert TrainConfig(task="ir").monitor == "reconstruction"
    assert TrainConfig(task="nrs").monitor == "response"


def test_configurations_are_frozen():
    for config in (ModelConfig(), TrainConfig(), RunConfig()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            config.seed = 3


def test_an_unknown_key_is_named():
    with pytest.raises(
        InputError, match="^laier: expected a setting .*layer.*, found an unknown key$"
    ):
        RunConfig.from_dict({"laier": 2})


BAD = {
    "core": ["cnn", None, ""],
    "recipe": ["cnn", "cae_xy", "", None, 3, ["cae"]],
    "layer": [0, 5, -1, "2", None, True, 1.5, 2.0],
    "image_size": [
        (30, 32),
        (32, 0),
        (32,),
        (32, 32, 1),
        (32.0, 32),
        (True, 32),
        ("32", 32),
        (-4, 4),
        32,
        None,
    ],
    "resize": ["linear", "", None, 1, ["area"]],
    "color": ["blue", None, 1],
    "batch_norm_momentum": [0, 1, 0.0, 1.0, -0.1, 1.5, 1e-40, 1 - 1e-9, math.nan, "0.9", True],
    "latent_size": [0, -3, 2.5, 7.0, "7", True, 2**31],
    "codebook_size": [0, 1.5],
    "code_dim": [0, "256"],
    "codebook_update": ["sgd", 1],
    "readout_l1": [-0.1, math.nan, math.inf, "0.02", True],
    "activity_l1": [-0.1, math.nan, 10**400],
    "positive": [1, "yes"],
    "mask_start": ["rf", "", 1],
    "position_spread": [-0.1, math.nan, "0.2"],
    "first_kernel": [0, 7.0, "7"],
    "kernel_smoothness": [-0.1, math.nan, "0.003"],
    "kernel_sparsity": [-0.1, math.inf, True],
    "precision": ["float16", None],
    "task": ["xyz", 1],
    "alpha": [-1, math.nan, math.inf, "1", True, 10**400],
    "beta": [-1e-9, math.nan, -math.inf],
    "loss_scale": ["median", None, 1],
    "batch_size": [0, 1.5, "64", True, 2**31],
    "learning_rate": [0, -1e-3, math.nan, math.inf],
    "max_steps": [0, 1.5],
    "schedule": ["slow", None, 1],
    "encoder_from": ["", 3, ["runs"]],
    "freeze_encoder": [1, "yes", None],
    "patience_steps": [0, 10.0],
    "validate_every": [0, -5],
    "seed": [-1, 0.5, "0", 2**31],
    "region": [0, 4, "3", None, True, 3.0],
    "dataset": ["", None, 3, [], ["a.npz", "a.npz"], ["a.npz", "simulated"], ["a.npz", ""]],
    "recording": ["a", "", 3],
    "repeats_as_test": [1, "yes", None],
    "fold": ["0/5", "6/5", "1/1", "", 2, [1, 5]],
    "strategy": ["horovod", None],
    "quick": [1, "yes", None],
    "deterministic": [0, "no", None],
}


def test_the_fast_schedule_has_its_own_defaults():
    fast = RunConfig.from_dict({"schedule": "fast"}).training
    row = schedules.SCHEDULES["fast"]
    assert (fast.max_steps, fast.learning_rate) == (row.max_steps, row.learning_rate)
    assert fast.patience_steps == row.patience_steps < TrainConfig().patience_steps
    assert RunConfig.from_dict(RunConfig.from_dict({"schedule": "fast"}).to_dict()).training == fast


def test_another_schedule_takes_its_own_defaults_and_keeps_what_was_set_otherwise(write_settings):
    plain = RunConfig().to_dict()
    path = write_settings(**plain)
    assert resolve("cae_fr", {"schedule": "fast"}, path) == resolve("cae_fr", {"schedule": "fast"})
    path = write_settings(**{**plain, "max_steps": 300, "patience_steps": 50})
    kept = resolve("cae_fr", {"schedule": "fast"}, path).training
    assert (kept.max_steps, kept.patience_steps) == (300, 50)
    back = write_settings(**RunConfig.from_dict({"schedule": "fast"}).to_dict())
    assert resolve("cae_fr", {"schedule": "two-stage"}, back) == resolve("cae_fr", {})


@pytest.mark.parametrize("schedule", ["fast", "two-stage"])
def test_a_quick_run_is_quick_under_every_schedule(schedule, write_settings):
    quick = resolve("cae_fr", {"schedule": schedule, "quick": True})
    assert (quick.training.max_steps, quick.training.patience_steps) == (200, 100)
    path = write_settings(**quick.to_dict())
    assert (
        resolve("cae_fr", {"quick": False}, path).training
        == resolve("cae_fr", {"schedule": schedule}).training
    )


def test_every_setting_has_bad_values_below():
    assert BAD.keys() == field_names()


@pytest.mark.parametrize(
    "field, value",
    [(field, value) for field, values in BAD.items() for value in values],
    ids=lambda value: repr(value)[:20],
)
def test_a_bad_value_names_its_field(field, value):
    with pytest.raises(SettingError) as caught:
        RunConfig.from_dict({field: value})
    assert caught.value.field == field
    message = str(caught.value)
    assert (
        message.startswith(f"{field}: expected ") and ", found " in message and "\n" not in message
    )


@pytest.mark.parametrize(
    "kind, field, value",
    [
        (ModelConfig, "image_size", 32),
        (ModelConfig, "layer", 2.0),
        (TrainConfig, "alpha", 10**400),
        (RunConfig, "region", 3.0),
    ],
    ids=lambda value: None if isinstance(value, type) else repr(value)[:20],
)
def test_a_bad_value_given_in_python_names_its_field(kind, field, value):
    with pytest.raises(SettingError) as caught:
        kind(**{field: value})
    assert caught.value.field == field


def test_loss_weights_must_not_both_be_0():
    with pytest.raises(SettingError, match="alpha and beta"):
        TrainConfig(alpha=0, beta=0)
    assert TrainConfig(alpha=0, beta=1).alpha == 0
    assert TrainConfig(alpha=1, beta=0).beta == 0


@pytest.mark.parametrize(
    "content, found",
    [
        (b"", "no JSON text"),
        (b"{", "no JSON text"),
        (b"\xff\xfe\x00", "no JSON text"),
        (b"[" * 100_000, "no JSON text"),
        (b"[1]", "list"),
        (b"3", "int"),
        (b'{"laier": 2}', "laier: .*unknown key"),
        (b'{"layer": 9}', "layer: .*9"),
        (b'{"alpha": Infinity}', "alpha: .*inf"),
        (b'{"image_size": "32"}', "image_size: .*'32'"),
    ],
)
def test_a_config_file_that_cant_be_used_is_named_in_one_line(tmp_path, content, found):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=found) as caught:
        read_config(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_config_file_that_is_missing_or_a_directory_is_named(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="expected a run's config.json, found") as caught:
            read_config(path)
        assert str(path) in str(caught.value)


def test_a_config_file_gives_its_settings(tmp_path):
    config = RunConfig(ModelConfig(recipe="vae_fm", layer=4, image_size=(16, 8)), region=1)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()), encoding="utf-8")
    assert RunConfig.from_dict(read_config(tmp_path / "config.json")) == config
