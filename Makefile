# Every command of the project, from a fresh clone. `make setup` is what the others share; it does nothing twice.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: setup run start test bench chaos check clean

setup: $(VENV)/.ready node_modules/.ready

$(VENV)/.ready: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

node_modules/.ready: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

run: setup
	$(BIN)/python -m local.demo run

start: setup
	$(BIN)/python -m local.demo start

test: setup
	$(BIN)/python -m pytest

bench: setup
	$(BIN)/python -m tests.benchmarks.bench

SEED ?= 1
chaos: setup
	$(BIN)/python -m tests.faults.chaos --seed $(SEED)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .venv313 node_modules .cache out .mypy_cache .pytest_cache .ruff_cache .hypothesis
