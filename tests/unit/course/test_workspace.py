"""Workspace copies: what is taken out, and that a learner's work is never lost."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tso_helpers.course import workspace


def write_lesson(folder, name, text="1 + 1"):
    cells = [
        new_markdown_cell("# Title", id="a"),
        new_code_cell(text, id="b", execution_count=3, outputs=[new_output("stream", text="2\n")]),
        new_code_cell("answer = None", id="c"),
        new_markdown_cell("The solution", id="d", metadata={"tags": ["solution"]}),
        new_code_cell("answer = 42", id="e", metadata={"tags": ["solution"]}),
    ]
    metadata = {"jupytext": {"formats": "ipynb,py:percent"}, "kernelspec": {"name": "python3", "display_name": "P"}}
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=metadata), folder / f"{name}.ipynb")
    (folder / f"{name}.py").write_text("# %%\n")


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    folder = tmp_path / "clone é" / "notebooks"
    write_lesson(folder, "00_start_here")
    write_lesson(folder, "01_look")
    (folder / "glossary.md").write_text("# Glossary\n")
    (folder / "figures").mkdir()
    (folder / "figures" / "map.png").write_bytes(b"png")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "x.ipynb").write_text("{}")
    monkeypatch.setenv("TSO_NOTEBOOKS", str(folder))
    monkeypatch.delenv("TSO_WORKSPACE", raising=False)
    return folder


@pytest.fixture
def place(notebooks):
    return workspace.default_workspace()


def sources(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def edit(path):
    """Do what a learner does: change a cell and save."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].source = "answer = 'mine'"
    nbformat.write(notebook, path)


def test_a_learners_copy_has_no_outputs_and_no_solutions(notebooks, place):
    done = workspace.prepare()
    copy = nbformat.read(place / "01_look.ipynb", as_version=4)
    assert [cell.source for cell in copy.cells] == ["# Title", "1 + 1", "answer = None"]
    assert all(not cell.outputs and cell.execution_count is None for cell in copy.cells if cell.cell_type == "code")
    assert "jupytext" not in copy.metadata
    assert copy.metadata.kernelspec.name == "python3"
    assert set(done) == {"00_start_here.ipynb", "01_look.ipynb", "glossary.md", "figures/map.png"}
    assert set(done.values()) == {workspace.NEW}
    nbformat.validate(copy)


def test_the_instructors_copy_keeps_both_and_lies_elsewhere(notebooks, place):
    workspace.prepare()
    workspace.prepare(instructor=True)
    other = workspace.default_workspace(instructor=True)
    assert other != place
    copy = nbformat.read(other / "01_look.ipynb", as_version=4)
    assert copy.cells[1].outputs
    assert copy.cells[-1].source == "answer = 42"
    assert copy.cells[-1].metadata.jupyter.source_hidden
    assert "answer = 42" not in sources(place / "01_look.ipynb")


def test_the_sources_are_not_touched(notebooks):
    before = {path: path.read_bytes() for path in notebooks.rglob("*") if path.is_file()}
    workspace.prepare()
    workspace.reset("01")
    assert before == {path: path.read_bytes() for path in notebooks.rglob("*") if path.is_file()}


def test_twice_changes_nothing(notebooks, place):
    workspace.prepare()
    before = {path: path.stat().st_mtime_ns for path in place.glob("*.ipynb")}
    assert set(workspace.prepare().values()) == {workspace.SAME}
    assert before == {path: path.stat().st_mtime_ns for path in place.glob("*.ipynb")}


def test_edits_are_kept_and_the_rest_renewed(notebooks, place):
    workspace.prepare()
    edit(place / "00_start_here.ipynb")
    mine = (place / "00_start_here.ipynb").read_bytes()
    assert workspace.prepare()["00_start_here.ipynb"] == workspace.YOURS
    for name in ("00_start_here", "01_look"):
        write_lesson(notebooks, name, text="2 + 2")
    done = workspace.prepare()
    assert done["00_start_here.ipynb"] == workspace.OUTDATED
    assert done["01_look.ipynb"] == workspace.UPDATED
    assert (place / "00_start_here.ipynb").read_bytes() == mine
    assert "2 + 2" in sources(place / "01_look.ipynb")
    assert workspace.prepare()["00_start_here.ipynb"] == workspace.OUTDATED


