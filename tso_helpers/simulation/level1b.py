"""Level 1b files: names and headers as the archive's, data streamed integration by integration."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path

import asdf
import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.time import Time

from ..files import atomic
from ..files.level1b import obs_id
from . import detector, scene
from .recipe import Recipe

#: Fixed, so that the same recipe gives the same file.
FILE_DATE = "2024-01-01T00:00:00.000"
EXPOSURE = "jw01366003001_04101_00001"
#: Degrees from north to V3 at the slit [A].
ROLL = 110.0
#: Columns of NRS1 that the target acquisition reads, in the rows of SUB2048; where its window lies is our choice [A].
ACQUISITION_COLUMNS = (1040, 1072)
INT_TIMES = np.dtype(
    [("integration_number", ">i4")]
    + [(f"int_{when}_{scale}", ">f8") for scale in ("MJD_UTC", "BJD_TDB") for when in ("start", "mid", "end")]
)


def science_name(name: str, segment: int) -> str:
    """Return the ``<obs_id>`` of a science segment."""
    return obs_id(EXPOSURE, segment, name)


def acquisition_name(exposure: int) -> str:
    """Return the ``<obs_id>`` of a target-acquisition exposure (1 or 2)."""
    return obs_id(f"jw01366003001_02101_{exposure:05d}", 1, "NRS1")


def science_header(recipe: Recipe, name: str, segment: int) -> fits.Header:
    """Return the primary header of a science segment."""
    mode, window, first = detector.MODE, detector.MODE.detector(name), sum(recipe.integrations[: segment - 1])
    header = _common_header(recipe, science_name(name, segment), name, scene.start_times(recipe.indices[0]))
    header.update(
        {
            "EXP_TYPE": mode.exposure_type,
            "TSOVISIT": True,
            "FILTER": mode.filter,
            "GRATING": mode.grating,
            "FXD_SLIT": mode.slit,
            "LAMP": "NONE",
            "XOFFSET": 0.0,
            "YOFFSET": 0.0,
            "GWA_XTIL": 0.3316742,
            "GWA_YTIL": 0.1244848,
            "TEMPLATE": "NIRSpec Bright Object Time Series",
            "VISITGRP": "04",
            "SEQ_ID": "1",
            "ACT_ID": "01",
            "EXPOSURE": "00001",
            "OPMODE": "BRIGHTOBJ",
            "NINTS": recipe.total,
            "INTSTART": first + 1,
            "INTEND": first + recipe.integrations[segment - 1],
            "EXSEGNUM": segment,
            "EXSEGTOT": len(recipe.integrations),
            "NRSTSTRT": 1,
            "SUBARRAY": mode.subarray,
            "SUBSTRT1": recipe.columns[0] + 1,
            "SUBSIZE1": recipe.columns[1] - recipe.columns[0],
            "SUBSTRT2": window.first_row,
            "SUBSIZE2": detector.ROWS,
            "FASTAXIS": window.fast_axis,
            "SLOWAXIS": window.slow_axis,
        }
    )
    end = scene.start_times(recipe.indices[-1]) + scene.INTEGRATION_TIME * u.s
    _exposure_times(header, recipe.groups, recipe.decimation, recipe.frame_time, recipe.total, end)
    return header


def pointing_header() -> fits.Header:
    """Return what the science extension says of where the telescope looked: the star, and the slit in its field."""
    optics, header = detector.MODE.optics, fits.Header()
    header.update(
        {
            "RA_REF": scene.TARGET.ra.deg,
            "DEC_REF": scene.TARGET.dec.deg,
            "ROLL_REF": ROLL,
            "V2_REF": optics.v2,
            "V3_REF": optics.v3,
            "V3I_YANG": optics.v3_angle,
            "VPARITY": optics.parity,
        }
    )
    return header


def acquisition_header(recipe: Recipe, exposure: int) -> fits.Header:
    """Return the primary header of a target-acquisition exposure; its window is 32 x 32 pixels."""
    start = Time("2022-07-30T21:46:00", scale="utc") + (exposure - 1) * 60 * u.s
    header = _common_header(recipe, acquisition_name(exposure), "NRS1", start)
    header.update(
        {
            "EXP_TYPE": "NRS_WATA",
            "TSOVISIT": True,
            "FILTER": "F110W",
            "GRATING": "MIRROR",
            "FXD_SLIT": detector.MODE.slit,
            "TEMPLATE": "NIRSpec Bright Object Time Series",
            "VISITGRP": "02",
            "SEQ_ID": "1",
            "ACT_ID": "01",
            "EXPOSURE": f"{exposure:05d}",
            "OPMODE": "FIXEDSLIT",
            "NINTS": 1,
            "INTSTART": 1,
            "INTEND": 1,
            "EXSEGNUM": 1,
            "EXSEGTOT": 1,
            "NRSTSTRT": 1,
            "SUBARRAY": "SUB32",
            "SUBSTRT1": ACQUISITION_COLUMNS[0] + 1,
            "SUBSIZE1": 32,
            "SUBSTRT2": detector.MODE.detector("NRS1").first_row,
            "SUBSIZE2": 32,
            "FASTAXIS": 2,
            "SLOWAXIS": 1,
        }
    )
    period = detector.MODE.frame_time(32, 32)
    _exposure_times(header, 3, 1, period, 1, start + 4 * period * u.s)
    return header


def _common_header(recipe: Recipe, obs_id: str, name: str, start: Time) -> fits.Header:
    header = fits.Header()
    header.update(
        {
            "DATE": FILE_DATE,
            "ORIGIN": "STSCI",
            "TIMESYS": "UTC",
            "TIMEUNIT": "s",
            "FILENAME": f"{obs_id}_uncal.fits",
            "SDP_VER": "simulated",
            "DATAMODL": "Level1bModel",
            "TELESCOP": "JWST",
            "TITLE": "The Transiting Exoplanet Community Early Release Science Program",
            "PI_NAME": "Batalha, Natalie",
            "CATEGORY": "ERS",
            "SCICAT": "Exoplanets and Disks",
            "PROGRAM": "01366",
            "OBSERVTN": "003",
            "VISIT": "001",
            "OBS_ID": f"V01366003001P00000000{obs_id[14:19]}",
            "VISIT_ID": "01366003001",
            "VISITYPE": "PRIME_TARGETED_FIXED",
            "DATE-OBS": start.isot[:10],
            "TIME-OBS": start.isot[11:],
            "DATE-BEG": start.isot,
            "EXPSTART": start.mjd,
            "TARGPROP": "WASP-39",
            "TARGNAME": "WASP-39",
            "TARGTYPE": "FIXED",
            "SRCTYAPT": "POINT",
            "TARG_RA": scene.TARGET.ra.deg,
            "TARG_DEC": scene.TARGET.dec.deg,
            "INSTRUME": detector.MODE.instrument,
            "DETECTOR": name,
            "READPATT": "NRSRAPID",
            "NFRAMES": 1,
            "FRMDIVSR": 1,
            "DRPFRMS1": 0,
            "DRPFRMS3": 0,
            "NSAMPLES": 1,
            "TSAMPLE": 10.0,
            "NOUTPUTS": 1,
            "ZEROFRAM": False,
            "DATAPROB": False,
            "PATT_NUM": 1,
            "NUMDTHPT": 1,
        }
    )
    header["SIMULATD"] = (True, "simulated, not observed")
    header["SIMRECIP"] = (recipe.key, "recipe of the simulation")
    header.add_history("Simulated by tso_helpers.simulation: not telescope data.")
    header.add_history(f"Recipe {recipe.key}, seed {recipe.seed}.")
    return header


def _exposure_times(header, groups: int, decimation: int, period: float, integrations: int, end: Time):
    middle = Time((header["EXPSTART"] + end.mjd) / 2, format="mjd", scale="utc")
    header.update(
        {
            "NGROUPS": groups,
            "GROUPGAP": decimation - 1,
            "TFRAME": period,
            "TGROUP": decimation * period,
            "EFFINTTM": groups * decimation * period,
            "EFFEXPTM": groups * decimation * period * integrations,
            "DURATION": (end.mjd - header["EXPSTART"]) * 86400,
            "EXPMID": middle.mjd,
            "EXPEND": end.mjd,
            "DATE-END": end.isot,
        }
    )


def integration_times(recipe: Recipe, segment: int) -> np.ndarray:
    """Return one segment's rows of INT_TIMES: number, and start, middle and end in MJD_UTC and BJD_TDB."""
    first = sum(recipe.integrations[: segment - 1])
    own = slice(first, first + recipe.integrations[segment - 1])
    start = scene.start_times(np.array(recipe.indices[own]))
    rows = np.empty(recipe.integrations[segment - 1], INT_TIMES)
    rows["integration_number"] = np.arange(first, own.stop) + 1
    for when, after in (("start", 0), ("mid", scene.INTEGRATION_TIME / 2), ("end", scene.INTEGRATION_TIME)):
        time = start + after * u.s
        rows[f"int_{when}_MJD_UTC"], rows[f"int_{when}_BJD_TDB"] = time.mjd, scene.to_bjd(time)
    return rows


