"""Ramps and rates as data models: some integrations of a file, or a part of a ramp in memory."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

__all__ = ["RATES", "cut", "cut_rates", "number", "read"]

#: Arrays that rates have.
RATES = ("data", "err", "dq", "var_poisson", "var_rnoise")


def read(path, integrations=None, kind="RampModel"):
    """Read some integrations of a file; the others are not touched, so the memory is that of those asked for.

    Parameters
    ----------
    path : path
        Uncal file, or a ramp that was saved by a step.
    integrations : slice, optional
        Zero-based, contiguous, within the file; all by default.
    kind : str
        Data model to read it as.

    Returns
    -------
    stdatamodels.jwst.datamodels.RampModel, or what ``kind`` names
        Wholly in memory: the file is closed. INTSTART, INTEND and the INT_TIMES table are those of the integrations
        that were read.
    """
    from stdatamodels.jwst import datamodels

    with fits.open(path, memmap=False) as hdus:
        # a model of Level 1b, or of a later ramp: what has one entry per integration is cut, everything else is kept
        axes = 4 if kind == "RampModel" else 3
        chosen = integrations or slice(None)
        parts = fits.HDUList([_take(hdu, axes, chosen) for hdu in hdus])
    model = getattr(datamodels, kind)(parts)
    if integrations is not None:
        number(model, (model.meta.exposure.integration_start or 1) + integrations.start, len(model.data))
    return model


def _take(hdu, axes, chosen):
    """Copy an HDU out of its file, cut to the chosen integrations if it has one entry for each."""
    if hdu.name == "INT_TIMES":
        return fits.BinTableHDU(np.array(hdu.data)[chosen], name="INT_TIMES")
    if isinstance(hdu, fits.ImageHDU) and hdu.header["NAXIS"] == axes:
        header = hdu.header.copy()
        data = hdu.section[chosen]
        for keyword in ("BSCALE", "BZERO"):
            header.remove(keyword, ignore_missing=True)
        return fits.ImageHDU(_native(data), header)
    return hdu.copy()


def _native(data):
    """Return counts as the floats that a ramp holds; flags as they are; in the byte order of this machine."""
    if data.dtype == np.uint16:
        return data.astype(np.float32)
    return np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("="))


def cut(ramp, integrations=slice(None), groups=slice(None), columns=slice(None)):
    """Cut a part out of a ramp, as a ramp that the pipeline's steps accept.

    Parameters
    ----------
    ramp : stdatamodels.jwst.datamodels.RampModel
        Left as it is.
    integrations, groups, columns : slice
        What to keep. Groups may be kept at regular steps, ``slice(None, None, 4)``: the header's GROUPGAP, TGROUP and
        NGROUPS then say so. Integrations and columns are contiguous.

    Returns
    -------
    RampModel
        Data and flags copied; the header tells the window (SUBSTRT1, SUBSIZE1), so that steps cut their references to
        it.

    Raises
    ------
    TypeError
        If it is no ramp but an array, say.
    ValueError
        If nothing is left, or integrations or columns are not contiguous.

    Examples
    --------
    >>> from stdatamodels.jwst.datamodels import RampModel
    >>> few = cut(RampModel((10, 5, 4, 40)), integrations=slice(0, 3), columns=slice(20, 30))
    >>> few.shape, few.meta.subarray.xstart
    ((3, 5, 4, 10), 21)
    """
    if not hasattr(ramp, "groupdq"):
        raise TypeError(f"a part of a ramp is cut out of a RampModel, not out of a {type(ramp).__name__}")
    data = ramp.data[integrations, groups, :, columns]
    if 0 in data.shape:
        raise ValueError(f"nothing is left of a ramp of shape {ramp.data.shape}")
    for name, chosen in (("integrations", integrations), ("columns", columns)):
        if chosen.step not in (None, 1):
            raise ValueError(f"{name} are cut without gaps, not {chosen}")
    part = type(ramp)()
    part.update(ramp)
    part.data = data.copy()
    part.groupdq = ramp.groupdq[integrations, groups, :, columns].copy()
    part.pixeldq = ramp.pixeldq[:, columns].copy()
    if ramp.hasattr("int_times"):
        part.int_times = ramp.int_times[integrations].copy()
    if ramp.hasattr("average_dark_current"):
        part.average_dark_current = ramp.average_dark_current[:, columns].copy()
    _describe_cut(part, ramp, integrations, groups, columns)
    return part


def _describe_cut(part, ramp, integrations, groups, columns):
    exposure, window = part.meta.exposure, part.meta.subarray
    count, kept = part.data.shape[:2]
    first_group, _, step = groups.indices(ramp.data.shape[1])
    if first_group and exposure.drop_frames1 is not None:
        exposure.drop_frames1 += first_group * (exposure.nframes + exposure.groupgap)
    exposure.ngroups = kept
    if step > 1:
        exposure.groupgap = step * (exposure.nframes + exposure.groupgap) - exposure.nframes
        exposure.group_time *= step
    number(part, (exposure.integration_start or 1) + integrations.indices(len(ramp.data))[0], count)
    window.xstart = (window.xstart or 1) + columns.indices(ramp.data.shape[3])[0]
    window.xsize = part.data.shape[3]


def cut_rates(rates, integrations):
    """Cut some integrations out of rates.

    Parameters
    ----------
    rates : stdatamodels.jwst.datamodels.CubeModel
        (integration, row, column); left as it is.
    integrations : slice
        Zero-based, contiguous.

    Returns
    -------
    CubeModel
        Arrays copied; header and times are those of the integrations that were kept.

    Examples
    --------
    >>> from stdatamodels.jwst.datamodels import CubeModel
    >>> cut_rates(CubeModel((10, 4, 40)), slice(2, 5)).shape
    (3, 4, 40)
    """
    part = type(rates)()
    part.update(rates)
    for name in (*RATES, "int_times"):
        if rates.hasattr(name):
            setattr(part, name, getattr(rates, name)[integrations].copy())
    number(part, (rates.meta.exposure.integration_start or 1) + integrations.start, len(part.data))
    return part


def number(model, first, count):
    """Say in the header which integrations of the exposure a model holds.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.JwstDataModel
        Changed in place.
    first : int
        The first of them; they count from 1.
    count : int
    """
    model.meta.exposure.integration_start, model.meta.exposure.integration_end = first, first + count - 1
