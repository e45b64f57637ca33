# What one does with a checkout. Every target sets up what it needs first; nothing else has to be installed.

SHELL := /bin/bash
BIN := .venv/bin
SEED ?= 20260101
JOBS ?= 3
PYTEST := $(BIN)/python -m pytest -p randomly --randomly-seed=$(SEED)
DEMO_OPTIONS := $(if $(filter 1,$(EXIT)),--exit) $(if $(SIZE),--size $(SIZE)) $(if $(filter 1,$(DAY)),--day)

.PHONY: help setup demo test test-long bench lint clean

help:
	@echo 'make demo       a Custos with made-up recordings, to look at (EXIT=1: check and leave; SIZE=full; DAY=1)'
	@echo 'make test       lint, then every test but the long ones (SEED=n: another order; JOBS=n: so many at once)'
	@echo 'make test-long  the long ones'
	@echo 'make bench      the benchmarks'
	@echo 'make lint       style, types, import contracts'
	@echo 'make setup      what a server needs, nothing more'
	@echo 'make clean      remove what these made'

setup:
	@deploy/setup.sh run

demo:
	@deploy/setup.sh demo
	@$(BIN)/custos demo $(DEMO_OPTIONS)

lint:
	@deploy/setup.sh test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(PYTEST) -n $(JOBS) --dist loadfile --no-loadscope-reorder

test-long:
	@deploy/setup.sh test
	$(PYTEST) -m long

bench:
	@deploy/setup.sh bench
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf .venv build dist api/static/vendor clients/web/node_modules tests/e2e/node/node_modules tests/benchmarks/node/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
