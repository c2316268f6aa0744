"""A directory in which a piece of work goes on in parts: one that was stopped goes on, one that is done is only reported."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from daenr_tf.errors import InputError, refusal
from daenr_tf.machine.files import read_text, replace_file, write_json
from daenr_tf.runs import lock
from daenr_tf.runs.directory import make_directory

CONFIG, RESULTS, PARTS, LOCK = "config.json", "results.json", "parts", "lock"
_PART = re.compile(r"part-\d{5}\.npz(\.\d+\.part)?")
LARGEST_TEXT = 10_000_000  # bytes that are read


class Work:
    """What lies in the directory of a piece of work. `held` opens it.

    Args:
        path: str, of the directory.
        option: str, that named it, for messages.
        settings: dict of JSON's plain values, all that the outcome depends on.
        products: names of the files that it ends in; `results.json` comes last.
    """

    def __init__(
        self, path: str, option: str, settings: dict[str, Any], products: Sequence[str]
    ) -> None:
        self.path, self.option = path, option
        self.settings = json.loads(json.dumps(settings))
        self.products = tuple(products)

    @contextlib.contextmanager
    def held(self, overwrite: bool) -> Iterator[Work]:
        """Hold the directory for this process, made and with its `config.json` written.

        Raises:
            InputError: it can't be made, holds other files, or work with other settings.
            MachineError: another process holds it.
        """
        make_directory(self.option, self.path)
        with lock.held(self.file(LOCK), "another process", self.option) as held:
            self._lock = held
            self._check_that_it_is_ours()
            if overwrite:
                self._clear()
            elif os.path.exists(self.file(CONFIG)):
                self._check_settings()
            if not os.path.exists(self.file(CONFIG)):
                write_json(self.file(CONFIG), self.settings)
            yield self

    def file(self, *names: str) -> str:
        """The path of something in the directory."""
        return os.path.join(self.path, *names)

    def part(self, number: int) -> dict[str, np.ndarray] | None:
        """The arrays of a part that is done; None where it is not."""
        try:
            with np.load(self._part(number), allow_pickle=False) as archive:
                return dict(archive)
        except FileNotFoundError:
            return None
        except Exception:  # damaged in whatever way: it is made anew
            return None

    def write_part(self, number: int, arrays: dict[str, np.ndarray]) -> None:
        """Keep the arrays of a part."""
        self._lock.check()
        os.makedirs(self.file(PARTS), exist_ok=True)
        replace_file(self._part(number), lambda file: np.savez(file, **arrays))

    def results(self) -> dict[str, Any] | None:
        """What finished work came to; None where it is not finished."""
        if not os.path.exists(self.file(RESULTS)):
            return None
        return self._read(RESULTS)

    def finish(self, results: dict[str, Any]) -> None:
        """Write `results.json`, and remove the parts: the work is done."""
        self._lock.check()
        write_json(self.file(RESULTS), results)
        self._remove_parts()

    def _part(self, number):
        return self.file(PARTS, f"part-{number:05d}.npz")

    def _read(self, name):
        try:
            found = json.loads(read_text(self.file(name), LARGEST_TEXT))
            if not isinstance(found, dict):
                raise ValueError("no object")
        except (ValueError, RecursionError):
            expected = "what an earlier call left; --overwrite starts afresh"
            raise refusal(self.file(name), expected, "something else") from None
        return found

    def _own(self):
        """Which of the files in the directory are the work's own, as paths; and the first that is not."""
        names = {CONFIG, RESULTS, *self.products}
        own, strange = [], None
        for name in sorted(set(os.listdir(self.path)) - {LOCK}):
            inside = sorted(os.listdir(self.file(name))) if name == PARTS else ()
            if re.sub(r"\.\d+\.part$", "", name) in names:
                own.append(name)
            elif name != PARTS or not all(map(_PART.fullmatch, inside)):
                strange = strange or name
        return own, strange

    def _check_that_it_is_ours(self):
        _, strange = self._own()
        if strange and not os.path.exists(self.file(CONFIG)):
            expected = "an empty directory or one that an earlier call left"
            raise refusal(self.option, expected, f"{self.path} with {strange}")
        if os.path.exists(self.file(CONFIG)) and "kind" not in self._read(CONFIG):
            found = f"{self.path} with a {CONFIG} of something else"
            raise refusal(self.option, "an empty directory or one of ours", found)

    def _check_settings(self):
        found = self._read(CONFIG)
        for name in sorted({*found, *self.settings}):
            wanted, is_there = (json.dumps(one.get(name))[:100] for one in (self.settings, found))
            if wanted != is_there:
                raise InputError(
                    f"{self.option}: expected work with {name} {wanted}, found {self.path} with {name} {is_there};"
                    f" {self.option} takes another place, --overwrite starts afresh"
                )

    def _clear(self):
        """Remove the work's own files: the results first and the configuration last."""
        own, _ = self._own()
        for name in sorted(own, key=lambda name: (name == CONFIG, name != RESULTS)):
            if name == CONFIG:
                self._remove_parts()
            os.remove(self.file(name))

    def _remove_parts(self):
        folder = self.file(PARTS)
        if os.path.isdir(folder):
            for name in filter(_PART.fullmatch, os.listdir(folder)):
                os.remove(os.path.join(folder, name))
            with contextlib.suppress(OSError):
                os.rmdir(folder)
