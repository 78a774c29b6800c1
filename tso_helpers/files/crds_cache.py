"""The CRDS cache that belongs to a simulated exposure: where it is, what it holds, whether it is whole.

`tso_helpers.simulation.crds_cache` writes it. Here is what code for real data has to know as well: how to recognise
such a cache, so that reference files of a simulation never meet real data.
"""

from __future__ import annotations

from pathlib import Path

from . import integrity

__all__ = ["CONTEXT", "MARKER", "SERVER_URL", "environment", "family", "fingerprint", "verify"]

#: Number of the simulated context. The real ones count up from 1 and will not get there for decades.
NUMBER = 9901
CONTEXT = f"jwst_simulated_{NUMBER}.pmap"
#: CRDS works without a server when the word "serverless" stands in the address of the server.
SERVER_URL = "https://crds-serverless-mode.stsci.edu"
#: Marks a cache of a simulated exposure; holds the fingerprint of its contents.
MARKER = Path("config", "jwst", "simulated.json")


def environment(folder) -> dict[str, str]:
    """Return the variables with which any program that uses CRDS reads this cache and no other.

    Parameters
    ----------
    folder : path
        A cache of a simulated exposure.

    Returns
    -------
    dict of str
        CRDS_PATH, CRDS_SERVER_URL and CRDS_CONTEXT.
    """
    return {"CRDS_PATH": str(Path(folder).resolve()), "CRDS_SERVER_URL": SERVER_URL, "CRDS_CONTEXT": CONTEXT}


def fingerprint(folder) -> str | None:
    """Return what identifies the contents of a cache of a simulated exposure.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    str or None
        None for any other folder.
    """
    return _marker(folder).get("fingerprint")


def family(folder) -> str | None:
    """Return what the references in a cache describe.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    str or None
        None for a folder that is no cache of a simulated exposure.
    """
    return _marker(folder).get("family")


def verify(folder, *, thorough: bool = False) -> list[str]:
    """Return what is wrong with a cache, in words; empty when it is whole.

    Parameters
    ----------
    folder : path
    thorough : bool
        Compare checksums, not sizes alone. What was changed after the cache was written is compared in any case.

    Returns
    -------
    list of str
    """
    folder = Path(folder)
    try:
        marker = integrity.read_json(folder / MARKER)
        files, since = dict(marker["files"]), (folder / MARKER).stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{folder} is not a complete simulated CRDS cache: {MARKER} is missing or damaged"]
    return [f"{folder}: {problem}" for problem in integrity.problems(folder, files, thorough=thorough, since=since)]


def _marker(folder) -> dict:
    try:
        return integrity.read_json(Path(folder) / MARKER)
    except (OSError, ValueError):
        return {}
