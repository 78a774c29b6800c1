"""Builds that are killed: nothing bad under a final name, the same bytes after the rerun, and nothing left over."""

import multiprocessing
import subprocess
import sys

import kills
import pytest

from tso_helpers.files import atomic
from tso_helpers.simulation import exposure
from tso_helpers.simulation.recipe import Recipe

SMALL, OTHER = (
    Recipe(integrations=(2, 1), groups=3, columns=(0, 32), detectors=("NRS1",), seed=seed) for seed in (5, 6)
)


@pytest.mark.slow
def test_a_few_builds_are_killed(tmp_path):
    kills.run("builds", tmp_path, kills=4)


@pytest.mark.faults
def test_fifty_builds_are_killed(tmp_path):
    kills.run("builds", tmp_path, kills=50)


def _build(folder, recipe, result):
    try:
        exposure.build(folder, recipe, progress=False)
        result.put((recipe.seed, "built"))
    except FileExistsError as error:
        result.put((recipe.seed, str(error)))


@pytest.mark.faults
def test_two_recipes_at_once_in_one_folder_do_not_mix(tmp_path):
    context = multiprocessing.get_context("spawn")
    result = context.Queue()
    builds = [context.Process(target=_build, args=(tmp_path / "x", recipe, result)) for recipe in (SMALL, OTHER)]
    for process in builds:
        process.start()
    outcome = dict(result.get(timeout=300) for _ in builds)
    for process in builds:
        process.join()
    (winner,) = [seed for seed, said in outcome.items() if said == "built"]
    (refused,) = [said for said in outcome.values() if said != "built"]
    assert "holds the simulated exposure of another recipe" in refused
    assert exposure.is_complete(tmp_path / "x", SMALL if winner == 5 else OTHER, thorough=True)


@pytest.mark.faults
def test_the_process_id_of_a_killed_build_comes_again(tmp_path):
    """What the killed one has left is not met by the next, though both have the same number."""
    code = (
        "import os, signal, sys\n"
        "os.getpid = lambda: 4711\n"
        "from tso_helpers.simulation import exposure, integration\n"
        "recipe = exposure.Recipe(integrations=(2, 1), groups=3, columns=(0, 32), detectors=('NRS1',), seed=5)\n"
        "whole, kill = integration.raw_counts, os.kill\n"
        "def counts(recipe, name, index):\n"
        "    if index == 1 and sys.argv[2] == 'die':\n"
        "        kill(int(os.readlink('/proc/self')), signal.SIGKILL)\n"
        "    return whole(recipe, name, index)\n"
        "integration.raw_counts = counts\n"
        "exposure.build(sys.argv[1], recipe, progress=False)\n"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("needs /proc")
    first, second = (
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "x"), what], check=False).returncode
        for what in ("die", "live")
    )
    assert (first, second) == (-9, 0)
    assert exposure.is_complete(tmp_path / "x", SMALL, thorough=True)
    assert atomic.leftovers(tmp_path) == []
