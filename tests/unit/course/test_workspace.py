"""Workspace copies: what is taken out, and that a learner's work is never lost."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tso_helpers import workspace


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


@pytest.mark.parametrize("damage", [None, "{not json", "[]"])
def test_without_a_readable_record_every_file_counts_as_the_learners(notebooks, place, damage):
    workspace.prepare()
    edit(place / "00_start_here.ipynb")
    mine = (place / "00_start_here.ipynb").read_bytes()
    record = place / workspace.RECORD
    record.unlink() if damage is None else record.write_text(damage)
    write_lesson(notebooks, "00_start_here", text="2 + 2")
    workspace.prepare()
    assert (place / "00_start_here.ipynb").read_bytes() == mine


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


def test_nothing_half_written_is_left(notebooks, place, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(workspace.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        workspace.prepare()
    assert not list(place.glob("*.ipynb"))


def test_the_record_is_json_of_digests(notebooks, place):
    workspace.prepare()
    record = json.loads((place / workspace.RECORD).read_text())
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in record.values())


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path, notebooks):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="TSO_WORKSPACE"):
        workspace.prepare(tmp_path / "file" / "below")
