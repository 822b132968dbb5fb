# Every command of the project, from a fresh clone. `make setup` is what the others share; it does nothing twice.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: setup run start test bench chaos check audit clean

setup: $(VENV)/.ready node_modules/.ready

$(VENV)/.ready: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
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

.venv-infra/.ready: infra/requirements-check.txt
	$(PYTHON) -m venv .venv-infra
	.venv-infra/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

check: setup .venv-infra/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	.venv-infra/bin/checkov --config-file infra/checkov.yaml --compact --quiet

# Apart from `check`, because it asks a service on the internet for known vulnerabilities.
audit: setup
	$(BIN)/pip-audit -r requirements.txt

clean:
	rm -rf $(VENV) .venv313 .venv-infra node_modules .cache out .mypy_cache .pytest_cache .ruff_cache .hypothesis
