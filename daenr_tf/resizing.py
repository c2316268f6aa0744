"""How stimuli are brought to the size that a model takes, as data: a new way is a row here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resize:
    """A way to resize images.

    Attributes:
        name: what it is called by; "-aliased" says that nothing is averaged where images shrink.
        method: what `tf.image.resize` calls it.
        antialias: its argument of that name.
        overshoots: whether it can leave the range of the grey levels, so that its result is clipped to it.
        help: what it does, in a few words.
    """

    name: str
    method: str
    antialias: bool
    overshoots: bool
    help: str


RESIZES = {
    one.name: one
    for one in (
        Resize("bilinear", "bilinear", True, False, "antialiased"),
        Resize("bilinear-aliased", "bilinear", False, False, "without antialiasing"),
        Resize("bicubic", "bicubic", True, True, "Keys' cubic, antialiased"),
        Resize("bicubic-aliased", "bicubic", False, True, "without antialiasing"),
        Resize("lanczos3", "lanczos3", True, True, "antialiased"),
        Resize("area", "area", False, False, "the mean over the area of a new pixel"),
        Resize("nearest", "nearest", False, False, "no antialiasing, no new grey levels"),
    )
}
DEFAULT_RESIZE = next(iter(RESIZES))
