"""Every lesson is executed: strictly (cold, then warm), as on another machine, on another shape, without its own step.

The runs of different lessons share nothing but read-only data, so two go on at a time in the background, and each
test waits for its own.
"""

import copy
import functools
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
import lessons
import nbformat
import offline
import pytest
import skipping
import variants
from copies import linked_copy

from tso_helpers.course import headless

pytestmark = [pytest.mark.notebooks, pytest.mark.slow]

LESSONS = {path.stem: path for path in lessons.sources()}
SKIPPABLE = [name for name, path in LESSONS.items() if jupytext.read(path).metadata.get("lesson", {}).get("skip")]
# Lessons that `make test` executes as another machine would, by variant (tools/variants.py): 07 and 09 move most.
VARIANTS = {"all": ("07", "09"), "processor": ("03",), "kernels": ("03",), "thread": ("03",)}
WITHOUT_STEP = "before-step"
MEMORY = 1.5e9  # bytes that a lesson's kernel may use at its peak


@dataclass
class Strict:
    """One run of strict nbval."""

    passed: bool
    text: str
    report: headless.Report = field(default_factory=headless.Report)


def _nbval(name, root, folder, how="--nbval", **settings):
    """Run nbval as it would be run by hand, in a process of its own."""
    folder.mkdir(parents=True)
    variables = headless.kernel_environment(
        folder, offline.STARTUP, TSO_DATA=root, TSO_OBSERVATION="simulated", **settings
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-W",
        "default",
        "--color=no",
        how,
        "-p",
        "tools.nbval_numbers",
        "--nbval-sanitize-with",
        "tools/nbval.cfg",
        "--nbval-cell-timeout",
        "300",
        f"notebooks/{name}.ipynb",
    ]
    done = subprocess.run(
        command, cwd=lessons.NOTEBOOKS.parent, env=variables, capture_output=True, text=True, check=False
    )
    result = Strict(done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:])
    headless.read_log(folder / "log.jsonl", result.report)
    return result


def _strict(name, data, scratch):
    """Cold, with nothing but the exposure; then warm, with the checkpoints that the first run left."""
    root = scratch / f"strict-{name}"
    linked_copy(data, root)
    cold = _nbval(name, root, scratch / f"kernel-cold-{name}")
    return cold, _nbval(name, root, scratch / f"kernel-warm-{name}")


def _variant(variant, name, data, scratch):
    """Cold, with what another processor, another OpenBLAS kernel or one thread would compute."""
    settings = variants.variants().get(variant)
    if settings is None:  # nothing to switch off on this machine
        return None
    root = linked_copy(data, scratch / f"{variant}-{name}")
    return _nbval(name, root, scratch / f"kernel-{variant}-{name}", **settings)


def _lax(name, data, scratch):
    """Without comparing outputs: other versions print other digits, but every assert must hold."""
    root = linked_copy(data, scratch / f"lax-{name}")
    return _nbval(name, root, scratch / f"kernel-lax-{name}", "--nbval-lax")


def _twice(notebook):
    """Every code cell two times in a row; a reader does that too."""
    doubled = []
    for cell in notebook.cells:
        doubled.append(cell)
        if cell.cell_type == "code":
            doubled.append(copy.deepcopy(cell))
            doubled[-1]["id"] = f"{cell.id}-again"
    notebook.cells = doubled
    return notebook


def _other(name, observation, scratch):
    """On another shape and seed, each cell twice."""
    place = scratch / f"other-{name}"
    linked_copy(observation, place / "observation")
    notebook = _twice(lessons.read_source(LESSONS[name]))
    where = {"TSO_DATA": place, "TSO_OBSERVATION": place / "observation"}
    report = headless.execute(notebook, place, timeout=300, startup=offline.STARTUP, **where)
    return notebook, report


def _skipped(name, observation, scratch):
    """On the other shape, with the lesson's own step doing nothing."""
    place = scratch / f"skipped-{name}"
    linked_copy(observation, place / "observation")
    notebook = lessons.read_source(LESSONS[name])
    report = headless.execute(
        notebook,
        place,
        timeout=300,
        startup=offline.STARTUP + skipping.startup(notebook.metadata["lesson"]["skip"]),
        go_on=True,
        TSO_DATA=place,
        TSO_OBSERVATION=place / "observation",
    )
    return notebook, report


