"""One process at a time; and a lock never outlives its process."""

import subprocess
import sys
import threading

import disks
import pytest

from tso_helpers.files import lock

HOLDER = """
import sys
from tso_helpers.files import lock
with lock.hold(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_who_does_not_want_to_wait_is_told_who_is_in_the_way(holder, tmp_path):
    with pytest.raises(lock.Busy, match=str(tmp_path / "lock")), lock.hold(tmp_path / "lock", wait=False):
        pass


def test_a_killed_holder_holds_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    with lock.hold(tmp_path / "lock", wait=False):
        pass


def test_who_waits_goes_on_when_it_is_free(holder, tmp_path):
    order = []

    def wait():
        with lock.hold(tmp_path / "lock"):
            order.append("mine")

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(0.3)
    assert order == []
    holder.communicate("")
    thread.join(30)
    assert order == ["mine"]


def test_an_error_inside_frees_it(tmp_path):
    with pytest.raises(KeyError), lock.hold(tmp_path / "lock"):
        raise KeyError("x")
    with lock.hold(tmp_path / "lock", wait=False):
        pass


def test_threads_of_one_process_keep_each_other_out_too(tmp_path):
    with lock.hold(tmp_path / "lock"), pytest.raises(lock.Busy), lock.hold(tmp_path / "lock", wait=False):
        pass


def test_a_place_where_no_lock_can_be_made_is_an_error(tmp_path):
    with disks.small(tmp_path / "disk", 1) as disk:
        disks.read_only(disk)
        with pytest.raises(OSError, match="Read-only"), lock.hold(disk / "lock", wait=False):
            pass
