"""Download one large FITS file so that a broken connection costs nothing but time.

Our own, because astroquery (0.4.11) does not resume: it starts again at the first byte, under the file's final name.

Bytes go to ``<name>.part``; a transfer that breaks is taken up where it stopped, also by a later call; and the file
gets its name only when it is whole, so that whatever lies under a final name can be used. Beside it lie, for as long as
it is unfinished, ``<name>.part.tag`` (which version of the file this is, in the server's words) and, for as long as
somebody is at work, ``<name>.part.lock``.

Nothing that a server says is believed where it can be checked: where the piece begins that it sends, how long the file
is, that the beginning which we have belongs to the file that it has now, and that it stops.
"""

from __future__ import annotations

import contextlib
import email.utils
import errno
import math
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..files import lock
from ..files.integrity import checksum_problem, fits_problem

__all__ = [
    "ArchiveError",
    "Patience",
    "download_file",
    "is_whole",
    "part_of",
    "remove_rests",
    "short_error",
    "size_on_disk",
]

CHUNK = 2**16  # bytes; a transfer that brings less, and not the end, counts as one that brought nothing
SLOWEST = 1000  # bytes per second; a connection below that is given up and made anew
_PASSING = (408, 425, 429)  # answers, beside 500 and above, that may be others in a while
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ArchiveError(RuntimeError):
    """The archive could not give what was asked for; the message says why and what to do."""


