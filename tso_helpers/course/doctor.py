"""Is this machine ready for the lessons? Every check says what it found and, when something is wrong, what to do.

Nothing is created, and no check ends those after it. What needs only the standard library is imported at once, the
rest inside the checks: where there is too little memory to load it, that is what a check finds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

__all__ = ["Check", "Memory", "checks", "memory", "memory_checks"]

PYTHON = (3, 11)
PACKAGES = {"jwst": "3", "numpy": "2", "astropy": "7", "crds": "13", "jupyterlab": "4.2", "batman-package": "2.5"}
MEMORY = 2e9  # bytes: one lesson's kernel, and JupyterLab beside it
ADDRESSES = 2.5e9  # bytes of address space of one kernel: more than its memory, for code and stacks count in full
LOADABLE = 0.8e9  # bytes of address space below which the pipeline cannot even be loaded (0.7 GB) and Python may crash
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


class Memory(NamedTuple):
    """Memory, and who says so.

    Attributes
    ----------
    available, total : float
        Bytes.
    of : str
        "this machine", or the control group that this process belongs to.
    """

    available: float
    total: float
    of: str


def checks(root=None, network=True) -> Iterator[Check]:
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
    yield check_python()
    yield from memory_checks()
    if unloadable():
        yield Check("all others", NOTE, "not made: they need more memory", "see the memory limit above, and try again")
        return
    for package, least in PACKAGES.items():
        yield _tried(package, check_package, package, least)
    yield _tried("data folder", check_data_folder, root)
    yield _tried("disk", check_disk, root)
    yield _tried("lessons", check_lessons)
    yield _tried("workspace", check_workspace)
    yield check_crds_settings()
    if network:
        for name, url in SERVERS.items():
            yield _tried(name, check_server, name, url)


def memory_checks() -> list[Check]:
    """Return the checks of memory, which `tso lab` and `tso run` make as well before they load anything large."""
    return [check_address_space(), _tried("memory", check_memory)]


def unloadable() -> bool:
    """Tell whether a process may have so little memory that the pipeline cannot be loaded in it."""
    return min(_process_limits().values(), default=LOADABLE) < LOADABLE


def _tried(name: str, check: Callable[..., Check], *arguments) -> Check:
    """Make a check; what keeps it from being made is what it has found."""
    try:
        return check(*arguments)
    except (OSError, ValueError, RuntimeError) as error:
        return Check(name, BAD, f"could not be checked: {error}", "mend this, and run `tso doctor` again")
    except (ImportError, MemoryError, SystemError) as error:  # what too little memory looks like while modules load
        found = f"what is needed for this check could not be loaded ({type(error).__name__})"
        return Check(name, BAD, found, "see to the memory first; if there is enough, run `make lab` again")


# --- Python and its packages -----------------------------------------------------------------------------------------


def check_python(found=None) -> Check:
    """Check the Python that runs."""
    found = found or sys.version_info[:3]
    text = f"{'.'.join(map(str, found))} ({sys.executable})"
    if tuple(found) < PYTHON:
        return Check("Python", BAD, text, "install Python 3.11 or newer and create the environment with it")
    return Check("Python", GOOD, text)


def check_package(package: str, least: str) -> Check:
    """Check the version of an installed package; one that is being developed counts as what it will become."""
    from packaging.version import InvalidVersion, Version

    try:
        found = version(package)
    except PackageNotFoundError:
        return Check(package, BAD, "not installed", "run `make lab`, or `pip install -c constraints.txt -e .`")
    try:
        old = Version(found).release < Version(least).release
    except (InvalidVersion, TypeError):  # TypeError: None, for an installation without a version
        return Check(
            package, BAD, f"{found} is no version", f"install it again: `pip install --force-reinstall {package}`"
        )
    if old:
        return Check(package, BAD, found, f"{least} or newer is needed: `pip install -c constraints.txt -e .`")
    return Check(package, GOOD, found)


# --- memory ----------------------------------------------------------------------------------------------------------


def check_memory(found: Memory | None = None) -> Check:
    """Check the memory that a kernel could have now, in this container if it is one (Binder)."""
    found = found or memory()
    text = f"{found.available / 1e9:.1f} GB of {found.total / 1e9:.1f} GB free ({found.of})"
    if found.available < MEMORY:
        return Check("memory", BAD, text, "a lesson takes up to 1.5 GB: shut down other kernels and programs")
    return Check("memory", GOOD, text)


def check_address_space(limits: dict[str, float] | None = None) -> Check:
    """Check what a shell's ``ulimit`` lets each process have; where it is too little, loading the pipeline fails."""
    limits = _process_limits() if limits is None else limits
    short = {option: limit for option, limit in limits.items() if limit < ADDRESSES}
    if not short:
        return Check("memory limit", GOOD, "none that lessons would meet")
    option, limit = min(short.items(), key=lambda one: one[1])
    found = f"`ulimit {option}` lets each program have {limit / 1e9:.2f} GB"
    advice = (
        f"a lesson needs {ADDRESSES / 1e9:.1f} GB of that: run `ulimit {option} unlimited`, or ask who set the limit"
    )
    return Check("memory limit", BAD, found, advice)


