"""What the page is put together of: headings, sentences, images with a text for those who can't see them, and work that is done aside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
from nicegui import ui

from daenr_tf.errors import InputError, MachineError, first_line
from daenr_tf.explore import charts
from daenr_tf.machine.messages import LOGGER

STYLE = """
body { color: #111; overflow-x: hidden; }
h1 { font-size: 1.1rem; font-weight: 700; line-height: 1.3; margin: 0; }
h2 { font-size: 1.25rem; font-weight: 600; line-height: 1.3; margin: 0.4rem 0; }
h3 { font-size: 1rem; font-weight: 600; line-height: 1.3; margin: 0.6rem 0 0.2rem; }
.about { line-height: 1.3; overflow-wrap: anywhere; }
.simulated { background: #ffb000; color: #111; font-weight: 700; padding: 0.1rem 0.5rem; border-radius: 0.3rem; margin-right: 0.5rem; }
.side { display: flex; flex-wrap: wrap; gap: 1.5rem; width: 100%; align-items: flex-start; }
.list { flex: 1 1 20rem; min-width: 0; max-width: 28rem; }
.rest { flex: 3 1 26rem; min-width: 0; }
.flow { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; width: 100%; }
.flow figure { margin: 0; max-width: 100%; }
.flow figcaption, .said { max-width: 44rem; overflow-wrap: anywhere; }
.flow figcaption { font-size: 0.9rem; line-height: 1.35; }
.flow figure.of-pixels { width: 12rem; }
.pixels { image-rendering: pixelated; width: 100%; border: 1px solid #767676; display: block; }
.drawn { width: 21rem; max-width: 100%; display: block; }
.charted { width: 100%; max-width: 46rem; }
.title { font-weight: 600; text-align: center; margin-top: 0.6rem; }
.chart { width: 100%; height: 17rem; }
.refused { border-left: 0.3rem solid #c1272d; padding-left: 0.6rem; }
.nicegui-content { padding: 0.75rem; }
.q-tab-panel { padding: 0.75rem 0; }
@media (max-width: 600px) { .list, .rest { flex-basis: 100%; max-width: 100%; } .flow figure.of-pixels { width: calc(50% - 0.5rem); } }
.rest { scroll-margin-top: 7rem; }
"""


def heading(text: str, level: int) -> ui.element:
    """A heading of a level."""
    with ui.element(f"h{level}") as made:
        ui.label(text).style("display: inline")
    return made


def sentence(text: str, refused: bool = False) -> ui.label:
    """A sentence; one that refuses something is read out at once."""
    label = ui.label(text).classes("said").props(f"role={'alert' if refused else 'status'}")
    return label.classes("refused") if refused else label


def image(pixels: np.ndarray, alternative: str, caption: str) -> ui.element:
    """An image (height, width, channels) in [-1, 1], pixel for pixel; the element that `change_image` changes."""
    return _figure(charts.picture(pixels), alternative, caption, "pixels")


def drawn(png: bytes, alternative: str) -> ui.element:
    """A drawn figure."""
    return _figure(charts.address(png), alternative, "", "drawn")


def _figure(source, alternative, caption, look):
    with ui.element("figure").classes(f"of-{look}"):
        made = ui.element("img").classes(look)
        made.props["src"], made.props["alt"] = source, alternative
        if caption:
            with ui.element("figcaption"):
                ui.label(caption)
    return made


def change_image(shown: ui.element, pixels: np.ndarray) -> None:
    """Have an image's element show another."""
    shown.props["src"] = charts.picture(pixels)
    shown.update()


def chart(options: dict[str, Any], title: str, alternative: str) -> ui.echart:
    """A chart of ECharts under its title."""
    with ui.element("div").classes("charted"):
        ui.label(title).classes("title")
        made = ui.echart(options).classes("chart")
        made.props["role"], made.props["aria-label"] = "img", alternative
    return made


def responses(values: np.ndarray, model: str) -> ui.echart:
    """The neurons that answer most; the chart that `change_responses` changes.

    Args:
        values: (neurons,), predicted.
        model: str, whose answers they are.
    """
    count = min(charts.MOST_BARS, len(values))
    title = f"The {count} neurons that answer most ({model})"
    return chart(charts.bars(values), title, charts.bars_in_words(values, title))


def change_responses(shown: ui.echart, values: np.ndarray) -> None:
    """Have a chart of responses show others."""
    shown.options.update(charts.bars(values))
    shown.props["aria-label"] = charts.bars_in_words(values, "The neurons that answer most")
    shown.update()


async def aside(
    place: ui.element,
    work: Callable[[], Any],
    show: Callable[[Any], None],
    waiting: str,
    wanted: Callable[[], bool] = lambda: True,
) -> None:
    """Do work in a thread beside the page, and show what it gave in a place, or why it failed.

    Args:
        place: element whose content is replaced.
        work: gives something.
        show: shows it, in the place.
        waiting: what is said meanwhile.
        wanted: whether it still is when it is there.
    """
    place.clear()
    with place, ui.row().classes("items-center"):
        ui.spinner(size="sm")
        sentence(waiting)
    found, problem = await attempt(work)
    if place.is_deleted or not wanted():
        return
    place.clear()
    with place:
        if problem:
            sentence(problem, refused=True)
        else:
            show(found)


async def attempt(work: Callable[[], Any]) -> tuple[Any, str]:
    """(what work in a thread gave, "") or (None, a sentence on why it failed)."""
    try:
        return await asyncio.to_thread(work), ""
    except (InputError, MachineError) as reason:
        return None, str(reason)
    except MemoryError:
        return None, "The machine's memory did not suffice for this."
    except Exception as reason:  # whatever TensorFlow, Pillow or NumPy raise: the page goes on
        LOGGER.error("%s: %s", type(reason).__name__, first_line(reason))
        return None, f"This failed ({type(reason).__name__}: {first_line(reason)[:200]})."
