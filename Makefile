# Everything happens in .venv; a target does the set-up it needs, and does it once.
#
#   make install   host, every package under plugins/ that has a bundled checkpoint, and the tools,
#                  under constraints.txt
#   make serve     the hub on http://127.0.0.1:7860 from the bundled checkpoints (PORT=8000 for another)
#   make test      every test, browser included (TESTS=tests/test_cli.py for some)
#   make check     formatting, lint and types
#   make fix       format, and mend what the linter can
#   make bench     ours against the peer, as JSON: the hub itself, then demo by demo
#   make figures   write the README's table anew, and take its pictures of the real site
#   make clean     remove .venv and caches
#
# PYTHON=python3.12 chooses the interpreter; any from 3.10 on will do.

# The first interpreter that is new enough, and can make environments.
FIT := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
    $$python -c '$(FIT)' 2>/dev/null && echo $$python && exit; done; echo python3)
PORT ?= 7860
TESTS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# A plugin that is still without a checkpoint has nothing to show.
READY := $(patsubst checkpoints/%/config.json,plugins/%/pyproject.toml,$(wildcard checkpoints/*/config.json))
PROJECTS := $(filter $(READY),$(wildcard plugins/*/pyproject.toml))
FOLDERS := $(patsubst %/pyproject.toml,%,$(PROJECTS))
EDITABLE := $(foreach folder,$(FOLDERS),--editable $(folder))
INSTALLED := $(VENV)/.installed
CHROMIUM := $(VENV)/.chromium
PROGRAMS := $(VENV)/.programs
PEERS := $(VENV)/.peers
COMPILED := $(VENV)/.compiled

.PHONY: help install serve test check fix bench figures clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

install: $(INSTALLED)

serve: $(INSTALLED)
	$(BIN)/latenthub serve --port $(PORT)

test: $(INSTALLED) $(CHROMIUM) $(PROGRAMS) $(if $(filter plugins/denoise,$(FOLDERS)),$(COMPILED))
	$(BIN)/python -m pytest $(TESTS)

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(PEERS)
	@for name in startup memory overhead throughput $(notdir $(FOLDERS)); do \
	    $(BIN)/latenthub bench $$name --json || exit 1; done

figures: $(INSTALLED) $(CHROMIUM)
	$(BIN)/python docs/demo_table.py
	$(BIN)/python docs/take_pictures.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

# A half-made or moved environment has no working pip, and is made anew.
$(INSTALLED): constraints.txt pyproject.toml $(PROJECTS)
	@$(PYTHON) -c '$(FIT)' 2>/dev/null || { \
	    echo "make: $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not found)." >&2; \
	    echo "make: Python 3.10 or newer with its venv module is needed; name one with make PYTHON=/path/to/python3" >&2; \
	    exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --progress-bar off --constraint constraints.txt --editable '.[mcp,spaces,audio,train,track,bench,dev]' $(EDITABLE)
	@touch $@

# What benchmarks compare with; a plugin names it in its extra `bench`.
$(PEERS): $(INSTALLED)
	$(PIP) install --progress-bar off --constraint constraints.txt $(foreach folder,$(FOLDERS),--editable '$(folder)[bench]')
	@touch $@

# pesq, which judges speech, has no wheels: its tests are skipped where there is no C compiler.
$(COMPILED): $(INSTALLED)
	@$(PIP) install --progress-bar off --constraint constraints.txt pesq \
	    || echo "make: pesq was not compiled; tests that need it are skipped"
	@touch $@

# Tests find the browser by itself: Debian's package where it can be installed, else Playwright's own.
$(CHROMIUM): $(INSTALLED)
	@if chromium --version >/dev/null 2>&1; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
	    && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy chromium \
	    && chromium --version >/dev/null 2>&1; then :; \
	else $(BIN)/playwright install chromium; fi
	@touch $@

# The documented proxy, and the speech that an example is made of, are tested where nginx and
# espeak-ng are there or Debian's packages can be installed, else skipped.
$(PROGRAMS): $(INSTALLED)
	@if PATH="$$PATH:/usr/sbin" nginx -v >/dev/null 2>&1 && espeak-ng --version >/dev/null 2>&1; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq \
	    && DEBIAN_FRONTEND=noninteractive apt-get install -qqy nginx-light openssl espeak-ng || true; fi
	@touch $@
