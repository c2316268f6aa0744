"""How options are read from text."""

import argparse
import re


def whole(text):
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, found {text!r}") from None



def number(text):
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}") from None



def size(text):
    match = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected H or HxW in pixels, found {text!r}")
    height = int(match[1])
    return (height, int(match[2] or height))
