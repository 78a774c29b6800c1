"""Is this machine ready for the lessons? Every check says what it found and, when something is wrong, what to do."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["Check", "checks"]

PYTHON = (3, 11)
PACKAGES = {"jwst": (3,), "numpy": (2,), "astropy": (7,), "crds": (13,), "jupyterlab": (4,), "batman-package": (2,)}
MEMORY = 2e9  # bytes: one lesson's kernel, and JupyterLab beside it
DISK = 2e9  # bytes: the exposure, its references, and the checkpoints of all lessons
TIMEOUT = 4  # seconds
SERVERS = {"MAST": "https://mast.stsci.edu", "CRDS": "https://jwst-crds.stsci.edu"}

GOOD, NOTE, BAD = "ok", "note", "problem"


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes
    ----------
    name : str
        What was looked at.
    state : str
        "ok", "note" (the lessons work all the same) or "problem".
    found : str
        In words.
    advice : str
        What to do; empty where there is nothing to do.
    """

    name: str
    state: str
    found: str
    advice: str = ""


def checks(root=None, network=True):
    """Run all checks, one after the other, so that the slow ones can be shown as they come.

    Parameters
    ----------
    root : path-like, optional
        Where exposures are kept. Default: ``$TSO_DATA``, or the user's cache folder.
    network : bool
        Also try whether MAST and CRDS can be reached (a few seconds at most).

    Yields
    ------
    Check
    """
    from ..observation import data_root

    root = data_root(root)
    yield check_python()
    for package, least in PACKAGES.items():
        yield check_package(package, least)
    yield check_memory()
    yield check_write(root)
    yield check_disk(root)
    yield check_lessons()
    yield check_crds_settings()
    if network:
        for name, url in SERVERS.items():
            yield check_server(name, url)


def check_python(found=None):
    """The Python that runs."""
    found = found or sys.version_info[:3]
    text = f"{'.'.join(map(str, found))} ({sys.executable})"
    if tuple(found) < PYTHON:
        return Check("Python", BAD, text, "install Python 3.11 or newer and create the environment with it")
    return Check("Python", GOOD, text)


def check_package(package, least):
    """The version of an installed package."""
    try:
        found = version(package)
    except PackageNotFoundError:
        return Check(package, BAD, "not installed", "run `make lab`, or `pip install -c constraints.txt -e .`")
    if _numbers(found) < least:
        wanted = ".".join(map(str, least))
        return Check(package, BAD, found, f"{wanted} or newer is needed: `pip install -c constraints.txt -e .`")
    return Check(package, GOOD, found)


def check_memory(available=None, total=None):
    """Memory that a kernel could have now, in this container if it is one (Binder)."""
    if available is None:
        available, total = memory()
    text = f"{available / 1e9:.1f} GB of {total / 1e9:.1f} GB free"
    if available < MEMORY:
        return Check("memory", BAD, text, "a lesson takes up to 1.5 GB: shut down other kernels and programs")
    return Check("memory", GOOD, text)


def memory(group=Path("/sys/fs/cgroup")):
    """Bytes of memory (available, total); in a container what the container may have, not the whole machine."""
    import psutil

    machine = psutil.virtual_memory()
    available, total = machine.available, machine.total
    try:
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return available, total
    return min(available, max(limit - used, 0)), min(total, limit)


def check_write(root):
    """Whether files can be written where the exposures are kept."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=root):
            pass
    except OSError as error:
        return Check("data folder", BAD, f"{root}: {error.strerror}", "set TSO_DATA to a folder that you may write to")
    return Check("data folder", GOOD, str(root))


def check_disk(root, free=None):
    """Disk space where the exposures are kept."""
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(there).free if free is None else free
    used = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    text = f"{free / 1e9:.1f} GB free; the data folder holds {used / 1e9:.2f} GB"
    if free + used < DISK:
        return Check("disk", BAD, text, "free about 2 GB, set TSO_DATA to a larger disk, or run `tso data --prune`")
    return Check("disk", GOOD, text)


def check_lessons():
    """Whether the lessons are there."""
    from . import workspace

    try:
        folder = workspace.notebooks_folder()
    except FileNotFoundError as error:
        return Check("lessons", BAD, "not found", str(error))
    return Check("lessons", GOOD, f"{len(workspace.lessons(folder))} in {folder}")


def check_crds_settings(environment=None):
    """CRDS settings from elsewhere, which the lessons replace by their own in their kernels."""
    environment = os.environ if environment is None else environment
    found = [
        f"{name}={environment[name]}"
        for name in ("CRDS_PATH", "CRDS_SERVER_URL", "CRDS_CONTEXT")
        if name in environment
    ]
    if not found:
        return Check("CRDS settings", GOOD, "none set; the lessons bring their own")
    if Path(environment.get("CRDS_PATH", ""), "config", "jwst", "simulated.json").exists():
        return Check("CRDS settings", GOOD, "those of the simulated exposure")
    if any("$" in setting for setting in found):
        return Check("CRDS settings", BAD, ", ".join(found), 'a "$" was left in a value: write the path out in full')
    advice = "the lessons use their own reference files; unset these if a lesson complains about another CRDS"
    return Check("CRDS settings", NOTE, ", ".join(found), advice)


def check_server(name, url, timeout=TIMEOUT):
    """Whether a server answers. None is needed for the simulated exposure."""
    import requests

    try:
        requests.head(url, timeout=timeout)
    except requests.exceptions.RequestException as error:
        why = type(error).__name__
        advice = (
            "only needed for real data; look at the network and at the proxy settings (HTTPS_PROXY) if you want these"
        )
        return Check(name, NOTE, f"{url} does not answer ({why})", advice)
    return Check(name, GOOD, f"{url} answers")


def _numbers(text):
    """The leading numbers of a version: (3, 0, 0) of "3.0.0.dev1"."""
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
