"""Stage 1 of a whole exposure, in this process or on Dask distributed.

The tasks of a segment (`tasks`) are functions of plain arguments that leave their result in a folder, whole or not
at all. So it does not matter which process of which machine does them, as long as all see the same files, nor how often
one is done: a worker that dies costs its task, and what was interrupted goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..files import atomic, integrity, level1b, lock, products
from ..files.process import peak_memory
from . import tasks
from .plan import make_plan
from .segment import Segment, counts, ramp_of, rates_of, refuse_whole_frames
from .steps import load_steps

__all__ = ["Job", "Settings", "calibrate", "disk_needed", "make_jobs", "table"]

#: Times that a task is tried before the run ends with an error.
TRIES = 4
#: A local worker that uses more than this times the memory that it was given is ended, and its task done again.
GRACE = 1.2
_COUNTS = ("saturated", "jumps", "method")
#: Segments that may be under way at once, so that no worker waits for the last task of one; each needs disk.
UNDER_WAY = 2
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
    products : tuple of pathlib.Path
        Where they go: rates per integration and of the segment, or the ramp.
    """

    name: str
    segment: Segment
    identity: dict
    products: tuple[Path, ...]

    @property
    def is_done(self) -> bool:
        """Whether all products are there and were made of just this."""
        return all(products.is_current(path, self.identity) for path in self.products)

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """Names of tasks and their number, the products' included; see `segment.Segment.stages`."""
        return (*self.segment.stages, ("products", 1))


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
    scheduler : str, optional
        Address of a Dask scheduler that is running, whose workers are used instead.
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
        If another process calibrates into the same folder, or a task failed time and again; what was done is kept.
    """
    settings, begin = settings or Settings(), time.monotonic()
    jobs = make_jobs(files, out, settings, memory=memory, workers=workers)
    out, scratch = Path(out), _scratch(out, settings)
    _refuse(jobs, settings.prepare)
    scratch.mkdir(parents=True, exist_ok=True)
    with lock.hold(scratch.with_name(f"{scratch.name}.lock"), wait=False):
        _remove_others(scratch, jobs)
        atomic.remove_leftovers(out)
        _require_resources(jobs, scratch, memory, workers if scheduler is None else 0)
        done, left = {}, [job for job in jobs if not job.is_done]
        if left:
            with _pool(workers, memory, scheduler, progress) as pool:
                done = _run_all(left, pool, settings.prepare, progress)
        atomic.remove_tree(scratch)
    known = _known(out / "summary.json")
    summary = {
        "segments": [_entry(job, done.get(job.name), known) for job in jobs],
        "workers": workers if scheduler is None else scheduler,
        "seconds": time.monotonic() - begin,
    }
    atomic.write_text(out / "summary.json", json.dumps(summary, indent=1) + "\n")
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
    left = [job.segment for job in jobs if not job.is_done]
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


# --- one task --------------------------------------------------------------------------------------------------


def do(job: Job, stage: str, number: int, prepare=None, after=()) -> dict:
    """Do one task of a segment, in whatever process this is.

    Parameters
    ----------
    job : Job
    stage : str
        One of `tasks.TASKS`, or ``"products"``.
    number : int
    prepare : callable, optional
        See `Settings`.
    after : sequence
        Reports of the tasks that have to be done before; only that they are there is of interest.

    Returns
    -------
    dict
        ``job``, ``stage``, ``number``; ``seconds`` that it took; ``peak_memory`` of this process so far, bytes; for
        the last task of a segment its counts as well.
    """
    begin = time.monotonic()
    _prepare(prepare)
    report = {"job": job.name, "stage": stage, "number": number}
    if stage != "products":
        tasks.do(job.segment, stage, number)
    elif not job.is_done:  # a second try finds them if the first one died after it had saved them
        report |= counts(job.segment)
        _save_products(job)
    return report | {"seconds": time.monotonic() - begin, "peak_memory": peak_memory()}


def _save_products(job):
    if not job.segment.gives_rates:
        with ramp_of(job.segment, mapped=True) as ramp:
            products.save(ramp, job.products[0], job.identity)
        return
    rate, rateints = rates_of(job.segment)
    for model, path in zip((rateints, rate), job.products, strict=True):
        products.save(model, path, job.identity)
        model.close()


def _prepare(prepare) -> None:
    if prepare is not None:
        prepare()
    load_steps()


# --- all of them -----------------------------------------------------------------------------------------------


def _run_all(jobs, pool, prepare, progress) -> dict[str, dict]:
    from tqdm.auto import tqdm

    total, reports = sum(count for job in jobs for _, count in job.stages), {job.name: [] for job in jobs}
    with tqdm(total=total, unit="task", disable=not progress) as bar:
        for job, report in pool(jobs, prepare):
            reports[job.name].append(report)
            bar.set_description(
                f"{job.name}: {report['stage']} {report['number'] + 1}/{dict(job.stages)[report['stage']]}"
            )
            bar.update()
            if report["stage"] == "products":
                atomic.remove_tree(job.segment.folder)
    return {name: _summed_up(found) for name, found in reports.items()}


def _summed_up(reports) -> dict:
    """What the reports of a segment's tasks say together."""
    last = next(report for report in reports if report["stage"] == "products")
    return {
        "seconds": sum(report["seconds"] for report in reports),
        "peak_memory": max(report["peak_memory"] for report in reports),
        **{name: last.get(name) for name in _COUNTS},
    }


