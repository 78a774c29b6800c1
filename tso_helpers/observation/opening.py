"""The observation that a lesson works on: where its files are, and the ramp after any step.

    import tso_helpers as tso

    obs = tso.open_observation()                       # the simulated exposure, built on first use
    ramp = obs.after("saturation", detector="NRS1", segment=1)

The same calls work for the real observation (``TSO_OBSERVATION=mast``) and for a folder of uncal files.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from .. import detector1
from ..files import atomic, crds_cache, level1b
from ..instrument import NIRSPEC_G395H
from . import checkpoints, crds, logs, published
from .places import data_root, mast_folder, scratch_folder
from .published import Example, Transit
from .ramp_after import PIECES, RAW, Request, our_code, prune_pieces, ramp_after

__all__ = ["NAMED", "Observation", "crds_exports", "open_observation", "prune"]

NAMED = ("simulated", "simulated-full", "mast")
"""What can be opened by name; anything else is taken for a folder."""


def open_observation(which=None, *, root=None, progress=True, partial=False, transit=None):
    """Open an observation, and point CRDS and the pipeline's log at the right places.

    Parameters
    ----------
    which : str, path or Recipe, optional
        ``"simulated"``: the simulated exposure of lesson size, built on first use. ``"simulated-full"``: as large as
        the real one, 8.5 GB. ``"mast"``: the real one, from the files that were downloaded into ``mastDownload/``.
        A folder: the uncal files in it, of any NIRSpec bright-object time series, simulated by `tso data` or real.
        A `tso_helpers.simulation.recipe.Recipe`: that simulated exposure, built on first use.
        Default: the environment variable TSO_OBSERVATION, or ``"simulated"``.
    root : path, optional
        Where exposures are kept. Default: the environment variable TSO_DATA, or the user's cache folder.
    progress : bool
        Show a progress bar while an exposure is built.
    partial : bool
        Be content with a real observation of which segments are missing.
    transit : (float, float), optional
        Mid-transit (BJD_TDB, d) and duration from first to last contact (d) of a time series of your own. Default: the
        environment variable TSO_TRANSIT, two numbers with a comma between them; not needed for WASP-39b.

    Returns
    -------
    Observation

    Raises
    ------
    FileNotFoundError
        If files are missing; the message lists them and says how to get them.
    ValueError
        If ``which`` is neither a name nor a folder, or the folder does not hold one time series.
    OSError
        If a file is damaged, or the disk is too small for a simulated exposure.
    RuntimeError
        If this process already works with other reference files.
    """
    if which is None or which == "":
        which = os.environ.get("TSO_OBSERVATION") or "simulated"
    transit = _transit(transit)
    if which in NAMED[:2] or hasattr(which, "to_json"):
        from . import simulated  # the only door to the simulation: code for real data never passes through it

        return simulated.open_recipe(which, data_root(root), progress)
    if which == "mast":
        return _open_mast(root, partial)
    folder = _folder(which)
    files = _files(folder)
    science = _one_time_series(files, folder)
    if all(file.simulated for file in science):
        from . import simulated

        return simulated.open_folder(folder, files, root)
    if not partial:
        _require_complete(science, folder)
    source = Source(folder.name, folder, scratch_folder(folder, root), crds.real(data_root(root) / "crds"), transit)
    return Observation(source, files)


def _files(folder) -> list[level1b.Uncal]:
    """The uncal files in a folder; what is wrong with those of a simulated exposure is said with how to mend it."""
    try:
        return level1b.find(folder)
    except OSError:
        if any((home / "crds" / crds_cache.MARKER).is_file() for home in (folder, *folder.parents)):
            from . import simulated

            simulated.check(folder)
        raise


def _folder(which) -> Path:
    try:
        folder = Path(which).expanduser()
    except TypeError:
        folder = None
    if folder is None or not folder.is_dir():
        raise ValueError(
            f"no observation {str(which)!r}: give {', '.join(map(repr, NAMED))}, or a folder that exists, as argument "
            "or in TSO_OBSERVATION"
        )
    return folder.resolve()


def _transit(given) -> Transit | None:
    given = given or os.environ.get("TSO_TRANSIT")
    if not given:
        return None
    try:
        mid, duration = (float(part) for part in (given.split(",") if isinstance(given, str) else given))
    except (ValueError, TypeError):
        mid = duration = 0.0
    if not (mid > 2_400_000 and duration > 0):
        raise ValueError(
            f"transit={given!r}: give mid-transit (BJD_TDB, such as 2459791.612) and duration, both in days; in "
            "TSO_TRANSIT with a comma between them"
        )
    return Transit(mid, duration)


def crds_exports(folder) -> dict[str, str]:
    """Return the variables with which any other program calibrates the files of a simulated exposure offline.

    Parameters
    ----------
    folder : path
        Folder of the exposure, as `open_observation` or ``tso data --out`` made it.

    Returns
    -------
    dict of str
        CRDS_PATH, CRDS_SERVER_URL and CRDS_CONTEXT.

    Raises
    ------
    FileNotFoundError
        If there is no complete set of reference files.
    """
    return crds.simulated(Path(folder) / "crds")


def prune(folder, root=None) -> int:
    """Delete what was derived from an observation and is made again when it is needed.

    Checkpoints, logs, and what programs that were killed have left behind. Products are kept.

    Parameters
    ----------
    folder : path-like
        Folder of the observation.
    root : path-like, optional
        As for `open_observation`.

    Returns
    -------
    int
        Bytes freed.

    Raises
    ------
    OSError
        If something could not be deleted; the message says what.
    """
    freed, kept = 0, []
    for place in (Path(folder), scratch_folder(folder, root)):
        try:
            freed += checkpoints.prune(place / "checkpoints")
            freed += prune_pieces(place / PIECES)
        except OSError as error:
            kept.append(str(error))
        for log in (place / "logs").glob("*.log"):
            try:
                size = log.stat().st_size
                log.unlink()
                freed += size
            except FileNotFoundError:  # another process prunes too
                pass
            except OSError as error:
                kept.append(f"{log} could not be deleted ({error.strerror})")
        try:
            freed += atomic.remove_leftovers(place)
        except OSError as error:
            kept.append(f"{error.filename or place} could not be deleted ({error.strerror})")
    if kept:
        more = f"; and {len(kept) - 3} more" if len(kept) > 3 else ""
        raise OSError(f"{'; '.join(kept[:3])}{more}. Everything else was deleted")
    return freed


@dataclass(frozen=True)
class Source:
    """Where an observation comes from.

    Attributes
    ----------
    name : str
    folder : pathlib.Path
        Where its files lie.
    scratch : pathlib.Path
        Where everything goes that is derived from them.
    crds : dict
        Its CRDS configuration, see `crds`.
    transit : Transit or None
        When the transit takes place, if that is known.
    truth : object or None
        What the simulation knows of it.
    """

    name: str
    folder: Path
    scratch: Path
    crds: dict
    transit: Transit | None = None
    truth: object = None


class Observation:
    """One exposure of a time series: files, steps, worked examples and, if it is simulated, the truth.

    Made by `open_observation`. Detectors are named as in the headers, segments count from 1 as in the file names,
    integrations from 0 within their segment.

    Parameters
    ----------
    source : Source
        Where files, checkpoints and references are.
    files : list of tso_helpers.files.level1b.Uncal
        Its uncal files.

    Attributes
    ----------
    name : str
        ``"simulated"``, ``"mast"`` or the name of a folder.
    folder : pathlib.Path
        Where its files lie.
    is_simulated : bool
    truth : tso_helpers.simulation.truth.Truth or None
        What the simulation knows; None for a real observation.
    detectors : tuple of str
    segments : tuple of int
    group_time : float
        Seconds between two groups.
    target_acquisition : list of pathlib.Path
        Its target-acquisition files.
    log : pathlib.Path
        What the pipeline logs in this process; see `tso_helpers.logs.lines`.
    """

    def __init__(self, source: Source, files: list[level1b.Uncal]):
        science = [file for file in files if file.exposure_type == NIRSPEC_G395H.exposure_type]
        acquisition = [file for file in files if file.exposure_type in NIRSPEC_G395H.acquisition_types]
        self._source = source
        self._files = _by_segment(science)
        self.name, self.folder, self.truth = source.name, source.folder, source.truth
        self.is_simulated = source.truth is not None
        self.detectors = tuple(sorted({file.detector for file in science}))
        self.segments = tuple(sorted({file.segment for file in science}))
        self.group_time = science[0].group_time
        self.target = science[0].target
        self.target_acquisition = [file.path for file in sorted(acquisition, key=lambda file: file.path.name)]
        self._checkpoints = checkpoints.Checkpoints(source.scratch / "checkpoints")
        self._activate()
        self.log = logs.start(source.scratch / "logs")

    def __repr__(self):
        integrations, groups, rows, columns = next(iter(self._files.values())).shape
        kind = "simulated" if self.is_simulated else "real"
        return (
            f"<{kind} observation of {self.target}: {' and '.join(self.detectors)}, {len(self.segments)} segments, "
            f"the first of {integrations} integrations x {groups} groups x {rows} rows x {columns} columns>"
        )

    def uncal(self, detector="NRS1", segment=1) -> Path:
        """Return the path of a raw (Level 1b) file.

        Parameters
        ----------
        detector : str
        segment : int

        Returns
        -------
        pathlib.Path

        Raises
        ------
        ValueError
            If there is no such detector or segment; the message lists those that there are.
        FileNotFoundError
            If the file was never downloaded.
        """
        return self._file(detector, segment).path

    def shape(self, detector="NRS1", segment=1) -> tuple[int, int, int, int]:
        """Return the size of a segment.

        Parameters
        ----------
        detector : str
        segment : int

        Returns
        -------
        (int, int, int, int)
            Integrations, groups, rows, columns.
        """
        return self._file(detector, segment).shape

    def after(self, step, detector="NRS1", segment=1, integrations=None, *, parameters=None):
        """Return the ramp of a segment after a step, from a checkpoint if there is one.

        Parameters
        ----------
        step : str
            One of `tso_helpers.detector1.STEPS`; ``"uncal"`` for the raw ramp.
        detector : str
            Such as ``"NRS1"``.
        segment : int
            One-based.
        integrations : slice or int, optional
            Zero-based, contiguous: only these are kept in memory, so a small machine can look into a large file. Steps
            up to ``"dark_current"`` are applied to just these. The steps from ``"one_over_f"`` on look at all
            integrations, so the whole segment is calibrated, in pieces if it is large: minutes, with a progress bar.
        parameters : dict of dict, optional
            Parameters of steps that differ from the pipeline's: ``{"jump": {"rejection_threshold": 10}}``.

        Returns
        -------
        stdatamodels.jwst.datamodels.RampModel
            All steps up to ``step`` done. After ``"ramp_fit"`` and ``"gain_scale"`` it is a CubeModel: the rates of
            each integration. It is yours: change it, close it.

        Raises
        ------
        ValueError
            If there is no such step, detector, segment or integration; the message lists the valid ones.
        FileNotFoundError
            If the segment is not among the files.
        RuntimeError
            If the reference files cannot be found or read; the message says what to do.
        """
        if step != RAW and step not in detector1.STEPS:
            raise ValueError(f"no step {step!r}: choose from {', '.join((RAW, *detector1.STEPS))}")
        parameters = detector1.check_parameters(parameters)
        file = self._file(detector, segment)
        chosen = _integrations(integrations, file.shape[0])
        self._activate()
        detector1.load_steps()
        identity = {} if step == RAW else self._identity  # the raw ramp needs no reference files
        with crds.errors(self._source.crds):
            return ramp_after(Request(file, chosen, parameters, identity), step, self._checkpoints)

    def identity(self, detector="NRS1", segment=1, integrations=None, *, parameters=None) -> dict:
        """Return what decides on a result: file, integrations, parameters, versions and reference files.

        Parameters
        ----------
        detector : str
        segment : int
        integrations : slice, optional
        parameters : dict of dict, optional
            As for `after`.

        Returns
        -------
        dict
            For `tso_helpers.products`; a product made of something else has another one.
        """
        file = self._file(detector, segment)
        chosen = _integrations(integrations, file.shape[0]) or slice(0, file.shape[0])
        return {
            "file": file.path.name,
            "integrations": [chosen.start, chosen.stop, file.shape[0]],
            "parameters": detector1.check_parameters(parameters),
            "code": our_code(),
            **self._identity,
        }

    @property
    def files(self) -> tuple[level1b.Uncal, ...]:
        """Its science files, by detector and segment."""
        return tuple(self._files.values())

    @property
    def crds(self) -> dict[str, str | None]:
        """Its CRDS configuration, see `tso_helpers.observation.crds`."""
        return dict(self._source.crds)

    @property
    def scratch(self) -> Path:
        """Where everything goes that is derived from its files."""
        return self._source.scratch

    @property
    def outputs(self) -> Path:
        """Folder for products, in the scratch folder: never beside somebody's data. Made when asked for."""
        folder = self._source.scratch / "products"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno, f"{folder} cannot be made ({error.strerror}): set TSO_DATA to a folder that can be written"
            ) from error
        return folder

    @property
    def transit(self) -> Transit:
        """When the transit takes place: ``mid`` (BJD_TDB, d) and ``duration`` from first to last contact (d).

        Raises
        ------
        ValueError
            If it is another target and nobody has said; the message says how to.
        """
        if self._source.transit is None:
            raise ValueError(
                f"nobody has said when the transit of {self.target} takes place: "
                "open_observation(..., transit=(mid in BJD_TDB, duration in days)), or TSO_TRANSIT=mid,duration"
            )
        return self._source.transit

    @cached_property
    def examples(self) -> dict[str, Example]:
        """Worked examples by name: detector, segment, integration, row, column, group, and what is to be seen there.

        Rows and columns are those of the data's array, also in an exposure that keeps only some columns.
        Planted in a simulated exposure; in the real one the coordinates that the published lesson uses.
        """
        return _published_examples(self) if self.truth is None else self.truth.placed(Example)

    def _file(self, detector, segment) -> level1b.Uncal:
        name = detector.upper() if isinstance(detector, str) else detector
        if name not in self.detectors:
            raise ValueError(f"no detector {detector!r}: choose from {', '.join(self.detectors)}")
        if (name, segment) in self._files:
            return self._files[name, segment]
        total = max(file.segments for file in self._files.values())
        if segment not in range(1, total + 1):
            raise ValueError(f"no segment {segment!r}: choose from {', '.join(str(n) for n in range(1, total + 1))}")
        here = ", ".join(str(s) for d, s in sorted(self._files) if d == name)
        raise FileNotFoundError(
            f"segment {segment} of {name} is not among the files in {self.folder} (there: {here or 'none'}). "
            + how_to_get(self.is_simulated)
        )

    def _activate(self):
        crds.activate(self._source.crds, f"the observation {self.name!r}")

    @cached_property
    def _identity(self) -> dict:
        """What, beside file and parameters, decides on a result: software and reference files."""
        packages = {name: version(name) for name in ("jwst", "stcal", "numpy", "scipy")}
        return {"packages": packages, "references": crds.identity(self._source.crds)}


