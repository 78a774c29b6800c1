"""Downloads over a connection that breaks, from a server on loopback; and from servers that are wrong."""

import email.utils
import io
import os
import signal
import socket
import threading
import time

import numpy as np
import pytest
from astropy.io import fits
from forked import forked
from mast_server import Mast, serve

from tso_helpers.files import lock
from tso_helpers.files.integrity import fits_problem
from tso_helpers.observation.transfer import CHUNK, ArchiveError, Patience, download_file, part_of, remove_rests

URI = "mast:JWST/product/jw01366003001_04101_00001-seg001_nrs1_uncal.fits"
HASTY = Patience(pause=0, silence=5)
TRANSFER = "from tso_helpers.observation import transfer\n"
LIMIT = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"


def fits_bytes(value=1, columns=2048, **options):
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.full((2, 3, 32, columns), value, np.uint16), name="SCI")])
    buffer = io.BytesIO()
    hdus.writeto(buffer, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def processes():
    with forked("import requests, urllib3\nfrom astropy.io import fits\n" + TRANSFER) as made:
        yield made


@pytest.fixture
def mast():
    return Mast()


@pytest.fixture
def server(mast):
    server = serve(mast)
    yield server
    server.close()


@pytest.fixture
def url(mast, server):
    mast.add(URI, fits_bytes())
    return f"{server.url}/api/v0.1/Download/file?uri={URI}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "with a space é" / "a_uncal.fits"


def begun(path, content):
    """What an earlier call would have left, from a server without names for versions."""
    path.parent.mkdir(parents=True)
    part_of(path).write_bytes(content)


def test_a_file_arrives_whole(url, path, mast):
    assert download_file(url, path) == "downloaded"
    assert path.read_bytes() == mast.files[URI]
    assert os.listdir(path.parent) == [path.name]
    assert download_file(url, path) == "present"
    assert len(mast.downloads) == 1
    assert os.listdir(path.parent) == [path.name]


def test_a_broken_transfer_goes_on_where_it_stopped(url, path, mast):
    mast.break_after = [2 * CHUNK, 3 * CHUNK + 10]
    assert download_file(url, path, patience=HASTY) == "downloaded"
    assert path.read_bytes() == mast.files[URI]
    assert [wanted for *_, wanted in mast.downloads] == [None, f"bytes={2 * CHUNK}-", f"bytes={5 * CHUNK + 10}-"]
    assert mast.sent == len(mast.files[URI])


def test_giving_up_keeps_what_has_arrived_and_the_next_call_uses_it(url, path, mast):
    mast.break_after = [2 * CHUNK, 0, 0]
    with pytest.raises(ArchiveError, match=r"broke off after 0\.1 MB.*goes on from there"):
        download_file(url, path, patience=Patience(attempts=3, pause=0))
    assert sorted(os.listdir(path.parent)) == [path.name + ".part", path.name + ".part.tag"]
    assert part_of(path).stat().st_size == 2 * CHUNK
    assert download_file(url, path) == "resumed"
    assert path.read_bytes() == mast.files[URI]
    assert mast.sent == len(mast.files[URI])
    assert os.listdir(path.parent) == [path.name]


def test_progress_counts_every_byte_once(url, path, mast):
    class Bar:
        n = 0

        def update(self, size):
            self.n += size

    bar = Bar()
    mast.break_after = [100_000, 100]
    mast.ranges = False
    download_file(url, path, patience=HASTY, bar=bar)
    assert bar.n == len(mast.files[URI])


def test_a_server_that_cannot_resume_starts_again(url, path, mast):
    mast.ranges, mast.break_after = False, [100_000]
    download_file(url, path, patience=HASTY)
    assert path.read_bytes() == mast.files[URI]


def test_a_server_that_announces_no_length(url, path, mast):
    mast.announce_length = False
    download_file(url, path)
    assert path.read_bytes() == mast.files[URI]
    path.unlink()
    mast.break_after = [100_000]
    with pytest.raises(ArchiveError, match="not the whole file"):
        download_file(url, path)
    assert os.listdir(path.parent) == []


def test_a_list_that_gives_the_size_makes_up_for_that(url, path, mast):
    mast.announce_length = False
    mast.break_after = [100_000]
    download_file(url, path, size=len(mast.files[URI]), patience=HASTY)
    assert path.read_bytes() == mast.files[URI]


# --- without end


@pytest.mark.parametrize("etag", ['"1"', None])
def test_bytes_that_come_again_are_no_progress(url, path, mast, etag):
    """A server that ignores Range and breaks off, each time a little earlier or later."""
    mast.ranges, mast.etag, mast.break_after = False, etag, [300_000, 100_000, 200_000, 299_000] * 20
    with pytest.raises(ArchiveError, match=r"broke off after 0\.\d MB.*cannot go on where it stopped"):
        download_file(url, path, patience=Patience(attempts=4, pause=0))
    assert len(mast.downloads) <= 4 * (1 if etag else 2)
    assert not path.exists()


def test_all_requests_are_counted(url, path, mast):
    mast.break_after = [CHUNK] * 100
    with pytest.raises(ArchiveError, match="goes on from there"):
        download_file(url, path, patience=Patience(requests=3, pause=0))
    assert len(mast.downloads) == 3
    assert part_of(path).stat().st_size == 3 * CHUNK


def test_a_byte_per_request_is_no_progress(url, path, mast):
    mast.break_after = [1] * 100
    with pytest.raises(ArchiveError, match="broke off"):
        download_file(url, path, patience=Patience(attempts=4, pause=0))
    assert len(mast.downloads) == 4


@pytest.mark.parametrize("size", [True, False])
def test_far_too_much_is_stopped_at_once(url, path, mast, size):
    """600 MB for a file of less than 1 MB: by the product list, or by the length that a resumed piece announces."""
    whole = mast.files[URI]
    mast.announce_length, mast.endless = False, 600_000_000
    if not size:
        begun(path, whole[:100_000])
    with pytest.raises(ArchiveError, match=rf"more arrives for {path.name} than the {len(whole):,} bytes"):
        download_file(url, path, size=len(whole) if size else None, patience=HASTY)
    assert mast.sent < 20_000_000, "what was under way in buffers, and no more"
    assert os.listdir(path.parent) == []
    assert len(mast.downloads) == (1 if size else 2)


def test_the_disk_never_sees_more_than_was_announced(url, path, mast, processes):
    """The limit is kept to the byte: a process that may not write a longer file notices nothing of it."""
    size = len(mast.files[URI])
    mast.announce_length, mast.endless = False, 10_000_000
    code, out = processes.run(
        f"{LIMIT.format(limit=size)}\n{TRANSFER}transfer.download_file({url!r}, {str(path)!r}, size={size})"
    )
    assert code == 1
    assert "ArchiveError: more arrives" in out


def test_a_drip_is_given_up(url, path, mast):
    mast.piece, mast.pause = 10, 0.02
    start = time.monotonic()
    with pytest.raises(ArchiveError, match=r"no more than \d+ bytes in"):
        download_file(url, path, patience=Patience(attempts=2, pause=0, silence=0.3))
    assert time.monotonic() - start < 3
    assert part_of(path).stat().st_size > 0, "what has arrived is kept"
    mast.piece, mast.pause = CHUNK, 0
    assert download_file(url, path) == "resumed"
    assert path.read_bytes() == mast.files[URI]


def test_a_server_that_falls_silent_is_given_up(path):
    with socket.create_server(("127.0.0.1", 0)) as listener:  # takes connections and never answers
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a"
        start = time.monotonic()
        with pytest.raises(ArchiveError, match=r"did not begin \(ReadTimeout.*tso doctor"):
            download_file(url, path, patience=Patience(attempts=2, pause=0, silence=0.2))
    assert time.monotonic() - start < 2
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("number", [-1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["attempts", "requests", "pause", "connect", "silence", "longest"])
def test_patience_cannot_be_negative_or_endless(name, number):
    with pytest.raises(ValueError, match=f"{name} is"):
        Patience(**{name: number})


# --- another file than asked for


def test_a_file_that_changed_in_the_archive_is_not_spliced(url, path, mast):
    mast.break_after = [100_000, 0]
    with pytest.raises(ArchiveError):
        download_file(url, path, patience=Patience(attempts=1))
    mast.files[URI], mast.etag = fits_bytes(value=2), '"2"'
    download_file(url, path, patience=HASTY)
    assert path.read_bytes() == mast.files[URI]


def test_nor_by_a_server_that_ignores_the_condition(url, path, mast):
    mast.conditions = False
    test_a_file_that_changed_in_the_archive_is_not_spliced(url, path, mast)


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_nor_by_a_server_without_names_for_versions(url, path, mast, etag):
    """Same length, other data: the first bytes, with the header in them, are compared."""
    mast.etag, mast.break_after = etag, [200_000]
    with pytest.raises(ArchiveError):
        download_file(url, path, patience=Patience(attempts=1))
    mast.files[URI] = fits_bytes(value=2)
    download_file(url, path, patience=HASTY)
    assert path.read_bytes() == mast.files[URI]


def test_a_resume_without_names_for_versions_costs_one_look_at_the_beginning(url, path, mast):
    mast.etag, mast.break_after = None, [200_000]
    assert download_file(url, path, patience=HASTY) == "downloaded"
    assert [wanted for *_, wanted in mast.downloads] == [None, f"bytes=0-{CHUNK - 1}", "bytes=200000-"]
    assert path.read_bytes() == mast.files[URI]


def test_versions_that_begin_alike_are_told_apart_by_the_checksum_in_the_file(url, path, mast):
    old, new = (bytearray(fits_bytes(checksum=True)) for _ in range(2))
    old[100_000] ^= 1
    mast.files[URI], mast.etag = bytes(new), None
    begun(path, bytes(old[:150_000]))
    assert download_file(url, path, patience=HASTY) == "resumed"
    assert path.read_bytes() == mast.files[URI]


def test_a_file_whose_own_checksum_disagrees_is_refused(url, path, mast):
    content = bytearray(fits_bytes(checksum=True))
    content[100_000] ^= 1
    mast.files[URI] = bytes(content)
    with pytest.raises(ArchiveError, match=r"damaged \(.*hecksum verification failed"):
        download_file(url, path)
    assert os.listdir(path.parent) == []


def test_a_smaller_file_than_listed_is_refused_before_its_first_byte(url, path, mast):
    size, mast.files[URI] = len(mast.files[URI]), fits_bytes(columns=64)
    with pytest.raises(ArchiveError, match=rf"gives {size:,} bytes for {path.name}.* announces"):
        download_file(url, path, size=size, patience=HASTY)
    assert os.listdir(path.parent) == []
    mast.announce_length = False
    with pytest.raises(ArchiveError, match="announces 31,680"):  # when the rest is asked for
        download_file(url, path, size=size, patience=HASTY)
    assert not path.exists()


def test_a_whole_file_of_another_size_than_listed_is_replaced(url, path, mast):
    path.parent.mkdir(parents=True)
    for other in (fits_bytes(columns=64), fits_bytes(columns=4096)):
        path.write_bytes(other)
        download_file(url, path, size=len(mast.files[URI]), patience=HASTY)
        assert path.read_bytes() == mast.files[URI]
        assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("shift", [1, 2880, -1000])
def test_a_piece_that_starts_elsewhere_is_not_spliced(url, path, mast, shift):
    mast.shift, mast.break_after = shift, [200_000]
    download_file(url, path, patience=HASTY)
    assert path.read_bytes() == mast.files[URI]
    assert [wanted for *_, wanted in mast.downloads] == [None, "bytes=200000-", None]


def test_a_piece_that_starts_at_the_beginning_is_taken_for_that(url, path, mast):
    mast.shift, mast.break_after = -200_000, [200_000]
    download_file(url, path, patience=HASTY)
    assert path.read_bytes() == mast.files[URI]


def test_a_piece_that_does_not_say_where_it_starts(url, path, mast):
    mast.break_after, mast.headers = [200_000], {"Content-Range": "bytes what/ever"}
    mast.passing = [200, 206]  # the second answer is empty and says nothing
    download_file(url, path, patience=HASTY)
    assert path.read_bytes() == mast.files[URI]


@pytest.mark.parametrize("length", [100_000, 10_000_000])
@pytest.mark.parametrize("listed", [True, False])
def test_a_part_file_that_is_no_part_of_it_is_replaced(url, path, mast, length, listed):
    begun(path, b"x" * length)
    download_file(url, path, size=len(mast.files[URI]) if listed else None, patience=HASTY)
    assert path.read_bytes() == mast.files[URI]


def test_a_complete_part_file_needs_no_more_than_a_look_at_its_beginning(url, path, mast):
    begun(path, mast.files[URI])
    assert download_file(url, path) == "resumed"
    assert mast.sent == CHUNK


def test_a_log_in_page_is_refused_and_what_we_have_is_kept(url, path, mast):
    whole, mast.break_after = mast.files[URI], [200_000]
    with pytest.raises(ArchiveError):
        download_file(url, path, patience=Patience(attempts=1))
    mast.files[URI], mast.etag = b"<html>log in to the hotel's wifi</html>", None
    for size in (None, len(whole)):
        with pytest.raises(ArchiveError, match="log-in page"):
            download_file(url, path, size=size, patience=HASTY)
        assert part_of(path).read_bytes() == whole[:200_000]
    mast.files[URI], mast.etag = whole, '"1"'
    assert download_file(url, path, size=len(whole), patience=HASTY) == "resumed"
    assert path.read_bytes() == whole


def test_what_is_compressed_on_the_way_is_refused(url, path, mast):
    mast.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(ArchiveError, match="compressed"):
        download_file(url, path)
    assert os.listdir(path.parent) == []


# --- refusals


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "answers 404.*list the products again"),
        (401, "MAST_API_TOKEN"),
        (403, "MAST_API_TOKEN"),
        (204, "answers 204"),
        (429, r"did not begin \(the server answers 429\).*run the same again"),
        (500, r"did not begin.*answers 500"),
        (503, r"did not begin.*answers 503"),
    ],
)
def test_refusals_say_what_to_do(url, path, mast, status, message):
    mast.status = status
    with pytest.raises(ArchiveError, match=message):
        download_file(url, path, patience=Patience(attempts=2, pause=0))
    assert os.listdir(path.parent) == []
    assert len(mast.downloads) == (2 if status in (429, 500, 503) else 1), "asked again only where that may help"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_passes_is_waited_for(url, path, mast, status):
    mast.passing = [status, status]
    assert download_file(url, path, patience=HASTY) == "downloaded"
    assert path.read_bytes() == mast.files[URI]


