# make demo | test | test-all | lint | bench, on a fresh machine too: each sets up VENV first.
# VENV=DIR chooses the virtual environment, PYTHON=COMMAND the Python (>= 3.11) that creates it.

VENV ?= .venv
ARGS ?=
bin := $(VENV)/bin
stamp := $(VENV)/.mmkg-installed
modern := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: demo test test-all lint bench setup

demo: setup
	$(bin)/mmkg align emoji-fr-en --model meaformer --set training.epochs=120 --out runs/demo --overwrite $(ARGS)

test: setup
	$(bin)/python -m pytest $(ARGS)

test-all: setup
	$(bin)/python -m pytest --slow $(ARGS)

lint: setup
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy

bench: setup
	@set -e; for script in $(wildcard tools/bench_*.py); do echo "== $$script"; $(bin)/python $$script $(ARGS); done

setup: $(stamp)

$(stamp): setup.cfg pyproject.toml constraints.txt
	@set -e; \
	if [ ! -x "$(bin)/python" ]; then \
	  for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11 python); do \
	    if "$$python" -c '$(modern)' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "mmkg needs Python 3.11 or newer, found none; install it, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; \
	  fi; \
	  "$$found" -m venv "$(VENV)" || { \
	    rm -rf "$(VENV)"; \
	    echo "$$found cannot create a virtual environment; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	fi
	@echo "installing the pinned versions into $(VENV) (1.5 GB with the CPU build of torch, once)"
	$(bin)/python -m pip install -q --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(bin)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(stamp)
