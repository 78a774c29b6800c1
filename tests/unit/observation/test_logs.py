"""The pipeline's log goes to the file, and the lines that matter come out of it."""

import inspect
import logging
import os
import tempfile
import warnings
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tso_helpers import logs

LOG = """\
2026-01-01 10:00:00,000 - stpipe.step - INFO - SaturationStep instance created.
2026-01-01 10:00:00,001 - stpipe.step - INFO - Step SaturationStep running with args (<RampModel(2, 14, 32, 64)>,).
2026-01-01 10:00:00,002 - stpipe.step - INFO - Step SaturationStep parameters are:
  n_pix_grow_sat: 0
2026-01-01 10:00:00,003 - stcal.saturation.saturation - INFO - Detected 11 saturated pixels
2026-01-01 10:00:00,004 - stpipe.step - INFO - Step SaturationStep done
2026-01-01 10:00:01,001 - stpipe.step - INFO - Step SaturationStep running with args (<RampModel(2, 14, 32, 64)>,).
2026-01-01 10:00:01,003 - jwst.saturation - INFO - Using SATURATION reference file /home/a b/crds/jwst_sat_1.fits and \
/tmp/é/jwst_bias.fits
2026-01-01 10:00:01,004 - stcal.saturation.saturation - INFO - Detected 22 saturated pixels, 3 DN/s, 4 e-/s
2026-01-01 10:00:01,005 - stcal.saturation.saturation - WARNING - Detected 0 A/D floor pixels
2026-01-01 10:00:01,006 - jwst.jump.jump_step - INFO - The execution time in seconds: 0.123
2026-01-01 10:00:01,007 - stpipe.step - INFO - Step SaturationStep done
2026-01-01 10:00:01,008 - jwst.stpipe.core - INFO - Results used jwst version: 3.0.0
2026-01-01 10:00:02,001 - stpipe.step - INFO - Step DQInitStep running with args (<RampModel(2, 14, 32, 64)>,).
2026-01-01 10:00:02,002 - jwst.dq_init - INFO - Extracting mask subarray to match science data
"""


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "some log.log"
    path.write_text(LOG, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _restored():
    yield
    logs.restore()


def test_the_latest_run_of_a_step_without_times_and_folders(log):
    assert logs.lines(log, "saturation") == [
        "Using SATURATION reference file jwst_sat_1.fits and jwst_bias.fits",
        "Detected 22 saturated pixels, 3 DN/s, 4 e-/s",
        "Detected 0 A/D floor pixels",
    ]


def test_only_the_lines_that_are_asked_for(log):
    assert logs.lines(log, "saturation", contains="SATURATED pixels") == [
        "Detected 22 saturated pixels, 3 DN/s, 4 e-/s"
    ]
    assert len(logs.lines(log, "SaturationStep", contains=["floor", "reference file"])) == 2
    assert logs.lines(log, "saturation", contains="nothing of the kind") == []


def test_a_step_that_was_interrupted_has_lines_too(log):
    assert logs.lines(log, "dq_init") == ["Extracting mask subarray to match science data"]


def test_a_step_that_never_ran(log, tmp_path):
    with pytest.raises(ValueError, match="no run of 'jump'; it holds dqinit, saturation"):
        logs.lines(log, "jump")
    with pytest.raises(FileNotFoundError, match="run a step first"):
        logs.lines(tmp_path / "none.log", "jump")
    with pytest.raises(FileNotFoundError, match="run a step first"):
        logs.lines(step="jump")


def test_pipeline_records_go_to_the_file_only(tmp_path, capfd):
    path = logs.to_file(tmp_path / "a folder, é" / "x, y.log")
    assert logs.current() == path
    assert logs.to_file(path) == path  # once more changes nothing
    logging.getLogger("stpipe.step").info("seen by nobody")
    logging.getLogger("jwst.some.module").warning("nor this")
    assert capfd.readouterr() == ("", "")
    text = path.read_text()
    assert text.count("seen by nobody") == 1
    assert " - jwst.some.module - WARNING - nor this" in text
    other = logs.to_file(tmp_path / "other.log")
    logging.getLogger("stpipe.step").info("the new file")
    assert "the new file" in other.read_text()
    assert "the new file" not in path.read_text()
    logs.restore()
    assert logs.current() is None
    logging.getLogger("stpipe.step").warning("as before")
    assert "as before" not in other.read_text()


def test_warnings_of_installed_packages_go_to_the_file_and_others_are_shown(tmp_path, capfd):
    import numpy

    path = logs.to_file(tmp_path / "x.log")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)  # pytest has put its own hook in place since
        warnings.warn_explicit("theirs", UserWarning, numpy.__file__, 1)
        warnings.warn_explicit("mine", UserWarning, "/tmp/ipykernel_1/2.py", 1)
        warnings.warn_explicit("ours", UserWarning, logs.__file__, 1)
    shown = capfd.readouterr().err
    assert "theirs" not in shown
    assert "mine" in shown
    assert "ours" in shown
    assert "theirs" in path.read_text()