def test_a_server_that_asks_for_a_pause_gets_it(url, path, mast):
    mast.passing, mast.headers = [503], {"Retry-After": "1"}
    start = time.monotonic()
    assert download_file(url, path, patience=HASTY) == "downloaded"
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("said", ["3600", "{date}"])
def test_a_server_that_asks_for_a_long_pause_ends_the_download(url, path, mast, said):
    mast.status, mast.headers = 429, {"Retry-After": said.format(date=email.utils.formatdate(time.time() + 3600))}
    with pytest.raises(ArchiveError, match=r"asks to wait 3[56]\d\d s; run the same again after that"):
        download_file(url, path, patience=HASTY)
    assert len(mast.downloads) == 1


@pytest.mark.parametrize("said", ["-5", "soon", "", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_pause_that_makes_no_sense_is_ours(url, path, mast, said):
    mast.passing, mast.headers = [503], {"Retry-After": said}
    start = time.monotonic()
    assert download_file(url, path, patience=HASTY) == "downloaded"
    assert time.monotonic() - start < 1


def test_nobody_there(path):
    with pytest.raises(ArchiveError, match=r"from 127\.0\.0\.1:9 did not begin \(.*refused\).*run the same again"):
        download_file("http://127.0.0.1:9/nothing", path, patience=Patience(attempts=2, pause=0))
    assert os.listdir(path.parent) == []


def test_a_circle_of_redirections(url, path, mast):
    mast.status, mast.headers = 302, {"Location": url}
    with pytest.raises(ArchiveError, match="in a circle"):
        download_file(url, path, patience=HASTY)
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "http://a..b/"])
def test_a_redirection_to_nowhere(url, path, mast, target):
    mast.status, mast.headers = 302, {"Location": target}
    with pytest.raises(ArchiveError, match=r"leads to no address of a file|did not begin"):
        download_file(url, path, patience=HASTY)
    assert os.listdir(path.parent) == []