def _by_segment(science) -> dict:
    """The files by detector and segment; each must be there once."""
    counted = Counter((file.detector, file.segment) for file in science)
    for (detector, segment), count in sorted(counted.items()):
        if count > 1:
            twice = ", ".join(str(f.path) for f in science if (f.detector, f.segment) == (detector, segment))
            raise ValueError(f"segment {segment} of {detector} is there {count} times: {twice}. Keep one of them")
    return {(file.detector, file.segment): file for file in sorted(science, key=lambda f: (f.detector, f.segment))}


def _integrations(chosen, total: int) -> slice | None:
    """Return the chosen integrations as a slice with a start and a stop; None for all of them."""
    if chosen is None:
        return None
    if isinstance(chosen, slice):
        start, stop, step = chosen.indices(total)
    else:
        try:
            start = range(total)[chosen]
        except (IndexError, TypeError):
            raise ValueError(f"integrations={chosen!r}: this segment has integrations 0 to {total - 1}") from None
        stop, step = start + 1, 1
    if step != 1 or start >= stop:
        raise ValueError(
            f"integrations={chosen!r}: give one, or a contiguous slice such as slice(0, 10), of the {total} there are"
        )
    return None if (start, stop) == (0, total) else slice(start, stop)


# --- real observations -----------------------------------------------------------------------------------------


