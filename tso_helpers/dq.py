"""Data-quality (DQ) flags: what a value means, how often each flag occurs, where a flag is set.

A DQ value is a sum of powers of two, one per flag. The pipeline keeps two such arrays with a ramp:
``pixeldq`` (row, column), 32 bits, for what is wrong with a pixel all the time, and ``groupdq``
(integration, group, row, column), 8 bits, for what happened to one sample. The names of the bits are those of
the `JWST pipeline <https://jwst-pipeline.readthedocs.io/en/latest/jwst/references_general/references_general.html>`_;
the eight group flags have the same values as the pixel flags of the same name.

Every function accepts any integer array or integer, signed or not, and never changes it.
"""

from __future__ import annotations

import difflib

import numpy as np
from astropy.table import Table
from stdatamodels.jwst.datamodels import dqflags

__all__ = ["FLAGS", "at", "mask", "mnemonics", "tally", "value"]

#: Name of each flag and its value, in the order of the bits; ``GOOD`` (no bit at all) is not a flag.
FLAGS = {name: bit for name, bit in dqflags.pixel.items() if bit}

_BLOCK = 1 << 20  # bytes looked at in one go: small enough to stay in the processor's cache


def value(*names):
    """Return the DQ value that has exactly the named flags set.

    Parameters
    ----------
    *names : str
        Mnemonics such as ``"SATURATED"``; capitals do not matter.

    Returns
    -------
    int
        Sum of the flags' values.

    Raises
    ------
    ValueError
        If a name is not one of `FLAGS`; the message offers similar ones.

    Examples
    --------
    >>> value("DO_NOT_USE", "SATURATED")
    3
    """
    bits = 0
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a flag is named by a string such as 'SATURATED', not by {name!r}")
        if name.upper() == "GOOD":
            raise ValueError("GOOD is the absence of every flag, not a flag: compare with 0 (flags == 0)")
        if name.upper() not in FLAGS:
            similar = difflib.get_close_matches(name.upper(), FLAGS, n=3) or sorted(FLAGS)
            raise ValueError(f"no DQ flag is called {name!r}; did you mean one of {', '.join(similar)}?")
        bits |= FLAGS[name.upper()]
    return bits


def mnemonics(value):
    """Name the flags that are set in one DQ value.

    Parameters
    ----------
    value : int
        A Python or NumPy integer of any type. (`dqflags_to_mnemonics` of the pipeline wants a Python int: with
        NumPy 2, a ``uint8`` meets bits that do not fit it and raises OverflowError.)

    Returns
    -------
    list of str
        The names in alphabetical order; empty for a good sample.

    Raises
    ------
    TypeError
        If `value` is not an integer.
    ValueError
        If `value` is negative or has bits that no flag has.

    Examples
    --------
    >>> mnemonics(np.uint8(6))
    ['JUMP_DET', 'SATURATED']
    """
    number = np.asarray(value)
    _check_integers(number)
    if number.ndim:
        raise TypeError(f"one DQ value is wanted, not an array of shape {number.shape}; tally() counts a whole array")
    # FITS knows no unsigned integers: bit 31 of an int32 makes it negative.
    bits = int(number.astype(_unsigned(number.dtype))) if isinstance(value, np.generic | np.ndarray) else int(value)
    if bits < 0 or bits >> 32:
        raise ValueError(f"{bits} is not a DQ value: the flags are the bits 0 to 31 of a number that is not negative")
    return sorted(name for name, bit in FLAGS.items() if bits & bit)


def tally(flags):
    """Count how many samples carry each flag.

    Parameters
    ----------
    flags : array of int, any shape
        ``pixeldq``, ``groupdq``, the ``dq`` of a rate image, or a part of one.

    Returns
    -------
    astropy.table.Table
        One row per flag that occurs, in the order of the bits: ``flag`` (its name), ``value``, ``count`` (samples that
        carry it) and ``percent`` (of all samples). A sample with two flags counts for both. ``meta`` holds ``total``,
        the number of samples.

    Raises
    ------
    TypeError
        If `flags` is not an array of integers.
    ValueError
        If a 64-bit array has bits set that no flag has.

    Notes
    -----
    Reads the array once, block by block, and skips words without any flag, so it takes about as long as copying it.

    Examples
    --------
    >>> table = tally(np.array([0, 1, 3, 2**31], dtype=np.uint32))
    >>> [(str(row["flag"]), int(row["count"])) for row in table]
    [('DO_NOT_USE', 2), ('SATURATED', 1), ('REFERENCE_PIXEL', 1)]
    """
    flags = np.asarray(flags)
    _check_integers(flags)
    counts = sum((_count_bits(words, flags.itemsize) for words in _blocks(flags)), start=np.zeros(64, dtype=np.int64))
    if counts[32:].any():
        raise ValueError("bits above the 31st are set: these are not DQ flags of the pipeline, which have 32 bits")
    names = [name for name, bit in FLAGS.items() if counts[bit.bit_length() - 1]]
    present = np.array([counts[FLAGS[name].bit_length() - 1] for name in names], dtype=np.int64)
    table = Table(
        {
            "flag": np.array(names, dtype=str),
            "value": np.array([FLAGS[name] for name in names], dtype=np.int64),
            "count": present,
            "percent": 100.0 * present / max(flags.size, 1),
        },
        meta={"total": flags.size},
    )
    table["percent"].format = ".3g"
    return table