GARBAGE = [
    "",
    "{not json",
    "[]",
    "null",
    '{"for": "me", "files": {}}',
    '{"files": []}',
    '{"01_look.ipynb": 3}',
    "\\0\\xff",
]


@pytest.mark.parametrize("damage", [None, *GARBAGE])
def test_without_a_readable_record_every_file_counts_as_the_learners(notebooks, place, damage):
    workspace.prepare()
    edit(place / "00_start_here.ipynb")
    mine = (place / "00_start_here.ipynb").read_bytes()
    record = place / workspace.RECORD
    record.unlink() if damage is None else record.write_text(damage, encoding="latin-1")
    problem = workspace.record_problem(place)
    assert problem is None if damage is None else str(record) in problem
    write_lesson(notebooks, "00_start_here", text="2 + 2")
    workspace.prepare()
    assert (place / "00_start_here.ipynb").read_bytes() == mine
    assert workspace.record_problem(place) is None
    assert workspace.prepare()["01_look.ipynb"] == workspace.SAME


def test_a_file_of_the_learners_that_is_in_the_way_is_kept(notebooks, place):
    place.mkdir()
    (place / "01_look.ipynb").write_text("my own notes")
    assert workspace.prepare()["01_look.ipynb"] == workspace.YOURS
    assert (place / "01_look.ipynb").read_text() == "my own notes"


def test_reset_puts_the_earlier_copy_aside(notebooks, place):
    workspace.prepare()
    edit(place / "01_look.ipynb")
    mine = (place / "01_look.ipynb").read_bytes()
    kept = workspace.reset(1)
    assert kept.read_bytes() == mine
    assert kept.parent == place / workspace.KEPT
    assert sources(place / "01_look.ipynb")[-1] == "answer = None"
    edit(place / "01_look.ipynb")
    again = workspace.reset("01_look")
    assert again != kept
    assert kept.read_bytes() == mine
    assert workspace.reset("01_look.ipynb") is None
    assert workspace.prepare()["01_look.ipynb"] == workspace.SAME


def test_reset_only_touches_its_lesson(notebooks, place):
    workspace.prepare()
    edit(place / "00_start_here.ipynb")
    mine = (place / "00_start_here.ipynb").read_bytes()
    workspace.reset("01")
    assert (place / "00_start_here.ipynb").read_bytes() == mine


def test_an_unknown_lesson_lists_those_that_there_are(notebooks):
    with pytest.raises(ValueError, match="there are 00_start_here, 01_look"):
        workspace.reset("11")
    with pytest.raises(ValueError, match=r"no lesson '\.\./00'"):
        workspace.find_lesson("../00")


def test_the_sources_folder_is_refused(notebooks):
    with pytest.raises(ValueError, match="sources"):
        workspace.prepare(notebooks)


def test_no_lessons_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("TSO_NOTEBOOKS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"pip install -e"):
        workspace.notebooks_folder()


def test_the_workspace_can_be_chosen(tmp_path, notebooks, monkeypatch):
    monkeypatch.setenv("TSO_WORKSPACE", str(tmp_path / "elsewhere"))
    workspace.prepare()
    assert (tmp_path / "elsewhere" / "01_look.ipynb").exists()
    assert not Path(notebooks.parent, "workspace").exists()


def test_the_record_says_whose_copies_they_are_and_what_was_written(notebooks, place):
    workspace.prepare()
    record = json.loads((place / workspace.RECORD).read_text(encoding="utf-8"))
    assert record["for"] == "learner"
    assert set(record["files"]) == {"00_start_here.ipynb", "01_look.ipynb", "glossary.md", "figures/map.png"}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in record["files"].values())


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path, notebooks):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="TSO_WORKSPACE"):
        workspace.prepare(tmp_path / "file" / "below")


# --- a learner's and an instructor's ---------------------------------------------------------------------------------


def test_the_instructors_lies_beside_the_chosen_workspace(tmp_path, notebooks, monkeypatch):
    """Once, an instructor's run put the solutions into a learner's untouched copies."""
    monkeypatch.setenv("TSO_WORKSPACE", str(tmp_path / "mine"))
    workspace.prepare()
    before = everything(tmp_path / "mine")
    workspace.prepare(instructor=True)
    assert everything(tmp_path / "mine") == before
    assert "answer = 42" in sources(tmp_path / "mine-instructor" / "01_look.ipynb")


