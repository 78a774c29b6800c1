"""The pipeline's own Detector1 gives the simulation's true rates back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("accuracy.py")


def run(which, root):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), which],
        env=os.environ | {"TSO_DATA": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_without_noise_the_true_rate_comes_back(tmp_path):
    for name, found in run("quiet", tmp_path).items():
        assert found["median"] < 5e-4, name
        assert found["99 %"] < 1e-3, name
        assert abs(found["background, DN/s"]) < 0.01, name


def test_coupling_between_pixels_leaves_what_the_linearity_step_must_leave(tmp_path):
    """Neighbours share voltages, the step corrects pixel by pixel: part of the coupling is not linear afterwards."""
    for name, found in run("coupled", tmp_path).items():
        assert found["expected"]["median"] < 5e-4, name
        assert found["expected"]["99 %"] < 1e-3, name
        assert found["true"]["99 %"] < 2e-3, name
        assert found["true"]["99 %"] > 1.5 * found["expected"]["99 %"], name  # it is there, and it is this


def test_with_noise_the_errors_are_right(tmp_path):
    for name, found in run("noisy", tmp_path).items():
        assert found["trace"] == pytest.approx(1, abs=0.05), name
        assert abs(found["trace median"]) < 0.1, name
        # 1/f noise is still in, and the READNOISE reference does not know of it
        assert 1.05 < found["all"] < 1.25, name
