"""Running a lesson without a browser: what is counted, what is left out, and what is reported when it fails."""

import nbformat
import pytest

from tso_helpers.course import headless

pytestmark = pytest.mark.slow


def _notebook(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def _run(notebook, folder, **options):
    return headless.execute(notebook, folder, timeout=60, **options)


def test_counts_the_asserts_that_ran(tmp_path):
    never, always = "assert 1 == 1\nif False:\n    assert 2 == 2", "for number in range(3):\n    assert number < 5"
    report = _run(_notebook(never, always), tmp_path)
    assert (report.asserts_ran, len(report.asserts)) == (2, 3)
    assert all(report.outcomes.values())
    assert report.error is None
    assert 1e7 < report.peak_memory < 1e9
    assert report.seconds > 0


def test_a_failing_assert_stops_and_is_reported(tmp_path):
    notebook = _notebook("assert 1 == 2, 'not equal'", "print('never')")
    report = _run(notebook, tmp_path)
    assert "not equal" in report.error
    assert report.asserts_ran == 0
    assert notebook.cells[1].outputs == []


def test_goes_on_after_a_failing_assert_when_told(tmp_path):
    notebook = _notebook("assert 1 == 2", "assert 2 == 2\nundefined", "assert 3 == 3")
    report = _run(notebook, tmp_path, go_on=True)
    assert report.error is None
    assert {report.asserts[key]: held for key, held in report.outcomes.items()} == {
        "assert 1 == 2": False,
        "assert 2 == 2": True,
        "assert 3 == 3": True,
    }


def test_code_of_the_caller_runs_first_and_its_failure_is_not_overlooked(tmp_path):
    notebook = _notebook("import os\nassert os.environ['TSO_EARLY'] == 'yes'")
    report = _run(notebook, tmp_path, startup="__import__('os').environ['TSO_EARLY'] = 'yes'")
    assert list(report.outcomes.values()) == [True]
    report = _run(_notebook("assert True"), tmp_path, startup="1 / 0")
    assert report.asserts_ran == 0


def test_progress_bars_are_off_and_outputs_end_a_cell_as_usual(tmp_path):
    notebook = _notebook("from tqdm.auto import tqdm\nfor _ in tqdm(range(3)):\n    pass", "assert True\n6 * 7")
    _run(notebook, tmp_path)
    assert notebook.cells[0].outputs == []
    assert notebook.cells[1].outputs[0].data["text/plain"] == "42"


def test_the_kernel_runs_where_it_is_told_and_sees_variables(tmp_path):
    notebook = _notebook("import os\nprint(os.environ['TSO_EXTRA'], os.path.samefile('.', os.environ['TSO_HERE']))")
    _run(notebook, tmp_path, TSO_EXTRA="été à la plage", TSO_HERE=tmp_path)
    assert notebook.cells[0].outputs[0].text == "été à la plage True\n"


def test_asserts_are_found_in_cells_with_magics_too():
    assert list(headless.asserts_in(_notebook("%time x = 1\nassert x == 1")).values()) == ["assert x == 1"]