@pytest.fixture(scope="module")
def runs(request):
    """Futures of all the runs that the chosen tests ask for, by (kind, lesson)."""
    kinds = {
        "strict": (_strict, "lesson_data"),
        "lax": (_lax, "lesson_data"),
        "other": (_other, "second_shape"),
        "skipped": (_skipped, "second_shape"),
    } | {variant: (functools.partial(_variant, variant), "lesson_data") for variant in VARIANTS}
    wanted = {
        (item.callspec.params["kind"], item.callspec.params["name"]): None
        for item in request.session.items
        if item.path == request.path and "kind" in getattr(getattr(item, "callspec", None), "params", {})
    }
    data = {kind: request.getfixturevalue(kinds[kind][1]) for kind in sorted({kind for kind, _ in wanted})}
    with tempfile.TemporaryDirectory(prefix="tso-runs-") as folder, ThreadPoolExecutor(2) as pool:
        yield {(kind, name): pool.submit(kinds[kind][0], name, data[kind], Path(folder)) for kind, name in wanted}
        pool.shutdown(cancel_futures=True)


def _by_name(kind, names):
    return pytest.mark.parametrize(("kind", "name"), [(kind, name) for name in names], ids=names)


@pytest.mark.strict
@_by_name("strict", LESSONS)
def test_strict_cold_and_warm(runs, kind, name):
    cold, warm = runs[kind, name].result()
    assert cold.passed, cold.text
    assert warm.passed, warm.text
    asserts = headless.asserts_in(lessons.read_source(LESSONS[name]))
    assert set(asserts) <= set(cold.report.outcomes), "an assert of the lesson did not run"
    assert cold.report.peak_memory < MEMORY


def _of_variants():
    """Every lesson under every variant; all but those that say most in `make test-full` only."""
    for variant in VARIANTS:
        for name in LESSONS:
            marks = [] if name[:2] in VARIANTS[variant] else [pytest.mark.full]
            yield pytest.param(variant, name, marks=marks, id=f"{name}-{variant}")


@pytest.mark.strict
@pytest.mark.parametrize(("kind", "name"), list(_of_variants()))
def test_strict_on_other_machines(runs, kind, name):
    run = runs[kind, name].result()
    if run is None:
        pytest.skip(f"VARIANT SKIPPED: this machine has nothing to switch off for {kind!r}; see tools/variants.py")
    assert run.passed, run.text
    assert set(headless.asserts_in(lessons.read_source(LESSONS[name]))) <= set(run.report.outcomes)


@pytest.mark.newest
@_by_name("lax", LESSONS)
def test_asserts_hold_with_these_versions(runs, kind, name):
    run = runs[kind, name].result()
    assert run.passed, run.text


@_by_name("other", LESSONS)
def test_another_shape_and_every_cell_twice(runs, kind, name):
    notebook, report = runs[kind, name].result()
    assert report.error is None, report.error
    assert report.asserts_ran >= 0.9 * len(report.asserts), _listing(report, set(report.asserts) - set(report.outcomes))
    assert report.peak_memory < MEMORY
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for first, again in zip(code[::2], code[1::2], strict=True):
        if lessons.IGNORE not in first.metadata.get("tags", []):
            assert _text(first) == _text(again), f"not the same the second time:\n{first.source}"


@_by_name("skipped", SKIPPABLE)
def test_asserts_fail_when_the_step_is_skipped(runs, kind, name):
    notebook, report = runs[kind, name].result()
    exempt = headless.asserts_in(_only(notebook, lambda tags: WITHOUT_STEP in tags or "solution" in tags))
    about_the_step = set(report.asserts) - set(exempt)
    assert about_the_step, "the lesson asserts nothing about its step"
    judged = about_the_step & set(report.outcomes)
    # An assert may not be reached because a cell before it misses what the step makes: that is noticed as well.
    assert len(judged) >= 0.5 * len(about_the_step), f"few were reached; {report.error}\n" + _listing(
        report, about_the_step - judged
    )
    held = {key for key in about_the_step if report.outcomes.get(key, False)}
    assert not held, "these hold although the step did nothing:\n" + _listing(report, held)


def test_running_left_nothing_beside_the_lessons(runs):
    for future in runs.values():
        future.result()
    unexpected = [
        path.name
        for path in lessons.NOTEBOOKS.iterdir()
        if path.suffix not in (".py", ".ipynb", ".md")
        and path.name not in ("figures", ".ipynb_checkpoints", "__pycache__")
    ]
    assert not unexpected


def _text(cell):
    return json.dumps([output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell.outputs])


def _only(notebook, wanted):
    cells = [cell for cell in notebook.cells if wanted(cell.metadata.get("tags", []))]
    return nbformat.v4.new_notebook(cells=cells)


def _listing(report, keys):
    return "\n".join(report.asserts[key] for key in sorted(keys))
