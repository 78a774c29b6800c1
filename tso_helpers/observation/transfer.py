"""Download one large FITS file so that a broken connection costs nothing but time.

Bytes go to ``<name>.part``; a transfer that breaks is taken up where it stopped, also by a later call; and the file
gets its name only when it is whole, so that whatever lies under a final name can be used.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path

from ..files import lock
from ..files.integrity import fits_problem

__all__ = ["ArchiveError", "download_file", "part_of", "short_error", "size_on_disk"]

CHUNK = 2**16  # bytes; what a broken connection has delivered of the last chunk is lost
TIMEOUT = (10, 60)  # seconds to connect, seconds without a byte


class ArchiveError(RuntimeError):
    """The archive could not give what was asked for; the message says why and what to do."""


def download_file(url, path, *, attempts=5, pause=1.0, bar=None):
    """Download one file to ``path``; what an earlier call has of it is not fetched again.

    Parameters
    ----------
    url : str
        Address of the file.
    path : path-like
        Where it shall lie. A name in ``.fits`` is also checked as a FITS file, see `fits_problem`.
    attempts : int
        How often in a row the transfer may fail without a byte gained.
    pause : float
        Seconds before the second attempt; doubled before each further one.
    bar : tqdm.tqdm, optional
        Progress bar that counts bytes.

    Returns
    -------
    str
        "downloaded" or "resumed".

    Raises
    ------
    ArchiveError
        With what is wrong and what to do. What has arrived stays in the ``.part`` file for the next call.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    start = size_on_disk(part)
    with _locked(part):
        _count(bar, start)
        _transfer_all(url, part, attempts, pause, bar)
        if start and _problem(part, path):  # what we had was not the beginning of this file
            _restart(part, bar)
            _transfer_all(url, part, attempts, pause, bar)
        problem = _problem(part, path)
        if problem:
            _restart(part, bar)
            raise ArchiveError(f"what came for {path.name} is not a whole FITS file ({problem}); run the same again")
        os.replace(part, path)
    return "resumed" if start else "downloaded"


def part_of(path):
    """Return where the beginning of a file is kept while it is being downloaded.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    pathlib.Path
    """
    return Path(path).with_name(Path(path).name + ".part")


def size_on_disk(path):
    """Return the size of a file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    int
        Bytes; 0 if there is none.
    """
    return path.stat().st_size if path.is_file() else 0


def short_error(error):
    """Put an exception on one line: its kind and the beginning of what it says.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str
    """
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__


def _transfer_all(url, part, attempts, pause, bar):
    """Requests until the file is all there, or until `attempts` of them in a row have brought nothing."""
    failures = 0
    while True:
        before = size_on_disk(part)
        problem = _transfer(url, part, bar)
        if problem is None:
            return
        failures = 1 if size_on_disk(part) > before else failures + 1
        if failures >= attempts:
            raise ArchiveError(
                f"the download of {part.stem} broke off after {size_on_disk(part) / 1e6:.1f} MB ({problem}). "
                "What has arrived is kept: run the same again and it goes on from there."
            )
        time.sleep(pause * 2 ** (failures - 1))


def _transfer(url, part, bar):
    """One request, appended to ``part``. Returns None when the file is all there, else why it is not."""
    import requests

    offset = size_on_disk(part)
    try:
        with requests.get(url, headers=_request_headers(part, offset), stream=True, timeout=TIMEOUT) as response:
            total = _total(response)
            if response.status_code == 416 and total == offset:  # there is nothing beyond what we have
                return None
            if response.status_code == 416 or (offset and response.status_code == 200):
                _restart(part, bar)  # the file in the archive is another one by now, or the server cannot resume
            if response.status_code in (416, 429) or response.status_code >= 500:
                return f"the server answers {response.status_code}"
            _refuse(response, url)
            _tag(part).write_text(response.headers.get("ETag") or response.headers.get("Last-Modified") or "")
            with open(part, "ab") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    _count(bar, len(chunk))
    except requests.exceptions.RequestException as error:
        return short_error(error)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ArchiveError(f"the disk with {part.parent} is full; free some space, run the same again") from None
        raise
    arrived = size_on_disk(part)
    if total is None or arrived == total:
        return None
    if arrived > total:
        _restart(part, bar)
    return f"{arrived} of {total} bytes"


def _request_headers(part, offset):
    """Ask for the rest, on condition that the file in the archive is still the one whose beginning we have."""
    headers = {"Accept-Encoding": "identity"}
    if os.environ.get("MAST_API_TOKEN"):  # for data in their exclusive-access period
        headers["Authorization"] = f"token {os.environ['MAST_API_TOKEN']}"
    if offset:
        headers["Range"] = f"bytes={offset}-"
        tag = _tag(part).read_text() if _tag(part).is_file() else ""
        if tag and not tag.startswith("W/"):  # a weak tag cannot vouch for single bytes
            headers["If-Range"] = tag
    return headers


def _total(response):
    """Length in bytes of the whole file as the server gives it, or None."""
    length = response.headers.get("Content-Length", "")
    if "Content-Range" in response.headers:
        length = response.headers["Content-Range"].rpartition("/")[2]
    return int(length) if length.isdigit() else None


def _refuse(response, url):
    if response.status_code in (401, 403):
        raise ArchiveError(
            f"the server refuses {url} ({response.status_code}): the data may be in their exclusive-access period. "
            "If they are yours, set MAST_API_TOKEN to a token from https://auth.mast.stsci.edu/tokens."
        )
    if response.status_code not in (200, 206):
        raise ArchiveError(f"the server answers {response.status_code} for {url}; list the products again, pick one")


def _problem(part, path):
    return fits_problem(part) if path.suffix == ".fits" else None


def _restart(part, bar):
    """Forget what has arrived."""
    _count(bar, -size_on_disk(part))
    os.truncate(part, 0)


def _count(bar, size):
    if bar is not None:
        bar.update(size)


def _tag(part):
    """Where the server's name for this version of the file is kept while it is being downloaded."""
    return part.with_name(part.name + ".tag")


@contextlib.contextmanager
def _locked(part):
    """Hold ``part`` against a second download of the same file, by another notebook, say."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock.hold(part.with_name(part.name + ".lock"), wait=False))
        except lock.Busy:
            raise ArchiveError(f"{part.stem} is being downloaded by another process; wait for it to finish") from None
        try:
            part.touch()
            yield
        finally:
            if size_on_disk(part) == 0:  # whole and renamed, or nothing gained
                for rest in (part, _tag(part), part.with_name(part.name + ".lock")):
                    rest.unlink(missing_ok=True)
