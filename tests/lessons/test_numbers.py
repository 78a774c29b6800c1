"""Outputs are compared token by token: what passes for the same, and above all what does not."""

import subprocess
import sys
import types

import lessons
import nbformat
import nbval_numbers
import pytest
from nbval.plugin import IPyNbCell
from nbval_numbers import agree, settle, tolerance_of

SAME = [
    ("6.02", "6.01"),
    ("6.02", "6.03"),
    ("-0.00", "0.00"),
    ("\N{MINUS SIGN}1.5", "-1.6"),
    ("1.2e-05", "1.3e-05"),
    ("9.99", "10.0"),
    ("9.99e-05", "1.00e-04"),
    ("9.99", "10"),  # as %.3g prints a number just below 10, and one just above
    ("8,400.5", "8,400.6"),
    ("8,400", "8400"),
    ("+3.0", "3.0"),
    (".5", "0.5"),
]
OTHER = [
    ("6.02", "6.00"),
    ("6.02", "6.04"),
    ("1.2e-05", "1.4e-05"),
    ("1.2e-05", "1.2e-04"),
    ("12", "13"),
    ("8,400", "8,401"),
    ("0.5", "-0.5"),
    ("9.99", "10.2"),
    ("2.59", "2.5"),  # of a number that lost its last digit, the finer unit counts
    ("10", "10.0"),
]


@pytest.mark.parametrize(("stored", "printed"), SAME)
def test_numbers_that_agree(stored, printed):
    assert agree(stored, printed)
    assert agree(printed, stored)


@pytest.mark.parametrize(("stored", "printed"), OTHER)
def test_numbers_that_do_not(stored, printed):
    assert not agree(stored, printed)
    assert not agree(printed, stored)


def test_integers_may_move_where_a_tolerance_says_so():
    assert agree("8,400", "8,416", tolerance=0.002)
    assert not agree("8,400", "8,417", tolerance=0.002)
    assert not agree("12", "13", tolerance=0.002)
    assert not agree("6.02", "6.04", tolerance=0.05), "the tolerance is for counts"


@pytest.mark.parametrize(
    ("stored", "printed"),
    [
        ("scatter 6.02 ppm\n", "scatter 6.01 ppm\n"),
        ("(6.02, 7.10)", "(6.01, 7.11)"),
        ("6.02%, 0.99s", "6.03%, 1.00s"),
        ("a    9.99\nb  100.00\n", "a  10.00\nb   99.99\n"),
        ("count  size\n-----  ----\n", "count size\n----- -----\n"),
        ("|  9.99|\n", "| 10.00|\n"),
        ("<tr><td>6.02</td><td>NRS1</td></tr>", "<tr><td>6.01</td><td>NRS1</td></tr>"),
        ("1.5-2.5 µm", "1.5-2.6 µm"),
        ("[nan inf 0.10]", "[nan inf 0.11]"),
    ],
)
def test_texts_that_agree_become_what_is_stored(stored, printed):
    assert settle(stored, printed) == stored


@pytest.mark.parametrize(
    ("stored", "printed"),
    [
        ("scatter 6.02 ppm", "scatter 6.00 ppm"),
        ("scatter 6.02 ppm", "noise 6.02 ppm"),
        ("scatter 6.02 ppm", "scatter 6.02ppm more"),
        ("one 1.0\ntwo 2.0\n", "one 1.0\n"),
        ("one 1.0\ntwo 2.0\n", "one 1.0 two 2.0\n"),
        ("one\n\ntwo\n", "one\ntwo\n"),
        ("12 samples", "13 samples"),
        ("12 samples.", "13 samples."),
        ("18,256", "18,257"),
        ("(6, 32, 2048)", "(6, 32, 2049)"),
        ("version 2.4.6", "version 2.4.7"),
        ("NRS1", "NRS2"),
        ("seg001_x1.5", "seg001_x1.6"),
        ("[nan 0.10]", "[0.00 0.10]"),
        ("inf", "-inf"),
        ("<td>12</td>", "<td>11</td>"),
        ("<b>6.02</b>", "<i>6.02</i>"),
    ],
)
def test_texts_that_do_not_agree_stay_different(stored, printed):
    assert settle(stored, printed) != stored