def _open_mast(root, partial):
    folder = mast_folder(root)
    names = [
        level1b.obs_id(published.EXPOSURE, segment, name)
        for name in NIRSPEC_G395H.detectors
        for segment in published.SEGMENTS
    ]
    wanted = (*names, *published.ACQUISITIONS)
    here = [path for path in level1b.paths(folder) if path.name.removesuffix("_uncal.fits") in wanted]
    missing = [name for name in wanted if f"{name}_uncal.fits" not in {path.name for path in here}]
    if set(names) <= set(missing) or (set(missing) & set(names) and not partial):
        listed = "\n  ".join(f"{name}_uncal.fits" for name in missing)
        partly = " Or open what is there: open_observation('mast', partial=True)." if len(missing) < len(names) else ""
        raise FileNotFoundError(
            f"of the real observation (ERS 1366, observation 3) these files are not under {folder / 'mastDownload'}:"
            f"\n  {listed}\n{how_to_get(simulated=False)}{partly}"
        )
    found = [level1b.describe(path) for path in here]
    _one_time_series(found, folder)
    return Observation(Source("mast", folder, folder, crds.real(data_root(root) / "crds"), published.TRANSIT), found)


def how_to_get(simulated: bool) -> str:
    """Return the advice on how to get files that are missing."""
    if simulated:
        return "Build the exposure again: `tso data`."
    return "Fetch it with `tso data --fetch`, or with the cells of lesson 01; what is there already is kept."


