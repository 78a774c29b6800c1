"""Where the lessons are, and how the source of one is read: what building them and the rules about them share."""

from __future__ import annotations

import hashlib
from pathlib import Path

import jupytext
import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
IGNORE = "nbval-ignore-output"  # tag of a cell whose output cannot repeat
ABOUT = "about"  # tag of a cell whose counts move; of the same name is the metadata that says how far, and why
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}


def sources(names=()):
    """The lessons' .py files in order; `names` keeps those whose file name begins with one of them."""
    found = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))
    chosen = [path for path in found if not names or path.name.startswith(tuple(names))]
    if names and not chosen:
        raise SystemExit(f"no lesson begins with {' or '.join(names)}; there are {', '.join(p.stem for p in found)}")
    return chosen


def read_source(path):
    """The notebook that a .py stands for, with our metadata and ids, and without outputs."""
    notebook = jupytext.read(path)
    notebook.metadata = nbformat.from_dict(METADATA | {"lesson": notebook.metadata.get("lesson", {})})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen = {}
    for cell in notebook.cells:
        digest = hashlib.sha1(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:10]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        tags = sorted(cell.metadata.get("tags", []))
        kept = {"tags": tags} if tags else {}
        if ABOUT in cell.metadata:
            kept[ABOUT] = cell.metadata[ABOUT]
        cell.metadata = nbformat.from_dict(kept)
        if {"solution", "check"} & {*tags} and cell.cell_type == "code":
            cell.metadata["jupyter"] = {"source_hidden": True}
    return notebook
