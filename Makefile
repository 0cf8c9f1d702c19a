# make demo | test | lint | docs | bench | clean      PYTHON and VENV may be given: make demo PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SHARED := benchmarks/measure.py benchmarks/training.py
BENCHMARKS := $(filter-out $(SHARED),$(sort $(wildcard benchmarks/*.py)))
# Modules are compiled when they are first imported, which most of what is installed never is; what a
# run imports is part of the installation.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile -c constraints.txt
IMPORT_ALL := $(BIN)/python -c "import openTSNE; from nearfar.execution.processes import import_here; import_here()"

.PHONY: demo test lint docs bench clean

demo: $(VENV)/.ready
	$(BIN)/nearfar run esol --profile quick

# A worker a core, each on one thread; files stay whole, for what their tests share, and in order:
# those of few tests, which take longest, would come last otherwise.
test: $(VENV)/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST)

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site, its notebooks executed, without a network; a warning fails.
docs: $(VENV)/.ready-docs
	OMP_NUM_THREADS=1 NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/.ready-dev
	@set -e; for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python "$$script" $(BENCH); done

# Runs and their results (runs/) are the user's and stay.
clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Installation happens once, and again when what it depends on changes.
$(VENV)/.ready: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP_INSTALL) -e .
	$(IMPORT_ALL)
	@touch $@

$(VENV)/.ready-dev: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP_INSTALL) -e '.[dev]'
	@touch $(VENV)/.ready $@

$(VENV)/.ready-docs: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP_INSTALL) -e '.[docs]'
	@touch $(VENV)/.ready $@

$(BIN)/pip:
	@sh scripts/make-venv $(VENV) $(PYTHON)
