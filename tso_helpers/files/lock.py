"""Keep other processes out while one is at work; the system takes a lock back when its process ends, in any way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

__all__ = ["Busy", "hold"]


class Busy(RuntimeError):
    """Another process holds the lock."""


@contextlib.contextmanager
def hold(path, *, wait: bool = True, remove: bool = False) -> Iterator[None]:
    """Hold a lock file.

    Parameters
    ----------
    path : path-like
        The lock file, made if it isn't there; nothing is ever written into it.
    wait : bool
        Wait until it is free; without, raise `Busy`.
    remove : bool
        Delete the lock file in the end, while it is still held. Two holders cannot come of that: filelock (4 and newer)
        looks, once it has a lock, whether its file still has a name, and takes the one that has it now if not.

    Yields
    ------
    None

    Raises
    ------
    Busy
        If another process holds it and `wait` is false.
    OSError
        If the file cannot be made.
    """
    path = Path(path)
    held = filelock.FileLock(path, blocking=wait, is_singleton=False)
    try:
        held.acquire()
    except filelock.Timeout:
        raise Busy(f"another process is at work ({path})") from None
    try:
        yield
    finally:
        if remove:
            with contextlib.suppress(PermissionError):  # Windows deletes no open file; there filelock does it itself
                path.unlink(missing_ok=True)
        held.release()
