"""The ``tso`` command, each subcommand on small data."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_archive import mast, server  # noqa: F401 (fixtures: a MAST on loopback)
from typer.testing import CliRunner

from tso_helpers import cli
from tso_helpers.course import headless
from tso_helpers.simulation.exposure import Recipe, build

SMALL = ["--integrations", "2,1", "--groups", "3", "--columns", "0,64", "--detectors", "nrs1"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No test touches the user's own data or workspace."""
    monkeypatch.setenv("TSO_DATA", str(tmp_path / "data é"))
    monkeypatch.delenv("TSO_OBSERVATION", raising=False)
    monkeypatch.delenv("TSO_WORKSPACE", raising=False)


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exposure é") / "small one"
    recipe = Recipe(integrations=(2, 1), groups=3, columns=(0, 64), detectors=("NRS1",))
    build(folder, recipe, progress=False)
    return folder


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    folder = tmp_path / "clone" / "notebooks"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TSO_NOTEBOOKS", str(folder))
    write(folder, "00_start_here", ["x = 1\nassert x == 1", "for i in range(3):\n    assert i < 3"])
    write(folder, "01_look", ["if False:\n    assert 1\nassert 2", "print('hello')"])
    return folder


def write(folder, name, cells):
    cells = [new_markdown_cell("# Title", id="t"), *(new_code_cell(c, id=f"c{i}") for i, c in enumerate(cells))]
    nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")


def tso(*arguments, code=0):
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("command", [(), ("data",), ("env",), ("lab",), ("run",), ("doctor",)])
def test_help_everywhere(command):
    text = tso(*command, "--help")
    assert "Usage: " in text
    assert all(option in text for option in ("-h, --help",))


# --- data


def test_data_builds_and_the_second_time_finds_it_there(tmp_path):
    text = tso("data", "--out", tmp_path / "a b", *SMALL, "--seed", 7, "--without", "one_over_f,cosmic_rays")
    assert "built in" in text
    assert "NRS1, 2 + 1 integrations of 3 groups" in text
    assert "seed 7; without cosmic_rays, one_over_f" in text
    assert len(list((tmp_path / "a b").rglob("*_uncal.fits"))) == 4
    again = tso("data", "--out", tmp_path / "a b")
    assert "is there and whole" in again
    assert "seed 7; without" in again


def test_data_goes_where_the_lessons_look(tmp_path):
    tso("data", *SMALL)
    recipe = Recipe(integrations=(2, 1), groups=3, columns=(0, 64), detectors=("NRS1",))
    assert (tmp_path / "data é" / f"simulated-{recipe.key}" / "complete.json").exists()


def test_another_recipe_does_not_overwrite_a_folder(exposure):
    before = {path: path.stat().st_mtime_ns for path in exposure.rglob("*") if path.is_file()}
    text = tso("data", "--out", exposure, *SMALL, "--seed", 1, code=1)
    assert "another recipe" in text
    assert before == {path: path.stat().st_mtime_ns for path in exposure.rglob("*") if path.is_file()}


def test_check_tells_whole_from_damaged(tmp_path, exposure):
    assert "4 uncal files and the references are whole" in tso("data", "--check", "--out", exposure)
    assert "tso data" in tso("data", "--check", *SMALL, code=1)
    tso("data", "--out", tmp_path / "x", *SMALL)
    victim = next((tmp_path / "x").rglob("*seg001_nrs1_uncal.fits"))
    content = victim.read_bytes()
    victim.write_bytes(content[:-1])
    assert "builds what is missing" in tso("data", "--check", "--out", tmp_path / "x", code=1)
    victim.write_bytes(b"x" * len(content))
    assert "is not whole" in tso("data", "--check", "--out", tmp_path / "x", code=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--groups", "500"], "choose 2 to 70"),
        (["--integrations", "a,b"], "whole numbers with commas"),
        (["--without", "nonsense"], "choose from transit"),
        (["--detectors", "NRS3"], "NRS1"),
        (["--plant", "nonsense"], "choose from"),
        (["--columns", "0,5"], "at least 16 columns"),
        (["--groups", "14", "--decimation", "9"], "choose 1 to 5"),
    ],
)
def test_impossible_shapes_are_explained_without_a_traceback(arguments, message):
    text = tso("data", *arguments, code=1)
    assert message in text
    assert "Traceback" not in text


