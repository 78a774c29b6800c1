#!/usr/bin/env python
"""Digests of every array of a simulated exposure, to know whether two are the same to the last byte.

    python tools/digests.py renew     write those of the default exposure to tests/lessons/digests.json

To be renewed when the simulation, on purpose, gives other numbers than before; raise `VERSION` of its recipe then, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from astropy.io import fits

STORED = Path(__file__).resolve().parents[1] / "tests" / "lessons" / "digests.json"
FOLDERS = ("mastDownload", "crds", "truth")
_NOT_ARRAYS = ("ASDF",)  # the data model's own description, in which versions of libraries stand


def digests(folder):
    """Digests of all arrays and tables in the FITS files of an exposure.

    Parameters
    ----------
    folder : path-like
        The exposure's folder: uncal files, reference files and hits tables are found in it.

    Returns
    -------
    dict of str to str
        ``{"..._uncal.fits[SCI]": sha256 of type, shape and bytes as they lie in the file}``.
    """
    found = {}
    for path in sorted(path for name in FOLDERS for path in (Path(folder) / name).rglob("*.fits")):
        with fits.open(path, do_not_scale_image_data=True, memmap=False) as hdus:
            for hdu in hdus:
                if hdu.data is not None and hdu.name not in _NOT_ARRAYS:
                    found[f"{path.name}[{hdu.name}{hdu.ver if hdu.ver > 1 else ''}]"] = _digest(hdu.data)
    return found


def _digest(data):
    digest = hashlib.sha256(f"{data.dtype.str if data.dtype.names is None else data.dtype.descr} {data.shape}".encode())
    digest.update(data.tobytes())
    return digest.hexdigest()


def differences(here, there):
    """Names of what differs between two results of `digests`, or stands in one of them only."""
    return sorted(name for name in here | there if here.get(name) != there.get(name))


def renew():
    """Store the digests of the default exposure."""
    import tso_helpers as tso

    found = digests(tso.open_observation("simulated").folder)
    STORED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(found)} digests in {STORED.name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["renew"])
    parser.parse_args()
    renew()


if __name__ == "__main__":
    main()
