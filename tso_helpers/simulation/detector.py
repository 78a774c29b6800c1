"""The two detectors: their constants, their pixels, and what the pixels do to charge.

All maps are (32, 2048), row and column zero-based, in the science orientation in which MAST delivers them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..instrument import NIRSPEC_G395H as MODE
from .noise import stream

ROWS, COLUMNS, REFERENCE_COLUMNS, ADC_MAX = MODE.rows, MODE.columns, MODE.reference_columns, MODE.adc_max

#: What the mask reference calls its flags; values are the pipeline's own bits (jwst.datamodels.dqflags.pixel).
DQ = {
    "DO_NOT_USE": 1,
    "OTHER_BAD_PIXEL": 2**30,
    "HOT": 2**11,
    "DEAD": 2**10,
    "LOW_QE": 2**13,
    "RC": 2**14,
    "UNRELIABLE_SLOPE": 2**24,
    "OPEN": 2**26,
    "ADJ_OPEN": 2**27,
    "REFERENCE_PIXEL": 2**31,
}


@dataclass(frozen=True)
class Detector:
    """Constants of one detector that only nature knows; what everybody knows stands in `tso_helpers.instrument`.

    Sources: the data of ERS 1366 and the reference files that calibrate them; ``[A]`` marks a choice of ours.
    """

    name: str
    gain: float  # e-/DN
    gain_factor: float  # GAINFACT: what gain_scale multiplies rates by
    sigma: tuple[float, float]  # cross-dispersion sigma (pixels) at the blue and the red end
    white_noise: float  # e- per read
    readnoise_reference: float  # DN, of the difference of two reads, what the READNOISE reference states
    migration: float  # charge migration, per e- [A]
    bias: float  # DN
    bias_edge: float  # DN, excess of the superbias at either end of the frame
    pedestal: float  # DN, mean offset of the frame over the superbias
    odd_even: float  # DN, mean of even over odd rows


DETECTORS = {
    "NRS1": Detector(
        "NRS1",
        gain=1.4156,
        gain_factor=1.429,
        sigma=(0.66, 0.74),
        white_noise=9.9,
        readnoise_reference=11.15,
        migration=1.5e-7,
        bias=5500.0,
        bias_edge=900.0,
        pedestal=90.0,
        odd_even=70.0,
    ),
    "NRS2": Detector(
        "NRS2",
        gain=1.6194,
        gain_factor=1.428,
        sigma=(0.78, 0.85),
        white_noise=11.8,
        readnoise_reference=10.70,
        migration=0.5e-7,
        bias=8000.0,
        bias_edge=-900.0,
        pedestal=85.0,
        odd_even=65.0,
    ),
}

#: Mean charge (e-) of a full pixel; 10 % from pixel to pixel. The JWST documentation ("NIRSpec detector subarrays")
#: states a saturation limit of 77,000 e- that goes with the gain of subarrays, 1.43 times that of the full frame. It is
#: the limit of the saturation step, 0.9 of the plateau, as counts times gain, not yet linear: (58,700 - 5,500) DN x
#: 1.4156 = 75,000 e- in NRS1, (55,300 - 8,000) DN x 1.6194 = 77,000 e- in NRS2. Pixels that show it hold 82,000 e-,
#: and 93,000 e- on the plateau. At the full frame's gain, about 1 e-/DN, the converter would end before that.
FULL_WELL = 93_000.0
KTC = 29.0  # e-, reset noise, fixed within an integration
ONE_OVER_F = 7.5  # e- rms between 1/frame time and 50 kHz
DARK = 0.0064  # e-/s
IPC = 0.006  # fraction of a pixel's charge seen by each of its four neighbours [A]
SETTLING_TIME = 20.0  # s, time constant of the bias-settling ramp [A]


#: Where the lessons' worked examples stand (row, column): ordinary pixels, apart from what happens to them.
ORDINARY_PIXELS = ((3, 100), (12, 1000), (11, 2000))


def get(name: str) -> Detector:
    """Return the constants of detector ``name``.

    Raises
    ------
    ValueError
        If there is no such detector; the message lists those that there are.
    """
    try:
        return DETECTORS[name]
    except KeyError:
        raise ValueError(f"no detector {name!r}: choose from {', '.join(DETECTORS)}") from None


@dataclass(frozen=True)
class DetectorMaps:
    """What differs from pixel to pixel; each an array (32, 2048) in the science orientation."""

    reference_pixel: np.ndarray  # bool
    flat: np.ndarray  # relative response; bad pixels included, 0 in reference pixels
    dark: np.ndarray  # e-/s, hot pixels included
    settle: np.ndarray  # DN, amplitude A of the bias-settling ramp A (1 - exp(-t / SETTLING_TIME))
    offset: np.ndarray  # DN by which active pixels stand above what superbias and reference pixels remove [A]
    c2: np.ndarray  # 1/DN;  F = m + c2 m^2 + c3 m^3, F the true and m the measured DN above bias
    c3: np.ndarray  # 1/DN^2
    full_well: np.ndarray  # e-, where the charge stops to grow
    plateau: np.ndarray  # DN above bias, the measured value of a full pixel
    superbias: np.ndarray  # DN
    white_noise: np.ndarray  # DN per read
    telegraph: np.ndarray  # DN, step of pixels with random telegraph noise, 0 elsewhere
    saturation_limit: np.ndarray  # raw DN, bias included: 0.9 of the plateau
    mask: np.ndarray  # uint32, the flags that the MASK reference knows

    def cut(self, columns: tuple[int, int]) -> DetectorMaps:
        """Return the same maps for columns ``[start, stop)``."""
        window = slice(*columns)
        return DetectorMaps(**{f.name: getattr(self, f.name)[:, window] for f in fields(self)})


@lru_cache(maxsize=4)
def maps(name: str, seed: int) -> DetectorMaps:
    """Draw the pixels of detector ``name``.

    Parameters
    ----------
    name : str
        ``"NRS1"`` or ``"NRS2"``.
    seed : int
        Seed of the exposure; the same seed gives the same detector.

    Returns
    -------
    DetectorMaps
        Read-only arrays, each (32, 2048).
    """
    det, shape = get(name), (ROWS, COLUMNS)
    rng = stream(seed, "pixels", name)
    reference = np.zeros(shape, bool)
    reference[:, :REFERENCE_COLUMNS] = reference[:, -REFERENCE_COLUMNS:] = True

    flat = 1 + 0.03 * rng.standard_normal(shape)
    dark = DARK * np.exp(0.5 * rng.standard_normal(shape))
    column = np.arange(COLUMNS)
    left = 1 / (1 + np.exp((column - 500) / 15))
    settle = (2.8 + 2.2 * left) / (1 - np.exp(-63.14 / SETTLING_TIME)) * (1 + 0.1 * rng.standard_normal(shape))
    offset = (55 - 15 * left) * (1 + 0.05 * rng.standard_normal(shape))
    c2 = 1.3e-6 * (1 + 0.1 * rng.standard_normal(shape))
    c3 = np.full(shape, 1e-11)
    full_well = FULL_WELL * np.clip(1 + 0.1 * rng.standard_normal(shape), 0.7, 1.3)
    superbias = _superbias(det, rng)
    white = det.white_noise / det.gain * np.where(reference, 0.8, 1.0)
    telegraph = _telegraph_steps(det, rng)
    mask = _bad_pixels(rng, flat, dark)

    flat[reference] = 0
    for unlit in (dark, settle, offset, telegraph):
        unlit[reference] = 0
    mask[reference] = DQ["REFERENCE_PIXEL"]  # without DO_NOT_USE, or refpix would not use them
    plateau = unlinearise(full_well / det.gain, c2, c3)
    # the converter ends at 65535: the limit of a deep pixel must lie below that, or it could never be flagged
    limit = np.minimum(superbias + 0.9 * plateau, ADC_MAX - 500)
    result = DetectorMaps(
        reference, flat, dark, settle, offset, c2, c3, full_well, plateau, superbias, white, telegraph, limit, mask
    )
    for f in fields(result):
        getattr(result, f.name).setflags(write=False)
    return result


def _superbias(det: Detector, rng: np.random.Generator) -> np.ndarray:
    """Fixed pattern of the bias (DN): pixels, odd/even rows, columns, and bright or dark ends."""
    column = np.arange(COLUMNS)
    pixels = 250 * rng.standard_normal((ROWS, COLUMNS))
    columns = gaussian_filter1d(rng.standard_normal(COLUMNS), 1.0, mode="wrap")
    columns *= 90 / columns.std()
    waves = gaussian_filter1d(rng.standard_normal(COLUMNS), 40, mode="wrap")
    waves *= 60 / waves.std()
    rows = np.where(np.arange(ROWS) % 2 == 0, 0.5, -0.5)[:, None] * 220
    ends = det.bias_edge * (np.exp(-column / 35) + np.exp(-column[::-1] / 35))
    return det.bias + pixels + columns + waves + rows + ends


def _ordinary() -> np.ndarray:
    """True within two pixels of `ORDINARY_PIXELS`."""
    near = np.zeros((ROWS, COLUMNS), bool)
    for row, column in ORDINARY_PIXELS:
        near[max(row - 2, 0) : row + 3, column - 2 : column + 3] = True
    return near


def _telegraph_steps(det: Detector, rng: np.random.Generator, fraction: float = 0.0125) -> np.ndarray:
    """Steps (DN) of the pixels with telegraph noise: some tens of electrons [A], 0 for all other pixels."""
    chosen = (rng.random((ROWS, COLUMNS)) < fraction) & ~_ordinary()
    electrons = 45 * np.exp(0.6 * rng.standard_normal((ROWS, COLUMNS)))
    return np.where(chosen, electrons / det.gain, 0.0)


def _bad_pixels(rng: np.random.Generator, flat: np.ndarray, dark: np.ndarray) -> np.ndarray:
    """Make some pixels bad in place; return the flags that MASK knows (uint32): all but a few of them."""
    mask = np.zeros(flat.shape, np.uint32)
    eligible = ~_ordinary()
    eligible[:, :REFERENCE_COLUMNS] = eligible[:, -REFERENCE_COLUMNS:] = False
    counts = {"DEAD": 50, "LOW_QE": 70, "OPEN": 4, "HOT": 110, "RC": 20, "UNRELIABLE_SLOPE": 25, "OTHER_BAD_PIXEL": 30}
    picked = iter(rng.permutation(np.flatnonzero(eligible)))
    for name, count in counts.items():
        for position in range(count):
            row, column = np.unravel_index(next(picked), flat.shape)
            flat[row, column] *= {"DEAD": 0.005, "LOW_QE": 0.5, "OPEN": 0.02}.get(name, 1.0)
            if name == "OPEN":  # an open pixel's charge shows up in its neighbours
                for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                    if 0 <= r < ROWS and REFERENCE_COLUMNS <= c < COLUMNS - REFERENCE_COLUMNS:
                        flat[r, c] *= 1.15
                        mask[r, c] |= DQ["ADJ_OPEN"] | DQ["DO_NOT_USE"]
            if name == "HOT":
                dark[row, column] = 10 ** rng.uniform(0, 2.2)
            if position >= 0.04 * count or name == "OPEN":  # MASK does not know every bad pixel
                mask[row, column] |= DQ[name] | (DQ["DO_NOT_USE"] if name not in ("RC", "LOW_QE") else 0)
    for _ in range(2):  # pixels that are full before the first read is over, unknown to MASK
        row, column = np.unravel_index(next(picked), flat.shape)
        dark[row, column] = 5e5
    return mask


def linearise(measured, c2, c3):
    """Return true DN above bias from measured: F = m + c2 m^2 + c3 m^3."""
    return measured * (1 + measured * (c2 + measured * c3))


def unlinearise(true, c2, c3):
    """Invert `linearise`: the m (DN above bias) for which m + c2 m^2 + c3 m^3 = ``true``, by Newton's method.

    Works on any shape for which ``c2`` and ``c3`` broadcast; exact to float precision for 0 <= true < 2e5 DN.
    """
    measured = np.array(true, copy=True)
    for _ in range(5):
        slope = 1 + measured * (2 * c2 + 3 * c3 * measured)
        measured -= (linearise(measured, c2, c3) - true) / slope
    return measured


def couple_voltages(true: np.ndarray, c2, c3, fraction: float = IPC) -> np.ndarray:
    """Apply non-linearity and inter-pixel capacitance together: what pixels show that hold ``true`` DN above bias.

    The two cannot be put one before the other. The charge that a pixel has collected lies on its own capacitance, which
    changes as it fills (the non-linearity: F(V) for the voltage V), and on the small capacitances between it and its
    neighbours, in proportion to the difference of the *voltages*:

        F(V_i) + fraction * sum over neighbours (V_i - V_j) = true_i.

    This is solved to first order in ``fraction``; the second is 1e-4 of the differences. Without non-linearity it is
    `couple`. A linearity step that works pixel by pixel turns V into F(V), and so leaves the coupling in.

    Parameters
    ----------
    true : numpy.ndarray, shape (..., row, column)
        Collected charge as linear DN above bias.
    c2, c3 : numpy.ndarray, shape (row, column)
        See `linearise`.
    fraction : float
        Of a difference of voltages, seen by the neighbour.

    Returns
    -------
    numpy.ndarray, same shape
        DN above bias.
    """
    alone = unlinearise(true, c2, c3)
    shown = couple(alone, fraction)
    shown -= alone
    shown /= 1 + alone * (2 * c2 + 3 * c3 * alone)  # dF/dV
    shown += alone
    return shown


def couple(charge: np.ndarray, fraction: float = IPC) -> np.ndarray:
    """Apply inter-pixel capacitance to linear pixels: each shows ``fraction`` of each of its four neighbours' charge.

    ``charge`` is (..., row, column), any unit; the total is conserved, also at the edges.
    """
    seen = charge.copy()
    for axis in (-2, -1):
        flow = fraction * np.diff(charge, axis=axis)
        near, far = _pairs(seen, axis)
        near += flow
        far -= flow
    return seen


def migrate(charge: np.ndarray, strength: float) -> np.ndarray:
    """Move charge: a bright pixel loses charge to a fainter neighbour, the more the fuller it is.

    From pixel i to its fainter neighbour j flow ``strength`` x N_i (N_i - N_j) / 2 electrons.

    Parameters
    ----------
    charge : numpy.ndarray, shape (..., row, column)
        Accumulated electrons.
    strength : float
        Per electron.

    Returns
    -------
    numpy.ndarray, same shape; the total is conserved.
    """
    moved = charge.copy()
    for axis in (-2, -1):
        near, far = _pairs(charge, axis)
        flow = np.maximum(near, far)
        flow *= near - far
        flow *= strength / 2
        near, far = _pairs(moved, axis)
        near -= flow
        far += flow
    return moved


def _pairs(image: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Views of all neighbours along ``axis``: (first of each pair, second of each pair)."""
    if axis == -1:
        return image[..., :-1], image[..., 1:]
    return image[..., :-1, :], image[..., 1:, :]


def settling(times: np.ndarray, settle: np.ndarray) -> np.ndarray:
    """Return the bias-settling ramp (DN), shape (group, row, column), at ``times`` (s) since reset."""
    rise = (1 - np.exp(-np.asarray(times) / SETTLING_TIME)).astype(np.float32)
    return rise[:, None, None] * settle.astype(np.float32)
