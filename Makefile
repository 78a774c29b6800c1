# Every line below can be run by hand; .venv is made from the exact versions in constraints.txt.
# All paths are relative, so that the checkout may lie in a folder with spaces or accents in its name.

PYTHON ?= python3
BIN = .venv/bin

.PHONY: lab run check test test-newest test-full faults faults-calibrate notebooks bench constraints

lab: .venv/ready               # JupyterLab on lesson 00, in a workspace copy
	$(BIN)/tso lab

run: .venv/ready               # every lesson, headless
	$(BIN)/tso run

check: .venv/ready-to-test     # what takes under two minutes: lint, pairs and rules, fast tests
	$(BIN)/python -m pytest -m "not slow and not full and not remote_data and not bench and not faults and not newest"

test: .venv/ready-to-test      # lint, pairs, unit tests, contract, strict nbval, browser: in this order
	$(BIN)/python -m pytest -m "not full and not remote_data and not bench and not faults and not newest"

test-newest: .venv-newest/ready # the newest releases; outputs are not compared
	.venv-newest/bin/python -m pytest -m "not full and not remote_data and not bench and not faults and not strict"

test-full: .venv/ready-to-test # everything, the long tests at 70 groups as well
	$(BIN)/python -m pytest -m "not remote_data and not bench and not newest"

faults: .venv/ready-to-test    # what can go wrong, 50 kills at random moments each, in under ten minutes
	$(BIN)/python -m pytest -q -s tests/faults -m faults --ignore-glob='*test_calibrate*'

faults-calibrate: .venv/ready-to-test # the same for `tso calibrate`, 50 kills and sick clusters: a quarter of an hour
	$(BIN)/python -m pytest -q -s tests/faults/test_calibrate*.py -m faults

notebooks: .venv/ready-to-test # execute notebooks/*.py into their .ipynb pairs
	$(BIN)/python tools/notebooks.py build

bench: .venv/ready-to-test     # speed, as ratios within one run
	$(BIN)/python -m pytest -q -s tests/benchmarks -m bench

constraints: .venv/bin/uv      # move the pins on to what is newest
	$(BIN)/uv pip compile pyproject.toml --extra test -o constraints.txt --upgrade --universal --fork-strategy fewest --python-version 3.11 --only-binary :all: --no-annotate --custom-compile-command 'make constraints'

.venv/bin/uv: | .venv/bin/python
	$(BIN)/python -m pip install --quiet uv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s; try: make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv .venv

.venv/ready: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --only-binary :all: -c constraints.txt -e .
	touch $@

.venv/ready-to-test: .venv/ready
	$(BIN)/python -m pip install --quiet --only-binary :all: -c constraints.txt -e '.[test]'
	touch $@

.venv-newest/ready: pyproject.toml
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --upgrade --only-binary :all: -e '.[test]'
	touch $@
