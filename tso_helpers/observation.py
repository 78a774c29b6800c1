"""The observation that a lesson works on: where its files are, and the ramp after any step.

    import tso_helpers as tso

    obs = tso.open_observation()                       # the simulated exposure, built on first use
    ramp = obs.after("saturation", detector="NRS1", segment=1)

The same calls work for the real observation (``TSO_OBSERVATION=mast``) and for a folder of uncal files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from . import checkpoints, crds_environment, detector1, logs, uncal
from .simulation import crds_cache
from .simulation.examples import NAMES, Example

__all__ = ["NAMED", "Observation", "crds_exports", "data_root", "open_observation", "prune"]

NAMED = ("simulated", "simulated-full", "mast")
"""What can be opened by name; anything else is taken for a folder."""

RAW = "uncal"
"""`Observation.after` this "step" is the ramp as it was downloaded."""

_EXPOSURE = "jw01366003001_04101_00001"
_ACQUISITIONS = ("jw01366003001_02101_00001-seg001_nrs1", "jw01366003001_02101_00002-seg001_nrs1")
#: Steps whose result for one integration does not depend on which others are there.
_INTEGRATION_BY_INTEGRATION = detector1.STEPS[: detector1.STEPS.index("one_over_f")]
_RATES = ("ramp_fit", "gain_scale")
#: The published lesson's worked examples in the real observation: (row, column), integration and group of segment 1.
_PUBLISHED = {
    "saturated_by_cosmic_ray": ((3, 100), 10, 14, "a cosmic ray drives it into saturation"),
    "saturation_neighbour": ((2, 99), 10, 14, "flagged with its saturated neighbour"),
    "clean_jump": ((12, 1000), 67, 15, "a cosmic ray, nowhere near saturation"),
    "bright_nonlinear": ((11, 2000), 10, None, "bright: its ramp bends"),
}


def open_observation(which=None, *, root=None, progress=True, partial=False):
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
    from .simulation.recipe import Recipe

    which = which or os.environ.get("TSO_OBSERVATION") or "simulated"
    if isinstance(which, Recipe):
        return _open_simulated(which, data_root(root), progress)
    if which == "simulated":
        return _open_simulated(Recipe(), data_root(root), progress)
    if which == "simulated-full":
        return _open_simulated(Recipe(integrations=(155, 155, 155), groups=70), data_root(root), progress)
    if which == "mast":
        return _open_mast(root, partial)
    folder = Path(which).expanduser()
    if not folder.is_dir():
        raise ValueError(
            f"no observation {str(which)!r}: give {', '.join(map(repr, NAMED))}, or a folder that exists, as argument "
            "or in TSO_OBSERVATION"
        )
    return _open_folder(folder.resolve(), data_root(root), partial)


def data_root(root=None) -> Path:
    """Return the folder in which exposures are kept: ``root``, TSO_DATA, or the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(root or os.environ.get("TSO_DATA") or user_cache_path("tso_helpers")).expanduser().absolute()


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
    return crds_environment.simulated(Path(folder) / "crds")


def prune(folder) -> int:
    """Delete the checkpoints and logs of the observation in a folder; return the bytes freed.

    They are made again when they are needed.
    """
    folder = Path(folder)
    freed = checkpoints.prune(folder / "checkpoints")
    for log in (folder / "logs").glob("*.log"):
        freed += log.stat().st_size
        log.unlink(missing_ok=True)
    return freed


@dataclass(frozen=True)
class _Source:
    """Where an observation comes from: its name, folder, folder for what is derived from it, and CRDS configuration."""

    name: str
    folder: Path
    scratch: Path
    crds: dict
    simulated: bool


