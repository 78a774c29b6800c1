"""Products of a calibration, under documented names, and never over something else that is there already.

<exposure>-seg<nnn>_<detector>_rateints.fits     rates of every integration, after gain_scale (DN/s)
<exposure>_<detector>_whitelight.ecsv            white-light curve of all segments
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

__all__ = ["rateints_name", "save_rateints", "save_table"]

_ARRAYS = ("data", "err", "dq", "var_poisson", "var_rnoise")


def rateints_name(model):
    """Name under which the rates of a segment are kept, the one that the archive uses.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.CubeModel
        ``meta.filename`` is still that of the uncal file, or of a later product of it.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the model has no file name to begin with.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> rateints_name(SimpleNamespace(meta=SimpleNamespace(filename="jw01_04101_00001-seg002_nrs1_uncal.fits")))
    'jw01_04101_00001-seg002_nrs1_rateints.fits'
    """
    stem, _, kind = (model.meta.filename or "").removesuffix(".fits").rpartition("_")
    if not stem or not kind:
        raise ValueError(f"meta.filename is {model.meta.filename!r}: no name of a product can be made from that")
    return f"{stem}_rateints.fits"


def save_rateints(model, folder, replace=False):
    """Save the rates of a segment as ``..._rateints.fits``.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.CubeModel
        Rates of every integration, (integration, row, column), DN/s; left as it is.
    folder : path
        Made if it isn't there.
    replace : bool
        Overwrite a file of that name that holds other values.

    Returns
    -------
    pathlib.Path
        The file. One that holds the same values already is left alone.

    Raises
    ------
    FileExistsError
        If a file of that name holds other values and `replace` is false. Nothing is written then.
    """
    path = Path(folder) / rateints_name(model)
    if path.exists() and not replace:
        if not _same_rates(path, model):
            raise _taken(path)
        return path

    def write(unfinished):
        filename = model.meta.filename
        model.save(str(unfinished))
        model.meta.filename = filename

    return _put(path, write)


def save_table(table, path, replace=False):
    """Save a table as text (ECSV: names, units and notes stay with the numbers).

    Parameters
    ----------
    table : astropy.table.Table
    path : path
        Its folder is made if it isn't there.
    replace : bool
        Overwrite a file of that name that holds something else.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileExistsError
        If a file of that name holds something else and `replace` is false.
    """
    from astropy.table import Table

    path = Path(path)
    if path.exists() and not replace:
        there = Table.read(path, format="ascii.ecsv")
        if (
            there.colnames != table.colnames
            or len(there) != len(table)
            or any(
                not np.allclose(there[name], table[name], rtol=1e-9, atol=0, equal_nan=True) for name in table.colnames
            )
        ):
            raise _taken(path)
        return path
    return _put(path, lambda unfinished: table.write(unfinished, format="ascii.ecsv"))


def _put(path, write):
    """Write under the final name in a folder beside it, then move it: nothing half-written bears the final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".unfinished-") as place:
        unfinished = Path(place) / path.name
        write(unfinished)
        os.replace(unfinished, path)
    return path


def _same_rates(path, model):
    from stdatamodels.jwst import datamodels

    with datamodels.open(path) as there:
        return type(there) is type(model) and all(
            _equal(getattr(there, name), getattr(model, name)) for name in _ARRAYS
        )


def _equal(one, other):
    """Whether two arrays, either of which a model may lack (None), hold the same; NaN equals NaN."""
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=np.issubdtype(np.asarray(one).dtype, np.floating))


def _taken(path):
    return FileExistsError(
        f"{path.name} is in {path.parent} already and holds other values: nothing was written. Move it away, choose "
        "another folder, or say replace=True"
    )
