"""Stage 1 in blocks and tiles gives what the stock steps give for the whole segment, bit for bit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("stock.py")


def compare(*arguments):
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    for name, found in result.items():
        assert found["differences"] == [[], [], []], name  # ramp after jump, rate, rateints
        assert all(found["jumps at borders"]), name  # else the comparison would say nothing about the halo
        assert found["jumps at edges"], name
    return list(result)


@pytest.mark.slow
def test_a_short_segment_in_pieces_equals_the_stock_pipeline():
    assert compare("short") == ["NRS1 with 1/f", "NRS2 without 1/f", "NRS1 cleaned", "NRS2 cleaned each"]


@pytest.mark.slow
def test_so_does_one_that_is_clipped_across_its_integrations():
    """The jump step clips from 100 integrations on."""
    assert compare("clipped") == ["NRS1 with 1/f"]


@pytest.mark.full
@pytest.mark.parametrize(("which", "cases"), [("short", 8), ("clipped", 4), ("110x20", 4), ("40x24", 4), ("155x12", 4)])
def test_every_detector_in_every_variant(which, cases):
    """At 110 x 20, 40 x 24 and 155 x 12 with all columns, and the planner's pieces for 0.75 GB."""
    assert len(compare(which, "all")) == cases