@pytest.mark.parametrize("record", ["whole", "of the first version", "lost", "garbage"])
@pytest.mark.parametrize("instructor", [False, True])
def test_one_kind_never_turns_into_the_other(notebooks, place, record, instructor):
    workspace.prepare(place, instructor=instructor)
    note = place / workspace.RECORD
    match record:
        case "of the first version":
            note.write_text(json.dumps(json.loads(note.read_text(encoding="utf-8"))["files"]), encoding="utf-8")
        case "lost":
            note.unlink()
        case "garbage":
            note.write_text("{garbage", encoding="utf-8")
    before = {path: path.read_bytes() for path in place.rglob("*.ipynb")}
    with pytest.raises(ValueError, match="learner's copies" if instructor is False else "instructor's copies") as told:
        workspace.prepare(place, instructor=not instructor)
    assert "--workspace" in str(told.value)
    with pytest.raises(ValueError, match="copies"):
        workspace.reset("01", place, instructor=not instructor)
    assert before == {path: path.read_bytes() for path in place.rglob("*.ipynb")}
    assert set(workspace.prepare(place, instructor=instructor).values()) <= {workspace.SAME, workspace.UPDATED}


def test_a_record_of_the_first_version_still_tells_what_is_untouched(notebooks, place):
    workspace.prepare()
    note = place / workspace.RECORD
    note.write_text(json.dumps(json.loads(note.read_text(encoding="utf-8"))["files"]), encoding="utf-8")
    write_lesson(notebooks, "01_look", text="2 + 2")
    assert workspace.prepare()["01_look.ipynb"] == workspace.UPDATED


def test_a_variable_that_nothing_filled_in_is_no_workspace(notebooks, monkeypatch):
    monkeypatch.setenv("TSO_WORKSPACE", "$HOME/lessons")
    with pytest.raises(ValueError, match="not filled in"):
        workspace.prepare()
    assert not Path("$HOME").exists()


# --- a workspace in the wrong place ----------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", ["mine", "figures/mine", "../notebooks/mine", "."])
def test_a_workspace_inside_the_lessons_is_refused(notebooks, inside):
    before = sorted(notebooks.rglob("*"))
    with pytest.raises(ValueError, match="copied into itself"):
        workspace.prepare(notebooks / inside)
    assert sorted(notebooks.rglob("*")) == before


def test_links_into_the_lessons_and_out_of_them_are_looked_through(tmp_path, notebooks):
    (tmp_path / "link").symlink_to(notebooks / "figures")
    with pytest.raises(ValueError, match="copied into itself"):
        workspace.prepare(tmp_path / "link" / "mine")
    (tmp_path / "lessons").symlink_to(notebooks)
    with pytest.raises(ValueError, match="copied into itself"):
        workspace.prepare(notebooks / "mine", notebooks=tmp_path / "lessons")
    (notebooks / "way out").symlink_to(tmp_path)
    assert workspace.prepare(notebooks / "way out" / "mine")
    assert (tmp_path / "mine" / "01_look.ipynb").exists()


def test_a_workspace_around_the_lessons_is_refused(tmp_path, notebooks):
    with pytest.raises(ValueError, match="mix with them"):
        workspace.prepare(notebooks.parent)
    (tmp_path / "link").symlink_to(notebooks.parents[1])
    with pytest.raises(ValueError, match="mix with them"):
        workspace.prepare(tmp_path / "link")


def test_a_workspace_that_an_earlier_version_put_among_the_lessons_is_not_copied(notebooks, place):
    old = notebooks / "mine"
    old.mkdir()
    (old / workspace.RECORD).write_text("{}", encoding="utf-8")
    (old / "01_look.ipynb").write_text("{}", encoding="utf-8")
    assert not [name for name in workspace.prepare() if "mine" in name]