class Observation:
    """One exposure of a time series: files, steps, worked examples and, if it is simulated, the truth.

    Made by `open_observation`. Detectors are named as in the headers, segments count from 1 as in the file names,
    integrations from 0 within their segment.

    Attributes
    ----------
    name : str
        ``"simulated"``, ``"mast"`` or the name of a folder.
    folder : pathlib.Path
        Where its files lie.
    is_simulated : bool
    detectors : tuple of str
    segments : tuple of int
    group_time : float
        Seconds between two groups.
    target_acquisition : list of pathlib.Path
        Its target-acquisition files.
    log : pathlib.Path
        What the pipeline logs in this process; see `tso_helpers.logs.lines`.
    """

    def __init__(self, source: _Source, science: list[uncal.Uncal], acquisition: list[uncal.Uncal]):
        self._source = source
        self._files = {(file.detector, file.segment): file for file in science}
        self.name, self.folder, self.is_simulated = source.name, source.folder, source.simulated
        self.detectors = tuple(sorted({file.detector for file in science}))
        self.segments = tuple(sorted({file.segment for file in science}))
        self.group_time = science[0].group_time
        self.target = science[0].target
        self.target_acquisition = [file.path for file in sorted(acquisition, key=lambda file: file.path.name)]
        self._checkpoints = checkpoints.Checkpoints(source.scratch / "checkpoints")
        self._activate()
        self.log = _start_log(source.scratch)

    def __repr__(self):
        integrations, groups, rows, columns = self.shape(self.detectors[0], self.segments[0])
        kind = "simulated" if self.is_simulated else "real"
        return (
            f"<{kind} observation of {self.target}: {' and '.join(self.detectors)}, {len(self.segments)} segments, "
            f"the first of {integrations} integrations x {groups} groups x {rows} rows x {columns} columns>"
        )

    def uncal(self, detector="NRS1", segment=1) -> Path:
        """Return the path of a raw (Level 1b) file.

        Raises
        ------
        ValueError
            If there is no such detector or segment; the message lists those that there are.
        FileNotFoundError
            If the file was never downloaded.
        """
        return self._file(detector, segment).path

    def shape(self, detector="NRS1", segment=1) -> tuple[int, int, int, int]:
        """Return the size of a segment: integrations, groups, rows, columns."""
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
            Zero-based, contiguous: only these are read and calibrated, so a small machine can look into a large file.
            The mask of ``"one_over_f"`` and a jump detection across integrations then know only these.
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
        """
        if step != RAW and step not in detector1.STEPS:
            raise ValueError(f"no step {step!r}: choose from {', '.join((RAW, *detector1.STEPS))}")
        file = self._file(detector, segment)
        chosen = _integrations(integrations, file.shape[0])
        self._activate()
        detector1.load_steps()
        if step == RAW:
            return uncal.read(file.path, chosen)
        job = _Job(self._checkpoints, file, chosen, parameters or {}, self._identity)
        return job.result(step)

    @cached_property
    def truth(self):
        """What the simulation knows (`tso_helpers.simulation.truth.Truth`); None for a real observation."""
        if not self.is_simulated:
            return None
        from .simulation.truth import open_truth

        return open_truth(self.folder)

    @cached_property
    def examples(self) -> dict[str, Example]:
        """Worked examples by name: detector, segment, integration, row, column, group, and what is to be seen there.

        Rows and columns are those of the data's array, also in an exposure that keeps only some columns.
        Planted in a simulated exposure; in the real one the coordinates that the published lesson uses.
        """
        if self.is_simulated:
            first = self.truth.recipe.columns[0]
            return {name: replace(place, column=place.column - first) for name, place in self.truth.examples.items()}
        return _published_examples(self)

    def _file(self, detector, segment) -> uncal.Uncal:
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
            + _how_to_get(self.name)
        )

    def _activate(self):
        crds_environment.activate(self._source.crds, f"the observation {self.name!r}")

    @property
    def _identity(self) -> dict:
        """What, beside file and parameters, decides on a result: software and reference files."""
        packages = {name: version(name) for name in ("jwst", "stcal", "numpy", "scipy")}
        return {"packages": packages, "references": self._references}

    @cached_property
    def _references(self) -> str:
        fingerprint = crds_cache.fingerprint(self._source.crds["CRDS_PATH"])
        if fingerprint is not None:
            return fingerprint
        import crds

        try:
            return str(crds.get_context_name("jwst"))
        except SystemExit as error:  # what CRDS raises when it has neither
            raise RuntimeError(
                f"CRDS reaches no server ({self._source.crds['CRDS_SERVER_URL']}) and has nothing cached in "
                f"{self._source.crds['CRDS_PATH']}: the reference files of real data have to be downloaded once. "
                "`tso doctor` says what can be reached."
            ) from error


@dataclass(frozen=True)
class _Job:
    """The ramp of one segment, or some of its integrations, after one step after the other."""

    store: checkpoints.Checkpoints
    file: uncal.Uncal
    integrations: slice | None
    parameters: dict
    identity: dict

    def result(self, step):
        model, done = self._latest(step)
        if done == step:
            return model
        since = None if done == RAW else done
        model = detector1.run(model, step, since, copy=False, parameters=self._parameters(step))
        self.store.keep(self._name(step), lambda path: model.save(str(path)), _bytes(model))
        return _named(model, self.file)

    def _latest(self, step):
        """Return the ramp after the latest step, up to ``step``, that is on disk, and the name of that step."""
        for done in reversed(detector1.STEPS[: detector1.STEPS.index(step) + 1]):
            if (model := self._read(done)) is not None:
                return model, done
        return uncal.read(self.file.path, self.integrations), RAW

    def _read(self, step):
        kind = "CubeModel" if step in _RATES else "RampModel"
        if path := self.store.find(self._name(step)):
            with contextlib.suppress(FileNotFoundError):  # another process may have made room just now
                return _named(uncal.read(path, kind=kind), self.file)
        if self.integrations is not None and step in _INTEGRATION_BY_INTEGRATION:
            whole = replace(self, integrations=None)
            if path := self.store.find(whole._name(step)):
                with contextlib.suppress(FileNotFoundError):
                    return _named(uncal.read(path, self.integrations, kind), self.file)
        return None

    def _parameters(self, step) -> dict:
        steps = detector1.STEPS[: detector1.STEPS.index(step) + 1]
        if unknown := sorted(set(self.parameters) - set(detector1.STEPS)):
            raise ValueError(f"parameters for {', '.join(unknown)}: the steps are {', '.join(detector1.STEPS)}")
        return {name: values for name, values in self.parameters.items() if name in steps}

    def _name(self, step) -> str:
        prefix = f"{self.file.detector.lower()}-seg{self.file.segment:03d}-{step}"
        if self.integrations is not None:
            prefix += f"-{self.integrations.start}-{self.integrations.stop}"
        ours = detector1.STEPS.index(step) >= detector1.STEPS.index("one_over_f")
        return self.store.name(
            prefix,
            file=self.file.identity,
            parameters=self._parameters(step),
            code=_our_code() if ours else None,
            **self.identity,
        )


def _our_code() -> str:
    """Return a digest of the source of the step that is ours: a change of it makes other results."""
    digest = hashlib.sha256()
    for name in ("detector1", "one_over_f", "trace"):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]


def _named(model, file):
    """Give a ramp back its file name: saving it as a checkpoint has changed that."""
    model.meta.filename = file.path.name
    return model


def _bytes(model) -> int:
    """Return about how many bytes a model takes on disk."""
    arrays = ("data", "err", "dq", "groupdq", "pixeldq", "var_poisson", "var_rnoise")
    return sum(getattr(model, name).nbytes for name in arrays if model.hasattr(name)) + 1_000_000


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


# --- opening ---------------------------------------------------------------------------------------------------


def _open_simulated(recipe, root, progress):
    from .simulation import exposure

    folder = root / f"simulated-{recipe.key}"
    _make_folder(folder)
    exposure.build(folder, recipe, progress=progress)
    return _observe(_Source("simulated", folder, folder, crds_exports(folder), True), uncal.find(folder))


def _make_folder(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written ({error.strerror}): set TSO_DATA to a folder where the simulated exposure may "
            "be kept"
        ) from error


def _open_mast(root, partial):
    folder = _mast_folder(root)
    names = [f"{_EXPOSURE}-seg{segment:03d}_{name}" for name in ("nrs1", "nrs2") for segment in (1, 2, 3)]
    here = {path.name.removesuffix("_uncal.fits") for path in folder.rglob("*_uncal.fits")}
    missing = [name for name in (*names, *_ACQUISITIONS) if name not in here]
    if len(missing) == len(names) + len(_ACQUISITIONS) or (set(missing) & set(names) and not partial):
        listed = "\n  ".join(f"{name}_uncal.fits" for name in missing)
        partly = " Or open what is there: open_observation('mast', partial=True)." if len(missing) < len(names) else ""
        raise FileNotFoundError(
            f"of the real observation (ERS 1366, observation 3) these files are not under {folder / 'mastDownload'}:"
            f"\n  {listed}\n{_how_to_get('mast')}{partly}"
        )
    found = [
        file for file in uncal.find(folder) if file.path.name.removesuffix("_uncal.fits") in (*names, *_ACQUISITIONS)
    ]
    crds = crds_environment.real(data_root(root) / "crds")
    return _observe(_Source("mast", folder, folder, crds, False), found)


def _mast_folder(root) -> Path:
    """Return the folder that holds ``mastDownload/`` of the real observation: ours, or else the current one."""
    ours = data_root(root) / "mast"
    for folder in (ours, data_root(root), Path.cwd()):
        if any((folder / "mastDownload").rglob(f"{_EXPOSURE}-seg*_uncal.fits")):
            return folder
    return ours


def _how_to_get(name) -> str:
    if name == "simulated":
        return "Build the exposure again: `tso data`."
    return "Fetch it with `tso data --fetch`, or with the cells of lesson 01; what is there already is kept."


def _open_folder(folder, root, partial):
    files = uncal.find(folder)
    science = [file for file in files if file.exposure_type == uncal.SCIENCE]
    if not science:
        found = ", ".join(sorted({file.exposure_type for file in files}))
        raise ValueError(
            f"no NIRSpec bright-object time series in {folder}: EXP_TYPE of its files is {found}, not {uncal.SCIENCE}"
        )
    exposures = sorted({file.exposure for file in science})
    if len(exposures) > 1:
        raise ValueError(f"{folder} holds {len(exposures)} exposures ({', '.join(exposures)}): open one folder each")
    if all(file.simulated for file in science):
        home = _simulated_home(folder)
        return _observe(_Source(folder.name, home, home, crds_exports(home), True), files)
    if not partial:
        _require_complete(science, folder)
    scratch = root / "observations" / f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    return _observe(_Source(folder.name, folder, scratch, crds_environment.real(root / "crds"), False), files)


def _simulated_home(folder) -> Path:
    for home in (folder, *folder.parents):
        if (home / "crds" / crds_cache.MARKER).is_file():
            return home
    raise FileNotFoundError(
        f"the files in {folder} are simulated, but the reference files that belong to them are neither there nor in a "
        "folder above: open the folder that `tso data` made, as a whole"
    )


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


def _observe(source, files):
    science = [file for file in files if file.exposure_type == uncal.SCIENCE]
    acquisition = [file for file in files if file.exposure_type in uncal.ACQUISITION]
    return Observation(source, science, acquisition)


def _start_log(scratch) -> Path:
    """Send the pipeline's log of this process to a file beside the data, or to a temporary one."""
    name = f"pipeline-{os.getpid()}.log"
    folder = scratch / "logs"
    try:
        log = logs.to_file(folder / name)
        old = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-20]
    except OSError:  # the data may be read-only
        return logs.to_file(Path(tempfile.gettempdir()) / f"tso-{name}")
    for path in old:
        path.unlink(missing_ok=True)
    return log


def _published_examples(obs) -> dict[str, Example]:
    """Return the published coordinates, or what stands for them in an exposure that is too small to have them."""
    detector, segment = obs.detectors[0], obs.segments[0]
    integrations, groups, rows, columns = obs.shape(detector, segment)
    examples = {}
    for name in NAMES:
        (row, column), integration, group, note = _PUBLISHED[name]
        place = (row, column, integration, group or 0)
        moved = tuple(
            min(value, size - 1) for value, size in zip(place, (rows, columns, integrations, groups), strict=True)
        )
        published = obs.uncal(detector, segment).name.startswith(_EXPOSURE) and moved == place
        examples[name] = Example(
            name,
            detector,
            segment,
            moved[2],
            moved[0],
            moved[1],
            moved[3] if group is not None else None,
            note if published else f"an arbitrary pixel: in ERS 1366, observation 3, {note}",
        )
    return examples
