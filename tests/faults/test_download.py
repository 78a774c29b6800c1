"""Downloads that are killed: nothing bad under a final name, the same bytes after the next call, nothing left over."""

import json
import os
import random
import shutil
import signal
import time

import numpy as np
import pytest
from forked import forked
from mast_server import Mast, serve
from test_transfer import fits_bytes

from tso_helpers.observation.transfer import CHUNK

IMPORTS = """
import requests, urllib3
import astroquery.mast
from astropy.io import fits
from astropy.table import Table
from tso_helpers.observation import archive, transfer
"""
DOWNLOAD = """
import json
from astropy.table import Table
from astroquery.mast import conf
from tso_helpers.observation import archive
conf.server = {url!r}
mast = archive.MastArchive({folder!r})
products = Table(rows=json.loads({products!r}))
print(*mast.download(products, progress=False, patience=archive.Patience(pause=0.01))["status"])
"""
KILLED_BEFORE = """
import os, signal, sys
left = {number}
def kill_before_an_operation(event, details):
    global left
    if event in ("open", "os.rename", "os.remove", "os.truncate", "os.mkdir") and {folder!r} in str(details[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill_before_an_operation)
"""


@pytest.fixture(scope="module")
def processes():
    with forked(IMPORTS) as made:
        yield made


@pytest.fixture
def mast():
    """Three files of 0.4 to 1.2 MB, one with checksums, over a slow line."""
    mast = Mast(pause=0.004, piece=20_000)
    for number in (1, 2, 3):
        name = f"jw01366003001_04101_00001-seg00{number}_nrs1_uncal.fits"
        mast.add(f"mast:JWST/product/{name}", fits_bytes(number, 1024 * number, checksum=number == 2))
    return mast


@pytest.fixture
def server(mast):
    server = serve(mast)
    yield server
    server.close()


class Line:
    """A folder that is downloaded to, again and again."""

    def __init__(self, processes, mast, server, folder):
        self.processes, self.mast, self.server, self.folder = processes, mast, server, folder

    def start(self, before=""):
        products = json.dumps(self.mast.products["100"])
        code = DOWNLOAD.format(url=self.server.url, folder=str(self.folder), products=products)
        return self.processes.start(before + code)

    def check_final_names(self):
        """Whatever lies under a final name is what the archive has. Returns how many do."""
        whole = {uri.rpartition("/")[2]: content for uri, content in self.mast.files.items()}
        paths = list(self.folder.rglob("*_uncal.fits"))
        for path in paths:
            assert path.read_bytes() == whole[path.name], path
        return len(paths)

    def check_complete(self):
        """The next call completes it, and leaves nothing else."""
        code, out = self.start().wait()
        assert code == 0, out
        assert self.check_final_names() == len(self.mast.files)
        files = [path.name for path in self.folder.rglob("*") if path.is_file()]
        assert sorted(files) == sorted(uri.rpartition("/")[2] for uri in self.mast.files)
        return out


@pytest.fixture
def line(processes, mast, server, tmp_path):
    return Line(processes, mast, server, tmp_path / "data é")


def _kill_at_random(line, kills):
    seed = int(os.environ.get("TSO_FAULTS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"TSO_FAULTS_SEED={seed}")
    rng = np.random.default_rng(seed)
    landed = {"before its end": 0, "after its end": 0}
    with_part = rounds = 0
    while landed["before its end"] < kills:
        child = line.start()
        time.sleep(rng.uniform(0, 0.6))
        child.kill()
        code, out = child.wait()
        assert code in (0, -signal.SIGKILL), out
        landed["before its end" if code else "after its end"] += 1
        with_part += any(line.folder.rglob("*.part"))
        if line.check_final_names() == len(line.mast.files) or rng.uniform() < 0.2:
            line.check_complete()
            shutil.rmtree(line.folder)
            rounds += 1
    line.check_complete()
    print(f"{landed}; {with_part} left an unfinished file; {rounds} times begun anew")
    assert with_part, "no kill met a download under way"


@pytest.mark.slow
def test_a_few_kills_at_random(line):
    _kill_at_random(line, 5)


@pytest.mark.faults
@pytest.mark.parametrize("etag", ['"1"', None], ids=["versions-named", "versions-not-named"])
def test_fifty_kills_at_random(line, etag):
    line.mast.etag = etag
    _kill_at_random(line, 50)


@pytest.mark.slow
@pytest.mark.parametrize("etag", ['"1"', None], ids=["versions-named", "versions-not-named"])
def test_a_kill_before_every_single_operation_on_a_file(line, etag):
    """Where chance would rarely hit: each opening, renaming, cutting and deleting of a file, in a resumed download."""
    uri = next(iter(line.mast.files))
    line.mast.files, line.mast.products = {uri: line.mast.files[uri]}, {"100": line.mast.products["100"][:1]}
    line.mast.etag, line.mast.pause, line.mast.piece = etag, 0, CHUNK
    number, code = 0, -signal.SIGKILL
    while code:
        number += 1
        line.mast.break_after = [100_000]
        code, out = line.start(KILLED_BEFORE.format(number=number, folder=str(line.folder))).wait()
        assert code in (0, -signal.SIGKILL), out
        line.check_final_names()
        line.mast.break_after = []
        line.check_complete()
        shutil.rmtree(line.folder)
    print(f"killed before each of {number - 1} operations")
    assert number > 12, "the audit hook has seen next to nothing"
