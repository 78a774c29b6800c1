"""Real disks that are small, or that nobody may write to; where that takes rights we lack, the test is skipped."""

import contextlib
import os
import subprocess
import sys

import pytest


@contextlib.contextmanager
def small(folder, megabytes):
    """Mount a disk of a few megabytes on a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("mounting a small disk takes Linux and root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def read_only(folder):
    """Make a disk from `small` one that can only be read."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def fill(folder, leave=0):
    """Fill a disk but for some bytes; return the file that does."""
    path = folder / "filler"
    block = bytes(1 << 16)
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while file.write(block):
            pass
    os.truncate(path, max(path.stat().st_size - leave, 0))
    return path
