"""Stage 1 of a whole exposure, in this process or on Dask distributed.

The tasks of a segment (`segment`) are functions of plain arguments that leave their result in a folder, whole or not
at all. So it does not matter which process of which machine does them, as long as all see the same files, nor how often
one is done: a worker that dies costs its task, and what was interrupted goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from ..files import atomic, integrity, level1b, lock, products
from ..files.process import peak_memory
from . import segment as tasks
from .plan import Plan, make_plan
from .steps import load_steps

__all__ = ["Job", "Settings", "calibrate", "disk_needed", "make_jobs", "table"]

#: Times that a task is tried before the run ends with an error.
TRIES = 4
#: A local worker that uses more than this times the memory that it was given is ended, and its task done again.
GRACE = 1.2
#: A scheduler that has not answered after this is not there.
PATIENCE = "10s"
_ALONE = threading.Lock()  # a task is planned to fit into the memory of its process, whose threads share it
_COLUMNS = ("segment", "", "seconds", "memory, GB", "saturated", "jumps", "products")


@dataclass(frozen=True)
class Settings:
    """How to calibrate.

    Attributes
    ----------
    parameters : dict of dict
        Parameters of steps that differ from the pipeline's: ``{"jump": {"rejection_threshold": 10}}``.
    skip : tuple of str
        Steps that are left out.
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
    identity: Callable[[level1b.Uncal], dict] | None = None
    prepare: Callable[[], None] | None = None
    scratch: Path | None = None
    partial: bool = False


@dataclass(frozen=True)
class Job:
    """One segment to do: where it is, how it is cut, and what becomes of it.

    Attributes
    ----------
    name : str
        Detector and segment, for messages.
    segment : segment.Segment
    identity : dict
        What its products are made of.
    rateints, rate : pathlib.Path
        Where its products go.
    """

    name: str
    segment: tasks.Segment
    identity: dict
    rateints: Path
    rate: Path

    @property
    def products(self) -> tuple[Path, Path]:
        """Its two products."""
        return self.rateints, self.rate

    @property
    def is_done(self) -> bool:
        """Whether both products are there and were made of just this."""
        return all(products.is_current(path, self.identity) for path in self.products)

    @property
    def is_reported(self) -> bool:
        """Whether it is done, and no run was killed before it had said so in the summary."""
        return self.is_done and not self.segment.folder.exists()

    @property
    def steps(self) -> tuple[tuple[tuple[str, int], ...], ...]:
        """Tasks, as stages of (name, number); those of one stage do not depend on one another."""
        plan = self.segment.plan
        return (
            tuple(("block", number) for number in range(len(plan.blocks))),
            (("background", 0),),
            tuple(("tile", number) for number in range(len(plan.tiles))),
            (("products", 0),),
        )