def test_only_the_lines_that_differ_are_left_for_the_report():
    assert settle("a 1.00\nb 1.00\n", "a 1.01\nb 1.02\n") == "a 1.00\nb 1.02\n"


def _cell(source="pass", **metadata):
    return nbformat.v4.new_code_cell(source, metadata=metadata)


def test_pictures_are_not_looked_at():
    class Cell:
        parent = types.SimpleNamespace(skip_compare=("image/png",))
        cell = _cell()

        def sanitize(self, text):
            raise AssertionError("nbval does not compare pictures")

    def picture(text):
        return [nbformat.v4.new_output("display_data", {"image/png": text})]

    compared = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IPyNbCell, "compare_outputs", lambda cell, test, ref, skip: compared.append((test, ref)))
        nbval_numbers._compare_outputs(Cell(), picture("new"), picture("old"))
    assert compared == [(picture("new"), picture("old"))]


def test_tolerance_of_a_cell():
    assert tolerance_of(_cell()) == 0
    assert float(tolerance_of(_cell(tags=["about"], about="0.002: counts behind a threshold"))) == 0.002


@pytest.mark.parametrize(
    "metadata",
    [
        {"tags": ["about"]},
        {"about": "0.002: counts behind a threshold"},
        {"tags": ["about"], "about": "0.002"},
        {"tags": ["about"], "about": "0.002: "},
        {"tags": ["about"], "about": "counts behind a threshold"},
        {"tags": ["about"], "about": "0.2: more than five per cent is no tolerance"},
        {"tags": ["about"], "about": "0.0: none is no tolerance either"},
    ],
)
def test_tag_tolerance_and_reason_come_together(metadata):
    with pytest.raises(ValueError, match="about"):
        tolerance_of(_cell(**metadata))


# With nbval itself: each cell prints what `prints` says, and stored is what `stored` says.

PASSES = "6.02 of 12\n"
CELLS = {
    "last digit": ("6.01 of 12\n", {}, True),
    "two units away": ("6.00 of 12\n", {}, False),
    "changed word": ("6.02 or 12\n", {}, False),
    "missing line": ("", {}, False),
    "one line more": ("6.02 of 12\n\n", {}, False),
    "integer off by one": ("6.02 of 13\n", {}, False),
    "integer off by one where it may": ("6.02 of 1201\n", {"tags": ["about"], "about": "0.002: a count"}, True),
    "integer far off where it may move a little": ("6.02 of 13\n", {"tags": ["about"], "about": "0.002: it"}, False),
    "tag without a reason": ("6.02 of 12\n", {"tags": ["about"]}, False),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What nbval says to each of `CELLS`: {name: passed}, from one run by the command that CONTRIBUTING gives."""
    folder = tmp_path_factory.mktemp("numbers")
    cells = []
    for count, (name, (prints, metadata, _)) in enumerate(CELLS.items(), start=1):
        stored = PASSES.replace("12", "1200") if "1201" in prints else PASSES
        cell = _cell(f"# {name}\nprint({prints!r}, end='')", **metadata)
        cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text=stored)], count
        cells.append(cell)
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=lessons.METADATA)
    nbformat.write(notebook, folder / "made_up.ipynb")
    options = ["--nbval", "-p", "tools.nbval_numbers", "-p", "no:cacheprovider", "-W", "default", "-v", "--color=no"]
    command = [sys.executable, "-m", "pytest", *options, str(folder / "made_up.ipynb")]
    root = lessons.NOTEBOOKS.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    verdicts = [line for line in done.stdout.splitlines() if "::Cell " in line and "%]" in line]
    assert len(verdicts) == len(CELLS), done.stdout + done.stderr
    return {name: "PASSED" in verdict for name, verdict in zip(CELLS, verdicts, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_nbval_says(outcomes, name):
    assert outcomes[name] is CELLS[name][2]
