# Every command of the project, from a fresh clone, for those who have make; CONTRIBUTING.md has them without it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Several tests at a time; tests/conftest.py says how many, and in which order.
PYTEST := $(BIN)/python -m pytest -n auto

# Where somebody has turned it off: without compiled files each of the many processes compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run start loop test test-quick bench chaos two-releases screenshots check audit clean

# It does nothing twice.
setup:
	@$(PYTHON) -m local.setup

run: setup
	$(BIN)/python -m local.demo run

start: setup
	$(BIN)/python -m local.demo start

# From corrections to a better model; it takes some minutes, for the authoring API takes few requests.
loop: setup
	$(BIN)/python -m local.loop

test: setup
	$(PYTEST)

# The inner loop: what starts no process and takes no long time.
test-quick: setup
	QUICK_TESTS=1 $(PYTEST) -m "not processes and not long" --durations 5 tests/unit tests/workflows tests/contracts

bench: setup
	$(BIN)/python -m tests.benchmarks.bench

SEED ?= 1
chaos: setup
	$(BIN)/python -m tests.chaos --seed $(SEED) $(CHAOS)

two-releases: setup
	$(BIN)/python -m tests.end_to_end.two_releases

# The pictures of the page in docs/images.
screenshots: setup
	$(BIN)/python -m tests.browser.screenshots

check:
	@$(PYTHON) -m local.setup --checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	# Again as on Windows: what is not there must stand behind a check of sys.platform.
	$(BIN)/mypy --platform win32
	.venv-infra/bin/checkov --config-file infra/checkov.yaml --compact --quiet

# Apart from `check`, because it asks a service on the internet for known vulnerabilities.
audit: setup
	$(BIN)/pip-audit -r requirements.txt

clean:
	rm -rf $(VENV) .venv-authoring .venv313 .venv-infra node_modules .cache out .mypy_cache .pytest_cache .ruff_cache .hypothesis