def mask(flags, *names):
    """Return a mask that is True where a sample carries at least one of the named flags.

    Parameters
    ----------
    flags : array of int, any shape
        DQ values.
    *names : str
        Mnemonics; none at all means: any flag.

    Returns
    -------
    array of bool, shape of `flags`

    Raises
    ------
    TypeError
        If `flags` is not an array of integers.
    ValueError
        If a name is unknown, or is a flag that an array of this type cannot hold (``HOT`` in an 8-bit ``groupdq``).

    Examples
    --------
    >>> mask(np.array([0, 1, 2, 6], dtype=np.uint8), "SATURATED").tolist()
    [False, False, True, True]
    """
    flags = np.asarray(flags)
    _check_integers(flags)
    unsigned = _unsigned(flags.dtype)
    bits = value(*names) if names else np.iinfo(unsigned).max
    if bits > np.iinfo(unsigned).max:
        missing = [name for name in names if value(name) > np.iinfo(unsigned).max]
        raise ValueError(
            f"{', '.join(missing)} cannot occur in an array of type {flags.dtype.name}: it is a flag of pixels, not of "
            "groups, and kept in the 32-bit pixeldq (or the dq of a rate image)"
        )
    found = np.empty(flags.shape, dtype=bool)
    if flags.dtype != unsigned or not flags.flags.c_contiguous:
        return np.not_equal(flags.astype(unsigned) & unsigned(bits), 0, out=found)
    flat, target, step = flags.reshape(-1), found.reshape(-1), _BLOCK // flags.itemsize
    scratch = np.empty(min(step, flat.size), dtype=unsigned)  # stays in cache, unlike a temporary of full size
    for start in range(0, flat.size, step):
        part = flat[start : start + step]
        kept = np.bitwise_and(part, unsigned(bits), out=scratch[: part.size])
        np.not_equal(kept, 0, out=target[start : start + step])
    return found


def at(groupdq, integration, row, column):
    """Return the flags of one pixel in one integration, group by group.

    Parameters
    ----------
    groupdq : array of int, shape (integration, group, row, column)
        DQ values of the samples.
    integration, row, column : int
        Zero-based.

    Returns
    -------
    list of list of str
        For each group the names of its flags, in alphabetical order; an empty list for a good sample.

    Raises
    ------
    ValueError
        If `groupdq` is not four-dimensional.
    IndexError
        If the pixel or the integration lies outside the array.

    Examples
    --------
    >>> flags = np.zeros((1, 3, 4, 4), dtype=np.uint8)
    >>> flags[0, 1:, 2, 3] = 2
    >>> at(flags, integration=0, row=2, column=3)
    [[], ['SATURATED'], ['SATURATED']]
    """
    groupdq = np.asarray(groupdq)
    if groupdq.ndim != 4:
        raise ValueError(f"groupdq has four axes (integration, group, row, column), not shape {groupdq.shape}")
    for name, index, axis in (("integration", integration, 0), ("row", row, 2), ("column", column, 3)):
        if not -groupdq.shape[axis] <= index < groupdq.shape[axis]:
            raise IndexError(f"{name} {index} is not in this array: it has {groupdq.shape[axis]} of them, from 0")
    return [mnemonics(sample) for sample in groupdq[integration, :, row, column]]


def _check_integers(array):
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"DQ flags are integers, this is of type {array.dtype.name}; was another array meant, or were the flags "
            "turned into floats on the way (then .astype(np.uint32) brings them back)?"
        )


def _unsigned(dtype):
    return np.dtype(f"u{dtype.itemsize}").type


def _blocks(flags):
    """The array as one-dimensional pieces of 64-bit words; the last is filled up with zeros."""
    if not flags.flags.c_contiguous or not flags.dtype.isnative:
        for part in flags if flags.ndim > 1 else [flags]:
            yield from _blocks(np.ascontiguousarray(part, dtype=flags.dtype.newbyteorder("=")))
        return
    octets = flags.reshape(-1).view(np.uint8)
    for start in range(0, octets.size, _BLOCK):
        block = octets[start : start + _BLOCK]
        if block.size % 8:
            block = np.pad(block, (0, -block.size % 8))
        yield block.view(np.uint64)


def _count_bits(words, itemsize):
    """Samples per bit, shape (64,), in 64-bit words that hold samples of 1, 2, 4 or 8 bytes."""
    flagged = np.flatnonzero(words != 0)
    if flagged.size < words.size // 2:  # most samples have no flag: look closer only at those that have
        words = words[flagged]
    every = sum(1 << shift for shift in range(0, 64, 8 * itemsize))
    counts = np.zeros(64, dtype=np.int64)
    present = int(np.bitwise_or.reduce(words)) if words.size else 0
    for bit in range(8 * itemsize):
        if present & (every << bit):
            counts[bit] = np.bitwise_count(words & np.uint64(every << bit)).sum(dtype=np.int64)
    return counts
