# make demo | test | test-all | test-oldest | drills | lint | docs | bench | gpu | cluster: each first sets up the virtual environment VENV, also on a fresh machine.
# VENV=DIR selects the virtual environment, PYTHON=COMMAND the Python (>= 3.11) that creates it.
# make bench PAIR=FOLDER measures training and loading on a pair in DBP15K layout; COMPARE=repaired,published adds the
# published code's way (11 GB on DBP15K); TRAIN=OPTIONS are options of bench_train.py. make bench-table writes the
# results into tools/FIGURES.md. make cluster prints what several workers cost and save, see docs/cluster.md.
# make page builds the page of a run, mmkg/review/page/, from tools/page/; it needs Node.js >= 20.19.

VENV ?= .venv
ARGS ?=
BENCH ?= build/bench
PAIR ?=
TRAIN ?=
comma := ,
COMPARE ?= repaired$(if $(PAIR),,$(comma)published)
bin := $(VENV)/bin
stamp := $(VENV)/.mmkg-installed
modern := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: demo test test-all test-oldest drills lint docs bench bench-table gpu cluster page setup

demo: setup
	$(bin)/mmkg align emoji-fr-en --out runs/demo --overwrite $(ARGS)

test: setup
	$(bin)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile $(ARGS)

# one test after another: some of the slow ones need much memory
test-all: setup
	$(bin)/python -m pytest --slow $(ARGS)

# in an environment of its own
test-oldest:
	PYTHON="$(PYTHON)" ARGS="$(ARGS)" .ci/oldest

drills: setup
	$(bin)/python tests/drills/drills.py $(ARGS) 2>$(if $(VERBOSE),/dev/stderr,/dev/null)

lint: setup
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy

docs: setup
	NO_MKDOCS_2_WARNING=1 $(bin)/mkdocs build -q -f tools/site/mkdocs.yml $(ARGS)

bench: setup
	@rm -f $(BENCH)/*.json; set -e; \
	for script in $(filter-out tools/bench/bench_table.py,$(wildcard tools/bench/bench_*.py)); do \
	  name=$$(basename $$script .py); pair=; echo "== $$script"; \
	  case $$name in bench_commands) pair="$(PAIR) --threads 1";; bench_train) pair="$(PAIR) $(TRAIN)";; bench_load) pair="$(wildcard $(PAIR))";; esac; \
	  $(bin)/python $$script $$pair $(ARGS) --json $(BENCH)/$$name.json; \
	done
	$(bin)/python tools/bench/bench_train.py $(PAIR) $(TRAIN) $(ARGS) --threads 1 --compare $(COMPARE) --json $(BENCH)/compare.json
	$(bin)/python tools/bench/bench_table.py $(BENCH)

page:
	npm ci --prefix tools/page --no-audit --no-fund
	npm run --prefix tools/page check
	npm run --prefix tools/page build

cluster: setup
	$(bin)/python tools/bench/cluster_cost.py $(ARGS)

bench-table: setup
	$(bin)/python tools/bench/bench_table.py $(BENCH) --write

gpu: setup
	$(bin)/python tools/gpu/check.py --json $(BENCH)/gpu.json $(if $(PAIR),--pair "$(PAIR)") $(ARGS)

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
	@echo "installing the pinned versions into $(VENV) (3 GB with the CPU build of torch, once)"
	$(bin)/python -m pip install -q --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(bin)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(stamp)
