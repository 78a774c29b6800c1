"""`tso calibrate` does not begin what cannot end well; and a disk that fills costs nothing that was done."""

import os
import shutil
import signal

import calibrating
import disks
import pytest
from astropy.io import fits

pytestmark = pytest.mark.faults


@pytest.fixture
def real(raw, tmp_path):
    """The raw files as if they were real ones, with the simulation's reference files: opened as anybody's folder."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in raw.rglob("*_04101_*uncal.fits"):
        shutil.copy(path, folder)
        with fits.open(folder / path.name, mode="update") as hdus:
            del hdus[0].header["SIMULATD"]
    return calibrating.Place(folder, tmp_path / "data")


def uncal(place, which):
    return next(place.exposure.rglob(f"{which}_uncal.fits"))


def assert_refused(place, tmp_path, *words, options=(), **how):
    said = place.run(tmp_path / "out", *options, code=1, **how)
    assert all(word in said for word in words), said
    assert not list((tmp_path / "out").glob("*.fits"))
    assert not place.notes()


# --- the raw files


def test_a_file_that_may_not_be_read(real, tmp_path):
    path = uncal(real, calibrating.SECOND)
    path.chmod(0)
    before = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root reads everything, and setpriv is not there to give that up")
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    assert_refused(real, tmp_path, path.name, "Permission denied", before=before)


def test_a_file_that_is_cut(real, tmp_path):
    path = uncal(real, calibrating.SECOND)
    os.truncate(path, path.stat().st_size - 2880)
    assert_refused(real, tmp_path, path.name, "fetch it again")


def test_a_segment_that_is_missing(real, tmp_path):
    uncal(real, calibrating.FIRST).unlink()
    assert_refused(real, tmp_path, "2 segments", "missing: segment 1 of NRS1")


def test_a_file_of_another_exposure(real, tmp_path):
    path = uncal(real, calibrating.SECOND)
    path.rename(path.with_name(path.name.replace("_04101_00001", "_04101_00002")))
    assert_refused(real, tmp_path, "2 exposures", "04101_00002")


def test_integrations_that_overlap(real, tmp_path):
    path = uncal(real, calibrating.SECOND)
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["INTSTART"] = 3
    assert_refused(real, tmp_path, "integrations overlap", path.name, "begins with 3")


# --- memory and disk


def test_memory_that_is_too_small(place, tmp_path):
    assert_refused(place, tmp_path, "too little", "is the least", options=("--memory", "300MB"))
    assert_refused(place, tmp_path, "more memory than is free", options=("--workers", 2, "--memory", "9000GB"))


def test_a_disk_for_scratch_that_is_too_small(raw, tmp_path):
    with disks.small(tmp_path / "data", 1) as data:
        disks.fill(data, leave=400_000)
        place = calibrating.Place(raw, data)
        assert_refused(place, tmp_path, "GB of disk are needed", str(data), "TSO_DATA")


def test_a_disk_for_products_that_is_too_small(place, tmp_path):
    with disks.small(tmp_path / "out", 1) as out:
        disks.fill(out, leave=200_000)
        assert_refused(place, tmp_path, f"GB of disk are needed in {out}", "--out")


def stopped_after(place, out, kind):
    """A run that is halted (SIGSTOP) as soon as the first task of a kind is done."""
    process = place.start(out, "--memory", calibrating.pieces())
    calibrating.wait_until(lambda: place.notes(kind), process)
    os.kill(process.pid, signal.SIGSTOP)
    return process


@pytest.mark.parametrize("what", ["scratch", "products"])
def test_a_disk_that_fills_on_the_way_costs_nothing_that_was_done(raw, expected, tmp_path, what):
    with disks.small(tmp_path / "disk", 8) as disk:
        place = calibrating.Place(raw, disk if what == "scratch" else tmp_path / "data")
        out = disk / "out" if what == "products" else tmp_path / "out"
        process = stopped_after(place, out, "block" if what == "scratch" else "background")
        filler = disks.fill(disk)
        os.kill(process.pid, signal.SIGCONT)
        said = calibrating.output(process)
        assert process.returncode == 1, said
        assert "the disk is full" in said
        assert "run the same again; what was finished is kept" in said
        assert "Traceback" not in said
        done = {path: path.stat().st_mtime_ns for path in place.notes()}
        assert done
        filler.unlink()
        before = place.started("DQInitStep")
        place.run(out, "--memory", calibrating.pieces())
        calibrating.assert_finished(place, out, expected)
        blocks = sum(path.name.startswith("block") for path in done)
        assert place.started("DQInitStep") - before == 4 - blocks, "a block that was done was done again"


# --- the folder of the products


def test_a_folder_that_may_not_be_written(place, tmp_path):
    with disks.small(tmp_path / "out", 1) as out:
        disks.read_only(out)
        assert_refused(place, tmp_path, f"{out} cannot be written", "choose another folder")


def test_a_folder_that_is_a_file(place, tmp_path):
    (tmp_path / "out").write_text("mine")
    said = place.run(tmp_path / "out", code=1)
    assert f"{tmp_path / 'out'} cannot be written" in said
    assert "choose another folder" in said
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("name", [f"{calibrating.SECOND}_rate.fits", "summary.json"])
def test_a_file_that_is_not_ours_is_left_alone(place, tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text('{"mine": 1}')
    said = place.run(tmp_path / "out", code=1)
    assert f"{name} is there and was not made by us" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert (tmp_path / "out" / name).read_text() == '{"mine": 1}'


def test_two_runs_into_one_folder_do_not_mix(place, expected, tmp_path):
    process = stopped_after(place, tmp_path / "out", "block")
    said = place.run(tmp_path / "out", "--memory", calibrating.pieces(), code=1)
    assert "another process is at work" in said
    os.kill(process.pid, signal.SIGCONT)
    said = calibrating.output(process)
    assert process.returncode == 0, said
    calibrating.assert_finished(place, tmp_path / "out", expected)
