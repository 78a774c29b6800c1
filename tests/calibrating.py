"""Runs of `tso calibrate` for the tests: a small exposure, processes as from a shell, and what they leave."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil
from astropy.io import fits

from tso_helpers.detector1.plan import make_plan
from tso_helpers.files import atomic
from tso_helpers.simulation.recipe import Recipe

#: Two segments that are calibrated in seconds.
SMALL = Recipe(integrations=(4, 3), groups=5, columns=(900, 1028), detectors=("NRS1",), seed=5)
TSO = [sys.executable, "-c", "from tso_helpers.cli import app; app()"]
#: The name of the first segment's products and its raw file, up to what they are.
FIRST, SECOND = (f"jw01366003001_04101_00001-seg{number:03d}_nrs1" for number in (1, 2))
_HASH = re.compile(rb"_fits_hash: [0-9a-f]+")  # of the header, the date included


class Place:
    """An exposure, a data folder for its scratch, and the environment of the runs."""

    def __init__(self, exposure, data):
        self.exposure, self.data = Path(exposure), Path(data)
        self.environment = os.environ | {"TSO_DATA": str(data)}

    def command(self, out, *options):
        return [*TSO, "calibrate", "--data", str(self.exposure), "--out", str(out), *map(str, options)]

    def start(self, out, *options, before=(), stderr=subprocess.PIPE):
        """A run as a process, in a process group of its own; `before` is put before its command."""
        return subprocess.Popen(
            [*before, *self.command(out, *options)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )

    def run(self, out, *options, code=0, **how):
        """What a run says, which must end with that code."""
        process = self.start(out, *options, **how)
        said = output(process)
        assert process.returncode == code, said
        assert "Traceback (most recent call last)" not in said or code == 0, said
        return said

    def scratch(self):
        """What is left of runs in the data folder, logs apart."""
        beginnings = ("calibrate-", atomic.UNFINISHED)
        return sorted(
            os.path.relpath(os.path.join(folder, name), self.data)
            for folder, names, files in os.walk(self.data)
            for name in (*names, *files)
            if name.startswith(beginnings)
        )

    def notes(self, kind=""):
        """Results of tasks (block, background, tile) that lie in the scratch folder."""
        paths = (path for path in atomic.finished(self.data) if path.suffix in (".npz", ".npy"))
        return sorted(path for path in paths if "calibrate-" in str(path) and path.name.startswith(kind))

    def started(self, step):
        """How often a step, named by its class, was begun, by the logs of all processes."""
        logs = (path.read_text(encoding="utf-8", errors="replace") for path in self.data.rglob("logs/*.log"))
        return sum(text.count(f"Step {step} running with args") for text in logs)


def pieces(shape=(4, 5, 32, 128), blocks=2, tiles=3):
    """Bytes of memory with which a segment is cut into at least so many blocks and tiles."""
    for memory in range(4_000_000_000, 0, -20_000):
        plan = make_plan(shape, memory)
        if len(plan.blocks) >= blocks and len(plan.tiles) >= tiles:
            return memory
    raise AssertionError


def products(out):
    """Digest of every product by name, dates left out; none of them may be half-written."""
    return {path.name: _digest(path) for path in sorted(Path(out).glob("*.fits"))}


def _digest(path):
    content = path.read_bytes()
    with fits.open(path) as hdus:
        date = hdus[0].header["DATE"].encode()
        assert hdus[-1].fileinfo()["datLoc"] + hdus[-1].fileinfo()["datSpan"] == len(content), f"{path} is cut"
    return hashlib.sha256(_HASH.sub(b"", content.replace(date, b""))).hexdigest()


def assert_whole(place):
    """Every note under its final name can be read to its end."""
    for path in place.notes():
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as file:
                assert file.testzip() is None, path


def assert_finished(place, out, expected):
    """All products and their summary are there, bytes as expected; nothing else is left."""
    assert products(out) == expected
    assert sorted(path.name for path in Path(out).iterdir()) == sorted([*expected, "summary.json"])
    assert place.scratch() == []
    entries = json.loads(Path(out, "summary.json").read_text())["segments"]
    assert [(entry["name"], entry["saturated"] is None) for entry in entries] == [
        ("NRS1 segment 1", False),
        ("NRS1 segment 2", False),
    ]
    assert all(entry["jumps"] > 0 for entry in entries)


def wait_until(true, process, seconds=120):
    """Wait for something to become true while a process runs."""
    end = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, output(process)
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def output(process):
    """What a process says until its end."""
    return "".join(text or "" for text in process.communicate(timeout=300))


def local_workers(process):
    """The worker processes of a run with --workers, sorted by their id."""
    return sorted(
        (
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if "multiprocessing.spawn" in " ".join(child.cmdline())
        ),
        key=lambda child: child.pid,
    )
