# `make` lists the targets. Every target sets up what it needs, and is quick where that is done already.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
PYTEST_ARGS ?=

.PHONY: help venv engine image nodeimage demo test check lint imports format serve container clean

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

venv: ## make .venv and install what the tests and checks need
	@scripts/venv.sh

engine: ## make sure that a container engine answers
	@scripts/engine.sh

image: engine ## build the image that sessions are re-executed in
	@scripts/build_runner_image.sh

nodeimage: engine ## build the one that also has Node.js
	@scripts/build_runner_image.sh --node

demo: venv image ## re-execute the bundled debugging session and show what came out
	@$(PYTHON) -m app demo all

# Without an engine the tests that need one are skipped, each with its reason; where CI=true that is a failure.
test: venv ## run the tests
	@if ! { scripts/engine.sh && scripts/build_runner_image.sh; }; then \
	    if [[ "$${CI:-}" == true ]]; then exit 1; fi; \
	    echo "test: no sandbox on this machine, so the tests that need one are skipped." >&2; \
	fi
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

check: lint test ## lint, then run the tests

lint: venv imports ## style, formatting, types and the rooms' order
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy

imports: venv ## do the rooms import only from rooms below them?
	@.venv/bin/lint-imports

format: venv ## put the code into shape
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

serve: venv image ## run the server (settings: .env.example)
	@$(PYTHON) -m app serve

container: engine ## build the server's own image, pr-telemetry-api:0.1.0
	@scripts/build_api_image.sh

clean: ## remove .venv and the caches, never data
	@rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find app tests benchmarks scripts sample_repo -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
