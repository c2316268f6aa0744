"""The page's part on neurons: a list to choose from, and what there is to see of the one that was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from daenr_tf.explore import charts, elements, listing, neuron
from daenr_tf.laboratory.catalogue import PROTOCOLS
from daenr_tf.laboratory.settings import Settings
from daenr_tf.readable import number

if TYPE_CHECKING:
    from daenr_tf.explore.session import Session

PHONE = 700  # pixels of width up to which the list lies above, not beside
ROWS = 10  # of a page of the table
FORMAT = "value => value === null ? '–' : value.toFixed(2)"
BUTTON = """<q-td :props="props"><q-btn outline dense no-caps color="primary" padding="2px 10px" :label="String(props.value)"
  :aria-label="'look at neuron ' + props.value" @click="$parent.$emit('pick', props.value)" /></q-td>"""


def add(session: Session) -> None:
    """Add it to the page."""
    if session.subject is None:
        elements.sentence(session.quality.source)
        return
    Neurons(session)


class Neurons:
    """The list and the chosen neuron of one visitor.

    Args:
        session: `Session`.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.chosen = session, None
        self.rows = listing.rows_of(session.quality.neurons, session.twin.neurons)
        with ui.element("div").classes("side"):
            with ui.element("div").classes("list"):
                self._list()
            with ui.element("div").classes("rest").props('aria-live="polite"') as self.place:
                elements.sentence("Choose a neuron from the list.")

    def _list(self):
        elements.heading(f"{len(self.rows)} neurons", 2)
        with ui.element("div").classes("flow"):
            ui.select(
                list(listing.ORDERS), value="number", label="order", on_change=self._order
            ).style("min-width: 14rem")
            ui.number("go to neuron", min=0, max=len(self.rows) - 1, step=1, precision=0).props(
                "debounce=600"
            ).style("width: 8rem").on_value_change(lambda event: self._go_to(event.value))
        columns = [
            {"name": name, "field": name, "label": label, "sortable": True, "align": "right"}
            | ({} if name == "neuron" else {":format": FORMAT})
            for name, label in (
                ("neuron", "neuron"),
                ("pcc", "PCC"),
                ("ceiling", "ceiling"),
                ("share", "PCC / ceiling"),
            )
        ]
        self.table = (
            ui.table(rows=self.rows, columns=columns, row_key="neuron", pagination=ROWS)
            .props('dense flat bordered aria-label="neurons"')
            .style("width: 100%")
        )
        self.table.add_slot("body-cell-neuron", BUTTON)
        self.table.on("pick", lambda event: self.choose(event.args))
        elements.sentence(self.session.quality.source).props("role=note")

    def _order(self, event):
        self.table.rows = listing.ordered(self.rows, event.value)

    async def _go_to(self, value):
        if value is not None and 0 <= value < len(self.rows) and value == int(value):
            await self.choose(int(value))

    async def choose(self, which: int) -> None:
        """Show a neuron."""
        if not isinstance(which, int) or not 0 <= which < len(self.rows):
            return
        self.chosen = which
        self.place.clear()
        with self.place:
            elements.heading(f"Neuron {which}", 2)
            elements.sentence(self._quality(which))
            elements.heading("Receptive field", 3)
            fields = ui.element("div").classes("flow")
            elements.heading("Most exciting input", 3)
            exciting = ui.element("div").classes("flow")
            elements.heading("Tuning", 3)
            self._tunings(which)
        ui.run_javascript(
            f"if (innerWidth <= {PHONE}) getHtmlElement({self.place.id}).scrollIntoView()"
        )
        if neuron.has_exciting(self.session, which):
            await self._find_exciting(exciting, which)
        else:
            with exciting:
                ui.button("Find it", on_click=lambda: self._find_exciting(exciting, which)).props(
                    "no-caps outline"
                )
                elements.sentence("Takes some seconds.")
        await elements.aside(
            fields,
            lambda: neuron.receptive_fields(self.session, which),
            self._show_fields,
            "Maps are being computed …",
            lambda: self.chosen == which,
        )

    def _quality(self, which):
        row = self.rows[which]
        if row["pcc"] is None:
            return "No PCC is known of it."
        ceiling = "no ceiling (nothing was repeated)"
        if row["ceiling"] is not None:
            ceiling = f"noise ceiling {number(row['ceiling'], 2)}"
        alone = ""
        if row["compared"] != row["pcc"]:
            alone = f" ({number(row['compared'], 2)} over the images shown several times)"
        return f"PCC {number(row['pcc'], 2)}{alone}, {ceiling}."

    def _show_fields(self, found):
        figures, lacking = found
        for one in figures:
            elements.drawn(one.png, one.alternative)
        if lacking:
            elements.sentence(lacking)

    async def _find_exciting(self, place, which):
        def show(found):
            data = " (simulated data)" if self.session.twin.simulated else ""
            elements.image(
                found.image,
                f"most exciting input of neuron {which}",
                f"Most exciting input{data}: predicted response {found.response:.2f} per presentation.",
            )
            elements.image(
                found.natural,
                f"the natural image that drives neuron {which} most",
                f"The best of {found.images} {self.session.natural_source} at the same RMS contrast,"
                f" {found.contrast:.2f}: {found.natural_response:.2f}.",
            )

        await elements.aside(
            place,
            lambda: neuron.most_exciting(self.session, which),
            show,
            "Climbing from three starts …",
            lambda: self.chosen == which,
        )

    def _tunings(self, which):
        for name in neuron.TUNINGS:
            with ui.element("div").style("width: 100%") as place:
                if not neuron.has_tuning(self.session, name):
                    ui.button(
                        f"Show {PROTOCOLS[name].help}",
                        on_click=lambda place=place, name=name: self._tune(place, name, which),
                    ).props("no-caps outline align=left").style("margin: 0.2rem 0; max-width: 100%")
            if neuron.has_tuning(self.session, name):
                ui.timer(
                    0.05, lambda place=place, name=name: self._tune(place, name, which), once=True
                )

    async def _tune(self, place, name, which):
        def work():
            measured = neuron.tuning(self.session, name)
            return measured, neuron.tuning_maps(self.session, name, which)

        def show(found):
            measured, maps = found
            with ui.element("div").classes("flow"):
                for one, (values, responses, axis, _) in measured.curves.items():
                    title = f"{one.replace('_', ' ').capitalize()}, neuron {which} ({self.session.model})"
                    elements.chart(
                        charts.curve(values, responses[:, which], axis),
                        title,
                        charts.curve_in_words(values, responses[:, which], axis, title),
                    )
                for one in maps:
                    elements.drawn(one.png, one.alternative)
            elements.sentence(
                charts.indices(measured.neurons.iloc[which].to_dict(), Settings().unit)
            )

        await elements.aside(
            place,
            work,
            show,
            "Stimuli are shown to all neurons …",
            lambda: self.chosen == which,
        )
