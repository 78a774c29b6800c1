"""Random numbers of the simulated exposure, and the noise of the read-out chain.

Every effect of every integration has a random stream of its own, so any of them
can be made again alone: ``one_over_f(..., rng=stream(seed, "one_over_f", "NRS1", 7))``
is the 1/f noise of integration 7, whatever else was or was not simulated.
"""

from __future__ import annotations

import zlib

import numpy as np
from scipy import fft

from ..instrument import NIRSPEC_G395H as MODE

SAMPLE_TIME, LINE_OVERHEAD, FRAME_OVERHEAD = MODE.sample_time, MODE.line_overhead, MODE.frame_overhead


def stream(seed: int, effect: str, detector: str = "", integration: int = 0) -> np.random.Generator:
    """Return the random stream of one effect of one integration.

    Parameters
    ----------
    seed : int
        The seed of the exposure.
    effect : str
        Name of the effect, such as ``"one_over_f"``.
    detector : str
        ``"NRS1"``, ``"NRS2"``, or empty for what both share.
    integration : int
        Zero-based integration in the whole exposure.

    Returns
    -------
    numpy.random.Generator
    """
    name = zlib.crc32(f"{effect}/{detector}".encode())
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(name, integration))))


def power_law_series(
    n: int, rms: float, band: tuple[float, float], rng: np.random.Generator, beta: float = 1.0
) -> np.ndarray:
    """Draw a time series with power spectral density proportional to 1/f^beta.

    The series is drawn in the frequency domain, at least twice as long as needed, and cut: a Fourier series is
    periodic, and the cut keeps the end from joining the beginning.

    Parameters
    ----------
    n : int
        Number of samples, `SAMPLE_TIME` apart.
    rms : float
        Root-mean-square that frequencies within ``band`` contribute; the unit of the result.
    band : (float, float)
        Frequencies (Hz) between which ``rms`` counts. The power law itself goes on below, down to one
        cycle per drawn series.
    rng : numpy.random.Generator
    beta : float

    Returns
    -------
    numpy.ndarray, shape (n,), float32

    References
    ----------
    Rauscher 2015, arXiv:1509.06264 (the noise generator for JWST's H2RGs); Schlawin et al. 2020, arXiv:2010.03564.
    """
    length = fft.next_fast_len(2 * n, real=True)
    step = 1 / (length * SAMPLE_TIME)
    frequency = np.arange(length // 2 + 1, dtype=np.float32) * np.float32(step)
    frequency[0] = np.inf  # no mean: a constant is the pedestal's business
    # a root and a quotient are rounded alike on every processor, a power is not
    amplitude = 1 / np.sqrt(frequency) if beta == 1 else frequency ** np.float32(-beta / 2)
    inside = slice(int(np.ceil(band[0] / step)), int(band[1] / step) + 1)
    # irfft of z a/2 sqrt(length) has variance sum(a^2)/2 over the frequencies, for unit-variance complex z
    variance = np.sum(amplitude[inside].astype(float) ** 2)
    amplitude *= np.float32(rms * length / np.sqrt(2 * variance))
    spectrum = rng.standard_normal(2 * len(frequency), dtype=np.float32).view(np.complex64)
    spectrum *= amplitude / np.float32(np.sqrt(2))
    return fft.irfft(spectrum, n=length, overwrite_x=True)[:n]


def clocked_frames(series: np.ndarray, reads: int, rows: int, columns: int, reverse: bool) -> np.ndarray:
    """Cut a time series into frames as the detector's clock does.

    Parameters
    ----------
    series : numpy.ndarray, shape (at least reads x samples per frame,)
        One value per `SAMPLE_TIME`.
    reads, rows, columns : int
        Frames wanted and their shape; a column of ``rows`` pixels is read in one go, columns in order.
    reverse : bool
        True when the science orientation runs against the clock on both axes (NRS2).

    Returns
    -------
    numpy.ndarray, shape (reads, rows, columns)
        A view of ``series``.
    """
    line, lines = rows + LINE_OVERHEAD, columns + FRAME_OVERHEAD
    frames = series[: reads * line * lines].reshape(reads, lines, line)[:, :columns, :rows].transpose(0, 2, 1)
    return frames[:, ::-1, ::-1] if reverse else frames


def one_over_f(reads: int, rms: float, rng: np.random.Generator, reverse: bool, rows: int = 32, columns: int = 2048):
    """Return the 1/f noise of all reads of one integration, clocked without a seam from read to read.

    Parameters
    ----------
    reads : int
        Number of consecutive reads.
    rms : float
        Root-mean-square between 1/frame time and 50 kHz, any unit.
    rng : numpy.random.Generator
    reverse : bool
        See `clocked_frames`.
    rows, columns : int
        Of a frame.

    Returns
    -------
    numpy.ndarray, shape (reads, rows, columns), float32, in the unit of ``rms``
    """
    period = MODE.frame_time(rows, columns)
    samples = reads * round(period / SAMPLE_TIME)
    series = power_law_series(samples, rms, (1 / period, 0.5 / SAMPLE_TIME), rng)
    return clocked_frames(series, reads, rows, columns, reverse)


def levels(places, rng: np.random.Generator, rms: float = 0.13) -> np.ndarray:
    """Return the factor by which the 1/f noise is stronger at some times: it changes by 10 to 20 per cent [A].

    Three waves, of one, two and three periods in the exposure, with amplitudes and phases drawn at random.

    Parameters
    ----------
    places : array or float
        Times, from 0 at the start of the exposure to 1 at its end.
    rng : numpy.random.Generator
        The same for all places: there is one draw for each exposure.
    rms : float
        Root-mean-square deviation from 1, which is the mean over the exposure.

    Returns
    -------
    array or float
    """
    amplitude, phase = rng.standard_normal(3), rng.random(3)
    amplitude *= rms / np.sqrt(np.sum(amplitude**2) / 2)
    waves = np.cos(2 * np.pi * (np.asarray(places, float)[..., None] * np.arange(1, 4) + phase))
    return 1 + np.sum(amplitude * waves, axis=-1)


#: Frequency (Hz) and amplitude (e-) of the lines in the noise's spectrum: pick-up of the electronics. That there are
#: some is seen in such detectors' spectra (Schlawin et al. 2020, arXiv:2010.03564); where and how strong [A]. The first
#: two lie below the columns' 2,273 Hz and make stripes, the third changes within a column.
SPIKES = ((388.0, 1.6), (1164.0, 1.0), (9310.0, 1.2))


def spikes(reads, lines, rng: np.random.Generator, reverse: bool, rows: int = 32, columns: int = 2048) -> np.ndarray:
    """Return waves of fixed frequency as the detector's clock samples them, each with a phase drawn at random.

    Parameters
    ----------
    reads : sequence of int
        Zero-based reads that are wanted.
    lines : sequence of (float, float)
        Frequency (Hz) and amplitude.
    rng : numpy.random.Generator
    reverse : bool
        See `clocked_frames`.
    rows, columns : int
        Of a frame.

    Returns
    -------
    numpy.ndarray, shape (read, row, column), float32, in the unit of the amplitudes
    """
    line, period = (rows + LINE_OVERHEAD) * SAMPLE_TIME, MODE.frame_time(rows, columns)
    starts = np.asarray(reads)[:, None] * period + np.arange(columns) * line  # of each column in each read
    frames = np.zeros((len(reads), rows, columns), np.float32)
    for frequency, amplitude in lines:
        # the sine of a sum: two small tables instead of one long one
        begun = 2 * np.pi * (frequency * starts + rng.random())
        gone = 2 * np.pi * frequency * SAMPLE_TIME * np.arange(rows)
        sine, cosine = ((amplitude * f(begun)).astype(np.float32)[:, None] for f in (np.sin, np.cos))
        frames += sine * np.cos(gone).astype(np.float32)[:, None]
        frames += cosine * np.sin(gone).astype(np.float32)[:, None]
    return frames[:, ::-1, ::-1] if reverse else frames


def white_noise(groups: int, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return independent read noise, shape (group, row, column), in the unit of ``sigma`` (row, column)."""
    return rng.standard_normal((groups, *sigma.shape), dtype=np.float32) * sigma.astype(np.float32)


def pedestals(groups: int, mean: float, rng: np.random.Generator) -> np.ndarray:
    """Return the offset (DN) of the frame in each group: ``mean`` +- 15 per integration +- 5 per group."""
    return mean + 15 * rng.standard_normal() + 5 * rng.standard_normal(groups)


def odd_even_offsets(groups: int, mean: float, rng: np.random.Generator) -> np.ndarray:
    """Return the difference (DN) of even rows over odd ones in each group: ``mean`` +- 3 +- 1 DN [A]."""
    return mean + 3 * rng.standard_normal() + rng.standard_normal(groups)


def telegraph(reads: int, amplitude: np.ndarray, rng: np.random.Generator, transitions: float = 2.0) -> np.ndarray:
    """Return random telegraph noise: pixels that jump between two levels.

    Parameters
    ----------
    reads : int
        Number of consecutive reads.
    amplitude : numpy.ndarray, shape (n,)
        Step between the two levels of each telegraph pixel, any unit.
    rng : numpy.random.Generator
    transitions : float
        Mean number of transitions in ``reads``.

    Returns
    -------
    numpy.ndarray, shape (reads, n), in the unit of ``amplitude``
    """
    flips = rng.random((reads, len(amplitude)), dtype=np.float32) < transitions / reads
    flips[0] = rng.random(len(amplitude)) < 0.5
    state = np.logical_xor.accumulate(flips, axis=0)
    return state * amplitude.astype(np.float32)
