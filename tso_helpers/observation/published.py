"""What is published about the real observation that the lessons follow: ERS 1366, observation 3, WASP-39b in G395H.

File names: MAST. Mid-transit and duration: Espinoza et al. 2024 (the terminators of WASP-39 b), T0 2459771.335647 + 5 P
and the geometry of the orbit. Coordinates of worked examples: the time-series JWebbinar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["ACQUISITIONS", "EXAMPLES", "EXPOSURE", "SEGMENTS", "TARGET", "TRANSIT", "Example", "Transit"]

EXPOSURE = "jw01366003001_04101_00001"
SEGMENTS = (1, 2, 3)
ACQUISITIONS = ("jw01366003001_02101_00001-seg001_nrs1", "jw01366003001_02101_00002-seg001_nrs1")
TARGET = "WASP-39"


class Transit(NamedTuple):
    """When a transit takes place.

    Attributes
    ----------
    mid : float
        BJD_TDB, d.
    duration : float
        From first to last contact, d.
    """

    mid: float
    duration: float


TRANSIT = Transit(mid=2459791.612068, duration=2.87 / 24)


@dataclass(frozen=True)
class Example:
    """A place to look at.

    Attributes
    ----------
    name : str
    detector : str
    segment : int
        From 1.
    integration, row, column : int
        From 0, as in the data's array.
    group : int or None
        From 0; None where the whole ramp counts.
    note : str
        What there is to see.
    """

    name: str
    detector: str
    segment: int
    integration: int
    row: int
    column: int
    group: int | None
    note: str


#: Worked examples in segment 1 of NRS1: (row, column), integration, group, and what is to be seen.
EXAMPLES = {
    "saturated_by_cosmic_ray": ((3, 100), 10, 14, "a cosmic ray drives it into saturation"),
    "saturation_neighbour": ((2, 99), 10, 14, "flagged with its saturated neighbour"),
    "clean_jump": ((12, 1000), 67, 15, "a cosmic ray, nowhere near saturation"),
    "bright_nonlinear": ((11, 2000), 10, None, "bright: its ramp bends"),
}
