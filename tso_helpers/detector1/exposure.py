"""Stage 1 of a whole exposure: what there is to do, whether it can end well, and what came out."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..files import atomic, integrity, level1b, lock, products
from .plan import make_plan
from .run import COUNTS, UNDER_WAY, Job, prepare_process, run_all
from .segment import Segment, refuse_whole_frames

__all__ = ["Settings", "calibrate", "disk_needed", "make_jobs", "table"]

_COLUMNS = ("segment", "", "seconds", "memory, GB", "saturated", "jumps", "found by", "products")


@dataclass(frozen=True)
class Settings:
    """How to calibrate.

    Attributes
    ----------
    parameters : dict of dict
        Parameters of steps that differ from the pipeline's: ``{"jump": {"rejection_threshold": 10}}``.
    skip : tuple of str
        Steps that are left out.
    extra : tuple of str
        Those of `steps.OPTIONAL` that are done.
    until : str
        The last step, one of `steps.ORDER`. Before ``"ramp_fit"`` the products are ramps.
    identity : callable
        Called with a `level1b.Uncal`; returns what its products are made of, see `tso_helpers.products`.
    prepare : callable
        Called without arguments in every process before its first step: points CRDS at the right files. Picklable.
    scratch : path-like, optional
        Where the ramps lie between the steps, on a disk that all workers see. Default: beside
        the products.
    partial : bool
        Be content when segments are missing.
    """

    parameters: dict = field(default_factory=dict)
    skip: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    until: str = "gain_scale"
    identity: Callable[[level1b.Uncal], dict] | None = None
    prepare: Callable[[], None] | None = None
    scratch: Path | None = None
    partial: bool = False


def calibrate(files, out, settings=None, *, workers=1, memory=1.5e9, scheduler=None, progress=True):
    """Apply Stage 1 to all segments of an exposure, from raw ramps to rates, in bounded memory.

    Parameters
    ----------
    files : sequence of level1b.Uncal
        All of one exposure.
    out : path-like
        Folder of the products, ``<archive's name>_rateints.fits`` and ``_rate.fits`` (or the ramp,
        ``<archive's name>_<step>.fits``), and of ``summary.json``.
    settings : Settings, optional
    workers : int
        Processes on this machine; 1 is this process itself, without Dask.
    memory : float
        Bytes that each worker may use.
    scheduler : str or cluster, optional
        Address of a Dask scheduler that is running, or a cluster of dask-jobqueue, Dask Gateway or distributed: its
        workers are used instead. They must see the raw files and the scratch folder under the same paths.
    progress : bool
        Show what is running, the rate and the time that is left.

    Returns
    -------
    dict
        What ``summary.json`` holds: for each segment its name, whether it was done before, seconds of work, peak memory
        (bytes) of a worker, saturated samples, samples with a jump and the method that found them, names of the
        products; and the seconds of the whole run.

    Raises
    ------
    FileNotFoundError, ValueError, OSError
        If files are missing, damaged or not of one exposure; if a setting is impossible; if memory or disk are too
        small: all before any work.
    FileExistsError
        If a file that is no product of ours stands where one shall be.
    RuntimeError
        If another process calibrates into the same folder, a worker has other versions of the pipeline than this
        process, the scheduler ended, or a task failed time and again; what was done is kept.
    """
    settings, begin = settings or Settings(), time.monotonic()
    jobs = make_jobs(files, out, settings, memory=memory, workers=workers)
    out, scratch = Path(out), _scratch(out, settings)
    _refuse([job for job in jobs if not job.is_reported], settings.prepare)
    for folder in (out, scratch):
        _require_writable(folder)
    report = out / "summary.json"
    known = _known(report)
    with lock.hold(scratch.with_name(f"{scratch.name}.lock"), wait=False, remove=True):
        for folder in (out, scratch.parent):
            atomic.remove_leftovers(folder)
        done, left = {}, [job for job in jobs if not job.is_reported]
        _remove_others(scratch, left)
        _require_resources(left, out, scratch, memory, workers if scheduler is None else 0)
        resources = {"workers": workers, "memory": memory, "scheduler": scheduler, "progress": progress}
        for name, found in run_all(left, settings.prepare, **resources) if left else ():
            done[name] = found
            atomic.write_text(report, _text(_summary(jobs, done, known)))
        atomic.remove_tree(scratch)
        how = {"workers": workers if scheduler is None else str(scheduler), "run seconds": time.monotonic() - begin}
        summary = _summary(jobs, done, known) | (how if left else {})
        atomic.write_text(report, _text(summary))
    return summary


def make_jobs(files, out, settings, *, memory=1.5e9, workers=1) -> list[Job]:
    """Return what there is to do, and do nothing of it.

    Parameters
    ----------
    files : sequence of level1b.Uncal
    out : path-like
    settings : Settings
    memory : float
    workers : int
        All as for `calibrate`.

    Returns
    -------
    list of Job
        By detector and segment.

    Raises
    ------
    FileNotFoundError, ValueError, FileExistsError
        As `calibrate`.
    """
    level1b.require_one_exposure(files, settings.partial)
    jobs = []
    for file in sorted(files, key=lambda file: (file.detector, file.segment)):
        identity = _identity(file, settings)
        plan = make_plan(file.shape, memory, workers, whole_frames_again=bool(settings.extra))
        key = products.digest({"identity": identity, "file": file.identity, "plan": repr(plan)})
        name = f"{file.detector} segment {file.segment}"
        folder = _scratch(out, settings) / f"{level1b.obs_id('', file.segment, file.detector)[1:]}-{key}"
        segment = Segment(
            file.path.resolve(),
            folder,
            plan,
            settings.parameters,
            tuple(settings.skip),
            tuple(settings.extra),
            settings.until,
        )
        kinds = ("rateints", "rate") if segment.gives_rates else (settings.until,)
        paths = tuple(Path(out).resolve() / products.name_of(file.path, kind) for kind in kinds)
        for path in paths:
            if path.exists() and not products.is_ours(path):
                raise FileExistsError(f"{path} is there and was not made by us: move it away or choose another folder")
        jobs.append(Job(name, segment, identity, paths))
    return jobs


def disk_needed(jobs) -> int:
    """Return about how many bytes are written at most: ramps of the segments that are under way, and all products.

    Parameters
    ----------
    jobs : list of Job

    Returns
    -------
    int
    """
    left = [job.segment for job in jobs if not job.is_reported]
    ramps = sorted((segment.plan.store_bytes * _copies(segment) for segment in left), reverse=True)
    return sum(ramps[:UNDER_WAY]) + sum(_small_bytes(segment) for segment in left)


def table(summary) -> str:
    """Return a summary as a table in plain text.

    Parameters
    ----------
    summary : dict
        From `calibrate`.

    Returns
    -------
    str
        One line per segment.
    """
    rows = [_COLUMNS]
    for entry in summary["segments"]:
        known = entry["seconds"] is not None
        numbers = (
            (
                f"{entry['seconds']:.1f}",
                f"{entry['peak_memory'] / 1e9:.2f}",
                *("" if entry[name] is None else f"{entry[name]:,}" for name in ("saturated", "jumps")),
                entry["method"] or "",
            )
            if known
            else ("", "", "", "", "")
        )
        state = "done before" if entry["done before"] else "done now"
        rows.append((entry["name"], state, *numbers, " ".join(entry["products"])))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


# --- before any work -------------------------------------------------------------------------------------------


def _scratch(out, settings) -> Path:
    out = Path(out).resolve()
    if settings.scratch is None:
        return out / "scratch"
    return Path(settings.scratch).resolve() / f"calibrate-{products.digest(str(out))}"


def _identity(file, settings) -> dict:
    """What the products of a file are made of."""
    if settings.identity:
        made_of = settings.identity(file)
    else:
        whole = [0, file.shape[0], file.shape[0]]
        made_of = {"file": file.path.name, "integrations": whole, "parameters": settings.parameters}
    for name, plain in (("skip", ()), ("extra", ()), ("until", "gain_scale")):
        if (value := getattr(settings, name)) != plain:
            made_of = made_of | {name: value if isinstance(value, str) else list(value)}
    return made_of


def _refuse(left, prepare) -> None:
    """Refuse what pieces of a segment cannot give; the steps' own parameter references have a say in it."""
    if left:
        prepare_process(prepare)
    for job in left:
        refuse_whole_frames(job.segment)


