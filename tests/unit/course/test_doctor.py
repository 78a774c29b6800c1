"""Each check, in the good case and in the bad one, where it must say what to do."""

import contextlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from mast_server import Mast, serve
from packaging.requirements import Requirement

from tso_helpers.course import doctor
from tso_helpers.course.doctor import BAD, GOOD, NOTE

ROOT = Path(__file__).resolve().parents[3]


def everything(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def run(*arguments, cwd=None, limit=None, **variables):
    """`tso` in a process of its own; `limit` is the address space that it may have, in bytes."""
    shell = f"ulimit -v {limit // 1024}; " if limit else ""
    return subprocess.run(
        ["bash", "-c", f'{shell}exec "$@"', "-", sys.executable, "-m", "tso_helpers.cli", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@contextlib.contextmanager
def ordinary_user():
    """Root may enter every folder; nobody else may."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def closed(tmp_path):
    """A folder in a folder that may not be entered."""
    (tmp_path / "closed" / "data").mkdir(parents=True)
    (tmp_path / "closed").chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    yield tmp_path / "closed" / "data"
    (tmp_path / "closed").chmod(0o755)


def test_all_checks_have_a_name_a_finding_and_advice_when_needed(tmp_path):
    found = list(doctor.checks(tmp_path / "not yet there", network=False))
    names = {"Python", "jwst", "memory limit", "memory", "data folder", "disk", "lessons", "workspace", "CRDS settings"}
    assert names <= {c.name for c in found}
    assert all(check.found for check in found)
    assert all(check.advice for check in found if check.state != GOOD)


def test_python():
    assert doctor.check_python().state == GOOD
    assert doctor.check_python((3, 10, 1)).state == BAD
    assert sys.executable in doctor.check_python().found


# --- packages


def test_packages():
    assert doctor.check_package("numpy", "2").state == GOOD
    assert doctor.check_package("numpy", "99").state == BAD
    assert "not installed" in doctor.check_package("no-such-package", "1").found


@pytest.mark.parametrize(
    ("installed", "state"), [("3.0.0", GOOD), ("3.1.0.dev2+g1", GOOD), ("3rc1", GOOD), ("2.99", BAD), ("master", BAD)]
)
def test_versions_are_compared_as_versions(tmp_path, monkeypatch, installed, state):
    (tmp_path / "some_thing-1.dist-info").mkdir()
    (tmp_path / "some_thing-1.dist-info" / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: some-thing\nVersion: {installed}\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    check = doctor.check_package("some-thing", "3")
    assert (check.state, installed in check.found) == (state, True)


def test_what_is_asked_for_is_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {one.name: str(one.specifier) for one in map(Requirement, project["dependencies"])}
    assert {name: f">={least}" for name, least in doctor.PACKAGES.items()} == {n: asked[n] for n in doctor.PACKAGES}
    assert project["requires-python"] == f">={'.'.join(map(str, doctor.PYTHON))}"


# --- memory


def test_memory():
    assert doctor.check_memory(doctor.Memory(8e9, 16e9, "this machine")).state == GOOD
    short = doctor.check_memory(doctor.Memory(0.5e9, 16e9, "this machine"))
    assert short.state == BAD
    assert "0.5 GB of 16.0 GB free (this machine)" in short.found


def describe(folder, cgroup, mountinfo):
    """A folder like /proc/self of a process."""
    folder.mkdir(exist_ok=True)
    (folder / "cgroup").write_text(cgroup, encoding="utf-8")
    (folder / "mountinfo").write_text(mountinfo, encoding="utf-8")
    return folder


def group(folder, **values):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in values.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n", encoding="utf-8")


def mounts(place, kind, root="/"):
    source = "cgroup2 rw" if kind == "cgroup2" else "cgroup rw,memory"
    escaped = str(place).replace(" ", "\\040")
    return f"31 23 0:28 / /proc rw - proc proc rw\n35 31 0:32 {root} {escaped} rw,relatime - {kind} {source}\n"


def test_memory_of_a_group_of_version_2_and_of_those_around_it(tmp_path):
    place = tmp_path / "with space"
    process = describe(tmp_path / "self", "1:name=systemd:/x\n0::/outer/inner\n", mounts(place, "cgroup2"))
    machine = doctor.memory(process)
    assert machine.of == "this machine"
    assert machine.available <= machine.total
    group(place / "outer" / "inner", memory__max="max", memory__current=1000)
    assert doctor.memory(process).total == machine.total
    group(place / "outer", memory__max=5000, memory__current=1500, memory__stat="anon 900\ninactive_file 500")
    assert doctor.memory(process) == (4000, 5000, f"control group {place / 'outer'}")
    group(place / "outer" / "inner", memory__max=3000, memory__current=1000)
    assert doctor.memory(process) == (2000, 3000, f"control group {place / 'outer' / 'inner'}")
    group(place / "outer" / "inner", memory__max=3000, memory__current=3500)
    assert doctor.memory(process).available == 0
    assert doctor.check_memory(doctor.memory(process)).state == BAD


def test_memory_of_a_group_of_version_1(tmp_path):
    place = tmp_path / "memory"
    lines = "8:cpu,cpuacct:/elsewhere\n4:memory:/jobs/17\n0::/\n"
    process = describe(tmp_path / "self", lines, mounts(place, "cgroup"))
    no_limit = 9223372036854771712  # what the kernel writes when there is none
    group(place / "jobs" / "17", memory__limit_in_bytes=no_limit, memory__usage_in_bytes=1000)
    assert doctor.memory(process).of == "this machine"
    group(
        place / "jobs", memory__limit_in_bytes=7000, memory__usage_in_bytes=3000, memory__stat="total_inactive_file 9"
    )
    assert doctor.memory(process) == (4009, 7000, f"control group {place / 'jobs'}")
    group(place / "elsewhere", memory__limit_in_bytes=1, memory__usage_in_bytes=1)
    assert doctor.memory(process).total == 7000


@pytest.mark.parametrize("name", ["/docker/abc", "/"])
def test_memory_in_a_container_that_is_shown_its_own_group_only(tmp_path, name):
    place = tmp_path / "memory"
    process = describe(tmp_path / "self", f"4:memory:{name}\n", mounts(place, "cgroup", root="/docker/abc"))
    group(place, memory__limit_in_bytes=6000, memory__usage_in_bytes=1000)
    assert doctor.memory(process) == (5000, 6000, f"control group {place}")


def test_memory_where_there_are_no_control_groups(tmp_path):
    assert doctor.memory(tmp_path).of == "this machine"


def test_a_limit_of_the_shell_is_found():
    assert doctor.check_address_space({}).state == GOOD
    assert doctor.check_address_space({"-v": 64e9}).state == GOOD
    check = doctor.check_address_space({"-v": 1.5e9, "-d": 1.2e9})
    assert check.state == BAD
    assert "`ulimit -d` lets each program have 1.20 GB" in check.found
    assert "ulimit -d unlimited" in check.advice


@pytest.mark.slow
@pytest.mark.parametrize("limit", [100_000_000, 200_000_000, 400_000_000, 1_500_000_000])
def test_the_doctor_reports_too_little_memory_and_does_not_die_of_it(tmp_path, limit):
    done = run("doctor", "--offline", limit=limit, TSO_DATA=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert f"problem memory limit   `ulimit -v` lets each program have {limit / 1e9:.2f} GB" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert ("data folder" in done.stdout) == (limit > doctor.LOADABLE)


# --- folders


def test_disk_counts_what_is_there_already(tmp_path):
    (tmp_path / "data").write_bytes(b"x" * 1000)
    assert doctor.check_disk(tmp_path, free=doctor.DISK - 1000).state == GOOD
    assert doctor.check_disk(tmp_path, free=doctor.DISK - 1001).state == BAD


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for wrong, what in (("file", "is a file"), ("file/below", "is a file"), ("link/below", "which is not there")):
        check = doctor.check_data_folder(tmp_path / wrong)
        assert check.state == BAD
        assert what in check.found
        assert "TSO_DATA" in check.advice
    assert doctor.check_data_folder(tmp_path / "new" / "deep").state == GOOD
    assert everything(tmp_path) == [str(tmp_path / "file"), str(tmp_path / "link")]


def test_a_folder_that_belongs_to_somebody_else(tmp_path):
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode & 0o755 | 0o055)
    (tmp_path / "theirs").mkdir(mode=0o555)
    with ordinary_user():
        check = doctor.check_data_folder(tmp_path / "theirs" / "data")
    assert (check.state, "Permission denied" in check.found) == (BAD, True)


def test_a_parent_that_may_not_be_entered_does_not_end_the_doctor(closed, monkeypatch):
    """Once the check of the disk space raised, and those after it were never made."""
    monkeypatch.setenv("TSO_WORKSPACE", str(closed / "work"))
    monkeypatch.setenv("CRDS_PATH", str(closed / "crds"))
    list(doctor.checks(closed, network=False))  # imports what root alone may read
    with ordinary_user():
        found = {check.name: check for check in doctor.checks(closed, network=False)}
    assert found["data folder"].state == found["workspace"].state == BAD
    assert "may not be entered" in found["data folder"].found
    assert found["disk"].state == NOTE
    assert found["CRDS settings"].state == NOTE


def test_a_check_that_cannot_be_made_is_a_problem_and_the_next_is_made(tmp_path, monkeypatch):
    (tmp_path / "jwst-1.dist-info").mkdir()
    (tmp_path / "jwst-1.dist-info" / "METADATA").write_bytes(b"\xff\xfe Version")
    monkeypatch.syspath_prepend(tmp_path)
    found = {check.name: check for check in doctor.checks(tmp_path, network=False)}
    assert found["jwst"].state == BAD
    assert found["CRDS settings"].state == GOOD


@pytest.mark.slow
def test_the_doctor_creates_nothing_and_names_what_was_not_filled_in(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    wrong = {"HOME": str(home), "TSO_DATA": "$HOME/data", "TSO_WORKSPACE": "${HOME}/work", "CRDS_PATH": "$HOME/crds"}
    done = run("doctor", "--offline", cwd=tmp_path, **wrong)
    assert done.returncode == 1
    for name in ("data folder", "workspace", "CRDS settings"):
        (line,) = [line for line in done.stdout.splitlines() if name in line and line.startswith("problem")]
        assert "HOME" in line
    assert everything(tmp_path) == [str(home)]
    list(doctor.checks(home / "a" / "b", network=False))
    assert everything(tmp_path) == [str(home)]


def test_doctor_help_says_what_the_exit_code_means():
    done = run("doctor", "--help")
    assert done.returncode == 0
    assert "exit code is 1" in done.stdout
    assert run("doctor", "--surgery").returncode == 2


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
    server = serve(Mast())
    try:
        assert doctor.check_server("MAST", server.url).state == GOOD
    finally:
        server.close()
