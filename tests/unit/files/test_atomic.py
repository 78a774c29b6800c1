"""Files and folders are there whole or not at all, whatever happens to their writers."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import disks
import numpy as np
import pytest
from astropy.io import fits

from tso_helpers.files import atomic, lock

#: Begins to write what is named on its command line, says so, and waits to be killed.
WRITER = """
import sys, time
from tso_helpers.files import atomic
kind, path = sys.argv[1:]
with getattr(atomic, kind)(path) as unfinished:
    (unfinished / "half" if kind == "folder" else unfinished).write_text("half of it")
    print("writing", flush=True)
    time.sleep(600)
"""


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


@pytest.fixture
def writers():
    """Start processes that write, and see that none is left."""
    started = []

    def start(kind, path):
        process = subprocess.Popen([sys.executable, "-c", WRITER, kind, str(path)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_file_appears_when_it_is_whole(tmp_path):
    target = tmp_path / "a folder, é" / "x.txt"
    with atomic.file(target) as unfinished:
        assert unfinished.name == "x.txt"
        unfinished.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    atomic.write_text(target, "another, é")
    assert target.read_text(encoding="utf-8") == "another, é"
    assert names(target.parent) == ["x.txt"]


def _write_half(kind, path, then):
    with getattr(atomic, kind)(path) as unfinished:
        (unfinished / "half" if kind == "folder" else unfinished).write_text("half")
        then()


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_error_leaves_what_was_there(tmp_path, kind, error):
    def fail():
        raise error("stop")

    (tmp_path / "x").write_text("old")
    with pytest.raises(error, match="stop"):
        _write_half(kind, tmp_path / "x", fail)
    assert (tmp_path / "x").read_text() == "old"
    assert names(tmp_path) == ["x"]


def test_a_folder_appears_when_it_is_whole_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "folder"
    for content in ("one", "two"):
        with atomic.folder(target) as unfinished:
            (unfinished / content).write_text(content)
    assert names(tmp_path) == ["folder", "two"]


def test_a_folder_that_somebody_else_has_made_meanwhile_is_left(tmp_path):
    target = tmp_path / "folder"

    def write():
        with atomic.folder(target, replace=False):
            target.mkdir()
            (target / "theirs").write_text("theirs")

    with pytest.raises(FileExistsError, match="is there already"):
        write()
    assert names(tmp_path) == ["folder", "theirs"]


def test_what_is_removed_is_gone_at_once_and_what_is_not_there_is_no_error(tmp_path):
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    atomic.remove_tree(tmp_path / "folder")
    atomic.remove_tree(tmp_path / "folder")
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_writer_leaves_is_found_and_removed_and_that_of_a_living_one_is_not(tmp_path, writers, kind):
    dead = writers(kind, tmp_path / "deep" / "dead")
    writers(kind, tmp_path / "deep" / "alive")
    assert atomic.leftovers(tmp_path) == []
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    (left,) = atomic.leftovers(tmp_path)
    assert list(left.rglob("dead"))
    assert atomic.remove_leftovers(tmp_path) >= len("half of it")
    assert atomic.leftovers(tmp_path) == []
    assert list((tmp_path / "deep").glob(f"{atomic.UNFINISHED}*/alive")), "somebody is still writing this"
    assert not (tmp_path / "deep" / "dead").exists()


def test_a_process_id_that_comes_again_meets_nothing_of_the_one_before(tmp_path, writers, monkeypatch):
    """In a container every session may have the same number; no name depends on it."""
    first = writers("folder", tmp_path / "x")
    first.kill()
    first.wait()
    monkeypatch.setattr(os, "getpid", lambda: first.pid)
    with atomic.folder(tmp_path / "x") as unfinished:
        assert list(unfinished.iterdir()) == []
        (unfinished / "new").write_text("new")
    assert names(tmp_path / "x") == ["new"]
    atomic.remove_leftovers(tmp_path)
    assert names(tmp_path) == ["new", "x"]


def test_writers_and_cleaners_at_once_do_not_disturb_each_other(tmp_path):
    failures = []

    def work(number):
        try:
            for turn in range(30):
                atomic.write_text(tmp_path / f"{number}.txt", f"{turn} " * 100)
                atomic.remove_leftovers(tmp_path)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(tmp_path) == [f"{number}.txt" for number in range(4)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file that is always full")
def test_a_full_disk_is_named_with_what_to_do(tmp_path):
    with pytest.raises(OSError, match=f"the disk is full: {tmp_path} could not be written. Free some space"):
        _write_to_a_full_disk(tmp_path / "x.txt")
    assert names(tmp_path) == []


def _write_to_a_full_disk(path):
    with atomic.file(path), open("/dev/full", "w") as file:
        file.write("x" * 10000)


@pytest.mark.parametrize("how", ["numpy", "astropy", "python"])
def test_a_disk_that_fills_is_noticed_whoever_writes(tmp_path, how):
    """numpy and astropy raise errors of their own, without the system's number."""
    values = np.arange(3_000_000, dtype=np.uint8)
    write = {
        "numpy": values.tofile,
        "astropy": lambda path: fits.PrimaryHDU(values).writeto(path),
        "python": lambda path: path.write_bytes(values.tobytes()),
    }[how]
    with disks.small(tmp_path / "disk", 2) as disk:
        with pytest.raises(OSError, match=f"the disk is full: {disk / 'deep'} could not be written"):
            _write(write, disk / "deep" / "x.fits")
        assert names(disk) == ["deep"]


def _write(write, path):
    with atomic.file(path) as unfinished:
        write(unfinished)


def test_a_lock_is_exclusive_and_goes_with_its_process(tmp_path, writers):
    process = writers("file", tmp_path / "x")
    (held,) = tmp_path.glob(f"{atomic.UNFINISHED}*/lock")
    with pytest.raises(lock.Busy, match="another process is at work"), lock.hold(held, wait=False):
        pass
    process.kill()
    process.wait()
    with lock.hold(held, wait=False):
        pass
