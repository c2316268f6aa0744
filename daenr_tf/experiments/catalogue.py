"""The paper's tables and figures, and what stands beside them, as experiments: a row each."""

from daenr_tf import paper
from daenr_tf.experiments.cells import (
    ALL,
    INSIGNIFICANT,
    OTHER_IMAGES,
    PLAIN,
    SELECTED,
    SHUFFLED,
    SIGNIFICANT,
    Variant,
)
from daenr_tf.experiments.experiment import (
    GROUP,
    LABEL,
    LAYER,
    METRIC,
    MODEL,
    RECONSTRUCTIONS,
    REGION,
    SIGNIFICANT_NEURONS,
    STIMULI,
    TASK,
    TRADEOFF,
    VARIANT,
    Experiment,
)
from daenr_tf.experiments.measures import COUNT, PCC
from daenr_tf.paper import IMAGE_METRICS


def _of_table(number):
    """Looks a setting up in one of the paper's tables of results."""

    def look_up(setting):
        cell = (setting.model, setting.region, setting.layer)
        if cell not in paper.cells(number) or (setting.group, setting.variant) != (ALL, PLAIN):
            return {}
        figures = paper.published(*cell, setting.task, number)
        return {metric: value for metric, value in figures.items() if metric != "table"}

    return look_up


def _of_groups(setting):
    """Looks a setting up in Table 3, which chose its neurons on the test images."""
    chosen = setting.group in (SIGNIFICANT, INSIGNIFICANT) and setting.layer in paper.LAYERS
    if not chosen or (setting.model, setting.region) != ("cae_fr", 3):
        return {}
    return paper.significance(setting.layer)[setting.group]


_CAE_FR, _CNN_FR = ("cae", "cae_fr"), ("cnn_fr", "cae_fr")
_RECONSTRUCTING = tuple(
    model
    for auto in paper.AUTOENCODERS
    for model in (auto, *(f"{auto}_{readout}" for readout in paper.READOUTS))
)
_PREDICTING = tuple(
    f"{encoder}_{readout}" for readout in paper.READOUTS for encoder in ("cnn", *paper.AUTOENCODERS)
)
_BY_GROUP = {"metrics": ("mse", "ssim", "psnr"), "row": LABEL, "columns": (METRIC, GROUP)}
_IMAGES = {
    "models": _CAE_FR,
    "weights": 2,
    "picture": RECONSTRUCTIONS,
    "bound": True,
    "one_seed": True,
}
_SIGNIFICANCE = {
    "weights": 2,
    "metrics": (COUNT,),
    "row": REGION,
    "columns": (LAYER, MODEL),
    "picture": SIGNIFICANT_NEURONS,
}
_COUNTS = (
    ("training images", "train"),
    ("test images", "test"),
    ("repeats of a test image", "test_repeats"),
    ("neurons", "neurons"),
)

