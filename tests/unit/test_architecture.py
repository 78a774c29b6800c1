"""The arrows of the package go one way: who may import whom, read from the source of every module.

Imports inside functions count as well, and so do names of our modules in strings (`import_module`).
"""

import ast
import graphlib
import re
from pathlib import Path

import pytest

import tso_helpers

PACKAGE = Path(tso_helpers.__file__).parent

TEACHING = {"dq", "ramps", "trace", "one_over_f", "jumps", "rates", "light_curve", "spectra", "transit"}
#: The rooms of the house, and those that each may import besides itself.
MAY_IMPORT = {
    "instrument": set(),
    "teaching": {"instrument"},
    "plotting": {"teaching", "instrument"},
    "files": set(),
    "detector1": {"teaching", "instrument", "files"},
    "simulation": {"instrument", "files"},  # and so the truth uses none of the helpers that it judges
    "observation": {"teaching", "instrument", "files", "detector1"},
    "course": {"teaching", "instrument", "plotting", "files", "detector1", "observation"},
    "cli": {"instrument", "files", "detector1", "simulation", "observation", "course"},
    "": set(),  # the package itself has the names of its modules, and imports them when they are asked for
}
#: What a single module may import besides.
MAY_ALSO = {"tso_helpers.observation.simulated": {"simulation"}}  # opens the simulated exposure


def read(package):
    """Every module of a package: its dotted name to its syntax tree; a folder has the name of the folder."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def room(name):
    """The room of a module: the first part of its name inside the package, "teaching" for those that lessons teach."""
    first = [*name.split("."), ""][1]
    return "teaching" if first in TEACHING else first


def imported(name, tree, modules):
    """(module of the package, name taken from it or None) of each import in a tree."""
    package = name if any(other.startswith(f"{name}.") for other in modules) else name.rpartition(".")[0]
    top = name.split(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.split(".")[0] == top)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            if base.split(".")[0] == top:
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    yield (inner, None) if inner in modules else (base, alias.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in modules:
            yield node.value, None


def arrows_upwards(modules):
    """Imports that the house does not allow, in words."""
    for name, tree in modules.items():
        here = room(name)
        if here not in MAY_IMPORT:
            yield f"{name} has no room: say in MAY_IMPORT or TEACHING what it is"
            continue
        allowed = {here} | MAY_IMPORT[here] | MAY_ALSO.get(name, set())
        for target, _ in imported(name, tree, modules):
            if target != name.split(".")[0] and room(target) not in allowed:
                yield f"{name} imports {target}"


def private_names(modules):
    """Uses of what another module has for itself alone, in words."""
    for name, tree in modules.items():
        known = set()
        for target, taken in imported(name, tree, modules):
            known |= {target.rpartition(".")[2]} if taken is None and target != name else set()
            if any(_is_private(part) for part in (*target.split("."), taken or "")):
                yield f"{name} imports {target}.{taken or ''}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and _is_private(node.attr) and ast.unparse(node.value) in known:
                yield f"{name} uses {ast.unparse(node)}"


def _is_private(name):
    return name.startswith("_") and not re.fullmatch("__.*__", name)


def at_import(tree):
    """The part of a module that runs when it is imported: no bodies of functions."""
    kept = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    kept = [node for node in kept if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return _WithoutFunctions().visit(ast.Module(kept, []))


class _WithoutFunctions(ast.NodeTransformer):
    def visit_FunctionDef(self, node):
        return ast.Pass()

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_Constant(self, node):
        return ast.Constant(None)  # a name in a string imports nothing yet


def cycles(modules):
    """Modules that need each other before either is imported, in words. A folder's face comes with what is in it."""
    needs = {}
    for name, tree in modules.items():
        targets = {target for target, _ in imported(name, at_import(tree), modules)}
        faces = {".".join(target.split(".")[:n]) for target in targets for n in range(2, target.count(".") + 2)}
        needs[name] = {one for one in targets | faces if one in modules and not f"{name}.".startswith(f"{one}.")}
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        yield " -> ".join(error.args[1])


def test_every_import_goes_the_way_it_may():
    assert not list(arrows_upwards(read(PACKAGE)))