def test_question_marks_list_names():
    assert "one_over_f" in tso("data", "--without", "?").split()
    assert "clean_jump" in tso("data", "--plant", "?").split()


def test_fetch_downloads_what_is_asked_for(server, mast, tmp_path):  # noqa: F811
    text = tso("data", "--fetch", "--check", "--out", tmp_path / "real")
    assert text.count("_uncal.fits") == 8
    assert not mast.downloads
    text = tso("data", "--fetch", "--detectors", "NRS2", "--out", tmp_path / "real")
    assert "TSO_OBSERVATION=mast" in text
    assert len(list((tmp_path / "real").rglob("*_nrs2_uncal.fits"))) == len(mast.downloads) == 3


def test_fetch_without_a_network_says_so():
    from astroquery.mast import conf

    with conf.set_temp("server", "http://127.0.0.1:9"):
        assert "tso doctor" in tso("data", "--fetch", code=1)


def test_fetch_of_an_observation_without_products(server, mast, tmp_path):  # noqa: F811
    mast.products.clear()
    text = tso("data", "--fetch", "--out", tmp_path / "real", code=1)
    assert "MAST lists no file for jw01366-o003" in text
    assert "Traceback" not in text


def test_fetch_of_an_observation_without_raw_files(server, mast, tmp_path):  # noqa: F811
    mast.products = {"100": [row for row in mast.products["100"] if row["productSubGroupDescription"] != "UNCAL"]}
    assert "none of them is an uncal file" in tso("data", "--fetch", "--out", tmp_path / "real", code=1)


def test_fetch_that_finds_nothing(server, mast, tmp_path):  # noqa: F811
    mast.observations.clear()
    text = tso("data", "--fetch", "--out", tmp_path / "real", code=1)
    assert "MAST finds no observation with instrument_name NIRSpec/SLIT" in text
    assert "proposal_id 1366" in text


def test_fetch_refuses_a_hostile_name(server, mast, tmp_path):  # noqa: F811
    mast.products["100"][0]["obs_id"] = "../../.."
    text = tso("data", "--fetch", "--out", tmp_path / "real", code=1)
    assert mast.products["100"][0]["productFilename"] in text
    assert "obs_id cannot be used" in text
    assert not mast.downloads


@pytest.mark.parametrize(
    ("option", "value"),
    [("--groups", -3), ("--seed", -1), ("--workers", -3), ("--integrations", "-1"), ("--plant", "")],
)
def test_fetch_refuses_what_belongs_to_the_simulation(server, mast, option, value):  # noqa: F811
    assert f"{option} shapes the simulated exposure" in tso("data", "--fetch", option, value, code=1)
    assert not mast.requests


def test_fetch_of_a_detector_that_is_none(server, mast):  # noqa: F811
    assert "there are NRS1 and NRS2" in tso("data", "--fetch", "--detectors", "-1", code=1)


# --- env


def test_env_prints_exports_that_a_shell_can_read(exposure):
    exports = tso("env", "--out", exposure)
    script = exports + 'printf "%s\\n" "$CRDS_PATH" "$CRDS_SERVER_URL" "$CRDS_CONTEXT"'
    path, url, context = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )[:3]
    assert path == str((exposure / "crds").resolve())
    assert "serverless" in url
    assert context.endswith(".pmap")


def test_env_before_there_is_anything():
    assert "tso data" in tso("env", code=1)


# --- lab


@pytest.fixture
def launched(monkeypatch):
    calls = []
    monkeypatch.setattr(cli, "_become", calls.append)
    monkeypatch.setattr(cli, "_prepare_data", lambda: None)
    return calls


def test_lab_opens_a_copy_of_lesson_00(notebooks, launched):
    text = tso("lab", "--no-browser", "--port", 9999, "--ServerApp.token=abc")
    (command,) = launched
    place = notebooks.parent / "workspace"
    assert str(place) in text
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={place}" in command
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in command
    assert {"--no-browser", "--port=9999", "--ServerApp.token=abc"} <= set(command)
    assert (place / "01_look.ipynb").exists()


