# Everything runs from a virtual environment in .venv; `make help` explains the targets.
PYTHON   ?= python3
PROFILE  ?= full
TRACE    ?=
OUT      ?= build
LOGS     ?=
ARGS     ?=
# A file's name may hold quotes and spaces: the shell takes these from the environment.
export TRACE OUT LOGS

BIN   := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help run test fuzz lint lab calibrate peers bench lock strip goldens clean

help: ## explain every target
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PROFILE=ci|full   size of the runs (default full)       make run PROFILE=ci"
	@echo "  TRACE=FILE        an event log instead of the workloads  make run TRACE=events.csv.gz"
	@echo "  OUT=DIR           where the pack goes (default build)"
	@echo "  ARGS='...'        further options of 'python -m simlib run', or of JupyterLab"
	@echo "  PYTHON=python3.12 the interpreter to build .venv with (3.11 or newer)"

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@# Compiles the engines, so that the first run does not wait for it.
	$(BIN)/python -c 'import simlib.analysis.overview, simlib.analysis.designs, simlib.analysis.fleet'
	@touch $@

run: $(READY) ## run every notebook on every workload (or on TRACE=FILE) and export the pack to build/
	$(BIN)/python -m simlib run --profile $(PROFILE) --out "$$OUT" $(if $(TRACE),--trace "$$TRACE") $(ARGS)

test: $(READY) ## run the tests, on every core
	$(BIN)/python -m pytest --numprocesses logical --dist worksteal $(ARGS)

fuzz: $(READY) ## try damaged logs, patterns, durations and workloads, new ones each time (some 10 min)
	$(BIN)/python -m pytest --numprocesses logical --hypothesis-profile fuzz tests/test_fuzz.py $(ARGS)

lint: $(READY) ## check style, imports and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/oxlint --deny-warnings simlib
	$(BIN)/oxfmt --check 'simlib/**/*.js'
	$(BIN)/mypy

lab: $(READY) ## open JupyterLab on the notebooks
	$(BIN)/python -m simlib.report.lab $(ARGS)

calibrate: $(READY) ## measure the Go program on several Go versions and refit data/calibration/ (some 10 min)
	$(BIN)/python -m simlib.calibration.calibrate

peers: $(READY) ## replay and measure real Go cache libraries for data/peers/ (some 15 min; LOGS=DIR adds logs)
	$(BIN)/python -m simlib.calibration.peers $(if $(LOGS),--logs "$$LOGS")

bench: $(READY) ## measure speeds side by side, as ratios
	$(BIN)/python -m tests.bench

lock: $(READY) ## resolve requirements.lock anew from pyproject.toml (installs uv beside the rest)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra test --extra dask --universal --python-version 3.11 \
		--upgrade --no-header --quiet --output-file requirements.lock

strip: $(READY) ## take outputs and execution counts out of the notebooks
	$(BIN)/python -m simlib.report.notebooks notebooks/*.ipynb

goldens: $(READY) ## rewrite the golden results that the tests compare with
	$(BIN)/python -m tests.goldens

clean: ## remove what was generated (not the environment)
	rm -rf build .mypy_cache .pytest_cache .ruff_cache .hypothesis
