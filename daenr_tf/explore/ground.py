"""What is settled before TensorFlow is imported: that the library of the page is there, and an address to serve it on."""

from __future__ import annotations

import importlib.util
import socket

from daenr_tf.errors import InputError, refusal

NEEDED = "nicegui"
WAITING = 64  # connections


def check_installed() -> None:
    """Raises `InputError` where NiceGUI is missing."""
    if importlib.util.find_spec(NEEDED) is None:
        raise refusal("explore", "NiceGUI (pip install 'daenr_tf[explore]')", "none")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one.

    Raises:
        InputError: it can't listen there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as reason:
        raise refusal(
            "--host", "a name or an address of this machine", f"{host} ({_why(reason)})"
        ) from None
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(WAITING)
    except OSError as reason:
        made.close()
        raise InputError(
            f"--port: expected a free one on {host} (0 takes any), found {port} ({_why(reason)})"
        ) from None
    return made


def _why(reason):
    return getattr(reason, "strerror", None) or str(reason)
