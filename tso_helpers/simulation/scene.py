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
from . import star as stellar
from .noise import stream

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

SKY = 0.03  # e-/s per pixel, through the slit [A]; light through shutters that fail to close is left out [A]
TILT_INTEGRATION = 270.5  # of the real exposure: the mirror-tilt event
TILT_SIGMA = 0.733 / 0.720  # the profile's sigma steps by this factor
TILT_ROW = 0.03  # pixel
TILT_WINGS = 0.064 - 0.040  # of the light moves from the core into the first wing [A]
WINGS = ((0.040, 3.0), (0.020, 8.0))  # (fraction of the light, sigma in pixels) [A]

#: Slope of the baseline, relative flux from the start of the exposure to its end, and what is added to it at 2.8 um,
#: falling to nothing at 3.5 um. That NRS1 has the steeper one, above all in the blue, so that the two detectors'
#: depths differ where it is not modelled: arXiv:2405.06737, 2511.18196. The size [A]: 40 ppm between the depths.
SLOPE = {"NRS1": (-6.0e-4, -3.4e-4), "NRS2": (-1.5e-4, 0.0)}
SLOPE_WAVELENGTHS = (2.8, 3.5)  # um
START_RAMP = {"NRS1": -6e-4, "NRS2": -3e-4}  # relative flux at the start [A]
START_DECAY = 8.0  # integrations [A]

#: Pointing: "JWST pointing performance" (JWST documentation) has a jitter of 1 mas and a drift of a few mas in hours.
#: Its page on fine guiding takes the 1 mas (an axis) from means over 15 s. Were these independent, the mean over an
#: integration of 63 s would move by 0.5 mas; slow motion moves it by the whole. We take the larger [A].
JITTER = 1.0  # mas, one standard deviation of an integration's mean on either axis
POINTING_DRIFT = (3.0, -2.0)  # mas in rows and columns, from the start of the exposure to its end [A]

#: By how much a pixel answers less at its edge than in its middle, along a row or a column [A]: the per cents that are
#: measured in near-infrared detectors of that kind. The mean over the pixel is 1.
INTRAPIXEL = 0.03

#: Effects of the scene that can be switched off.
EFFECTS = ("transit", "stellar_lines", "pointing", "tilt", "slit", "sky", "slit_tilt", "trends", "intrapixel")


def depth(wavelength) -> np.ndarray:
    """Return the transit depth (Rp/R*)^2 at ``wavelength`` (um): smooth through the published, binned spectrum.

    The curve keeps the shape of the data (PCHIP): between two bins it never leaves the range of the two.
    """
    curve = PchipInterpolator(_DEPTH[:, 0], _DEPTH[:, 1])
    return curve(np.clip(wavelength, _DEPTH[0, 0], _DEPTH[-1, 0])) / 100


def limb_darkening(wavelength) -> tuple[np.ndarray, np.ndarray]:
    """Return quadratic coefficients (u1, u2) at ``wavelength`` (um), interpolated in a model for WASP-39."""
    return tuple(np.interp(wavelength, _LIMB[:, 0], _LIMB[:, i]) for i in (1, 2))


def star_spectrum(wavelength, lines: bool = True) -> np.ndarray:
    """Return the star's electrons per second and column at ``wavelength`` (um), out of transit, before the slit.

    ``lines`` False gives the continuum alone.
    """
    wavelength = np.asarray(wavelength, float)
    logarithm = PchipInterpolator(_STAR[:, 0], np.log(_STAR[:, 1]), extrapolate=True)
    smooth = np.exp(logarithm(np.clip(wavelength, 2.8, 5.2))) * blue_edge(wavelength)
    return smooth * stellar.transmission(wavelength) if lines else smooth


def blue_edge(wavelength) -> np.ndarray:
    """Return the share of the light at ``wavelength`` (um) that the filter lets in, 0 to 1."""
    edge = np.clip((np.asarray(wavelength) - BLUE_EDGE[0]) / (BLUE_EDGE[1] - BLUE_EDGE[0]), 0, 1)
    return edge**2 * (3 - 2 * edge)


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


def trends(index, name: str, wavelength) -> np.ndarray:
    """Return the instrumental factor on the star's light at integration ``index``: start-up ramp and slope.

    Parameters
    ----------
    index : array or float
        Of the 465 real integrations.
    name : str
        Detector: the two differ.
    wavelength : array or float
        um; broadcasts with ``index``.

    Returns
    -------
    array or float
        About 1; the slope is nought in the middle of the exposure.
    """
    index, (slope, blue) = np.asarray(index, float), SLOPE[name]
    slope = slope + blue * (1 - np.clip(np.interp(wavelength, SLOPE_WAVELENGTHS, (0, 1)), 0, 1))
    return 1 + START_RAMP[name] * np.exp(-index / START_DECAY) + slope * (index / INTEGRATIONS - 0.5)


