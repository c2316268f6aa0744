"""The page: what is in its head, and its three parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from nicegui import ui

from daenr_tf.explore import elements, page_images, page_neurons, page_walk
from daenr_tf.plotting.palette import BLUE

if TYPE_CHECKING:
    from daenr_tf.explore.session import Session

TITLE = "daenr explore"
PARTS = {
    "Neurons": page_neurons.add,
    "Images": page_images.add,
    "Latent space": page_walk.add,
}
UNIT = "Whatever is shown here is what a fitted model answers, not an animal."


def application(session: Session) -> FastAPI:
    """The page as an ASGI application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @ui.page("/")
    def page() -> None:
        _page(session)

    ui.run_with(
        app,
        title=TITLE,
        language="en-US",
        favicon="🔬",
        tailwind=False,
        show_welcome_message=False,
        dark=False,
    )
    return app


def _page(session):
    ui.add_css(elements.STYLE)
    ui.colors(primary=BLUE)
    with ui.header().props("elevated").style("background: #1f3b5c; padding: 0.5rem 0.75rem"):
        with ui.element("div").classes("about"):
            elements.heading(f"{TITLE}: {session.title}", 1)
            with ui.element("div"):
                if session.twin.simulated:
                    ui.label("SIMULATED DATA").classes("simulated").style("display: inline-block")
                ui.label(f"fitted to {session.data}; {_size(session)}").style("display: inline")
    with ui.element("main").style("width: 100%; min-width: 0"):
        with ui.tabs().props("align=left dense") as tabs:
            for name in PARTS:
                ui.tab(name)
        with ui.tab_panels(tabs, value="Neurons", animated=False).style("width: 100%"):
            for name, add in PARTS.items():
                with ui.tab_panel(name):
                    add(session)
        elements.sentence(_known(session)).props("role=note")


def _size(session):
    height, width, channels = session.twin.image_shape
    neurons = f"{session.twin.neurons} neurons" if session.twin.neurons else "no readout"
    return (
        f"{neurons}; images of {height} × {width} pixels, {'grey' if channels == 1 else 'colour'}"
    )


def _known(session):
    """What holds of all that is shown."""
    if session.recording is None:
        return f"{UNIT} Its recording is not at hand ({session.without}): natural-like images stand in for the recording's."
    return UNIT
