"""What the paper published, as data: results (Tables 2-6), counts (Table 7) and loss weights (Tables 8-13).

The tables stand in `daenr_tf.paper.printed`; the rest of the package asks here for cells by recipe, region, layer and task. Pure standard library,
because the command line needs the default alpha:beta before anything heavy is imported.

Results go with the loss weights they were obtained with: Table 2 (and 3) with 8, Table 4 with 9, Table 5 with 10, Table 6 with 11 (region 1), 12
(region 2) and 13 (region 3). Wherever a function takes `table`, either number of such a pair names the pair.

Reference: the DAE-NR paper, "A computational framework to unify representation similarity and function in biological and artificial neural
networks".
"""

from functools import cache
from typing import NamedTuple

from daenr_tf.errors import InputError
from daenr_tf.paper import printed as tables

AUTOENCODERS = ("cae", "vae", "vqvae")
READOUTS = ("fr", "fc", "fm")
BASELINE_READOUTS = tuple(f"cnn_{readout}" for readout in READOUTS)
JOINT = tuple(f"{autoencoder}_{readout}" for autoencoder in AUTOENCODERS for readout in READOUTS)
RECIPES = AUTOENCODERS + BASELINE_READOUTS + JOINT
REGIONS = (1, 2, 3)
DEFAULT_REGION = 3  # what is taken where none is named
LAYERS = (1, 2, 3, 4)
TASKS = ("ir", "nrs")
IMAGE_METRICS = ("mse", "psnr", "ssim")  # of reconstructions

_PAIRED_RESULTS = {8: 2, 9: 4, 10: 5, 11: 6, 12: 6, 13: 6}
_WEIGHTS_BY_REGION = {1: 11, 2: 12, 3: 13}


class LossWeights(NamedTuple):
    """alpha (reconstruction) and beta (response) of Eq. 3, and the table they stand in (None for baselines: the head that remains has weight 1)."""

    alpha: float
    beta: float
    table: int | None


class Counts(NamedTuple):
    """A row of Table 7: distinct images and how often each was shown, and neurons."""

    train: int
    train_repeats: int
    test: int
    test_repeats: int
    neurons: int


class Inconsistency(NamedTuple):
    """Something the paper says in two ways: where, what, and how it is read here."""

    where: str
    finding: str
    reading: str


INCONSISTENCIES = (
    Inconsistency(
        "Table 13",
        "the last row is labelled VQ-VAE-FM4",
        "a misprint: a row like the others, VQ-VAE-FM at layers 1-4",
    ),
    Inconsistency(
        "Table 3",
        "its columns are MSE, SSIM, PSNR, where Tables 2 and 5 have MSE, PSNR, SSIM",
        "the order printed in its head is kept; the values leave no doubt",
    ),
    Inconsistency(
        "Table 3, CAE-FR4",
        "insignificant neurons reconstruct better than significant ones in all three metrics, against the text of Section 4.2",
        "the table is kept; the claim is about the mean over layers, each layer is shown beside it",
    ),
    Inconsistency(
        "Tables 2 and 5, CAE",
        "the plain autoencoder of region 3 has two sets of figures",
        "each table keeps its own: 2 is compared with by default, 5 beside the variants of Section 4.4",
    ),
    Inconsistency(
        "Tables 4 and 6, CNN-FR",
        "the baseline, which has no alpha:beta to differ in, has two sets of figures",
        "each table keeps its own: 4 is compared with by default, 6 beside the variants of Section 4.4",
    ),
    Inconsistency(
        "Tables 8 and 10, CAE-FR in region 3",
        "the weights of one task and region differ at layers 2-4; at layer 1 they agree, yet Tables 2 and 5 differ in every metric",
        "weights go with the table that is reproduced; layer 1 shows how far the paper's own repetition of a cell spreads",
    ),
    Inconsistency(
        "Figure 4",
        "its caption says image reconstruction, whose weights are Table 8's; Section 4.1 gives the experiments of Section 4.3, where it stands, those of Table 9",
        "trained both ways; the claim is tested with Table 9, where both models are trained to predict, and the other way stands beside it",
    ),
    Inconsistency(
        "Section 4.2 and Table 2",
        "CAE-FR is said to be better than CAE whatever the layer; in region 2 CAE-FR3 has the lower PSNR, CAE-FR1 the lower SSIM",
        "the table is kept; the claim is about the mean, each cell is shown beside it",
    ),
    Inconsistency(
        "Section 4.4 and Table 5",
        "all variants are said to beat their autoencoder; VQ-VAE-FM3 has the higher MSE and the lower PSNR",
        "the table is kept; the claim is about the mean, each cell is shown beside it",
    ),
    Inconsistency(
        "Section 4.4 and Table 6",
        "all variants are said to beat their baseline; VAE-FC1, VAE-FM1 and VQ-VAE-FC4 of region 1 don't, VQ-VAE-FM4 of region 2 only equals it",
        "the table is kept; the claim is about the mean, each cell is shown beside it",
    ),
    Inconsistency(
        "Eq. 4 and 6",
        "the losses are written as sums over pixels and neurons; alpha:beta then depend on the image size and the number of neurons",
        "alpha and beta weight means over pixels and over neurons, as Keras' losses are",
    ),
    Inconsistency(
        "Section 4.1, VQ-VAE",
        "the latent embedding space of '32 x 256' does not say which is the number of codes",
        "32 codes of dimension 256, after van den Oord et al. 2017, whose embedding space is K x D",
    ),
)


