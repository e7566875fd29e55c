# Everything a visitor needs: `make demo`, `make test`. Needs make, and Python 3.11 or 3.12 with venv (or uv).
# The environment is made in .venv from requirements.lock and re-made when that or pyproject.toml changes;
# nothing has to be activated. PYTHON=/path/to/python3.12 chooses the interpreter.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help environment demo test test-full bench ui lint lock clean

# Keep compiled modules even where the machine is set not to: otherwise each of hundreds of processes compiles its own.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
RUN := $(VENV)/bin/python
MADE := $(VENV)/.made
# Two workers keep the tests within a laptop's memory; `make test WORKERS=0` runs them in one process.
WORKERS ?= 2
PYTEST := $(RUN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

help:
	@echo 'make environment makes .venv from requirements.lock; other targets do so when they need it'
	@echo 'make demo        the whole study from the simulated upstream, into data_lake/hnbc.duckdb'
	@echo 'make test        all tests but the long ones     (one file: make test TESTS=hnbc_assets_tests/cli)'
	@echo 'make test-full   the long ones too'
	@echo 'make bench       each kernel beside its peers'
	@echo 'make ui          the Dagster UI on http://127.0.0.1:3000'
	@echo 'make lint        style and formatting'
	@echo 'make lock        requirements.lock anew from pyproject.toml (needs uv; UPGRADE=1 moves every version)'
	@echo 'make clean       removes the environment and caches; the data lake stays'

environment: $(MADE)

$(MADE): requirements.lock pyproject.toml .ci/environment
	@PYTHON='$(PYTHON)' .ci/environment $(VENV)

demo: $(MADE)
	@env -u HNBC_STUDY HNBC_UPSTREAM=simulated $(VENV)/bin/hnbc run

test: $(MADE)
	@$(PYTEST) $(TESTS)

test-full: $(MADE)
	@$(PYTEST) -m 'full or not full' $(TESTS)

bench: $(MADE)
	@$(RUN) -m benchmarks

ui: $(MADE)
	@$(VENV)/bin/hnbc ui

lint: $(MADE)
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check

lock:
	@uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-header --no-annotate \
		--extra dev $(if $(UPGRADE),--upgrade) pyproject.toml --output-file requirements.lock

clean:
	@rm -rf $(VENV) .pytest_cache .ruff_cache *.egg-info
	@find hnbc_assets hnbc_assets_tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
