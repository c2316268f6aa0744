"""What the published test images alone say about the reconstruction errors that the paper reports.

`python -m daenr_tf.tools.region3 --data-dir DIR` needs of the published recordings only the three files
`validation_inputs.npy` (the test images), and tells, region by region, what codes without a network
reach on them, under every way of resizing, beside the paper's Tables 2 and 5 (docs/region3.md).
With `--photographs` it trains the CAE on scikit-image's photographs and tries it on the same images.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.optimize

from daenr_tf import metrics, paper
from daenr_tf.errors import InputError, MachineError
from daenr_tf.linear_codes import Cosines, figures, order
from daenr_tf.machine.files import write_text
from daenr_tf.paper import IMAGE_METRICS, REGIONS
from daenr_tf.recordings.antolik import GREY_RANGE, SIDE, read_file
from daenr_tf.resizing import DEFAULT_RESIZE, RESIZES
from daenr_tf.systems import LATENT_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIZE = (32, 32)  # of what the models see
RECORDED = "as recorded"
NUMBERS = LATENT_SIZE.default  # of a code: the paper's latent
BLURS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)  # pixels
MOST_BLUR = 32.0  # pixels; an image that is blurred more is one grey
FREQUENCIES = SIDE // 2  # cycles per image


def test_images(directory: str) -> dict[int, np.ndarray]:
    """The published test images by region: (images, 31, 31, 1) grey levels. Raises `InputError` where a file is missing or another one."""
    return {
        region: read_file(region, directory, "validation_inputs.npy").reshape(-1, SIDE, SIDE, 1)
        for region in REGIONS
    }


def seen(images: np.ndarray, resize: str) -> np.ndarray:
    """Grey levels as a model sees them under a way of resizing, in [-1, 1]; `RECORDED` leaves the size as it is."""
    from daenr_tf import pipeline

    size = images.shape[1:3] if resize == RECORDED else SIZE
    way = DEFAULT_RESIZE if resize == RECORDED else resize
    return pipeline.preprocess(images, GREY_RANGE, size, 1, way).numpy()


def measure(images: np.ndarray) -> dict[str, Any]:
    """What is told of one region's test images.

    Args:
        images: (images, 31, 31, 1) grey levels as published.

    Returns:
        dict of `images`, their number; `variance` within an image, mean over images, by way of resizing; `power`, that variance by cycles per
        image, of the images as recorded; `codes`, dict of a way of resizing -> `mse`, `psnr`, `ssim` of `NUMBERS` cosines; and, of what models see
        by default: `plain`, the same of images of one grey and of mean images; `cosines`, the MSE of 0, 1, 2 … of them; `blur`, of Gaussians of
        some `width`s.
    """
    by_way = {way: seen(images, way) for way in (RECORDED, *RESIZES)}
    default = by_way[DEFAULT_RESIZE]
    return {
        "images": len(images),
        "variance": {way: float(_variance(some)) for way, some in by_way.items()},
        "power": _power(by_way[RECORDED]),
        "codes": {
            way: figures(Cosines(some.shape[1:], NUMBERS), some) for way, some in by_way.items()
        },
        "plain": {name: _figures(default, made) for name, made in _plain(default).items()},
        "cosines": _by_number_of_cosines(default),
        "blur": [{"width": width, **_figures(default, _blur(default, width))} for width in BLURS],
    }


def _variance(images):
    return images.var(axis=(1, 2, 3), dtype=np.float64).mean()


def _power(images):
    """The variance within an image, mean over images, that lies at 1, 2 … cycles per image (rounded); the rest, in the corners, is left out."""
    height, width = images.shape[1:3]
    spectrum = np.abs(np.fft.fft2(images[..., 0].astype(np.float64))) ** 2 / (height * width) ** 2
    vertical, horizontal = np.fft.fftfreq(height) * height, np.fft.fftfreq(width) * width
    radius = np.rint(np.hypot(vertical[:, None], horizontal)).astype(int)
    power = spectrum.mean(axis=0)
    return [float(power[radius == cycles].sum()) for cycles in range(1, FREQUENCIES + 1)]


def _plain(images):
    """What needs no code of an image, or one number of it: dict of name -> (images, height, width, 1)."""
    count, total = len(images), images.sum(axis=0, dtype=np.float64)
    return {
        "the one grey that is best for all": np.full_like(images, images.mean(dtype=np.float64)),
        "the mean of the other test images": (total - images) / (count - 1),
        "each image's own mean grey": np.broadcast_to(
            images.mean(axis=(1, 2), keepdims=True, dtype=np.float64), images.shape
        ),
    }


def _figures(images, made):
    return {name: float(getattr(metrics, name)(images, made).mean()) for name in IMAGE_METRICS}


def _by_number_of_cosines(images):
    """The MSE of the first 0, 1, 2 … cosines, not clipped: what is left of the squares of the others."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    found = scipy.fft.dctn(images.astype(np.float64), axes=(1, 2), norm="ortho")
    squares = (found.reshape(flat.shape)[:, order(images.shape[1:])] ** 2).mean(axis=0)
    left = np.append(np.cumsum(squares[::-1])[::-1], 0.0)
    return (left / flat.shape[1]).tolist()