# --- where the log cannot be kept ------------------------------------------------------------------------------


def test_what_we_use_of_stpipe_is_still_there(tmp_path):
    """stpipe._log is private. If this fails with a new stpipe, `_configuration` in logs.py is what has to change."""
    from jwst.stpipe import Step
    from stpipe import _log

    parameters = inspect.signature(_log.LogConfig.__init__).parameters
    assert {"handler", "level", "recording_level"} <= set(parameters), "LogConfig takes other parameters now"
    for name in ("apply", "undo"):
        assert list(inspect.signature(getattr(_log.LogConfig, name)).parameters) == ["self", "log_names"]
    assert {"stpipe", "jwst"} <= set(Step.get_stpipe_loggers()), "other loggers now"
    config = _log.LogConfig(["null"], level=logging.INFO, recording_level=logs._NEVER)
    assert isinstance(config.handlers, list), "handlers are kept elsewhere now"
    logs.to_file(tmp_path / "x.log")
    assert _log.LogConfig.applied is logs._config, "what is applied is noted elsewhere now"
    logging.getLogger("stpipe.step").info("recorded?")
    assert logs._config.log_records == [], "records are kept in memory, and would get into products"


def test_only_one_place_reaches_into_stpipe():
    package = Path(logs.__file__).parents[1]
    found = [path.name for path in package.rglob("*.py") if "import _log" in path.read_text(encoding="utf-8")]
    assert found == ["logs.py"]


@pytest.fixture
def full(monkeypatch):
    path = Path("/dev/full")
    if not path.exists():
        pytest.skip("no file that is always full")
    monkeypatch.setattr(logs, "_path", None)
    return logs.to_file(path)


def test_a_full_disk_is_said_once_and_in_one_line(full, capfd):
    for number in range(20):
        logging.getLogger("stpipe.step").info("Step JumpStep running with args %s", number)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"the pipeline's log {full} cannot be written (No space left on device)" in err
    assert "20 records before this could not be written (No space left on device)" in logs._what_was_lost(full)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file that is always full")
def test_records_after_a_full_disk_are_whole_and_say_what_is_missing(tmp_path, capfd):
    path = logs.to_file(tmp_path / "x.log")
    handler = logs._config.handlers[-1]
    log = logging.getLogger("stpipe.step")
    log.info("Step JumpStep running with args one")
    log.info("before")
    handler._drop()
    handler.stream = Path("/dev/full").open("w")  # noqa: SIM115 (the handler closes it)
    log.info("lost 1")
    handler.baseFilename, kept = "/dev/full", handler.baseFilename
    log.info("lost 2")
    handler.baseFilename = kept
    assert any("2 records before this" in line for line in logs.lines(step="jump"))
    log.info("after")
    assert logs.lines(step="jump") == [
        "before",
        "2 records before this could not be written (No space left on device)",
        "after",
    ]
    assert path.read_text().count("lost") == 0
    assert capfd.readouterr().err.count("\n") == 1


def test_mistakes_in_records_are_still_told(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger("stpipe"), "propagate", False)  # pytest's own handler raises
    logs.to_file(tmp_path / "x.log")
    logging.getLogger("stpipe.step").info("%d", "no number")
    assert "Logging error" in capfd.readouterr().err


def test_a_log_that_was_deleted_is_begun_again(tmp_path):
    path = logs.start(tmp_path)
    path.unlink()
    assert logs.start(tmp_path) == path
    logging.getLogger("stpipe.step").info("here")
    assert "here" in path.read_text()


def test_a_session_with_the_same_process_id_has_a_log_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 7)
    first = logs.start(tmp_path)
    logging.getLogger("stpipe.step").info("of the first")
    monkeypatch.setattr(logs, "_started", {})  # another process, which has the same number
    second = logs.start(tmp_path)
    assert first != second
    assert "of the first" not in second.read_text()
    assert "of the first" in first.read_text()


@pytest.mark.parametrize("place", ["folder", "temporary"])
def test_a_planted_link_is_not_followed(tmp_path, monkeypatch, place):
    """Whoever knows how logs are named plants links to a file of ours under every name of the past."""
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    folder = tmp_path / "logs"
    if place == "temporary":
        folder.write_text("no folder can be made here")
    else:
        folder.mkdir()
    there = folder if place == "folder" else tmp_path / "tmp"
    for stamp in (datetime.now() + timedelta(seconds=second) for second in range(-2, 60)):
        for name in ("pipeline", "tso-pipeline"):
            (there / f"{name}-{stamp:%Y%m%d-%H%M%S}-{os.getpid()}.log").symlink_to(victim)
            (there / f"{name}-{os.getpid()}.log").unlink(missing_ok=True)
            (there / f"{name}-{os.getpid()}.log").symlink_to(victim)
    path = logs.start(folder)
    logging.getLogger("stpipe.step").info("secret")
    assert path.parent == there
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o077 == 0
    assert "secret" in path.read_text()
    assert victim.read_text() == "mine"
