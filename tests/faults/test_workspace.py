"""A workspace whose preparation is killed: no half-written notebook, no learner's work lost, nothing left over."""

import os
import random
import shutil
import signal
import time

import nbformat
import numpy as np
import pytest
from forked import forked
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tso_helpers.course import workspace

IMPORTS = "import nbconvert.preprocessors\nfrom tso_helpers.course import workspace\n"
KILLED_BEFORE = """
import os, signal, sys
left = {number}
def kill_before_an_operation(event, details):
    global left
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir") and {folder!r} in str(details[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill_before_an_operation)
"""


@pytest.fixture(scope="module")
def processes():
    with forked(IMPORTS) as made:
        yield made


class Desk:
    """Lessons that change, a learner who works, and processes that bring the workspace up to date."""

    def __init__(self, processes, folder, lessons, size=200_000):
        self.processes, self.lessons, self.place = processes, folder / "clone é" / "notebooks", folder / "é work"
        self.names = [f"{number:02d}_lesson.ipynb" for number in range(lessons)]
        self.version, self.ours, self.size = 0, set(), size
        self.edits, self.work, self.aside = 0, {}, []  # what the learner has in each lesson now, and what was put aside
        self.new_version()

    def new_version(self):
        """The authors change every lesson."""
        self.version += 1
        self.lessons.mkdir(parents=True, exist_ok=True)
        for name in self.names:
            output = new_output("stream", text="x" * self.size)
            solution = new_code_cell("42", id="b", metadata={"tags": ["solution"]})
            cells = [new_code_cell(f"# {name}, version {self.version}", id="a", outputs=[output]), solution]
            nbformat.write(new_notebook(cells=cells), self.lessons / name)
            copy = workspace.learner_copy(nbformat.read(self.lessons / name, as_version=4))
            self.ours.add((nbformat.writes(copy) + "\n").encode())
        (self.lessons / "picture.png").write_bytes(bytes([self.version % 256]) * 15 * self.size)

    def learn(self, name):
        """The learner works on a lesson, from whatever lies there now."""
        if (self.place / name).exists():
            self.edits += 1
            text = f"my work number {self.edits}, in {name}"
            nbformat.write(new_notebook(cells=[new_code_cell(text, id="mine")]), self.place / name)
            self.work[name] = (self.place / name).read_bytes()

    def start(self, reset=None, before=""):
        what = f"reset({reset!r}, " if reset else "prepare("
        code = f"{IMPORTS}{before}workspace.{what}{str(self.place)!r}, notebooks={str(self.lessons)!r})"
        return self.processes.start(code)

    def seconds(self, reset=None):
        """How long it takes when nobody interferes."""
        self.new_version()
        start = time.monotonic()
        code, out = self.start(reset).wait()
        assert code == 0, out
        return time.monotonic() - start

    def kept(self):
        return [path.read_bytes() for path in (self.place / workspace.KEPT).glob("*.ipynb")]

    def check_nothing_lost(self):
        """Every notebook under its name is whole, and the learner's work is where it was, or put aside."""
        there = {path.name: path.read_bytes() for path in self.place.glob("*.ipynb")}
        aside = self.kept()
        for name, mine in list(self.work.items()):
            if there.get(name) != mine:
                assert mine in aside, f"the learner's work in {name} is lost"
                self.aside.append(self.work.pop(name))
        assert all(mine in aside for mine in self.aside), "work that was put aside is lost"
        for name, content in there.items():
            assert content in self.ours or content == self.work.get(name), f"{name} is neither ours nor the learner's"

    def check_complete(self):
        """The next run completes it, leaves nothing over, and takes no copy of ours for the learner's."""
        code, out = self.start().wait()
        assert code == 0, out
        self.check_nothing_lost()
        for name in self.names:
            content = (self.place / name).read_bytes()
            assert content == self.work.get(name) or f"version {self.version}".encode() in content, name
        assert (self.place / "picture.png").read_bytes() == (self.lessons / "picture.png").read_bytes()
        assert not list(self.place.rglob(".unfinished-*"))
        files = {path.relative_to(self.place).parts[0] for path in self.place.rglob("*")}
        assert files <= {*self.names, "picture.png", workspace.RECORD, workspace.LOCK, workspace.KEPT}
        done = workspace.prepare(self.place, notebooks=self.lessons)
        assert set(done.values()) <= {workspace.SAME, workspace.YOURS, workspace.OUTDATED}
        assert {name for name, what in done.items() if what != workspace.SAME} == set(self.work)


def _kill_at_random(desk, kills):
    seed = int(os.environ.get("TSO_FAULTS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"TSO_FAULTS_SEED={seed}")
    rng = np.random.default_rng(seed)
    desk.check_complete()
    usual = {False: desk.seconds(), True: desk.seconds(desk.names[0])}
    landed = left = 0
    while landed < kills:
        if rng.uniform() < 0.7:
            desk.new_version()
        desk.learn(desk.names[rng.integers(len(desk.names))])
        reset = str(rng.choice(sorted(desk.work))) if desk.work and rng.uniform() < 0.5 else None
        child = desk.start(reset)
        time.sleep(rng.uniform(0, usual[bool(reset)]))
        child.kill()
        code, out = child.wait()
        assert code in (0, -signal.SIGKILL), out
        landed += code != 0
        left += any(desk.place.rglob(".unfinished-*"))
        desk.check_nothing_lost()
        if rng.uniform() < 0.3:
            desk.check_complete()
        if rng.uniform() < 0.1:
            shutil.rmtree(desk.place)
            desk.work, desk.aside = {}, []
            desk.place.mkdir()
    aside = len(desk.kept())
    desk.check_complete()
    print(
        f"{landed} kills, {left} of them while a file was written; {aside} of the learner's copies put aside at the end"
    )


@pytest.mark.slow
def test_a_few_kills_at_random(processes, tmp_path):
    _kill_at_random(Desk(processes, tmp_path, 3), 5)


@pytest.mark.faults
def test_fifty_kills_at_random(processes, tmp_path):
    _kill_at_random(Desk(processes, tmp_path, 8), 50)


def _kill_before(number, processes, folder, reset):
    """Kill a run before its operation of that number on a file; returns whether it came to so many."""
    desk = Desk(processes, folder, 2, size=100)
    workspace.prepare(desk.place, notebooks=desk.lessons)
    desk.learn(desk.names[0])
    desk.new_version()
    killed = KILLED_BEFORE.format(number=number, folder=str(desk.place))
    code, out = desk.start(desk.names[0] if reset else None, before=killed).wait()
    assert code in (0, -signal.SIGKILL), out
    desk.check_nothing_lost()
    desk.new_version()  # what the killed run wrote is of an older version now, and must not pass for the learner's
    desk.check_complete()
    return code != 0


@pytest.mark.parametrize("number", [8, 20, 28, 34])
def test_a_kill_before_some_operations_on_a_file(processes, tmp_path, number):
    assert _kill_before(number, processes, tmp_path, reset=True)


@pytest.mark.faults
@pytest.mark.parametrize("reset", [False, True])
def test_a_kill_before_every_single_operation_on_a_file(processes, tmp_path, reset):
    number = 1
    while _kill_before(number, processes, tmp_path / str(number), reset):
        shutil.rmtree(tmp_path / str(number))
        number += 1
    print(f"killed before each of {number - 1} operations")
    assert number > 20
