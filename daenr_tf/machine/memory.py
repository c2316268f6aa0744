"""How much memory there is."""

import functools
import os

UNLIMITED = (
    1 << 60
)  # bytes: version 1 of cgroups has no word for "no limit", only a number that large


@functools.cache
def total() -> int:
    """Bytes of memory that this process may have: the machine's, or those of its control group (a container's limit) where they are fewer."""
    import psutil

    return min([psutil.virtual_memory().total, *_limits("/proc/self/cgroup", "/sys/fs/cgroup")])


def half() -> int:
    """Half of `total`, which is what one thing may take."""
    return total() // 2


def _limits(groups, root):
    """The limits that hold for a process: those of its control group and of the groups around it, in either version of cgroups.

    Args:
        groups: file of lines "hierarchy:controllers:path", one per group of the process.
        root: directory where the groups are mounted. In a container it may be the process' own group that lies there.
    """
    found = []
    for controllers, path in _groups(groups):
        place, name = (
            (root, "memory.max")
            if not controllers
            else (os.path.join(root, "memory"), "memory.limit_in_bytes")
        )
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts) + 1):
            found.append(_number(os.path.join(place, *parts[:depth], name)))
    return [limit for limit in found if limit is not None and limit < UNLIMITED]


def _groups(path):
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return []
    return [
        (line[1], line[2])
        for line in lines
        if len(line) == 3 and (not line[1] or "memory" in line[1].split(","))
    ]


def _number(path):
    """The number in a file, or None where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
