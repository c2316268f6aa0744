"""TensorFlow's import without the lines that it prints on standard error."""

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Import TensorFlow and Keras; what they print is shown only if the import fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    with tempfile.TemporaryFile() as heard:
        kept = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            import keras  # noqa: F401
            import tensorflow as tf
        except Exception:
            heard.seek(0)
            os.write(kept, heard.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    tf.get_logger().setLevel("ERROR")
