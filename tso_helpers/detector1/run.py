"""The tasks of segments, done in this process or by the workers of Dask distributed.

A task (`tasks`) is a function of plain arguments that leaves its result in a folder, whole or not at all. So it does
not matter which process of which machine does it, as long as all see the same files, nor how often it is done: a worker
that dies costs its task, and what was interrupted goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ..files import atomic, products
from ..files.process import keep_freed_memory, peak_memory
from . import tasks
from .segment import Segment, counts, ramp_of, rates_of
from .steps import load_steps

__all__ = ["COUNTS", "UNDER_WAY", "Job", "do", "prepare_process", "run_all", "start_early"]

#: Times that a task is tried before the run ends with an error.
TRIES = 4
#: A local worker that uses more than this times the memory that it was given is ended, and its task done again.
GRACE = 1.2
#: A scheduler that has not answered after this is not there.
PATIENCE = "10s"
#: Segments that may be under way at once, so that no worker waits for the last task of one; each needs disk.
UNDER_WAY = 2
#: How local workers begin: as forks of a process that has loaded the pipeline once, where there is such a thing.
START = "forkserver" if sys.platform == "linux" else "spawn"
#: A worker computes in one thread.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
#: What is known of a segment's samples when it is done.
COUNTS = ("saturated", "jumps", "method")
_ALONE = threading.Lock()  # a task is planned to fit into the memory of its process, whose threads share it


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
    def is_reported(self) -> bool:
        """Whether it is done, and no run was killed before it had said so in the summary."""
        return self.is_done and not self.segment.folder.exists()

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """Names of tasks and their number, the products' included; see `segment.Segment.stages`."""
        return (*self.segment.stages, ("products", 1))


def do(job: Job, stage: str, number: int, prepare=None, after=()) -> dict:
    """Run one task of a segment, in whatever process this is.

    Parameters
    ----------
    job : Job
    stage : str
        One of `tasks.TASKS`, or ``"products"``.
    number : int
    prepare : callable, optional
        See `exposure.Settings`.
    after : sequence
        Reports of the tasks that have to be done before; only that they are there is of interest.

    Returns
    -------
    dict
        ``stage``, ``number``; ``seconds`` that it took; ``peak_memory`` of this process so far, bytes; for the last
        task of a segment its counts as well.

    Raises
    ------
    FileNotFoundError, RuntimeError
        If this process does not see the files of the one that began the run, or has other versions of packages.
    """
    _require_same_place(job)
    with _ALONE, keep_freed_memory():
        begin = time.monotonic()
        prepare_process(prepare)
        report = {"stage": stage, "number": number}
        if stage == "products":
            report |= counts(job.segment)
            _save_products(job)
        else:
            tasks.do(job.segment, stage, number)
    return report | {"seconds": time.monotonic() - begin, "peak_memory": peak_memory()}


def prepare_process(prepare) -> None:
    """Set CRDS to the right files, and load the steps, before the first step of a process.

    Parameters
    ----------
    prepare : callable or None
        See `exposure.Settings`.
    """
    if prepare is not None:
        prepare()
    load_steps()


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
    if not job.segment.gives_rates:
        with ramp_of(job.segment, mapped=True) as ramp:
            products.save(ramp, job.products[0], job.identity)
        return
    rate, rateints = rates_of(job.segment)
    for model, path in zip((rateints, rate), job.products, strict=True):
        products.save(model, path, job.identity)
        model.close()


def run_all(jobs, prepare, *, workers, memory, scheduler, progress) -> Iterator[tuple[str, dict]]:
    """Run all tasks of all segments, and delete what lies between when a segment is done.

    Parameters
    ----------
    jobs : list of Job
    prepare : callable or None
        See `exposure.Settings`.
    workers : int
    memory : float
    scheduler : str, cluster or None
    progress : bool
        All as for `exposure.calibrate`.

    Yields
    ------
    name : str
        Of a segment whose products are there now.
    found : dict
        ``seconds`` of work, ``peak_memory`` of a worker (bytes), and `COUNTS`.
    """
    from tqdm.auto import tqdm

    total, reports = sum(count for job in jobs for _, count in job.stages), {job.name: [] for job in jobs}
    with (
        tqdm(total=total, unit="task", disable=not progress) as bar,
        _pool(workers, memory, scheduler, progress) as pool,
    ):
        for job, report in pool(jobs, prepare):
            reports[job.name].append(report)
            stage = report["stage"]
            bar.set_description(f"{job.name}: {stage} {report['number'] + 1}/{dict(job.stages)[stage]}")
            bar.update()
            if stage == "products":
                yield job.name, _summed_up(reports[job.name])
                atomic.remove_tree(job.segment.folder)