def write(final: Path, header: fits.Header, shape: tuple[int, ...], blocks: Iterable, times: np.ndarray | None = None):
    """Write an uncal file, integration by integration.

    Parameters
    ----------
    final : pathlib.Path
        Gets its name only when the file is complete.
    header : astropy.io.fits.Header
        Primary header.
    shape : (int, int, int, int)
        Integration, group, row, column.
    blocks : iterable of numpy.ndarray, uint16
        One (group, row, column) for each integration, in order.
    times : numpy.ndarray, dtype `INT_TIMES`, optional

    Raises
    ------
    RuntimeError
        If there are more or fewer blocks than the shape says.
    """
    with atomic.file(final) as partial:
        fits.PrimaryHDU(header=header).writeto(partial)
        with open(partial, "r+b") as file:
            place, datasum = file.seek(0, os.SEEK_END), 0
            file.write(_science_extension(shape, datasum))
            count = 0
            for block in blocks:
                # FITS has no unsigned integers: 32768 is subtracted here and BZERO adds it again
                stored = (block ^ np.uint16(0x8000)).astype(">u2").tobytes()
                datasum = add_to_datasum(datasum, stored)
                file.write(stored)
                count += 1
            if count != shape[0]:
                raise RuntimeError(f"{final.name}: {count} of {shape[0]} integrations")
            file.write(b"\0" * (-file.tell() % 2880))
            file.seek(place)
            file.write(_science_extension(shape, datasum))
        with fits.open(partial, mode="append") as file:
            if times is not None:
                file.append(fits.BinTableHDU(times, name="INT_TIMES"))
            file.append(_asdf_extension())


