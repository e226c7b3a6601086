# Each target does its own set-up: a fresh machine needs git, make and Python 3.11 or newer.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# A process a core and one more, for many tests wait; each has a MariaDB server of its own, so not more than a small
# machine has memory for.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
PYTEST := .venv/bin/python -m pytest -n $(shell expr $(CORES) + 1) --maxprocesses 4 --dist worksteal
# Twice quiet: errors only.
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check

# Where mypy works without the plugin of this project, beside the run with it.
PLAIN := .mypy_cache/plain

# Stamps: what is installed in .venv, and as of which pyproject.toml.
RUN := .venv/.installed-run
DEV := .venv/.installed-dev
BENCH := .venv/.installed-bench

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(RUN)  ## Run the example pipeline, from a table to an HTTP API
	@$(BIN)/python -m examples.demo.run

.PHONY: test
test: $(DEV) mariadb lint  ## Check the code and run all tests
	@echo "Running the tests."
	@$(PYTEST)

.PHONY: faults
faults: $(DEV) mariadb  ## Run every fault test, also those that take long
	@$(PYTEST) tests/faults -m "fault or not fault" --durations=0 --durations-min=0.5
	@$(PYTEST) tests/integration -m fault

.PHONY: lint
lint: $(DEV)  ## Check style, types and layers
	@echo "Checking style, types and layers."
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@mkdir -p $(PLAIN) && sed '/^plugins = /d' pyproject.toml > $(PLAIN)/pyproject.toml
	@$(BIN)/mypy --no-error-summary & with=$$!; \
	    $(BIN)/mypy --no-error-summary --config-file $(PLAIN)/pyproject.toml --cache-dir $(PLAIN); without=$$?; \
	    wait $$with && exit $$without
	@$(BIN)/lint-imports --no-logo

.PHONY: bench
bench: $(BENCH)  ## Measure against other tools, side by side
	@$(BIN)/python -m benchmarks

.PHONY: format
format: $(DEV)  ## Put the code into the house style
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: docs
docs: $(DEV)  ## Write the pages that are made of the code
	@$(BIN)/python -m scripts.types_page
	@$(BIN)/python -m scripts.nodes_page

.PHONY: clean
clean:  ## Remove all that these targets made
	@rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: mariadb
mariadb:
	@scripts/ensure_mariadb.sh

$(RUN): pyproject.toml
	@scripts/ensure_venv.sh
	@echo "Installing nanotyped."
	@$(PIP) --editable .
	@touch $@

$(DEV): pyproject.toml
	@scripts/ensure_venv.sh
	@echo "Installing nanotyped with its development tools."
	@$(PIP) --editable ".[dev]"
	@touch $(RUN) $@

$(BENCH): pyproject.toml
	@scripts/ensure_venv.sh
	@echo "Installing nanotyped with the tools that it is measured against."
	@$(PIP) --editable ".[bench]"
	@touch $(RUN) $@
