"""Ramps kept on disk between steps: written at once or not at all, checked before use, and never too many.

A checkpoint is a folder with a FITS file and a note of its size and checksum. The folder gets its final name in one
move, so that other processes see the whole of it or nothing. (Not joblib.Memory: it pickles where the pipeline needs
FITS files that it can open in pieces, does not notice a file that was cut or changed, and keeps no budget by itself.)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import warnings
import zlib
from pathlib import Path

from ..files import atomic, integrity

__all__ = ["BUDGET", "CheckpointWarning", "Checkpoints", "budget", "prune"]

#: Bytes that the checkpoints of one observation may take, unless TSO_CHECKPOINT_BYTES says otherwise.
BUDGET = 1_200_000_000
_DATA, _NOTE = "ramp.fits", "note.json"


class CheckpointWarning(UserWarning):
    """A checkpoint was damaged or could not be kept; the result is right, but took longer."""


def budget() -> int:
    """Return the bytes that checkpoints may take: TSO_CHECKPOINT_BYTES, or `BUDGET`.

    Raises
    ------
    ValueError
        If the variable is not a number of bytes.
    """
    text = os.environ.get("TSO_CHECKPOINT_BYTES", "")
    if not text:
        return BUDGET
    try:
        value = int(float(text))
    except (ValueError, OverflowError):  # OverflowError: inf
        value = -1
    if value < 0:
        raise ValueError(f"TSO_CHECKPOINT_BYTES={text}: give a number of bytes, such as 1.4e9; 0 keeps no checkpoints")
    return value


def prune(folder) -> int:
    """Delete all checkpoints in a folder.

    Parameters
    ----------
    folder : path
        Folder of the checkpoints.

    Returns
    -------
    int
        Bytes freed.

    Raises
    ------
    OSError
        If some could not be deleted; the message names them and says why.
    """
    folder = Path(folder)
    freed, kept = 0, []
    for entry in list(folder.iterdir()) if folder.is_dir() else ():
        if entry.is_dir() and not entry.name.startswith(atomic.UNFINISHED):
            size = sum(file.stat().st_size for file in entry.iterdir())
            try:
                atomic.remove_tree(entry)
                freed += size
            except OSError as error:
                kept.append(f"{entry.name} ({error.strerror})")
    if kept:
        raise OSError(f"{len(kept)} checkpoints in {folder} could not be deleted: {', '.join(kept[:3])}")
    return freed + atomic.remove_leftovers(folder)


class Checkpoints:
    """The checkpoints of one observation.

    Parameters
    ----------
    folder : path
        Where they lie; created when the first one is kept. What killed processes have left in it is removed.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        budget()  # a wrong TSO_CHECKPOINT_BYTES is said now, not after the first long computation
        if self.folder.is_dir():
            atomic.remove_leftovers(self.folder)

    def name(self, prefix: str, **identity) -> str:
        """Name a checkpoint: readable prefix, and a digest of all that decides on its contents.

        Parameters
        ----------
        prefix : str
        **identity
            What decides on the contents.

        Returns
        -------
        str
        """
        text = json.dumps(identity, sort_keys=True, default=str)
        return f"{prefix}-{hashlib.sha256(text.encode('utf-8')).hexdigest()[:12]}"

    def find(self, name: str) -> Path | None:
        """Return the FITS file of a checkpoint, or None if there is none.

        One that is damaged (cut short, changed) is deleted, with a `CheckpointWarning`.
        """
        entry = self.folder / name
        if not entry.is_dir():
            return None
        if not (_is_whole(entry) or _is_whole(entry)):  # twice: another process may have made it anew meanwhile
            if not entry.is_dir():
                return None
            warnings.warn(f"the checkpoint {name} was damaged: it is made again", CheckpointWarning, stacklevel=2)
            _remove(entry)
            return None
        with contextlib.suppress(OSError):
            os.utime(entry / _NOTE)  # the least recently used ones go first
        return entry / _DATA

    def keep(self, name: str, save, size: int) -> bool:
        """Keep a checkpoint, if it fits.

        Parameters
        ----------
        name : str
            From `name`.
        save : callable
            Called with the path of the FITS file to write.
        size : int
            About how many bytes that will take.

        Returns
        -------
        bool
            False when it was not kept: larger than the budget, or there is no room on the disk, or no right to write
            there. The latter two warn.
        """
        if size > budget():
            return False
        try:
            self._make_room(size)
            with atomic.folder(self.folder / name, replace=False) as part:
                save(part / _DATA)
                (part / _NOTE).write_text(json.dumps(_describe(part / _DATA)), encoding="utf-8")
        except OSError as error:
            if (self.folder / name).is_dir():  # another process was faster, with the same contents
                return True
            reason = error.strerror or error
            warnings.warn(
                f"{name} cannot be kept in {self.folder} ({reason}): it will be computed again when it is needed. "
                "`tso data --prune` makes room.",
                CheckpointWarning,
                stacklevel=2,
            )
            return False
        return True

    def _make_room(self, size: int) -> None:
        """Delete what was used longest ago, until ``size`` more bytes fit into the budget; and what was abandoned."""
        entries = []
        if self.folder.is_dir():
            atomic.remove_leftovers(self.folder)
        for entry in self.folder.iterdir() if self.folder.is_dir() else ():
            if not entry.name.startswith(atomic.UNFINISHED):
                with contextlib.suppress(OSError):
                    entries.append(((entry / _NOTE).stat().st_mtime, (entry / _DATA).stat().st_size, entry))
        used = sum(bytes_ for _, bytes_, _ in entries)
        for _, bytes_, entry in sorted(entries):
            if used + size <= budget():
                break
            _remove(entry)
            used -= bytes_
        if self.folder.is_dir() and shutil.disk_usage(self.folder).free < size + 50_000_000:
            raise OSError(28, "no space left on the disk")


def _is_whole(entry: Path) -> bool:
    try:
        note = integrity.read_json(entry / _NOTE)
        return _describe(entry / _DATA, note["size"]) == note
    except (OSError, ValueError, KeyError):
        return False


def _describe(path: Path, size: int | None = None) -> dict:
    """Return size and checksum of a file; the checksum only if the size is the one expected."""
    found = path.stat().st_size
    if size is not None and found != size:
        return {"size": found, "crc32": None}
    checksum = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            checksum = zlib.crc32(block, checksum)
    return {"size": found, "crc32": checksum}


def _remove(entry: Path) -> None:
    """Delete a checkpoint, so that nobody finds half of it; one that cannot be deleted is left."""
    with contextlib.suppress(OSError):
        atomic.remove_tree(entry)
