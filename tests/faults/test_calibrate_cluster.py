"""`tso calibrate` on several processes: workers that die or run out of memory, and clusters that others started."""

import ast
import contextlib
import inspect
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import calibrating
import pytest

from tso_helpers import detector1
from tso_helpers.observation import calibration

pytestmark = pytest.mark.faults
TWO = ("--workers", 2, "--memory", "1GB")


def finish(process):
    said = calibrating.output(process)
    assert process.returncode == 0, said


# --- workers of ours


def tasks_begun(place):
    """Blocks and tiles: 8 in 2 segments cut for two workers, and one more if a worker died while it did one."""
    return place.started("DQInitStep") + place.started("JumpStep")


def test_a_worker_that_is_killed_costs_its_task_only(place, expected, tmp_path):
    process = place.start(tmp_path / "out", *TWO)
    calibrating.wait_until(lambda: place.notes("block"), process)
    calibrating.local_workers(process)[0].kill()
    finish(process)
    calibrating.assert_finished(place, tmp_path / "out", expected)
    assert tasks_begun(place) in (8, 9)


def with_ballast(place, once):
    """Make workers hold what they were given (1 GB and a fifth) but for 60 MB, or only the first of them that comes."""
    script = place.data.parent / "ballast.py"
    first = f"open({str(script.with_suffix('.taken'))!r}, 'x')" if once else "pass"
    script.write_text(
        "import numpy as np, psutil\n"
        "def dask_setup(worker):\n"
        "    try:\n"
        f"        {first}\n"
        "    except FileExistsError:\n"
        "        return\n"
        "    worker.ballast = np.ones((1_140_000_000 - psutil.Process().memory_info().rss) // 8)\n"
    )
    place.environment |= {"DASK_DISTRIBUTED__WORKER__PRELOAD": json.dumps([str(script)])}


def test_a_worker_that_runs_out_of_memory_costs_its_task_only(place, expected, tmp_path):
    """What it holds and a task are more than it was given: its nanny ends it, and the next one holds nothing."""
    with_ballast(place, once=True)
    said = place.run(tmp_path / "out", *TWO)
    assert said.count("memory budget. Restarting") == 1, said
    calibrating.assert_finished(place, tmp_path / "out", expected)
    assert tasks_begun(place) in (8, 9)


def test_workers_that_never_have_the_memory_say_what_to_do_and_nothing_is_lost(place, expected, tmp_path):
    out = tmp_path / "out"
    process = place.start(out, *TWO)
    calibrating.wait_until(lambda: (out / f"{calibrating.FIRST}_rate.fits").exists(), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = calibrating.products(out)
    usual = dict(place.environment)
    with_ballast(place, once=False)
    said = place.run(out, *TWO, code=1)
    assert "worker after worker died" in said
    assert "give each more (--memory), or start fewer" in said
    assert calibrating.products(out) == before
    place.environment = usual
    place.run(out, *TWO)
    calibrating.assert_finished(place, out, expected)


def test_a_run_without_memory_says_what_to_do_and_nothing_is_lost(place, expected, tmp_path):
    """The same in one process."""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs prlimit")
    process = place.start(tmp_path / "out", "--memory", calibrating.pieces())
    calibrating.wait_until(lambda: place.notes("block"), process)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (2**28, resource.RLIM_INFINITY))
    said = calibrating.output(process)
    assert process.returncode == 1, said
    assert "too little memory" in said
    assert "Traceback (most" not in said
    place.run(tmp_path / "out", "--memory", calibrating.pieces())
    calibrating.assert_finished(place, tmp_path / "out", expected)


# --- a cluster that somebody else has started


def _bare():
    """An environment that knows neither our data nor anybody's reference files."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TSO_", "CRDS_", "PYTEST"))}


@contextlib.contextmanager
def dask(folder, *command, before=()):
    """A process of Dask with a working directory of its own and nothing of ours in its environment; yields it."""
    folder.mkdir(parents=True)
    with open(folder / "said", "w") as said:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "dask", *map(str, command)],
            cwd=folder,
            env=_bare(),
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def cluster(folder, workers=2, threads=1, before=()):
    """A scheduler and workers; yields its address and the scheduler's process."""
    at = ("--host", "127.0.0.1")
    with contextlib.ExitStack() as running:
        start = lambda name, *command, **how: running.enter_context(dask(folder / name, *command, **how))  # noqa: E731
        scheduler = start("scheduler", "scheduler", *at, "--port", 0, "--no-dashboard", "--no-jupyter")
        calibrating.wait_until(lambda: _address(folder / "scheduler" / "said"), scheduler)
        address = _address(folder / "scheduler" / "said")
        for number in range(workers):
            options = ("--nthreads", threads, "--no-dashboard", "--memory-limit", "2GB")
            start(f"worker-{number}", "worker", address, *at, *options, before=before)
        yield address, scheduler


def _address(said):
    found = re.search(r"Scheduler at:\s+(tcp://\S+)", said.read_text())
    return found and found[1]


