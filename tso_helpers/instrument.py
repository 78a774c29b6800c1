"""One mode of one instrument: what is the same for every exposure that is taken in it.

What stands here is needed by code for real data and by the simulation alike: detectors and where their window lies, the
clock by which they are read, reference pixels, exposure types, the trace and its wavelengths. A second mode is a
second description, not an ``if`` somewhere.

Rows and columns count from zero in the science orientation of the pipeline; a window's first row and column in the
header (SUBSTRT1, SUBSTRT2) count from one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

__all__ = ["NIRSPEC_G395H", "Detector", "Mode", "Optics", "mode_of"]


@dataclass(frozen=True)
class Detector:
    """One detector of a mode.

    Attributes
    ----------
    name : str
        As in the header, ``"NRS1"``.
    fast_axis, slow_axis : int
        FASTAXIS and SLOWAXIS: 2 is along a column, 1 along a row, minus is backwards.
    first_row : int
        SUBSTRT2 of the mode's window, one-based.
    wavelength_terms : tuple of float
        um, in powers of (column - 1024); empty where it is not known.
    trace_terms : tuple of float
        Row of the spectrum's centre, in powers of the column; empty where it is not known.
    trace_columns : (int, int) or None
        First and last column in which the trace is bright enough to be measured; None: look at the data.
    masked_from : int
        Column from which the trace, extended, is kept out of the background.
    """

    name: str
    fast_axis: int
    slow_axis: int
    first_row: int
    wavelength_terms: tuple[float, ...] = ()
    trace_terms: tuple[float, ...] = ()
    trace_columns: tuple[int, int] | None = None
    masked_from: int = 4

    @property
    def reverse(self) -> bool:
        """True when rows and columns are read from the far end."""
        return self.fast_axis < 0

    def wavelength(self, columns) -> np.ndarray:
        """Return the wavelength at some columns.

        Parameters
        ----------
        columns : array or int
            Zero-based, of the whole window.

        Returns
        -------
        array or float
            um.

        Raises
        ------
        ValueError
            If it is not known for this mode.

        Examples
        --------
        >>> NIRSPEC_G395H.detector("NRS1").wavelength([1024, 2000]).round(2).tolist()
        [3.03, 3.69]
        """
        if not self.wavelength_terms:
            raise ValueError(f"the wavelengths of {self.name} are not known in this mode")
        return np.polynomial.polynomial.polyval(np.asarray(columns) - 1024, self.wavelength_terms)

    def column(self, wavelength) -> np.ndarray:
        """Return the column to which a wavelength falls on the trace: the inverse of `wavelength`.

        Parameters
        ----------
        wavelength : array or float
            um; from 2.2 to 5.4 the dispersion rises on either detector, beyond that it is not meant to be used.

        Returns
        -------
        array or float
            Zero-based, fractional, also beyond the detector's edge.

        Raises
        ------
        ValueError
            If the wavelengths are not known for this mode.

        Examples
        --------
        >>> described = NIRSPEC_G395H.detector("NRS2")
        >>> described.column(described.wavelength([1, 1500])).round(9).tolist()
        [1.0, 1500.0]
        """
        wavelength = np.asarray(wavelength, float)
        slope = np.polynomial.polynomial.polyder(self.wavelength_terms)
        column = 1024.0 + (wavelength - self.wavelength(1024)) / self.wavelength_terms[1]
        for _ in range(8):  # Newton's method; the dispersion is so straight that five steps would do
            step = (self.wavelength(column) - wavelength) / np.polynomial.polynomial.polyval(column - 1024, slope)
            column = column - step
        return column

    def trace(self, columns) -> np.ndarray:
        """Return the row of the spectrum's centre at some columns.

        Parameters
        ----------
        columns : array or int
            Zero-based, of the whole window.

        Returns
        -------
        array or float
            Pixels, zero-based.

        Raises
        ------
        ValueError
            If it is not known for this mode.

        Examples
        --------
        >>> NIRSPEC_G395H.detector("NRS1").trace([600, 2000]).round().tolist()
        [20.0, 11.0]
        """
        if not self.trace_terms:
            raise ValueError(f"the trace of {self.name} is not known in this mode: measure it (tso_helpers.trace)")
        return np.polynomial.polynomial.polyval(np.asarray(columns), self.trace_terms)


@dataclass(frozen=True)
class Optics:
    """What light meets between the sky and a detector, as far as geometry goes: slit, grating, place in the field.

    Together with `Detector.wavelength_terms` and `Detector.trace_terms` it says which pixel sees which wavelength at
    which height of the slit (`Mode.wavelength`, `Mode.slit_position`), and where the slit lies on the sky.

    Attributes
    ----------
    slit_height, slit_width : float
        arcsec, across and along the dispersion.
    pixel_scale : float
        arcsec per pixel, on both axes.
    slit_tilt : float
        Columns by which the image of the slit leans to the red for each row upwards.
    groove_density : float
        Grooves of the grating per metre.
    order : int
        Of the diffraction.
    v2, v3 : float
        arcsec, place of the slit's centre in the telescope's field.
    v3_angle : float
        Degrees, of the slit's y axis from V3 towards V2 (V3I_YANG).
    parity : int
        1 or -1: whether the slit's axes are right-handed with V2 and V3 (VPARITY).
    """

    slit_height: float
    slit_width: float
    pixel_scale: float
    slit_tilt: float
    groove_density: float
    order: int
    v2: float
    v3: float
    v3_angle: float
    parity: int

    @property
    def slit_rows(self) -> float:
        """Height of the slit's image (pixels)."""
        return self.slit_height / self.pixel_scale

    @property
    def slit_columns(self) -> float:
        """Width of the slit's image in one wavelength (pixels)."""
        return self.slit_width / self.pixel_scale


