"""The page's part on images: one is dropped in, and the model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from daenr_tf.explore import elements, look

if TYPE_CHECKING:
    from daenr_tf.explore.session import Session


def add(session: Session) -> None:
    """Add it to the page."""
    Images(session)


class Images:
    """The image that one visitor looks at.

    Args:
        session: `Session`.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.asked = session, 0
        elements.heading("What the model answers to an image", 2)
        with ui.element("div").classes("flow"):
            self.upload = (
                ui.upload(
                    label="Drop an image here, or +",
                    auto_upload=True,
                    max_file_size=look.MOST_BYTES,
                    on_upload=self._taken,
                    on_rejected=self._rejected,
                )
                .props('accept=".png,.jpg,.jpeg" flat bordered aria-label="upload an image"')
                .style("width: 20rem; max-width: 100%")
            )
            with ui.element("div"):
                count = len(session.natural())
                self.number = ui.number(
                    f"or one of {count} {session.natural_source}",
                    value=0,
                    min=0,
                    max=count - 1,
                    step=1,
                    precision=0,
                ).style("width: 17rem; max-width: 100%")
                ui.button("Show it", on_click=self._natural).props("no-caps outline")
        elements.sentence(f"{look.LIMITS}. It stays on this machine.").props("role=note")
        self.place = ui.element("div").style("width: 100%").props('aria-live="polite"')

    async def _taken(self, event):
        file = event.file
        if file.size() > look.MOST_BYTES:
            self._refuse(str(look.too_large(file.name[:80], file.size())))
        else:
            content = await file.read()
            await self._answer(lambda: look.at_picture(self.session, file.name, content))
        self.upload.reset()

    def _rejected(self):
        self._refuse(f"This file was not taken: expected {look.LIMITS}.")

    def _refuse(self, text):
        self.asked += 1
        self.place.clear()
        with self.place:
            elements.sentence(text, refused=True)

    async def _natural(self):
        value, count = self.number.value, len(self.session.natural())
        if value is None or not 0 <= value < count:
            self._refuse(f"image: expected a number from 0 to {count - 1}, found {value}")
            return
        await self._answer(lambda: look.at_natural(self.session, int(value)))

    async def _answer(self, work):
        self.asked += 1
        mine = self.asked
        found, problem = await elements.attempt(work)
        if self.place.is_deleted or mine != self.asked:
            return
        self.place.clear()
        with self.place:
            if problem:
                elements.sentence(problem, refused=True)
            else:
                self._show(found)

    def _show(self, found):
        with ui.element("div").classes("flow"):
            elements.image(
                found.seen,
                f"{found.name} as the model sees it",
                f"{found.name}, as the model sees it",
            )
            if found.reconstruction is not None:
                error = float(((found.seen - found.reconstruction) ** 2).mean())
                elements.image(
                    found.reconstruction,
                    f"the model's reconstruction of {found.name}",
                    f"Its reconstruction; mean squared error {error:.4f} on [−1, 1].",
                )
            else:
                elements.sentence("There is no reconstruction: the model has no decoder.")
        for note in found.notes:
            elements.sentence(note)
        if found.responses is None:
            elements.sentence("There are no responses: the model has no readout.")
        else:
            elements.responses(found.responses, self.session.model)
        elements.sentence(f"Answered in {1000 * found.seconds:.0f} ms.").classes("answered")