_ROWS = (
    Experiment(
        "table2",
        "Image reconstruction with all neurons",
        "Table 2",
        models=_CAE_FR,
        weights=2,
        metrics=IMAGE_METRICS,
        row=LABEL,
        columns=(REGION, METRIC),
        published=_of_table(2),
    ),
    Experiment(
        "table3",
        "Image reconstruction with significant and with insignificant neurons",
        "Table 3",
        models=_CAE_FR,
        regions=(3,),
        weights=2,
        groups=(ALL, *SELECTED),
        published=_of_groups,
        baseline=_of_table(2),
        **_BY_GROUP,
    ),
    Experiment(
        "table4",
        "Predicted and observed responses: CAE-FR and CNN-FR",
        "Table 4",
        models=_CNN_FR,
        task="nrs",
        weights=4,
        metrics=(PCC,),
        row=REGION,
        columns=(LAYER, MODEL),
        published=_of_table(4),
    ),
    Experiment(
        "table5",
        "Image reconstruction by all variants",
        "Table 5",
        models=_RECONSTRUCTING,
        all_variants=True,
        regions=(3,),
        weights=5,
        metrics=IMAGE_METRICS,
        row=MODEL,
        columns=(LAYER, METRIC),
        published=_of_table(5),
    ),
    Experiment(
        "table6",
        "Predicted and observed responses: all variants",
        "Table 6",
        models=_PREDICTING,
        all_variants=True,
        task="nrs",
        weights=6,
        metrics=(PCC,),
        row=MODEL,
        columns=(REGION, LAYER),
        published=_of_table(6),
    ),
    Experiment("table7", "The recordings", "Table 7", counts=_COUNTS),
    Experiment("figure2", "Reconstructed images", "Figure 2", "region 3", regions=(3,), **_IMAGES),
    Experiment(
        "figure3",
        "Significant neurons in image reconstruction",
        "Figure 3",
        "region 3",
        ("cae_fr",),
        regions=(3,),
        bound=True,
        **_SIGNIFICANCE,
    ),
    Experiment(
        "figure4",
        "Significant neurons with and without the decoder",
        "Figure 4",
        models=_CNN_FR,
        task="nrs",
        other_task="ir",
        **{**_SIGNIFICANCE, "weights": 4, "columns": (LAYER, MODEL, TASK)},
    ),
    Experiment("figure5", "Training stimuli", "Figure 5", picture=STIMULI),
    Experiment(
        "figure6",
        "Reconstructed images",
        "Figure 6",
        "region 1",
        regions=(1,),
        repeats_on_own=True,
        **_IMAGES,
    ),
    Experiment(
        "figure7",
        "Reconstructed images",
        "Figure 7",
        "region 2",
        regions=(2,),
        repeats_on_own=True,
        **_IMAGES,
    ),
    Experiment(
        "figure8",
        "Significant neurons in image reconstruction",
        "Figure 8",
        "regions 1 and 2",
        ("cae_fr",),
        regions=(1, 2),
        bound=True,
        repeats_on_own=True,
        **_SIGNIFICANCE,
    ),
    Experiment(
        "control",
        "Control: joint learning with responses exchanged between images",
        models=_CAE_FR,
        regions=(3,),
        weights=2,
        groups=(ALL, SHUFFLED),
        **_BY_GROUP,
    ),
    Experiment(
        "control_images",
        "Control: joint learning with the images to reconstruct exchanged",
        models=_CNN_FR,
        task="nrs",
        regions=(3,),
        weights=4,
        groups=(ALL, OTHER_IMAGES),
        metrics=(PCC,),
        row=LABEL,
        columns=(GROUP,),
    ),
    Experiment(
        "sparsity",
        "The penalty on the activity of the layer that is read, and none",
        models=("cae_fr",),
        task="nrs",
        regions=(3,),
        weights=4,
        variants=(PLAIN, Variant(options=(("activity_l1", 0.0),))),
        metrics=(PCC,),
        row=LABEL,
        columns=(VARIANT,),
    ),
    Experiment(
        "tradeoff",
        "Reconstruction against prediction over alpha:beta, and both against the number of training images",
        models=("cae", "cnn_fr", "cae_fr"),
        all_variants=True,
        regions=(3,),
        weights=2,
        other_task="nrs",
        variants=(
            PLAIN,
            *(Variant(ratio=ratio) for ratio in (0.01, 0.1, 10.0, 100.0)),
            *(Variant(share=share) for share in (0.125, 0.25, 0.5)),
        ),
        metrics=("mse", PCC),
        row=VARIANT,
        columns=(METRIC, LABEL, TASK),
        picture=TRADEOFF,
        layers=(2,),
        apart=True,
        own_command=True,
    ),
    Experiment(
        "region3",
        "Whether the autoencoder alone fails: batch norm's momentum, resizing, sums",
        where="region 3",
        models=_CAE_FR,
        regions=(3,),
        weights=2,
        variants=(
            PLAIN,
            *(Variant(options=(("batch_norm_momentum", value),)) for value in (0.99, 0.999)),
            *(Variant(options=(("resize", way),)) for way in ("area", "bicubic", "nearest")),
            *(Variant(options=(("loss_scale", scale),)) for scale in ("sum", "neurons")),
        ),
        metrics=IMAGE_METRICS,
        row=VARIANT,
        columns=(METRIC, LABEL),
        published=_of_table(2),
        apart=True,
        bound=True,
        seeds=20,  # a baseline that fails with some of them shows with so many (docs/region3.md)
    ),
)
EXPERIMENTS = {experiment.name: experiment for experiment in _ROWS}
WITH_COMMANDS = tuple(
    name for name, experiment in EXPERIMENTS.items() if experiment.heading or experiment.own_command
)  # each has a recipe of its own