def _process_limits() -> dict[str, float]:
    """Bytes that this process may have, by the option of ``ulimit`` that sets it; empty without limits."""
    try:
        import resource
    except ImportError:  # Windows has none
        return {}
    kinds = {"-v": "RLIMIT_AS", "-d": "RLIMIT_DATA"}
    soft = {option: resource.getrlimit(getattr(resource, kind))[0] for option, kind in kinds.items()}
    return {option: limit for option, limit in soft.items() if limit != resource.RLIM_INFINITY}


def memory(process=Path("/proc/self")) -> Memory:
    """Measure the memory that is left; in a container what the container may have, not the whole machine.

    Parameters
    ----------
    process : path
        Where Linux describes this process: ``cgroup`` names its control groups, ``mountinfo`` where these are shown.

    Returns
    -------
    Memory
        The tightest of the machine's and those of the process's own control group and of the groups around it
        (version 1 and 2 of control groups). Files kept in memory count as free, for the system drops them.
    """
    import psutil

    machine = psutil.virtual_memory()
    found = [Memory(machine.available, machine.total, "this machine")]
    for group in _control_groups(process):
        with contextlib.suppress(OSError, ValueError):  # a group without this limit, or with "max"
            found.append(_memory_of(group, machine.total))
    tightest = min(found, key=lambda one: one.available)
    return tightest._replace(total=min(one.total for one in found))


def _memory_of(group: Path, most: float) -> Memory:
    second = (group / "memory.max").exists()
    limit, used, cache = (
        ("memory.max", "memory.current", "inactive_file")
        if second
        else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    )
    total = int((group / limit).read_text(encoding="utf-8"))
    if total >= most:  # version 1 writes "no limit" as a number of that kind
        raise ValueError(f"{group} has no limit below {most}")
    lines = (group / "memory.stat").read_text(encoding="utf-8") if (group / "memory.stat").exists() else ""
    dropped = sum(int(line.split()[1]) for line in lines.splitlines() if line.split()[:1] == [cache])
    used = int((group / used).read_text(encoding="utf-8")) - dropped
    return Memory(max(total - used, 0), total, f"control group {group}")


def _control_groups(process: Path) -> list[Path]:
    """Folders of the control groups that limit a process's memory: its own, and those that this one lies in."""
    if not (process / "cgroup").exists() or not (process / "mountinfo").exists():
        return []
    groups = [line.split(":", 2) for line in (process / "cgroup").read_text(encoding="utf-8").splitlines()]
    found = []
    for line in (process / "mountinfo").read_text(encoding="utf-8").splitlines():
        mounted, _, source = line.partition(" - ")
        kind, *_, options = source.split(" ")
        root, place = (name.replace("\\040", " ") for name in mounted.split(" ")[3:5])
        for _, controllers, name in groups:
            if (kind, controllers) == ("cgroup2", "") or (
                kind == "cgroup" and "memory" in controllers.split(",") and "memory" in options.split(",")
            ):
                found += _folders(Path(place), Path(root), Path(name))
    return found


def _folders(place: Path, root: Path, name: Path) -> list[Path]:
    """The folder of the group `name` under a mount that shows the group `root` at `place`, and those around it."""
    inner = name.relative_to(root) if name.is_relative_to(root) else Path()  # else a container that sees itself only
    return [folder for folder in (place / inner, *(place / inner).parents) if folder.is_relative_to(place)]


