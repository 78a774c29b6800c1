"""Tell whether files are what they were: whole, unchanged, and where they belong."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

__all__ = ["checksum", "checksum_problem", "describe", "fits_problem", "inside", "plain_name", "problems", "read_json"]

LONGEST_NAME = 200  # bytes; file systems take 255, and endings like .part are added

_GZIP = b"\x1f\x8b"


def inside(folder, name, *, links: bool = True) -> Path:
    """Return the path of `name` in `folder`, for names that come from a file or from a server.

    Parameters
    ----------
    folder : path-like
    name : str
        Relative, with slashes.
    links : bool
        Accept that a link in the folder, which its owner may have put there, leads elsewhere.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If the name is empty, absolute, or leads out of the folder, be it through a link if `links` is false.

    Examples
    --------
    >>> inside("exposure", "truth/recipe.json").as_posix()
    'exposure/truth/recipe.json'
    """
    path = Path(str(name))
    if not str(name).strip() or path.is_absolute() or ".." in path.parts or path == Path("."):
        raise ValueError(f"{str(name)!r} is not the name of a file in {folder}")
    if not links and not (Path(folder) / path).resolve().is_relative_to(Path(folder).resolve()):
        raise ValueError(f"{str(name)!r} leads out of {folder} through a link")
    return Path(folder) / path


def plain_name(name) -> str:
    """Return a name that comes from a file or from a server, if it is that of a file or folder and nothing more.

    Parameters
    ----------
    name : str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is empty, hidden (begins with a dot, as ``..`` does), holds a slash, a backslash, a colon or a character
        that cannot be printed, or is too long for a file system.

    Examples
    --------
    >>> plain_name("jw01366003001_04101_00001-seg001_nrs1")
    'jw01366003001_04101_00001-seg001_nrs1'
    """
    text = str(name)
    hostile = text.strip() != text or text.startswith(".") or not text.isprintable() or set(text) & set("/\\:")
    if not text or hostile or len(os.fsencode(text)) > LONGEST_NAME:
        raise ValueError(f"{text[:200]!r} is not the plain name of a file")
    return text


def read_json(path, kind: type = dict):
    """Read a JSON file that one of our own programs wrote.

    Parameters
    ----------
    path : path-like
    kind : type
        What it must hold at its top level.

    Returns
    -------
    object
        Of that kind.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it is no JSON, or holds something else; the message names the file.
    """
    path = Path(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: it is not JSON ({error})") from None
    if not isinstance(value, kind):
        raise ValueError(f"{path} is damaged: it holds a {type(value).__name__} instead of a {kind.__name__}")
    return value


def fits_problem(path, expected: int | None = None) -> str | None:
    """Say why a file is not a whole FITS file.

    Every header is read, and the length that they promise is compared with the length on disk. That finds a file that
    was cut, in milliseconds, without reading its pixels: anywhere but exactly between two of its units, for which one
    has to know the length (`expected`) or which units there must be.

    Parameters
    ----------
    path : path-like
    expected : int, optional
        Bytes that the file must have.

    Returns
    -------
    str or None
        None if it is whole.
    """
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyUserWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)  # "may have been truncated": that is what we measure
            with fits.open(path, memmap=True) as hdus:
                last = hdus[len(hdus) - 1].fileinfo()
                promised = last["datLoc"] + last["datSpan"]
    except (OSError, ValueError, TypeError, IndexError, KeyError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        return f"not readable as FITS ({' '.join(str(error).split())[:160] or type(error).__name__})"
    with open(path, "rb") as file:
        if file.read(2) == _GZIP:  # astropy reads through it, and nobody can cut integrations out of it
            return "it is compressed with gzip: unpack it with gunzip"
    length = os.path.getsize(path)
    if length != promised:
        return f"{length:,} bytes instead of {promised:,}"
    if expected is not None and length != expected:
        return f"{length:,} bytes, and {expected:,} were announced"
    return None


def checksum_problem(path) -> str | None:
    """Say why a FITS file does not agree with the checksums in its own headers.

    Parameters
    ----------
    path : path-like
        A whole FITS file, see `fits_problem`; all of it is read where it has checksums.

    Returns
    -------
    str or None
    """
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyUserWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AstropyUserWarning)
        with fits.open(path, memmap=True, checksum=True) as hdus:
            len(hdus)  # reads, and verifies, every unit
    failed = [
        " ".join(str(warning.message).split()) for warning in caught if "verification failed" in str(warning.message)
    ]
    return failed[0].rstrip(".") if failed else None


def checksum(path) -> str:
    """Return the checksum of a file's bytes.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
        SHA-256, in hexadecimal.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(folder, paths: Iterable[Path]) -> dict[str, dict]:
    """Return size and checksum of files, by their names relative to a folder: a manifest.

    Parameters
    ----------
    folder : path-like
    paths : iterable of path
        Files in that folder.

    Returns
    -------
    dict of str to dict
        ``{"truth/recipe.json": {"size": 312, "sha256": "..."}}``
    """
    return {
        path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": checksum(path)} for path in paths
    }


def problems(folder, manifest: dict[str, dict], *, thorough: bool = False, since: float | None = None) -> list[str]:
    """Compare files with a manifest.

    Parameters
    ----------
    folder : path-like
    manifest : dict
        From `describe`, perhaps read from a file that somebody has changed: names must lie inside the folder.
    thorough : bool
        Compare checksums as well as sizes.
    since : float, optional
        Compare the checksum, without `thorough`, of a file that was changed after this time (seconds since 1970).

    Returns
    -------
    list of str
        In words; empty when every file is as it was.
    """
    found = []
    for name, known in manifest.items():
        try:
            path = inside(folder, name, links=False)
            size, digest = known["size"], known["sha256"]
        except (ValueError, TypeError, KeyError):
            found.append(f"its list of files is damaged (entry {name!r})")
            continue
        if not path.is_file():
            found.append(f"{name} is missing")
        elif path.stat().st_size != size:
            found.append(f"{name} has {path.stat().st_size:,} bytes instead of {size:,}")
        elif (thorough or (since is not None and path.stat().st_mtime > since)) and checksum(path) != digest:
            found.append(f"{name} was changed: its checksum is another one")
    return found
