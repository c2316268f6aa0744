"""What was computed once, kept for the session."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

MOST = 400  # things: the maps and images of as many neurons take some 100 MB


class Kept:
    """Things by their key, each made once, whichever threads ask for it; the longest unused is forgotten when there are too many."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._things, self._locks = most, OrderedDict(), {}
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._things

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The thing; `make()` makes it where it is not there. What `make` raises is raised, and nothing is kept then."""
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
                return self._things[key]
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                if key in self._things:
                    return self._things[key]
            made = make()
            with self._lock:
                self._things[key] = made
                self._locks.pop(key, None)
                while len(self._things) > self._most:
                    self._things.popitem(last=False)
            return made