def _one_time_series(files, folder) -> list[level1b.Uncal]:
    """The science files of a folder, if they are one exposure of the mode that we know."""
    science = [file for file in files if file.exposure_type == NIRSPEC_G395H.exposure_type]
    if not science:
        found = ", ".join(sorted({file.exposure_type for file in files}))
        raise ValueError(
            f"no NIRSpec bright-object time series in {folder}: EXP_TYPE of its files is {found}, not "
            f"{NIRSPEC_G395H.exposure_type}"
        )
    exposures = sorted({file.exposure for file in science})
    if len(exposures) > 1:
        raise ValueError(f"{folder} holds {len(exposures)} exposures ({', '.join(exposures)}): open one folder each")
    if len({file.simulated for file in science}) > 1:
        raise ValueError(f"{folder} holds simulated and real files of one exposure: open one folder each")
    for file in science:
        if problem := _problem(file):
            raise ValueError(f"{file.path} {problem}")
    return science


def _problem(file: level1b.Uncal) -> str | None:
    """Why a file of our mode cannot be calibrated, in words that follow its name; None if it can."""
    if file.detector not in NIRSPEC_G395H.detectors:
        return f"is of a detector {file.detector!r}; the mode has {' and '.join(NIRSPEC_G395H.detectors)}"
    integrations, groups = file.shape[:2]
    if integrations < 1 or groups < 2:
        return f"has {integrations} integrations of {groups} groups: 1 or more of 2 or more are needed to fit a ramp"
    if file.times < integrations:
        return (
            f"has {file.times or 'no'} rows in its INT_TIMES table for {integrations} integrations: without the time "
            "of each there is no light curve. Fetch the file again: the archive's files have that table"
        )
    return None