def calibrate(files, out, settings=None, *, workers=1, memory=1.5e9, scheduler=None, progress=True):
    """Apply Stage 1 to all segments of an exposure, from raw ramps to rates, in bounded memory.

    Parameters
    ----------
    files : sequence of level1b.Uncal
        All of one exposure.
    out : path-like
        Folder of the products, ``<archive's name>_rateints.fits`` and ``_rate.fits``, and of ``summary.json``.
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
        What ``summary.json`` holds: for each segment its name, whether it was done before, seconds, peak memory (bytes)
        of a worker, saturated samples, samples with a jump, names of the products.

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
    settings = settings or Settings()
    jobs = make_jobs(files, out, settings, memory=memory, workers=workers)
    out, scratch = Path(out), _scratch(out, settings)
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
        if left:
            _prepare(settings.prepare)
            for job in left:
                tasks.refuse_whole_frames(job.segment)
            with _pool(workers, memory, scheduler) as pool:
                for name, found in _run_all(left, pool, settings.prepare, progress):
                    done[name] = found
                    atomic.write_text(report, _text(_summary(jobs, done, known)))
        atomic.remove_tree(scratch)
        summary = _summary(jobs, done, known)
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
        identity = settings.identity(file) if settings.identity else _plain_identity(file, settings)
        plan = make_plan(file.shape, memory, workers)
        key = products.digest({"identity": identity, "file": file.identity, "plan": repr(plan)})
        name = f"{file.detector} segment {file.segment}"
        folder = _scratch(out, settings) / f"{level1b.obs_id('', file.segment, file.detector)[1:]}-{key}"
        segment = tasks.Segment(file.path.resolve(), folder, plan, settings.parameters, tuple(settings.skip))
        paths = [Path(out).resolve() / products.name_of(file.path, kind) for kind in ("rateints", "rate")]
        for path in paths:
            if path.exists() and not products.is_ours(path):
                raise FileExistsError(f"{path} is there and was not made by us: move it away or choose another folder")
        jobs.append(Job(name, segment, identity, *paths))
    return jobs


def disk_needed(jobs) -> int:
    """Return about how many bytes are written at most: ramps of the segment that is being done, and all products.

    Parameters
    ----------
    jobs : list of Job

    Returns
    -------
    int
    """
    left = [job.segment.plan for job in jobs if not job.is_done]
    return max((plan.store_bytes for plan in left), default=0) + sum(_small_bytes(plan) for plan in left)


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
                f"{entry['saturated']:,}",
                f"{entry['jumps']:,}",
            )
            if known
            else ("", "", "", "")
        )
        state = "done before" if entry["done before"] else "done now"
        rows.append((entry["name"], state, *numbers, " ".join(entry["products"])))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


# --- one task --------------------------------------------------------------------------------------------------


def do(job: Job, what: str, number: int, prepare=None) -> dict:
    """Do one task of a segment, in whatever process this is.

    Returns
    -------
    dict
        ``peak_memory`` of this process so far, bytes; for the last task of a segment its counts as well.

    Raises
    ------
    FileNotFoundError, RuntimeError
        If this process does not see the files of the one that began the run, or has other versions of packages.
    """
    _require_same_place(job)
    with _ALONE:
        _prepare(prepare)
        report = {}
        if what == "block":
            tasks.run_block(job.segment, number)
        elif what == "background":
            tasks.find_background(job.segment)
        elif what == "tile":
            tasks.run_tile(job.segment, number)
        else:
            report = _save_products(job)
    return report | {"peak_memory": peak_memory()}


def _require_same_place(job) -> None:
    for path in (job.segment.uncal, job.segment.folder):
        if not path.exists():
            raise FileNotFoundError(
                f"{job.name}: a worker on {platform.node()} does not see {path}. All workers need the raw files, the "
                "scratch folder (in TSO_DATA) and the folder of the products under the same paths, on a disk that they "
                "share"
            )
    for name, wanted in job.identity.get("packages", {}).items():
        if version(name) != wanted:
            raise RuntimeError(
                f"{job.name}: a worker on {platform.node()} has {name} {version(name)}, and this run began with "
                f"{wanted}: start scheduler and workers in the same environment"
            )


def _save_products(job):
    found = tasks.counts(job.segment)
    rate, rateints = tasks.assemble(job.segment)
    for model, path in ((rateints, job.rateints), (rate, job.rate)):
        products.save(model, path, job.identity)
        model.close()
    return found


def _prepare(prepare) -> None:
    if prepare is not None:
        prepare()
    load_steps()


# --- all of them -----------------------------------------------------------------------------------------------


def _run_all(jobs, pool, prepare, progress) -> Iterator[tuple[str, dict]]:
    """Yields the name of each segment that is done and what is known of it; then what lies between is deleted."""
    from tqdm.auto import tqdm

    total = sum(len(stage) for job in jobs for stage in job.steps)
    with tqdm(total=total, unit="task", disable=not progress) as bar:
        for job in jobs:
            begin, reports = time.monotonic(), []
            job.segment.folder.mkdir(parents=True, exist_ok=True)
            for stage in job.steps:
                bar.set_description(f"{job.name}: {len(stage)} {stage[0][0]}{'s' * (len(stage) > 1)}")
                for report in pool(job, stage, prepare):
                    reports.append(report)
                    bar.update()
            peak = max(report["peak_memory"] for report in reports)
            yield job.name, reports[-1] | {"seconds": time.monotonic() - begin, "peak_memory": peak}
            atomic.remove_tree(job.segment.folder)


@contextlib.contextmanager
def _pool(workers, memory, scheduler) -> Iterator[Callable]:
    """Yields what does the tasks of one stage and yields their reports as they come."""
    if workers == 1 and scheduler is None:
        yield _one_by_one
        return
    with _client(workers, memory, scheduler) as client:
        yield lambda job, stage, prepare: _distribute(client, job, stage, prepare)


def _one_by_one(job, stage, prepare):
    for what, number in stage:
        with _errors_in_words(job):
            yield do(job, what, number, prepare)


def _distribute(client, job, stage, prepare):
    from distributed import as_completed

    # runs into other folders that use the same scheduler at the same time have other keys, and results of their own
    key = f"{job.name.replace(' ', '-')}-{products.digest(str(job.segment.folder))}"
    futures = [
        client.submit(do, job, what, number, prepare, key=f"{key}-{what}-{number}", pure=False, retries=TRIES - 1)
        for what, number in stage
    ]
    try:
        for future in as_completed(futures):
            yield _result(future, job)
    finally:
        client.cancel(futures)


def _result(future, job):
    with _errors_in_words(job):
        return future.result()


@contextlib.contextmanager
def _errors_in_words(job) -> Iterator[None]:
    """Says what to do where a task failed for want of memory, or of workers."""
    from concurrent.futures import CancelledError

    from distributed.scheduler import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise RuntimeError(
            f"{job.name}: worker after worker died while doing one task ({error.task}), most likely because the "
            "memory was too small: give each more (--memory), or start fewer. What was done is kept"
        ) from None
    except MemoryError as error:
        raise RuntimeError(
            f"{job.name}: a task found too little memory ({error or 'no more'}): free some, or plan smaller pieces "
            "(--memory) or fewer workers, and run the same again. What was done is kept"
        ) from error
    except ImportError as error:
        raise RuntimeError(
            f"{job.name}: a task could not load what it needs ({error}): start scheduler and workers in the same "
            "environment as this process"
        ) from error
    except CancelledError as error:
        raise RuntimeError(
            f"{job.name}: the scheduler is gone, or has dropped a task ({error}). Run the same again when it is back; "
            "what was done is kept"
        ) from None


@contextlib.contextmanager
def _client(workers, memory, scheduler):
    import dask
    from distributed import Client, LocalCluster

    if scheduler is not None:
        with _connected(scheduler) as client:
            yield client
        return
    # a task is planned to fit: nothing is to be spilled or paused, and what grows beyond all measure is to end
    limits = {f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause")}
    settings = limits | {"distributed.worker.memory.terminate": 0.95, "distributed.scheduler.allowed-failures": TRIES}
    with dask.config.set(settings):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=int(memory * GRACE / 0.95),
            host="127.0.0.1",
            dashboard_address=None,
        )
        with cluster, Client(cluster) as client:
            yield client


def _connected(scheduler):
    from distributed import Client

    try:
        return Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise OSError(
            f"no Dask scheduler answers at {scheduler} ({error}): is it running, and can this machine reach it? "
            "`dask scheduler` prints its address, tcp://host:8786"
        ) from None


# --- before any work -------------------------------------------------------------------------------------------


def _scratch(out, settings) -> Path:
    out = Path(out).resolve()
    if settings.scratch is None:
        return out / "scratch"
    return Path(settings.scratch).resolve() / f"calibrate-{products.digest(str(out))}"


def _plain_identity(file, settings) -> dict:
    return {
        "file": file.path.name,
        "integrations": [0, file.shape[0], file.shape[0]],
        "parameters": settings.parameters,
        "skip": list(settings.skip),
    }


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
        _require_disk(out, sum(_product_bytes(job.segment.plan) for job in left))
    available = psutil.virtual_memory().available
    if left and workers * memory > available:
        raise OSError(
            f"{workers} workers of {memory / 1e9:.1f} GB need more memory than is free ({available / 1e9:.1f} GB): "
            "choose fewer workers, or less memory for each"
        )


def _require_disk(folder, needed) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{needed / 1e9:.3g} GB of disk are needed in {folder}, and {free / 1e9:.3g} GB are free: free some, or "
            "choose another disk (--out for products, TSO_DATA for what lies between the steps)"
        )


def _product_bytes(plan: Plan) -> int:
    """Bytes of the products of a segment."""
    integrations, _, rows, columns = plan.shape
    return (integrations + 1) * rows * columns * 5 * 4


def _small_bytes(plan: Plan) -> int:
    """Bytes of notes, rates of tiles and products of a segment."""
    integrations, _, rows, columns = plan.shape
    frame = rows * columns
    return integrations * frame * (2 * 4 + 1 + 2 * 5 * 4) + len(plan.blocks) * frame * 8


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
        found = {name: then.get(name) for name in ("seconds", "peak_memory", "saturated", "jumps")}
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
