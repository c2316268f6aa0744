"""The page's part on the latent space: sliders along its principal axes, and the image that the decoder makes of where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from daenr_tf.explore import elements, walk

if TYPE_CHECKING:
    from daenr_tf.explore.session import Session


def add(session: Session) -> None:
    """Add it to the page."""
    why = walk.why_not(session)
    if why:
        elements.sentence(why)
        return
    with ui.element("div").style("width: 100%") as place:
        ui.button("Walk through the latent space", on_click=lambda: _begin(session, place)).props(
            "no-caps outline"
        )
        elements.sentence(
            "The axes are found first, from the codes of natural images; that takes a few seconds."
        )


async def _begin(session, place):
    def made():
        found = session.kept.get("walk", lambda: walk.Walk(session))
        return found, found.image([0.0] * len(found.axes.steps))  # the first is slower

    await elements.aside(
        place, made, lambda pair: Sliders(session, pair[0]), "The axes are being found …"
    )


class Slider(ui.slider):
    """A slider that the browser moves at once; otherwise it waits for the server, and steps that are taken meanwhile are lost."""

    LOOPBACK = False


class Sliders:
    """The sliders of one visitor.

    Args:
        session: `Session`.
        walked: `walk.Walk`.
    """

    def __init__(self, session: Session, walked: walk.Walk) -> None:
        self.session, self.walk = session, walked
        self.busy = self.waiting = False
        self.shown = None
        elements.heading("Along the principal axes of the code", 2)
        with ui.element("div").classes("side"):
            with ui.element("div").classes("list"):
                self._controls()
            with ui.element("div").classes("rest"):
                self.place = ui.element("div").style("width: 100%")
        ui.timer(0.05, self._moved, once=True)

    def _controls(self):
        count = len(self.walk.codes)
        self.start = (
            ui.number(
                f"start: natural image 0 to {count - 1}, or empty for the mean code",
                value=0,
                min=0,
                max=count - 1,
                step=1,
                precision=0,
                on_change=self._moved,
            )
            .props("clearable")
            .style("width: 100%")
        )
        self.sliders = []
        for number, share in enumerate(self.walk.axes.shares, 1):
            text = ui.label()
            slider = Slider(min=-walk.REACH, max=walk.REACH, step=0.1, value=0).props(
                f'aria-label="axis {number}, standard deviations"'
            )
            text.bind_text_from(
                slider,
                "value",
                lambda value, number=number, share=share: (
                    f"axis {number} ({share:.0%} of the variance): {value:+.1f} SD"
                ),
            )
            slider.on_value_change(self._moved)
            self.sliders.append(slider)
        ui.button("Back to the start", on_click=self._back).props("no-caps outline")
        elements.sentence(
            f"The axes are those along which the codes of {count} {self.session.natural_source} vary most; a step is one of their"
            " standard deviations."
        ).props("role=note")

    def _back(self):
        for slider in self.sliders:
            slider.value = 0

    async def _moved(self):
        """Show where the sliders stand; while one image is made, the last position is kept for the next."""
        if self.busy:
            self.waiting = True
            return
        self.busy = True
        try:
            while True:
                self.waiting = False
                position = [slider.value for slider in self.sliders]
                start = None if self.start.value is None else int(self.start.value)
                found, problem = await elements.attempt(
                    lambda p=position, s=start: self._look(p, s)
                )
                if self.place.is_deleted:
                    return
                self._show(found, problem)
                if not self.waiting:
                    return
        finally:
            self.busy = False

    def _look(self, position, start):
        image = self.walk.image(position, start)
        return image, self.session.answer(image).get("response")

    def _show(self, found, problem):
        if problem:
            self.shown = None
            self.place.clear()
            with self.place:
                elements.sentence(problem, refused=True)
            return
        image, responses = found
        if self.shown is None:
            self.place.clear()
            with self.place:
                self.shown = self._first(image, responses)
            return
        elements.change_image(self.shown[0], image)
        if responses is not None:
            elements.change_responses(self.shown[1], responses)

    def _first(self, image, responses):
        """(the image's element, the chart's or None), changed from then on: nothing flickers under a slider."""
        with ui.element("div").classes("flow"):
            picture = elements.image(
                image,
                "the image that the decoder makes of this code",
                f"Decoded image ({self.session.model})",
            )
        if responses is None:
            return picture, None
        return picture, elements.responses(responses, self.session.model)