@contextlib.contextmanager
def _pool(workers, memory, scheduler, progress) -> Iterator[Callable]:
    """Yields what does all tasks of all jobs, and yields each job with a report as they come."""
    if workers == 1 and scheduler is None:
        yield _one_after_the_other
        return
    with _client(workers, memory, scheduler, progress) as client:
        yield lambda jobs, prepare: _distribute(client, jobs, prepare)


def _one_after_the_other(jobs, prepare):
    for job in jobs:
        for stage, count in job.stages:
            for number in range(count):
                yield job, do(job, stage, number, prepare)


def _distribute(client, jobs, prepare):
    """Give tasks to the workers, a segment as soon as the one before the last is finished, the older ones first."""
    from distributed import as_completed

    waiting, owner = list(jobs), {}
    done = as_completed()

    def submit_next():
        job = waiting.pop(0)
        futures = _submit(client, job, prepare, priority=len(waiting))
        owner.update((future, job) for future in futures)
        done.update(futures)

    try:
        for _ in range(min(UNDER_WAY, len(waiting))):
            submit_next()
        for future in done:
            job = owner[future]
            report = _result(future, job)
            yield job, report
            if report["stage"] == "products" and waiting:
                submit_next()
    finally:
        client.cancel(list(owner))


def _submit(client, job, prepare, priority):
    """All tasks of a segment as futures; those of a stage wait for all of the stage before."""
    key, before, futures = f"{job.name.replace(' ', '-')}-{job.segment.folder.name}", [], []
    for stage, count in job.stages:
        before = [
            client.submit(
                do,
                job,
                stage,
                number,
                prepare,
                before,
                key=f"{key}-{stage}-{number}",
                pure=False,
                retries=TRIES - 1,
                priority=priority,
            )
            for number in range(count)
        ]
        futures += before
    return futures


def _result(future, job):
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise RuntimeError(
            f"{job.name}: worker after worker died while doing one task ({error.task}), most likely because the "
            "memory was too small: give each more (--memory), or start fewer. What was done is kept"
        ) from None


@contextlib.contextmanager
def _client(workers, memory, scheduler, progress):
    import dask
    from distributed import Client, LocalCluster
    from tqdm.auto import tqdm

    if scheduler is not None:
        with Client(scheduler, timeout="20s") as client:
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
            dashboard_address="127.0.0.1:0",
        )
        with cluster, Client(cluster) as client:
            if progress:
                tqdm.write(f"{workers} workers; what they do is shown on {cluster.dashboard_link}", file=sys.stderr)
            yield client


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


def _refuse(jobs, prepare) -> None:
    """Refuse what pieces of a segment cannot give; the steps' own parameter references have a say in it."""
    left = [job for job in jobs if not job.is_done]
    if left:
        _prepare(prepare)
    for job in left:
        refuse_whole_frames(job.segment)


def _remove_others(scratch, jobs) -> None:
    """Delete what runs with other settings have left in our scratch folder."""
    known = {job.segment.folder for job in jobs if not job.is_done}
    for folder in scratch.iterdir():
        if folder.is_dir() and folder not in known and not folder.name.startswith(atomic.UNFINISHED):
            atomic.remove_tree(folder)
    atomic.remove_leftovers(scratch)


def _require_resources(jobs, scratch, memory, workers) -> None:
    """Refuse to begin what cannot end well; workers elsewhere (0 here) have memory of their own."""
    import psutil

    there = sum(entry.stat().st_size for entry in scratch.rglob("*") if entry.is_file())
    needed, free = disk_needed(jobs) - there, shutil.disk_usage(scratch).free
    if needed > free:
        raise OSError(f"{needed / 1e9:.1f} GB of disk are needed in {scratch}, and {free / 1e9:.1f} GB are free")
    available = psutil.virtual_memory().available
    if any(not job.is_done for job in jobs) and workers * memory > available:
        raise OSError(
            f"{workers} workers of {memory / 1e9:.1f} GB need more memory than is free ({available / 1e9:.1f} GB): "
            "choose fewer workers, or less memory for each"
        )


def _copies(segment: Segment) -> int:
    """How many copies of a segment's ramps lie on disk at once, before products."""
    return 1 + segment.cleans + (not segment.gives_rates)


def _small_bytes(segment: Segment) -> int:
    """Bytes of notes, rates of tiles and products of a segment."""
    integrations, groups, rows, columns = segment.plan.shape
    frame = rows * columns
    product = 2 * 5 * 4 if segment.gives_rates else groups * 5
    return integrations * frame * (2 * 4 + 1 + product) + len(segment.plan.blocks) * frame * 8


def _entry(job, found, known) -> dict:
    """What the summary says of a segment; what was done before keeps the numbers of then."""
    made_of = products.digest(job.identity)
    if found is None:
        then = known.get(made_of, {})
        found = {name: then.get(name) for name in ("seconds", "peak_memory", *_COUNTS)}
        found["done before"] = True
    else:
        found = found | {"done before": False}
    return {"name": job.name, **found, "identity": made_of, "products": [path.name for path in job.products]}


def _known(path) -> dict[str, dict]:
    """Segments of the summary of an earlier run, by what they were made of; none without a readable one."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        return {entry["identity"]: entry for entry in integrity.read_json(path)["segments"]}
    return {}