# --- folders ---------------------------------------------------------------------------------------------------------


def check_data_folder(root=None) -> Check:
    """Check that files can be written where the exposures are kept."""
    from ..observation.places import data_root

    try:
        folder = data_root(root)
    except (ValueError, RuntimeError) as error:  # RuntimeError: "~" of somebody who is not known
        return Check("data folder", BAD, str(error), "set TSO_DATA to a folder that you may write to")
    return _check_write("data folder", folder, "set TSO_DATA to a folder that you may write to")


def check_workspace() -> Check:
    """Check that files can be written where a learner's copies of the lessons lie."""
    from . import workspace

    advice = "set TSO_WORKSPACE to a folder that you may write to"
    try:
        folder = workspace.default_workspace()
    except (ValueError, RuntimeError) as error:
        return Check("workspace", BAD, str(error), advice)
    except FileNotFoundError:
        return Check("workspace", NOTE, "there are no lessons to copy", "see the lessons above")
    return _check_write("workspace", folder, advice)


def _check_write(name, folder, advice):
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):  # has no name where the system can do that
            return Check(name, GOOD, str(folder))
    except OSError as error:
        return Check(name, BAD, f"{folder}: {error.strerror or error}", advice)


def _nearest(folder: Path) -> Path:
    """The folder itself or, where it is yet to be made, the one in which it will be.

    Raises
    ------
    OSError
        Where that cannot be told or is no folder.
    """
    for there in (folder, *folder.parents):
        if os.path.islink(there) and not os.path.exists(there):
            raise OSError(f"{there} is a link to {os.readlink(there)}, which is not there")
        try:
            there.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            raise OSError(f"{there} cannot be looked at: a folder above it may not be entered") from None
        if not there.is_dir():
            raise OSError(f"{there} is a file, not a folder")
        return there
    raise OSError("there is no such disk")


def check_disk(root=None, free: float | None = None) -> Check:
    """Check the disk space where the exposures are kept."""
    from ..observation.places import data_root

    try:
        root = data_root(root)
        there = _nearest(root)
    except (ValueError, RuntimeError, OSError):
        return Check("disk", NOTE, "unknown", "see the data folder above")
    free = shutil.disk_usage(there).free if free is None else free
    used = _size(root)
    text = f"{free / 1e9:.1f} GB free; the data folder holds {used / 1e9:.2f} GB"
    if free + used < DISK:
        return Check("disk", BAD, text, "free about 2 GB, set TSO_DATA to a larger disk, or run `tso data --prune`")
    return Check("disk", GOOD, text)


def _size(folder):
    """Bytes in the files of a folder; what may not be looked at, or goes away meanwhile, does not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def check_lessons() -> Check:
    """Check that the lessons are there."""
    from . import workspace

    try:
        folder = workspace.notebooks_folder()
    except FileNotFoundError as error:
        return Check("lessons", BAD, "not found", str(error))
    return Check("lessons", GOOD, f"{len(workspace.lessons(folder))} in {folder}")


# --- CRDS and the network --------------------------------------------------------------------------------------------


def check_crds_settings(environment=None) -> Check:
    """Look for CRDS settings from elsewhere, which the lessons replace by their own in their kernels."""
    environment = os.environ if environment is None else environment
    found = [
        f"{name}={environment[name]}"
        for name in ("CRDS_PATH", "CRDS_SERVER_URL", "CRDS_CONTEXT")
        if name in environment
    ]
    if not found:
        return Check("CRDS settings", GOOD, "none set; the lessons bring their own")
    if os.path.exists(os.path.join(environment.get("CRDS_PATH", ""), "config", "jwst", "simulated.json")):
        return Check("CRDS settings", GOOD, "those of the simulated exposure")
    if any("$" in setting for setting in found):
        return Check("CRDS settings", BAD, ", ".join(found), 'a "$" was left in a value: write the path out in full')
    advice = "the lessons use their own reference files; unset these if a lesson complains about another CRDS"
    return Check("CRDS settings", NOTE, ", ".join(found), advice)


def check_server(name: str, url: str, timeout: float = TIMEOUT) -> Check:
    """Check whether a server answers within `timeout` seconds. None is needed for the simulated exposure."""
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
