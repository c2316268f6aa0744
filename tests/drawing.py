"""What can be read off a figure, for the tests."""

from matplotlib.text import Text


def texts(figure):
    """Every text on a figure, after its layout was made."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]
