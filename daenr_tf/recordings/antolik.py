"""The published recordings of Antolík et al. 2016: found, or fetched, and verified file by file.

Antolík, Hofer, Bednar, Mrsic-Flogel (2016), "Model Constrained by Visual Hierarchy Improves Prediction of Neural Responses to
Natural Scenes", PLoS Comput Biol 12(6): e1004927, supplement S1 (https://doi.org/10.1371/journal.pcbi.1004927.s001), CC BY 4.0.
Its `validation_*` files are the test set.
"""

import dataclasses
import hashlib
import math
import os

import numpy as np

from daenr_tf.errors import refusal
from daenr_tf.machine.files import open_regular
from daenr_tf.recordings.arrays import read_npy
from daenr_tf.recordings.recording import Recording

SIDE = 31  # pixels; rows are stored one after the other, the upper one first
GREY_RANGE = (0.0, 2.55e-4)
TOLERANCE = 1e-9
HEADER_BYTES = 4096  # more than any .npy header has


@dataclasses.dataclass(frozen=True)
class PublishedFile:
    """What is known of a published file: its shape (all are float64) and the digest of its bytes.

    `digest` is "sha256:…", or "blob:…" where only the Git blob id is known (SHA-1 of "blob <size>", a null byte and the bytes).
    """

    shape: tuple
    digest: str

    @property
    def most_bytes(self) -> int:
        """The most that such a file can have."""
        return HEADER_BYTES + 8 * math.prod(self.shape)


def _region(images, neurons, repeats, inputs, training, test_inputs, test, trials):
    return {
        "training_inputs.npy": PublishedFile((images, SIDE * SIDE), f"blob:{inputs}"),
        "training_set.npy": PublishedFile((images, neurons), f"sha256:{training}"),
        "validation_inputs.npy": PublishedFile((50, SIDE * SIDE), f"sha256:{test_inputs}"),
        "validation_set.npy": PublishedFile((50, neurons), f"sha256:{test}"),
        "raw_validation_set.npy": PublishedFile((repeats, 50, neurons), f"sha256:{trials}"),
    }


PUBLISHED = {
    1: _region(
        1800,
        103,
        10,
        "25bd6a7def8597163033d762b81a8c1ebaee4ef5",
        "fdd83ba4c6e548d615768f1eec5723e2bd0c804841bb5c2352e85a87c71c813c",
        "a5269c567a431ed969301b75ffd39ba0c92432f583982e5742860cae92d392c9",
        "6ff29f2e903c557b0cc0173075bc833366011c277e73ecd3449233de2f1060ad",
        "3ff518cee9d7dcde19525d11a294af09158a6b114f970dd01d43be278e7801dc",
    ),
    2: _region(
        1260,
        55,
        8,
        "5651e3bdfe6d6f140d3236af14db0ddd1b56dd4d",
        "3b33bc42bb85bbebc51c2058fe322a522463d0b2b2a875e0d98784afa1182483",
        "a5269c567a431ed969301b75ffd39ba0c92432f583982e5742860cae92d392c9",
        "2259fe55bc47dc67da75da97e00e79d567c8ba10d477d34296d917825521053c",
        "979ed05629561423b397d6c828a871229935262cf38e17f35a08da7f734733e8",
    ),
    3: _region(
        1800,
        102,
        12,
        "1ccc45c1c07c5002b9a01ca4793f03905eb2ce98",
        "9786b1805abb533804bbafccd48f26d2948559b14d79c6025ba518725e19e302",
        "cd9bb58b89a9b64c8ea4ea12f6d97481e7cd8f7bd86258395b718c0ca55e4c1e",
        "013fb1246f08e4cc180421af75becc3282b0e5bd2da3e46c85810125ae8dd629",
        "be77780380f757a12fe16d84146b2e05ab269ab974559baa0cad13d8d26b351d",
    ),
}


def load_antolik(region: int, directory: str) -> Recording:
    """One region of the published recordings.

    Args:
        region: 1, 2 or 3.
        directory: where the folder `Data/region{1,2,3}/` lies.

    Raises:
        InputError: a file is missing, cut off or not the published one.
    """
    files = read_region(region, directory)

    def images(name):
        return files[name].reshape(-1, SIDE, SIDE, 1)

    return Recording(
        images=images("training_inputs.npy"),
        responses=files["training_set.npy"],
        test_images=images("validation_inputs.npy"),
        test_trials=files["raw_validation_set.npy"],
        name=f"antolik-r{region}",
        region=region,
        pixel_range=GREY_RANGE,
        source=os.path.join(directory, "Data", f"region{region}"),
    )


def read_region(region: int, directory: str) -> dict[str, np.ndarray]:
    """The verified arrays of a region by file name. Raises `InputError` as `load_antolik` does."""
    folder = os.path.join(directory, "Data", f"region{region}")
    if not os.path.isdir(folder):
        raise refusal(
            directory, f"a directory with the published folder Data/region{region}/", "none"
        )
    files = {name: read_file(region, directory, name) for name in PUBLISHED[region]}
    trials, average = files["raw_validation_set.npy"], files["validation_set.npy"]
    if not np.allclose(trials.mean(axis=0), average, rtol=0, atol=TOLERANCE):
        raise refusal(
            os.path.join(folder, "validation_set.npy"),
            "the mean of raw_validation_set.npy over repeats",
            "something else",
        )
    return files


def read_file(region: int, directory: str, name: str) -> np.ndarray:
    """The verified array of one file of a region. Raises `InputError` as `load_antolik` does."""
    path = os.path.join(directory, "Data", f"region{region}", name)
    return _read(path, PUBLISHED[region][name])


def _read(path, published):
    with open_regular(path, "the file of the published recording") as file:
        size = os.fstat(file.fileno()).st_size
        if size > published.most_bytes:
            raise refusal(path, f"at most {published.most_bytes} bytes", size)
        values = read_npy(file, size, path)
        file.seek(0)
        kind, wanted = published.digest.split(":")
        digest = hashlib.sha1(b"blob %d\0" % size) if kind == "blob" else hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    if values.dtype != np.float64 or values.shape != published.shape:
        raise refusal(
            path,
            f"the shape {published.shape} of type float64",
            f"{values.shape} of type {values.dtype}",
        )
    low, high = GREY_RANGE if path.endswith("_inputs.npy") else (0.0, np.inf)
    if not (np.isfinite(values).all() and values.min() >= low and values.max() <= high + TOLERANCE):
        raise refusal(
            path, f"finite values from {low:g} to {high:g}", f"{values.min():g} to {values.max():g}"
        )
    if digest.hexdigest() != wanted:
        raise refusal(
            path,
            f"the published file ({kind} {wanted[:12]}…)",
            f"an altered one ({digest.hexdigest()[:12]}…)",
        )
    return values
