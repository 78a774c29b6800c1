"""The learner's copies of the lessons: without outputs and solutions, and never overwritten.

The lessons' sources stay as they are in the checkout. What a learner opens is a copy in a workspace folder; a small
record there tells which copies are still as they were written, so that only those are ever renewed.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path

import nbformat

from ..files import atomic

__all__ = ["default_workspace", "find_lesson", "learner_copy", "lessons", "notebooks_folder", "prepare", "reset"]

RECORD = ".tso-workspace.json"
KEPT = "my earlier work"  # folder for what `reset` puts aside

NEW, SAME, UPDATED, YOURS, OUTDATED = (
    "new",
    "as it was",
    "updated",
    "yours, kept",
    "yours, kept; the lesson has changed",
)


def notebooks_folder():
    """Return the folder with the lessons: ``$TSO_NOTEBOOKS``, or ``notebooks/`` of the package's checkout.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        There are no lessons in that folder; the message says how to install them.
    """
    chosen = os.environ.get("TSO_NOTEBOOKS")
    folder = Path(chosen).expanduser() if chosen else Path(__file__).resolve().parents[2] / "notebooks"
    if not any(folder.glob("[0-9][0-9]_*.ipynb")):
        where = f"TSO_NOTEBOOKS={chosen}" if chosen else str(folder)
        raise FileNotFoundError(
            f"no lessons (NN_name.ipynb) in {where}. They are part of the git repository, not of an installed package: "
            "clone it and install with `pip install -e .` from there, or set TSO_NOTEBOOKS to its notebooks/ folder."
        )
    return folder


def lessons(folder=None):
    """List the lessons in order.

    Parameters
    ----------
    folder : path-like, optional
        Default `notebooks_folder`.

    Returns
    -------
    dict of str to pathlib.Path
        Name without suffix (``"01_download_and_quick_looks"``) to notebook.
    """
    folder = Path(folder or notebooks_folder())
    return {path.stem: path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}


def find_lesson(name, folder=None):
    """Find a lesson's notebook by its number or name.

    Parameters
    ----------
    name : str or int
        ``1``, ``"01"`` or ``"01_download_and_quick_looks"``.
    folder : path-like, optional
        Default `notebooks_folder`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        There is no such lesson; the message lists those that there are.
    """
    known = lessons(folder)
    text = str(name).removesuffix(".ipynb")
    text = f"{int(text):02d}" if text.isdigit() else text
    found = [path for stem, path in known.items() if text in (stem, stem[:2])]
    if not found:
        raise ValueError(f"there is no lesson {name!r}; there are {', '.join(known)}")
    return found[0]


def default_workspace(instructor=False):
    """Return where learners work: ``$TSO_WORKSPACE``, or ``workspace/`` beside the lessons.

    Parameters
    ----------
    instructor : bool
        ``workspace-instructor/`` instead.

    Returns
    -------
    pathlib.Path
    """
    chosen = os.environ.get("TSO_WORKSPACE")
    if chosen:
        return Path(chosen).expanduser()
    return notebooks_folder().parent / ("workspace-instructor" if instructor else "workspace")


def learner_copy(notebook, instructor=False):
    """Make of a notebook what a learner opens: no outputs, no cells tagged ``solution``.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Not changed.
    instructor : bool
        Keep outputs and solutions; the solutions are folded.

    Returns
    -------
    nbformat.NotebookNode
        Its metadata no longer ties it to the .py source, so that saving it writes one file only.
    """
    copy = nbformat.from_dict(json.loads(json.dumps(notebook)))
    copy.metadata.pop("jupytext", None)
    if instructor:
        for cell in filter(_is_solution, copy.cells):
            cell.metadata.setdefault("jupyter", {})["source_hidden"] = True
        return copy
    copy.cells = [cell for cell in copy.cells if not _is_solution(cell)]
    copy.metadata.pop("widgets", None)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return copy


def prepare(workspace=None, *, instructor=False, notebooks=None):
    """Bring a workspace up to date: add what is missing, renew what its owner has not touched, keep the rest.

    Parameters
    ----------
    workspace : path-like, optional
        Default `default_workspace`.
    instructor : bool
        Copies with outputs and solutions.
    notebooks : path-like, optional
        Folder with the lessons. Default `notebooks_folder`.

    Returns
    -------
    dict of str to str
        What was done with each file: "new", "as it was", "updated", "yours, kept", or "yours, kept; the lesson has
        changed" (then `reset` gives the new one).

    Raises
    ------
    ValueError
        If the workspace is the folder of the lessons.
    OSError
        If the workspace cannot be created.
    """
    notebooks = Path(notebooks or notebooks_folder())
    workspace = Path(workspace or default_workspace(instructor))
    _refuse_sources(workspace, notebooks)
    try:
        workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{workspace} cannot be created ({error.strerror}): choose another folder with TSO_WORKSPACE"
        raise OSError(message) from error
    record, done = _read_record(workspace), {}
    for name, content in _copies(notebooks, instructor):
        path, fresh = workspace / name, _digest(content)
        if not path.exists():
            done[name] = NEW
        elif _digest(path.read_bytes()) == record.get(name) or _digest(path.read_bytes()) == fresh:
            done[name] = SAME if record.get(name) == fresh else UPDATED
        else:
            done[name] = YOURS if record.get(name) in (fresh, None) else OUTDATED
        if done[name] in (NEW, UPDATED):
            atomic.write_bytes(path, content)
            record[name] = fresh
    atomic.write_text(workspace / RECORD, json.dumps(record, indent=1))
    return done


def reset(lesson, workspace=None, *, instructor=False, notebooks=None):
    """Start a lesson afresh. What was there is put aside, not deleted.

    Parameters
    ----------
    lesson : str or int
        Number or name of the lesson.
    workspace : path-like, optional
    instructor : bool
    notebooks : path-like, optional
        As for `prepare`.

    Returns
    -------
    pathlib.Path or None
        Where the earlier copy is now; None if there was none, or if it had not been touched.
    """
    notebooks = Path(notebooks or notebooks_folder())
    workspace = Path(workspace or default_workspace(instructor))
    name = find_lesson(lesson, notebooks).name
    path, kept = workspace / name, None
    if path.exists() and _digest(path.read_bytes()) != _read_record(workspace).get(name):
        kept = _free_name(workspace / KEPT / f"{path.stem} {datetime.now():%Y-%m-%d %H.%M.%S}.ipynb")
        kept.parent.mkdir(exist_ok=True)
        os.replace(path, kept)
    else:
        path.unlink(missing_ok=True)
    prepare(workspace, instructor=instructor, notebooks=notebooks)
    return kept


def _is_solution(cell):
    return "solution" in cell.metadata.get("tags", ())


def _copies(notebooks, instructor):
    """(name, bytes) of every file of a workspace: the lessons, and what they link to (glossary, pictures)."""
    for path in sorted(notebooks.rglob("*")):
        name = path.relative_to(notebooks)
        if not path.is_file() or path.suffix == ".py" or any(part.startswith((".", "__")) for part in name.parts):
            continue
        content = path.read_bytes()
        if path.suffix == ".ipynb":
            copy = learner_copy(nbformat.reads(content.decode(), as_version=4), instructor)
            content = (nbformat.writes(copy) + "\n").encode()
        yield str(name), content


def _refuse_sources(workspace, notebooks):
    if workspace.resolve() == notebooks.resolve():
        raise ValueError(f"{workspace} holds the lessons' sources; choose another folder for the workspace")


def _read_record(workspace):
    """What was written, by name. Unreadable means that nothing is known, so that every file counts as its owner's."""
    try:
        record = json.loads((workspace / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def _free_name(path):
    number, free = 2, path
    while free.exists():
        free, number = path.with_name(f"{path.stem} ({number}){path.suffix}"), number + 1
    return free
