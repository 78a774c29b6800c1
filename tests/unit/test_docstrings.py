"""Docstrings are of one dialect, numpydoc's in the imperative, and their examples give what they say."""

import ast
import dataclasses
import doctest
import inspect
import pkgutil
import re
import textwrap
from importlib import import_module

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import ERROR_MSGS, validate

import tso_helpers

#: Checks of numpydoc that are left out, each with its reason. All others must hold.
LEFT_OUT = {
    "GL02": "a docstring of one line closes on that line (PEP 257)",
    "ES01": "not everything needs more than a summary",
    "SA01": "what is related is named in the text, where it is related",
    "EX01": "asked of the modules that lessons teach only, see TEACHING",
    "PR07": "'title : str' says all there is to say",
    "PR08": "a description may begin with a unit, which has its own case",
    "PR09": "as PR08: 's.' is a unit and a full stop, 'DN' in a list of attributes needs none",
    "RT03": "the type often says it all: 'matplotlib.axes.Axes'",
    "RT04": "as PR08",
    "RT05": "as PR09",
}
#: Modules that are not held to this, each with its reason.
EXEMPT = {
    "tso_helpers.cli": "its docstrings are the help texts that typer prints",
    "tso_helpers.course.exercises.lesson_": "its functions are called by slug, never by name",
}
#: Examples that are shown and not run, each with its reason.
NOT_RUN = {"tso_helpers.observation.logs.lines": "needs a run of the pipeline"}
#: Where short docstrings are enough: a line that says what, with shape and unit, and the errors.
SHORTER = "tso_helpers.simulation"
#: Modules that lessons teach: every function has an example.
TEACHING = ("dq", "ramps", "trace", "one_over_f", "jumps", "rates", "light_curve", "spectra", "instrument")
#: Those without one, each with its reason.
WITHOUT_EXAMPLE = {
    "tso_helpers.trace.background": "takes a whole ramp",
    "tso_helpers.light_curve.from_rates": "takes rates of the pipeline",
    "tso_helpers.light_curve.integration_times": "takes a table that only a segment has",
    "tso_helpers.spectra.from_rates": "takes rates of the pipeline",
    "tso_helpers.instrument.mode_of": "takes a header of the pipeline",
}
#: Verbs with which summaries of functions and methods begin.
VERBS = {
    "Add",
    "Apply",
    "Ask",
    "Average",
    "Bring",
    "Build",
    "Check",
    "Choose",
    "Combine",
    "Compare",
    "Compute",
    "Copy",
    "Count",
    "Cut",
    "Delete",
    "Describe",
    "Divide",
    "Download",
    "Draw",
    "Execute",
    "Extract",
    "Fetch",
    "Fill",
    "Filter",
    "Find",
    "Fit",
    "Forget",
    "Give",
    "Go",
    "Hold",
    "Invert",
    "Judge",
    "Keep",
    "List",
    "Look",
    "Make",
    "Mark",
    "Measure",
    "Move",
    "Name",
    "Open",
    "Place",
    "Prepare",
    "Print",
    "Put",
    "Read",
    "Register",
    "Remove",
    "Report",
    "Replace",
    "Return",
    "Run",
    "Save",
    "Say",
    "Send",
    "Set",
    "Show",
    "Start",
    "Subtract",
    "Take",
    "Tell",
    "Turn",
    "Write",
    "Yield",
}


def modules():
    """Names of all modules of the package whose docstrings people read."""
    found = pkgutil.walk_packages(tso_helpers.__path__, "tso_helpers.")
    names = ["tso_helpers", *(module.name for module in found)]
    return [name for name in names if not re.search(r"\._(?!_)", name) and not name.startswith(tuple(EXEMPT))]


def public(module_name):
    """Names and objects of a module's public functions and classes, and of the classes' methods and properties."""
    module = import_module(module_name)
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    for name in names:
        thing = getattr(module, name)
        if not (inspect.isfunction(thing) or inspect.isclass(thing)) or thing.__module__ != module_name:
            continue  # a constant, or at home elsewhere
        yield f"{module_name}.{name}", thing
        for method, value in vars(thing).items() if inspect.isclass(thing) else ():
            value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if not method.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                yield f"{module_name}.{name}.{method}", value