def test_nobody_uses_what_is_private_elsewhere():
    assert not list(private_names(read(PACKAGE)))


def test_no_two_modules_need_each_other():
    assert not list(cycles(read(PACKAGE)))


def test_only_two_modules_know_the_simulation():
    modules = read(PACKAGE)
    outside = {name: tree for name, tree in modules.items() if room(name) != "simulation"}
    know = {
        name
        for name, tree in outside.items()
        if any(room(target) == "simulation" for target, _ in imported(name, tree, modules)) and name != "tso_helpers"
    }
    assert know == {"tso_helpers.cli", "tso_helpers.observation.simulated"}


def test_text_is_read_and_written_as_utf8():
    """Without an encoding the locale's would be taken, which is ASCII under LC_ALL=C."""
    wrong = []
    for path in [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "tools").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _opens_text(node) and "encoding" not in {k.arg for k in node.keywords}:
                wrong.append(f"{path.relative_to(PACKAGE.parent)}:{node.lineno}: {ast.unparse(node)}")
    assert not wrong


def _opens_text(call):
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("read_text", "write_text"):
        return ast.unparse(call.func.value) != "atomic"  # which always writes UTF-8
    if isinstance(call.func, ast.Name) and call.func.id == "open":
        mode = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        return not (mode and isinstance(mode[0], ast.Constant) and "b" in mode[0].value)
    return False


@pytest.mark.parametrize(
    ("find", "sources", "expected"),
    [
        (arrows_upwards, {"dq": "from . import trace", "trace": ""}, []),
        (
            arrows_upwards,
            {"dq": "from .files import atomic", "files/atomic": ""},
            ["house.dq imports house.files.atomic"],
        ),
        (arrows_upwards, {"files/lock": "from .. import dq", "dq": ""}, ["house.files.lock imports house.dq"]),
        (arrows_upwards, {"files/lock": "import house.dq", "dq": ""}, ["house.files.lock imports house.dq"]),
        (
            arrows_upwards,
            {"observation/opening": "def f():\n    from ..simulation.noise import stream", "simulation/noise": ""},
            ["house.observation.opening imports house.simulation.noise"],
        ),
        (
            arrows_upwards,
            {"detector1/steps": "import_module('house.course.doctor')", "course/doctor": ""},
            ["house.detector1.steps imports house.course.doctor"],
        ),
        (
            arrows_upwards,
            {"simulation/truth": "from ..trace import fit", "trace": ""},
            ["house.simulation.truth imports house.trace"],
        ),
        (arrows_upwards, {"novel": ""}, ["house.novel has no room: say in MAY_IMPORT or TEACHING what it is"]),
        (private_names, {"dq": "from .trace import _fit", "trace": ""}, ["house.dq imports house.trace._fit"]),
        (private_names, {"dq": "from . import trace\ntrace._fit()", "trace": ""}, ["house.dq uses trace._fit"]),
        (private_names, {"dq": "from . import _skip", "_skip": ""}, ["house.dq imports house._skip."]),
        (cycles, {"dq": "from . import trace", "trace": "def f():\n    from . import dq"}, []),
        (cycles, {"dq": "from . import trace", "trace": "try:\n    from . import dq\nfinally:\n    pass"}, ["house"]),
        (cycles, {"files/__init__": "from .a import x", "files/a": "", "dq": "from .files import a"}, []),
        (
            cycles,
            {
                "files/__init__": "from .a import x",
                "files/a": "from .. import dq",
                "dq": "from .files import b",
                "files/b": "",
            },
            ["house"],
        ),
    ],
)
def test_the_rules_notice_what_breaks_them(tmp_path, find, sources, expected):
    for name, text in {"__init__": "", **sources}.items():
        (tmp_path / "house" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "house" / f"{name}.py").write_text(text, encoding="utf-8")
    for folder in (tmp_path / "house").iterdir():
        if folder.is_dir() and not (folder / "__init__.py").exists():
            (folder / "__init__.py").write_text("", encoding="utf-8")
    found = list(find(read(tmp_path / "house")))
    if expected == ["house"]:  # which of a cycle's modules comes first does not matter
        assert len(found) == 1
        assert "house.dq" in found[0]
    else:
        assert found == expected
