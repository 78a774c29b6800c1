"""The worked examples that the simulated exposure plants, at the published coordinates where they fit."""

from __future__ import annotations

from dataclasses import dataclass

#: Electrons of the planted hits: one far above full well (93,000), one that stays far below.
SATURATING, CLEAN = 150_000.0, 4_000.0


@dataclass(frozen=True)
class Example:
    """A place to look at: one-based ``segment``, all else zero-based; ``group`` is None where the whole ramp counts."""

    name: str
    detector: str
    segment: int
    integration: int
    row: int
    column: int
    group: int | None
    note: str


NAMES = ("saturated_by_cosmic_ray", "saturation_neighbour", "clean_jump", "bright_nonlinear")


def place(recipe, trace) -> dict[str, Example]:
    """Say where the worked examples of ``recipe`` stand.

    Published coordinates are kept where the recipe's columns, integrations and reads reach them; otherwise each
    example moves to the same relative place.

    Parameters
    ----------
    recipe : Recipe
        Shape of the exposure.
    trace : callable
        Row of NRS1's spectrum at a column.

    Returns
    -------
    dict of str to Example
        Only the names in ``recipe.plant``.
    """
    first, length = recipe.detectors[0], recipe.integrations[0]
    saturating, jumping = _integration(10, length), _integration(67, length)
    group = {read: _first_group(recipe, read) for read in (14, 15)}
    ray, jump, bright = (_column(recipe.columns, column) for column in (100, 1000, 2000))
    jump_row = round(float(trace(jump))) - 4
    jump_row = jump_row if 1 <= jump_row < 31 else 26
    bright_row = min(max(round(float(trace(bright))), 0), 31)
    everything = [
        Example("saturated_by_cosmic_ray", first, 1, saturating, 3, ray, group[14], "a cosmic ray fills it mid-ramp"),
        Example("saturation_neighbour", first, 1, saturating, 2, ray - 1, group[14], "flagged with its neighbour"),
        Example("clean_jump", first, 1, jumping, jump_row, jump, group[15], "a cosmic ray, nowhere near saturation"),
        Example("bright_nonlinear", first, 1, saturating, bright_row, bright, None, "bright: its ramp bends"),
    ]
    return {example.name: example for example in everything if example.name in recipe.plant}


def hit_reads(recipe) -> dict[str, int]:
    """Return the read (from zero) in which each planted hit arrives: 14 and 15, or as late as the ramp has them."""
    return {"saturated_by_cosmic_ray": _read(recipe, 14), "clean_jump": _read(recipe, 15)}


def _read(recipe, published: int) -> int:
    return min(published, max(recipe.reads[-1] // 2, 1))


def _first_group(recipe, published: int) -> int:
    read = _read(recipe, published)
    return next(group for group, kept in enumerate(recipe.reads) if kept >= read)


def _integration(published: int, length: int) -> int:
    """The published integration if one stands on either side of it, else three quarters through the segment."""
    if published < length - 1:
        return published
    return min(max(round(0.75 * length), 1), max(length - 2, 0))


def _column(columns: tuple[int, int], published: int) -> int:
    start, stop = columns
    if start + 6 <= published < stop - 6:
        return published
    return min(max(start + round(published / 2048 * (stop - start)), start + 6), stop - 7)
