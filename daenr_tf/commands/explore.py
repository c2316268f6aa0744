"""`daenr explore`: a web page on this machine to look at a fitted model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from daenr_tf.commands import options as shared
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.errors import InputError, refusal
from daenr_tf.machine.messages import LOGGER
from daenr_tf.models import served

if TYPE_CHECKING:
    import socket

HOST = "127.0.0.1"
EPILOG = (
    "It prints a link that works once, in the browser that opens it first. Neurons with their PCC beside the noise ceiling, receptive fields, most exciting inputs"
    " and tuning; your own pictures with their reconstruction and the predicted responses; a walk through the latent space. Ctrl-C ends it."
)


def explore(call: Call) -> None:
    """The command."""
    parser = Parser(
        prog=call.typed,
        description="A web page on this machine to look at a fitted model.",
        epilog=EPILOG,
    )
    shared.add_models(parser)
    parser.add_argument(
        "--host",
        default=HOST,
        metavar="HOST",
        help=f"address to serve on (default: {HOST}, which this machine alone can reach)",
    )
    parser.add_argument(
        "--port", type=shared.whole, default=0, metavar="N", help="default: 0, any free one"
    )
    parser.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="open the link in this machine's browser (default: no)",
    )
    parser.add_argument("--data-dir", metavar="DIR", help=shared.DATA_DIR)
    options = parser.read(call.arguments)
    if not 0 <= options.port <= 65535:
        raise refusal("--port", "a number from 0 to 65535", options.port)
    for option, path in (
        *(("PATH", path) for path in options.models),
        ("--host", options.host),
        ("--data-dir", options.data_dir),
    ):
        check_path(option, path)
    from daenr_tf.explore import about, ground

    for path in options.models:
        about.check_one_recording(path)
        served.locate(path)
    ground.check_installed()
    with ground.listen(options.host, options.port) as listening:
        _go(options, listening)


def _go(options: argparse.Namespace, listening: socket.socket) -> None:
    recording, without = _recording(options)
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf.explore import look, page, server
    from daenr_tf.explore.door import Door
    from daenr_tf.explore.session import Session

    session = Session(options.models, recording, without)
    session.warm_up()
    door = Door(
        page.application(session), [options.host], listening.getsockname()[1], look.MOST_REQUEST
    )
    if not server.is_local(options.host):
        LOGGER.warning(
            "--host %s: others on the network can reach this page, and what goes over it is not encrypted; whoever opens the link first"
            " is let in",
            options.host,
        )
    link = server.url_of(door, listening, options.host)
    print(link, flush=True)
    LOGGER.warning("the link works once; Ctrl-C ends it")
    if options.open:
        import webbrowser

        webbrowser.open(link)
    server.serve(door, listening)


def _recording(options):
    """(the recording, "") or (None, why it is not at hand)."""
    from daenr_tf.twin.origin import recording_of

    try:
        return recording_of(options.models[0], options.data_dir), ""
    except InputError as error:
        if options.data_dir is not None:
            raise
        LOGGER.warning("its recording is not at hand: %s", error)
        return None, str(error)
