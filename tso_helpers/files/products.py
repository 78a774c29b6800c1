"""Products of a calibration: under documented names, with their identity, and never over something else.

    <exposure>-seg<nnn>_<detector>_rateints.fits     rates of every integration, after gain_scale (DN/s)
    <exposure>_<detector>_whitelight.ecsv            white-light curve of all segments

The identity says what a product was made of: which file and integrations of it, parameters, versions, reference files
(`tso_helpers.Observation.identity`). It stands in the header, as a digest (TSOIDENT) and in full (TSOMADE), so that a
part of a segment never passes for the whole of it and a product of an older version is made again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from astropy.io import fits

from . import atomic, integrity
from .integrity import plain_name

__all__ = ["digest", "is_current", "is_ours", "name_of", "save", "save_table"]

_ARRAYS = ("data", "err", "dq", "groupdq", "pixeldq", "var_poisson", "var_rnoise")
_DIGEST, _FULL = "TSOIDENT", "TSOMADE"


def name_of(model, kind="rateints", integrations=None):
    """Return the name under which a product of a segment is kept.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.JwstDataModel or path-like
        Whose ``meta.filename`` (or which itself) is still the name of the uncal file, or of a later product of it.
    kind : str
        The end of the name; ``"rateints"`` gives the name that the archive uses.
    integrations : slice, optional
        With a start and a stop, if it is only a part of the segment.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the model has no file name to begin with, or one that is not a plain name.

    Examples
    --------
    >>> name_of("jw01_04101_00001-seg002_nrs1_uncal.fits")
    'jw01_04101_00001-seg002_nrs1_rateints.fits'
    >>> name_of("jw01_04101_00001-seg002_nrs1_uncal.fits", "jump", slice(0, 18))
    'jw01_04101_00001-seg002_nrs1_integrations-0-18_jump.fits'
    """
    given = model.meta.filename if hasattr(model, "meta") else Path(model).name
    stem, _, last = (given or "").removesuffix(".fits").rpartition("_")
    if not stem or not last:
        raise ValueError(f"the file name is {given!r}: no name of a product can be made from that")
    plain_name(given)
    part = f"_integrations-{integrations.start}-{integrations.stop}" if integrations is not None else ""
    return f"{stem}{part}_{kind}.fits"


def is_current(path, identity):
    """Say whether a product is there and was made of just this.

    Parameters
    ----------
    path : path-like
    identity : dict
        See `tso_helpers.Observation.identity`.

    Returns
    -------
    bool
        False when it is missing, damaged, or was made of something else.
    """
    try:
        return integrity.fits_problem(path) is None and fits.getval(path, _DIGEST) == digest(identity)
    except (OSError, KeyError):
        return False


def save(model, path, identity, replace=False):
    """Save a data model as a product.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.JwstDataModel
        Left as it is.
    path : path-like
        Its folder is made if it isn't there. See `name_of`.
    identity : dict
        What it was made of.
    replace : bool
        Overwrite a file that was made of the same and holds other values.

    Returns
    -------
    pathlib.Path
        The file. One that was made of the same and holds the same values is left alone; one that was made of something
        else (an older version, other integrations) is replaced.

    Raises
    ------
    FileExistsError
        If a file of that name was made of the same, holds other values, and `replace` is false; or if it is not a
        product of ours. Nothing is written then.
    """
    path = Path(path)
    if path.exists() and not replace:
        if not is_ours(path):
            raise _taken(path, "is not a product of this package")
        if is_current(path, identity) and not _same_values(path, model):
            raise _taken(path, "holds other values")
        if is_current(path, identity):
            return path
    filename = model.meta.filename
    with atomic.file(path) as unfinished:
        model.save(str(unfinished))
        model.meta.filename = filename
        with fits.open(unfinished, mode="update") as hdus:
            hdus[0].header[_DIGEST] = digest(identity), "what this was made of, as a digest"
            hdus[0].header[_FULL] = json.dumps(identity, sort_keys=True, default=str)
    return path


def save_table(table, path, replace=False):
    """Save a table as text (ECSV: names, units and notes stay with the numbers).

    Parameters
    ----------
    table : astropy.table.Table
        Its ``meta["identity"]``, if it has one, says what it was made of.
    path : path-like
        Its folder is made if it isn't there.
    replace : bool
        Overwrite a file of that name that holds something else.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileExistsError
        If a file of that name was made of the same and holds something else, or is not a product of ours, and
        `replace` is false. Nothing is written then.
    """
    from astropy.table import Table

    path = Path(path)
    if path.exists() and not replace:
        try:
            there = Table.read(path, format="ascii.ecsv")
        except (ValueError, OSError, TypeError) as error:
            raise _taken(path, f"cannot be read as a table ({' '.join(str(error).split())[:80]})") from error
        known, wanted = there.meta.get("identity"), table.meta.get("identity")
        same = there.colnames == table.colnames and len(there) == len(table)
        same = same and all(
            np.allclose(there[name], table[name], rtol=1e-9, atol=0, equal_nan=True) for name in table.colnames
        )
        if same and known == wanted:
            return path
        if known == wanted or known is None:
            raise _taken(path, "holds other values" if known == wanted else "is not a product of this package")
    with atomic.file(path) as unfinished:
        table.write(unfinished, format="ascii.ecsv")
    return path


def digest(identity) -> str:
    """Return sixteen characters that stand for an identity.

    Parameters
    ----------
    identity : dict
        What `is_current` and `save` take.

    Returns
    -------
    str
    """
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def is_ours(path) -> bool:
    """Say whether a file is a product that `save` has written, of whatever identity.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    bool
        False when it is unreadable.
    """
    try:
        return _DIGEST in fits.getheader(path)
    except OSError:
        return False


def _same_values(path, model):
    from stdatamodels.jwst import datamodels

    with datamodels.open(path) as there:
        return type(there) is type(model) and all(_equal(_array(there, name), _array(model, name)) for name in _ARRAYS)


def _array(model, name):
    return getattr(model, name) if model.hasattr(name) else None


def _equal(one, other):
    """Whether two arrays, either of which a model may lack (None), hold the same; NaN equals NaN."""
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=np.issubdtype(np.asarray(one).dtype, np.floating))


def _taken(path, why):
    return FileExistsError(
        f"{path.name} is in {path.parent} already and {why}: nothing was written. Move it away, choose another folder, "
        "or say replace=True"
    )
