"""Each lesson's .ipynb is what its .py says, and keeps the rules of CONTRIBUTING.md."""

import re
from pathlib import Path

import lessons
import lint
import nbformat
import numpy as np
import pytest
import readme

import notebooks
from tso_helpers.course import exercises
from tso_helpers.plotting.stage1_map import STATIONS
from tso_helpers.simulation.exposure import Recipe
from tso_helpers.simulation.truth import Truth

LESSONS = lessons.sources()
ROOT = lessons.NOTEBOOKS.parent

pytestmark = pytest.mark.lint

# Cells whose output cannot repeat, by lesson: the beginning of the cell, and why. At most two per lesson.
IGNORED = {
    "00_start_here": {"for check in tso.doctor": "memory, free disk and settings are those of the reader's machine"},
    "10_whole_observation": {"from distributed import": "the dashboard takes a port that is free"},
}

# Cells that print counts behind a threshold, which may move between processors (tag `about`), in the same way.
ABOUT = {}


def _by_name(paths):
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


@_by_name(LESSONS)
def test_pair(path):
    assert not notebooks.pair_problems(path)


@_by_name(LESSONS)
def test_rules(path):
    assert not lint.problems(path)


@_by_name(LESSONS)
def test_ignored_outputs_are_few_and_have_a_reason(path):
    cells = [cell for cell in lessons.read_source(path).cells if lessons.IGNORE in cell.metadata.get("tags", [])]
    reasons = IGNORED.get(path.stem, {})
    assert len(cells) == len(reasons) <= 2
    for beginning, reason in reasons.items():
        assert any(cell.source.startswith(beginning) for cell in cells), f"{beginning!r}: {reason}"


@_by_name(LESSONS)
def test_counts_that_may_move_are_listed(path):
    cells = [cell for cell in lessons.read_source(path).cells if lessons.ABOUT in cell.metadata.get("tags", [])]
    reasons = ABOUT.get(path.stem, {})
    assert len(cells) == len(reasons)
    for beginning, reason in reasons.items():
        assert any(cell.source.startswith(beginning) for cell in cells), f"{beginning!r}: {reason}"


@_by_name(LESSONS)
def test_exercises_are_registered(path):
    asked = lint.CHECK.findall(path.read_text(encoding="utf-8"))
    assert set(asked) <= set(exercises.registry())


@_by_name(LESSONS)
def test_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([\w./-]+\.(?:ipynb|md|py))(?:#[\w-]*)?\)", text):
        found = path.parent / target
        assert found.exists() or found.with_suffix(".py").exists(), f"{path.name} links to {target}"


@_by_name(LESSONS)
def test_size(path):
    assert path.with_suffix(".ipynb").stat().st_size < 3e6


def test_size_of_all():
    assert sum(path.with_suffix(".ipynb").stat().st_size for path in LESSONS) < 12e6


def test_every_notebook_has_a_source():
    assert [path.stem for path in sorted(lessons.NOTEBOOKS.glob("*.ipynb"))] == [path.stem for path in LESSONS]


@_by_name(LESSONS)
def test_readme_lists_the_lesson(path):
    title, minutes = readme.opening(path)
    table = readme.README.read_text(encoding="utf-8")
    assert f"| [{path.name[:2]} · {title}](notebooks/{path.stem}.ipynb) | {minutes} min |" in table


def test_every_exercise_is_asked_in_a_lesson():
    asked = {slug for path in LESSONS for slug in lint.CHECK.findall(path.read_text(encoding="utf-8"))}
    assert set(exercises.registry()) == asked


def test_sizes_that_lesson_00_names_are_those_of_the_default_exposure():
    recipe = Recipe()
    text = " ".join((lessons.NOTEBOOKS / "00_start_here.py").read_text(encoding="utf-8").replace("\n#", " ").split())
    assert f"**{sum(recipe.integrations)} integrations instead of 465**" in text
    assert f"**{recipe.groups} groups instead of 70**" in text
    assert recipe.decimation == 5
    assert "every fifth read" in text


def test_features_of_the_spectrum_are_as_small_as_lesson_00_says():
    depth = Truth.depth(np.linspace(2.8, 4.88, 200))
    assert np.ptp(depth) < depth.mean() / 10
    assert "more than ten times smaller than the dip" in (lessons.NOTEBOOKS / "00_start_here.py").read_text("utf-8")


def test_number_of_steps_that_lesson_00_names():
    text = (lessons.NOTEBOOKS / "00_start_here.py").read_text(encoding="utf-8")
    assert len(STATIONS) == 13
    assert "thirteen boxes" in text
    assert sum(station.kind != "passed" for station in STATIONS) == 10
    assert "runs ten steps, one of them its own" in text


# The tooling itself: that it notices what it is there to notice.


MADE_UP = """# %% [markdown]
# # 03 · Find it

# %%
1 + 1

# %% tags=["solution"]
2 + 2

# %% tags=["about"] about="0.01: a count"
3 + 3
"""


def _pair(folder, change=None):
    """A small lesson and its pair; `change` is applied to the notebook before it is written."""
    source = folder / "03_made_up.py"
    source.write_text(MADE_UP, encoding="utf-8")
    notebook = lessons.read_source(source)
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    if change:
        change(notebook)
    nbformat.write(notebook, source.with_suffix(".ipynb"))
    return source


def test_a_true_pair_has_no_problems(tmp_path):
    assert notebooks.pair_problems(_pair(tmp_path)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda nb: nb.cells[1].update(source="1 + 2"), "source is '1 + 1'"),
        (lambda nb: nb.cells[0].update(source="# 03 · Lose it"), "source is"),
        (lambda nb: nb.cells[2].metadata.update(tags=[]), "tags is ['solution']"),
        (lambda nb: nb.cells[3].metadata.update(about="0.02: a count"), "about is '0.01: a count'"),
        (lambda nb: nb.cells[3].metadata.pop("about"), "about is '0.01: a count'"),
        (lambda nb: nb.cells.pop(), "has 4 cells"),
        (lambda nb: nb.cells.reverse(), "type is 'markdown'"),
        (lambda nb: nb.cells[1].update(id="random"), "ids"),
        (lambda nb: nb.cells[1].update(execution_count=7), "not executed once"),
        (lambda nb: nb.cells[1].metadata.update(execution={"iopub": "now"}), "metadata other than"),
        (lambda nb: nb.metadata.update(language_info={"version": "3.14"}), "notebook metadata"),
        (lambda nb: nb.cells[1].outputs.append(nbformat.v4.new_output("error", ename="E")), "an error"),
    ],
)
def test_drift_between_the_pair_is_found(tmp_path, change, complaint):
    problems = notebooks.pair_problems(_pair(tmp_path, change=change))
    assert any(complaint in problem for problem in problems), problems


