"""What is told of an error that a library raised."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from daenr_tf.config import RunConfig
from daenr_tf.errors import MachineError, first_line
from daenr_tf.models.served import Served
from daenr_tf.runs import run
from daenr_tf.runs.tensorboard import TensorBoard

EMPTY = tf.errors.ResourceExhaustedError(None, None, "")
TOLD = {
    "one line": (ValueError("no room"), "no room"),
    "several": (tf.errors.InternalError(None, None, "no room\n\tin the tensor\n"), "no room"),
    "a blank one first": (OSError("\n  \n no room \nat all"), "no room"),
    "none": (EMPTY, "ResourceExhaustedError"),
    "no text": (ValueError(), "ValueError"),
    "only line breaks": (RuntimeError("\n\n"), "RuntimeError"),
}


@pytest.mark.parametrize("name", TOLD)
def test_of_an_error_its_first_line_is_told_or_else_its_kind(name):
    error, told = TOLD[name]
    assert first_line(error) == told


def fail(*arguments):
    raise EMPTY


def test_a_model_that_fails_without_a_word_ends_in_one_line():
    served = Served("model.keras", fail, ["response"], None)
    with pytest.raises(MachineError, match="^TensorFlow failed: ResourceExhaustedError$"):
        served.answer(np.zeros((1, 8, 8, 1)))


def test_a_run_that_fails_without_a_word_ends_in_one_line(monkeypatch):
    monkeypatch.setattr(run, "_fit", fail)
    with pytest.raises(MachineError, match="^TensorFlow failed: ResourceExhaustedError$"):
        run.fit(RunConfig(), None, None, None, None)


def test_a_board_that_fails_without_a_word_is_given_up(tmp_path, caplog):
    board = TensorBoard(str(tmp_path), np.zeros((1, 8, 8, 1)), {}, "a run", simulated=False)
    board.started(None)
    board._validation = fail
    with caplog.at_level(logging.WARNING, "daenr_tf"):
        board.validated(None, {}, None)
    assert "can't be written any more: ResourceExhaustedError" in caplog.text
    assert not board.writers