def pointing(seed: int, integration: int, index: int) -> tuple[float, float]:
    """Return how far the star stands from the middle of the slit in one integration, in rows and columns.

    Parameters
    ----------
    seed : int
        Of the exposure. Both detectors see the same pointing.
    integration : int
        Zero-based, in the exposure: the jitter of each is drawn anew.
    index : int
        The same integration among the 465 real ones: the drift is linear in time.
    """
    jitter = JITTER * stream(seed, "pointing", "", integration).standard_normal(2)
    rows, columns = (jitter + np.array(POINTING_DRIFT) * (index / INTEGRATIONS - 0.5)) / 1000
    return rows / detector.MODE.optics.pixel_scale, columns / detector.MODE.optics.pixel_scale


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
        Effects switched off, from `EFFECTS`.
    seed : int
        Of the exposure.
    """

    name: str
    indices: tuple[int, ...]
    columns: tuple[int, int] = (0, detector.COLUMNS)
    without: frozenset = frozenset()
    seed: int = 39

    def has(self, effect: str) -> bool:
        """Return True when ``effect`` takes part."""
        return effect not in self.without

    @property
    def wavelength(self) -> np.ndarray:
        """Wavelength (um) at each kept column on the trace, shape (column,)."""
        return detector.MODE.detector(self.name).wavelength(np.arange(*self.columns))

    def wavelength_map(self, integration: int | None = None) -> np.ndarray:
        """Return the wavelength (um) that each pixel sees of the star, shape (row, column).

        Of a star in the middle of the slit; with ``integration`` of the star where it then stood.
        """
        return detector.MODE.detector(self.name).wavelength(self._columns_on_the_trace(integration))

    def offset(self, integration: int) -> tuple[float, float]:
        """Return how far the star stands from the middle of the slit (rows, columns), mirror tilt included."""
        rows, columns = (0.0, 0.0)
        if self.has("pointing"):
            rows, columns = pointing(self.seed, integration, self.indices[integration])
        return rows + (TILT_ROW if self.tilted(integration) else 0.0), columns

    def time_factor(self, integration: int) -> np.ndarray:
        """Return the star's light relative to its mean out of transit, shape (column,): transit and baseline."""
        factor = np.ones(self.columns[1] - self.columns[0])
        if self.has("transit"):
            factor = factor * _transits(self.indices, self.name)[integration, slice(*self.columns)]
        return factor * trends(self.indices[integration], self.name, self.wavelength) if self.has("trends") else factor

    def tilted(self, integration: int) -> bool:
        """Return True after the mirror-tilt event."""
        return self.has("tilt") and self.indices[integration] > TILT_INTEGRATION

    def star(self, integration: int) -> np.ndarray:
        """Return the star's electrons per second and pixel, shape (row, column), at zero-based ``integration``.

        The transit is that of the column's wavelength on the trace: what the slit's tilt would change in it is
        below 1e-6 of the light.
        """
        places, spectrum = _spectrum(self.name, self.has("stellar_lines"), self.has("intrapixel"))
        light = np.interp(self._columns_on_the_trace(integration), places, spectrum)
        return light * self.time_factor(integration) * self.profile(integration)

    def profile(self, integration: int) -> np.ndarray:
        """Return the share of a column's light that each pixel answers to, shape (row, column).

        Core and wings are integrated over that part of the pixel that the slit lets light onto. What the sum over the
        rows lacks to 1 the slit has cut off, above, below and at its two other edges, and the window where it ends.
        """
        (rows, across), trace = self.offset(integration), self._trace()
        low, high = self._slit_edges()
        pixels, half = np.arange(detector.ROWS)[:, None], detector.MODE.optics.slit_columns / 2
        answer, parts = INTRAPIXEL if self.has("intrapixel") else 0.0, 0.0
        for fraction, width in self._parts(integration):
            if self.has("slit"):  # the slit's width cuts every wavelength's image alike
                fraction = fraction * (ndtr((half - across) / width) - ndtr((-half - across) / width))
            parts = parts + fraction * _in_pixels(pixels, (low, high), trace + rows, width, answer)
        return parts

    def sky(self) -> np.ndarray:
        """Return the sky's electrons per second and pixel, shape (row, column): light within the slit's edges."""
        low, high = self._slit_edges()
        edges = np.clip(np.arange(detector.ROWS + 1)[:, None] - 0.5, low, high)
        return SKY * blue_edge(self.wavelength) * np.diff(edges, axis=0)

    def electron_rate(self, integration: int) -> np.ndarray:
        """Return the electrons per second and pixel from star and sky, shape (row, column)."""
        return self.star(integration) + (self.sky() if self.has("sky") else 0.0)

    def _trace(self) -> np.ndarray:
        return detector.MODE.detector(self.name).trace(np.arange(*self.columns))

    def _slit_edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows at which the slit's image begins and ends, for each column; it does not move with the star."""
        half = detector.MODE.optics.slit_rows / 2 if self.has("slit") else np.inf
        return self._trace() - half, self._trace() + half

    def _parts(self, integration: int) -> list[tuple]:
        """Share of the light and sigma (pixels) of the profile's core and wings."""
        det, tilted = detector.get(self.name), self.tilted(integration)
        sigma = np.interp(np.arange(*self.columns), (0, detector.COLUMNS - 1), det.sigma)
        wings = [(f + (TILT_WINGS if tilted and i == 0 else 0.0), s) for i, (f, s) in enumerate(WINGS)]
        return [(1 - sum(f for f, _ in wings), sigma * (TILT_SIGMA if tilted else 1.0)), *wings]

    def _columns_on_the_trace(self, integration: int | None) -> np.ndarray:
        """The column on the trace that sees the same wavelength, when the star is in the middle: (row, column)."""
        columns, rows = np.arange(*self.columns), np.arange(detector.ROWS)[:, None]
        moved = columns - (0.0 if integration is None else self.offset(integration)[1])
        tilt = detector.MODE.optics.slit_tilt if self.has("slit_tilt") else 0.0
        return moved - tilt * (rows - self._trace())


