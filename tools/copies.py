"""A copy of an exposure for one run: its data are shared, what is derived from them is not."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path


def linked_copy(folder, target):
    """A copy of an observation that shares its data but not its checkpoints; nothing is written twice."""
    folder, target = Path(folder), Path(target)
    shutil.copytree(folder, target, copy_function=_link, ignore=shutil.ignore_patterns("checkpoints", "*.log", "logs"))
    return target


def _link(source, target):
    if not str(source).endswith((".fits", ".npz", ".npy")):
        return shutil.copy2(source, target)  # small, and might be rewritten in place
    with contextlib.suppress(OSError):
        os.link(source, target)
        return target
    return shutil.copy2(source, target)
