"""A CRDS cache of our own, which CRDS reads in its serverless mode.

CRDS finds the reference files of an exposure through three kinds of mapping: a pipeline context (``.pmap``) names one
instrument context (``.imap``) per instrument, which names one ``.rmap`` per type of reference file, which names the
files by detector, subarray and date. `write_cache` writes all three around a handful of reference files, so that
``SuperBiasStep.call(ramp)`` works with no network and nothing overridden.

A type that is not served is ``'N/A'``, which is how CRDS says "there is none and none is needed". That includes the
parameter references (``pars-...``) that each step asks for; a type that is missing altogether is reported as an error.

The layout and the checksum rule are those of CRDS itself (``crds.core.config`` and ``crds.core.rmap``).
"""

from __future__ import annotations

import hashlib
import json
import pprint
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from ..files import atomic, integrity
from ..files.crds_cache import CONTEXT, MARKER, NUMBER, SERVER_URL

#: Everything in the cache bears this date, so that the same references are the same bytes.
FIXED_DATE = "2022-07-30T00:00:00.000"
USE_AFTER = "2021-12-25 00:00:00"

_REFERENCES = Path("references", "jwst", "nirspec")
_MAPPINGS = Path("mappings", "jwst")
_CONFIG = Path("config", "jwst")
_INSTRUMENTS = ("fgs", "miri", "nircam", "niriss", "nirspec", "system")


@dataclass(frozen=True)
class Reference:
    """One reference file to be served.

    Attributes
    ----------
    kind : str
        CRDS's name of the type, for instance ``"superbias"``.
    detector : str
        ``"NRS1"`` or ``"NRS2"``.
    subarrays : tuple of str
        Subarrays of the exposures that it is for. The pipeline cuts a reference that covers more than the exposure.
    save : callable
        Called with the path to write to; writes a FITS file there.
    """

    kind: str
    detector: str
    subarrays: tuple[str, ...]
    save: Callable[[Path], None]

    @property
    def filename(self) -> str:
        """Name of the file in the cache; nothing on the real server is called so."""
        return f"jwst_nirspec_{self.kind}_simulated_{self.detector}_{self.subarrays[0]}.fits".lower()


