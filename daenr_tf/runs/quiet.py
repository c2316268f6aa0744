"""What TensorFlow does without the lines that it prints on standard error."""

import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What is written to standard error meanwhile is shown only if an exception leaves."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as heard:
        kept = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            yield
        except Exception:
            heard.seek(0)
            os.write(kept, heard.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


@contextlib.contextmanager
def _uncollected():
    """The garbage collector passes over what is made meanwhile, now and later.

    Modules make hundreds of thousands of objects that stay. To look for garbage among them takes a fifth of their import, and a third of
    whatever makes many objects afterwards: a graph that is traced, a figure.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def import_tensorflow() -> None:
    """Import TensorFlow and Keras; what they print is shown only if the import fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    first = not {"tensorflow", "keras"} <= sys.modules.keys()
    with quiet(), _uncollected() if first else contextlib.nullcontext():
        import keras  # noqa: F401
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")