# --- the token


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("MAST_API_TOKEN", "0123secret4567")
    return "0123secret4567"


def test_the_token_goes_to_the_archive(url, path, mast, token):
    download_file(url, path)
    assert mast.authorizations == [f"token {token}"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_token_does_not_go_to_another_host(url, path, mast, token, host):
    other = Mast(files=mast.files)
    second = serve(other)
    try:
        mast.status = 302
        mast.headers = {
            "Location": second.url.replace("127.0.0.1", host) + url.partition("/api")[1] + url.partition("/api")[2]
        }
        download_file(url, path, patience=HASTY)
    finally:
        second.close()
    assert path.read_bytes() == mast.files[URI]
    assert mast.authorizations == [f"token {token}"]
    assert other.authorizations == [None]


def test_the_token_stays_on_its_own_host_and_out_of_a_netrc(url, path, mast, token, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    download_file(url, path)
    assert mast.authorizations == [f"token {token}"]


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 403},
        {"status": 503},
        {"status": 404},
        {"status": 302, "headers": {"Location": "http://127.0.0.1:9/?stolen=0123secret4567"}},
        {"status": 302, "headers": {"Location": "file:///0123secret4567"}},
        {"headers": {"Content-Encoding": "0123secret4567"}},
        {"files": {URI: b"SIMPLE 0123secret4567"}},
    ],
    ids=str,
)
def test_no_error_shows_the_token(url, path, mast, token, trouble):
    for name, value in trouble.items():
        setattr(mast, name, value)
    with pytest.raises(ArchiveError) as caught:
        download_file(url, path, patience=Patience(attempts=1))
    error = caught.value
    while error is not None:
        assert "secret" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("bad", ["0123 secret", "0123secret\nX-Other: 1", "0123sécret", "0123secret\x7f"])
