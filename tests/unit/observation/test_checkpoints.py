"""Checkpoints are whole or not there, and never more than the budget."""

import os
import threading
import warnings

import pytest

from tso_helpers.files import atomic
from tso_helpers.observation import checkpoints
from tso_helpers.observation.checkpoints import Checkpoints, CheckpointWarning


@pytest.fixture
def store(tmp_path):
    return Checkpoints(tmp_path / "a folder, é")


def write(contents):
    return lambda path: path.write_bytes(contents)


def test_what_was_kept_is_found(store):
    assert store.find("ramp") is None
    assert store.keep("ramp", write(b"contents"), 8)
    assert store.find("ramp").read_bytes() == b"contents"


def test_names_depend_on_everything_that_decides_on_the_contents(store):
    one = store.name("nrs1", step="jump", parameters={"a": 1, "b": 2})
    assert one == store.name("nrs1", parameters={"b": 2, "a": 1}, step="jump")
    assert one.startswith("nrs1-")
    assert one != store.name("nrs1", step="jump", parameters={"a": 1, "b": 3})
    assert one != store.name("nrs1", step="saturation", parameters={"a": 1, "b": 2})


@pytest.mark.parametrize("damage", ["cut", "changed", "no data", "no note", "bad note"])
def test_a_damaged_one_is_never_trusted(store, damage):
    store.keep("ramp", write(b"contents"), 8)
    path = store.folder / "ramp" / "ramp.fits"
    note = path.with_name("note.json")
    {
        "cut": lambda: path.write_bytes(b"cont"),
        "changed": lambda: path.write_bytes(b"cONtents"),
        "no data": path.unlink,
        "no note": note.unlink,
        "bad note": lambda: note.write_text('{"size"'),
    }[damage]()
    with pytest.warns(CheckpointWarning, match="ramp was damaged: it is made again"):
        assert store.find("ramp") is None
    assert store.find("ramp") is None  # and it is gone
    assert store.keep("ramp", write(b"contents"), 8)
    assert store.find("ramp").read_bytes() == b"contents"


def test_the_least_recently_used_go_first(store, monkeypatch):
    monkeypatch.setenv("TSO_CHECKPOINT_BYTES", "30")
    for number, name in enumerate("abc"):
        assert store.keep(name, write(b"0123456789"), 10)
        os.utime(store.folder / name / "note.json", (number, number))
    store.find("a")  # used just now
    assert store.keep("d", write(b"0123456789"), 10)
    assert sorted(path.name for path in store.folder.iterdir()) == ["a", "c", "d"]


def test_what_is_larger_than_the_budget_is_not_kept(store, monkeypatch):
    monkeypatch.setenv("TSO_CHECKPOINT_BYTES", "1e3")
    assert not store.keep("ramp", write(b"x"), 1001)
    monkeypatch.setenv("TSO_CHECKPOINT_BYTES", "0")
    assert not store.keep("ramp", write(b"x"), 1)
    assert not store.folder.exists()


@pytest.mark.parametrize("text", ["much", "-5"])
def test_a_budget_that_is_no_number(monkeypatch, text):
    monkeypatch.setenv("TSO_CHECKPOINT_BYTES", text)
    with pytest.raises(ValueError, match="give a number of bytes"):
        checkpoints.budget()


def test_no_space_leaves_nothing_behind(store):
    def full(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.warns(CheckpointWarning, match="the disk is full"):
        assert not store.keep("ramp", full, 8)
    assert list(store.folder.iterdir()) == []


def test_a_full_disk_is_noticed_before_it_is_full(store, monkeypatch):
    store.keep("old", write(b"x"), 1)
    monkeypatch.setattr(
        checkpoints.shutil, "disk_usage", lambda folder: os.terminal_size((0, 0)) and type("U", (), {"free": 9})
    )
    with pytest.warns(CheckpointWarning, match="no space left on the disk"):
        assert not store.keep("ramp", write(b"x"), 1)


def test_other_errors_are_not_swallowed_and_leave_nothing(store):
    def fail(path):
        path.write_bytes(b"half")
        raise KeyError("a mistake of ours")

    with pytest.raises(KeyError):
        store.keep("ramp", fail, 8)
    assert list(store.folder.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(CheckpointWarning, match="cannot be kept"):
        assert not Checkpoints(tmp_path / "file").keep("ramp", write(b"x"), 1)


def test_remains_of_killed_processes_are_cleared_but_not_the_work_of_living_ones(store):
    dead = store.folder / f"{atomic.UNFINISHED}dead"
    dead.mkdir(parents=True)
    (dead / "half").write_text("half")

    def save(path):
        store.keep("meanwhile", write(b"x"), 1)
        path.write_bytes(b"y")

    assert store.keep("ramp", save, 1), "its own folder was not taken for a remainder"
    assert sorted(path.name for path in store.folder.iterdir()) == ["meanwhile", "ramp"]


def test_many_at_once_agree(store):
    def work():
        for _ in range(20):
            if store.find("ramp") is None:
                store.keep("ramp", write(b"contents"), 8)
            path = store.find("ramp")
            assert path is not None
            assert path.read_bytes() == b"contents"

    failures = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=lambda: failures.append(_error(work))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == [None] * 4
    assert [path.name for path in store.folder.iterdir()] == ["ramp"]


def _error(work):
    try:
        work()
    except Exception as error:
        return error


def test_prune_says_what_it_freed(store, tmp_path):
    store.keep("ramp", write(b"0123456789"), 10)
    assert checkpoints.prune(store.folder) >= 10
    assert list(store.folder.iterdir()) == []
    assert checkpoints.prune(tmp_path / "nowhere") == 0
