"""A step that is skipped does nothing for the lesson's cells, and what it always does for everybody else."""

import nbformat
import pytest
import skipping

from tso_helpers.course import headless

pytestmark = pytest.mark.slow


def _run(folder, *sources, skip):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    return headless.execute(notebook, folder, timeout=60, startup=skipping.startup(skip), go_on=True)


def test_a_function_does_nothing_and_no_assert_stops(tmp_path):
    code = "import numpy as np\nassert np.square(3) == 9", "assert np.square(3) == 3\nassert np.negative(3) == -3"
    report = _run(tmp_path, *code, skip=["numpy.square"])
    assert report.error is None
    assert {report.asserts[key]: held for key, held in report.outcomes.items()} == {
        "assert np.square(3) == 9": False,
        "assert np.square(3) == 3": True,
        "assert np.negative(3) == -3": True,
    }


def test_a_function_still_works_for_the_package(tmp_path):
    code = (
        "import numpy as np\n"
        "from stdatamodels.jwst.datamodels import RampModel\n"
        "from tso_helpers import detector1, one_over_f\n"
        "striped = np.ones((1, 2, 4, 4), dtype='f4') * np.arange(4, dtype='f4')\n"
        "ramp = RampModel(data=striped.copy())\n"
        "from tso_helpers.instrument import NIRSPEC_G395H as mode\n"
        "ramp.meta.instrument.name, ramp.meta.instrument.detector = mode.instrument, 'NRS1'\n"
        "ramp.meta.instrument.filter, ramp.meta.instrument.grating = mode.filter, mode.grating\n"
        "ramp.meta.exposure.type, ramp.meta.subarray.name = mode.exposure_type, mode.subarray\n"
        "ramp.meta.target.proposer_name = mode.trace_target\n"
        "assert np.array_equal(one_over_f.remove_columns(striped, np.ones((4, 4), bool)), striped)\n"
        "assert not detector1.apply(ramp, 'one_over_f').data.any()"
    )
    report = _run(tmp_path, code, skip=["tso_helpers.one_over_f.remove_columns"])
    assert list(report.outcomes.values()) == [True, True]


def test_a_step_hands_its_input_on(tmp_path):
    report = _run(
        tmp_path,
        "import numpy as np\n"
        "from jwst.group_scale import GroupScaleStep\n"
        "from stdatamodels.jwst.datamodels import RampModel\n"
        "ramp = RampModel((1, 2, 4, 4))\n"
        "after = GroupScaleStep.call(ramp)\n"
        "assert np.array_equal(after.data, ramp.data)\n"
        "assert after is not ramp",
        skip=["jwst.group_scale.GroupScaleStep"],  # needs no reference file
    )
    assert list(report.outcomes.values()) == [True, True]


@pytest.mark.parametrize("name", ["numpy.no_such_function", "no_such_module.Step"])
def test_an_unknown_step_is_an_error(name):
    with pytest.raises((AttributeError, ModuleNotFoundError)):
        skipping.skip_step(name)


def test_a_run_with_an_unknown_step_counts_as_none(tmp_path):
    assert _run(tmp_path, "assert True", skip=["numpy.no_such_function"]).asserts_ran == 0
