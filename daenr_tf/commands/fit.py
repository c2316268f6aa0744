"""The command line of a model recipe: options -> configuration -> run.

Nothing heavy is imported before the arguments are known to be good.
"""

import argparse
import sys

from daenr_tf import paper
from daenr_tf.commands.options import number, size, whole
from daenr_tf.commands.process import Parser, check_path, leave
from daenr_tf.config import RECIPES, ModelConfig, RunConfig, TrainConfig, read_config
from daenr_tf.errors import InputError, SettingError

# What --quick takes where nothing else is said: the whole path in under a minute.
QUICK = {"max_steps": 200, "patience_steps": 100, "validate_every": 25}


def _has_decoder(config):
    return config.autoencoder is not None


def _has_readout(config):
    return config.readout is not None


def _is_joint(config):
    return _has_decoder(config) and _has_readout(config)


def _default(kind, name):
    return getattr(kind(), name)


# One row per option: name, reader (None: a switch), what it means, which recipes have it.
OPTIONS = (
    ("region", whole, "recorded region, 1 to 3 (default: 3); for one's own recording only its alpha:beta count", None),
    ("layer", whole, "hidden layer h_i that the readout reads, 1 to 4 (default: 2)", _has_readout),
    ("task", str, "ir (image reconstruction) or nrs (neural representation similarity): picks alpha:beta and the"
                  " monitored validation loss (default: ir with a decoder, nrs without)", None),
    ("dataset", str, "auto, antolik, simulated or FILE.npz (default: auto)", None),
    ("data-dir", str, "where the folder Data/region{1,2,3}/ lies (default: $DAENR_DATA_DIR, then the user's cache)", None),
    ("alpha", number, "weight of the reconstruction loss (default: the paper's for that cell)", _is_joint),
    ("beta", number, "weight of the response loss (default: the paper's for that cell)", _is_joint),
    ("seed", whole, "initial weights, validation split, order, sampling (default: 0)", None),
    ("batch-size", whole, f"images per step (default: {_default(TrainConfig, 'batch_size')})", None),
    ("learning-rate", number, f"of the first stage (default: {_default(TrainConfig, 'learning_rate')})", None),
    ("max-steps", whole, f"of both stages together (default: {_default(TrainConfig, 'max_steps')})", None),
    ("patience-steps", whole, f"steps without improvement that end a stage (default: {_default(TrainConfig, 'patience_steps')})", None),
    ("validate-every", whole, f"steps between validations (default: {_default(TrainConfig, 'validate_every')})", None),
    ("readout-l1", number, "weight of the readout's sparsity penalty (default: 0.02; fc: 0.05)", _has_readout),
    ("activity-l1", number, "weight of the mean absolute activity of h_i"
                             f" (default: {_default(ModelConfig, 'activity_l1')})", _has_readout),
    ("latent-size", whole, f"latent variables (default: {_default(ModelConfig, 'latent_size')})",
     lambda config: config.autoencoder in ("cae", "vae")),
    ("codebook-size", whole, f"codes, K (default: {_default(ModelConfig, 'codebook_size')})",
     lambda config: config.autoencoder == "vqvae"),
    ("code-dim", whole, f"dimension of a code, D (default: {_default(ModelConfig, 'code_dim')})",
     lambda config: config.autoencoder == "vqvae"),
    ("codebook-update", str, "ema (moving averages) or loss (codebook loss) (default: ema)",
     lambda config: config.autoencoder == "vqvae"),
    ("image-size", size, "H or HxW in pixels that stimuli are resized to, multiples of 4 (default: 32)", None),
    ("color", str, "grey or rgb (default: grey)", None),
    ("strategy", str, "none or mirrored (every visible GPU holds a replica) (default: none)", None),
    ("precision", str, "float32 or mixed_bfloat16 (default: float32)", None),
    ("deterministic", None, "only operations that give the same bits each time, on GPUs too (slower)", None),
    ("run-dir", str, "where the run's files go (default: runs/<recipe>/<tag>)", None),
    ("export-dir", str, "where the SavedModel's versions go (default: saved_models/<recipe>/<tag>)", None),
    ("config", str, "a run's config.json to take every setting from; options given beside it win", None),
    ("overwrite", None, "start afresh where a run lies", None),
    ("quick", None, "the whole path on a small budget, under a minute", None),
)