@dataclass(frozen=True)
class Mode:
    """A mode of an instrument: its window, its clock, its names.

    Attributes
    ----------
    name : str
        For messages.
    instrument, exposure_type, filter, grating, subarray, slit : str
        INSTRUME, EXP_TYPE, FILTER, GRATING, SUBARRAY and FXD_SLIT.
    acquisition_types : tuple of str
        EXP_TYPE of the target acquisitions that go with it.
    archive_instrument : str
        MAST's name of instrument and template.
    rows, columns : int
        Of the window.
    reference_columns : int
        Columns of reference pixels at either end of a row.
    adc_max : int
        Highest count, DN.
    sample_time : float
        Seconds per pixel.
    line_overhead : int
        Samples after each line (here a column) during which no pixel is read.
    frame_overhead : int
        Lines' worth of time after each frame.
    trace_target : str
        Target on which the detectors' `Detector.trace_columns` hold; for others they are measured.
    optics : Optics
        Slit, grating, place in the field.
    detectors : mapping of str to Detector
    """

    name: str
    instrument: str
    exposure_type: str
    acquisition_types: tuple[str, ...]
    archive_instrument: str
    filter: str
    grating: str
    subarray: str
    slit: str
    rows: int
    columns: int
    reference_columns: int
    adc_max: int
    sample_time: float
    line_overhead: int
    frame_overhead: int
    trace_target: str
    optics: Optics
    detectors: MappingProxyType

    def frame_time(self, rows: int | None = None, columns: int | None = None) -> float:
        """Return the time to read one frame.

        Parameters
        ----------
        rows, columns : int, optional
            Of the window; those of the mode without them.

        Returns
        -------
        float
            s: (fast + overhead) (slow + overhead) sample time, "NIRSpec detector subarrays" in the JWST documentation.

        Examples
        --------
        >>> round(NIRSPEC_G395H.frame_time(), 3)
        0.902
        """
        fast, slow = rows or self.rows, columns or self.columns
        return (fast + self.line_overhead) * (slow + self.frame_overhead) * self.sample_time

    @property
    def line_time(self) -> float:
        """Time (s) from the first pixel of a column to the first of the next."""
        return (self.rows + self.line_overhead) * self.sample_time

    def slit_position(self, name: str, rows, columns) -> np.ndarray:
        """Return how high in the slit the light enters that some pixels see.

        Parameters
        ----------
        name : str
            Detector.
        rows, columns : array or float
            Zero-based, of the whole window; they broadcast.

        Returns
        -------
        array or float
            In heights of the slit: 0 on the trace, which is the slit's centre, -0.5 and 0.5 at its edges.

        Examples
        --------
        >>> row = NIRSPEC_G395H.detector("NRS1").trace(1000) + 8
        >>> float(NIRSPEC_G395H.slit_position("NRS1", row, 1000).round(9))
        0.5
        """
        return (np.asarray(rows) - self.detector(name).trace(columns)) / self.optics.slit_rows

    def wavelength(self, name: str, rows, columns) -> np.ndarray:
        """Return the wavelength that some pixels see of a source in the middle of the slit.

        On the trace it is that of `Detector.wavelength`; above and below it the slit's tilt is added.

        Parameters
        ----------
        name : str
            Detector.
        rows, columns : array or float
            Zero-based, of the whole window; they broadcast.

        Returns
        -------
        array or float
            um.

        Examples
        --------
        >>> float(NIRSPEC_G395H.wavelength("NRS2", 16, 1024).round(3))
        4.504
        """
        described = self.detector(name)
        leaning = self.optics.slit_tilt * (np.asarray(rows) - described.trace(columns))
        return described.wavelength(np.asarray(columns) - leaning)

    def pixel(self, name: str, wavelength, slit_position) -> tuple[np.ndarray, np.ndarray]:
        """Return where light falls: the inverse of `wavelength` and `slit_position` together.

        Parameters
        ----------
        name : str
            Detector.
        wavelength : array or float
            um.
        slit_position : array or float
            In heights of the slit, 0 on the trace.

        Returns
        -------
        row : array or float
            Zero-based and fractional, of the whole window.
        column : array or float
            The same.

        Examples
        --------
        >>> row, column = NIRSPEC_G395H.pixel("NRS1", NIRSPEC_G395H.detector("NRS1").wavelength(900), 0)
        >>> [float(place.round(1)) for place in (row, column)]
        [16.9, 900.0]
        """
        described, height = self.detector(name), np.asarray(slit_position) * self.optics.slit_rows
        column = described.column(wavelength) + self.optics.slit_tilt * height
        return described.trace(column) + height, column

    def detector(self, name: str) -> Detector:
        """Return a detector by name.

        Parameters
        ----------
        name : str
            "NRS1", say.

        Returns
        -------
        Detector

        Raises
        ------
        ValueError
            If the mode has no such detector; the message lists those that it has.
        """
        try:
            return self.detectors[name]
        except (KeyError, TypeError):
            raise ValueError(f"no detector {name!r}: choose from {', '.join(self.detectors)}") from None


