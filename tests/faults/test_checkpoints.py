"""Computations that are killed while they keep a checkpoint: it is whole or not there."""

import kills
import pytest


@pytest.mark.slow
def test_a_few_computations_are_killed(tmp_path):
    kills.run("checkpoints", tmp_path, kills=4)


@pytest.mark.faults
def test_fifty_computations_are_killed(tmp_path):
    kills.run("checkpoints", tmp_path, kills=50)