def test_a_token_that_is_none_is_refused_and_not_shown(url, path, mast, monkeypatch, bad):
    monkeypatch.setenv("MAST_API_TOKEN", bad)
    with pytest.raises(ArchiveError, match="MAST_API_TOKEN holds") as caught:
        download_file(url, path, patience=HASTY)
    assert "cret" not in str(caught.value)
    assert not mast.downloads


def test_a_token_copied_with_a_line_break_works(url, path, mast, monkeypatch):
    monkeypatch.setenv("MAST_API_TOKEN", "0123secret4567\n")
    download_file(url, path)
    assert mast.authorizations == ["token 0123secret4567"]


# --- the lock


def test_two_downloads_of_one_file_do_not_mix(url, path, mast, processes):
    """The second process is refused while the first is at work, and finds the file afterwards."""
    mast.gate = threading.Event()
    download = f"{TRANSFER}print(transfer.download_file({url!r}, {str(path)!r}))"
    first = processes.start(download)
    while not mast.sent:
        time.sleep(0.005)
    code, out = processes.run(download)
    assert code == 1
    assert f"{path.name} is being downloaded by another process; wait for it to finish" in out
    mast.gate.set()
    assert first.wait() == (0, "downloaded\n")
    assert processes.run(download) == (0, "present\n")
    assert path.read_bytes() == mast.files[URI]
    assert os.listdir(path.parent) == [path.name]
    assert len(mast.downloads) == 1


