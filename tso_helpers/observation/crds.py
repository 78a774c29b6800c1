"""Point CRDS at the reference files of one observation, and refuse to mix two sets of them.

CRDS is configured by environment variables and remembers what it found there first. Reference files of another
configuration would be applied without a word, so a process stays with one: `activate` says so when another is in use.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from ..files import crds_cache

__all__ = ["activate", "errors", "identity", "real", "release", "simulated"]

#: Variables that decide which reference files are found.
VARIABLES = ("CRDS_PATH", "CRDS_SERVER_URL", "CRDS_CONTEXT")
#: Variables that would send single parts of the cache elsewhere.
_DETOURS = (
    "CRDS_PATH_SINGLE",
    "CRDS_MAPPATH",
    "CRDS_MAPPATH_SINGLE",
    "CRDS_REFPATH",
    "CRDS_REFPATH_SINGLE",
    "CRDS_CFGPATH",
    "CRDS_CFGPATH_SINGLE",
)
REAL_SERVER = "https://jwst-crds.stsci.edu"

_chosen: dict[str, str | None] | None = None


def simulated(folder) -> dict[str, str | None]:
    """Return the configuration that reads the CRDS cache of a simulated exposure.

    Parameters
    ----------
    folder : path
        The cache, usually ``<observation>/crds``.

    Returns
    -------
    dict
        Value of each of `VARIABLES`.

    Raises
    ------
    FileNotFoundError
        If the cache is missing or damaged; the message says what is wrong with it.
    """
    problems = crds_cache.verify(folder)
    if problems:
        raise FileNotFoundError(
            f"the reference files of the simulated exposure are not whole: {'; '.join(problems[:3])}. "
            f"`tso data --out {shlex.quote(str(Path(folder).parent))}` makes them again"
        )
    return crds_cache.environment(folder)


def real(folder) -> dict[str, str | None]:
    """Return the configuration for real data: what the environment says, or STScI's server and a cache of our own.

    Parameters
    ----------
    folder : path
        Cache to use when CRDS_PATH is not set.

    Returns
    -------
    dict of str to (str or None)
        CRDS's environment variables; None for those that must not be set.

    Raises
    ------
    RuntimeError
        If CRDS_PATH points at the reference files of a simulated exposure.
    """
    path = os.environ.get("CRDS_PATH") or str(folder)
    if _chosen is None and crds_cache.fingerprint(path) is not None:
        raise RuntimeError(
            f"CRDS_PATH is {path}, which holds reference files of a simulated exposure: they would spoil real data. "
            "Unset CRDS_PATH, CRDS_SERVER_URL and CRDS_CONTEXT, and start again."
        )
    server = os.environ.get("CRDS_SERVER_URL") or REAL_SERVER
    return {"CRDS_PATH": path, "CRDS_SERVER_URL": server, "CRDS_CONTEXT": os.environ.get("CRDS_CONTEXT")}


def activate(configuration: dict[str, str | None], owner: str = "this observation") -> None:
    """Make CRDS use a configuration, in this process and those that it starts.

    Parameters
    ----------
    configuration : dict
        From `simulated` or `real`.
    owner : str
        Whose it is, for the message.

    Raises
    ------
    RuntimeError
        If this process works with another configuration already: of real data, or of another simulated detector.
        Simulated exposures that share their detectors (the same seed) may be open together.
    """
    global _chosen
    active = _active()
    if active is None:
        _set(configuration)
    elif not _same(active, configuration):
        if not _related(active, configuration):
            raise RuntimeError(
                "this Python process already calibrates with the reference files in "
                f"{active['CRDS_PATH'] or 'the default folder of CRDS'} "
                f"({active['CRDS_CONTEXT'] or 'no context set'}); {owner} needs those in "
                f"{configuration['CRDS_PATH']}. CRDS cannot change over: restart the kernel, or Python, and open only "
                "one of the two."
            )
        _set(configuration)
        _forget()
    _chosen = configuration


def release() -> None:
    """Forget the active configuration, so that another may be activated.

    For tests and scripts that are done with one observation: a ramp of that observation must not be calibrated later.
    """
    global _chosen
    _chosen = None
    _forget()


def identity(configuration) -> str:
    """Return what identifies the reference files of a configuration: a simulation's fingerprint, else the context.

    Parameters
    ----------
    configuration : dict of str to str
        CRDS's environment variables.

    Returns
    -------
    str

    Raises
    ------
    RuntimeError
        If CRDS reaches no server and has nothing cached, or what it has cached is damaged.
    """
    fingerprint = crds_cache.fingerprint(configuration["CRDS_PATH"])
    if fingerprint is not None:
        return fingerprint
    import crds

    with errors(configuration):
        return str(crds.get_context_name("jwst"))


@contextlib.contextmanager
def errors(configuration) -> Iterator[None]:
    """Replace what CRDS raises, in the middle of a step too, by an error that says what to do.

    CRDS ends the process (SystemExit, no message) when it finds neither a server nor settings that it can read.

    Parameters
    ----------
    configuration : dict
        The one that is active.

    Yields
    ------
    None

    Raises
    ------
    RuntimeError
        In place of SystemExit, and of CRDS's own errors.
    """
    from crds.core.exceptions import CrdsError

    try:
        yield
    except (SystemExit, CrdsError) as error:
        path = configuration["CRDS_PATH"]
        reason = " ".join(str(error).split())[:300] if isinstance(error, CrdsError) else "it gave up without a reason"
        raise RuntimeError(f"CRDS found no reference files in {path} ({reason}): {_advice(configuration)}") from error


def _advice(configuration) -> str:
    path, server = configuration["CRDS_PATH"], configuration["CRDS_SERVER_URL"]
    if server != crds_cache.SERVER_URL:
        return (
            f"its server, {server}, cannot be reached, or what was downloaded is damaged. The reference files of real "
            "data have to be downloaded once; `tso doctor` says what can be reached"
        )
    problems = "; ".join(crds_cache.verify(path, thorough=True)[:3])
    return (
        f"{problems + '. ' if problems else ''}`tso data --out {shlex.quote(str(Path(path).parent))}` makes what is "
        "damaged again; then restart the kernel"
    )


def _active() -> dict[str, str | None] | None:
    """Return the configuration in use; None as long as nobody has chosen or used any."""
    if _chosen is None and not _used():
        return None
    return {name: os.environ.get(name) for name in VARIABLES}


def _used() -> bool:
    """True when CRDS has been asked for something in this process: it then remembers its configuration."""
    client = sys.modules.get("crds.core.heavy_client")
    return bool(client and getattr(client.get_config_info, "cache", None))


def _same(one, other) -> bool:
    paths = [os.path.realpath(c["CRDS_PATH"] or "") for c in (one, other)]
    return paths[0] == paths[1] and (one["CRDS_CONTEXT"] or None) == (other["CRDS_CONTEXT"] or None)


def _related(one, other) -> bool:
    families = [crds_cache.family(c["CRDS_PATH"]) if c["CRDS_PATH"] else None for c in (one, other)]
    return families[0] is not None and families[0] == families[1]


def _set(configuration) -> None:
    for name in _DETOURS:
        os.environ.pop(name, None)
    for name, value in configuration.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if "crds.client.api" in sys.modules:  # it reads the variable when it is imported, and never again
        sys.modules["crds.client.api"].set_crds_server(configuration["CRDS_SERVER_URL"])


def _forget() -> None:
    """Drop what CRDS remembers of a configuration: the mappings that it has read."""
    if "crds.core.utils" in sys.modules:
        sys.modules["crds.core.utils"].clear_function_caches()