def test_a_running_cluster_shares_nothing_but_the_file_system(place, expected, tmp_path):
    with cluster(tmp_path / "dask") as (address, _):
        one, other = (place.start(tmp_path / out, "--scheduler", address, "--workers", 2) for out in ("one", "other"))
        finish(one), finish(other)  # both at once: neither takes the other's results for its own
        calibrating.assert_finished(place, tmp_path / "one", expected)
        calibrating.assert_finished(place, tmp_path / "other", expected)
    workers = {path.name.split("-")[3] for path in place.data.rglob("logs/pipeline-*.log")}
    assert len(workers) >= 3, "everything was done in one process"


def test_threads_of_a_worker_wait_for_one_another(place, expected, tmp_path):
    with cluster(tmp_path / "dask", workers=1, threads=3) as (address, _):
        finish(place.start(tmp_path / "out", "--scheduler", address, "--workers", 3))
    calibrating.assert_finished(place, tmp_path / "out", expected)


def test_a_scheduler_that_dies_says_what_to_do_and_nothing_is_lost(place, expected, tmp_path):
    with cluster(tmp_path / "dask", workers=1) as (address, scheduler):
        process = place.start(tmp_path / "out", "--scheduler", address, "--workers", 2)
        calibrating.wait_until(lambda: place.notes("block"), process)
        os.killpg(scheduler.pid, signal.SIGKILL)
        said = calibrating.output(process)
    assert process.returncode == 1, said
    assert "the scheduler is gone" in said
    place.run(tmp_path / "out")
    calibrating.assert_finished(place, tmp_path / "out", expected)


def test_an_address_where_nobody_answers(place, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        begin = time.monotonic()
        said = place.run(tmp_path / "out", "--scheduler", address, code=1)
    assert f"no Dask scheduler answers at {address}" in said
    assert time.monotonic() - begin < 60
    assert "no Dask scheduler answers at nonsense" in place.run(tmp_path / "out", "--scheduler", "nonsense", code=1)


def test_workers_that_do_not_see_the_files(place, tmp_path):
    """They have a disk of their own where the raw files are for everybody else (a mount namespace)."""
    hide = f"mount -t tmpfs tmpfs '{place.exposure.parent}' && exec \"$@\""
    before = ["unshare", "--mount", "sh", "-c", hide, "sh"]
    possible = shutil.which("unshare") and not subprocess.run([*before, "true"], capture_output=True).returncode
    if not possible:
        pytest.skip("a disk that others do not see takes Linux and root")
    with cluster(tmp_path / "dask", workers=1, before=before) as (address, _):
        said = place.run(tmp_path / "out", "--scheduler", address, code=1)
    assert f"a worker on {socket.gethostname()} does not see {place.exposure}" in said
    assert "on a disk that they share" in said
    assert not list((tmp_path / "out").glob("*.fits"))


def test_workers_in_another_environment(place, tmp_path):
    """A worker whose packages say that they are others (a directory of metadata that comes first)."""
    metadata = tmp_path / "other" / "stcal-0.0.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stcal\nVersion: 0.0.1\n")
    before = ["env", f"PYTHONPATH={metadata.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"]
    with cluster(tmp_path / "dask", workers=1, before=before) as (address, _):
        said = place.run(tmp_path / "out", "--scheduler", address, code=1)
    assert "has stcal 0.0.1, and this run began with" in said
    assert "in the same environment" in said


def test_a_summary_counts_the_same_on_a_cluster(place, tmp_path):
    place.run(tmp_path / "here")
    with cluster(tmp_path / "dask", workers=1) as (address, _):
        place.run(tmp_path / "there", "--scheduler", address)
    here, there = (
        [(entry["name"], entry["saturated"], entry["jumps"]) for entry in json.loads(path.read_text())["segments"]]
        for path in (tmp_path / "here" / "summary.json", tmp_path / "there" / "summary.json")
    )
    assert here == there


# --- the recipes in CONTRIBUTING.md

RECIPES = re.compile(r"```python\n(.*?)```", re.DOTALL)


def recipes():
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return RECIPES.findall(text.partition("## On a cluster")[2].partition("\n## ")[0])


def test_the_recipes_call_what_there_is():
    assert len(recipes()) == 2
    for code in recipes():
        calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
        (ours,) = [call for call in calls if ast.unparse(call.func) == "calibration.calibrate"]
        given = {word.arg: None for word in ours.keywords}
        inspect.signature(calibration.calibrate).bind(*ours.args, **given)
        inspect.signature(detector1.calibrate).bind([], "out", **given)


def test_a_cluster_object_will_do(place, expected, tmp_path):
    """As in the recipes, with distributed's own class."""
    code = (
        "import sys, tso_helpers as tso\n"
        "from distributed import LocalCluster\n"
        "from tso_helpers.observation import calibration\n"
        "with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:\n"
        "    obs = tso.open_observation(sys.argv[1])\n"
        "    calibration.calibrate(obs, sys.argv[2], scheduler=cluster, workers=2, memory=1.5e9)\n"
    )
    command = [sys.executable, "-c", code, str(place.exposure), str(tmp_path / "out")]
    done = subprocess.run(command, env=place.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    calibrating.assert_finished(place, tmp_path / "out", expected)
