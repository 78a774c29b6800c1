"""A ramp on disk that is written integration by integration and read column by column.

Each tile of columns is one file of plain numbers, (integration, group, row, column), so that a block of integrations
is one piece of it and the whole tile is read in one go. Plain files with ``pread`` and ``pwrite``: several processes
write different integrations at once, no page of a file counts as memory of a process, and nothing has to be decoded.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from . import atomic

__all__ = ["RampStore"]

_KINDS = {"data": np.dtype("<f4"), "groupdq": np.dtype("u1")}


class RampStore:
    """The store of one segment.

    Parameters
    ----------
    folder : path-like
        Made if it isn't there.
    shape : (int, int, int, int)
        Integration, group, row, column.
    tiles : sequence of (int, int)
        Columns ``[first, last)`` of each tile; tiles may overlap.
    """

    def __init__(self, folder, shape, tiles):
        self.folder, self.shape, self.tiles = Path(folder), tuple(shape), [tuple(tile) for tile in tiles]
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, start, data, groupdq) -> None:
        """Write whole frames of some integrations.

        Parameters
        ----------
        start : int
            The first of them.
        data, groupdq : arrays, shape (integration, group, row, column)

        Raises
        ------
        ValueError
            If they are no frames of this ramp.
        OSError
            If they could not be written; on a full disk the message says what to do.
        """
        if data.shape != groupdq.shape or data.shape[1:] != self.shape[1:] or start + len(data) > self.shape[0]:
            raise ValueError(f"integrations from {start} on of shape {data.shape} are no part of {self.shape}")
        with atomic.explain_full_disk(self.folder):
            self._write(start, data, groupdq)

    def _write(self, start, data, groupdq) -> None:
        for number, (first, last) in enumerate(self.tiles):
            for kind, array in (("data", data), ("groupdq", groupdq)):
                piece = np.ascontiguousarray(array[..., first:last], dtype=_KINDS[kind])
                offset = start * (piece[0].nbytes if len(piece) else 0)
                handle = os.open(self._path(number, kind), os.O_WRONLY | os.O_CREAT, 0o666)
                try:
                    _write_all(handle, piece, offset)
                finally:
                    os.close(handle)

    def read(self, number):
        """Read one tile, all integrations of it.

        Parameters
        ----------
        number : int

        Returns
        -------
        data : array of float32, shape (integration, group, row, column)
        groupdq : array of uint8, same shape

        Raises
        ------
        OSError
            If a file is missing or shorter than the tile.
        """
        first, last = self.tiles[number]
        shape = (*self.shape[:3], last - first)
        found = []
        for kind, dtype in _KINDS.items():
            array = np.fromfile(self._path(number, kind), dtype=dtype)
            if array.size != np.prod(shape):
                raise OSError(f"{self._path(number, kind)} is not whole: {array.size} of {np.prod(shape)} samples")
            found.append(array.reshape(shape))
        return tuple(found)

    def _path(self, number, kind) -> Path:
        return self.folder / f"tile-{number:03d}.{kind}"


def _write_all(handle, array, offset) -> None:
    left = memoryview(array).cast("B")
    while left:
        written = os.pwrite(handle, left, offset)
        left, offset = left[written:], offset + written