def test_a_kill_leaves_the_lock_free(url, path, mast, processes):
    mast.gate = threading.Event()
    killed = processes.start(f"{TRANSFER}transfer.download_file({url!r}, {str(path)!r})")
    while not (part_of(path).is_file() and part_of(path).stat().st_size):
        time.sleep(0.005)
    killed.kill()
    assert killed.wait()[0] == -signal.SIGKILL
    assert path.with_name(path.name + ".part.lock").exists(), "the file is there, and nobody holds it"
    mast.gate.set()
    assert download_file(url, path) == "resumed"
    assert path.read_bytes() == mast.files[URI]
    assert os.listdir(path.parent) == [path.name]


def test_a_lock_that_is_held_keeps_others_out(url, path, mast):
    path.parent.mkdir(parents=True)
    with lock.hold(path.with_name(path.name + ".part.lock")):
        with pytest.raises(ArchiveError, match="another process"):
            download_file(url, path)
        part_of(path).write_bytes(b"of the other")
        remove_rests(path)
        assert part_of(path).exists(), "what somebody is at work on is left alone"
    assert not mast.downloads


def test_locks_that_are_deleted_in_the_end_still_exclude(tmp_path, processes):
    """Processes that take and delete one lock file, over and over: never two at once."""
    code = f"""
import os, time
taken, end = 0, time.monotonic() + 0.5
while time.monotonic() < end:
    try:
        with lock.hold({str(tmp_path / "lock")!r}, wait=False, remove=True):
            os.close(os.open({str(tmp_path / "inside")!r}, os.O_CREAT | os.O_EXCL))
            os.unlink({str(tmp_path / "inside")!r})
            taken += 1
    except lock.Busy:
        pass
print(taken)
"""
    contenders = [processes.start("from tso_helpers.files import lock" + code) for _ in range(4)]
    for code, out in [contender.wait() for contender in contenders]:
        assert code == 0, out
        assert int(out) > 0
    assert list(tmp_path.iterdir()) == []


# --- the disk


def test_a_disk_that_fills_is_named_and_nothing_is_lost(url, path, mast, processes):
    """With a limit on the size of files, which acts as a full disk in the middle of a write."""
    code, out = processes.run(
        f"{LIMIT.format(limit=200_000)}\n{TRANSFER}transfer.download_file({url!r}, {str(path)!r})"
    )
    assert code == 1
    assert f"the disk is full: {path.name} could not be written to {path.parent}. Free some space" in out
    assert part_of(path).read_bytes() == mast.files[URI][:200_000]
    assert download_file(url, path) == "resumed"
    assert path.read_bytes() == mast.files[URI]
    assert os.listdir(path.parent) == [path.name]


def test_fits_problem_finds_a_cut_anywhere(tmp_path):
    content = fits_bytes(columns=64)
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    assert fits_problem(path) is None
    for length in (0, 100, 2880, 3000, 2 * 2880 + 10, len(content) - 2880, len(content) - 1):
        path.write_bytes(content[:length])
        if length == 2880:  # exactly one header and its end: a whole FITS file, though not the one that was asked for
            assert fits_problem(path) is None
        else:
            assert fits_problem(path), length
