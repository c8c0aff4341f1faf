# make study          install into .venv and run the simulated bank; STUDY=berka runs another
# make help           all targets

STUDY  ?= casebank
ARGS   ?=
PYTHON ?= python3
UV     := $(shell command -v uv 2>/dev/null)
PY     := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help study test lab validate bench notebooks map pages picture reference lint update

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo 'make study STUDY=berka ARGS="-p seed 1"   another study, with a parameter'

study: .venv/installed  ## install if needed, run STUDY (casebank), say where the report is
	@$(PY) run_all.py --study "$(STUDY)" $(ARGS)

test: .venv/installed  ## all tests but those of whole runs (.ci/run); those of Spark, browser, servers skip without
	@$(PY) -m pytest -q -n 2 --dist worksteal -m "not whole"
	@$(PY) -m pytest -q --nbval --nbval-current-env \
	  --nbval-sanitize-with tests/reference/sanitize.cfg tests/reference

lab: .venv/installed  ## open the notebooks in JupyterLab
	@$(PY) -m jupyter lab --notebook-dir notebooks

validate: .venv/installed  ## many simulated banks against their truth; the table of the appendix
	@$(PY) -m pmlib.truth.validation

bench: .venv/installed  ## speed and memory beside named alternatives, in one run; writes benchmarks/README.md
	@$(PY) benchmarks/bench.py $(ARGS)

notebooks: .venv/installed  ## write the notebooks' parameters from the schema, their prose from texts/en
	@$(PY) -m pmlib.notebooks

map: .venv/installed  ## write the tables of docs/ARCHITECTURE.md from the docstrings
	@$(PY) docs/modules.py

pages: .venv/installed  ## write the tables of the reference pages in docs from the code
	@$(PY) docs/reference.py

picture: .venv/installed  ## picture the report of make study for the README; needs Chromium
	@$(PY) docs/picture.py

reference: .venv/installed  ## execute the small reference notebooks that the tests compare with
	@$(PY) tests/reference/make.py

update: .venv/installed  ## newest versions into requirements.lock (needs uv), licences into the docs
	@$(if $(UV),,$(error make update needs uv: https://docs.astral.sh/uv/))"$(UV)" pip compile -q \
	  --universal --upgrade --generate-hashes --no-annotate --no-header --extra dev \
	  --python-version 3.11 -o requirements.lock pyproject.toml
	@$(MAKE) --no-print-directory .venv/installed && $(PY) docs/dependencies.py

versions: .venv/installed  ## test with the oldest supported versions and with the newest (minutes)
	@.ci/versions $(PYTHON)

lint: .venv/installed  ## style, types
	@$(PY) -m ruff check && $(PY) -m ruff format --check && $(PY) -m mypy

# Byte-compiling when installing makes every later start three times as fast.
.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; found $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	@started=$$(date +%s); echo "Installing into .venv ..."; \
	{ test -x $(PY) || $(PYTHON) -m venv .venv; } && \
	if [ -n "$(UV)" ]; then \
	  "$(UV)" pip install -q --python $(PY) --compile-bytecode --require-hashes -r requirements.lock && \
	  "$(UV)" pip install -q --python $(PY) --no-deps --editable .; \
	else \
	  $(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(PY) -m pip install -q --disable-pip-version-check --no-deps --editable .; \
	fi && \
	$(PY) -m compileall -q pmlib && touch $@ && \
	echo "Installed in $$(( $$(date +%s) - started )) s."