def _parser(recipe):
    config = ModelConfig(recipe)
    parser = Parser(
        prog=f"python -m recipes.{recipe}", allow_abbrev=False,
        description=f"Train, evaluate and export {recipe}. The run's files go to runs/, the SavedModel to saved_models/.")
    for name, reader, meaning, applies in OPTIONS:
        if applies is None or applies(config):
            how = {"action": "store_true"} if reader is None else {"type": reader, "metavar": name.upper()}
            parser.add_argument(f"--{name}", default=argparse.SUPPRESS, help=meaning, **how)
    return parser


def _refuse_unknown(recipe, unknown):
    given = unknown[0].split("=")[0]
    for name, _, _, applies in OPTIONS:
        if given == f"--{name}":
            having = ", ".join(r for r in RECIPES if applies(ModelConfig(r)))
            raise InputError(f"{given}: {recipe} has no such option; models that have it: {having}")
    raise InputError(f"{given}: expected an option of {recipe} (see --help), found an unknown argument")


def parse(recipe, argv):
    """The arguments of a recipe as (settings given, locations).

    Returns:
        (dict of settings by field name, dict with `data_dir`, `run_dir`, `export_dir`, `config`, `overwrite`).

    Raises:
        InputError: an argument can't be used.
    """
    given, unknown = _parser(recipe).parse_known_args(argv)
    if unknown:
        _refuse_unknown(recipe, unknown)
    given = vars(given)
    places = {name: given.pop(name, None) for name in ("data_dir", "run_dir", "export_dir", "config")}
    places["overwrite"] = given.pop("overwrite", False)
    for name, value in places.items():
        check_path(f"--{name.replace('_', '-')}", value)
    return given, places


def resolve(recipe, given, config_file=None):
    """The run's configuration: the file's settings, then those given, then the defaults and the paper's alpha:beta.

    Args:
        recipe: str.
        given: dict of settings by field name.
        config_file: path of a run's `config.json`, or None.

    Raises:
        InputError: a setting can't be used.
    """
    settings = read_config(config_file) if config_file else {}
    if not {"task", "region", "layer"}.isdisjoint(given):
        _drop_weights_of_another_cell(settings)
    if settings.setdefault("recipe", recipe) != recipe:
        raise InputError(f"--config: expected settings of {recipe}, found settings of {settings['recipe']}")
    if given.get("quick"):
        settings.update(QUICK)
    settings.update(given)
    try:
        model = ModelConfig(recipe)
        tasks = [task for task, head in (("ir", model.autoencoder), ("nrs", model.readout)) if head]
        task = settings.setdefault("task", tasks[0])
        if task not in tasks:
            raise SettingError("task", f"one of {', '.join(tasks)} for {recipe}", task)
        # Region and layer are checked before they name a cell of the paper's tables.
        probe = RunConfig.from_dict({k: v for k, v in settings.items() if k not in ("alpha", "beta")})
        weights = paper.loss_weights(recipe, probe.region, probe.model.layer, task)
        settings.setdefault("alpha", weights.alpha)
        settings.setdefault("beta", weights.beta)
        return RunConfig.from_dict(settings)
    except SettingError as error:
        raise InputError(f"--{error.field.replace('_', '-')}: {error.problem}") from None


def _drop_weights_of_another_cell(settings):
    """Alpha and beta that a file has from the paper go with its cell; another cell takes its own."""
    cell = [settings.get(name) for name in ("recipe", "region", "layer", "task")]
    if None not in cell:
        weights = paper.loss_weights(*cell)
        if (settings.get("alpha"), settings.get("beta")) == (weights.alpha, weights.beta):
            del settings["alpha"], settings["beta"]


def main(recipe, argv=None):
    """Run a recipe's command line and leave the process with the exit status of the contract."""
    leave(f"recipes.{recipe}", lambda: _run(recipe, sys.argv[1:] if argv is None else argv))


def _run(recipe, argv):
    given, places = parse(recipe, argv)
    config = resolve(recipe, given, places.pop("config"))
    from daenr_tf.runs.run import run

    run(config, **places)