#: NIRSpec's bright-object time series in G395H. Sources: window and clock, JWST documentation ("NIRSpec detector
#: subarrays"); trace and wavelengths, the data of ERS 1366 (Alderson et al. 2023, doi:10.1038/s41586-022-05591-3).
#: [A] marks what is assumed, without a source.
NIRSPEC_G395H = Mode(
    name="NIRSpec bright-object time series, G395H, SUB2048",
    instrument="NIRSPEC",
    exposure_type="NRS_BRIGHTOBJ",
    acquisition_types=("NRS_WATA", "NRS_TACQ", "NRS_TACONFIRM", "NRS_MSATA"),
    archive_instrument="NIRSpec/SLIT",
    filter="F290LP",
    grating="G395H",
    subarray="SUB2048",
    slit="S1600A1",
    rows=32,
    columns=2048,
    reference_columns=4,
    adc_max=65535,
    sample_time=1e-5,
    line_overhead=12,
    frame_overhead=2,
    trace_target="WASP-39",
    optics=Optics(
        slit_height=1.6,  # "NIRSpec fixed slits", JWST documentation
        slit_width=1.6,
        pixel_scale=0.1,
        slit_tilt=0.02,  # a third of a column over the 16 rows [A]
        groove_density=92_000.0,  # [A]
        order=-1,  # as the pipeline counts (WAVELENGTHRANGE)
        v2=321.531952,  # NRS_S1600A1_SLIT in the telescope's aperture file (SIAF, PRDOPSSOC-M-026), so the next three
        v3=-473.679199,
        v3_angle=138.771439,
        parity=-1,
    ),
    detectors=MappingProxyType(
        {
            "NRS1": Detector(
                "NRS1",
                fast_axis=2,
                slow_axis=1,
                first_row=963,
                wavelength_terms=(3.0300795, 6.781045e-4, -2.15368e-9, -3.394e-13),
                trace_terms=(28.8281, -0.01688883, 4.0403e-6),
                trace_columns=(550, 2043),
                masked_from=300,
            ),
            "NRS2": Detector(
                "NRS2",
                fast_axis=-2,
                slow_axis=-1,
                first_row=1055,
                wavelength_terms=(4.5040055, 6.637759e-4, -4.45830e-9, -4.527e-13),
                trace_terms=(7.3536, 3.3636e-4, 4.1642e-6),
                trace_columns=(4, 2043),
            ),
        }
    ),
)


def mode_of(model) -> Mode:
    """Return the description of the mode in which a ramp was taken.

    Parameters
    ----------
    model : data model
        Its header names instrument, exposure type, filter, grating, window and target.

    Returns
    -------
    Mode
        `NIRSPEC_G395H` for that mode. For another grating or filter of NIRSpec's bright-object time series a mode with
        the same clock whose trace and wavelengths are not known; for another target in G395H one whose trace columns
        are not.

    Raises
    ------
    ValueError
        If it is another instrument or exposure type: the message says what a description of it would need.
    """
    meta, known = model.meta, NIRSPEC_G395H
    if (meta.instrument.name, meta.exposure.type) != (known.instrument, known.exposure_type):
        raise ValueError(
            f"{meta.instrument.name or 'an unnamed instrument'} / {meta.exposure.type or 'no exposure type'} is not "
            f"described in tso_helpers.instrument, only {known.instrument} / {known.exposure_type} is: a description "
            "needs the detectors' read-out directions and clock, the window, and the reference pixels"
        )
    setting = meta.instrument.filter, meta.instrument.grating, meta.subarray.name
    target = meta.target.proposer_name or meta.target.catalog_name or ""
    if setting != (known.filter, known.grating, known.subarray):
        unknown = {"wavelength_terms": (), "trace_terms": (), "trace_columns": None, "masked_from": 4}
        name = f"NIRSpec bright-object time series, {'/'.join(str(part) for part in setting)}"
        return _with_detectors(
            replace(known, name=name, filter=setting[0], grating=setting[1], subarray=setting[2]), unknown
        )
    if target.replace(" ", "").upper() != known.trace_target:
        return _with_detectors(known, {"trace_columns": None, "masked_from": 4})
    return known


def _with_detectors(mode: Mode, changes: dict) -> Mode:
    changed = {name: replace(detector, **changes) for name, detector in mode.detectors.items()}
    return replace(mode, detectors=MappingProxyType(changed))