def _require_complete(science, folder):
    total = max(file.segments for file in science)
    wanted = {(file.detector, segment) for file in science for segment in range(1, total + 1)}
    missing = sorted(wanted - {(file.detector, file.segment) for file in science})
    if missing:
        listed = ", ".join(f"segment {segment} of {name}" for name, segment in missing)
        raise FileNotFoundError(
            f"the time series in {folder} has {total} segments; missing: {listed}. Fetch them, or open what is there: "
            f"open_observation({folder.name!r}, partial=True)."
        )


def _published_examples(obs) -> dict[str, Example]:
    """Return the published coordinates, or what stands for them in an exposure that is too small to have them."""
    (detector, segment), file = next(iter(obs._files.items()))
    integrations, groups, rows, columns = file.shape
    examples = {}
    for name, ((row, column), integration, group, note) in published.EXAMPLES.items():
        place = (row, column, integration, group or 0)
        moved = tuple(
            min(value, size - 1) for value, size in zip(place, (rows, columns, integrations, groups), strict=True)
        )
        as_published = file.path.name.startswith(f"{published.EXPOSURE}-seg001_nrs1") and moved == place
        examples[name] = Example(
            name,
            detector,
            segment,
            moved[2],
            moved[0],
            moved[1],
            moved[3] if group is not None else None,
            note if as_published else f"an arbitrary pixel: in ERS 1366, observation 3, {note}",
        )
    return examples