class _Broken(Exception):
    """One request did not bring the rest of the file; another one might."""

    def __init__(self, why, wait=0.0):
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True)
class Patience:
    """How long a bad connection is put up with.

    Parameters
    ----------
    attempts : int
        Requests in a row that may bring nothing new.
    requests : int
        Requests for one file, all in all.
    pause : float
        Seconds before the second request; doubled before each further one that is needed because the last was in vain.
    connect : float
        Seconds to wait for a connection.
    silence : float
        Seconds without a byte after which a connection is given up; also the time over which its speed is measured.
    longest : float
        Seconds: the longest pause, and the longest that a server (Retry-After) may ask us to wait.

    Raises
    ------
    ValueError
        If a number is negative, or a count or time is zero that has to be larger.
    """

    attempts: int = 5
    requests: int = 500
    pause: float = 1.0
    connect: float = 10.0
    silence: float = 60.0
    longest: float = 120.0

    def __post_init__(self):
        for name in ("attempts", "requests", "connect", "silence"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: give a number greater than 0")
        for name in ("pause", "longest"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: give a number of seconds, 0 or more")


def download_file(url, path, *, size=None, patience=None, bar=None):
    """Download one file to ``path``; what an earlier call has of it is not fetched again.

    Parameters
    ----------
    url : str
        Address of the file.
    path : path-like
        Where it shall lie. A name in ``.fits`` is also checked as a FITS file, see `fits_problem`.
    size : int, optional
        Bytes that the file must have, by the archive's product list.
    patience : Patience, optional
        How long a bad connection is put up with.
    bar : tqdm.tqdm, optional
        Progress bar that counts bytes.

    Returns
    -------
    str
        "present", "downloaded" or "resumed".

    Raises
    ------
    ArchiveError
        With what is wrong and what to do. What has arrived stays in the ``.part`` file for the next call, unless it is
        known to be wrong.
    OSError
        If the folder or the file cannot be written.
    """
    path = Path(path)
    try:
        with _locked(path):
            return _Download(url, path, size, patience or Patience(), bar).run()
    except OSError as error:
        if error.errno in _FULL:
            raise ArchiveError(
                f"the disk is full: {path.name} could not be written to {path.parent}. Free some space and run the "
                "same again; what has arrived is kept, and it goes on from there"
            ) from None
        raise


def is_whole(path, size=None):
    """Say whether a file is there and whole, as far as that can be told in milliseconds.

    Parameters
    ----------
    path : path-like
    size : int, optional
        Bytes that it must have.

    Returns
    -------
    bool
    """
    return Path(path).is_file() and _problem(Path(path), Path(path).suffix, size) is None


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


def remove_rests(path):
    """Delete what a download that was killed in its last moment has left beside a file that is whole.

    Parameters
    ----------
    path : path-like
        Where the file lies. Nothing happens while another process downloads it, or in a folder that is not ours.
    """
    rests = (part_of(path), _tag(path), _lock(path))
    if any(rest.exists() for rest in rests) and os.access(Path(path).parent, os.W_OK):
        with contextlib.suppress(lock.Busy), lock.hold(_lock(path), wait=False, remove=True):
            _forget(path)


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
    """Put an exception on one line: its kind and the beginning of what it says, without our secrets.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str
    """
    cause = getattr(error.args[0], "reason", None) if error.args else None  # of a connection: what really happened
    text = " ".join(str(cause or error).split())
    if token := os.environ.get("MAST_API_TOKEN", "").strip():
        text = text.replace(token, "(token)")
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__


class _Download:
    """One file on its way; the lock on it is held."""

    def __init__(self, url, path, size, patience, bar):
        self.url, self.path, self.size, self.patience, self.bar = url, path, size, patience, bar
        self.part, self.tag = part_of(path), _tag(path)
        self.resumes = True  # until the server shows that it cannot

    def run(self):
        if is_whole(self.path, self.size):  # another process was faster
            _forget(self.path)
            return "present"
        _demote(self.path)
        start = size_on_disk(self.part)
        self.count(start)
        self.transfer()
        if start and self.problem():  # what we had was not the beginning of this file
            self.restart()
            self.transfer()
        if problem := self.problem():
            self.restart()
            raise ArchiveError(
                f"what came for {self.path.name} is not the whole file or damaged ({problem}); run the same again"
            )
        self.tag.unlink(missing_ok=True)  # before: nothing is left when we are killed right after the next line
        os.replace(self.part, self.path)
        return "resumed" if start else "downloaded"

    def transfer(self):
        """Make requests until the file is all there, or until `attempts` of them in a row have brought nothing new."""
        best, failures = size_on_disk(self.part), 0
        for _ in range(self.patience.requests):
            try:
                return self.request()
            except _Broken as broken:
                why, wait = str(broken), broken.wait
            arrived = size_on_disk(self.part)
            failures = 1 if arrived >= best + CHUNK else failures + 1  # bytes that come a second time are no gain
            best = max(best, arrived)
            if failures >= self.patience.attempts:
                break
            time.sleep(max(wait, min(self.patience.pause * 2 ** (failures - 1), self.patience.longest)))
        raise ArchiveError(self.given_up(why))

    def request(self):
        """Make one request and append what it brings. Returns when the file is all there, else raises `_Broken`."""
        if self.size is not None and size_on_disk(self.part) > self.size:
            self.restart()
        if size_on_disk(self.part) and not self.condition() and not self.begins_alike():
            self.restart()
        offset = size_on_disk(self.part)
        with self.ask(f"bytes={offset}-" if offset else None, self.condition()) as response:
            first, total = _piece(response)
            self.refuse_other_size(total)
            if response.status_code == 416 and offset and total == offset:  # there is nothing beyond what we have
                return
            if response.status_code == 416 or first not in (0, offset) or self.is_other_version(response, first):
                self.restart()  # what we have is not the beginning of what the server has, or it is confused
                raise _Broken(_unexpected(response, first, offset))
            self.append(response, first, total)
        arrived = size_on_disk(self.part)
        if arrived != (self.size or total or arrived):
            raise _Broken(f"{arrived:,} of {self.size or total:,} bytes")

    def append(self, response, first, total):
        """Write a piece to the ``.part`` file, which begins anew if the piece does."""
        limit = total if self.size is None else self.size
        begun = False
        with open(self.part, "ab") as file:
            for chunk in self.chunks(response):
                if not begun and first == 0:
                    self.refuse_what_is_not_fits(chunk)
                    self.begin(response)
                begun = True
                if limit is not None and size_on_disk(self.part) + len(chunk) > limit:
                    self.restart()
                    raise ArchiveError(
                        f"more arrives for {self.path.name} than the {limit:,} bytes that were announced: the download "
                        "was stopped, and nothing of it kept. List the products again; if it stays so, tell the archive"
                    )
                file.write(chunk)
                file.flush()
                self.count(len(chunk))

    def begin(self, response):
        """Start at the first byte: which version of the file this is must be on disk before anything of it is."""
        if size_on_disk(self.part):
            self.resumes = False
            self.restart()
        self.tag.write_text(_version(response), encoding="utf-8")

    def begins_alike(self):
        """Compare the first bytes, FITS header included, where the server has no name for versions of the file."""
        wanted = min(size_on_disk(self.part), CHUNK)
        with self.ask(f"bytes=0-{wanted - 1}") as response:
            first, total = _piece(response)
            if response.status_code == 416 or first != 0:
                return False
            self.refuse_other_size(total)
            content = b""
            for chunk in self.chunks(response):
                content += chunk
                if len(content) >= wanted:  # a server without ranges would send it all
                    break
        self.refuse_what_is_not_fits(content)
        with open(self.part, "rb") as file:
            return file.read(wanted) == content[:wanted]

    @contextlib.contextmanager
    def ask(self, wanted, condition=None):
        """Yield an answer whose body can be used; one that ends the download, or this request, is raised."""
        import requests
        import urllib3

        headers = {"Accept-Encoding": "identity"}
        headers |= {"Range": wanted} if wanted else {}
        headers |= {"If-Range": condition} if wanted and condition else {}
        timeout = (self.patience.connect, self.patience.silence)
        try:
            with requests.get(
                self.url, headers=headers, auth=_authorization(), stream=True, timeout=timeout
            ) as response:
                self.refuse_status(response)
                yield response
        except requests.exceptions.TooManyRedirects:
            raise ArchiveError(f"{self.url} leads in a circle of redirections; try again later") from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise ArchiveError(f"{self.url} leads to no address of a file ({short_error(error)})") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _Broken(short_error(error)) from None

    def refuse_status(self, response):
        status = response.status_code
        if status in _PASSING or status >= 500:
            wait = _retry_after(response)
            if wait > self.patience.longest:
                raise ArchiveError(
                    f"the server has no time for {self.path.name} now ({status}) and asks to wait {wait:.0f} s; "
                    "run the same again after that"
                )
            raise _Broken(f"the server answers {status}", wait)
        if status in (401, 403):
            raise ArchiveError(
                f"the server refuses {self.url} ({status}): the data may be in their exclusive-access period. "
                "If they are yours, set MAST_API_TOKEN to a token from https://auth.mast.stsci.edu/tokens."
            )
        if status not in (200, 206, 416):
            raise ArchiveError(f"the server answers {status} for {self.url}; list the products again, pick one")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ArchiveError(
                f"the server sends {self.path.name} compressed, though it was asked not to; cannot use it"
            )

    def refuse_other_size(self, total):
        if self.size is not None and total is not None and total != self.size:
            raise ArchiveError(
                f"the product list gives {self.size:,} bytes for {self.path.name}, and the server announces {total:,}: "
                "another version, or no such file at all (a log-in page?). List the products again, look at the network"
            )

    def refuse_what_is_not_fits(self, content):
        """Keep what we have when a hotel's wifi answers with its log-in page."""
        if self.path.suffix == ".fits" and content[:6] != b"SIMPLE"[: len(content)]:
            raise ArchiveError(
                f"what the server sends for {self.path.name} is not a FITS file (the log-in page of a network?): "
                "look at the network, run the same again"
            )

    def is_other_version(self, response, first):
        known = _read(self.tag)
        return first > 0 and bool(known) and bool(_version(response)) and _version(response) != known

    def condition(self):
        """Return the tag that makes a server send the rest of this version or all of another, or "" if it gave none."""
        tag = _read(self.tag)
        return "" if tag.startswith("W/") else tag  # a weak tag cannot vouch for single bytes

    def chunks(self, response):
        """Yield bytes as they come; raise `_Broken` when they come too slowly."""
        since, arrived = time.monotonic(), 0
        while chunk := response.raw.read1(CHUNK, decode_content=False):
            yield chunk
            arrived += len(chunk)
            past = time.monotonic() - since
            if past > self.patience.silence:
                if arrived < SLOWEST * past:
                    raise _Broken(f"no more than {arrived:,} bytes in {past:.0f} s")
                since, arrived = time.monotonic(), 0

    def problem(self):
        problem = _problem(self.part, self.path.suffix, self.size)
        return problem or (checksum_problem(self.part) if self.path.suffix == ".fits" else None)

    def restart(self):
        """Forget what has arrived."""
        self.count(-size_on_disk(self.part))
        os.truncate(self.part, 0)
        self.tag.unlink(missing_ok=True)

    def count(self, size):
        if self.bar is not None:
            self.bar.update(size)

    def given_up(self, why):
        arrived = size_on_disk(self.part)
        if not arrived:
            return (
                f"the download of {self.path.name} from {urlsplit(self.url).netloc} did not begin ({why}). Look at the "
                "network (`tso doctor` tests it) and run the same again"
            )
        kept = "What has arrived is kept: run the same again and it goes on from there."
        if not self.resumes:
            kept = "This server cannot go on where it stopped: run the same again on a better connection."
        return f"the download of {self.path.name} broke off after {arrived / 1e6:.1f} MB ({why}). {kept}"


# --- what a server says ----------------------------------------------------------------------------------------


def _piece(response):
    """Return the offset of what a server sends, and the length of the whole file; None for what it does not say."""
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if re.fullmatch(r"\d{1,18}", length) else None
    said = re.fullmatch(r"bytes (?:(\d{1,18})-\d+|\*)/(\d{1,18}|\*)", response.headers.get("Content-Range", "").strip())
    if said is None:
        return None, None
    first, total = said.groups()
    return int(first) if first else None, int(total) if total != "*" else None


def _version(response):
    """Return a server's name for this version of the file, or ""."""
    return " ".join((response.headers.get("ETag") or response.headers.get("Last-Modified") or "").split())


def _unexpected(response, first, offset):
    if response.status_code == 416:
        return "the server answers 416: it has less than that"
    if first is None:
        return "the server does not say which piece of the file it sends"
    if first != offset:
        return f"the server sends the file from byte {first:,}, and byte {offset:,} was asked for"
    return "the file in the archive is another one by now"


def _retry_after(response):
    """Return the seconds that a server asks us to wait; 0 if it does not, or in no known way."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return 0.0


def _authorization():
    """Return what adds the token for data in their exclusive-access period, or None.

    As ``auth`` and not among the headers, so that requests leaves it out when another host is to be asked.
    """
    token = os.environ.get("MAST_API_TOKEN", "").strip()
    if not token:
        return None
    if not re.fullmatch("[!-~]+", token):
        raise ArchiveError(
            "MAST_API_TOKEN holds a blank, a line break or a character that no token has; copy it again from "
            "https://auth.mast.stsci.edu/tokens"
        )

    def add(request):
        request.headers["Authorization"] = f"token {token}"
        return request

    return add


# --- what lies on disk -----------------------------------------------------------------------------------------


def _problem(path, suffix, size):
    if suffix == ".fits":
        return fits_problem(path, size)
    length = size_on_disk(path)
    return None if size in (None, length) else f"{length:,} bytes, and {size:,} were announced"


def _demote(path):
    """Make a cut file under its final name (astroquery leaves such) the beginning of a download."""
    if not path.is_file():
        return
    if size_on_disk(path) > size_on_disk(part_of(path)):
        _tag(path).unlink(missing_ok=True)  # nobody knows which version this is
        os.replace(path, part_of(path))
    else:
        path.unlink()


def _read(tag):
    return tag.read_text(encoding="utf-8").strip() if tag.is_file() else ""


def _tag(path):
    return Path(path).with_name(Path(path).name + ".part.tag")


def _lock(path):
    return Path(path).with_name(Path(path).name + ".part.lock")


def _forget(path):
    for rest in (_tag(path), part_of(path)):
        rest.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path):
    """Hold a file against a second download of it, by another notebook, say; nothing empty is left behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock.hold(_lock(path), wait=False, remove=True))
        except lock.Busy:
            raise ArchiveError(f"{path.name} is being downloaded by another process; wait for it to finish") from None
        try:
            part_of(path).touch()
            yield
        finally:
            if size_on_disk(part_of(path)) == 0:  # whole and renamed, or nothing gained
                _forget(path)