def _asdf_extension() -> fits.BinTableHDU:
    """The ASDF extension that a pipeline run from a path expects. It adds nothing to what the headers say."""
    buffer = io.BytesIO()
    asdf.AsdfFile({"meta": {"model_type": "Level1bModel"}}).write_to(buffer)
    data = np.frombuffer(buffer.getvalue(), np.uint8)[None]
    column = fits.Column("ASDF_METADATA", f"{data.size}B", array=data)
    return fits.BinTableHDU.from_columns([column], name="ASDF")


def _science_extension(shape: tuple[int, ...], datasum: int) -> bytes:
    header = fits.Header()
    header["XTENSION"], header["BITPIX"], header["NAXIS"] = "IMAGE", 16, len(shape)
    for axis, length in enumerate(reversed(shape), start=1):
        header[f"NAXIS{axis}"] = length
    header.update({"PCOUNT": 0, "GCOUNT": 1, "EXTNAME": "SCI", "BSCALE": 1, "BZERO": 32768, "BUNIT": "DN"})
    header.update(pointing_header())
    header["DATASUM"] = (f"{datasum:10d}", "checksum of the data")  # of fixed width, so that it can be filled in later
    return header.tostring().encode("ascii")


def add_to_datasum(datasum: int, block: bytes) -> int:
    """Add bytes, a multiple of four of them, to FITS's DATASUM: a sum with end-around carry (FITS 4.0, appendix J)."""
    total = datasum + int(np.frombuffer(block, ">u4").sum(dtype=np.uint64))
    return (total - 1) % 0xFFFFFFFF + 1 if total else 0
