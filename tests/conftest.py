"""The observations that tests share. Each is built once per session, in a folder that is removed at its end.

Set TSO_TEST_DATA to a folder to keep them between sessions while you work on a lesson.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

SECOND_SHAPE = {"integrations": (6, 5, 7), "groups": 10, "decimation": 7, "seed": 7}


@pytest.fixture(autouse=True, scope="session")
def _figures_without_a_window():
    import matplotlib as mpl

    mpl.use("agg")


# The same examples everywhere: a test that fails on one machine in a hundred tells nobody anything.
hypothesis.settings.register_profile("same-everywhere", derandomize=True)
hypothesis.settings.load_profile("same-everywhere")


@pytest.fixture(scope="session")
def data_folder():
    """Where observations are built."""
    kept = os.environ.get("TSO_TEST_DATA")
    if kept:
        folder = Path(kept).expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    folder = Path(tempfile.mkdtemp(prefix="tso-tests-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _python(code, **variables):
    """Run code in a process of its own, so that its CRDS settings do not reach other tests."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def lesson_data(data_folder):
    """Root folder (TSO_DATA) that holds the default simulated exposure."""
    root = data_folder / "lesson"
    _python(
        "import tso_helpers as tso; tso.open_observation('simulated', progress=False)",
        TSO_DATA=str(root),
        TSO_OBSERVATION="simulated",
    )
    return root


@pytest.fixture(scope="session")
def second_shape(data_folder):
    """Folder of a smaller exposure of another shape and seed."""
    name = _python(
        f"from tso_helpers.simulation.exposure import Recipe, build\n"
        f"recipe = Recipe(**{SECOND_SHAPE!r})\n"
        f"build({str(data_folder)!r} + '/second-' + recipe.key, recipe, progress=False)\n"
        f"print('second-' + recipe.key)"
    )
    return data_folder / name.split()[-1]


# Folders of tests in the order in which they run; what is marked `lint` comes before them all.
ORDER = ("unit", "contract", "faults", "lessons", "browser", "benchmarks")


def _turn(item):
    if item.get_closest_marker("lint"):
        return -1
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return ORDER.index(folder) if folder in ORDER else 0


def pytest_collection_modifyitems(items):
    """Sort: a typo shall be known in seconds. Only tests of the real archive may leave this machine."""
    items.sort(key=_turn)
    for item in items:
        if item.get_closest_marker("remote_data"):
            item.add_marker(pytest.mark.enable_socket)


def pytest_terminal_summary(terminalreporter):
    """Say at the very end what was not looked at, where nobody can overlook it."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    if any("BROWSER TEST SKIPPED" in text for text in skipped):
        terminalreporter.section("the browser test was SKIPPED", sep="!", red=True, bold=True)
        terminalreporter.line(
            "No Chromium was found, so nobody has looked at a lesson in JupyterLab. Install one from your distribution "
            "(apt-get install chromium), or set TSO_CHROMIUM to its path."
        )
    if any("VARIANT SKIPPED" in text for text in skipped):
        terminalreporter.section("variants of the machine were SKIPPED", sep="!", red=True, bold=True)
        terminalreporter.line(
            "This processor, or this numpy, has nothing that could be switched off, so nobody knows whether "
            "the lessons print the same elsewhere. `python tools/variants.py` shows what was found."
        )
