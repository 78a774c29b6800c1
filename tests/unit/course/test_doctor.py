"""Each check, in the good case and in the bad one, where it must say what to do."""

import sys

import pytest

from tso_helpers import doctor
from tso_helpers.course.doctor import BAD, GOOD, NOTE


def test_all_checks_have_a_name_a_finding_and_advice_when_needed(tmp_path):
    found = list(doctor.checks(tmp_path / "not yet there", network=False))
    assert {"Python", "jwst", "memory", "data folder", "disk", "lessons", "CRDS settings"} <= {c.name for c in found}
    assert all(check.found for check in found)
    assert all(check.advice for check in found if check.state != GOOD)


def test_python():
    assert doctor.check_python().state == GOOD
    assert doctor.check_python((3, 10, 1)).state == BAD
    assert sys.executable in doctor.check_python().found


def test_packages():
    assert doctor.check_package("numpy", (2,)).state == GOOD
    assert doctor.check_package("numpy", (99,)).state == BAD
    assert "not installed" in doctor.check_package("no-such-package", (1,)).found


def test_memory():
    assert doctor.check_memory(8e9, 16e9).state == GOOD
    short = doctor.check_memory(0.5e9, 16e9)
    assert short.state == BAD
    assert "0.5 GB of 16.0 GB" in short.found


def test_memory_is_that_of_the_container(tmp_path):
    machine = doctor.memory(tmp_path)
    assert machine[0] <= machine[1]
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert doctor.memory(tmp_path)[1] == machine[1]
    (tmp_path / "memory.max").write_text("5000\n")
    assert doctor.memory(tmp_path) == (4000, 5000)


def test_disk_counts_what_is_there_already(tmp_path):
    (tmp_path / "data").write_bytes(b"x" * 1000)
    assert doctor.check_disk(tmp_path, free=doctor.DISK - 1000).state == GOOD
    assert doctor.check_disk(tmp_path, free=doctor.DISK - 1001).state == BAD


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    check = doctor.check_write(tmp_path / "file" / "below")
    assert check.state == BAD
    assert "TSO_DATA" in check.advice
    assert doctor.check_write(tmp_path / "new").state == GOOD


def test_missing_lessons(tmp_path, monkeypatch):
    monkeypatch.setenv("TSO_NOTEBOOKS", str(tmp_path))
    assert doctor.check_lessons().state == BAD


def test_crds_settings_from_elsewhere():
    assert doctor.check_crds_settings({}).state == GOOD
    assert doctor.check_crds_settings({"CRDS_PATH": "/data/crds"}).state == NOTE
    unexpanded = doctor.check_crds_settings({"CRDS_PATH": "$HOME/crds"})
    assert unexpanded.state == BAD
    assert "$HOME" in unexpanded.found


def test_a_server_that_does_not_answer_is_only_a_note():
    check = doctor.check_server("MAST", "http://127.0.0.1:9", timeout=1)
    assert check.state == NOTE
    assert "only needed for real data" in check.advice


def test_a_server_that_answers():
    from mast_server import Mast, serve

    server = serve(Mast())
    try:
        assert doctor.check_server("MAST", server.url).state == GOOD
    finally:
        server.close()


@pytest.mark.parametrize(("text", "numbers"), [("3.0.0", (3, 0, 0)), ("3.1.0.dev2+g1", (3, 1, 0)), ("26rc1", ())])
def test_version_numbers(text, numbers):
    assert doctor._numbers(text) == numbers