def test_missing_pair_says_how_to_make_it(tmp_path):
    source = _pair(tmp_path)
    source.with_suffix(".ipynb").unlink()
    assert "notebooks.py build 03" in notebooks.pair_problems(source)[0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("saved to /home/me/data.fits", True),
        ("open('/tmp/x/y')", True),
        ("~/.cache/tso_helpers/simulated", False),
        ("https://jwst-docs.stsci.edu/a/b", False),
        ("counts in DN/s per pixel", False),
        ("crds://jwst_nirspec_mask_0001.fits", False),
        ("</b></td>", False),
    ],
)
def test_machine_paths_are_told_from_other_slashes(text, found):
    assert bool(lint.MACHINE_PATH.search(text)) is found


def _notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def _code(source, *, tags=(), text=None, **metadata):
    outputs = [nbformat.v4.new_output("stream", text=text)] if text else []
    return nbformat.v4.new_code_cell(
        source, outputs=outputs, metadata=metadata | ({"tags": list(tags)} if tags else {})
    )


_prose = nbformat.v4.new_markdown_cell


@pytest.mark.parametrize(
    ("rule", "cells", "complaint"),
    [
        ("cells", [_prose("a"), _code("1"), _code("2")], "no prose"),
        ("cells", [_prose("a"), _code("1"), _code("2", tags=["check"]), _code("3")], "cell 3 has no prose"),
        ("cells", [_prose("a"), _code("\n".join("x = 1" for _ in range(26)))], "26 lines"),
        ("cells", [_prose("a"), _code("\n".join("x = 1" for _ in range(16)))], "at most 15"),
        ("cells", [_prose("a"), _code("1 / 0", tags=["raises-exception"])], "raises-exception"),
        ("counts", [_code("print(x)", tags=["about"])], "about="),
        ("counts", [_prose("a"), _code("print(x)", tags=["about"], about="0.002")], "cell 1"),
        ("counts", [_code("print(x)", about="0.002: counts behind a threshold")], "tagged=False"),
        ("counts", [_code("print(x)", tags=["about"], about="0.3: counts behind a threshold")], "0.3"),
        ("outputs", [_code("print(x)", text="0.123456789")], "digits"),
        ("outputs", [_code("print(x)", text="/root/x/y")], "path of one machine"),
        ("exercises", [_code('answer = 3\ntso.exercises.check("a", answer)')], "begins with"),
        ("exercises", [_code('answer = None\ntso.exercises.check("a", answer)')], "do not match"),
        ("opening", [_prose("# Saturation")], "starts with a verb"),
        ("closing", [_prose("# 03"), _prose("## Recap\n\n- one\n")], "On real data"),
        ("teaching", [_prose("a")], "map of Stage 1"),
    ],
)
def test_each_rule_complains(rule, cells, complaint):
    problems = list(getattr(lint, rule)(_notebook(*cells), "03"))
    assert any(complaint in problem for problem in problems), problems


def test_the_committed_ignore_list_keeps_test_products_out():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {".venv*/", "test-results/", "workspace*/"} <= set(ignored)


def test_sanitizers_never_touch_a_number():
    config = Path(ROOT / "tools" / "nbval.cfg").read_text(encoding="utf-8")
    patterns = re.findall(r"^regex: (.*)$", config, flags=re.MULTILINE)
    assert len(patterns) <= 6
    for number in ("0.1457", "12", "-3.2e-05", "2147483648", "1.4 s", "256 pixels", "36000 DN"):
        assert not any(re.search(pattern, number) for pattern in patterns), number


def test_the_glossary_is_in_order_and_names_lessons_that_exist():
    text = (lessons.NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")
    words = [word.lower() for word in re.findall(r"^\| \*\*(.+?)\*\*", text, flags=re.MULTILINE)]
    assert len(words) > 60
    assert words == sorted(set(words))
    assert set(re.findall(r"\[(\d\d)\] \|$", text, flags=re.MULTILINE)) <= {path.name[:2] for path in LESSONS}