def intrapixel_response(place, answer: float = INTRAPIXEL) -> np.ndarray:
    """Return the response at ``place`` (pixels from the middle, -0.5 to 0.5), ``answer`` lower at the edge; mean 1."""
    return 1 + 4 * answer * (1 / 12 - np.asarray(place) ** 2)


def _in_pixels(pixels, limits, centre, sigma, answer: float) -> np.ndarray:
    """Integrate a normal distribution times `intrapixel_response` over each pixel, as far as it lies within limits."""
    edges = [(np.clip(pixels + side, *limits) - centre) / sigma for side in (-0.5, 0.5)]
    share = ndtr(edges[1]) - ndtr(edges[0])
    if not answer:
        return share
    # moments of the normal distribution between the edges: of the place, and of its square
    heights = [np.exp(-0.5 * edge**2) / np.sqrt(2 * np.pi) for edge in edges]
    first = heights[0] - heights[1]
    second = share + edges[0] * heights[0] - edges[1] * heights[1]
    away = centre - pixels
    squares = sigma**2 * second + 2 * sigma * away * first + away**2 * share
    return (1 + answer / 3) * share - 4 * answer * squares


#: Places in a pixel and weights of Gauss's quadrature, exact to the fifth power.
_QUADRATURE = ((-np.sqrt(0.15), 5 / 18), (0.0, 8 / 18), (np.sqrt(0.15), 5 / 18))


@lru_cache(maxsize=8)
def _spectrum(name: str, lines: bool, intrapixel: bool) -> tuple[np.ndarray, np.ndarray]:
    """The star's electrons per second in a pixel's width about places on the trace, 1/128 column apart.

    Integrated over the pixel, with its response. Light that changes as slowly with the column as a spectrum does feels
    that response by some 1e-5 only where a line is, and nothing elsewhere; the light across it feels it fully.
    """
    described = detector.MODE.detector(name)
    places = np.arange(-2 * 128, (detector.COLUMNS + 2) * 128) / 128
    total = np.zeros_like(places)
    for place, weight in _QUADRATURE:
        weight = weight * intrapixel_response(place, INTRAPIXEL if intrapixel else 0.0)
        total += weight * star_spectrum(described.wavelength(places + place), lines)
    return places, total


@lru_cache(maxsize=8)
def _transits(indices: tuple[int, ...], name: str) -> np.ndarray:
    """Relative flux in transit, shape (integration, all columns); every 8th column modelled, the rest interpolated."""
    wavelength = detector.MODE.detector(name).wavelength(np.arange(detector.COLUMNS))
    knots = np.unique(np.r_[0 : detector.COLUMNS : 8, detector.COLUMNS - 1])
    models = transit(mid_times(indices), wavelength[knots])
    right = np.clip(np.searchsorted(knots, np.arange(detector.COLUMNS), side="right"), 1, len(knots) - 1)
    weight = (np.arange(detector.COLUMNS) - knots[right - 1]) / (knots[right] - knots[right - 1])
    return models[:, right - 1] * (1 - weight) + models[:, right] * weight


#: Detected electrons per second in the target-acquisition filter [A].
ACQUISITION_RATE = 4.5e5


#: Edges of the slit's image in the target acquisition's 32 x 32 pixels, on both axes; the slit is square [A].
ACQUISITION_EDGES = 16.0 - 0.5 + 0.5 * detector.MODE.optics.slit_rows * np.array([-1, 1])


def acquisition_image(exposure: int, slit: bool = True) -> np.ndarray:
    """Return the rate (e-/s, shape (32, 32)) of target-acquisition image ``exposure`` (1 or 2) [A].

    The first image finds the star some pixels off; the second sees it after the correcting move, closer to the centre.
    Star and sky end at the slit's edges; ``slit`` False leaves them out.
    """
    row, column = {1: (17.9, 12.8), 2: (16.1, 15.3)}[exposure]
    edges = np.arange(33) - 0.5
    if slit:
        edges = np.clip(edges, *ACQUISITION_EDGES)
    image = 2.0 * np.diff(edges)[:, None] * np.diff(edges)
    for fraction, width in ((0.75, 0.8), (0.18, 2.0), (0.07, 6.0)):
        y, x = (np.diff(ndtr((edges - centre) / width)) for centre in (row, column))
        image += ACQUISITION_RATE * fraction * y[:, None] * x
    return image
