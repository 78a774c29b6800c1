"""Exposures that somebody, or some disk, has damaged: found by a check, noticed when opened, repaired by a build."""

import json
import os
import random
import shlex
import shutil
import subprocess

import disks
import pytest
from astropy.io import fits
from typer.testing import CliRunner

import tso_helpers
from tso_helpers import cli
from tso_helpers.files import atomic, level1b
from tso_helpers.observation import crds as crds_environment
from tso_helpers.observation import logs
from tso_helpers.simulation import exposure
from tso_helpers.simulation.recipe import VERSION, Recipe

SMALL = Recipe(integrations=(2, 1), groups=3, columns=(0, 32), detectors=("NRS1",), seed=5)
OTHER = Recipe(integrations=(2, 1), groups=3, columns=(0, 32), detectors=("NRS1",), seed=6)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    exposure.build(folder, SMALL, progress=False)
    return folder


@pytest.fixture
def folder(original, tmp_path, monkeypatch):
    monkeypatch.setenv("TSO_DATA", str(tmp_path / "data"))
    for name in [*crds_environment.VARIABLES, *crds_environment._DETOURS, "TSO_OBSERVATION"]:
        monkeypatch.setenv(name, "")  # so that it is restored
        monkeypatch.delenv(name)
    crds_environment.release()
    yield shutil.copytree(original, tmp_path / "an exposure, é")
    crds_environment.release()
    logs.restore()


