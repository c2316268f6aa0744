"""Images from PNG and JPEG files, as grey levels 0..255, and from arrays: read rightly, or
refused in one line."""

import contextlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from daenr_tf.errors import InputError, one_line
from daenr_tf.machine.files import open_regular
from daenr_tf.recordings import checks
from daenr_tf.recordings.arrays import read_npy, read_npz

FORMATS = ("PNG", "JPEG")
PICTURES = (".png", ".jpg", ".jpeg")
ARRAYS = (".npy", ".npz")
KEY = "images"
EXPECTED = (
    f"a picture ({', '.join(PICTURES)}), an array ({', '.join(ARRAYS)}) or a directory of pictures"
)
PNG_START, PNG_DEPTH_AT = (
    b"\x89PNG\r\n\x1a\n",
    24,
)  # the byte of a PNG that holds its bits a channel


@dataclass(frozen=True)
class Picture:
    """A picture in a file.

    Attributes:
        path: str.
    """

    path: str

    def __len__(self) -> int:
        return 1

    @property
    def names(self) -> list[str]:
        """What its images are called: [the path]."""
        return [one_line(self.path)]

    def check(self) -> None:
        """Raises `InputError` where the head of the file tells already that it can't be used."""
        with open_regular(self.path, "a picture") as file, _opened(file, self.path):
            pass

    def images(self) -> Iterator[np.ndarray]:
        """Yields the one image, (height, width, channels) uint8, channels 1 or 3."""
        yield read_picture(self.path)


@dataclass(frozen=True)
class Stack:
    """Images in an array.

    Attributes:
        path: str, the file that they come from.
        values: (images, height, width, channels), of any real type, channels 1 or 3.
    """

    path: str
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def names(self) -> list[str]:
        """What its images are called: the path with each one's number."""
        return [f"{one_line(self.path)}[{number}]" for number in range(len(self.values))]

    def images(self) -> Iterator[np.ndarray]:
        """Yields the images, each (height, width, channels)."""
        yield from self.values


def find(places: list[str]) -> list[Picture | Stack]:
    """The images that paths name, in their order; a directory's pictures by name.

    Args:
        places: paths of pictures, of directories of pictures, and of .npy or .npz files.

    Returns:
        List of `Picture` and `Stack`, each looked at as far as its head.

    Raises:
        InputError: one can't be used.
    """
    found = []
    for place in places:
        if os.path.isdir(place):
            found += _directory(place)
        elif _ending(place) in ARRAYS:
            found.append(Stack(place, checks.with_channel(place, _array(place))))
        elif _ending(place) in PICTURES or not os.path.exists(place):
            found.append(Picture(place))
        else:
            raise InputError(f"{place}: expected {EXPECTED}, found another ending")
    for source in found:
        if isinstance(source, Picture):
            source.check()
    return found


def _ending(path):
    return os.path.splitext(path)[1].lower()


def _directory(place):
    try:
        names = sorted(name for name in os.listdir(place) if _ending(name) in PICTURES)
    except OSError as reason:
        raise InputError(
            f"{place}: expected a directory that can be read, found {reason.strerror}"
        ) from None
    if not names:
        raise InputError(
            f"{place}: expected a directory with pictures ({', '.join(PICTURES)}), found none in it"
        )
    return [Picture(os.path.join(place, name)) for name in names]


def _array(path):
    """The array of images in an .npy or .npz file."""
    if _ending(path) == ".npy":
        with open_regular(path, "an .npy file") as file:
            return read_npy(file, os.fstat(file.fileno()).st_size, path)
    arrays = read_npz(path)
    if KEY in arrays:
        return arrays[KEY]
    if len(arrays) != 1:
        raise InputError(
            f"{path}: expected an array {KEY}, or one array only, found"
            f" {', '.join(arrays) or 'nothing'}"
        )
    return next(iter(arrays.values()))


def read_picture(path: str) -> np.ndarray:
    """A PNG or JPEG file as (height, width, channels) uint8: 1 channel of a grey picture, 3 of
    one in colour, the way up that its
    EXIF data says.

    Raises:
        InputError: it is none or damaged, has more than 8 bits a channel, or is transparent
            somewhere.
    """
    with open_regular(path, "a picture") as file:
        return decode_picture(file, path)


def decode_picture(file: BinaryIO, name: str, most_pixels: int | None = None) -> np.ndarray:
    """As `read_picture`, of an open file.

    Args:
        file: open for reading, at its start; can be sought in.
        name: str, what messages call it.
        most_pixels: int, those that a picture may have, where that is less than Pillow's own limit.
    """
    from PIL import ImageOps

    with _opened(file, name, most_pixels) as image:
        try:
            image = ImageOps.exif_transpose(image)
            return _pixels(name, image)
        except InputError:
            raise
        except Exception as reason:  # Pillow's readers raise a dozen kinds for a damaged file
            raise _damaged(name, reason) from None


@contextlib.contextmanager
def _opened(file, path, most_pixels=None):
    """The Pillow image of an open file whose head can be used, its pixels not read yet."""
    from PIL import Image

    head = file.read(PNG_DEPTH_AT + 1)
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(file, formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise InputError(
            f"{path}: expected a picture of at most {Image.MAX_IMAGE_PIXELS} pixels, found a"
            f" larger one"
        ) from None
    except Exception as reason:
        raise _damaged(path, reason) from None
    if (
        head.startswith(PNG_START) and head[PNG_DEPTH_AT] > 8
    ):  # Pillow would cut colours down to 8 bits in silence
        raise InputError(
            f"{path}: expected a picture of 8 bits a channel, found {head[PNG_DEPTH_AT]}:"
            f" give it as an array (.npy)"
        )
    if most_pixels is not None and image.width * image.height > most_pixels:
        raise InputError(
            f"{path}: expected a picture of at most {most_pixels} pixels, found {image.height} x"
            f" {image.width}"
        )
    if image.mode == "CMYK":
        raise InputError(
            f"{path}: expected a picture in grey or RGB, found CMYK, made for print: convert"
            f" it first"
        )
    if min(image.size) < checks.SMALLEST_SIDE:
        raise InputError(
            f"{path}: expected at least {checks.SMALLEST_SIDE} pixels in height and width,"
            f" found {image.height} x {image.width}"
        )
    yield image


def _pixels(path, image):
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        grey = _is_grey(image)
    else:
        grey = image.mode in ("1", "L", "LA")
    if "transparency" in image.info or "A" in image.getbands():
        image = image.convert("LA" if grey else "RGBA")
        if image.getchannel("A").getextrema()[0] < 255:
            raise InputError(
                f"{path}: expected a picture that hides nothing, found transparent pixels: put it"
                f" on a background first"
            )
    pixels = np.asarray(image.convert("L" if grey else "RGB"))
    return pixels[..., None] if grey else pixels


def _is_grey(image):
    """Whether red, green and blue of an image are alike everywhere."""
    pixels = np.asarray(image)
    return bool((pixels[..., :1] == pixels[..., 1:3]).all())


def _damaged(path, reason):
    from PIL import UnidentifiedImageError

    found = (
        "a file of another kind or a damaged one"
        if isinstance(reason, UnidentifiedImageError)
        else f"a damaged file ({str(reason)[:120] or type(reason).__name__})"
    )
    return InputError(f"{path}: expected a PNG or JPEG picture, found {found}")
