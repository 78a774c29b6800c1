"""Whatever is imported is asked for in pyproject.toml, and does not come along with something else by luck."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
INSTALLED = packages_distributions()


def names(requirements):
    return {canonicalize_name(Requirement(text).name) for text in requirements}


ALWAYS = names([*PROJECT["dependencies"], PROJECT["name"]])
FOR_TESTS = ALWAYS | names(PROJECT["optional-dependencies"]["test"])


def our_own():
    """Modules that lie in the folders which pytest puts on the path, and beside a test."""
    return {path.stem for folder in ("tools", "tests") for path in (ROOT / folder).rglob("*.py")}


def undeclared(source, declared, ours=()):
    """Top-level names imported anywhere in a source, of distributions that nobody declared."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    foreign = found - set(sys.stdlib_module_names) - set(ours)
    return {name for name in foreign if not declared & {canonicalize_name(one) for one in INSTALLED.get(name, [])}}


@pytest.mark.parametrize(
    ("folder", "declared"), [("tso_helpers", ALWAYS), ("notebooks", ALWAYS), ("tools", FOR_TESTS), ("tests", FOR_TESTS)]
)
def test_everything_imported_is_declared(folder, declared):
    ours = our_own() if folder in ("tools", "tests") else set()
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    found = {str(path.relative_to(ROOT)): undeclared(path.read_text("utf-8"), declared, ours) for path in paths}
    assert not {path: missing for path, missing in found.items() if missing}


def test_an_import_that_nobody_declared_is_noticed():
    source = "import numpy as np\nimport os\ndef f():\n    from tornado.ioloop import IOLoop\n    import no_such_module"
    assert undeclared(source, ALWAYS) == {"tornado", "no_such_module"}
    assert undeclared("import pytest", ALWAYS) == {"pytest"}
    assert undeclared("import pytest, yaml, PIL.Image\nfrom . import mine", FOR_TESTS) == set()