def _remove_others(scratch, left) -> None:
    """Delete what runs with other settings have left in our scratch folder."""
    known = {job.segment.folder for job in left}
    for folder in scratch.iterdir():
        if folder.is_dir() and folder not in known and not folder.name.startswith(atomic.UNFINISHED):
            atomic.remove_tree(folder)


def _require_writable(folder) -> None:
    """Make a folder and write into it for a try: better now than after hours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, f"{folder} cannot be written ({error.strerror}): choose another folder") from error


def _require_resources(left, out, scratch, memory, workers) -> None:
    """Refuse to begin what cannot end well; workers elsewhere (0 here) have memory of their own."""
    import psutil

    there = sum(entry.stat().st_size for entry in scratch.rglob("*") if entry.is_file())
    _require_disk(scratch, disk_needed(left) - there)
    if out.stat().st_dev != scratch.stat().st_dev:
        _require_disk(out, sum(_product_bytes(job.segment) for job in left))
    available = psutil.virtual_memory().available
    if left and workers * memory > available:
        raise OSError(
            f"{workers} workers of {memory / 1e9:.1f} GB need more memory than is free ({available / 1e9:.1f} GB): "
            "choose fewer workers, or less memory for each"
        )


def _copies(segment: Segment) -> int:
    """How many copies of a segment's ramps lie on disk at once, before products."""
    return 1 + segment.cleans + (not segment.gives_rates)