def tso(*arguments, code=0):
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def flip(path, count=2000):
    """Change bytes in the middle of a file, which keeps its size."""
    content = bytearray(path.read_bytes())
    rng = random.Random(1)
    for place in rng.sample(range(len(content) // 4, len(content)), min(count, len(content) // 2)):
        content[place] ^= 0xFF
    path.write_bytes(content)


def settings(folder):
    return folder / "crds" / "config" / "jwst" / "server_config"


def uncal(folder):
    return next(folder.rglob("*_04101_*seg001_nrs1_uncal.fits"))


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def other_seed(folder):
    note = folder / exposure.NOTE
    note.write_text(note.read_text().replace('"seed": 5', '"seed": 6'))


DAMAGE = {
    "flipped bytes in an uncal": lambda folder: flip(uncal(folder)),
    "flipped bytes in a reference": lambda folder: flip(next(folder.rglob("*superbias*.fits"))),
    "truncated uncal": lambda folder: truncate(uncal(folder)),
    "missing uncal": lambda folder: uncal(folder).unlink(),
    "truncated truth table": lambda folder: truncate(next(folder.rglob("hits_nrs1.fits"))),
    "changed seed": other_seed,
    "recipe is garbage": lambda folder: (folder / exposure.NOTE).write_bytes(b"\xff\xfe garbage"),
    "recipe is empty": lambda folder: (folder / exposure.NOTE).write_text(""),
    "recipe is a list": lambda folder: (folder / exposure.NOTE).write_text("[]"),
    "recipe is missing": lambda folder: (folder / exposure.NOTE).unlink(),
    "settings of CRDS changed": lambda folder: settings(folder).write_text("{'a': "),
    "settings of CRDS empty": lambda folder: settings(folder).write_text(""),
    "settings of CRDS missing": lambda folder: settings(folder).unlink(),
    "no CRDS cache": lambda folder: shutil.rmtree(folder / "crds"),
    "record is garbage": lambda folder: (folder / exposure.RECORD).write_bytes(b"\xff{"),
    "record is empty": lambda folder: (folder / exposure.RECORD).write_text(""),
    "record is a list": lambda folder: (folder / exposure.RECORD).write_text("[1]"),
    "record of the wrong shape": lambda folder: (folder / exposure.RECORD).write_text('{"recipe": 1, "files": []}'),
    "record without sizes": lambda folder: (folder / exposure.RECORD).write_text(
        json.dumps({"recipe": json.loads(SMALL.to_json()), "files": {"truth/recipe.json": None}})
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_noticed_when_opened_found_by_check_and_repaired(folder, original, what):
    DAMAGE[what](folder)
    with pytest.raises(OSError, match="is damaged") as error:
        tso_helpers.open_observation(folder)
    assert f"`tso data --out {shlex.quote(str(folder))}`" in str(error.value)
    assert "is not whole" in tso("data", "--check", "--out", folder, code=1)
    assert "built in" in tso("data", "--out", folder)  # the advice, followed literally
    assert contents(folder) == contents(original)
    tso("data", "--check", "--out", folder)
    tso_helpers.open_observation(folder)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["flipped bytes in an uncal", "flipped bytes in a reference", "changed seed"])
def test_damage_that_leaves_size_and_date_is_found_by_check_and_repaired(folder, original, what):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    DAMAGE[what](folder)
    for path, when in before.items():
        os.utime(path, ns=(when, when))
    assert "its checksum is another one" in tso("data", "--check", "--out", folder, code=1)
    assert "built in" in tso("data", "--out", folder)
    assert contents(folder) == contents(original)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["flipped bytes in an uncal", "truncated uncal", "truncated truth table"])
def test_damage_in_a_build_that_was_never_finished(folder, original, what):
    (folder / exposure.RECORD).unlink()
    DAMAGE[what](folder)
    assert "never finished" in tso("data", "--check", "--out", folder, code=1)
    tso("data", "--out", folder)
    assert contents(folder) == contents(original)


def test_a_record_and_a_recipe_that_are_both_damaged_say_what_to_do_and_that_works(folder):
    for name in (exposure.RECORD, exposure.NOTE):
        (folder / name).write_text("[]")
    for command in (["--check"], []):
        text = tso("data", *command, "--out", folder, code=1)
        assert "delete the folder" in text
    with pytest.raises(ValueError, match="delete the folder"):
        tso_helpers.open_observation(folder)


# --- names that lead elsewhere ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../victim.txt", "../../victim.txt", "absolute", "truth/link/victim.txt", "hard.txt"])
def test_a_record_deletes_and_reads_nothing_outside(folder, original, tmp_path, name):
    victim = tmp_path / "victim.txt"
    if name == "../../victim.txt":
        folder = shutil.move(folder, tmp_path / "deeper" / "exposure") if (tmp_path / "deeper").mkdir() is None else 0
    victim.write_text("mine")
    if name.startswith("truth/link"):
        (folder / "truth" / "link").symlink_to(tmp_path)
    if name == "hard.txt":
        (folder / name).symlink_to(victim)
    record = json.loads((folder / exposure.RECORD).read_text())
    record["files"][str(victim) if name == "absolute" else name] = {"size": 1, "sha256": "0"}
    (folder / exposure.RECORD).write_text(json.dumps(record))
    assert "its list of files is damaged" in tso("data", "--check", "--out", folder, code=1)
    code = 1 if name.startswith("truth/link") else 0
    text = tso("data", "--out", folder, code=code)
    assert victim.read_text() == "mine"
    if code:
        assert "is a link that leads out of" in text
        (folder / "truth" / "link").unlink()  # as the message says
        tso("data", "--out", folder)
    (folder / "hard.txt").unlink(missing_ok=True)
    assert contents(folder) == contents(original)


@pytest.mark.parametrize("part", ["mastDownload", "crds", "truth"])
def test_parts_that_lie_elsewhere_are_left_alone(folder, tmp_path, part):
    elsewhere = shutil.move(folder / part, tmp_path / "elsewhere")
    (folder / part).symlink_to(elsewhere)
    before = contents(tmp_path / "elsewhere")
    assert "is not whole" in tso("data", "--check", "--out", folder, code=1)
    assert "is a link that leads out of" in tso("data", "--out", folder, code=1)
    assert contents(tmp_path / "elsewhere") == before


# --- other recipes, other versions -----------------------------------------------------------------------------


def make_older(path):
    text = path.read_text()
    assert f'"version": {VERSION}' in text
    path.write_text(text.replace(f'"version": {VERSION}', '"version": 3'))


@pytest.mark.slow
def test_an_older_version_says_what_to_do_and_that_works(folder, monkeypatch):
    for path in (folder / exposure.RECORD, folder / exposure.NOTE):
        make_older(path)
    for path in level1b.paths(folder):
        fits.setval(path, "SIMRECIP", value="0ldver50")
    messages = [tso("data", *command, "--out", folder, code=1) for command in (["--check"], [])]
    with pytest.raises(ValueError, match="version 3") as error:
        tso_helpers.open_observation(folder)
    for message in (*messages, str(error.value)):
        assert "version 3 of the simulation" in message
        assert "delete the folder, then run `tso data --out" in message
    tso("data", "--prune", "--out", folder)  # needs no recipe
    shutil.rmtree(folder)
    tso("data", "--out", folder, "--integrations", "2,1", "--groups", 3, "--columns", "0,32", "--detectors", "NRS1")
    tso("data", "--check", "--out", folder)


@pytest.mark.slow
@pytest.mark.parametrize("left", ["nothing", "recipe", "garbage", "older version", "references"])
def test_a_build_that_failed_before_it_began_blocks_no_other_recipe(folder, left):
    shutil.rmtree(folder / "mastDownload")
    (folder / exposure.RECORD).unlink()
    if left != "references":
        shutil.rmtree(folder / "crds")
    note = folder / exposure.NOTE
    {
        "nothing": lambda: shutil.rmtree(folder / "truth"),
        "recipe": lambda: None,
        "garbage": lambda: note.write_text("[garbage"),
        "older version": lambda: make_older(note),
        "references": lambda: None,
    }[left]()
    exposure.build(folder, OTHER, progress=False)
    assert exposure.is_complete(folder, OTHER, thorough=True)
    assert exposure.recipe_of(folder) == OTHER
    from tso_helpers.files import crds_cache

    assert "6" in crds_cache.family(folder / "crds"), "the references are those of the other recipe"


def test_no_room_and_a_wrong_option_leave_a_folder_free(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(OSError, match="no room"):
            exposure.build(tmp_path / "x", SMALL, progress=False)
    assert "give a whole number from 0 on" in tso("data", "--seed", "-1", "--out", tmp_path / "x", code=1)
    assert exposure.recipe_of(tmp_path / "x") is None
    exposure.build(tmp_path / "x", OTHER, progress=False)


def test_a_file_that_does_not_belong_is_named(folder):
    shutil.copy(uncal(folder), folder / "copy_uncal.fits")
    assert "copy_uncal.fits does not belong to it" in tso("data", "--check", "--out", folder, code=1)
    assert "copy_uncal.fits does not belong to the exposure" in tso("data", "--out", folder, code=1)
    (folder / "copy_uncal.fits").unlink()
    tso("data", "--check", "--out", folder)


# --- what is left, and what cannot be written ------------------------------------------------------------------


@pytest.mark.parametrize("where", ["exposure", "scratch"])
def test_what_a_kill_leaves_is_reported_and_removed(folder, where):
    from tso_helpers.observation import scratch_folder

    place = (folder if where == "exposure" else scratch_folder(folder)) / "crds" / f"{atomic.UNFINISHED}abc"
    for command in (["data", "--out", folder], ["data", "--prune", "--out", folder]):
        place.mkdir(parents=True)
        (place / "half").write_bytes(bytes(1_000_000))
        assert "killed" in tso("data", "--check", "--out", folder)
        if command[1] == "--prune" or where == "exposure":
            tso(*command)
            assert not place.exists()
        else:
            shutil.rmtree(place)


@pytest.mark.slow
def test_a_disk_that_fills_in_the_middle_of_a_build_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(exposure, "OVERHEAD", 0)  # else it is said before
    with disks.small(tmp_path / "disk", 3) as disk:
        text = tso("data", "--out", disk / "x", "--integrations", "1", "--groups", 3, "--columns", "0,32", code=1)
        assert "the disk is full" in text.replace("\n", " ")
        assert str(disk / "x") in text
        assert "run the same again" in text
        assert list(disk.rglob(f"{atomic.UNFINISHED}*")) == []
        subprocess.run(["mount", "-o", "remount,size=60m", str(disk)], check=True)
        tso("data", "--out", disk / "x", "--integrations", "1", "--groups", 3, "--columns", "0,32")
        tso("data", "--check", "--out", disk / "x")


@pytest.mark.parametrize("what", ["file", "dangling", "below a file", "empty"])
def test_out_that_is_no_folder(tmp_path, what):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    out = {"below a file": tmp_path / "file" / "x", "empty": ""}.get(what, tmp_path / what)
    for command in (["data"], ["data", "--check"], ["env"]):
        text = tso(*command, "--out", out, code=1 if what == "below a file" else 2)
        assert {"below a file": "x", "empty": "no folder is given"}.get(what, "is a file, or a link") in text
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
    if what != "empty":
        with pytest.raises(OSError, match=r"is a file, or a link|cannot be written"):
            exposure.build(out, SMALL, progress=False)


@pytest.mark.parametrize("what", ["new", "begun"])
def test_a_data_folder_that_cannot_be_written_is_said_in_words(tmp_path, monkeypatch, what):
    with disks.small(tmp_path / "disk", 3) as disk:
        if what == "begun":
            (disk / f"simulated-{Recipe().key}").mkdir()
        disks.read_only(disk)
        monkeypatch.setenv("TSO_DATA", str(disk))
        text = tso("data", code=1)
        assert f"{disk}" in text
        assert "cannot be written (Read-only file system): set TSO_DATA" in text
        assert "Errno" not in text


def test_prune_says_what_it_could_not_delete(folder):
    """A checkpoint that is mounted is one that nobody can move away."""
    for name in ("mounted", "ordinary"):
        (folder / "checkpoints" / name).mkdir(parents=True)
        (folder / "checkpoints" / name / "ramp.fits").write_bytes(bytes(1_000_000))
    with disks.small(folder / "checkpoints" / "mounted", 1):
        text = tso("data", "--prune", "--out", folder, code=1)
        assert "could not be deleted: mounted" in text
        assert "Everything else was deleted" in text
        assert not (folder / "checkpoints" / "ordinary").exists()
    tso("data", "--prune", "--out", folder)
    assert "nothing to delete" in tso("data", "--prune", "--out", folder)


def test_options_that_make_no_sense(folder):
    for arguments, says in (
        (["--columns", "900"], "choose (start, stop)"),
        (["--columns", "1,2,3"], "choose (start, stop)"),
        (["--workers", "-3"], "--workers -3: give 1 or more"),
        (["--workers", "0"], "give 1 or more"),
        (["--seed", "-1"], "from 0 on"),
        (["--check", "--prune"], "give one of them"),
        (["--fetch", "--check", "--prune"], "give one of them"),
        (["--integrations", ""], "whole numbers with commas"),
    ):
        assert says in tso("data", *arguments, code=1)
        if "--columns" not in arguments:
            assert says in tso("data", *arguments, "--out", folder, code=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"integrations": 5},
        {"integrations": (1.5,)},
        {"integrations": "18"},
        {"groups": "14"},
        {"groups": 14.5},
        {"groups": None},
        {"seed": "x"},
        {"seed": True},
        {"seed": 1.5},
        {"columns": 900},
        {"columns": (900,)},
        {"columns": (1, 2, 3)},
        {"columns": ("a", "b")},
        {"detectors": "NRS1"},
        {"detectors": (1,)},
        {"without": 5},
        {"without": "sky"},
        {"plant": "clean_jump"},
        {"decimation": "5"},
        {"nonsense": 1},
    ],
)
def test_a_recipe_of_the_wrong_shape_says_what_is_wrong(wrong):
    text = json.dumps(json.loads(SMALL.to_json()) | wrong)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Recipe.from_json(text)
