"""The learner's copies of the lessons: without outputs and solutions, and never overwritten.

The lessons' sources stay as they are in the checkout. What a learner opens is a copy in a workspace folder; a small
record there tells whose copies they are (a learner's, or an instructor's with the solutions) and which of them are
still as they were written, so that only those are ever renewed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat

from ..files import atomic, integrity, lock

__all__ = [
    "default_workspace",
    "find_lesson",
    "learner_copy",
    "lessons",
    "notebooks_folder",
    "prepare",
    "record_problem",
    "reset",
]

RECORD = ".tso-workspace.json"
LOCK = ".tso-workspace.lock"
KEPT = "my earlier work"  # folder for what `reset` puts aside
LEARNER, INSTRUCTOR = "learner", "instructor"

NEW, SAME, UPDATED, YOURS, OUTDATED = (
    "new",
    "as it was",
    "updated",
    "yours, kept",
    "yours, kept; the lesson has changed",
)
_ANOTHER = "choose another folder with --workspace or TSO_WORKSPACE"


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
    text = f"{int(text):02d}" if text.isdecimal() else text
    found = [path for stem, path in known.items() if text in (stem, stem[:2])]
    if not found:
        raise ValueError(f"there is no lesson {name!r}; there are {', '.join(known)}")
    return found[0]


def default_workspace(instructor=False):
    """Return the workspace's folder: ``$TSO_WORKSPACE``, or ``workspace/`` beside the lessons' folder.

    Parameters
    ----------
    instructor : bool
        An instructor's workspace, which lies beside a learner's: the same name with ``-instructor`` behind it.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If a "$" was left in TSO_WORKSPACE: a variable that nothing has filled in would become a folder of that name.
    """
    chosen = os.environ.get("TSO_WORKSPACE")
    if chosen and "$" in chosen:
        raise ValueError(f"TSO_WORKSPACE={chosen}: a variable in it was not filled in. Write the folder out in full")
    folder = Path(os.path.abspath(Path(chosen).expanduser())) if chosen else notebooks_folder().parent / "workspace"
    return folder.parent / f"{folder.name}-instructor" if instructor else folder


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
    from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor

    copy = nbformat.from_dict(json.loads(json.dumps(notebook)))
    copy.metadata.pop("jupytext", None)
    if instructor:
        for cell in copy.cells:
            if "solution" in cell.metadata.get("tags", ()):
                cell.metadata.setdefault("jupyter", {})["source_hidden"] = True
        return copy
    copy.metadata.pop("widgets", None)
    copy, _ = TagRemovePreprocessor(remove_cell_tags={"solution"}).preprocess(copy, {})
    copy, _ = ClearOutputPreprocessor().preprocess(copy, {})
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
        If the workspace and the lessons' folder lie in one another, or if the workspace holds a learner's copies and
        an instructor's are asked for, or the other way round.
    OSError
        If the workspace cannot be made or written; the message says what to do.
    """
    with _open(workspace, instructor, notebooks) as place:
        return place.renew()


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

    Raises
    ------
    ValueError, OSError
        As `prepare`, and for a lesson that there is not. The earlier copy is then where it was.
    """
    source = find_lesson(lesson, notebooks)
    with _open(workspace, instructor, notebooks) as place:
        kept = place.replace(source.name, _content(source, instructor))
        place.renew()
        return kept


def record_problem(workspace):
    """Say what is wrong with the record of a workspace.

    Parameters
    ----------
    workspace : path-like

    Returns
    -------
    str or None
        None when it is whole, or when there is none.
    """
    try:
        _read_record(Path(workspace))
    except ValueError as error:
        return str(error)
    except OSError:  # no such folder, or none that may be looked at: `prepare` says so
        return None
    return None


@dataclass
class _Workspace:
    """A workspace that this process alone is writing."""

    folder: Path
    notebooks: Path
    instructor: bool
    written: dict[str, str]  # name of a file -> checksum of what was written there

    def renew(self):
        """Bring every file up to date; returns what was done with each."""
        copies = dict(_copies(self.notebooks, self.instructor))
        done = {name: self._state(name, _digest(content)) for name, content in copies.items()}
        new = {name: _digest(copies[name]) for name, what in done.items() if what in (NEW, UPDATED)}
        with self._noting(new):
            for name in new:
                if _digest_of(self.folder / name) != new[name]:
                    atomic.write_bytes(self.folder / name, copies[name])
        return done

    def _state(self, name, fresh):
        known, there = self.written.get(name), _digest_of(self.folder / name)
        if not os.path.lexists(self.folder / name):
            return NEW
        if _untouched(there, known, fresh):
            return SAME if there == known == fresh else UPDATED
        return YOURS if known in (fresh, None) else OUTDATED

    def replace(self, name, content):
        """Write a fresh copy of a lesson; returns where its owner's is now, or None without one."""
        path, kept = self.folder / name, None
        with self._noting({name: _digest(content)}), atomic.file(path) as unfinished:
            unfinished.write_bytes(content)  # first, because where the disk is full nothing must have moved
            if os.path.lexists(path) and not _untouched(_digest_of(path), self.written.get(name), _digest(content)):
                kept = _free_name(self.folder / KEPT / f"{path.stem} {datetime.now():%Y-%m-%d %H.%M.%S}.ipynb")
                kept.parent.mkdir(exist_ok=True)
                os.replace(path, kept)
        return kept

    @contextlib.contextmanager
    def _noting(self, new):
        """Note what will be written, then that it was: a copy renewed just before a kill is not its owner's work."""
        self._save(new)
        yield
        self.written |= new
        self._save({})

    def _save(self, begun):
        whose = INSTRUCTOR if self.instructor else LEARNER
        record = {"for": whose, "files": self.written, "begun": begun}
        atomic.write_text(self.folder / RECORD, json.dumps(record, indent=1))


