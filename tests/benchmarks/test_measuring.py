"""The tools that measure Stage 1 read what a process tree costs, and work out ratios and estimates as they should."""

import sys

import measured
import numpy as np
import pytest
import readme
import scaling
import stage1_speed as speed
from astropy.table import Table

HOLD = "import time; x = b'1' * 150_000_000; time.sleep(0.8)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}], check=True)"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_a_child_counts():
    cost = measured.run([sys.executable, "-c", PARENT])
    assert 150e6 < cost.process_memory <= 220e6
    assert cost.tree_memory > 150e6
    assert cost.wall > 0.8


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processor_time_of_a_child_counts():
    busy = "import time\nwhile time.process_time() < 0.6: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True)"
    assert 0.6 < measured.run([sys.executable, "-c", code]).processor < 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_written_in_passing_counts(tmp_path):
    code = "import os, sys, time; p = sys.argv[1] + '/x'; open(p, 'wb').write(b'1' * 3_000_000); time.sleep(0.6); "
    (tmp_path / "before").write_bytes(bytes([1]) * 5_000_000)
    cost = measured.run([sys.executable, "-c", code + "os.remove(p)", tmp_path], watch=[tmp_path])
    assert 3_000_000 <= cost.disk < 3_100_000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_command_that_fails_says_what_it_printed():
    with pytest.raises(RuntimeError, match=r"ended with 3\nno such thing"):
        measured.run([sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"])


@pytest.fixture
def found():
    """Three rounds of two ways, the machine three times as busy in the last."""
    rows = [
        ("large", way, number, factor * busy, factor, 2e9 * factor, 1e9 * factor, 0.0)
        for number, busy in ((0, 10.0), (1, 12.0), (2, 30.0))
        for way, factor in (("stock", 1.0), ("stock, all cores", 0.9), ("ours, 1", 0.95), ("ours, 2", 0.6))
    ]
    names = ("size", "way", "round", "wall", "processor", "tree_memory", "process_memory", "disk")
    seconds = {"large": {"read": 0.5, "write": 0.7, "imports": 4.0}}
    return Table(rows=rows, names=names, meta={"machine": "a machine", "seconds": seconds})


def test_ratios_are_those_within_a_round(found):
    assert speed.ratio(found, "large", "ours, 2", "stock", "wall") == pytest.approx(0.6)


def test_what_is_wanted_is_judged(found):
    lines = speed.report(found)
    assert "  'ours, 1' over 'stock', wall: 0.95 (at most 1): as wanted" in lines
    assert "  'ours, 2' over 'stock', wall: 0.60 (at most 0.55): MORE THAN WANTED" in lines


def test_the_table_of_the_readme(found, tmp_path):
    speed.save(found, tmp_path / "found.ecsv")
    again = Table.read(tmp_path / "found.ecsv", format="ascii.ecsv")
    rows = speed.markdown(again).splitlines()
    assert "| `tso calibrate`, two workers | 7 s | 1 s | 1.2 GB | 0.6 GB |" in rows
    assert len({row.count("|") for row in rows if row.startswith("|")}) == 1


def test_text_between_marks_is_replaced_and_the_rest_stays(monkeypatch, tmp_path):
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- speed -->\nold\n<!-- end of speed -->\nafter\n", encoding="utf-8")
    monkeypatch.setattr(readme, "README", page)
    readme.put_between(readme.SPEED_MARKS, r"new \1")
    assert page.read_text("utf-8") == "before\n<!-- speed -->\n\nnew \\1\n\n<!-- end of speed -->\nafter\n"


@pytest.fixture
def grown():
    """Costs that grow as a model says: 5 s, 20 ms per integration, 30 ms per million samples, 10 more from 100 on."""
    rows = []
    for (integrations, groups), workers in ((shape, workers) for shape in scaling.SHAPES for workers in (1, 2)):
        samples = integrations * groups * scaling.ROWS * scaling.COLUMNS
        seconds = 5 + 0.02 * integrations + (0.04 if integrations >= 100 else 0.03) * samples / 1e6
        products = 41 * samples // groups
        rows.append(
            (integrations, groups, workers, 0, seconds / workers, seconds, 8e8, 5 * samples + products, 2 * samples)
            + (products,)
        )
    names = ("integrations", "groups", "workers", "round", "wall", "processor", "worker_memory", "disk", "raw")
    return Table(rows=rows, names=(*names, "products"), meta={"machine": "a machine"})


def test_the_model_is_found_again(grown):
    model = scaling.fit(grown, 1, "processor")
    assert model.parts == pytest.approx((5, 0.02, 0.03, 0.01), rel=1e-6)
    assert model.scatter < 1e-6
    assert model(155, 70) == pytest.approx(5 + 3.1 + 0.04 * 155 * 70 * 65536 / 1e6)


def test_the_estimate_follows_from_the_model(grown):
    text = "\n".join(scaling.estimate(grown))
    seconds = 6 * (5 + 3.1 + 0.04 * 155 * 70 * 0.065536)
    assert f"100 exposures: {100 * seconds / 3600:.0f} core-hours" in text
    assert "0.85 TB of raw files" in text  # 2 bytes of each of 6 x 155 x 70 x 32 x 2048 samples, 100 times
    assert "3.6 GB of scratch" in text


def test_the_figure_shows_all_that_was_measured(grown, tmp_path):
    scaling.save_figure(grown, tmp_path / "scaling.png")
    assert 5_000 < (tmp_path / "scaling.png").stat().st_size < 150_000
    axes = scaling.draw(grown).axes
    assert [len(ax.lines) for ax in axes] == [5, 4, 2, 2]
    assert np.allclose(axes[0].lines[0].get_xdata(), (10, 20, 40, 80, 110, 155))
