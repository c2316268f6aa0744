"""How far something is: a bar on a terminal, lines now and then in a log, and nothing that ends the work."""

import io
import logging
import time

import pytest

from daenr_tf.machine import progress
from daenr_tf.machine.messages import LOGGER
from daenr_tf.machine.progress import LINE_EVERY, Meter


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Lost(Terminal):
    def write(self, text):
        raise OSError(5, "Input/output error")


@pytest.fixture
def clock(monkeypatch):
    """Sets the time that the meter sees."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def test_a_terminal_has_a_bar_with_its_text_and_no_lines_of_a_log():
    meter = Meter(Terminal())
    meter.begin(10, "cell", done=4)
    meter.to(7)
    meter.beside("2 running")
    meter.say("a line above")
    assert not meter.line_is_due(now=True)
    shown = meter.stream.getvalue()
    assert "7/10" in shown and "2 running" in shown and "a line above\n" in shown
    meter.close()


def test_a_log_has_a_line_now_and_then(clock):
    meter = Meter(io.StringIO())
    meter.begin(10, "cell")
    assert not meter.line_is_due()
    clock(1000 + LINE_EVERY + 1)
    assert meter.line_is_due() and not meter.line_is_due() and meter.line_is_due(now=True)
    clock(10)  # set back
    assert meter.line_is_due()
    assert meter.stream.getvalue() == ""


def test_the_last_of_what_is_counted_is_told_at_once(clock, capsys):
    with progress.counted(3, "image") as advance:
        advance(1)
        clock(1000 + LINE_EVERY + 1)
        advance(1)
        advance(1)
    assert capsys.readouterr().err == "2 of 3 images\n3 of 3 images\n"


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_nothing_is_shown_where_only_errors_are_to_be(stream, caplog):
    caplog.set_level(logging.ERROR, LOGGER.name)
    meter = Meter(stream())
    meter.begin(10, "cell")
    meter.to(10)
    meter.say("a line")
    meter.close()
    assert meter.stream.getvalue() == ""


def test_a_terminal_that_is_lost_ends_nothing():
    meter = Meter(Terminal())
    meter.begin(10, "cell")
    meter.stream.__class__ = Lost
    meter.to(5)
    meter.beside("text")
    meter.say("line")
    meter.close()
