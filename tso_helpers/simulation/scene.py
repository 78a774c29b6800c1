"""The sky: WASP-39, its planet's transit at each wavelength, and how the light falls on the detector in time.

Sources: Alderson et al. 2023 (doi:10.1038/s41586-022-05591-3) for the observation, Espinoza et al. 2024 (the
terminators of WASP-39 b) for the orbit, the published G395H spectrum (binned) for the depths. ``[A]``: ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import batman
import numpy as np
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtr

from . import detector

TARGET = SkyCoord("14h29m18.39521s", "-03d26m40.2033s")
EXPOSURE_START = Time("2022-07-30T22:05:00", scale="utc")
INTEGRATIONS = 465  # of the real exposure
READS = 70  # per integration
INTEGRATION_TIME = 64.042  # s: one reset read and 70 reads
PERIOD, A_OVER_R, IMPACT = 4.0552842, 11.39, 0.4498  # d, stellar radii, stellar radii
MID_TRANSIT = 2459791.612068  # BJD_TDB

#: Transit depth in per cent, by wavelength in um.
_DEPTH = np.array([
    (2.775, 2.230), (2.975, 2.179), (3.225, 2.149), (3.475, 2.128), (3.675, 2.121), (3.925, 2.110), (4.075, 2.144),
    (4.175, 2.128), (4.225, 2.190), (4.325, 2.271), (4.425, 2.256), (4.525, 2.187), (4.675, 2.151), (4.725, 2.174),
    (4.875, 2.169), (5.075, 2.158),
])  # fmt: skip
#: Quadratic limb darkening u1, u2, by wavelength in um.
_LIMB = np.array([
    (2.78, 0.106, 0.159), (3.25, 0.105, 0.131), (3.67, 0.103, 0.111), (4.04, 0.093, 0.102), (4.38, 0.097, 0.092),
    (4.84, 0.092, 0.083), (5.12, 0.087, 0.080),
])  # fmt: skip
#: Detected electrons per second and column (throughput x black body), by wavelength in um.
_STAR = np.array([
    (2.8, 447), (2.9, 1253), (3.0, 1540), (3.3, 1572), (3.7, 1267), (3.9, 1047), (4.3, 681), (4.7, 422), (5.1, 288),
])  # fmt: skip
BLUE_EDGE = (2.73, 2.80)  # um, between which the filter lets the light in

SKY = 0.03  # e-/s per pixel [A]
TILT_INTEGRATION = 270.5  # of the real exposure: the mirror-tilt event
TILT_SIGMA = 0.733 / 0.720  # the profile's sigma steps by this factor
TILT_ROW = 0.03  # pixel
TILT_WINGS = 0.064 - 0.040  # of the light moves from the core into the first wing [A]
WINGS = ((0.040, 3.0), (0.020, 8.0))  # (fraction of the light, sigma in pixels) [A]
DRIFT = -3e-4  # relative flux per day/4, linear over the exposure [A]
START_RAMP = (-6e-4, 8.0)  # relative flux at the start, decay in integrations [A]


def depth(wavelength) -> np.ndarray:
    """Return the transit depth (Rp/R*)^2 at ``wavelength`` (um): smooth through the published, binned spectrum.

    The curve keeps the shape of the data (PCHIP): between two bins it never leaves the range of the two.
    """
    curve = PchipInterpolator(_DEPTH[:, 0], _DEPTH[:, 1])
    return curve(np.clip(wavelength, _DEPTH[0, 0], _DEPTH[-1, 0])) / 100


def limb_darkening(wavelength) -> tuple[np.ndarray, np.ndarray]:
    """Return quadratic coefficients (u1, u2) at ``wavelength`` (um), interpolated in a model for WASP-39."""
    return tuple(np.interp(wavelength, _LIMB[:, 0], _LIMB[:, i]) for i in (1, 2))


def star_spectrum(wavelength) -> np.ndarray:
    """Return the detected electrons per second and column at ``wavelength`` (um), out of transit."""
    wavelength = np.asarray(wavelength, float)
    logarithm = PchipInterpolator(_STAR[:, 0], np.log(_STAR[:, 1]), extrapolate=True)
    smooth = np.exp(logarithm(np.clip(wavelength, 2.8, 5.2)))
    edge = np.clip((wavelength - BLUE_EDGE[0]) / (BLUE_EDGE[1] - BLUE_EDGE[0]), 0, 1)
    return smooth * edge**2 * (3 - 2 * edge)


def start_times(index) -> Time:
    """Return the UTC at which integration ``index`` (from zero, of the 465 real ones) starts, reset included."""
    return EXPOSURE_START + np.asarray(index) * INTEGRATION_TIME * u.s


def to_bjd(time: Time) -> np.ndarray:
    """Return the barycentric Julian date (TDB) of ``time``, from the Earth's centre: JWST's own 5 s are neglected."""
    with iers.conf.set_temp("auto_download", False):
        delay = time.light_travel_time(TARGET, "barycentric", location=EarthLocation.from_geocentric(0, 0, 0, u.m))
        return (time.tdb + delay).jd


@lru_cache
def mid_times(indices: tuple[int, ...]) -> np.ndarray:
    """BJD_TDB at the middle of the integrations ``indices`` (of the 465 real ones)."""
    middle = start_times(np.array(indices)) + INTEGRATION_TIME / 2 * u.s
    return to_bjd(middle)


def transit(time: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
    """Return the relative flux of the star in transit, by the batman package (Kreidberg 2015).

    Parameters
    ----------
    time : numpy.ndarray, shape (n,)
        BJD_TDB.
    wavelength : numpy.ndarray, shape (m,)
        um.

    Returns
    -------
    numpy.ndarray, shape (n, m)
        1 out of transit.
    """
    parameters = batman.TransitParams()
    parameters.t0, parameters.per, parameters.a = MID_TRANSIT, PERIOD, A_OVER_R
    parameters.inc = np.degrees(np.arccos(IMPACT / A_OVER_R))
    parameters.ecc, parameters.w, parameters.limb_dark = 0.0, 90.0, "quadratic"
    ratios, limbs = np.sqrt(depth(wavelength)), np.stack(limb_darkening(wavelength), axis=-1)
    parameters.rp, parameters.u = ratios[0], list(limbs[0])
    exposure = INTEGRATION_TIME / 86400
    model = batman.TransitModel(parameters, np.asarray(time, float), supersample_factor=3, exp_time=exposure)
    flux = np.empty((len(time), len(wavelength)))
    for i, (ratio, limb) in enumerate(zip(ratios, limbs, strict=True)):
        parameters.rp, parameters.u = ratio, list(limb)
        flux[:, i] = model.light_curve(parameters)
    return flux


def trends(index) -> np.ndarray:
    """Return the instrumental factor on the star's light at integration ``index``: start-up ramp and linear drift."""
    index = np.asarray(index, float)
    return 1 + START_RAMP[0] * np.exp(-index / START_RAMP[1]) + DRIFT * (index / INTEGRATIONS - 0.5)


