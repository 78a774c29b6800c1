"""`tso calibrate` that is killed: nothing half-written, nothing done twice, the same bytes in the end."""

import kills
import pytest


@pytest.mark.slow
def test_a_few_calibrations_are_killed(tmp_path):
    kills.run("calibrations", tmp_path, kills=3)


@pytest.mark.faults
def test_fifty_calibrations_are_killed(tmp_path):
    kills.run("calibrations", tmp_path, kills=50)


@pytest.mark.faults
def test_calibrations_with_two_workers_are_killed(tmp_path):
    kills.run("calibrations_by_two", tmp_path, kills=3)
