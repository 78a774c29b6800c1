"""A ramp on disk that is written integration by integration and read column by column, or the other way round.

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
        Made when something is written.
    shape : (int, int, int, int)
        Integration, group, row, column.
    tiles : sequence of (int, int)
        Columns ``[first, last)`` of each tile, from left to right; tiles may overlap.
    """

    def __init__(self, folder, shape, tiles):
        self.folder, self.shape, self.tiles = Path(folder), tuple(shape), [tuple(tile) for tile in tiles]

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
        for number, (first, last) in enumerate(self.tiles):
            self._write(number, start, data[..., first:last], groupdq[..., first:last])

    def write_tile(self, number, data, groupdq) -> None:
        """Write one tile, all integrations of it.

        Parameters
        ----------
        number : int
        data, groupdq : arrays, shape (integration, group, row, column)

        Raises
        ------
        ValueError, OSError
            As `write`.
        """
        first, last = self.tiles[number]
        if data.shape != groupdq.shape or data.shape != (*self.shape[:3], last - first):
            raise ValueError(f"an array of shape {data.shape} is no tile of {last - first} columns of {self.shape}")
        self._write(number, 0, data, groupdq)

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
        return self._read(number, slice(0, self.shape[0]))

    def read_frames(self, integrations):
        """Read whole frames of some integrations.

        Parameters
        ----------
        integrations : slice
            With a start and a stop, zero-based.

        Returns
        -------
        data : array of float32, shape (integration, group, row, column)
        groupdq : array of uint8, same shape

        Raises
        ------
        OSError
            As `read`.
        """
        shape = (integrations.stop - integrations.start, *self.shape[1:])
        frames = tuple(np.empty(shape, dtype) for dtype in _KINDS.values())
        for number, (first, last) in enumerate(self.tiles):
            for whole, part in zip(frames, self._read(number, integrations), strict=True):
                whole[..., first:last] = part
        return frames

    def remove(self, number) -> None:
        """Delete one tile; nothing happens if it is gone.

        Parameters
        ----------
        number : int
        """
        for kind in _KINDS:
            self._path(number, kind).unlink(missing_ok=True)

    def _write(self, number, start, data, groupdq) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic.explain_full_disk(self.folder):
            for kind, array in (("data", data), ("groupdq", groupdq)):
                piece = np.ascontiguousarray(array, dtype=_KINDS[kind])
                handle = os.open(self._path(number, kind), os.O_WRONLY | os.O_CREAT, 0o666)
                try:
                    _write_all(handle, piece, start * piece[:1].nbytes)
                finally:
                    os.close(handle)

    def _read(self, number, integrations):
        first, last = self.tiles[number]
        shape = (integrations.stop - integrations.start, *self.shape[1:3], last - first)
        found = []
        for kind, dtype in _KINDS.items():
            count = int(np.prod(shape))
            offset = integrations.start * (count // shape[0]) * dtype.itemsize
            array = np.fromfile(self._path(number, kind), dtype=dtype, count=count, offset=offset)
            if array.size != count:
                raise OSError(f"{self._path(number, kind)} is not whole: {array.size} of {count} samples")
            found.append(array.reshape(shape))
        return tuple(found)

    def _path(self, number, kind) -> Path:
        return self.folder / f"tile-{number:03d}.{kind}"


def _write_all(handle, array, offset) -> None:
    left = memoryview(array).cast("B")
    while left:
        written = os.pwrite(handle, left, offset)
        left, offset = left[written:], offset + written
