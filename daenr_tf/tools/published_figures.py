"""What the paper published, drawn: its loss weights (Tables 8-13) and its results (Tables 2-6), with the cells that speak against its text marked."""

import os

import numpy as np
from matplotlib.lines import Line2D

from daenr_tf import paper
from daenr_tf.plotting import canvas
from daenr_tf.plotting.canvas import STYLE
from daenr_tf.plotting.palette import BLUE, GREEN, INK, ORANGE, RED

NAMES = {
    "cae": "CAE",
    "vae": "VAE",
    "vqvae": "VQ-VAE",
    "cnn": "CNN",
    "fr": "FR",
    "fc": "FC",
    "fm": "FM",
}
# Markers differ as well as colours, for prints without colour.
COLORS = {"cnn": INK, "cae": BLUE, "vae": ORANGE, "vqvae": GREEN}
MARKERS = {"cnn": "D", "cae": "o", "vae": "s", "vqvae": "^", "fr": "o", "fc": "s", "fm": "^"}
MARK = RED


def draw_tasks(folder: str) -> list[str]:
    """The paper's beta against alpha, cell by cell: `tasks.png`."""
    regions = [f"region {region}" for region in paper.REGIONS]
    recipes = [_name(recipe) for recipe in paper.JOINT]

    def of_cae_fr(task, table):
        rows = [
            [_balance("cae_fr", region, layer, task, table) for layer in paper.LAYERS]
            for region in paper.REGIONS
        ]
        return f"{task}, Table {table}", regions, rows

    def of_all(task, region, table):
        rows = [
            [_balance(recipe, region, layer, task, table) for layer in paper.LAYERS]
            for recipe in paper.JOINT
        ]
        where = "region 3, used in all" if task == "ir" else f"region {region}"
        return f"{task}, Table {table}\n{where}", recipes, rows

    figure = canvas.figure(
        9.6,
        5.4,
        "The weight of the responses against that of the image: log₁₀(beta / alpha) in the paper's tables",
        False,
    )
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.15, 2.4), hspace=0.03)
    upper.suptitle("CAE-FR by region", fontsize=STYLE["label"], fontweight="bold")
    lower.suptitle("All joint models", fontsize=STYLE["label"], fontweight="bold")
    panels = list(zip(upper.subplots(1, 2), (of_cae_fr("ir", 8), of_cae_fr("nrs", 9)), strict=True))
    panels += zip(
        lower.subplots(1, 4, sharey=True),
        (of_all("ir", 3, 10), *(of_all("nrs", r, 10 + r) for r in paper.REGIONS)),
        strict=True,
    )
    for axis, (title, rows, values) in panels:
        shown = axis.imshow(values, cmap="cividis", vmin=-5, vmax=4, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            axis.text(
                column,
                row,
                _signed(value),
                ha="center",
                va="center",
                fontsize=STYLE["tick"],
                color="white" if value < -0.5 else "black",
            )
        axis.set_title(title, fontsize=STYLE["label"])
        axis.set_xticks(range(len(paper.LAYERS)), labels=[f"h{layer}" for layer in paper.LAYERS])
        axis.set_yticks(range(len(rows)), labels=rows)
        axis.tick_params(labelsize=STYLE["tick"], length=0)
    canvas.colorbar(
        lower, shown, lower.axes, "log₁₀(beta / alpha)", [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4]
    )
    path = os.path.join(folder, "tasks.png")
    canvas.write(path, figure)
    return [path]


def _balance(*cell):
    weights = paper.loss_weights(*cell)
    return np.log10(weights.beta / weights.alpha)


def _signed(value):
    return f"{value:+.{1 if abs(value) > 0.095 else 2}f}".replace("-", "−") if value else "0"


def draw_paper(folder: str) -> list[str]:
    """What the paper published: images (Tables 2 and 5) in `paper_images.png`, responses (4 and 6) in `paper_responses.png`."""
    images, responses = (
        os.path.join(folder, f"paper_{what}.png") for what in ("images", "responses")
    )
    _draw_published_images(images)
    _draw_published_responses(responses)
    return [images, responses]


def _draw_published_images(path):
    title = "What the paper published: image reconstruction\nby the layer that is read out; every panel on its own scale"
    figure = canvas.figure(9.6, 5.6, title, False)
    *axes, last = figure.subplots(2, 3).flat
    panels = [
        ("cae", 1, (2,)),
        ("cae", 2, (2,)),
        ("cae", 3, (2, 5)),
        ("vae", 3, (5,)),
        ("vqvae", 3, (5,)),
    ]
    for axis, (autoencoder, region, tables) in zip(axes, panels, strict=True):
        for table in tables:
            alone = paper.published(autoencoder, region, None, "ir", table)
            axis.axhline(alone["psnr"], color=COLORS["cnn"], lw=1.2, ls="--" if table == 2 else "-")
            kinds = paper.READOUTS if table == 5 else ("fr",)
            for shift, readout in zip(_spread(len(paper.READOUTS)), kinds, strict=False):
                cells = {
                    layer + shift: paper.published(
                        f"{autoencoder}_{readout}", region, layer, "ir", table
                    )
                    for layer in paper.LAYERS
                }
                _dots(
                    axis,
                    {x: cell["psnr"] for x, cell in cells.items()},
                    COLORS[autoencoder],
                    MARKERS[readout],
                    hollow=table == 2,
                )
                _mark(
                    axis,
                    {x: cell["psnr"] for x, cell in cells.items() if _contradicts(cell, alone)},
                )
        where = "Tables 2 and 5" if len(tables) > 1 else f"Table {tables[0]}"
        axis.set_title(f"{NAMES[autoencoder]}, region {region}: {where}", fontsize=STYLE["label"])
        _finish(axis, "PSNR (dB)")
    groups = {layer: paper.significance(layer) for layer in paper.LAYERS}
    for group, marker in (("significant", "o"), ("insignificant", "x")):
        values = {layer: groups[layer][group]["psnr"] for layer in paper.LAYERS}
        _dots(last, values, COLORS["cae"], marker, label=f"{group} neurons only")
        if group == "significant":
            _mark(
                last,
                {
                    layer: values[layer]
                    for layer in paper.LAYERS
                    if _contradicts(*groups[layer].values())
                },
            )
    last.set_title("CAE-FR, region 3: Table 3", fontsize=STYLE["label"])
    last.legend(
        frameon=False, fontsize=STYLE["tick"], loc="upper center", bbox_to_anchor=(0.4, 0.77)
    )
    _finish(last, "PSNR (dB)")
    black = {"color": COLORS["cnn"]}
    handles = [
        Line2D(
            [], [], marker=MARKERS[r], ms=5, ls="none", label=f"with {r.upper()}, Table 5", **black
        )
        for r in paper.READOUTS
    ]
    handles.append(
        Line2D(
            [], [], marker="o", ms=5, mfc="white", ls=":", lw=0.8, label="with FR, Table 2", **black
        )
    )
    handles += [
        Line2D([], [], lw=1.2, ls=style, label=f"autoencoder alone, Table {table}", **black)
        for table, style in ((5, "-"), (2, "--"))
    ]
    _legend_of_marks(figure, "against the text: worse in MSE, PSNR or SSIM", handles)
    canvas.write(path, figure)


def _draw_published_responses(path):
    title = "What the paper published: response prediction\nby the layer that is read out; Table 6, and Table 4 for CNN-FR and CAE-FR"
    figure = canvas.figure(9.6, 7.6, title, False)
    axes = figure.subplots(3, 3, sharey="row", squeeze=False)
    kinds = ("cnn", *paper.AUTOENCODERS)
    for (row, column), axis in np.ndenumerate(axes):
        readout, region = paper.READOUTS[row], paper.REGIONS[column]
        axis.axhline(
            paper.klindt_2017(region)[f"CNN-{readout.upper()}"], color="#777777", lw=1.2, ls="--"
        )
        found = {
            kind: {
                i: paper.published(f"{kind}_{readout}", region, i, "nrs", 6) for i in paper.LAYERS
            }
            for kind in kinds
        }
        for kind, shift in zip(kinds, _spread(len(kinds)), strict=True):
            _dots(
                axis,
                {i + shift: cell["pcc"] for i, cell in found[kind].items()},
                COLORS[kind],
                MARKERS[kind],
            )
            if kind != "cnn":
                _mark(
                    axis,
                    {
                        i + shift: cell["pcc"]
                        for i, cell in found[kind].items()
                        if _contradicts(cell, found["cnn"][i])
                    },
                )
            if f"{kind}_{readout}" in ("cnn_fr", "cae_fr"):
                other = {
                    i + shift: paper.published(f"{kind}_fr", region, i, "nrs", 4)["pcc"]
                    for i in paper.LAYERS
                }
                _dots(axis, other, COLORS[kind], MARKERS[kind], hollow=True)
        axis.set_title(f"{readout.upper()}, region {region}", fontsize=STYLE["label"])
        _finish(axis, "PCC" if column == 0 else "")
    names = {kind: NAMES[kind] + (" (no decoder)" if kind == "cnn" else "") for kind in kinds}
    handles = [
        Line2D([], [], color=COLORS[kind], marker=MARKERS[kind], ms=5, lw=0.8, label=name)
        for kind, name in names.items()
    ]
    handles.append(
        Line2D(
            [],
            [],
            color=COLORS["cnn"],
            marker="D",
            ms=5,
            mfc="white",
            ls=":",
            lw=0.8,
            label="hollow: Table 4",
        )
    )
    handles.append(
        Line2D(
            [], [], color="#777777", lw=1.2, ls="--", label="Klindt et al. 2017, the same readout"
        )
    )
    _legend_of_marks(figure, "against the text: not above the CNN", handles)
    canvas.write(path, figure)


def _contradicts(better, worse):
    """Whether published figures speak against the text, which says that a joint model beats the model alone, and significant neurons the others."""
    if "pcc" in better:
        return better["pcc"] <= worse["pcc"]
    return (
        better["mse"] > worse["mse"]
        or better["psnr"] < worse["psnr"]
        or better["ssim"] < worse["ssim"]
    )


def _name(recipe):
    return "-".join(NAMES[part] for part in recipe.split("_"))


def _spread(count):
    return (np.arange(count) - (count - 1) / 2) * 0.16


def _dots(axis, values, color, marker, hollow=False, label=None):
    face = {"mfc": "white"} if hollow else {}
    axis.plot(
        list(values),
        list(values.values()),
        color=color,
        marker=marker,
        ms=5,
        lw=0.8,
        ls=":" if hollow else "-",
        label=label,
        **face,
    )


def _mark(axis, values):
    axis.plot(
        list(values), list(values.values()), "o", mfc="none", mec=MARK, mew=1.5, ms=12, zorder=5
    )


def _finish(axis, unit):
    axis.set_xticks(paper.LAYERS, labels=[f"h{layer}" for layer in paper.LAYERS])
    axis.set_xlim(0.6, 4.4)
    axis.margins(y=0.12)
    axis.set_ylabel(unit, fontsize=STYLE["label"])
    canvas.plain(axis)


def _legend_of_marks(figure, meaning, handles):
    mark = Line2D(
        [], [], ls="none", marker="o", ms=11, mfc="none", mec=MARK, mew=1.5, label=meaning
    )
    figure.legend(
        handles=[*handles, mark],
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=STYLE["tick"],
    )
