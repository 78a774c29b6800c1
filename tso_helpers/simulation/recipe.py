"""What to simulate: the shape of the exposure, its seed, and which effects take part."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

import numpy as np

from . import detector, examples, scene

#: Raise this whenever the same recipe gives other files than before: what was built with the old one is then rebuilt.
VERSION = 5
#: Effects that can be switched off, by name, in the order in which nature has them.
EFFECTS = (
    *scene.EFFECTS,
    "flat",
    "dark",
    "photon_noise",
    "cosmic_rays",
    "charge_migration",
    "settling",
    "nonlinearity",
    "ipc",
    "superbias",
    "ktc",
    "offset",
    "pedestal",
    "odd_even",
    "white_noise",
    "one_over_f",
    "one_over_f_level",
    "spikes",
    "telegraph",
    "reference_errors",
)


@dataclass(frozen=True)
class Recipe:
    """Shape, seed and effects of a simulated exposure.

    Parameters
    ----------
    integrations : tuple of int
        Integrations of each segment. Together they are spread evenly over the 465 of the real exposure.
    groups : int
        Groups per integration, 2 to 70.
    decimation : int or None
        Every how many reads one is kept. None: as many as keep the ramp within the 70 reads (5 for 14 groups).
    detectors : tuple of str
        Any of ``"NRS1"``, ``"NRS2"``.
    columns : (int, int)
        Columns kept, ``[start, stop)``, zero-based.
    seed : int
    without : frozenset of str
        Effects switched off, from `EFFECTS`.
    plant : tuple of str
        Worked examples to plant, from `examples.NAMES`.

    Raises
    ------
    ValueError
        When a value is impossible; the message lists what is valid.
    """

    integrations: tuple[int, ...] = (18, 18, 18)
    groups: int = 14
    decimation: int | None = None
    detectors: tuple[str, ...] = ("NRS1", "NRS2")
    columns: tuple[int, int] = (0, detector.COLUMNS)
    seed: int = 39
    without: frozenset = field(default_factory=frozenset)
    plant: tuple[str, ...] = examples.NAMES

    def __post_init__(self):
        for name, kind in (("integrations", int), ("detectors", str), ("columns", int), ("plant", str)):
            object.__setattr__(self, name, _sequence(name, getattr(self, name), kind))
        object.__setattr__(self, "without", frozenset(_sequence("without", self.without, str)))
        for name in ("groups", "seed", *([] if self.decimation is None else ["decimation"])):
            if not _is(getattr(self, name), int):
                raise ValueError(f"{name}={getattr(self, name)!r}: give a whole number")
        if self.decimation is None and 2 <= self.groups <= scene.READS:
            object.__setattr__(self, "decimation", (scene.READS - 1) // (self.groups - 1))
        self._check()

    def _check(self):
        if not 1 <= len(self.integrations) <= 9 or min(self.integrations, default=0) < 1:
            raise ValueError(f"integrations={self.integrations}: give 1 to 9 segments of at least 1 integration each")
        if not 2 <= self.groups <= scene.READS:
            raise ValueError(f"groups={self.groups}: choose 2 to {scene.READS}")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed}: give a whole number from 0 on")
        if self.decimation < 1 or self.reads[-1] >= scene.READS:
            most = (scene.READS - 1) // (self.groups - 1)
            raise ValueError(f"decimation={self.decimation}: with {self.groups} groups choose 1 to {most}")
        start, stop = self.columns if len(self.columns) == 2 else (0, 0)
        if not 0 <= start <= stop - 16 <= detector.COLUMNS - 16:
            raise ValueError(f"columns={self.columns}: choose (start, stop) within (0, 2048), at least 16 columns wide")
        if not self.detectors or len(set(self.detectors)) != len(self.detectors):
            raise ValueError(f"detectors={self.detectors}: choose NRS1, NRS2 or both")
        for name in self.detectors:
            detector.get(name)
        self._check_names()

    def _check_names(self):
        for what, given, valid in (("without", self.without, EFFECTS), ("plant", self.plant, examples.NAMES)):
            unknown = sorted(set(given) - set(valid))
            if unknown:
                raise ValueError(f"{what}: no {', '.join(unknown)}; choose from {', '.join(valid)}")

    @property
    def key(self) -> str:
        """Eight characters that stand for this recipe and the simulation's version; part of the folder's name."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:8]

    def to_json(self) -> str:
        """Return the recipe as JSON, keys in order."""
        values = asdict(self) | {"without": sorted(self.without), "version": VERSION}
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            If it is damaged, or another version of the simulation wrote it.
        """
        try:
            values = json.loads(text)
            version = values.pop("version")
        except (ValueError, TypeError, AttributeError, KeyError):
            raise ValueError("this is no recipe of a simulated exposure") from None
        if version != VERSION:
            raise ValueError(f"made by version {version} of the simulation, this is version {VERSION}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"this is no recipe of a simulated exposure ({error})") from None

    @property
    def total(self) -> int:
        """Integrations of all segments together."""
        return sum(self.integrations)

    @property
    def reads(self) -> tuple[int, ...]:
        """Zero-based reads that are kept as groups."""
        return tuple(range(0, (self.groups - 1) * self.decimation + 1, self.decimation))

    @property
    def frame_time(self) -> float:
        """Seconds per read: the whole 2048 columns are clocked whatever columns are kept."""
        return detector.MODE.frame_time()

    @property
    def group_time(self) -> float:
        """Seconds between groups."""
        return self.decimation * self.frame_time

    @property
    def times(self) -> np.ndarray:
        """Seconds since reset at which each group is read, shape (group,)."""
        return (np.array(self.reads) + 1) * self.frame_time

    @property
    def indices(self) -> tuple[int, ...]:
        """Which of the 465 real integrations are simulated, in order."""
        if self.total > scene.INTEGRATIONS:
            return tuple(range(self.total))
        return tuple(int(i) for i in np.round(np.linspace(0, scene.INTEGRATIONS - 1, self.total)))

    def locate(self, segment: int, integration: int) -> int:
        """Return the zero-based integration in the exposure of zero-based ``integration`` in one-based ``segment``.

        Raises
        ------
        ValueError
            If there is no such segment, or no such integration in it.
        """
        if not 1 <= segment <= len(self.integrations):
            raise ValueError(f"no segment {segment}: choose 1 to {len(self.integrations)}")
        if not 0 <= integration < self.integrations[segment - 1]:
            raise ValueError(f"no integration {integration}: segment {segment} has {self.integrations[segment - 1]}")
        return sum(self.integrations[: segment - 1]) + integration

    def has(self, effect: str) -> bool:
        """Return True when ``effect`` takes part.

        Raises
        ------
        ValueError
            If there is no such effect: a misspelt name is an error.
        """
        if effect not in EFFECTS:
            raise ValueError(f"no effect {effect!r}: choose from {', '.join(EFFECTS)}")
        return effect not in self.without

    def scene(self, name: str) -> scene.Scene:
        """Return the light on detector ``name``."""
        return scene.Scene(name, self.indices, self.columns, self.without & set(scene.EFFECTS), self.seed)

    def examples(self) -> dict[str, examples.Example]:
        """Return where the worked examples stand."""
        return examples.place(self, detector.MODE.detector(self.detectors[0]).trace)


def _is(value, kind) -> bool:
    """True for a value of a kind; NumPy's whole numbers are whole numbers, True and False are none."""
    return isinstance(value, (int, np.integer) if kind is int else kind) and not isinstance(value, bool)


def _sequence(name: str, values, kind) -> tuple:
    """A parameter that holds several values of one kind, as a tuple."""
    wanted = "whole numbers" if kind is int else "names"
    if isinstance(values, str) or not hasattr(values, "__iter__") or not all(_is(value, kind) for value in values):
        raise ValueError(f"{name}={values!r}: give {wanted}, in a tuple")
    return tuple(int(value) for value in values) if kind is int else tuple(values)
