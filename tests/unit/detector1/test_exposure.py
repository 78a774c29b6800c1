"""A whole exposure through Stage 1: nothing is begun in vain, nothing done twice, and no death costs more than a task.

Runs are processes of their own, as from a shell.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from tso_helpers import cli
from tso_helpers.detector1 import exposure
from tso_helpers.files import level1b
from tso_helpers.observation import calibration, open_observation

TSO = [sys.executable, "-c", "from tso_helpers.cli import app; app()"]
EXTENSIONS = ("SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folder of a small exposure, and the environment of the runs."""
    root = tmp_path_factory.mktemp("exposure é")
    variables = os.environ | {"TSO_DATA": str(root / "data")}
    options = ["--integrations", "4,3", "--groups", "5", "--columns", "900,964", "--detectors", "NRS1"]
    subprocess.run([*TSO, "data", "--out", root / "small", *options], check=True, env=variables, capture_output=True)
    return root / "small", variables


def start(places, out, *options):
    command = [*TSO, "calibrate", "--data", places[0], "--out", out, *map(str, options)]
    return subprocess.Popen(command, env=places[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(places, out, *options, code=0):
    process = start(places, out, *options)
    said, errors = process.communicate()
    assert process.returncode == code, said + errors
    return said + errors


def arrays(out):
    found = {}
    for path in sorted(Path(out).glob("*.fits")):
        with fits.open(path) as hdus:
            found |= {(path.name, name): np.array(hdus[name].data) for name in EXTENSIONS}
    return found


@pytest.fixture(scope="module")
def reference(places, tmp_path_factory):
    out = tmp_path_factory.mktemp("reference")
    return out, run(places, out)


def assert_same(out, reference):
    ours, theirs = arrays(out), arrays(reference[0])
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_array_equal(ours[key], value, err_msg=str(key))


def scratch(places):
    return [path for path in Path(places[1]["TSO_DATA"]).rglob("calibrate-*") if path.is_dir()]


@pytest.mark.slow
def test_products_and_summary(places, reference):
    out, said = reference
    names = sorted(path.name for path in out.glob("*.fits"))
    assert len(names) == 4
    assert names[0].endswith("-seg001_nrs1_rate.fits")
    assert names[1].endswith("-seg001_nrs1_rateints.fits")
    summary = json.loads((out / "summary.json").read_text())
    assert [entry["name"] for entry in summary["segments"]] == ["NRS1 segment 1", "NRS1 segment 2"]
    for entry in summary["segments"]:
        assert entry["jumps"] > 0
        assert entry["method"] == "two-point differences"
        assert entry["seconds"] > 0
        assert 1e8 < entry["peak_memory"] < 1.5e9
        assert set(entry["products"]) < set(names)
        assert f"{entry['jumps']:,}" in said
    with fits.open(out / names[1]) as hdus:
        assert hdus["SCI"].data.shape == (4, 32, 64)
        assert len(hdus["INT_TIMES"].data) == 4
        assert hdus[0].header["S_GANSCL"] in ("COMPLETE", "SKIPPED")
    assert not scratch(places)


@pytest.mark.slow
def test_what_is_there_is_not_done_again(places, reference):
    out, _ = reference
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.fits")}
    assert run(places, out).count("done before") == 2
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.fits")} == before
    entries = json.loads((out / "summary.json").read_text())["segments"]
    assert all(entry["done before"] and entry["jumps"] > 0 for entry in entries)  # the numbers of then
    assert "products are current" in run(places, out, "--dry-run")


@pytest.mark.slow
def test_ramps_are_a_product_too(places, reference, tmp_path):
    """With ``--until`` before ramp_fit; the ramp is the one to which the steps of `Observation.after` lead."""
    import tso_helpers as tso

    said = run(places, tmp_path, "--until", "jump")
    path = tmp_path / next(line.split()[-1] for line in said.splitlines() if "segment 2" in line)
    assert path.name.endswith("-seg002_nrs1_jump.fits")
    ramp = tso.open_observation(places[0], root=tmp_path / "root").after("jump", "NRS1", 2)
    with tso.files.models.read(path) as found:
        np.testing.assert_array_equal(found.data, ramp.data)
        np.testing.assert_array_equal(found.groupdq, ramp.groupdq)
        assert found.meta.exposure.integration_start == ramp.meta.exposure.integration_start
    assert not scratch(places)


@pytest.mark.slow
def test_the_pipelines_own_correction_is_an_option(places, reference, tmp_path):
    run(places, tmp_path, "--clean-flicker-noise", "--set", "clean_flicker_noise.background_method=None")
    name = sorted(path.name for path in reference[0].glob("*.fits"))[1]
    with fits.open(tmp_path / name) as ours, fits.open(reference[0] / name) as other:
        assert ours[0].header["S_CLNFNS"] == "COMPLETE"
        assert not np.array_equal(ours["SCI"].data, other["SCI"].data, equal_nan=True)
    said = run(
        places,
        tmp_path / "x",
        "--clean-flicker-noise",
        "--set",
        "clean_flicker_noise.background_method=median_image",
        code=1,
    )
    assert "median over all integrations" in said


@pytest.mark.slow
def test_killed_again_and_again_it_goes_on(places, reference, tmp_path):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(3):
        process = start(places, tmp_path / "out")
        tasks_done = chance.randint(1, 3)
        while process.poll() is None and count_notes(places) < tasks_done:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run(places, tmp_path / "out")
    assert_same(tmp_path / "out", reference)
    assert not scratch(places)


def count_notes(places):
    return sum(len(list(folder.glob("*/*.np?"))) for folder in scratch(places))


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_task_only(places, reference, tmp_path):
    process = start(places, tmp_path / "out", "--workers", 2, "--memory", "1GB")
    while process.poll() is None and count_notes(places) < 1:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    workers = [  # forks of a child, or children that were spawned
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.ppid() != process.pid or "multiprocessing.spawn" in " ".join(child.cmdline())
    ]
    workers[0].kill()
    said, errors = process.communicate()
    assert process.returncode == 0, said + errors
    assert_same(tmp_path / "out", reference)
    assert not scratch(places)


@pytest.mark.slow
def test_a_damaged_or_missing_file_is_refused_before_any_work(places, tmp_path):
    import shutil

    shutil.copytree(places[0], tmp_path / "copy")
    raw = next((tmp_path / "copy").rglob("*seg002_nrs1_uncal.fits"))
    raw.write_bytes(raw.read_bytes()[:-2880])
    said = run((tmp_path / "copy", places[1]), tmp_path / "out", code=1)
    assert raw.name in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_somebody_elses_file_is_not_overwritten(places, reference, tmp_path):
    name = sorted(path.name for path in reference[0].glob("*.fits"))[0]
    (tmp_path / name).write_text("mine")
    assert "was not made by us" in run(places, tmp_path, code=1)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.slow
def test_snowballs_are_refused_with_an_explanation(places, tmp_path):
    said = run(places, tmp_path / "out", "--set", "jump.expand_large_events=true", code=1)
    assert "looks for snowballs in whole frames" in said
    assert not list((tmp_path / "out").glob("*.fits"))


# --- which files belong together


@pytest.fixture(scope="module")
def files(places):
    return [file for file in level1b.find(places[0]) if file.exposure_type == "NRS_BRIGHTOBJ"]


@pytest.mark.slow
def test_files_that_do_not_belong_together_are_refused(files):
    one, other = files
    level1b.require_one_exposure(files)
    with pytest.raises(ValueError, match=r"2 exposures: .* Calibrate one after the other"):
        level1b.require_one_exposure([one, replace(other, exposure="jw99")])
    with pytest.raises(ValueError, match="there twice"):
        level1b.require_one_exposure([one, one])
    with pytest.raises(ValueError, match=r"overlap: .* has 1 to 4, and .* begins with 4"):
        level1b.require_one_exposure([one, replace(other, first_integration=4)])
    with pytest.raises(FileNotFoundError, match="missing: 2"):
        level1b.require_one_exposure([one])
    level1b.require_one_exposure([one], partial=True)
    with pytest.raises(FileNotFoundError):
        level1b.require_one_exposure([])


@pytest.mark.slow
def test_a_disk_or_a_memory_that_is_too_small_is_noticed_first(places, files, tmp_path, monkeypatch):
    monkeypatch.setenv("TSO_DATA", places[1]["TSO_DATA"])
    settings = exposure.Settings(prepare=calibration.settings(open_observation(places[0])).prepare)
    huge = [replace(file, shape=(10**6, 70, 32, 2048), first_integration=1 + 10**6 * k) for k, file in enumerate(files)]
    with pytest.raises(OSError, match="GB of disk are needed"):
        exposure.calibrate(huge, tmp_path, settings, memory=1e14)
    with pytest.raises(OSError, match="more memory than is free"):
        exposure.calibrate(files, tmp_path, settings, workers=2, memory=1e13)
    with pytest.raises(ValueError, match="too little"):
        exposure.calibrate(files, tmp_path, settings, memory=1e8)


# --- the command's words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "jump"], "such as jump.rejection_threshold=10"),
        (["--set", "jump.nonsense=1"], "jump has no parameter nonsense"),
        (["--set", "jmp.x=1"], "the steps are dq_init"),
        (["--skip", "nonsense"], "choose from dq_init"),
        (["--memory", "much"], "such as 1.5GB"),
        (["--data", "nowhere/to/be/found"], "a folder that exists"),
    ],
)
def test_impossible_options_are_explained(arguments, message, tmp_path):
    result = CliRunner().invoke(cli.app, ["calibrate", "--out", str(tmp_path / "out"), *arguments])
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("text", "size"), [("1.5GB", 1.5e9), ("800 MB", 8e8), ("2GiB", 2 * 2**30), ("1000000000", 1e9), ("1e9", 1e9)]
)
def test_sizes(text, size):
    assert cli._size(text) == size


def test_parameters_are_numbers_where_they_look_like_it():
    given = ["jump.rejection_threshold=10", "jump.flag_4_neighbors=false", "ramp_fit.algorithm=OLS_C", "jump.x=0.5"]
    assert cli._parameters(given) == {
        "jump": {"rejection_threshold": 10, "flag_4_neighbors": False, "x": 0.5},
        "ramp_fit": {"algorithm": "OLS_C"},
    }
