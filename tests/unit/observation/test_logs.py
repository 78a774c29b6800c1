"""The pipeline's log goes to the file, and the lines that matter come out of it."""

import logging
import warnings

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
