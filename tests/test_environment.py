"""The ways to install this say the same: pip, make, conda and Binder."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = [line.split("#")[0].strip() for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()]
PINS = {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, filter(None, PINS))}


def _conda(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_constraints_hold_one_exact_version_of_each_package_and_no_address():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(PINS), "a package is pinned twice"
    assert all(re.match(r"[\w.-]+==[\w.]+( ; .+)?$", line) for line in lines)
    assert not re.search(r"://|^-|/", text, flags=re.MULTILINE)


@pytest.mark.parametrize("text", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]])
def test_every_dependency_is_pinned_within_its_range(text):
    requirement = Requirement(text)
    (pin,) = PINS[canonicalize_name(requirement.name)].specifier
    assert requirement.specifier.contains(pin.version, prereleases=True)


def test_binder_does_not_drift_from_the_conda_environment():
    conda, binder = _conda("environment.yml"), _conda("binder/environment.yml")
    own = [part for part in conda["dependencies"] if isinstance(part, str)]
    (pip,) = [part["pip"] for part in conda["dependencies"] if isinstance(part, dict)]
    assert (conda["name"], conda["channels"], own) == (binder["name"], binder["channels"], binder["dependencies"])
    install = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    (line,) = re.findall(r"^python -m pip install (.*)$", install, flags=re.MULTILINE)
    assert line.removeprefix("--no-cache-dir ") == " ".join(pip)


def test_the_conda_python_is_one_we_support():
    (version,) = re.findall(r"python=(3\.\d+)", (ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]


@pytest.mark.parametrize(
    "target", ["lab", "run", "check", "test", "test-newest", "test-full", "faults", "notebooks", "bench"]
)
def test_each_make_target_is_one_line_and_works_in_any_folder(target, tmp_path):
    folder = tmp_path / "été à la plage"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    for environment in (".venv", ".venv-newest"):
        (folder / environment / "bin").mkdir(parents=True)
        for made in ("bin/python", "ready", "ready-to-test"):
            (folder / environment / made).touch()
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=folder, env=outside, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1, done.stdout
    assert done.stdout.startswith(".venv")


@pytest.mark.lint
@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=["lint", "format"])
def test_code_is_clean(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "."], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_quick_check_leaves_out_what_is_slow_and_nothing_else():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    chosen = dict(re.findall(r"^([\w-]+):.*\n\t.*-m pytest -m \"(.*)\"$", makefile, flags=re.MULTILINE))
    assert chosen["check"] == f"not slow and {chosen['test']}"


def test_continuous_integration_calls_the_readme_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "TSO_REQUIRE_BROWSER=1" in script
    assert script.rstrip().endswith("make test")
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
