# make demo       install, then measure the default study on real handwriting
# make test       the fast tests and the examples in docstrings (minutes)
# make test-threads  those that train networks or read them in threads, with two threads a process
# make test-slow  the calibration studies as well
# make check      ruff, mypy, the import contract, and some tests with the lowest versions declared
# make fuzz       ten thousand hostile inputs, each in a process of its own; prints counts
# make docs       the documentation as a site in build/site, to be read without a network
# make bench      the benchmarks, as ratios measured in one run
# make calibration  docs/calibration.md: do intervals, tests and plans hold? (an hour; one part: python -m benchmarks.calibration compare)
PYTHON ?= python3
BIN := .venv/bin
LOWEST := tests/base tests/environments/test_readers.py tests/environments/formats tests/records/test_store.py \
	tests/cli/test_compare_command.py tests/study/test_study_file_hostile.py
THREADED := training models guard/test_guard_threads.py
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test test-threads test-slow check lowest fuzz format bench calibration docs clean

demo: .venv/demo
	$(BIN)/gengap run

test: .venv/test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-threads: .venv/test
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(addprefix tests/,$(THREADED))

test-slow: .venv/test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "slow or not slow"

check: .venv/check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(MAKE) --no-print-directory lowest

lowest: .venv/lowest/installed
	PYTHONPATH=.venv/lowest $(BIN)/python -m pytest $(LOWEST)

fuzz: .venv/test
	$(BIN)/python tests/fuzz/many.py 10000

format: .venv/check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/test
	$(BIN)/python benchmarks/fleet.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/cluster.py
	$(BIN)/python benchmarks/table.py
	$(BIN)/python benchmarks/statistics_speed.py
	$(BIN)/python benchmarks/adapters.py
	$(BIN)/python benchmarks/detectors.py
	$(BIN)/python benchmarks/detectors_distance.py
	$(BIN)/python benchmarks/control.py
	$(BIN)/python benchmarks/merges.py

calibration: .venv/test
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.calibration

docs: .venv/docs
	$(BIN)/python docs/make_tables.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	$(BIN)/python docs/check_site.py
	@echo "Open build/site/index.html."

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

.venv/lowest/installed: .venv/test pyproject.toml tests/lowest_versions.py
	$(BIN)/python tests/lowest_versions.py .venv/lowest
	touch $@

.venv/docs: .venv/python pyproject.toml constraints.txt
	$(PIP) --editable '.[docs]'
	touch $@