def has_decoder(recipe: str) -> bool:
    """Whether the recipe reconstructs the image. Raises InputError for an unknown recipe."""
    return _known("recipe", recipe, RECIPES) not in BASELINE_READOUTS


def has_readout(recipe: str) -> bool:
    """Whether the recipe predicts responses. Raises InputError for an unknown recipe."""
    return _known("recipe", recipe, RECIPES) not in AUTOENCODERS


def loss_weights(
    recipe: str, region: int, layer: int | None, task: str, table: int | None = None
) -> LossWeights:
    """alpha and beta of a cell.

    Without `table`, `cae_fr` takes Table 8 (`ir`) or 9 (`nrs`), the other joint models Table 10 (`ir`, printed for region 3 and used in every
    region) or 11-13 (`nrs`, by region). `table` forces another one that has the cell, e.g. 10 for `cae_fr`. For models with one head the
    weights are (1, 0) or (0, 1), whatever the table. An autoencoder alone ignores `layer`.

    Raises InputError where the recipe, region, layer or task is unknown, the recipe can't do the task, or the table lacks the cell.
    """
    _check_cell(recipe, region, layer, task)
    if recipe not in JOINT:
        return LossWeights(float(has_decoder(recipe)), float(has_readout(recipe)), None)
    variants = 10 if task == "ir" else _WEIGHTS_BY_REGION[region]
    toy = (8 if task == "ir" else 9) if recipe == "cae_fr" else variants
    by_name = {
        name: weights for weights in (variants, toy) for name in (weights, _PAIRED_RESULTS[weights])
    }
    chosen = (
        toy
        if table is None
        else by_name[_known(f"table for {recipe} ({task}, region {region})", table, by_name)]
    )
    return LossWeights(*_weights()[chosen, recipe, None if chosen == 10 else region, layer], chosen)


def published(
    recipe: str, region: int, layer: int | None, task: str, table: int | None = None
) -> dict | None:
    """The paper's figures of a cell: `{"table": 2, "mse", "psnr", "ssim"}` or `{"table": 4, "pcc"}`; None where the paper has none.

    The table is the one whose loss weights `loss_weights` gives for the same arguments. A baseline's is that of the comparison it serves: `cae`
    Table 2, `cnn_fr` Table 4 (with `table`: 5 and 6 hold a second figure of each), the others 5 and 6. Table 5 knows region 3 only.

    Raises InputError as `loss_weights` does.
    """
    weights = loss_weights(recipe, region, layer, task, table if recipe in JOINT else None)
    if weights.table is not None:
        results = _PAIRED_RESULTS[weights.table]
    else:
        candidates = {
            "cae": (2, 5),
            "vae": (5,),
            "vqvae": (5,),
            "cnn_fr": (4, 6),
            "cnn_fc": (6,),
            "cnn_fm": (6,),
        }[recipe]
        results = candidates[0] if table is None else _PAIRED_RESULTS.get(table, table)
        _known(f"table for {recipe} ({task})", results, candidates)
    figures = _results().get((results, recipe, region, None if recipe in AUTOENCODERS else layer))
    return None if figures is None else {"table": results, **figures}


def cells(table: int) -> tuple[tuple[str, int, int | None], ...]:
    """(recipe, region, layer) of every figure in a results table (2, 4, 5 or 6); the layer of an autoencoder alone is None.

    Raises InputError for another table.
    """
    _known("table", table, (2, 4, 5, 6))
    return tuple(cell[1:] for cell in _results() if cell[0] == table)


def printed_twice(metric: str) -> dict[tuple[str, int, int | None], tuple[float, float]]:
    """The cells that two tables of results print with the same loss weights, or none to differ in: what the paper's own repetition of a
    training comes to.

    Args:
        metric: "mse", "psnr", "ssim" or "pcc".

    Returns:
        dict of (recipe, region, layer) -> (figure of Table 2 or 4, figure of Table 5 or 6).
    """
    first, second, task = (4, 6, "nrs") if metric == "pcc" else (2, 5, "ir")
    found = {}
    for cell in set(cells(first)) & set(cells(second)):
        alike = cell[0] not in JOINT or (
            loss_weights(*cell, task, first)[:2] == loss_weights(*cell, task, second)[:2]
        )
        if alike:
            found[cell] = tuple(published(*cell, task, table)[metric] for table in (first, second))
    return dict(sorted(found.items(), key=str))


