"""TensorFlow's import, without what it prints and what it would cost later."""

import pytest

IMPORT = """
import gc, sys
from daenr_tf.runs.quiet import import_tensorflow
(gc.enable if sys.argv[1] == "True" else gc.disable)()
import_tensorflow()
frozen = gc.get_freeze_count()
assert str(gc.isenabled()) == sys.argv[1] and frozen > 0 and "keras" in sys.modules
import_tensorflow()
assert gc.get_freeze_count() <= frozen  # what was made since is collected as ever
assert str(gc.isenabled()) == sys.argv[1]
"""


@pytest.mark.parametrize("enabled", [True, False])
def test_the_first_import_alone_is_passed_over_by_the_garbage_collector(enabled, run_python):
    run_python(IMPORT, enabled)
