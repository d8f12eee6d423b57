# make demo       install, then measure the default study on real handwriting
# make test       the fast tests (minutes); make test-slow: the calibration studies as well
# make check      ruff and mypy
# make bench      the benchmarks, as ratios measured in one run
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test test-slow check format bench docs clean

demo: .venv/demo
	$(BIN)/gengap run

test: .venv/test
	$(BIN)/python -m pytest

test-slow: .venv/test
	$(BIN)/python -m pytest -m "slow or not slow"

check: .venv/check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/test
	$(BIN)/python benchmarks/fleet.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/table.py
	$(BIN)/python benchmarks/statistics_speed.py
	$(BIN)/python benchmarks/detectors.py
	$(BIN)/python benchmarks/detectors_distance.py

docs: .venv/demo
	$(BIN)/python docs/make_tables.py

clean:
	rm -rf .venv

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gengap needs Python 3.11 or newer; try: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/demo: .venv/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

.venv/test: .venv/python pyproject.toml constraints.txt
	$(PIP) --editable '.[test]'
	touch $@

.venv/check: .venv/python pyproject.toml constraints.txt
	$(PIP) --editable '.[check]'
	touch $@
