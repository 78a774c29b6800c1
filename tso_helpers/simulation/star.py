"""The lines in the star's spectrum: where they stand by the constants of atoms and molecules, how deep by choice.

A G8 dwarf of 5,450 K shows three kinds between 2.7 and 5.2 um: the bands of carbon monoxide from 4.3 um on, lines of
hydroxyl, and a few of hydrogen. Positions in vacuum come from energy levels: Rydberg's formula for hydrogen, for the
molecules the constants of Huber & Herzberg 1979 ("Constants of diatomic molecules", NIST Chemistry WebBook). They are
good to a few tenths of 1/cm, a fraction of a pixel. How deep each kind is we chose [A]: no atmosphere is computed.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

TEMPERATURE = 5450.0  # K
RADIAL_VELOCITY = -58.5  # km/s, of WASP-39 (Faedi et al. 2011, arXiv:1102.1375); the telescope's own is neglected [A]
SPEED_OF_LIGHT = 299_792.458  # km/s
SECOND_RADIATION_CONSTANT = 1.438777  # cm K
RYDBERG = 109_677.583  # 1/cm, of hydrogen

#: Width of a line (um, full width at half maximum): the instrument's, R = 2,700 at 4 um.
WIDTH = 4.0 / 2700
#: How much of the light is missing where, between 2.6 and 5.4 um, a kind of line is deepest [A].
DEPTHS = {"hydrogen": 0.04, "hydroxyl": 0.05, "carbon monoxide": 0.09}

_GRID = np.arange(2.6, 5.4, 1e-5)  # um, 1/150 of a line's width


def hydrogen() -> tuple[np.ndarray, np.ndarray]:
    """Return wavelengths (um) and relative strengths of hydrogen's lines that end on levels 4, 5 and 6.

    Strengths fall with the step between the levels and with the lower level's energy [A].
    """
    lower, upper = np.array([(n, m) for n in (4, 5, 6) for m in range(n + 1, n + 8)]).T
    strength = 1.0 / ((upper - lower) * (lower - 3))
    return 1e4 / (RYDBERG * (1 / lower**2 - 1 / upper**2)), strength


def carbon_monoxide() -> tuple[np.ndarray, np.ndarray]:
    """Return wavelengths (um) and relative strengths of the fundamental bands of CO, v to v + 1 for v = 0 to 3.

    In branch R the molecule's J grows by one, in P it shrinks. A line is as strong as its lower level is occupied,
    times J + 1 in R and J in P, times v + 1.
    """
    j = np.arange(120.0)

    def level(v, j):
        vibration = 2169.81358 * (v + 0.5) - 13.28831 * (v + 0.5) ** 2
        rotation = (1.93128087 - 0.01750441 * (v + 0.5)) * j * (j + 1)
        return vibration + rotation - 6.12147e-6 * (j * (j + 1)) ** 2

    return _bands(level, ((j, j + 1, j + 1), (j[1:], j[1:] - 1, j[1:])), 4)


def hydroxyl() -> tuple[np.ndarray, np.ndarray]:
    """Return wavelengths (um) and relative strengths of the fundamental bands of OH, v to v + 1 for v = 0 and 1.

    Each line is double by the electron's spin (Hill & Van Vleck 1928); the further, narrow splitting is left out.
    """
    j = np.arange(1.5, 25)
    branches = (j, j + 1, j + 0.5), (j[1:], j[1:] - 1, j[1:] - 0.5)
    both = [_bands(partial(hydroxyl_level, ladder), branches, 2) for ladder in (1, 2)]
    return tuple(np.concatenate(parts) for parts in zip(*both, strict=True))


def hydroxyl_level(ladder: int, v, j) -> np.ndarray:
    """Return the energy (1/cm) of OH on the lower (1) or upper (2) ladder of spin, vibration ``v``, rotation ``j``."""
    sign = -1 if ladder == 1 else 1
    vibration = 3737.76 * (v + 0.5) - 84.881 * (v + 0.5) ** 2
    turning = 18.911 - 0.7242 * (v + 0.5)
    spin = -139.21 / turning
    split = np.sqrt(4 * (j + 0.5) ** 2 + spin * (spin - 4))
    n = j + 0.5 * sign
    return vibration + turning * ((j + 0.5) ** 2 - 1 + sign * split / 2) - 1.938e-3 * (n * (n + 1)) ** 2


def _bands(level, branches, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths and strengths from a term formula (1/cm); a branch holds J below, J above, and its weights."""
    found = []
    for v in range(count):
        for lower, upper, weight in branches:
            energy = level(v, lower)
            wavelength = 1e4 / (level(v + 1, upper) - energy)
            occupied = np.exp(-SECOND_RADIATION_CONSTANT * (energy - level(0, branches[0][0][0])) / TEMPERATURE)
            found.append((wavelength, (v + 1) * weight * occupied))
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


KINDS = {"hydrogen": hydrogen, "hydroxyl": hydroxyl, "carbon monoxide": carbon_monoxide}


@lru_cache
def _transmission() -> np.ndarray:
    """Share of the light that the lines leave, on `_GRID`."""
    sigma = WIDTH / np.sqrt(8 * np.log(2))
    depth = np.zeros_like(_GRID)
    for name, lines in KINDS.items():
        thickness = np.zeros_like(_GRID)
        for wavelength, strength in zip(*lines(), strict=True):
            centre = wavelength * (1 + RADIAL_VELOCITY / SPEED_OF_LIGHT)
            near = slice(*np.searchsorted(_GRID, (centre - 6 * sigma, centre + 6 * sigma)))
            thickness[near] += strength * np.exp(-0.5 * ((_GRID[near] - centre) / sigma) ** 2)
        depth += thickness * (-np.log(1 - DEPTHS[name]) / thickness.max())
    return np.exp(-depth)


def transmission(wavelength) -> np.ndarray:
    """Return the share of the star's light that its lines leave, as the instrument resolves them.

    Parameters
    ----------
    wavelength : array or float
        um, as observed: the lines are shifted by the star's radial velocity.

    Returns
    -------
    array or float
        1 between the lines.
    """
    return np.interp(wavelength, _GRID, _transmission())
