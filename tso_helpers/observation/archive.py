"""Find the raw files of an observation in MAST, and download them in a way that survives bad wifi.

`connect` gives an archive with the four methods that one needs, named as in `astroquery.mast.Observations`
(``query_criteria``, ``get_product_list``, ``get_unique_product_list``, ``filter_products``), and ``download``.
For the real observation it *is* astroquery that answers; for the simulated exposure, or a folder of files, the
same calls are answered from the files on disk, so that the same cells run without a network.

Only the transfer itself is ours, see `transfer`. Names and sizes in a product list are the server's: a name that would
lead out of its folder is refused, and a file is whole only if it has the size that is listed.
"""

from __future__ import annotations

import difflib
import fnmatch
import os
import shutil
import warnings
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
from astropy.table import MaskedColumn, Table
from tqdm.auto import tqdm

from ..files import level1b
from ..files.integrity import plain_name
from .places import mast_folder
from .transfer import ArchiveError, Patience, download_file, is_whole, part_of, remove_rests, short_error, size_on_disk

__all__ = [
    "CRITERIA",
    "UNCAL",
    "ArchiveError",
    "LocalArchive",
    "MastArchive",
    "Patience",
    "connect",
    "mast_folder",
    "product_path",
    "summary",
]

CRITERIA = {
    "instrument_name": "NIRSpec/SLIT",
    "filters": "F290LP;G395H",
    "proposal_id": "1366",
    "target_name": "WASP-39",
}
"""What finds ERS 1366 observation 3, the transit of WASP-39b in G395H, in MAST."""

UNCAL = {"productType": "SCIENCE", "productSubGroupDescription": "UNCAL"}
"""What leaves only the raw ramps (Level 1b) of a product list."""

MARGIN = 200e6  # bytes of disk that a download leaves free
PATIENCE = 10  # seconds for MAST's first answer

# What MAST holds for an exposure beside the raw ramps: suffix, product type, extension, calibration level.
_SIBLINGS = (
    ("rate", "SCIENCE", "fits", 2),
    ("rateints", "SCIENCE", "fits", 2),
    ("calints", "SCIENCE", "fits", 2),
    ("x1dints", "SCIENCE", "fits", 2),
    ("rate", "PREVIEW", "jpg", 2),
)


def connect(which=None, *, root=None, progress=True):
    """Return the archive that answers for the chosen observation.

    Parameters
    ----------
    which : str or path-like, optional
        As for `tso_helpers.open_observation`: ``"mast"`` for the real archive, ``"simulated"`` (or
        ``"simulated-full"``, or a folder of uncal files) for an offline stand-in. Default ``$TSO_OBSERVATION``.
    root : path-like, optional
        Where exposures are kept, see `mast_folder`.
    progress : bool
        Show a progress bar while the simulated exposure is built, should it not exist.

    Returns
    -------
    MastArchive or LocalArchive
        No network is used before its first method is called.
    """
    which = which or os.environ.get("TSO_OBSERVATION") or "simulated"
    if str(which) == "mast":
        return MastArchive(mast_folder(root))
    from .opening import open_observation

    obs = open_observation(which, root=root, progress=progress)
    return LocalArchive(obs.folder, simulated=obs.is_simulated)


def product_path(product, folder):
    """Return where a product lies: ``folder/mastDownload/<collection>/<obs_id>/<file>``, as astroquery has it.

    Parameters
    ----------
    product : astropy.table.Row or mapping
        One row of a product list.
    folder : path-like
        The folder that contains, or will contain, ``mastDownload/``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ArchiveError
        If one of the three names is not a plain one: it could lead anywhere.
    """
    path = Path(folder, "mastDownload")
    for key in ("obs_collection", "obs_id", "productFilename"):
        try:
            path /= plain_name("" if np.ma.is_masked(product[key]) else product[key])
        except ValueError as error:
            raise ArchiveError(
                f"the archive lists a product {str(product['productFilename'])!r} whose {key} cannot be used: {error}. "
                "Nothing was downloaded; leave this product out of the list"
            ) from None
    return path


