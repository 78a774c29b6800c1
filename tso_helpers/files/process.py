"""What the system knows of this process."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["keep_freed_memory", "peak_memory"]

#: Options of glibc's mallopt (malloc.h): what they are while freed memory is kept, and what they are otherwise.
_MALLOPT = {"M_MMAP_MAX": (-4, 0, 65_536), "M_TRIM_THRESHOLD": (-1, 2**31 - 1, 128 * 1024)}
_M_ARENA_MAX = -8


def peak_memory():
    """Return the peak resident memory of this process.

    Linux keeps it in /proc; getrusage would include what the parent held when it forked.

    Returns
    -------
    int
        Bytes.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextlib.contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Keep what arrays leave in memory for the next ones, as long as the context lasts.

    By default glibc asks the system for each large array and gives it back at once. The system hands out memory that
    is filled with zeros, and in a step that makes many temporary arrays this filling is a fifth of the time. At the end
    everything is given back. Other systems' allocators are left as they are.

    Yields
    ------
    None
    """
    libc = ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
    if libc is None:
        yield
        return
    libc.mallopt(_M_ARENA_MAX, 1)  # threads that start from now on share the memory
    for option, kept, _ in _MALLOPT.values():
        libc.mallopt(option, kept)
    try:
        yield
    finally:
        for option, _, usual in _MALLOPT.values():
            libc.mallopt(option, usual)
        libc.malloc_trim(0)