def problems(name, thing):
    """What is wrong with one docstring."""
    codes = dict(validate(name)["errors"])
    documented = ClassDoc(thing) if inspect.isclass(thing) else FunctionDoc(thing)
    fields = _fields(thing)
    if fields or annotated_and_short(thing, documented) or name.startswith(SHORTER):
        codes.pop("PR01", None)  # fields are described as attributes, see below
        codes.pop("RT01", None)
    found = [f"{code}: {message}" for code, message in codes.items() if code not in LEFT_OUT]
    if not name.startswith(SHORTER):
        described = documented["Parameters"] + (documented["Attributes"] if fields else [])
        missing = fields - {one for entry in described for one in entry.name.split(", ")}
        found += [f"field {field} is not described" for field in sorted(missing)]
    summary = " ".join(documented["Summary"])
    if inspect.isfunction(thing) and summary.partition(" ")[0] not in VERBS:
        found.append(f"the summary begins with no verb of the list: {summary!r}")
    if raises(thing) and not documented["Raises"]:
        found.append("an error that it raises is not documented")
    return found


def _fields(thing):
    """Names of the public fields of a dataclass or a named tuple."""
    if dataclasses.is_dataclass(thing):
        return {field.name for field in dataclasses.fields(thing) if not field.name.startswith("_")}
    return set(getattr(thing, "_fields", ()))


def annotated_and_short(thing, documented):
    """True for a function whose signature says the types and whose docstring is one short paragraph or two."""
    if not inspect.isfunction(thing) or documented["Parameters"] or documented["Returns"]:
        return False
    signature = inspect.signature(thing)
    parameters = [parameter for name, parameter in signature.parameters.items() if name not in ("self", "cls")]
    annotated = all(parameter.annotation is not parameter.empty for parameter in parameters)
    return annotated and signature.return_annotation is not signature.empty


def raises(thing):
    """True if a function, or the construction of a class, has a raise statement that names an error."""
    if inspect.isclass(thing):
        return any(raises(vars(thing).get(name)) for name in ("__init__", "__post_init__"))
    code = inspect.unwrap(thing).__code__ if inspect.isfunction(thing) else None
    if code is None or code.co_filename.startswith("<"):
        return False  # no function, or one that dataclasses wrote
    function = ast.parse(textwrap.dedent(inspect.getsource(code))).body[0]
    return any(isinstance(node, ast.Raise) and node.exc is not None for node in _own(function))


def _own(function):
    """Statements and expressions of a function, without those of functions inside it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield node
            yield from _own(node)


def examples(module_name):
    """All examples in a module's docstrings."""
    found = doctest.DocTestFinder(exclude_empty=True).find(import_module(module_name))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", modules())
def test_docstrings_of_one_dialect(name):
    assert (import_module(name).__doc__ or "").strip().partition("\n")[0].endswith((".", "?")), (
        "the module says nothing"
    )
    found = {where: problems(where, thing) for where, thing in public(name)}
    assert not {where: wrong for where, wrong in found.items() if wrong}


@pytest.mark.parametrize("name", [name for name in modules() if examples(name)])
def test_examples_give_what_they_say(name):
    skipped = {test.name for test in examples(name) for one in test.examples if one.options.get(doctest.SKIP)}
    assert skipped <= set(NOT_RUN)
    failed, tried = doctest.testmod(import_module(name))
    assert failed == 0
    assert tried > 0 or skipped


@pytest.mark.parametrize("name", TEACHING)
def test_what_is_taught_has_an_example(name):
    shown = {test.name for test in examples(f"tso_helpers.{name}")}
    without = {where for where, thing in public(f"tso_helpers.{name}") if inspect.isfunction(thing)} - shown
    methods = {where for where in without if where.count(".") > 2}
    assert without - methods - set(WITHOUT_EXAMPLE) == set()


def test_exceptions_have_a_use():
    assert set(LEFT_OUT) < set(ERROR_MSGS)
    every = {where for name in modules() for where, _ in public(name)}
    assert set(WITHOUT_EXAMPLE) | set(NOT_RUN) <= every


GOOD = '''
def half(number):
    """Return half of a number.

    Parameters
    ----------
    number : float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there is nothing to divide.
    """
    if not number:
        raise ValueError("nothing to divide")
    return number / 2
'''


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        ("Return half of a number.", "Half of a number.", "no verb"),
        ("Return half of a number.", "Returns half of a number.", "SS05"),
        ("Return half of a number.", "Return half of a number", "SS03"),
        ("number : float", "count : float", "PR01"),
        ("number : float", "number", "PR04"),
        ("Returns\n    -------\n    float\n", "", "RT01"),
        ("Raises\n    ------\n    ValueError\n        If there is nothing to divide.\n", "", "error that it raises"),
        ('raise ValueError("nothing to divide")', "return 0", None),
    ],
)
def test_a_wrong_docstring_is_found(old, new, message, tmp_path, monkeypatch):
    assert old in GOOD
    name = f"made_up_{abs(hash((old, new)))}"
    (tmp_path / f"{name}.py").write_text(GOOD.replace(old, new) if old else GOOD, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (where, thing), *_ = public(name)
    found = problems(where, thing)
    assert not found if message is None else [text for text in found if message in text]