def summary(products, folder=None):
    """Return the few columns of a product list that one reads: name, kind, size in MB, and whether it is on disk.

    Parameters
    ----------
    products : astropy.table.Table
        A product list.
    folder : path-like, optional
        Folder that contains ``mastDownload/``; adds the column ``on disk``.

    Returns
    -------
    astropy.table.Table
        Sorted by file name; ``size (MB)`` in 10^6 bytes, masked where the archive does not tell.
    """
    ordered = products[np.argsort(products["productFilename"])]
    table = Table()
    table["file"] = [str(name) for name in ordered["productFilename"]]
    table["kind"] = [str(kind) for kind in ordered["productSubGroupDescription"]]
    size = np.ma.asarray(ordered["size"])
    unknown = np.ma.getmaskarray(size) | (np.ma.filled(size, -1) < 0)
    table["size (MB)"] = MaskedColumn(np.ma.filled(size, 0) / 1e6, mask=unknown, format=".2f")
    if folder is not None:
        table["on disk"] = ["yes" if product_path(row, folder).is_file() else "no" for row in ordered]
    return table


# --- the two archives ------------------------------------------------------------------------------------------


class _Archive:
    """What both archives share: filtering needs no archive."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def get_unique_product_list(self, observations):
        """As `get_product_list`, each file once (an exposure can belong to several observations)."""
        products = self.get_product_list(observations)
        _, first = np.unique(np.asarray(products["dataURI"], dtype=str), return_index=True)
        return products[np.sort(first)]

    def filter_products(self, products, **filters):
        """Rows of a product list that match, for example ``productSubGroupDescription="UNCAL"``; see `UNCAL`."""
        unknown = [name for name in filters if name not in products.colnames and name not in ("mrp_only", "extension")]
        if unknown:
            raise ValueError(f"a product list has no column {unknown[0]!r}; it has {', '.join(products.colnames)}")
        if len(products) == 0:
            return products
        from astroquery.mast import Observations

        return Observations.filter_products(products, **filters)


class MastArchive(_Archive):
    """The real archive: `astroquery.mast.Observations`, with errors that say what to do.

    Parameters
    ----------
    folder : path-like
        Downloads go to ``folder/mastDownload/``.
    """

    is_simulated = False

    def query_criteria(self, **criteria):
        """Find the observations that match (`astroquery.mast.ObservationsClass.query_criteria`).

        Parameters
        ----------
        **criteria
            Column of MAST's table of observations, and the value or values wanted.

        Returns
        -------
        astropy.table.Table
        """
        from astroquery.mast import Observations

        with _network_errors():
            _require_mast()
            return Observations.query_criteria(**criteria)

    def get_product_list(self, observations):
        """List all files that belong to the observations (`astroquery.mast.ObservationsClass.get_product_list`).

        Parameters
        ----------
        observations : astropy.table.Table
            From `query_criteria`.

        Returns
        -------
        astropy.table.Table

        Raises
        ------
        ArchiveError
            If there is no network, there are no observations, or the archive holds no file of them.
        """
        from astroquery.exceptions import NoResultsWarning
        from astroquery.mast import Observations

        _require_observations(observations)
        with _network_errors(), warnings.catch_warnings():
            warnings.simplefilter("ignore", NoResultsWarning)  # the error below says more
            products = Observations.get_product_list(observations)
        if len(products) == 0:
            names = ", ".join(str(name) for name in np.atleast_1d(observations["obs_id"])[:5])
            raise ArchiveError(
                f"MAST lists no file for {names}: the observation may not have been made yet, or be withdrawn. Choose "
                "another one, or ask again later"
            )
        return products

    def download(self, products, *, progress=True, patience=None):
        """Download the products, going on where an earlier download stopped; what is complete is left alone.

        Parameters
        ----------
        products : astropy.table.Table
            Product list, filtered to what is wanted.
        progress : bool
            Show a progress bar.
        patience : Patience, optional
            How long a bad connection is put up with.

        Returns
        -------
        astropy.table.Table
            Columns ``file``, ``size (MB)``, ``status`` ("present", "downloaded" or "resumed") and ``path``.

        Raises
        ------
        ArchiveError
            No network, not enough disk space, a product with a name that leads out of the folder, a file that the
            archive refuses or that does not arrive whole.
        """
        places = _places(products, self.folder)
        wanted = {path: row for path, row in places.items() if not is_whole(path, _size(row))}
        for path in places.keys() - wanted.keys():
            remove_rests(path)
        total = sum(_size(row) or 0 for row in wanted.values())
        _require_space(self.folder, total - sum(map(_there_already, wanted)))
        status = dict.fromkeys(places, "present")
        with tqdm(total=total, unit="B", unit_scale=True, disable=not (progress and wanted)) as bar:
            for path, row in wanted.items():
                bar.set_description(path.name[-40:])
                status[path] = download_file(_url(row), path, size=_size(row), patience=patience, bar=bar)
        return _report(status)


class LocalArchive(_Archive):
    """Stand-in for MAST over the uncal files in a folder: same calls, same tables, no network.

    The product list also names the calibrated files and previews that the real archive holds for every exposure,
    so that there is something to filter; their size is masked, for they do not exist here.

    Parameters
    ----------
    folder : path-like
        Folder with the files, in MAST's layout or flat.
    simulated : bool
        Whether the files come from the simulation.
    """

    def __init__(self, folder, simulated=True):
        super().__init__(folder)
        self.is_simulated = simulated

    def query_criteria(self, **criteria):
        """Find the observations among the files here that match.

        Parameters
        ----------
        **criteria
            As for `MastArchive.query_criteria`.

        Returns
        -------
        astropy.table.Table
            Empty, with a warning, if none does.

        Raises
        ------
        astroquery.exceptions.InvalidQueryError
            If there is no such criterion.
        """
        table = _observations(self._headers())
        keep = np.ones(len(table), dtype=bool)
        for name, value in criteria.items():
            if name not in table.colnames:
                from astroquery.exceptions import InvalidQueryError

                near = difflib.get_close_matches(name, table.colnames, n=1)
                raise InvalidQueryError(
                    f"Filter {name!r} does not exist." + (f" Did you mean {near[0]!r}?" if near else "")
                )
            keep &= _matches(table[name], value)
        if not keep.any():
            from astroquery.exceptions import NoResultsWarning

            warnings.warn("Query returned no results.", NoResultsWarning, stacklevel=2)
        return table[keep]

    def get_product_list(self, observations):
        """List the files of the observations, and those that only the real archive has.

        Parameters
        ----------
        observations : astropy.table.Table
            From `query_criteria`.

        Returns
        -------
        astropy.table.Table

        Raises
        ------
        ArchiveError
            If there are no observations.
        """
        _require_observations(observations)
        wanted = {str(obsid) for obsid in np.atleast_1d(observations["obsid"])}
        rows = []
        for path, header in self._headers():
            if _obsid(header) in wanted:
                rows += _products_of(path, header)
        return Table(rows=rows, masked=True)

    def download(self, products, *, progress=True, patience=None):
        """Report where the files are: there is nothing to fetch.

        Parameters
        ----------
        products : astropy.table.Table
            Product list.
        progress : bool
        patience : Patience, optional
            As for `MastArchive.download`, and without effect.

        Returns
        -------
        astropy.table.Table
            Local path and status of each, as of `MastArchive.download`.

        Raises
        ------
        ArchiveError
            If a product is not among the files: only MAST has it.
        """
        here = {path.name: path for path, _ in self._headers()}
        missing = sorted(str(name) for name in products["productFilename"] if str(name) not in here)
        if missing:
            raise ArchiveError(
                f"{missing[0]} (and {len(missing) - 1} more) is not among the files in {self.folder}: only the uncal "
                'files are. Filter the list with productType="SCIENCE", productSubGroupDescription="UNCAL".'
            )
        return _report({here[str(name)]: "present" for name in products["productFilename"]})

    def _headers(self):
        from astropy.io import fits

        paths = sorted(level1b.paths(self.folder), key=lambda path: path.name)
        if not paths:
            raise ArchiveError(f"no file named *_uncal.fits in {self.folder}; `tso data` builds the simulated exposure")
        return [(path, fits.getheader(path)) for path in paths]


# --- what a download needs to know ---------------------------------------------------------------------------


def _require_observations(observations):
    if len(observations) == 0:
        raise ArchiveError("there are no observations to list products of: the query before this one found none")


def _places(products, folder):
    """Where each product will lie, with its row; a file that is listed twice once."""
    places = {}
    for row in products:
        path = product_path(row, folder)
        if str(places.setdefault(path, row)["dataURI"]) != str(row["dataURI"]):
            raise ArchiveError(
                f"the archive lists two files of the name {path.name} ({places[path]['dataURI']} and "
                f"{row['dataURI']}): one would replace the other. Leave one of them out of the list"
            )
    return places


def _there_already(path):
    """Bytes of an unfinished download, or of a cut file under its final name."""
    return max(size_on_disk(path), size_on_disk(part_of(path)))


def _size(product):
    """Bytes as the product list has them; None where it does not tell."""
    size = product["size"]
    return None if np.ma.is_masked(size) or int(size) <= 0 else int(size)


def _url(product):
    from astroquery.mast import conf

    return f"{conf.server}/api/v0.1/Download/file?uri={quote(str(product['dataURI']), safe=':/')}"


def _report(status):
    table = Table()
    table["file"] = [path.name for path in status]
    table["size (MB)"] = MaskedColumn([path.stat().st_size / 1e6 for path in status], format=".2f")
    table["status"] = list(status.values())
    table["path"] = [str(path) for path in status]
    return table


def _require_space(folder, needed):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > 0 and needed + MARGIN > free:
        raise ArchiveError(
            f"the download needs {needed / 1e9:.2f} GB and {folder} has {free / 1e9:.2f} GB free. Free some space, "
            "choose fewer files, or set TSO_DATA to a folder on a larger disk."
        )


def _require_mast():
    """Fail within seconds when MAST cannot be reached: astroquery itself would wait for minutes."""
    import requests
    from astroquery.mast import conf

    requests.head(conf.server, timeout=PATIENCE)


@contextmanager
def _network_errors():
    import requests
    from astroquery.exceptions import RemoteServiceError
    from astroquery.mast import conf

    try:
        yield
    except (requests.exceptions.RequestException, RemoteServiceError, TimeoutError) as error:
        raise ArchiveError(
            f"MAST ({conf.server}) did not answer as it should: {short_error(error)}. Look at the network "
            "(`tso doctor` tests it) and try again, or work on with the simulated exposure, which needs none: "
            "unset TSO_OBSERVATION."
        ) from error


# --- tables of the stand-in ------------------------------------------------------------------------------------


def _matches(column, value):
    """Rows whose text is (one of) the value(s); ``*`` and ``%`` stand for anything, case does not count.

    A number column takes ``[smallest, largest]``, as in astroquery.
    """
    if column.dtype.kind == "f":
        low, high = value
        return (column >= low) & (column <= high)
    patterns = [str(item).replace("%", "*").lower() for item in np.atleast_1d(value)]
    texts = [str(item).lower() for item in column]
    return np.array([any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns) for text in texts])


def _obsid(header):
    return f"{int(header['PROGRAM']):05d}{int(header['OBSERVTN']):03d}"


def _observations(headers):
    """One row per observation, described by its science exposures; target acquisitions have other filters."""
    rows = {}
    for _, header in sorted(headers, key=lambda entry: "TA" in entry[1].get("EXP_TYPE", "")):
        row = rows.setdefault(_obsid(header), _observation(header))
        row["t_min"] = min(row["t_min"], header["EXPSTART"])
        row["t_max"] = max(row["t_max"], header["EXPEND"])
    return Table(rows=list(rows.values()), masked=True)


def _observation(header):
    program, observation = int(header["PROGRAM"]), int(header["OBSERVTN"])
    filters = [header.get("FILTER", ""), header.get("GRATING", "")]
    return {
        "obsid": _obsid(header),
        "obs_collection": "JWST",
        "instrument_name": "NIRSpec/SLIT",
        "filters": ";".join(name for name in filters if name),
        "target_name": str(header.get("TARGPROP") or header.get("TARGNAME", "")),
        "proposal_id": str(program),
        "proposal_pi": str(header.get("PI_NAME", "")),
        "obs_id": f"jw{program:05d}-o{observation:03d}",
        "dataproduct_type": "spectrum",
        "t_min": float(header["EXPSTART"]),
        "t_max": float(header["EXPEND"]),
    }


def _products_of(path, header):
    """Rows of the product list for one exposure: its uncal file, and what only the real archive has."""
    stem = path.name.removesuffix("_uncal.fits")
    common = {"obsID": _obsid(header), "obs_collection": "JWST", "dataproduct_type": "spectrum", "obs_id": stem}

    def row(suffix, kind, extension, level, size):
        name = f"{stem}_{suffix}.{extension}"
        return common | {
            "dataURI": f"mast:JWST/product/{name}",
            "productType": kind,
            "productSubGroupDescription": suffix.upper() if kind == "SCIENCE" else "",
            "productFilename": name,
            "calib_level": level,
            "size": size,
        }

    rows = [row("uncal", "SCIENCE", "fits", 1, path.stat().st_size)]
    return rows + [row(*sibling, np.ma.masked) for sibling in _SIBLINGS]
