"""Write a file or a folder so that it is there whole or not at all.

What is being written lies in a folder ``.unfinished-...`` beside its future place, under its future name, and is moved
in one step when it is complete. The folder's name is drawn at random and the folder made exclusively, so two writers
never share one; a lock in it, which the system takes back however the writer ends, tells `remove_leftovers` which of
them nobody is working on any longer.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import lock

__all__ = [
    "UNFINISHED",
    "explain_full_disk",
    "file",
    "finished",
    "folder",
    "leftovers",
    "remove_leftovers",
    "remove_tree",
    "write_bytes",
    "write_text",
]

#: What the name of a folder begins with in which something is being written.
UNFINISHED = ".unfinished-"
_LOCK = "lock"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ROOM = 1 << 24  # bytes: with less than this left, an error without a number is taken for a full disk


@contextlib.contextmanager
def file(path) -> Iterator[Path]:
    """Write a file: yields where to write it, and moves it to `path` when the block ends without an error.

    Parameters
    ----------
    path : path-like
        Final place; its folder is made if it isn't there. A file that is there already is replaced in one step.

    Yields
    ------
    pathlib.Path
        Where to write, a file of the same name.

    Raises
    ------
    OSError
        If the folder cannot be written; on a full disk the message names the folder and says what to do.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with file(target) as unfinished:
    ...     _ = unfinished.write_text("1 2 3")
    >>> target.read_text()
    '1 2 3'
    """
    path = Path(path)
    with _place(path.parent) as place:
        yield place / path.name
        os.replace(place / path.name, path)


@contextlib.contextmanager
def folder(path, *, replace: bool = True) -> Iterator[Path]:
    """Write a folder: yields an empty one, and moves it to `path` when the block ends without an error.

    Parameters
    ----------
    path : path-like
        Final place.
    replace : bool
        Replace a folder that is there already; for a moment in between there is none.

    Yields
    ------
    pathlib.Path
        The folder to fill.

    Raises
    ------
    FileExistsError
        If a folder with something in it is there by then, and `replace` is false; it is left as it is.
    OSError
        As `file`.
    """
    path = Path(path)
    with _place(path.parent) as place:
        unfinished = place / path.name
        unfinished.mkdir()
        yield unfinished
        if replace and path.is_dir():  # a folder cannot be renamed over one that is not empty
            os.replace(path, place / "replaced")
        try:
            os.replace(unfinished, path)
        except OSError as error:
            if path.is_dir():
                raise FileExistsError(f"{path} is there already") from error
            raise


def write_text(path, text: str) -> None:
    """Write a text file (UTF-8), whole or not at all.

    Parameters
    ----------
    path : path-like
    text : str
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Parameters
    ----------
    path : path-like
    content : bytes
    """
    with file(path) as unfinished:
        unfinished.write_bytes(content)


def finished(root) -> Iterator[Path]:
    """Yield every file in a folder and the folders in it, but for those that are being written.

    Files and folders may come and go meanwhile. Links to folders are not followed.

    Parameters
    ----------
    root : path-like

    Yields
    ------
    pathlib.Path
    """
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith(UNFINISHED))
        yield from (Path(folder, name) for name in sorted(files))


def leftovers(root: str | os.PathLike) -> list[Path]:
    """Return what writers that were killed have left in a folder and the folders in it, sorted."""
    found = []
    for folder, names, _ in os.walk(root):
        places = [Path(folder, name) for name in names if name.startswith(UNFINISHED)]
        found += [place for place in places if _abandoned(place)]
        names[:] = [name for name in names if not name.startswith(UNFINISHED)]
    return sorted(found)


def remove_leftovers(root) -> int:
    """Delete what writers that were killed have left in a folder and the folders in it.

    Parameters
    ----------
    root : path-like

    Returns
    -------
    int
        Bytes freed. What somebody is writing at this moment is left alone.
    """
    freed = 0
    for place in leftovers(root):
        try:
            if not any(place.iterdir()):
                place.rmdir()  # should somebody have made it just now, `_locked_folder` makes another
                continue
            with lock.hold(place / _LOCK, wait=False):
                size = sum(entry.stat().st_size for entry in place.rglob("*") if entry.is_file())
                _dismantle(place)
                freed += size
        except (lock.Busy, FileNotFoundError, FileExistsError):
            pass  # somebody else removes it
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:  # somebody else looks at its lock at this moment
                raise
    return freed


def remove_tree(path) -> None:
    """Delete a folder so that nobody finds half of it under its name: it is moved aside first.

    Parameters
    ----------
    path : path-like
        A folder; nothing happens if it is not there.
    """
    path = Path(path)
    with contextlib.suppress(FileNotFoundError), _place(path.parent) as place:
        os.replace(path, place / path.name)


@contextlib.contextmanager
def _place(parent: Path) -> Iterator[Path]:
    """A locked folder of our own in `parent`; deleted at the end with what is in it."""
    with explain_full_disk(parent), contextlib.ExitStack() as held:
        parent.mkdir(parents=True, exist_ok=True)
        place = _locked_folder(parent, held)
        try:
            yield place
        finally:
            with contextlib.suppress(OSError):  # what cannot be deleted now is a leftover
                _dismantle(place)


@contextlib.contextmanager
def explain_full_disk(folder) -> Iterator[None]:
    """Say which folder it was that could not be written, and what to do, when the disk is full.

    Parameters
    ----------
    folder : path-like

    Yields
    ------
    None

    Raises
    ------
    OSError
        As it was raised in the block; on a full disk with a message for the reader.
    """
    try:
        yield
    except OSError as error:
        if _disk_is_full(error, Path(folder)):
            raise OSError(
                errno.ENOSPC if error.errno is None else error.errno,
                f"the disk is full: {folder} could not be written. Free some space and run the same again; "
                "what was finished is kept",
            ) from error
        raise


def _disk_is_full(error: OSError, folder: Path) -> bool:
    """True for an error that a full disk has caused; numpy and astropy raise theirs without the system's number."""
    cause = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        cause = cause.__cause__ or cause.__context__
    return error.errno is None and folder.is_dir() and shutil.disk_usage(folder).free < _ROOM


def _locked_folder(parent: Path, held: contextlib.ExitStack) -> Path:
    while True:
        place = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
        with contextlib.suppress(FileNotFoundError, FileExistsError):  # somebody tidied up before we held it
            held.enter_context(lock.hold(place / _LOCK))
            if (place / _LOCK).exists():
                return place


def _dismantle(place: Path) -> None:
    """Delete a folder of a writer, its lock last: without one, whatever is in it counts as abandoned."""
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != _LOCK:
            entry.unlink()
    (place / _LOCK).unlink(missing_ok=True)
    place.rmdir()


def _abandoned(place: Path) -> bool:
    """True when nobody holds the lock of a writer's folder. In an empty one nothing can be lost: no lock is made."""
    try:
        if not any(place.iterdir()):
            return True
        with lock.hold(place / _LOCK, wait=False):
            return True
    except (lock.Busy, OSError):
        return False
