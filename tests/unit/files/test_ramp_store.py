"""A ramp written integration by integration is read back column by column."""

import os
import subprocess

import numpy as np
import pytest

from tso_helpers.files.ramp_store import RampStore

SHAPE = (5, 3, 4, 20)
TILES = [(0, 9), (5, 14), (10, 20)]


@pytest.fixture
def ramp():
    rng = np.random.default_rng(1)
    return rng.normal(size=SHAPE).astype("f4"), rng.integers(0, 255, SHAPE, "u1")


def test_blocks_in_any_order_come_back_as_tiles(tmp_path, ramp):
    data, groupdq = ramp
    store = RampStore(tmp_path / "ramps", SHAPE, TILES)
    for start, stop in ((3, 5), (0, 2), (2, 3), (0, 2)):  # a block may be written twice
        store.write(start, data[start:stop], groupdq[start:stop])
    for number, (first, last) in enumerate(TILES):
        found = RampStore(tmp_path / "ramps", SHAPE, TILES).read(number)
        np.testing.assert_array_equal(found[0], data[..., first:last])
        np.testing.assert_array_equal(found[1], groupdq[..., first:last])
        assert [array.dtype for array in found] == ["f4", "u1"]


def test_not_a_number_survives(tmp_path):
    data = np.full(SHAPE, np.nan, "f4")
    store = RampStore(tmp_path, SHAPE, TILES)
    store.write(0, data, np.zeros(SHAPE, "u1"))
    assert np.isnan(store.read(1)[0]).all()


def test_a_tile_that_is_not_whole_is_an_error(tmp_path, ramp):
    store = RampStore(tmp_path, SHAPE, TILES)
    with pytest.raises(FileNotFoundError):
        store.read(0)
    store.write(0, ramp[0][:3], ramp[1][:3])
    with pytest.raises(OSError, match="is not whole"):
        store.read(0)


def test_frames_of_another_ramp_are_refused(tmp_path, ramp):
    store = RampStore(tmp_path, SHAPE, TILES)
    with pytest.raises(ValueError, match="no part of"):
        store.write(3, *ramp)
    with pytest.raises(ValueError, match="no part of"):
        store.write(0, ramp[0][..., :7], ramp[1][..., :7])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_explained(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        shape = (4, 8, 32, 512)
        store = RampStore(disk / "ramps", shape, [(0, 512)])
        with pytest.raises(OSError, match=r"the disk is full: .*ramps"):
            store.write(0, np.zeros(shape, "f4"), np.zeros(shape, "u1"))
    finally:
        subprocess.run(["umount", disk], check=True)
