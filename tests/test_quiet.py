"""TensorFlow's import, without what it prints and what it would cost later."""

import gc

import pytest

from daenr_tf.runs.quiet import import_tensorflow


@pytest.mark.parametrize("enabled", [True, False])
def test_the_import_leaves_the_garbage_collector_on_or_off_as_it_was(enabled):
    frozen = gc.get_freeze_count()
    (gc.enable if enabled else gc.disable)()
    try:
        import_tensorflow()
        assert gc.isenabled() is enabled
        assert gc.get_freeze_count() > frozen
    finally:
        gc.enable()
        gc.unfreeze()
