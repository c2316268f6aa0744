"""One module per model; `python -m recipes.<name>` runs it."""

import sys

# Said here for a checkout, where no pip asked setup.cfg: an older Python reads this file and not the others.
if sys.version_info < (3, 11):
    sys.stderr.write(
        "recipes: expected Python 3.11 or newer, found %d.%d.%d\n" % sys.version_info[:3]
    )
    sys.exit(2)
