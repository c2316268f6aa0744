"""`study.json`: what a results directory belongs to, so that cells of another study are never taken
for finished ones."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from daenr_tf.errors import InputError
from daenr_tf.experiments.study import as_options
from daenr_tf.machine.files import read_text

if TYPE_CHECKING:
    from typing import Any

    from daenr_tf.experiments.study import Study

FILE = "study.json"
LARGEST = 1_000_000  # bytes that are read
_WORDS = {"dataset": "dataset", "budget": "budget", "weights_region": "alpha:beta of region"}


def known(results_dir: str, study: Study) -> dict[str, Any]:
    """What a study's file is to say: the directory belongs to one dataset, budget and settings.

    Args:
        results_dir: str.
        study: `Study`.

    Returns:
        dict that JSON can hold.

    Raises:
        InputError: the directory belongs to another study, or to none.
    """
    path = os.path.join(results_dir, FILE)
    wanted = {
        "dataset": os.path.basename(study.dataset),
        "budget": study.budget,
        "weights_region": study.weights_region,
    }
    if not os.path.exists(path):
        strange = sorted(set(os.listdir(results_dir)) - {"lock"})
        if strange:
            raise InputError(
                f"--results-dir: expected an empty directory or a study's,"
                f" found {results_dir} with {strange[0]} and no {FILE}"
            )
        return {**wanted, "settings": study.settings, "recordings": study.digests}
    try:
        found = dict(json.loads(read_text(path, LARGEST)))
        digests, settings = dict(found["recordings"]), dict(found.get("settings", {}))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"--results-dir: expected a study's directory, found {path},"
            " which is not what a study writes"
        ) from None
    for ours, theirs in _differences(wanted, found, study, settings, digests):
        raise InputError(
            f"--results-dir: expected a study with {ours},"
            f" found {results_dir} with {theirs}; --results-dir takes another place"
        )
    return {**wanted, "settings": study.settings, "recordings": digests | study.digests}


def _differences(wanted, found, study, settings, digests):
    """What the study is and the file says otherwise, one after the other, in words."""
    for key, value in wanted.items():
        if found.get(key) != value:
            yield f"{_WORDS[key]} {value}", f"{_WORDS[key]} {found.get(key)}"
    for name in {**study.settings, **settings}:
        if study.settings.get(name) != settings.get(name):
            yield _told(name, study.settings), _told(name, settings)
    for region, digest in study.digests.items():
        if digests.get(region, digest) != digest:
            which = "the recording" if region == "None" else f"recording {region}"
            yield f"{which} {digest[:12]}", f"{which} {str(digests[region])[:12]}"


def _told(name, settings):
    return (
        as_options({name: settings[name]})[0]
        if name in settings
        else f"no --{name.replace('_', '-')}"
    )
