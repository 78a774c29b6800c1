"""Run a command, and say what it cost: time on the clock, processor time, memory, and what it wrote in passing.

Linux only: the memory of a process is read from /proc.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Seconds between two looks at the processes.
INTERVAL = 0.25


@dataclass(frozen=True)
class Cost:
    """What a command cost.

    Attributes
    ----------
    wall, processor : float
        Seconds on the clock, from its start to its end; seconds of processor time of all its processes.
    tree_memory : float
        Peak of what all its processes held at once, bytes: memory that several share counts once. Looked at every
        `INTERVAL`, so that a shorter peak can be missed.
    process_memory : float
        Peak of the largest of its processes, bytes: the system's own high-water mark.
    disk : float
        By how much the folders that were watched have grown at most, bytes on disk.
    """

    wall: float
    processor: float
    tree_memory: float
    process_memory: float
    disk: float


def run(command, watch=(), **variables) -> Cost:
    """Run a command to its end, and measure it.

    Parameters
    ----------
    command : list of str
    watch : sequence of path-like
        Folders whose size is looked at meanwhile; they need not be there.
    **variables : str
        Variables of its environment, besides those of this process.

    Returns
    -------
    Cost

    Raises
    ------
    RuntimeError
        If it fails; the message ends with the last lines of what it printed.
    """
    with tempfile.TemporaryFile() as printed:
        begin = time.monotonic()
        process = subprocess.Popen(
            [*map(str, command)], env=os.environ | variables, stdout=printed, stderr=subprocess.STDOUT
        )
        peaks = _Peaks(process.pid, watch)
        usage = None
        while usage is None:
            time.sleep(INTERVAL)
            peaks.look()
            usage = _ended(process)
        wall = time.monotonic() - begin
        if process.returncode:
            printed.seek(0)
            lines = printed.read().decode(errors="replace").splitlines()[-15:]
            raise RuntimeError("\n".join([f"{command} ended with {process.returncode}", *lines]))
    return Cost(wall, usage.ru_utime + usage.ru_stime, peaks.tree, max(peaks.processes.values()), peaks.disk)


def _ended(process):
    """What a process and all those that it waited for have used, once it has ended."""
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


class _Peaks:
    """The largest that was seen of a process, its descendants, and folders."""

    def __init__(self, pid, folders):
        self.top, self.folders = psutil.Process(pid), [Path(folder) for folder in folders]
        self.before = self._on_disk()
        self.tree, self.disk, self.processes = 0, 0, {pid: 0}

    def look(self):
        with contextlib.suppress(psutil.NoSuchProcess):
            pids = [self.top.pid, *(child.pid for child in self.top.children(recursive=True))]
            self.tree = max(self.tree, sum(_kilobytes(pid, "smaps_rollup", "Pss:") for pid in pids))
            for pid in pids:
                self.processes[pid] = max(self.processes.get(pid, 0), _kilobytes(pid, "status", "VmHWM:"))
        self.disk = max(self.disk, self._on_disk() - self.before)

    def _on_disk(self):
        return sum(map(size_on_disk, self.folders))


def _kilobytes(pid, file, name) -> int:
    """A line of /proc, in bytes; 0 when the process has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def size_on_disk(folder) -> int:
    """Return what a folder takes on disk, bytes; files that vanish meanwhile do not count.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    int
    """
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
    return total


def read_and_write(path, folder) -> tuple[float, float]:
    """Return the seconds that one read of a file and one write of as many bytes take at the speed of the disk.

    Parameters
    ----------
    path : path-like
        File to read, after the system was asked to forget it.
    folder : path-like
        Where as many bytes are written, up to the end (fsync), and removed.

    Returns
    -------
    read, write : float
        Seconds.
    """
    with open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        begin = time.monotonic()
        content = file.read(-1)
        read = time.monotonic() - begin
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        begin = time.monotonic()
        left = memoryview(content)
        while left:
            left = left[file.write(left) :]
        os.fsync(file.fileno())
        return read, time.monotonic() - begin
