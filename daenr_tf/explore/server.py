"""The page served on a socket, until it is stopped."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from daenr_tf.explore.door import Door

SECONDS_LEFT = 2  # for what is being answered when it is stopped


def serve(door: Door, listening: socket.socket) -> None:
    """Serve, until SIGINT or SIGTERM: then `KeyboardInterrupt` is raised."""
    config = uvicorn.Config(
        door,
        log_level="error",
        access_log=False,  # it would write the token down
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SECONDS_LEFT,
        lifespan="on",
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt(f"{str(stopped) or 'interrupted'}; the page is closed") from None


def url_of(door: Door, listening: socket.socket, host: str) -> str:
    """The one-time link; of all addresses of a machine (0.0.0.0, ::) the one that the machine itself has always."""
    port = listening.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/?token={door.token}"


def is_local(host: str) -> bool:
    """Whether nothing but this machine can reach a host's name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