@contextlib.contextmanager
def _open(workspace, instructor, notebooks) -> Iterator[_Workspace]:
    """Make a workspace ready to be written by us alone."""
    notebooks = Path(notebooks or notebooks_folder())
    folder = Path(workspace or default_workspace(instructor))
    _refuse_overlap(folder, notebooks)
    try:
        _make(folder)
        with lock.hold(folder / LOCK):
            atomic.remove_leftovers(folder)
            whose, written, begun = (None, {}, {}) if record_problem(folder) else _read_record(folder)
            _refuse_others(folder, whose or _whose_by_content(folder), instructor)
            written |= {name: digest for name, digest in begun.items() if _digest_of(folder / name) == digest}
            yield _Workspace(folder, notebooks, instructor, written)
    except OSError as error:
        what = error.strerror or str(error)
        where = f" ({error.filename})" if error.filename else ""
        raise OSError(
            f"the workspace {folder} cannot be brought up to date: {what}{where}. Your own work in it is as it was; "
            f"mend this, or {_ANOTHER}"
        ) from error


def _make(folder):
    if os.path.islink(folder) and not folder.exists():
        raise OSError(f"it is a link to {os.readlink(folder)}, which is not there")
    if os.path.lexists(folder) and not folder.is_dir():
        raise OSError("it is a file, not a folder")
    folder.mkdir(parents=True, exist_ok=True)


def _refuse_overlap(workspace, notebooks):
    """Copies are made of everything in the lessons' folder, so a workspace in it would be copied into itself."""
    ours, lessons_ = (Path(os.path.realpath(folder)) for folder in (workspace, notebooks))
    if any(_same(folder, lessons_) for folder in (ours, *ours.parents)):
        raise ValueError(
            f"{workspace} is, or lies in, the folder of the lessons' sources ({notebooks}): the workspace would be "
            f"copied into itself; {_ANOTHER}"
        )
    if any(_same(folder, ours) for folder in lessons_.parents):
        raise ValueError(f"{workspace} holds the lessons' sources ({notebooks}) and would mix with them; {_ANOTHER}")


def _same(one, other):
    return one == other or (os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other))


def _refuse_others(folder, whose, instructor):
    if instructor and whose == LEARNER:
        raise ValueError(
            f"{folder} holds a learner's copies; those with solutions need a folder of their own: "
            "tso lab --instructor --workspace DIR"
        )
    if not instructor and whose == INSTRUCTOR:
        raise ValueError(
            f"{folder} holds an instructor's copies, with solutions: open them with `tso lab --instructor`, "
            f"or {_ANOTHER}"
        )


def _whose_by_content(folder):
    """Whose copies they are where no record says so; None without any lesson."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in lessons(folder).values() if path.is_file()]
    if not texts:
        return None
    return INSTRUCTOR if any(re.search(r'"tags":\s*\[[^]]*"solution"', text) for text in texts) else LEARNER


def _copies(notebooks, instructor):
    """(name, bytes) of every file of a workspace: the lessons, and what they link to (glossary, pictures)."""
    for path in sorted(notebooks.rglob("*")):
        name = path.relative_to(notebooks)
        if not path.is_file() or path.suffix == ".py" or any(part.startswith((".", "__")) for part in name.parts):
            continue
        if any((notebooks / parent / RECORD).exists() for parent in name.parents):
            continue  # a workspace that an earlier version has put here
        yield name.as_posix(), _content(path, instructor)


def _content(path, instructor):
    """Bytes of the copy of a file."""
    content = path.read_bytes()
    if path.suffix != ".ipynb":
        return content
    copy = learner_copy(nbformat.reads(content.decode("utf-8"), as_version=4), instructor)
    return (nbformat.writes(copy) + "\n").encode("utf-8")


def _read_record(folder):
    """(whose, files that were written, files that were begun) as noted, the files as {name: checksum}.

    Without a record all are empty; a damaged one is a ValueError. Nothing is known then, so every file that is not
    today's counts as its owner's.
    """
    path = folder / RECORD
    try:
        record = integrity.read_json(path)
    except FileNotFoundError:
        return None, {}, {}
    whose = record.get("for") if "files" in record else None
    files, begun = record.get("files", record), record.get("begun", {})  # the first version noted the files alone
    named = whose in (LEARNER, INSTRUCTOR) or (whose is None and "files" not in record)
    if not named or not _are_checksums(files) or not _are_checksums(begun):
        raise ValueError(f"{path} is damaged: it does not say whose copies lie there and which files were written")
    return whose, dict(files), {name: digest for name, digest in begun.items() if integrity.inside(folder, name)}


def _are_checksums(files):
    return isinstance(files, dict) and all(isinstance(digest, str) for digest in files.values())


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def _digest_of(path):
    """Checksum of a file; None where there is none (a folder, or a link to nothing, is not ours either)."""
    return integrity.checksum(path) if path.is_file() else None


def _untouched(there, *ours):
    return there is not None and there in ours


def _free_name(path):
    number, free = 2, path
    while os.path.lexists(free):
        free, number = path.with_name(f"{path.stem} ({number}){path.suffix}"), number + 1
    return free