def cosines_for(error: float, cosines: Sequence[float]) -> int:
    """How many cosines reach an MSE: the least number whose error, of `measure`'s `cosines`, is no larger."""
    return int(np.argmax(np.asarray(cosines) <= error))


def blurred(images: np.ndarray, error: float) -> tuple[float, np.ndarray] | None:
    """Images blurred by the Gaussian that gives them a mean squared error.

    Args:
        images: (images, height, width, 1).
        error: the MSE, mean over images.

    Returns:
        (standard deviation of the Gaussian in pixels, images), or None where no blur makes so large an error.
    """

    def excess(width):
        return float(metrics.mse(images, _blur(images, width)).mean()) - error

    if excess(MOST_BLUR) <= 0:
        return None
    width = scipy.optimize.brentq(excess, 0.0, MOST_BLUR, xtol=1e-6)
    return width, _blur(images, width)


def _blur(images, width):
    return scipy.ndimage.gaussian_filter(images.astype(np.float64), (0, width, width, 0))


def published(region: int) -> list[dict[str, Any]]:
    """The paper's figures of CAE and CAE-FR1…4 in a region, of Table 2 and, where it has the region, of Table 5: dicts of `table`, `model`,
    `mse`, `psnr`, `ssim`."""
    rows = []
    for table in (2, 5):
        for recipe, where, layer in paper.cells(table):
            if recipe in ("cae", "cae_fr") and where == region:
                found = paper.published(recipe, region, layer, "ir", table)
                model = "CAE" if layer is None else f"CAE-FR{layer}"
                rows.append({**found, "table": table, "model": model})
    return rows


def beside_the_paper(images: np.ndarray, region: int, cosines: Sequence[float]) -> list[dict]:
    """The rows of `published`, each with what the same MSE is without a network: `cosines`, how many of them reach it; `blur`, the images
    blurred so far (`width` in pixels, `psnr`, `ssim`), or None; `brighter`, `NUMBERS` cosines made so much brighter (`by`, `psnr`, `ssim`), or None where
    they are no better than that.

    Args:
        images: (images, 32, 32, 1) in [-1, 1], the region's.
        region: int.
        cosines: of `measure`.
    """
    rows, code = [], Cosines(images.shape[1:], NUMBERS).reconstruct(images)
    for row in published(region):
        found = blurred(images, row["mse"])
        blur = {"width": found[0], **_figures(images, found[1])} if found else None
        excess = row["mse"] - cosines[NUMBERS]  # the mean of an image is one of its cosines
        by = np.sqrt(max(excess, 0.0))
        brighter = {"by": float(by), **_figures(images, code + by)} if excess > 0 else None
        number = cosines_for(row["mse"], cosines)
        rows.append({**row, "cosines": number, "blur": blur, "brighter": brighter})
    return rows


def everything(images: Mapping[int, np.ndarray]) -> dict[str, Any]:
    """`measure` and `beside_the_paper` of each region, by its number as text."""
    found = {}
    for region, some in images.items():
        one = measure(some)
        one["paper"] = beside_the_paper(seen(some, DEFAULT_RESIZE), region, one["cosines"])
        found[str(region)] = one
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; status 2 for images that can't be used, 1 where the machine failed."""
    parser = argparse.ArgumentParser(
        prog="python -m daenr_tf.tools.region3",
        description="What the published test images alone say about the paper's reconstruction errors.",
    )
    parser.add_argument(
        "--data-dir",
        default=os.environ.get("DAENR_DATA_DIR"),
        help="where Data/region{1,2,3}/validation_inputs.npy lie (default: $DAENR_DATA_DIR)",
    )
    parser.add_argument(
        "--out",
        default="region3",
        metavar="DIR",
        help="where figures and numbers go (default: region3)",
    )
    parser.add_argument(
        "--photographs",
        type=int,
        metavar="STEPS",
        help="train the CAE on scikit-image's photographs too, for so many steps at most, with each of"
        " the batch-norm momenta 0.9, 0.99, 0.999",
    )
    options = parser.parse_args(arguments)
    try:
        _run(options)
    except (InputError, MachineError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    return 0


def _run(options):
    if not options.data_dir:
        raise InputError("--data-dir: expected where Data/region{1,2,3}/ lie, found nothing")
    images = test_images(options.data_dir)
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf.tools import photographs, region3_figures, region3_tables

    found = everything(images)
    print(region3_tables.written(found), flush=True)
    os.makedirs(options.out, exist_ok=True)
    region3_figures.draw_numbers(os.path.join(options.out, "region3.png"), found)
    region3_figures.draw_images(
        os.path.join(options.out, "region3_images.png"), seen(images[3], DEFAULT_RESIZE), found["3"]
    )
    if options.photographs:
        trained = photographs.train(images, options.photographs)
        print("\n" + photographs.written(trained))
        found = {**found, "photographs": trained}
    write_text(
        os.path.join(options.out, "region3.json"),
        json.dumps(found, indent=2, allow_nan=False) + "\n",
    )


if __name__ == "__main__":
    sys.exit(main())