def _summed_up(reports) -> dict:
    """What the reports of a segment's tasks say together."""
    return {
        "seconds": sum(report["seconds"] for report in reports),
        "peak_memory": max(report["peak_memory"] for report in reports),
        **{name: reports[-1][name] for name in COUNTS},
    }


@contextlib.contextmanager
def _pool(workers, memory, scheduler, progress) -> Iterator[Callable]:
    """Yields what does all tasks of all jobs, and yields each job with a report as they come."""
    if workers == 1 and scheduler is None:
        yield _one_by_one
        return
    with _client(workers, memory, scheduler, progress) as client:
        yield lambda jobs, prepare: _distribute(client, jobs, prepare)


def _one_by_one(jobs, prepare):
    for job in jobs:
        job.segment.folder.mkdir(parents=True, exist_ok=True)
        for stage, count in job.stages:
            for number in range(count):
                with _errors_in_words(job):
                    report = do(job, stage, number, prepare)
                yield job, report


def _distribute(client, jobs, prepare):
    """Give tasks to the workers, a segment as soon as the one before the last is finished, the older ones first."""
    from distributed import as_completed

    waiting, owner, done = list(jobs), {}, as_completed()

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
            with _errors_in_words(job):
                report = future.result()
            yield job, report
            if report["stage"] == "products":
                for finished in [other for other, its in owner.items() if its is job]:
                    finished.release()  # nobody wants them done again if the worker dies that has the reports
                    del owner[finished]
                if waiting:
                    submit_next()
    finally:
        client.cancel(list(owner))


def _submit(client, job, prepare, priority):
    """All tasks of a segment as futures; those of a stage wait for all of the stage before."""
    job.segment.folder.mkdir(parents=True, exist_ok=True)
    # runs into other folders that use the same scheduler at the same time have other keys, and results of their own
    key = f"{job.name.replace(' ', '-')}-{products.digest(str(job.segment.folder))}"
    options = {"pure": False, "retries": TRIES - 1, "priority": priority}
    before, futures = [], []
    for stage, count in job.stages:
        before = [
            client.submit(do, job, stage, number, prepare, before, key=f"{key}-{stage}-{number}", **options)
            for number in range(count)
        ]
        futures += before
    return futures


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


def start_early() -> None:
    """Start the process from which local workers are forked; it loads the pipeline while this one goes on.

    Loading takes seconds, which the caller can use to look at the files. Without this call, it happens when the workers
    are wanted. Where processes cannot be forked, nothing is done.
    """
    if START != "forkserver":
        return
    from multiprocessing import forkserver

    multiprocessing.get_context(START).set_forkserver_preload([f"{__package__}.loaded"])
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)  # numpy looks at them when it is imported
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def _client(workers, memory, scheduler, progress):
    import dask
    from distributed import Client, LocalCluster
    from tqdm.auto import tqdm

    if scheduler is not None:
        with _connected(scheduler) as client:
            yield client
        return
    # a task is planned to fit: nothing is to be spilled or paused, and what grows beyond all measure is to end
    limits = {f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause")}
    settings = limits | {
        "distributed.worker.memory.terminate": 0.95,
        "distributed.scheduler.allowed-failures": TRIES,
        "distributed.worker.multiprocessing-method": START,
    }
    start_early()
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


def _connected(scheduler):
    from distributed import Client

    try:
        return Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise OSError(
            f"no Dask scheduler answers at {scheduler} ({error}): is it running, and can this machine reach it? "
            "`dask scheduler` prints its address, tcp://host:8786"
        ) from None