def write_cache(folder, references: Iterable[Reference], family: str = "") -> Path:
    """Write a CRDS cache with the given reference files; it appears complete or not at all.

    Parameters
    ----------
    folder : path
        The cache, the future ``CRDS_PATH``. A complete cache that stands there already is replaced.
    references : iterable of Reference
        At most one per type, detector and subarray. Consumed one by one, so a generator keeps memory low.
    family : str
        What the references describe, in words. Two caches of one family may differ in the detectors and columns that
        they serve, but never contradict each other.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    folder = Path(folder)
    with atomic.folder(folder) as staging:
        served = _save_references(staging, references)
        _write_mappings(staging / _MAPPINGS, served)
        _write_config(staging, family)
    return folder


def checksum(text: str) -> str:
    """Return the SHA-1 that CRDS expects in a mapping: of all its lines but the one that holds the sum."""
    lines = (line for line in text.splitlines(keepends=True) if "sha1sum" not in line)
    return hashlib.sha1("".join(lines).encode("utf-8")).hexdigest()


def not_served(served: Iterable[str]) -> list[str]:
    """Return every type of reference that a NIRSpec exposure might be asked about and that is not served, sorted.

    The types that CRDS knows, and one ``pars-...`` per step and pipeline of the installed jwst.
    """
    import crds.jwst

    steps = [name.rpartition(".")[2] for group in entry_points(group="stpipe.steps") for name, *_ in group.load()()]
    kinds = {kind.lower() for kind in crds.jwst.FILEKINDS} | {f"pars-{name.lower()}" for name in steps}
    return sorted(kinds - set(served))


def _save_references(staging: Path, references: Iterable[Reference]) -> dict[str, dict[tuple[str, str], str]]:
    """Save the files; return {type: {(detector, subarray): file name}}."""
    for instrument in _INSTRUMENTS:  # CRDS makes the missing ones when it looks for a file; a cache may be read-only
        (staging / _REFERENCES.with_name(instrument)).mkdir(parents=True)
    served: dict[str, dict[tuple[str, str], str]] = {}
    for reference in references:
        files = served.setdefault(reference.kind, {})
        for key in ((reference.detector, subarray) for subarray in reference.subarrays):
            if key in files:
                raise ValueError(f"two {reference.kind} references for {key[0]} {key[1]}")
            files[key] = reference.filename
        reference.save(staging / _REFERENCES / reference.filename)
    return served


def _write_mappings(folder: Path, served: dict) -> None:
    folder.mkdir(parents=True)
    kinds = dict.fromkeys(not_served(served), "N/A")
    for kind, files in served.items():
        kinds[kind] = f"jwst_nirspec_{kind}_{NUMBER}.rmap"
        (folder / kinds[kind]).write_text(_rmap(kind, kinds[kind], files), encoding="utf-8")
    imap = f"jwst_nirspec_{NUMBER}.imap"
    (folder / imap).write_text(_imap(imap, kinds), encoding="utf-8")
    (folder / CONTEXT).write_text(_pmap(imap), encoding="utf-8")


def _mapping(header: dict, selector: str) -> str:
    """Return the text of a mapping with its checksum in place."""
    common = {"derived_from": "generated for a simulated exposure", "observatory": "JWST", "sha1sum": ""}
    fields = {**common, **header}

    def text():
        lines = "".join(f"    {key!r} : {value!r},\n" for key, value in sorted(fields.items()))
        return f"header = {{\n{lines}}}\n\nselector = {selector}\n"

    fields["sha1sum"] = checksum(text())
    return text()


def _pmap(imap: str) -> str:
    instruments = {name.upper(): imap if name == "nirspec" else "N/A" for name in _INSTRUMENTS}
    header = {"mapping": "PIPELINE", "name": CONTEXT, "parkey": ("META.INSTRUMENT.NAME",)}
    return _mapping(header, pprint.pformat(instruments))


def _imap(name: str, kinds: dict[str, str]) -> str:
    header = {"mapping": "INSTRUMENT", "name": name, "instrument": "NIRSPEC", "parkey": ("REFTYPE",)}
    return _mapping(header, pprint.pformat(kinds))


def _rmap(kind: str, name: str, files: dict[tuple[str, str], str]) -> str:
    header = {
        "mapping": "REFERENCE",
        "name": name,
        "instrument": "NIRSPEC",
        "filekind": kind.upper(),
        "classes": ("Match", "UseAfter"),
        "parkey": (
            ("META.INSTRUMENT.DETECTOR", "META.SUBARRAY.NAME"),
            ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME"),
        ),
    }
    cases = "".join(
        f"    {key!r} : UseAfter({{\n        {USE_AFTER!r} : {filename!r},\n    }}),\n"
        for key, filename in sorted(files.items())
    )
    return _mapping(header, f"Match({{\n{cases}}})")


def _write_config(staging: Path, family: str) -> None:
    """Write what CRDS would otherwise ask its server for, and our own marker."""
    config = staging / _CONFIG
    config.mkdir(parents=True)
    mappings = sorted(path.name for path in (staging / _MAPPINGS).iterdir())
    server = {
        "observatory": "jwst",
        "status": "cache",
        "connected": False,
        "bad_files": "",
        "bad_files_list": [],
        "force_remote_mode": False,
        "last_synced": FIXED_DATE,
        "mappings": mappings,
        **dict.fromkeys(("operational_context", "latest_context", "edit_context", "versions_context"), CONTEXT),
        "crds_version": {"str": "simulated"},
        "reference_url": {"jwst": SERVER_URL},
        "mapping_url": {"jwst": SERVER_URL},
    }
    (config / "server_config").write_text(pprint.pformat(server) + "\n", encoding="utf-8")
    (config / "bad_files.txt").write_text("", encoding="utf-8")
    (config / "ref_cache_subdir_mode").write_text("instrument\n", encoding="utf-8")
    contents = [*sorted((staging / _REFERENCES).iterdir()), *sorted((staging / _MAPPINGS).iterdir())]
    settings = sorted(config.iterdir())
    marker = {
        "note": "Reference files of a SIMULATED exposure, made for teaching. Never calibrate real data with them.",
        "context": CONTEXT,
        "family": family,
        "fingerprint": _digest(contents),
        "files": integrity.describe(staging, [*contents, *settings]),
    }
    (staging / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")


def _digest(paths) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode("utf-8"))
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
