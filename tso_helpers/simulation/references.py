"""The reference files that calibrate the simulated exposure, written with the mission's own data models.

They describe the simulated detector, but not exactly: each has a small error, because a real one has. The errors are
drawn from streams of their own and `reference_maps` makes them again, so a lesson can compare a reference with the
truth. Those of the superbias and of the dark cover SUB2048; the others reach beyond it, as many real ones do, and the
pipeline cuts them to the exposure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from . import crds_cache, detector
from .noise import stream
from .scene import READS

#: Rows by which mask, saturation, linearity, gain and readnoise reach beyond SUB2048 on either side [A].
MARGIN = 16

# Errors of the references, one standard deviation [A]; "offset" and "slope" are shared by all pixels.
SUPERBIAS_ERROR = 3.0  # DN per pixel
DARK_ERROR = 0.03  # of the settling ramp, varying slowly with column
GAIN_ERROR = 0.005
LINEARITY_ERROR = 0.003  # of c2 per pixel
SATURATION_ERROR = 0.005  # of the limit above bias per pixel
READNOISE_SCATTER = 0.02  # per pixel

#: A pixel with more dark current than this (e-/s) saturates before anybody could measure it.
MEASURABLE_DARK = 1000.0

#: Effects without which the references look different.
_IN_REFERENCES = {"superbias", "dark", "settling", "nonlinearity", "reference_errors"}

_DESCRIPTIONS = {
    "REFERENCE_PIXEL": "Reference pixel: sees no light",
    "DO_NOT_USE": "Bad pixel: not to be used for science",
}


@dataclass(frozen=True)
class Window:
    """Where a subarray lies on the detector; one-based, as in the headers."""

    name: str
    xstart: int
    ystart: int
    xsize: int
    ysize: int

    @property
    def frame_time(self) -> float:
        """Time (s) to read the window once; columns are the slow direction."""
        return detector.MODE.frame_time(self.ysize, self.xsize)


@dataclass(frozen=True)
class ReferenceMaps:
    """What the references state of SUB2048, in the science orientation; arrays (row, column) unless noted.

    Attributes
    ----------
    mask : numpy.ndarray of uint32
        DQ flags.
    saturation : numpy.ndarray
        Limit in raw DN, bias included.
    superbias : numpy.ndarray
        DN.
    coefficients : numpy.ndarray, shape (term, row, column)
        Linearity polynomial: true DN = sum of coefficients[k] x (measured DN above bias)^k.
    dark_rate, settle : numpy.ndarray
        Dark current (DN/s) and amplitude (DN) of the bias-settling ramp; `dark_ramp` combines them.
    gain : numpy.ndarray
        e-/DN.
    readnoise : numpy.ndarray
        DN, of the difference of two reads (CDS).
    """

    mask: np.ndarray
    saturation: np.ndarray
    superbias: np.ndarray
    coefficients: np.ndarray
    dark_rate: np.ndarray
    settle: np.ndarray
    gain: np.ndarray
    readnoise: np.ndarray

    def dark_ramp(self, reads: int, read_time: float) -> np.ndarray:
        """Return the dark signal in DN after 1, 2, ... ``reads`` reads, shape (read, row, column), float32."""
        times = read_time * np.arange(1, reads + 1)
        ramp = detector.settling(times, self.settle)
        ramp += times[:, None, None].astype(np.float32) * self.dark_rate.astype(np.float32)
        return ramp


def sub2048(name: str) -> Window:
    """Return the science window of detector ``name``."""
    return Window(detector.MODE.subarray, 1, detector.MODE.detector(name).first_row, detector.COLUMNS, detector.ROWS)


def reference_maps(name: str, seed: int, exact: bool = False) -> ReferenceMaps:
    """Return what the references of one detector state.

    Parameters
    ----------
    name : str
        ``"NRS1"`` or ``"NRS2"``.
    seed : int
        Seed of the exposure: the references belong to one simulated detector.
    exact : bool
        Leave the references' own errors out.

    Returns
    -------
    ReferenceMaps
        All arrays cover SUB2048: 32 rows, 2048 columns.
    """
    det, true = detector.get(name), detector.maps(name, seed)
    active = ~true.reference_pixel

    def error(effect, scale, shape=true.flat.shape):
        return 0.0 if exact else scale * stream(seed, f"reference {effect}", name).standard_normal(shape)

    gain = det.gain * (1 + error("gain", GAIN_ERROR, shape=()))
    c2 = true.c2 * (1 + error("linearity", LINEARITY_ERROR))
    limit = true.saturation_limit - true.superbias
    limit = true.superbias + limit * (1 + error("saturation", SATURATION_ERROR))
    noise = np.where(active, det.readnoise_reference, 0.8 * det.readnoise_reference)
    return ReferenceMaps(
        mask=true.mask,
        saturation=np.minimum(limit, detector.ADC_MAX - 500),
        superbias=true.superbias + error("superbias", SUPERBIAS_ERROR),
        coefficients=np.stack([np.zeros_like(c2), np.ones_like(c2), c2, true.c3]),
        dark_rate=np.where(true.dark < MEASURABLE_DARK, true.dark, detector.DARK) * active / det.gain,
        settle=true.settle * (1 + _slow(error("dark", 1.0, shape=detector.COLUMNS), DARK_ERROR)),
        gain=np.full(true.flat.shape, gain),
        readnoise=noise * (1 + error("readnoise", READNOISE_SCATTER)),
    )


def write_references(
    folder,
    detectors=("NRS1", "NRS2"),
    seed: int = 39,
    *,
    columns: tuple[int, int] = (0, detector.COLUMNS),
    acquisition: Window | None = None,
    without=frozenset(),
) -> Path:
    """Write the CRDS cache with all that Detector1 needs for a simulated exposure.

    The superbias, and everything that describes pixels, covers all 2048 columns: the pipeline cuts it to the exposure.
    Only the dark, which the pipeline does not cut, has the columns of the exposure. One dark of 70 reads (NFRAMES 1,
    GROUPGAP 0) serves every number of groups: the pipeline picks the reads that an exposure keeps.

    Parameters
    ----------
    folder : path
        The cache; replaced when it exists.
    detectors : sequence of str
        Detectors to serve.
    seed : int
        Seed of the exposure: the references belong to its detectors.
    columns : (int, int)
        Columns of the exposure, ``[start, stop)``, zero-based.
    acquisition : Window, optional
        Window of the target acquisition, within SUB2048 of NRS1; None when it is not to be calibrated.
    without : set of str
        Names of effects that the exposure does not have: what corrects them is written as nothing.
        ``"reference_errors"`` among them leaves out the references' own errors.

    Returns
    -------
    pathlib.Path
        The folder, to be used as CRDS_PATH; see `crds_cache.environment`.
    """
    off = sorted(set(without) & _IN_REFERENCES)  # an exposure without some noise still has the same references
    family = f"simulated detectors of seed {seed}" + (f" without {', '.join(off)}" if off else "")
    return crds_cache.write_cache(folder, _references(detectors, seed, columns, acquisition, set(without)), family)


def _references(detectors, seed, columns, acquisition, without) -> Iterator[crds_cache.Reference]:
    start, stop = columns
    for name in detectors:
        maps = switch_off(reference_maps(name, seed, exact="reference_errors" in without), name, without)
        whole = sub2048(name)
        kept = Window(whole.name, whole.xstart + start, whole.ystart, stop - start, whole.ysize)
        shared = (whole.name,)
        if acquisition is not None and name == "NRS1":
            shared = (whole.name, acquisition.name)
            yield from _acquisition_references(name, maps, acquisition)
        yield _superbias(name, whole, maps.superbias)
        yield _dark(name, kept, maps.dark_ramp(READS, whole.frame_time)[:, :, start:stop])
        yield from _shared_references(name, seed, maps, shared)


def _acquisition_references(name: str, maps: ReferenceMaps, window: Window) -> Iterator[crds_cache.Reference]:
    """Superbias and dark of the target acquisition: as of SUB2048, but it is read so fast that no dark collects."""
    whole = sub2048(name)
    rows = slice(window.ystart - whole.ystart, window.ystart - whole.ystart + window.ysize)
    columns = slice(window.xstart - whole.xstart, window.xstart - whole.xstart + window.xsize)
    bias = maps.superbias[rows, columns]
    if bias.shape != (window.ysize, window.xsize):
        raise ValueError(f"{window} does not lie within {whole}")
    yield _superbias(name, window, bias)
    yield _dark(name, window, np.zeros((10, window.ysize, window.xsize)))


def switch_off(maps: ReferenceMaps, name: str, without) -> ReferenceMaps:
    """Return the maps with what corrects an effect set to nothing, for the effects that an exposure is ``without``."""
    fields = dict(vars(maps))
    if "superbias" in without:
        level = detector.get(name).bias  # the same for all pixels
        fields["saturation"] = maps.saturation - maps.superbias + level
        fields["superbias"] = np.full_like(maps.superbias, level)
    if "dark" in without:
        fields["dark_rate"] = np.zeros_like(maps.dark_rate)
    if "settling" in without:
        fields["settle"] = np.zeros_like(maps.settle)
    if "nonlinearity" in without:
        fields["coefficients"] = maps.coefficients.copy()
        fields["coefficients"][2:] = 0
    return ReferenceMaps(**fields)


def _superbias(name: str, window: Window, bias: np.ndarray) -> crds_cache.Reference:
    def superbias(path):
        from stdatamodels.jwst import datamodels

        data = bias.astype(np.float32)
        model = datamodels.SuperBiasModel(data=data, err=np.full_like(data, SUPERBIAS_ERROR))
        _save(model, path, "SUPERBIAS", name, window, "Superbias, DN")

    return crds_cache.Reference("superbias", name, (window.name,), superbias)


def _dark(name: str, window: Window, ramp: np.ndarray) -> crds_cache.Reference:
    def dark(path):
        from stdatamodels.jwst import datamodels

        model = datamodels.DarkNirspecModel(data=ramp.astype(np.float32))
        model.meta.exposure.nframes, model.meta.exposure.groupgap = 1, 0
        model.meta.exposure.ngroups = len(ramp)
        _save(model, path, "DARK", name, window, "Dark current and bias settling after every read, DN")

    return crds_cache.Reference("dark", name, (window.name,), dark)


def _shared_references(name, seed, maps, subarrays) -> Iterator[crds_cache.Reference]:
    """The references that describe pixels, whatever window they are read in: larger than SUB2048."""
    from stdatamodels.jwst import datamodels

    det, window, rng = detector.get(name), sub2048(name), stream(seed, "reference margin", name)
    area = Window("GENERIC", window.xstart, window.ystart - MARGIN, window.xsize, window.ysize + 2 * MARGIN)
    beyond = rng.integers(0, detector.ROWS, size=(2 * MARGIN, 1)), rng.permutation(detector.COLUMNS)[None, :]

    def enlarge(array, dtype=np.float32):
        """Add rows above and below, made of pixels picked from all over the window."""
        margin = array[(..., *beyond)]
        parts = margin[..., :MARGIN, :], array, margin[..., MARGIN:, :]
        return np.concatenate(parts, axis=-2).astype(dtype)

    def mask(path):
        model = datamodels.MaskModel(dq=enlarge(maps.mask, np.uint32))
        model.dq_def = _definitions()  # set afterwards: a model made with it takes its flags for translated already
        _save(model, path, "MASK", name, area, "Bad pixels")

    def saturation(path):
        _save(datamodels.SaturationModel(data=enlarge(maps.saturation)), path, "SATURATION", name, area, "Raw DN limit")

    def linearity(path):
        coefficients = enlarge(maps.coefficients)
        # stated, because the schema's default would give the flags the shape of the coefficients
        model = datamodels.LinearityModel(coeffs=coefficients, dq=np.zeros(coefficients.shape[1:], np.uint32))
        _save(model, path, "LINEARITY", name, area, "Polynomial from measured to true DN")

    def gain(path):
        model = datamodels.GainModel(data=enlarge(maps.gain))
        model.meta.exposure.gain_factor = det.gain_factor
        _save(model, path, "GAIN", name, area, "e-/DN")

    def readnoise(path):
        model = datamodels.ReadnoiseModel(data=enlarge(maps.readnoise))
        _save(model, path, "READNOISE", name, area, "Read noise of the difference of two reads (CDS), DN")

    for save in (mask, saturation, linearity, gain, readnoise):
        yield crds_cache.Reference(save.__name__, name, subarrays, save)


def _save(model, path, reftype, name, window, description) -> None:
    """Fill in what every reference file states, and save it with a fixed date."""
    from astropy.io import fits

    meta = model.meta
    meta.reftype, meta.filename = reftype, path.name
    meta.description = f"SIMULATED, for teaching: {description}"
    meta.author, meta.pedigree = "tso_helpers.simulation", "DUMMY"
    meta.useafter = crds_cache.USE_AFTER.replace(" ", "T")
    meta.instrument.name, meta.instrument.detector = "NIRSPEC", name
    meta.subarray.name = window.name
    meta.subarray.xstart, meta.subarray.xsize = window.xstart, window.xsize
    meta.subarray.ystart, meta.subarray.ysize = window.ystart, window.ysize
    axes = detector.MODE.detector(name)
    meta.subarray.fastaxis, meta.subarray.slowaxis = axes.fast_axis, axes.slow_axis
    with model:
        model.save(str(path))
    fits.setval(path, "DATE", value=crds_cache.FIXED_DATE)  # the same references are the same bytes


def _definitions() -> np.ndarray:
    """DQ_DEF table of the mask: one bit per flag that it uses, in an order of its own, as in real masks."""
    rows = [
        (bit, 1 << bit, mnemonic, _DESCRIPTIONS.get(mnemonic, mnemonic.replace("_", " ").capitalize()))
        for bit, mnemonic in enumerate(detector.DQ)
    ]
    return np.array(rows, dtype=[("BIT", "i4"), ("VALUE", "u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")])


def _slow(values, rms: float):
    """Smooth along columns and scale to ``rms``; 0 stays 0."""
    if np.ndim(values) == 0:
        return 0.0
    smooth = gaussian_filter1d(values, 60, mode="wrap")
    return rms * smooth / smooth.std()