@dataclass(frozen=True)
class Scene:
    """The light on one detector: everything before the detector does anything to it.

    Parameters
    ----------
    name : str
        Detector.
    indices : tuple of int
        Which of the 465 real integrations are simulated, in order.
    columns : (int, int)
        Columns kept, ``[start, stop)``.
    without : frozenset of str
        Effects switched off: any of ``transit``, ``trends``, ``tilt``, ``sky``.
    """

    name: str
    indices: tuple[int, ...]
    columns: tuple[int, int] = (0, detector.COLUMNS)
    without: frozenset = frozenset()

    @property
    def wavelength(self) -> np.ndarray:
        """Wavelength (um) at each kept column, shape (column,)."""
        return detector.MODE.detector(self.name).wavelength(np.arange(*self.columns))

    def column_flux(self, integration: int) -> np.ndarray:
        """Return the star's electrons per second in each kept column, shape (column,), at ``integration``."""
        flux = star_spectrum(self.wavelength)
        if "transit" not in self.without:
            flux = flux * _transits(self.indices, self.name)[integration, slice(*self.columns)]
        return flux if "trends" in self.without else flux * trends(self.indices[integration])

    def tilted(self, integration: int) -> bool:
        """Return True after the mirror-tilt event."""
        return "tilt" not in self.without and self.indices[integration] > TILT_INTEGRATION

    def star(self, integration: int) -> np.ndarray:
        """Return the star's electrons per second and pixel, shape (row, column), at zero-based ``integration``."""
        return self.column_flux(integration) * _profile(self.name, self.columns, self.tilted(integration))

    def electron_rate(self, integration: int) -> np.ndarray:
        """Return the electrons per second and pixel from star and sky, shape (row, column)."""
        return self.star(integration) + (0.0 if "sky" in self.without else SKY)


@lru_cache(maxsize=8)
def _transits(indices: tuple[int, ...], name: str) -> np.ndarray:
    """Relative flux in transit, shape (integration, all columns); every 8th column modelled, the rest interpolated."""
    wavelength = detector.MODE.detector(name).wavelength(np.arange(detector.COLUMNS))
    knots = np.unique(np.r_[0 : detector.COLUMNS : 8, detector.COLUMNS - 1])
    models = transit(mid_times(indices), wavelength[knots])
    right = np.clip(np.searchsorted(knots, np.arange(detector.COLUMNS), side="right"), 1, len(knots) - 1)
    weight = (np.arange(detector.COLUMNS) - knots[right - 1]) / (knots[right] - knots[right - 1])
    return models[:, right - 1] * (1 - weight) + models[:, right] * weight


@lru_cache(maxsize=16)
def _profile(name: str, columns: tuple[int, int], tilted: bool) -> np.ndarray:
    """Fraction of a column's light in each pixel, shape (row, column): core and wings integrated over the pixel."""
    det, x = detector.get(name), np.arange(*columns)
    sigma = np.interp(x, (0, detector.COLUMNS - 1), det.sigma) * (TILT_SIGMA if tilted else 1.0)
    centre = detector.MODE.detector(name).trace(x) + (TILT_ROW if tilted else 0.0)
    edges = np.arange(detector.ROWS + 1)[:, None] - 0.5 - centre
    wings = [(f + (TILT_WINGS if tilted and i == 0 else 0.0), s) for i, (f, s) in enumerate(WINGS)]
    parts = [(1 - sum(f for f, _ in wings), sigma), *wings]
    return sum(fraction * np.diff(ndtr(edges / width), axis=0) for fraction, width in parts)


#: Detected electrons per second in the target-acquisition filter [A].
ACQUISITION_RATE = 4.5e5


def acquisition_image(exposure: int) -> np.ndarray:
    """Return the rate (e-/s, shape (32, 32)) of target-acquisition image ``exposure`` (1 or 2) [A].

    The first image finds the star some pixels off; the second sees it after the correcting move, closer to the centre.
    """
    row, column = {1: (17.9, 12.8), 2: (16.1, 15.3)}[exposure]
    edges = np.arange(33) - 0.5
    image = np.zeros((32, 32))
    for fraction, width in ((0.75, 0.8), (0.18, 2.0), (0.07, 6.0)):
        y, x = (np.diff(ndtr((edges - centre) / width)) for centre in (row, column))
        image += fraction * y[:, None] * x
    return ACQUISITION_RATE * image + 2.0