@pytest.mark.parametrize(("user", "told"), [(0, True), (1000, False)])
def test_lab_runs_as_root_only_when_there_is_nobody_else(notebooks, launched, monkeypatch, user, told):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    text = tso("lab")
    (command,) = launched
    assert ("--allow-root" in command) == told == ("You are root" in text)


def test_lab_reset_puts_a_learners_copy_aside(notebooks, launched):
    tso("lab")
    mine = notebooks.parent / "workspace" / "01_look.ipynb"
    mine.write_text("mine")
    tso("lab")
    assert mine.read_text() == "mine"
    text = tso("lab", "--reset", "1", "--lesson", "01")
    assert "Your copy is now" in text
    assert mine.read_text() != "mine"
    assert any("01_look.ipynb" in option for option in launched[-1])


def test_lab_instructor_and_chosen_workspace(notebooks, launched, tmp_path):
    tso("lab", "--instructor", "--workspace", tmp_path / "mine")
    assert (tmp_path / "mine" / "00_start_here.ipynb").exists()


def test_lab_tells_when_a_lesson_has_changed(notebooks, launched):
    tso("lab")
    (notebooks.parent / "workspace" / "00_start_here.ipynb").write_text("mine")
    write(notebooks, "00_start_here", ["2 + 2"])
    text = tso("lab")
    assert "00_start_here.ipynb: yours, kept; the lesson has changed" in text
    assert "--reset" in text


def test_lab_with_an_unknown_lesson_starts_nothing(notebooks, launched):
    assert "00_start_here, 01_look" in tso("lab", "--lesson", "42", code=1)
    assert not launched


def test_lab_instructor_leaves_a_learners_workspace_alone(notebooks, launched, tmp_path, monkeypatch):
    monkeypatch.setenv("TSO_WORKSPACE", str(tmp_path / "chosen"))
    tso("lab")
    before = {path: path.read_bytes() for path in (tmp_path / "chosen").iterdir()}
    tso("lab", "--instructor")
    assert f"--ServerApp.root_dir={tmp_path / 'chosen-instructor'}" in launched[-1]
    assert before == {path: path.read_bytes() for path in (tmp_path / "chosen").iterdir()}
    text = tso("lab", "--instructor", "--workspace", tmp_path / "chosen", code=1)
    assert "holds a learner's copies" in text
    assert before == {path: path.read_bytes() for path in (tmp_path / "chosen").iterdir()}


def test_lab_refuses_a_workspace_among_the_lessons(notebooks, launched):
    before = sorted(notebooks.rglob("*"))
    assert "copied into itself" in tso("lab", "--workspace", notebooks / "mine", code=1)
    assert sorted(notebooks.rglob("*")) == before
    assert not launched


def test_lab_resets_nothing_when_one_of_the_names_is_wrong(notebooks, launched):
    tso("lab")
    mine = notebooks.parent / "workspace" / "01_look.ipynb"
    mine.write_text("mine", encoding="utf-8")
    assert "there is no lesson '77'" in tso("lab", "--reset", "1", "--reset", "77", code=1)
    assert mine.read_text(encoding="utf-8") == "mine"
    assert not mine.with_name("my earlier work").exists()


def test_lab_says_that_its_record_was_damaged(notebooks, launched):
    tso("lab")
    record = notebooks.parent / "workspace" / ".tso-workspace.json"
    record.write_text("garbage", encoding="utf-8")
    text = tso("lab")
    assert f"{record} is damaged" in text
    assert "written again" in text
    assert "damaged" not in tso("lab")


@pytest.mark.parametrize("kind", ["file", "link"])
def test_lab_with_a_workspace_that_is_no_folder(notebooks, launched, tmp_path, kind):
    wrong = tmp_path / "wrong"
    wrong.write_text("", encoding="utf-8") if kind == "file" else wrong.symlink_to(tmp_path / "gone")
    text = tso("lab", "--workspace", wrong, code=1)
    assert "it is a " + kind in text
    assert "TSO_WORKSPACE" in text
    assert "Errno" not in text
    assert not (tmp_path / "gone").exists()
    assert not launched


