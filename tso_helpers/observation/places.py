"""Where exposures are kept, and where what is derived from them goes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from platformdirs import user_cache_path

from . import published

__all__ = ["data_root", "mast_folder", "scratch_folder"]


def data_root(root=None) -> Path:
    """Return the folder in which exposures are kept.

    Parameters
    ----------
    root : path-like, optional
        TSO_DATA, or the user's cache folder, without it.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If a "$" was left in it: a variable that nothing has filled in would become a folder of that name.
    """
    folder = Path(root or os.environ.get("TSO_DATA") or user_cache_path("tso_helpers")).expanduser().absolute()
    if "$" in str(folder):
        raise ValueError(f"the data folder is {folder}: a variable in it was not filled in. Write TSO_DATA out in full")
    return folder


def mast_folder(root=None) -> Path:
    """Return the folder that holds, or will hold, ``mastDownload/`` of the real observation.

    Parameters
    ----------
    root : path-like, optional
        Where all exposures are kept. Default: ``$TSO_DATA``, or the user's cache folder.

    Returns
    -------
    pathlib.Path
        ``<root>/mast``; or the root or the current folder, if files of the observation lie there already.
    """
    ours = data_root(root) / "mast"
    for folder in (ours, data_root(root), Path.cwd()):
        if any((folder / "mastDownload").rglob(f"{published.EXPOSURE}-seg*_uncal.fits")):
            return folder
    return ours


def scratch_folder(folder, root=None) -> Path:
    """Return where checkpoints, products and logs of the files in somebody's folder go: never beside them.

    Parameters
    ----------
    folder : path-like
    root : path-like, optional
        As for `data_root`.

    Returns
    -------
    pathlib.Path
    """
    folder = Path(folder).resolve()
    return data_root(root) / "observations" / f"{folder.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"