def _require_disk(folder, needed) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{needed / 1e9:.3g} GB of disk are needed in {folder}, and {free / 1e9:.3g} GB are free: free some, or "
            "choose another disk (--out for products, TSO_DATA for what lies between the steps)"
        )


def _product_bytes(segment: Segment) -> int:
    """Bytes of the products of a segment."""
    integrations, groups, rows, columns = segment.plan.shape
    return (integrations + 1) * rows * columns * (5 * 4 if segment.gives_rates else groups * 5)


def _small_bytes(segment: Segment) -> int:
    """Bytes of notes, rates of tiles and products of a segment."""
    integrations, _, rows, columns = segment.plan.shape
    noted = integrations * (2 * 4 + 1 + 5 * 4 * segment.gives_rates) + len(segment.plan.blocks) * 8
    return noted * rows * columns + _product_bytes(segment)


def _summary(jobs, done, known) -> dict:
    """What is known of all segments that are done by now."""
    reported = [job for job in jobs if job.name in done or job.is_reported]
    return {"segments": [_entry(job, done.get(job.name), known) for job in reported]}


def _text(summary) -> str:
    return json.dumps(summary, indent=1) + "\n"


def _entry(job, found, known) -> dict:
    """What the summary says of a segment; what was done before keeps the numbers of then."""
    made_of = products.digest(job.identity)
    if found is None:
        then = known.get(made_of, {})
        found = {name: then.get(name) for name in ("seconds", "peak_memory", *COUNTS)}
        found["done before"] = True
    else:
        found = found | {"done before": False}
    return {"name": job.name, **found, "identity": made_of, "products": [path.name for path in job.products]}


def _known(path) -> dict[str, dict]:
    """Segments of the summary of an earlier run, by what they were made of; a file that is no summary is refused."""
    try:
        return {entry["identity"]: entry for entry in integrity.read_json(path)["segments"]}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise FileExistsError(
            f"{path} is there and was not made by us: move it away or choose another folder"
        ) from None