def spread(metric: str) -> tuple[float, int] | None:
    """How far the paper's own figures of the same training are apart: (mean absolute difference, number of cells); None without any."""
    pairs = printed_twice(metric).values()
    return (sum(abs(a - b) for a, b in pairs) / len(pairs), len(pairs)) if pairs else None


def significance(layer: int) -> dict[str, dict[str, float]]:
    """Table 3: CAE-FR in region 3 trained with one group of neurons: `{"significant": {"mse", "psnr", "ssim"}, "insignificant": {...}}`.

    Raises InputError for an unknown layer.
    """
    values = dict(_rows(tables.TABLE_3))[f"CAE-FR{_known('layer', layer, LAYERS)}"]
    mse, ssim, psnr = ((float(a), float(b)) for a, b in _chunks(values, 2))
    return {
        group: {"mse": mse[i], "psnr": psnr[i], "ssim": ssim[i]}
        for i, group in enumerate(("significant", "insignificant"))
    }


def counts(region: int) -> Counts:
    """Table 7's row of a region. Raises InputError for an unknown region."""
    return Counts(
        *map(int, dict(_rows(tables.TABLE_7))[f"Region-{_known('region', region, REGIONS)}"])
    )


def klindt_2017(region: int) -> dict[str, float]:
    """Mean PCC that Klindt et al. 2017 published for a region, by model. Raises InputError for an unknown region."""
    column = REGIONS.index(_known("region", region, REGIONS))
    return {model: float(values[column]) for model, values in _rows(tables.KLINDT_2017)}


def _check_cell(recipe: str, region: int, layer: int | None, task: str) -> None:
    tasks = [
        task
        for task, able in zip(TASKS, (has_decoder(recipe), has_readout(recipe)), strict=True)
        if able
    ]
    _known("region", region, REGIONS)
    if recipe not in AUTOENCODERS:
        _known("layer", layer, LAYERS)
    _known("task", task, TASKS)
    _known(f"task of {recipe}", task, tasks)


def _known(what: str, value, choices):
    if value not in choices:
        raise InputError(f"{what}: expected {', '.join(map(str, choices))}, found {value!r}")
    return value


def _rows(block: str):
    for line in block.split("\n")[1:-1]:
        name, *values = line.split()
        yield name, values


def _chunks(values: list, size: int) -> list[list]:
    return [values[i : i + size] for i in range(0, len(values), size)]


def _recipe(name: str) -> str:
    return name.replace("VQ-VAE", "VQVAE").replace("-", "_").lower()


@cache
def _weights() -> dict:
    """{(table, recipe, region or None for Table 10, layer): (alpha, beta)}"""
    cells = {}
    for table, block in ((8, tables.TABLE_8), (9, tables.TABLE_9)):
        for layer, (_, values) in zip(LAYERS, _rows(block), strict=True):
            cells |= {
                (table, "cae_fr", region, layer): value
                for region, value in zip(REGIONS, values, strict=True)
            }
    for table, region, block in (
        (10, None, tables.TABLE_10),
        (11, 1, tables.TABLE_11),
        (12, 2, tables.TABLE_12),
        (13, 3, tables.TABLE_13),
    ):
        for name, values in _rows(block):
            cells |= {
                (table, _recipe(name), region, layer): value
                for layer, value in zip(LAYERS, values, strict=True)
            }
    return {cell: tuple(map(float, ratio.split(":"))) for cell, ratio in cells.items()}


@cache
def _results() -> dict:
    """{(table, recipe, region, layer or None for an autoencoder alone): {metric: value}}"""
    cells = {}
    for layer, (_, values) in zip((None, *LAYERS), _rows(tables.TABLE_2), strict=True):
        recipe = "cae" if layer is None else "cae_fr"
        cells |= {
            (2, recipe, region, layer): _image(v)
            for region, v in zip(REGIONS, _chunks(values, 3), strict=True)
        }
    for region, (_, values) in zip(REGIONS, _rows(tables.TABLE_4), strict=True):
        for layer, pair in zip(LAYERS, _chunks(values, 2), strict=True):
            cells |= {
                (4, recipe, region, layer): {"pcc": float(v)}
                for recipe, v in zip(("cnn_fr", "cae_fr"), pair, strict=True)
            }
    for name, values in _rows(tables.TABLE_5):
        layers = (None,) * 4 if _recipe(name) in AUTOENCODERS else LAYERS
        cells |= {
            (5, _recipe(name), 3, layer): _image(v)
            for layer, v in zip(layers, _chunks(values, 3), strict=True)
        }
    for name, values in _rows(tables.TABLE_6):
        for region, by_layer in zip(REGIONS, _chunks(values, 4), strict=True):
            cells |= {
                (6, _recipe(name), region, layer): {"pcc": float(v)}
                for layer, v in zip(LAYERS, by_layer, strict=True)
            }
    return cells


def _image(values: list[str]) -> dict[str, float]:
    return dict(zip(IMAGE_METRICS, map(float, values), strict=True))
