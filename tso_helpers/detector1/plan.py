"""What each step of Stage 1 looks at, and how a segment is cut so that no piece needs more memory than there is.

A ramp of a whole segment, (integration, group, row, column), is cut twice. First into **blocks** of integrations, for
the steps that look at one integration at a time; then into **tiles** of columns, for those that look at the whole
history of a pixel. A tile is a little wider than what it gives: its **halo** holds the neighbours that a step looks at.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from .steps import STEPS

__all__ = ["HALO", "LOOKS_AT", "Plan", "Tile", "make_plan"]

#: What a step has to see to give the result that it gives for the whole segment.
LOOKS_AT = {
    **dict.fromkeys(STEPS[: STEPS.index("one_over_f")], "whole frames of one integration"),
    "one_over_f": "columns of one group, and a mask from all integrations of the segment",
    "jump": "all integrations of a pixel (it clips across them from 100 on) and its neighbours",
    "clean_flicker_noise": "whole frames of one integration, and a mask from all integrations of the segment",
    "ramp_fit": "all groups of a pixel",
    "gain_scale": "one pixel",
}
#: Columns on either side of a tile: a jump flags neighbours, and those of saturated pixels.
HALO = 2

_BASE = 350e6  # bytes: Python, the pipeline's modules, reference files (measured: 240e6; 290e6 in a Dask worker)
_BLOCK = 2.8  # times its float32 samples: what a block of integrations needs at its peak (measured: 2.5)
_CLEAN = 5.0  # the same for a block in clean_flicker_noise
_TILE = 7.7  # the same for a tile of columns, in the jump step (measured: 7.5)
_SAMPLE = 5  # bytes of a sample in the store: float32 and its flags
# seconds of a processor of 2022, measured: of a block and of a tile whatever their size, and per million samples
_TASK_SECONDS, _BLOCK_SECONDS, _TILE_SECONDS = 0.6, 0.06, 0.17


@dataclass(frozen=True)
class Tile:
    """Columns of one tile, zero-based.

    Attributes
    ----------
    start, stop : int
        ``[start, stop)``, the columns that it gives.
    first, last : int
        ``[first, last)``, those that it reads.
    """

    start: int
    stop: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """How one segment is cut.

    Attributes
    ----------
    shape : (int, int, int, int)
        Integration, group, row, column.
    blocks : tuple of (int, int)
        Integrations ``[start, stop)`` of each block.
    tiles : tuple of Tile
    block_sample : float
        Bytes of memory for each sample of a block.
    """

    shape: tuple[int, int, int, int]
    blocks: tuple[tuple[int, int], ...]
    tiles: tuple[Tile, ...]
    block_sample: float = 4 * _BLOCK

    @property
    def store_bytes(self) -> int:
        """Bytes that the store takes on disk between the two cuts."""
        integrations, groups, rows, _ = self.shape
        columns = sum(tile.last - tile.first for tile in self.tiles)
        return integrations * groups * rows * columns * _SAMPLE

    @property
    def worker_bytes(self) -> int:
        """Bytes of memory that a worker needs at its peak, about."""
        integrations, groups, rows, columns = self.shape
        block = max(stop - start for start, stop in self.blocks) * groups * rows * columns * self.block_sample
        tile = max(tile.last - tile.first for tile in self.tiles) * integrations * groups * rows * 4 * _TILE
        return int(_BASE + max(block, tile))

    @property
    def seconds(self) -> float:
        """Processor time that it takes, about, s; a guess for a machine of the kind that it was measured on."""
        tasks, samples = len(self.blocks) + len(self.tiles), math.prod(self.shape)
        return tasks * _TASK_SECONDS + samples / 1e6 * (_BLOCK_SECONDS + _TILE_SECONDS)


def make_plan(shape, memory=1.5e9, workers=1, whole_frames_again=False) -> Plan:
    """Cut a segment so that no worker needs more memory than it is given.

    Parameters
    ----------
    shape : (int, int, int, int)
        Integration, group, row, column.
    memory : float
        Bytes that one worker may use.
    workers : int
        There are at least as many blocks and tiles, if the shape allows.
    whole_frames_again : bool
        Blocks go through ``clean_flicker_noise`` too, which needs more memory.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If the shape is none, or not even the smallest piece fits into the memory.
    """
    if len(shape) != 4 or min(shape) < 1 or workers < 1:
        raise ValueError(f"a ramp (integration, group, row, column) and a worker are needed, not {shape}, {workers}")
    integrations, groups, rows, columns = shape
    free, per_sample = memory - _BASE, 4 * (_CLEAN if whole_frames_again else _BLOCK)
    in_block = int(free / (groups * rows * columns * per_sample))
    in_tile = int(free / (integrations * groups * rows * 4 * _TILE)) - 2 * HALO
    if in_block < 1 or in_tile < 1:
        tile = (1 + 2 * HALO) * integrations * groups * rows * 4 * _TILE
        smallest = max(groups * rows * columns * per_sample, tile)
        raise ValueError(
            f"{memory / 1e9:.1f} GB of memory are too little for a ramp of shape {tuple(shape)}: "
            f"{(_BASE + smallest) / 1e9:.1f} GB is the least"
        )
    blocks = _even(integrations, min(in_block, -(-integrations // workers)))
    tiles = _even(columns, min(in_tile, -(-columns // workers)))
    return Plan(
        tuple(shape),
        blocks,
        tuple(Tile(start, stop, max(start - HALO, 0), min(stop + HALO, columns)) for start, stop in tiles),
        per_sample,
    )


def _even(total: int, most: int) -> tuple[tuple[int, int], ...]:
    """Cut a length into pieces that are as equal as can be, none longer than ``most``."""
    count = -(-total // max(most, 1))
    edges = [total * k // count for k in range(count + 1)]
    return tuple(itertools.pairwise(edges))
