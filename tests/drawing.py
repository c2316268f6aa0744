"""What can be read off a figure, for the tests."""

from matplotlib.text import Text


def texts(figure):
    """Every text on a figure, after its layout was made."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def assert_nothing_is_cut_or_covered(figure):
    """Titles, labels and legends lie inside the figure, no legend on its axes, and no mark of the header on a panel's title."""
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    told = [*figure.texts, *figure.legends]
    for axis in figure.axes:
        told += [axis.title, axis.xaxis.label, axis.yaxis.label] if axis.axison else []
        legend, title = axis.get_legend(), axis.title.get_window_extent()
        if legend:
            told.append(legend)
            assert not legend.get_window_extent().overlaps(axis.bbox)
        for mark in figure.texts:
            assert not axis.get_title() or not title.overlaps(mark.get_window_extent())
    for one in told:
        box = one.get_window_extent()
        inside = min(box.x0, box.y0) >= -0.5 and box.x1 <= width + 0.5 and box.y1 <= height + 0.5
        assert inside or not getattr(one, "get_text", lambda: "a legend")(), one
