"""What the system knows of this process."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

__all__ = ["peak_memory"]


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
