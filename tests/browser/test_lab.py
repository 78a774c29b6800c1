"""A learner's first minutes: `tso lab`, a lesson in JupyterLab in a real browser, Run All, and figures on the page."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import lessons
import pytest
from astropy.io import fits

from tso_helpers.simulation.recipe import Recipe
from tso_helpers.simulation.truth import open_truth

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = lessons.NOTEBOOKS.parent / "test-results"
TOKEN = "lessons"
MINUTE = 60_000  # milliseconds


def _chromium():
    """Path of an installed Chromium; none is ever downloaded."""
    found = os.environ.get("TSO_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    missing = f"no Chromium found (looked for {', '.join(NAMES)}; TSO_CHROMIUM names another)"
    if os.environ.get("TSO_REQUIRE_BROWSER") == "1":
        pytest.fail(f"TSO_REQUIRE_BROWSER=1, but {missing}")
    pytest.skip(f"BROWSER TEST SKIPPED: {missing}")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(address, server, log, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.5)
    pytest.fail(f"JupyterLab did not answer:\n{log.read_text(encoding='utf-8')[-4000:]}")


@pytest.fixture(scope="module")
def lab(lesson_data, tmp_path_factory):
    """Address of a JupyterLab that `tso lab` started, with a workspace in a folder with a space and an accent."""
    _chromium()
    folder = tmp_path_factory.mktemp("classe d'été")
    port, log = _free_port(), folder / "lab.log"
    command = [
        sys.executable,
        "-m",
        "tso_helpers.cli",
        "lab",
        "--no-browser",
        "--workspace",
        str(folder / "my lessons"),
        "--port",
        str(port),
        f"--IdentityProvider.token={TOKEN}",
        "--LabApp.expose_app_in_browser=True",
        "--ServerApp.port_retries=0",
    ]
    variables = os.environ | {
        "TSO_DATA": str(lesson_data),
        "TSO_OBSERVATION": "simulated",
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "HOME": str(folder),
    }
    with open(log, "w", encoding="utf-8") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=variables)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/api?token={TOKEN}", server, log)
            yield address
        finally:
            server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(30)
            server.kill()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=_chromium(), headless=True, args=FLAGS)
        yield chromium
        chromium.close()


STATE = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = [...panel.content.model.cells].filter(cell => cell.type === 'code');
    return cells.map(cell => {
        const json = cell.toJSON();
        return {
            source: cell.sharedModel.getSource(),
            count: cell.executionCount,
            errors: json.outputs.filter(output => output.output_type === 'error').map(output => output.evalue),
            pictures: json.outputs.filter(output => output.data && output.data['image/png']).length,
        };
    });
}"""


def open_lesson(browser, lab, name):
    """A page with the lesson open and its kernel idle."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{lab}/lab/tree/{name}.ipynb?token={TOKEN}", timeout=2 * MINUTE)
    # JupyterLab first restores the lessons that were open before: wait for this one, and for its kernel
    page.wait_for_function(
        """name => {
            const panel = window.jupyterapp?.shell.currentWidget;
            return panel?.context?.path === name && panel.content.model?.cells.length > 3
                && panel.sessionContext.isReady && panel.sessionContext.session?.kernel?.status === 'idle';
        }""",
        arg=f"{name}.ipynb",
        timeout=2 * MINUTE,
    )
    return page


def run_all(page, minutes=4):
    """Choose Run > Run All Cells in the menu and wait until the kernel has done them all; returns the cells' state."""
    page.get_by_role("menuitem", name="Run", exact=True).first.click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).first.click()
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        cells = page.evaluate(STATE)
        if all(cell["count"] for cell in cells) or any(cell["errors"] for cell in cells):
            page.wait_for_timeout(2000)  # the last outputs are still being drawn
            return page.evaluate(STATE)
        page.wait_for_timeout(500)
    keep_screenshot(page, "not_finished")
    pytest.fail(f"not finished: {[cell['source'][:60] for cell in cells if not cell['count']]}")


def keep_screenshot(page, name):
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def test_lesson_00_runs_in_the_browser(browser, lab):
    page = open_lesson(browser, lab, "00_start_here")
    before = page.evaluate(STATE)
    assert not any(cell["count"] or cell["pictures"] for cell in before), "a learner's copy begins without outputs"
    cells = run_all(page)
    keep_screenshot(page, "lesson_00")
    assert not page.get_by_text("official Jupyter news").count(), "something else asks for attention"
    assert [cell["errors"] for cell in cells if cell["errors"]] == []
    assert sum(cell["pictures"] for cell in cells) >= 3
    figure = page.locator(".jp-OutputArea-output img").first
    figure.scroll_into_view_if_needed()
    assert figure.evaluate("picture => picture.complete && picture.naturalWidth > 300")
    keep_screenshot(page, "lesson_00_figure")
    page.close()


def _raw_samples(root, column):
    """First and last raw sample, as the explorer writes them, of the pixel it is opened at but in another column."""
    exposure = root / f"simulated-{Recipe().key}"
    place = open_truth(exposure).examples["saturated_by_cosmic_ray"]
    name = f"*_04101_*seg00{place.segment}_{place.detector.lower()}"
    (path,) = exposure.glob(f"mastDownload/JWST/{name}/{name}_uncal.fits")
    samples = fits.getdata(path, "SCI")[place.integration, :, place.row, column]
    return [f"{float(f'{value:.4g}'):,.10g}" for value in samples[[0, -1]]]


def test_the_ramp_explorer_follows_its_controls(browser, lab, lesson_data):
    page = open_lesson(browser, lab, "03_saturation")
    cells = run_all(page)
    assert [cell["errors"] for cell in cells if cell["errors"]] == []
    explorer = page.locator(".tso-explorer").first
    explorer.scroll_into_view_if_needed()
    words, picture = explorer.locator(".tso-explorer-text"), explorer.locator("img")
    said, drawn = words.inner_text(), picture.screenshot()
    column = 1000
    assert f"column {column}:" not in said
    control = explorer.locator(".tso-explorer-column input")
    control.fill(str(column))
    control.press("Enter")
    page.wait_for_function(
        "text => document.querySelector('.tso-explorer-text').innerText !== text", arg=said, timeout=MINUTE
    )
    page.wait_for_timeout(1000)
    keep_screenshot(page, "lesson_03_explorer")
    first, last = _raw_samples(lesson_data, column)
    assert f"column {column}: from {first} to {last} DN" in words.inner_text()
    assert picture.screenshot() != drawn, "the words changed and the picture did not"
    page.close()


def test_the_checkout_stays_clean(lab):
    """Opening and running a lesson writes to the workspace only."""
    assert not list(Path(lessons.NOTEBOOKS).glob("*.log"))
    assert not (lessons.NOTEBOOKS / "mastDownload").exists()