def test_jupyterlab_finds_the_settings_that_we_bring(tmp_path):
    """No question about news on a learner's first day: the folder that is named holds the setting."""
    code = (
        "import sys; from tso_helpers import cli; cli._become([sys.executable, '-c', "
        "'from jupyter_core.paths import jupyter_config_path; print(*jupyter_config_path(), sep=chr(10))'])"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1]), "JUPYTER_CONFIG_PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    folders = [Path(line) for line in done.stdout.splitlines()]
    assert folders.index(tmp_path) >= 0
    assert any("fetchNews" in file.read_text("utf-8") for folder in folders for file in folder.glob("labconfig/*.json"))


def test_jupyterlab_knows_the_options_that_we_give(notebooks, launched):
    from jupyterlab.labapp import LabApp

    tso("lab")
    names = {option.removeprefix("--LabApp.").split("=")[0] for option in launched[0] if option.startswith("--LabApp.")}
    assert names <= set(LabApp.class_trait_names())


# --- run


@pytest.mark.parametrize("timeout", ["-1", "0", "nan", "inf"])
def test_run_with_an_impossible_timeout_starts_nothing(notebooks, timeout):
    assert "seconds above 0" in tso("run", "--timeout", timeout, code=1)


def test_run_of_an_unknown_lesson_lists_those_that_there_are(notebooks):
    assert "there is no lesson '42'; there are 00_start_here, 01_look" in tso("run", "--lesson", "42", code=1)


def test_run_says_at_once_where_it_cannot_save(notebooks, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    text = tso("run", "--save", tmp_path / "file", code=1)
    assert f"--save {tmp_path / 'file'}: the folder cannot be made" in text


# --- too little memory, and names that are not ASCII, in processes of their own


def alone(*arguments, limit=None, **variables):
    """`tso` in a process of its own; what would become JupyterLab says so instead."""
    code = (
        "from tso_helpers import cli\n"
        "cli._become = lambda command: print('becomes', command[2])\n"
        "cli._prepare_data = lambda: None\n"
        "cli.app()"
    )
    shell = f"ulimit -v {limit // 1024}; " if limit else ""
    return subprocess.run(
        ["bash", "-c", f'{shell}exec "$@"', "-", sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])} | variables,
        capture_output=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", ["lab", "run"])
def test_too_little_memory_to_load_the_pipeline_is_refused(notebooks, command):
    done = alone(command, limit=300_000_000)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said.startswith(
        "tso: there is too little memory to load the pipeline\n  `ulimit -v` lets each program have 0.30"
    )
    assert "ulimit -v unlimited" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_little_memory_is_a_warning_before_the_lessons_start(notebooks):
    done = alone("lab", limit=1_500_000_000)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert said.startswith("tso: warning: there may be too little memory for the lessons\n  `ulimit -v` lets")
    assert done.stdout.decode().endswith("becomes jupyterlab\n")


def test_an_import_that_fails_for_want_of_memory_is_explained(notebooks, monkeypatch):
    from tso_helpers.course import doctor

    def unfit():
        raise MemoryError

    monkeypatch.setattr(cli, "_prepare_data", unfit)
    with pytest.raises(AssertionError):  # there is enough memory: a fault of ours, and its traceback is wanted
        tso("run", code=0)
    monkeypatch.setattr(doctor, "ADDRESSES", 1e30)
    monkeypatch.setattr(doctor, "_process_limits", lambda: {"-v": 1e12})
    text = tso("run", code=1)
    assert "tso: there is too little memory for this" in text
    assert "`ulimit -v` lets each program have 1000.00 GB" in text


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}], ids=["C", "C without UTF-8"])
def test_a_name_with_an_accent_is_the_same_in_the_locale_C(notebooks, tmp_path, more):
    write(notebooks, "02_été", ["'α'"])
    place = tmp_path / "été à la plage"
    done = alone("lab", "--reset", "02", "--workspace", place, LC_ALL="C", **more)
    assert done.returncode == 0, done.stderr
    assert f"Your copies of the lessons are in {place}\n".encode() in done.stdout
    assert nbformat.read(place / "02_été.ipynb", as_version=4).cells[1].source == "'α'"
    assert {path.name for path in place.iterdir()} >= {"00_start_here.ipynb", "02_été.ipynb"}
    wrong = alone("lab", "--workspace", notebooks / "où", LC_ALL="C", **more)
    assert wrong.returncode == 1
    assert f"tso: {notebooks / 'où'} is, or lies in".encode() in wrong.stderr