def test_a_file_or_a_link_to_nothing_is_no_workspace(tmp_path, notebooks):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match=r"it is a file, not a folder.*--workspace or TSO_WORKSPACE"):
        workspace.prepare(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(OSError, match=r"it is a link to .*gone, which is not there.*TSO_WORKSPACE"):
        workspace.prepare(tmp_path / "link")
    assert not (tmp_path / "gone").exists()
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(OSError, match="TSO_WORKSPACE"):
        workspace.prepare(tmp_path / "round")


@pytest.mark.parametrize("kind", ["link to nothing", "folder"])
def test_what_is_no_file_under_a_lessons_name_is_its_owners(notebooks, place, kind):
    place.mkdir()
    mine = place / "01_look.ipynb"
    mine.mkdir() if kind == "folder" else mine.symlink_to(place / "on another disk.ipynb")
    assert workspace.prepare()["01_look.ipynb"] == workspace.YOURS
    assert mine.is_symlink() == (kind != "folder")
    kept = workspace.reset("01")
    assert kept.is_dir() if kind == "folder" else kept.is_symlink()
    assert sources(mine)


# --- a disk that is full or may not be written -----------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder, size="1m"):
    """A disk of its own, as small as we like."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder):
    """Leave no room for another byte."""
    with contextlib.suppress(OSError), open(folder / "ballast", "wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "ballast"}


def test_a_full_disk_on_reset_leaves_the_learners_copy_where_it_was(tmp_path, notebooks):
    with small_disk(tmp_path / "disk") as place:
        workspace.prepare(place)
        edit(place / "01_look.ipynb")
        before = everything(place)
        fill(place)
        with pytest.raises(OSError, match="the disk is full") as told:
            workspace.reset("01", place)
        assert "Your own work in it is as it was" in str(told.value)
        assert "Errno" not in str(told.value)
        assert everything(place) == before
        (place / "ballast").unlink()
        mine = (place / "01_look.ipynb").read_bytes()
        assert workspace.reset("01", place).read_bytes() == mine


def test_a_disk_that_fills_while_a_workspace_is_made_leaves_nothing_half_written(tmp_path, notebooks):
    (notebooks / "figures" / "zz.png").write_bytes(os.urandom(2_000_000))
    with small_disk(tmp_path / "disk") as place:
        with pytest.raises(OSError, match="the disk is full"):
            workspace.prepare(place)
        assert not (place / "figures" / "zz.png").exists()
        assert not list(place.rglob(".unfinished-*"))
        (notebooks / "figures" / "zz.png").write_bytes(b"png")
        done = workspace.prepare(place)
        assert done["figures/zz.png"] == workspace.NEW
        assert done["01_look.ipynb"] == workspace.SAME


def test_a_disk_that_may_only_be_read_says_so(tmp_path, notebooks):
    with small_disk(tmp_path / "disk") as place:
        workspace.prepare(place)
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        with pytest.raises(OSError, match=r"Read-only file system.*TSO_WORKSPACE"):
            workspace.prepare(place)


# --- several at once -------------------------------------------------------------------------------------------------

AT_ONCE = """
import os, sys, time
import nbconvert.preprocessors
from tso_helpers.course import workspace
start = time.monotonic() + 0.2
for number in range(4):
    if not os.fork():
        while time.monotonic() < start:
            pass
        done, kept = workspace.prepare(sys.argv[1]), workspace.reset("01", sys.argv[1])
        sys.stdout.write(f"{sorted(set(done.values()))} {kept}\\n")
        sys.exit()
for number in range(4):
    assert os.wait()[1] == 0
"""


@pytest.mark.slow
def test_several_at_once_make_one_workspace(notebooks, place):
    workspace.prepare()
    edit(place / "01_look.ipynb")
    mine = (place / "01_look.ipynb").read_bytes()
    for name in ("00_start_here", "01_look"):
        write_lesson(notebooks, name, text="2 + 2")
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, place], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    assert done.stdout.count("updated") == done.stdout.count(workspace.KEPT) == 1
    (kept,) = (place / workspace.KEPT).iterdir()
    assert kept.read_bytes() == mine
    assert set(workspace.prepare().values()) == {workspace.SAME}
    assert not list(place.rglob(".unfinished-*"))


@pytest.mark.parametrize("name", ["", "-1", "²", "1.5", "00/../01", "lesson", "100"])
def test_names_that_are_no_lesson(notebooks, name):
    with pytest.raises(ValueError, match=r"there is no lesson .*; there are 00_start_here, 01_look"):
        workspace.find_lesson(name)