@pytest.mark.slow
def test_run_ends_with_one_line_per_lesson(notebooks, monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "_prepare_data", lambda: None)
    lines = [line.strip() for line in tso("run", "--save", tmp_path / "kept").strip().splitlines()[-2:]]
    assert lines[0].startswith("00_start_here  ok")
    assert lines[0].endswith("2 of 2 asserts ran")
    assert lines[1].endswith("1 of 2 asserts ran")
    assert "GB" in lines[0]
    executed = nbformat.read(tmp_path / "kept" / "01_look.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text == "hello\n"
    assert not nbformat.read(notebooks / "01_look.ipynb", as_version=4).cells[-1].outputs
    assert "asserts ran" in (tmp_path / "kept" / "summary.txt").read_text()


@pytest.mark.slow
def test_run_fails_when_a_lesson_does(notebooks, monkeypatch):
    monkeypatch.setattr(cli, "_prepare_data", lambda: None)
    write(notebooks, "01_look", ["assert 1 == 2, 'the ramp is upside down'", "assert True"])
    text = tso("run", "--lesson", "1", code=1)
    assert "the ramp is upside down" in text
    last = text.strip().splitlines()[-1]
    assert "FAILED" in last
    assert last.endswith("0 of 2 asserts ran")


def test_the_summary_lines_up():
    reports = {"00_a": headless.Report(seconds=1.25, peak_memory=3 * 10**8), "01_long": headless.Report(error="x")}
    first, second = cli.run_summary(reports)
    assert first == "00_a     ok         1.2 s   0.30 GB  0 of 0 asserts ran"
    assert second.startswith("01_long  FAILED")
    (slow,) = cli.run_summary({"00_a": headless.Report(seconds=60.5)})
    assert slow.endswith("0 of 0 asserts ran, over the budget of 60 s")


# --- doctor


def test_doctor_says_what_it_found(notebooks):
    text = tso("doctor", "--offline")
    assert "jwst" in text
    assert "2 in " in text


def test_doctor_fails_when_something_is_missing(notebooks, monkeypatch):
    from tso_helpers.course import doctor

    monkeypatch.setattr(doctor, "DISK", 1e18)
    assert "tso data --prune" in tso("doctor", "--offline", code=1)


def test_prune_deletes_checkpoints_and_nothing_else(exposure, tmp_path):
    checkpoint = exposure / "checkpoints" / "nrs1-seg001-refpix-0123" / "ramp.fits"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"x" * 2_000_000)
    before = {path for path in exposure.rglob("*.fits") if "checkpoints" not in path.parts}
    assert "2 MB freed" in tso("data", "--prune", "--out", exposure)
    assert not checkpoint.exists()
    assert before == set(exposure.rglob("*.fits"))
    assert "0 MB freed" in tso("data", "--prune")
    assert "0 MB freed" in tso("data", "--fetch", "--prune")


@pytest.mark.slow
def test_another_program_calibrates_with_nothing_but_the_exports(tmp_path):
    """`strun`, the pipeline's own command, in a shell that has only what `tso env` printed; a path with an accent."""
    folder = tmp_path / "données d'été"
    tso("data", "--out", folder, "--integrations", "2", "--groups", "4", "--columns", "0,128", "--detectors", "NRS1")
    (raw,) = folder.rglob("*_04101_*_uncal.fits")
    strun = Path(sys.executable).with_name("strun")
    script = f'{tso("env", "--out", folder)}"$0" calwebb_detector1 "$1" --output_dir "$2"'
    clean = {"PATH": str(strun.parent), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["/bin/sh", "-c", script, strun, raw, tmp_path], env=clean, capture_output=True, text=True, check=False
    )
    log = done.stdout + done.stderr
    assert done.returncode == 0, log[-3000:]
    assert " ERROR " not in log
    assert (tmp_path / raw.name.replace("uncal", "rateints")).exists()
